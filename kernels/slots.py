"""Where each running quantity of a security lives: the one list of window slots and live fields.

A security owns one row of float64 (`WindowState.f`) and one of int64 (`WindowState.i`); a family
reads and writes them at the constants below, `st.f[s, CANCELS] += 1.0`. Window slots come in four
clusters, so that a pane that saw no trade costs nothing in trade slots. A family writes a slot
only for an observation that opens the slot's cluster:

    MESSAGE_FLOW   every observation
    QUOTE_FLOW     the midpoint changed (mid2 != mid2_before), or trade != NO_TRADE
    TRADE_FLOW     trade != NO_TRADE
    DARK_FLOW      dark != 0, or trade == DARK_TRADE

Inside a cluster the sums (+) stand first; extremes, Welford triples (n, mean, M2) and covariance
groups (n, mean x, mean y, Mxx, Myy, Mxy) are known to `panes.merge` by name. To add a sum, add
its name to a tuple and its number to the `_take` beside it; every offset follows. Slots of a pane
are empty (0, inf, -inf) until written; after `windows.totals`, `st.tot[0, k * SLOTS + SLOT]` is
the slot over window k.

The order of work for one observation: `windows.admit` (panes roll, held fields as before the event
are kept), every family's accumulate (LAST_TS, HELD_* and the like are still those before the
event), `held.hold` (the values it leaves behind). For a row: `windows.totals`, `held.find_starts`,
every family's write. A family may add live fields of its own at the end of a list; those that are
not 0 before the first event go into NEVER (-1) or UNKNOWN (NaN).
"""

import numpy as np

LEVELS = 4  # windows k = 0..3
PANES = 16  # panes a window: 15 closed and the open one
CLOSED = 15
TAU_S = (0.1, 1.0, 10.0, 60.0)
PANE_NS = (6_250_000, 62_500_000, 625_000_000, 3_750_000_000)  # tau / 16, each divides the next
PANE_STEP = (1, 10, 10, 6)  # panes of the finer level in one of this level

_next = 0


def _take(count: int) -> range:
    """Return the next `count` offsets."""
    global _next
    _next += count
    return range(_next - count, _next)


CLUSTERS = 4
# The _FLOW names keep clear of layout's TRADE, QUOTE and DARK.
MESSAGE_FLOW, QUOTE_FLOW, TRADE_FLOW, DARK_FLOW = range(CLUSTERS)

# MESSAGE_FLOW, sums
M_SUMS = _next
EVENTS, SHORT_GAPS = _take(2)  # observations but LEVEL corrections; gaps between them < 1 ms
DEPTH_N, DEPTH_SUM = _take(2)  # observations that know depth5
TOUCH_N, TOUCH_SUM = _take(2)  # touch_depth of lit messages that know it
OFI_TOUCH, OFI_DEEP, OFI_INTEGRATED = _take(3)  # size units
ADDS, BID_CANCELS, ASK_CANCELS, REPLACES = _take(4)
ADDED, REMOVED = _take(2)  # quantity, both halves of a replace included
PLACED, ADDED_DISTANCE, LARGE_AWAY = _take(3)  # lit, at known distance: q, q * ticks, large 2-6
LIVES, LN_LIFE, FLEETING_LIVES = _take(3)  # of known age, ended by a cancel; ln s; under 100 ms
LARGE_LIVES, LARGE_LN_LIFE, SMALL_LIVES, SMALL_LN_LIFE = _take(4)  # size >= P90; <= P50
GRAM0 = _take(8)[0]  # 3-grams of event signs; bit 2 the oldest, 1 = up
GAP_N, GAP_MEAN, GAP_M2 = _take(3)  # s, between consecutive EVENTS
LOG_GAP_N, LOG_GAP_X, LOG_GAP_Y, LOG_GAP_XX, LOG_GAP_YY, LOG_GAP_XY = _take(6)  # x: the gap before
M_END = _next

