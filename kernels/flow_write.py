"""The order-flow formulas over a window's totals; what is accumulated is told in `flow.py`."""

import math

from kernels.hawkes import decayed
from kernels.held import (
    float_at_start,
    integer_at_start,
    mean_in_window,
    observed_from,
    window_start,
)
from kernels.jit import hot_kernel
from kernels.profile import A1, A2, B1, B2, MU, P50
from kernels.slots import (
    ADDED,
    ADDED_DISTANCE,
    ADDS,
    ASK_CANCELS,
    BID_CANCELS,
    DARK_ENTERED,
    DARK_MESSAGES,
    DARK_PRINTS,
    DARK_QUANTITY,
    DARK_SIGNED_QUANTITY,
    DARK_SIGNED_VOLUME,
    EVENTS,
    EXCITE1,
    EXCITE2,
    FLEETING_LIVES,
    FRACTION,
    GRAM0,
    HELD_BASE0,
    HELD_IMBALANCE,
    HELD_QUEUE,
    IMBALANCE_AREA,
    IMBALANCE_TIME,
    KYLE_XX,
    KYLE_XY,
    LARGE_AWAY,
    LARGE_LIVES,
    LARGE_LN_LIFE,
    LAST_TS,
    LEVELS,
    LIT_TRADES,
    LIVES,
    LN_LIFE,
    OFI_DEEP,
    OFI_INTEGRATED,
    OFI_TOUCH,
    PLACED,
    QUEUE_AREA,
    QUEUE_TIME,
    REMOVED,
    REPLACES,
    SIGN_PAIRS,
    SIGN_PRODUCTS,
    SIGNED_QUANTITY,
    SIGNED_VOLUME,
    SLOTS,
    SMALL_LIVES,
    SMALL_LN_LIFE,
    TICK,
    TOUCH_N,
    TOUCH_SUM,
)
from kernels.windows import ratio

GRAMS = 8  # three event signs of +1 or -1: the ln 8 of the formula; signs of 0 are left out
LN_GRAMS = math.log(8.0)
RATIO_CAP = 2.0


@hot_kernel
def write_trades(s, k, st, row):
    """Write the families of executions and of the depth that they and orders move, window k."""
    t = st.tot[0, k * SLOTS : (k + 1) * SLOTS]
    # Undefined where no lit message of the window knew the touch depth.
    depth = ratio(t[TOUCH_SUM], t[TOUCH_N])
    row[112 + k] = ratio(t[OFI_TOUCH], depth)
    row[116 + k] = ratio(t[OFI_DEEP], depth)
    row[120 + k] = ratio(t[OFI_INTEGRATED], depth)
    # Undefined without a trade that has an aggressor. All sums are of integers, so exact.
    row[124 + k] = ratio(
        t[SIGNED_VOLUME] - t[DARK_SIGNED_VOLUME], t[SIGNED_QUANTITY] - t[DARK_SIGNED_QUANTITY]
    )
    row[128 + k] = ratio(t[DARK_SIGNED_VOLUME], t[DARK_SIGNED_QUANTITY])
    trades = t[LIT_TRADES] + t[DARK_PRINTS]
    row[148 + k] = math.log1p(trades)
    row[152 + k] = math.log1p(t[DARK_MESSAGES])
    messages = t[ADDS] + t[BID_CANCELS] + t[ASK_CANCELS] + t[REPLACES]
    row[164 + k] = math.log((messages + 1.0) / (trades + 1.0))
    # Undefined unless two panes differ in signed volume.
    row[212 + k] = ratio(t[KYLE_XY], t[KYLE_XX]) * st.profile[s, P50] / st.i[s, TICK]
    # Undefined where nothing entered the pools.
    row[228 + k] = ratio(t[DARK_QUANTITY], t[DARK_ENTERED])


