"""The 16 price families: features 0-63.

"The midpoint at the window's start" is the one held there; where a window began before the first
observation it is unknown, and families that need it are NaN.
"""

import math

from kernels.held import (
    area_in_window,
    float_at_start,
    integer_at_start,
    mean_in_window,
    time_in_window,
)
from kernels.jit import hot_kernel, lean_kernel
from kernels.layout import DARK_TRADE, NO_TRADE, UNDEFINED_PRICE
from kernels.matured import matured_mean, note, ripen
from kernels.panes import covariance_add
from kernels.slots import (
    BIPOWER,
    EFFECTIVE_N,
    EFFECTIVE_SUM,
    HALF_TICK,
    HELD_MID,
    HELD_MID2,
    HELD_SPREAD,
    HELD_SPREAD2,
    IMPACT,
    LAST_LIT_MOVE,
    LAST_LIT_PRICE,
    LAST_R,
    LEVELS,
    LOCATION_N,
    LOCATION_SUM,
    MARKOUT,
    MICROPRICE,
    MID_AREA,
    MID_CHANGES,
    MID_MAX,
    MID_MIN,
    MID_MOVE,
    MID_REVERSALS,
    MID_TIME,
    NOT_HELD,
    R2,
    R2_SIGNED,
    ROLL_N,
    ROLL_XY,
    SLOTS,
    SPREAD_AREA,
    SPREAD_AREA2,
    SPREAD_TIME,
    TICK,
)
from kernels.windows import ratio

HALF_PI = math.pi / 2.0
BP = 1e4


@hot_kernel
def accumulate_mid_change(o, s, st):
    """Take a change of the midpoint: r = ln of after over before, where both are known."""
    f = st.f
    mid2, before = o["mid2"], o["mid2_before"]
    if mid2 != UNDEFINED_PRICE:
        f[s, MID_MIN] = min(f[s, MID_MIN], mid2)
        f[s, MID_MAX] = max(f[s, MID_MAX], mid2)
        if before != UNDEFINED_PRICE:
            f[s, MID_MOVE] += 0.5 * (mid2 - before)
            if mid2 > 0 and before > 0:
                r = math.log(mid2 / before)
                last = f[s, LAST_R]
                f[s, R2] += r * r
                f[s, R2_SIGNED] += r * abs(r)
                f[s, MID_CHANGES] += 1.0
                if not math.isnan(last):
                    f[s, BIPOWER] += abs(r * last)
                    if r * last < 0.0:
                        f[s, MID_REVERSALS] += 1.0
                f[s, LAST_R] = r


@hot_kernel
def accumulate_lit_trade(o, s, st):
    """Take an execution on a lit venue: spread paid, its impact later, its price move."""
    f, i = st.f, st.i
    d, price, before = o["aggressor"], o["price"], o["mid2_before"]
    if d != 0 and before != UNDEFINED_PRICE and before > 0:
        mid = 0.5 * before
        note(s, o["ts"], IMPACT, d / mid, float(d), st)
        if o["bid0"] != UNDEFINED_PRICE and o["ask0"] != UNDEFINED_PRICE:
            f[s, EFFECTIVE_N] += 1.0
            f[s, EFFECTIVE_SUM] += 2.0 * d * (price - mid) / mid
    ticks = price / i[s, TICK]
    move = ticks - f[s, LAST_LIT_PRICE]
    if not math.isnan(f[s, LAST_LIT_MOVE]):
        covariance_add(f[s], ROLL_N, f[s, LAST_LIT_MOVE], move)
    f[s, LAST_LIT_PRICE] = ticks
    f[s, LAST_LIT_MOVE] = move


@hot_kernel
def accumulate_dark_print(o, s, st):
    """Take a dark print: where in the spread it lies, and what it is worth later."""
    f = st.f
    d, price, before = o["aggressor"], o["price"], o["mid2_before"]
    bid, ask = o["bid0"], o["ask0"]
    if bid != UNDEFINED_PRICE and ask != UNDEFINED_PRICE and ask > bid:
        f[s, LOCATION_N] += 1.0
        f[s, LOCATION_SUM] += (2 * price - bid - ask) / (ask - bid)
    if d != 0 and before != UNDEFINED_PRICE and before > 0:
        mid = 0.5 * before
        note(s, o["ts"], MARKOUT, d / mid, d * (price / mid), st)