# QUOTE_FLOW, sums: midpoint changes
Q_SUMS = _next
R2, BIPOWER, R2_SIGNED, MID_CHANGES, MID_REVERSALS = _take(5)  # r^2, |r||r-1|, sign(r) r^2
MID_MOVE = _take(1)[0]  # m after - m before, 1e-9 currency, of changes between known midpoints
SIGNED_VOLUME, SIGNED_PANES = _take(2)  # sum d q; derived: |sum d q| of each pane
MID_MIN = _take(1)[0]  # mid2, 1e-9 currency, after each change
MID_MAX = _take(1)[0]
# Derived, one sample a pane: x = sum d q, y = sum dm. Panes without either are absent.
KYLE_N, KYLE_X, KYLE_Y, KYLE_XX, KYLE_YY, KYLE_XY = _take(6)
Q_END = _next

# TRADE_FLOW, sums
T_SUMS = _next
LIT_TRADES, LIT_QUANTITY, HIDDEN_TRADES, SIGNED_QUANTITY = _take(4)  # last: sum q where d != 0
EFFECTIVE_N, EFFECTIVE_SUM = _take(2)  # 2 d (p - m-) / m-
SIGN_PAIRS, SIGN_PRODUCTS = _take(2)  # neighbouring trades that have an aggressor
SIZE_BINS = 8
SIZE_BIN0 = _take(SIZE_BINS)[0]
ROLL_N, ROLL_X, ROLL_Y, ROLL_XX, ROLL_YY, ROLL_XY = _take(6)  # x: the price change before, ticks
T_END = _next

# DARK_FLOW, sums
D_SUMS = _next
DARK_PRINTS, DARK_QUANTITY, LOCATION_N, LOCATION_SUM = _take(4)
DARK_MESSAGES, DARK_ENTERED = _take(2)  # all; quantity of orders entered
DARK_SIGNED_VOLUME, DARK_SIGNED_QUANTITY = _take(2)  # sum d q; sum q where d != 0
D_END = _next

SLOTS = _next
# Rows of window slots in `f`: four open panes (the finest first, so that a slot's number is its
# offset there), four totals of the newer closed panes, then 15 closed panes a level.
OPEN0 = 0
NEWER0 = OPEN0 + LEVELS
CLOSED0 = NEWER0 + LEVELS
WINDOW_ROWS = CLOSED0 + LEVELS * CLOSED

# Live fields, float64.

_next = WINDOW_ROWS * SLOTS
# Held: their values when a pane closed can be read back at the start of every window (held.py).
HELD_F0 = _next
MICROPRICE = _take(1)[0]  # 1e-9 currency; NaN unknown
EXCITE1, EXCITE2 = _take(2)  # Hawkes excitations of EVENTS, just after the last observation
HELD_F = _next - HELD_F0
LAST_R = _take(1)[0]  # r of the last mid change
LAST_LIT_PRICE, LAST_LIT_MOVE = _take(2)  # ticks; NaN unknown
LAST_LOG_GAP = _take(1)[0]  # NaN unknown
RESCALED_GAP = _take(1)[0]  # Hawkes compensator from the event before the last to the last
COMPENSATED = _take(1)[0]  # the same from the last event to the last observation
SPACINGS = 64
SPACING0 = _take(SPACINGS)[0]  # the last 64 squared rescaled gaps, a ring

HELD_RING = 16
HELD_RING_F = _take(LEVELS * HELD_RING * HELD_F)[0]
# Matured quantities: rings of 32 panes of (n, a, b) a level and kind (matured.py).
MATURED_KINDS = 2
MATURED_PANES = 32
IMPACT, MARKOUT = range(MATURED_KINDS)
MATURED0 = _take(MATURED_KINDS * LEVELS * MATURED_PANES * 3)[0]
FLOATS = _next

# Live fields, int64.