@hot_kernel
def write_orders(k, st, row):
    """Write the families of adds and cancels, window k."""
    t = st.tot[0, k * SLOTS : (k + 1) * SLOTS]
    cancels = t[BID_CANCELS] + t[ASK_CANCELS]
    row[140 + k] = math.log1p(t[ADDS])
    row[144 + k] = math.log1p(cancels)
    # Infinite, so capped, where only cancels; undefined without either.
    if t[ADDED] > 0.0:
        row[160 + k] = min(RATIO_CAP, t[REMOVED] / t[ADDED])
    else:
        row[160 + k] = RATIO_CAP if t[REMOVED] > 0.0 else math.nan
    row[168 + k] = (t[BID_CANCELS] - t[ASK_CANCELS]) / (cancels + 1.0)
    # Undefined without an order of known age that a cancel ended, life_gap without both kinds.
    row[172 + k] = ratio(t[FLEETING_LIVES], t[LIVES])
    row[176 + k] = ratio(t[LN_LIFE], t[LIVES])
    row[180 + k] = ratio(t[LARGE_LN_LIFE], t[LARGE_LIVES]) - ratio(t[SMALL_LN_LIFE], t[SMALL_LIVES])
    # Undefined without a lit add at a known distance.
    row[184 + k] = ratio(t[LARGE_AWAY], t[PLACED])
    row[188 + k] = ratio(t[ADDED_DISTANCE], t[PLACED])


@hot_kernel
def write_signs(k, st, row):
    """Write the families of event and trade signs, window k."""
    t = st.tot[0, k * SLOTS : (k + 1) * SLOTS]
    # Entropy -sum p ln p with p = n / N, as ln N - sum n ln n / N. Undefined without a 3-gram.
    total, weighted = 0.0, 0.0
    for gram in range(GRAMS):
        n = t[GRAM0 + gram]
        total += n
        if n > 1.0:
            weighted += n * math.log(n)
    row[204 + k] = math.nan
    if total > 0.0:
        row[204 + k] = max(0.0, math.log(total) - weighted / total) / LN_GRAMS
    # Mean product of neighbouring signs: their mean is 0 by symmetry, and is not estimated, so
    # that a run of buys has correlation 1. Undefined without two signed trades.
    row[208 + k] = ratio(t[SIGN_PRODUCTS], t[SIGN_PAIRS])


@hot_kernel
def write_imbalances(s, k, now, st, row):
    """Write the time-weighted families, window k."""
    # Undefined where no two-sided book, or no depth, was known for 1 ns.
    row[132 + k] = mean_in_window(s, k, now, QUEUE_TIME, QUEUE_AREA, HELD_QUEUE, st) / FRACTION
    row[136 + k] = (
        mean_in_window(s, k, now, IMBALANCE_TIME, IMBALANCE_AREA, HELD_IMBALANCE, st) / FRACTION
    )


@hot_kernel
def write_surprise(s, now, st, row):
    """Write hawkes_surprise, (N - Lambda) / sqrt(Lambda + 1), for all windows.

    Lambda, the compensator over a window from its start to now, is mu T + sum_j a_j children, and
    the children of all EVENTS that are expected in it are N + R_j(start) - R_j(now), where
    R_j = sum_i exp(-b_j (t - t_i)) is the excitation. A window that began before the first
    observation starts there, without excitation.
    """
    p, f = st.profile, st.f
    idle_s = (now - st.i[s, LAST_TS]) * 1e-9
    left1 = decayed(f[s, EXCITE1], p[s, B1], idle_s)
    left2 = decayed(f[s, EXCITE2], p[s, B2], idle_s)
    for k in range(LEVELS):
        events = st.tot[0, k * SLOTS + EVENTS]
        children1, children2 = events - left1, events - left2
        if st.i[s, HELD_BASE0 + k] >= 0:
            waited_s = (window_start(s, k, st) - integer_at_start(s, k, LAST_TS, st)) * 1e-9
            children1 += decayed(float_at_start(s, k, EXCITE1, st), p[s, B1], waited_s)
            children2 += decayed(float_at_start(s, k, EXCITE2, st), p[s, B2], waited_s)
        expected = p[s, MU] * (now - observed_from(s, k, st)) * 1e-9
        expected += max(0.0, p[s, A1] * children1 + p[s, A2] * children2)
        row[156 + k] = (events - expected) / math.sqrt(expected + 1.0)
