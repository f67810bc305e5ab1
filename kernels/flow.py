"""Order flow that needs no account table: features 112-191, 204-215 and 228-231.

Sums and counts go into the window slots; the time-weighted families and the Hawkes compensator
read held fields (`held.py`), kyle_lambda the samples that a pane leaves when it closes. Undefined
is NaN, said at each formula; a count of nothing is 0.

An add, cancel or replace is the event kind of that name; quantities (`added`, `removed`) include
both halves of a replace. Families of adds' places look at lit orders only: a pegged dark order has
no distance from the touch that its sender chose.
"""

import math

from kernels.flow_write import (
    write_imbalances,
    write_orders,
    write_signs,
    write_surprise,
    write_trades,
)
from kernels.jit import hot_kernel
from kernels.layout import ADD, BID, CANCEL, DARK_TRADE, NO_TRADE, REPLACE
from kernels.market_rows import NO_DISTANCE
from kernels.profile import P50, P90
from kernels.slots import (
    ADDED,
    ADDED_DISTANCE,
    ADDS,
    ASK_CANCELS,
    BID_CANCELS,
    DARK_ENTERED,
    DARK_MESSAGES,
    DARK_SIGNED_QUANTITY,
    DARK_SIGNED_VOLUME,
    FLEETING_LIVES,
    FLOW_SIGNS,
    GRAM0,
    LARGE_AWAY,
    LARGE_LIVES,
    LARGE_LN_LIFE,
    LEVELS,
    LIVES,
    LN_LIFE,
    OFI_DEEP,
    OFI_INTEGRATED,
    OFI_TOUCH,
    PLACED,
    REMOVED,
    REPLACES,
    SIGN_PAIRS,
    SIGN_PRODUCTS,
    SMALL_LIVES,
    SMALL_LN_LIFE,
    TOUCH_N,
    TOUCH_SUM,
    TRADE_SIGN,
)

FLEETING_NS = 100_000_000  # an order cancelled younger than this was fleeting
SHORTEST_LIFE_S = 1e-6  # lives below it count as this long
AWAY_FROM, AWAY_TO = 2, 6  # ticks from the touch where a large order presses without trading
# Codes of the last two event signs: none yet, 1 + bit after one, 3 + 2 older + newer; up is 1.
NO_SIGNS, ONE_SIGN, TWO_SIGNS = 0, 1, 3


@hot_kernel
def accumulate_flow(o, s, st):
    """Add one observation to the order-flow slots of security row `s`.

    `windows.admit` has opened the clusters that the observation may write.
    Cost: a handful of sums; one logarithm for a cancel of known age.
    """
    f = st.f
    f[s, OFI_TOUCH] += o["ofi_touch"]
    f[s, OFI_DEEP] += o["ofi_deep"]
    f[s, OFI_INTEGRATED] += o["ofi_integrated"]
    depth = o["touch_depth"]
    if o["dark"] == 0:
        if not math.isnan(depth):
            f[s, TOUCH_N] += 1.0
            f[s, TOUCH_SUM] += depth
    else:
        f[s, DARK_MESSAGES] += 1.0
        f[s, DARK_ENTERED] += o["added"]
    kind = o["kind"]
    if kind == ADD:
        f[s, ADDS] += 1.0
        accumulate_added(o, s, st)
    elif kind == CANCEL:
        f[s, BID_CANCELS if o["side"] == BID else ASK_CANCELS] += 1.0
        f[s, REMOVED] += o["removed"]
        if o["age"] >= 0 and o["order_left"] == 0:
            accumulate_life(o, s, st)
    elif kind == REPLACE:
        f[s, REPLACES] += 1.0
        f[s, REMOVED] += o["removed"]
        accumulate_added(o, s, st)
    if o["flow_sign"] != 0:
        accumulate_flow_sign(o["flow_sign"], s, st)
    if o["trade"] != NO_TRADE and o["aggressor"] != 0:
        accumulate_trade_sign(o, s, st)


@hot_kernel
def accumulate_added(o, s, st):
    """Add an order entered: its quantity, and where it was placed if that is a lit place."""
    f = st.f
    added = o["added"]
    f[s, ADDED] += added
    distance = o["distance"]
    if o["dark"] == 0 and distance != NO_DISTANCE:
        f[s, PLACED] += added
        f[s, ADDED_DISTANCE] += float(added) * distance
        if AWAY_FROM <= distance <= AWAY_TO and added >= st.profile[s, P90]:
            f[s, LARGE_AWAY] += added


@hot_kernel
def accumulate_life(o, s, st):
    """Add a life that ended: a cancel of known age that leaves nothing of its order."""
    f = st.f
    ln_life = math.log(max(o["age"] * 1e-9, SHORTEST_LIFE_S))
    f[s, LIVES] += 1.0
    f[s, LN_LIFE] += ln_life
    if o["age"] < FLEETING_NS:
        f[s, FLEETING_LIVES] += 1.0
    if o["order_size"] >= st.profile[s, P90]:
        f[s, LARGE_LIVES] += 1.0
        f[s, LARGE_LN_LIFE] += ln_life
    if 0 < o["order_size"] <= st.profile[s, P50]:
        f[s, SMALL_LIVES] += 1.0
        f[s, SMALL_LN_LIFE] += ln_life


@hot_kernel
def accumulate_flow_sign(sign, s, st):
    """Count the 3-gram that this event sign completes; the two before it may lie in older panes."""
    up = 1 if sign > 0 else 0
    last = st.i[s, FLOW_SIGNS]
    if last >= TWO_SIGNS:
        gram = 2 * (last - TWO_SIGNS) + up
        st.f[s, GRAM0 + gram] += 1.0
        st.i[s, FLOW_SIGNS] = TWO_SIGNS + (gram & 3)
    elif last >= ONE_SIGN:
        st.i[s, FLOW_SIGNS] = TWO_SIGNS + 2 * (last - ONE_SIGN) + up
    else:
        st.i[s, FLOW_SIGNS] = ONE_SIGN + up


@hot_kernel
def accumulate_trade_sign(o, s, st):
    """Add a signed trade: dark volume, and the pair it makes with the signed trade before it."""
    f = st.f
    sign = o["aggressor"]
    if o["trade"] == DARK_TRADE:
        f[s, DARK_SIGNED_VOLUME] += float(sign) * o["traded"]
        f[s, DARK_SIGNED_QUANTITY] += o["traded"]
    if st.i[s, TRADE_SIGN] != 0:
        f[s, SIGN_PAIRS] += 1.0
        f[s, SIGN_PRODUCTS] += sign * st.i[s, TRADE_SIGN]
    st.i[s, TRADE_SIGN] = sign


@hot_kernel
def write_flow(
    s,  # int64: security row
    now,  # int64, ns: not before the security's last observation
    st,  # WindowState, after windows.totals(s) and held.find_starts(s)
    row,  # (240,) float64: out, these families' features
):
    """Write the order-flow features of one security; NaN where undefined."""
    for k in range(LEVELS):
        write_trades(s, k, st, row)
        write_imbalances(s, k, now, st, row)
        write_orders(k, st, row)
        write_signs(k, st, row)
    write_surprise(s, now, st, row)