_next = 0
# Held. Integrals run over ns and wrap modulo 2^64, so that their differences are exact.
HELD_I0 = _next
LAST_TS = _take(1)[0]  # ns of the last observation; -1 before the first
MID_TIME, MID_AREA = _take(2)  # ns with a midpoint; half ticks * ns, relative to ANCHOR
SPREAD_TIME, SPREAD_AREA, SPREAD_AREA2 = _take(3)  # ns with both quotes; ticks * ns; ticks^2 * ns
QUEUE_TIME, QUEUE_AREA = _take(2)  # ns with both quotes and size; 2^-24 * ns
IMBALANCE_TIME, IMBALANCE_AREA = _take(2)  # depth_imbalance: ns known; 2^-24 * ns
HELD_MID, HELD_SPREAD, HELD_QUEUE, HELD_IMBALANCE = _take(4)  # the values held; NOT_HELD unknown
HELD_SPREAD2 = _take(1)[0]  # HELD_SPREAD squared
HELD_MID2 = _take(1)[0]  # bid + ask, 1e-9 currency; max = unknown
HELD_I = _next - HELD_I0
NOT_HELD = -(2**62)
FRACTION = float(1 << 24)  # fixed point of QUEUE_AREA and IMBALANCE_AREA

ANCHOR, HALF_TICK = _take(2)  # mid2 of the first midpoint; unit of HELD_MID, 1e-9 currency, or 0
FIRST_TS = _take(1)[0]  # ns of the first observation; -1 before it
LAST_EVENT_TS, PREVIOUS_EVENT_TS = _take(2)  # ns, of those counted in EVENTS; -1 = none
LAST_LIT_TS, LAST_DARK_TS, LAST_QUOTE_TS, LAST_PHASE_TS = _take(4)  # ns; -1 = never
REFERENCE_AGE = _take(1)[0]  # ns, of the last dark print; -1 = unknown
SPACING_COUNT = _take(1)[0]
FLOW_SIGNS = _take(1)[0]  # code of the last two event signs, see flow.py
TRADE_SIGN = _take(1)[0]  # d of the last trade that has an aggressor; 0 = none yet

PANE0 = _take(LEVELS)[0]  # index of the open pane, floor(ts / PANE_NS); -1 = none yet
OPENED0 = _take(CLUSTERS)[0]  # bit k: the open pane of level k has slots of this cluster
MASK0 = _take(CLUSTERS * LEVELS)[0]  # occupied closed panes, see windows.py
HELD_COUNT0 = _take(LEVELS)[0]  # snapshots pushed
HELD_BASE0 = _take(LEVELS)[0]  # the snapshot held at the window's start; -1 = none
HELD_RING_I = _take(LEVELS * HELD_RING * (HELD_I + 1))[0]  # pane index first
MATURED_PANE0 = _take(LEVELS)[0]  # pane that the rings below stand at
MATURED_OPEN0 = _take(MATURED_KINDS * LEVELS)[0]  # occupied panes that wait, bit = age
MATURED_DONE0 = _take(MATURED_KINDS * LEVELS)[0]  # panes evaluated, bit = age
FORGOTTEN = _next  # fields before this one start anew at `windows.reset`
TICK = _take(1)[0]  # 1e-9 currency
SESSION, SESSION_OPEN, SESSION_CLOSE = _take(3)  # number (-1: none yet); ns
LATE_EVENTS = _take(1)[0]  # events older than the security's clock, so far
INTEGERS = _next
# Fields that are -1, NOT_HELD, UNDEFINED_PRICE (i) or NaN (f) where there is nothing yet.
NEVER = np.array(
    [LAST_TS, FIRST_TS, LAST_EVENT_TS, PREVIOUS_EVENT_TS, REFERENCE_AGE]
    + [LAST_LIT_TS, LAST_DARK_TS, LAST_QUOTE_TS, LAST_PHASE_TS]
    + [*range(PANE0, PANE0 + LEVELS), *range(HELD_BASE0, HELD_BASE0 + LEVELS)]
    + [*range(MATURED_PANE0, MATURED_PANE0 + LEVELS)]
)
UNHELD = np.array([HELD_MID, HELD_SPREAD, HELD_SPREAD2, HELD_QUEUE, HELD_IMBALANCE])
UNKNOWN = np.array([MICROPRICE, LAST_R, LAST_LIT_PRICE, LAST_LIT_MOVE, LAST_LOG_GAP, RESCALED_GAP])

BYTES = 8 * (FLOATS + INTEGERS)  # a security