@lean_kernel
def accumulate_price(o, s, st):
    """Take one observation into the price families' slots."""
    if o["trade"] != NO_TRADE and o["price"] != UNDEFINED_PRICE:
        if o["trade"] == DARK_TRADE:
            accumulate_dark_print(o, s, st)
        else:
            accumulate_lit_trade(o, s, st)
    if o["mid2"] != st.i[s, HELD_MID2]:
        ripen(s, o["ts"], st)
    if o["mid2"] != o["mid2_before"]:
        accumulate_mid_change(o, s, st)


@lean_kernel
def write_held_price(s, k, now, st, row):
    """Write the families of held midpoints and spreads: 0, 16, 20, 36, 40 and 44, window k."""
    i, tot = st.i, st.tot
    mid, mid2 = i[s, HELD_MID], i[s, HELD_MID2]
    at = k * SLOTS
    row[k] = math.nan
    row[44 + k] = math.nan
    if mid != NOT_HELD:
        # In half ticks; how far the mean lies below the midpoint now is exact until it is divided.
        span = time_in_window(s, k, now, MID_TIME, HELD_MID, st)
        above = 0.0
        if span > 0:
            area = area_in_window(s, k, now, MID_AREA, HELD_MID, st)
            above = (mid * span - area) / span
        row[k] = BP * above / (mid2 / i[s, HALF_TICK] - above)

    row[16 + k] = mean_in_window(s, k, now, SPREAD_TIME, SPREAD_AREA, HELD_SPREAD, st)
    row[20 + k] = math.nan
    if i[s, HELD_SPREAD] != NOT_HELD and not math.isnan(row[16 + k]):
        # Deviations from the whole tick nearest the mean are exact integers until they are divided.
        near = round(row[16 + k])
        span = time_in_window(s, k, now, SPREAD_TIME, HELD_SPREAD, st)
        area = area_in_window(s, k, now, SPREAD_AREA, HELD_SPREAD, st)
        square = area_in_window(s, k, now, SPREAD_AREA2, HELD_SPREAD2, st)
        mean = (area - near * span) / span
        variance = (square - 2 * near * area + near * near * span) / span - mean * mean
        if variance > 1e-12:
            row[20 + k] = (i[s, HELD_SPREAD] - near - mean) / math.sqrt(variance)

    row[36 + k] = BP * math.log(st.f[s, MICROPRICE] / float_at_start(s, k, MICROPRICE, st))

    low, high = tot[0, at + MID_MIN], tot[0, at + MID_MAX]
    first = integer_at_start(s, k, HELD_MID2, st)
    if first != NOT_HELD and first != UNDEFINED_PRICE:
        low, high = min(low, first), max(high, first)
    row[40 + k] = math.nan
    if high >= low:
        row[40 + k] = 0.5 * (high - low) / i[s, TICK]
        if high > low and mid2 != UNDEFINED_PRICE:
            row[44 + k] = (mid2 - low) / (high - low)


@lean_kernel
def write_price(
    s,  # row of the security
    now,  # ns, time of its last observation
    st,  # WindowState, after windows.totals and held.find_starts
    row,  # (240,) float64
):
    """Write features 0-63; NaN where undefined."""
    tot = st.tot
    ripen(s, now, st)
    known = st.i[s, HELD_MID] != NOT_HELD
    for k in range(LEVELS):
        at = k * SLOTS
        write_held_price(s, k, now, st, row)
        r2, changes = tot[0, at + R2], tot[0, at + MID_CHANGES]
        seen = known or changes > 0.0
        row[4 + k] = BP * math.sqrt(r2) if seen else math.nan
        row[8 + k] = math.nan
        row[12 + k] = math.nan
        if r2 > 0.0:
            row[8 + k] = 1.0 - min(1.0, HALF_PI * tot[0, at + BIPOWER] / r2)
            row[12 + k] = tot[0, at + R2_SIGNED] / r2
        row[24 + k] = BP * ratio(tot[0, at + EFFECTIVE_SUM], tot[0, at + EFFECTIVE_N])
        row[28 + k] = BP * matured_mean(s, IMPACT, k, st)
        row[32 + k] = math.nan
        pairs = tot[0, at + ROLL_N]
        if pairs >= 2.0:
            row[32 + k] = 2.0 * math.sqrt(max(0.0, -tot[0, at + ROLL_XY] / pairs))
        row[48 + k] = math.log(1.0 + changes) if seen else math.nan
        row[52 + k] = ratio(tot[0, at + MID_REVERSALS], changes)
        row[56 + k] = ratio(tot[0, at + LOCATION_SUM], tot[0, at + LOCATION_N])
        row[60 + k] = BP * matured_mean(s, MARKOUT, k, st)
