"""What a security remembers of its accounts: one record, its parts, and its budget.

All decayed counters are kept in units of a landmark: a quantity q at time t is added as
q * 2^((t - landmark) / half-life), so that every account decays at once and in step, comparisons
between accounts need no clock, and reading a row writes nothing. The landmark of window k moves
on by whole epochs of 64 half-lives; everything is then multiplied by 2^-64, which is exact.
A counter below 2^-40 is set to 0 at that moment, 24 half-lives after it last counted for more
than 2^-16 of one share.

Precision: counters of accounts and pairs are float32 (relative error 6e-8 an addition); sums of
the security are float64; times, sides and level counts are integers; positions of the day ledger
are float64 (exact to 2^53 size units), its other quantities float32.
"""

import numpy as np

WINDOWS = 4
TAU_NS = (100_000_000, 1_000_000_000, 10_000_000_000, 60_000_000_000)
HALF_LIFE_NS = tuple(tau // 2 for tau in TAU_NS)
DECAY = tuple(float(np.log(2.0)) / half for half in HALF_LIFE_NS)  # 1/ns
EPOCH_HALF_LIVES = 64
EPOCH_NS = tuple(EPOCH_HALF_LIVES * half for half in HALF_LIFE_NS)
NEVER = -(1 << 62)  # ns: before any event time, and far from overflow when subtracted

SEATS = 256  # accounts a security
NOTIONAL_SEATS = 64  # of them kept for what they rest and cancel, the others for their messages
INDEX = 512  # slots of the open-addressing index
BY_MESSAGES, BY_NOTIONAL = range(2)  # rows of `ranks` and values of `pool`

# Counters of an account and window, in landmark units.
(
    CANCELLED_BID,  # quantity of its bids cancelled in lit books
    CANCELLED_ASK,
    BOUGHT,  # quantity filled, lit and dark
    SOLD,
    NET_LEVELS,  # newly held bid levels minus ask levels
    DARK_ENTERED,  # dark orders entered
    PROBED,  # of them: tiny, IOC or minimum-quantity, and cancelled unfilled within 50 ms
) = range(7)
FIELDS = 7

# Sums of the security and a window, in landmark units (SQUARES: their square).
(
    FILLED,  # quantity filled, once a known side
    MATCHED,  # quantity traded between two known accounts
    SELF_MATCHED,  # of it, within one affiliate group
    RECIPROCAL,  # 2 min(v_ij, v_ji) over the kept pairs
    DARK_FILLED,  # dark quantity with a known side
    LED,  # of it, after same-side lit executions of the side's group
    GAMED,  # of it, at a moved or a stale reference
    DELAYS,  # ln seconds from a fill to a large opposite cancel
    DELAYED,  # number of such cancels
    COUPLED,  # min(cancelled on one side, filled on the other) over the seated accounts
    SQUARES,  # squared quantity filled over the seated accounts
) = range(11)
SUMS = 11

# When the security last saw ..., in ns.
SEEN, FILL, MATCH, DARK_FILL, DARK_ENTRY = range(5)
LASTS = 5

PROBE_NS = 50_000_000  # a dark order that lived shorter may be a probe
LED_NS = 10_000_000_000  # a dark fill this soon after a same-side lit one is led, in the ledger
LEVEL_NS = 120_000_000_000  # a level held for longer is no longer new in any window

LEVEL_WAYS = 8
LEVEL_SETS = 48
LEVEL = np.dtype(
    [
        ("price", "<i8"),  # 1e-9 currency
        ("since", "<i8"),  # ns, when the account came to hold it
        ("size", "<f4"),  # of the order that came first
        ("owner", "<u2"),  # 1 + 2 * seat + side (0 bid, 1 ask); 0 = free
        ("orders", "<u2"),  # live orders there
    ]
)

GROUP_WAYS = 4
GROUP_SETS = 16
GROUP = np.dtype(
    [
        ("lit", "<i8", (2,)),  # ns, its last lit purchase and sale
        ("group", "<u4"),  # 0 = free
        ("pad", "<u4"),
    ]
)

MOVES = 32
MOVE = np.dtype(
    [
        ("ts", "<i8"),  # ns, when the group last moved the NBBO this way
        ("base", "<i8"),  # mid2 before
        ("far", "<i8"),  # the farthest mid2 it was moved to
        ("pending", "<f4", (WINDOWS,)),  # dark quantity filled since, landmark units
        ("group", "<u4"),  # 0 = free
        ("filled", "<u4"),  # 1: something is pending
    ]
)

PROBES = 32
PROBE = np.dtype([("ts", "<i8"), ("size", "<i8"), ("account", "<u4"), ("pad", "<u4")])

PAIRS = 64

LEDGER_ROWS = 96
COUNTERPARTIES = 8
LEDGER = np.dtype(
    [
        ("bought", "<f8"),  # size units; net position of the day = bought - sold
        ("sold", "<f8"),
        ("account", "<u4"),
        ("dark", "<f4"),  # quantity filled in the dark
        ("led", "<f4"),  # of it, led by lit executions of the account's group
        ("closing", "<f4"),  # quantity filled since `closing_from`
        ("counterparty", "<u4", (COUNTERPARTIES,)),
        ("with", "<f4", (COUNTERPARTIES,)),  # quantity, over-stated by at most the least kept
    ]
)

TABLE = np.dtype(
    [
        ("weighed", "<i8"),  # ns, the time that `weight` stands for
        ("landmark", "<i8", (WINDOWS,)),  # ns
        ("weight", "<f8", (WINDOWS,)),  # 2^((weighed - landmark) / half-life), 1 to 2^64
        ("last", "<i8", (LASTS,)),  # ns
        ("delayed", "<i8", (WINDOWS,)),  # ns, last entry of DELAYS
        ("closing_from", "<i8"),  # ns, when the session's closing interval begins; max = unknown
        ("closing_volume", "<f8"),  # all quantity traded since, known accounts or not
        ("sums", "<f8", (WINDOWS, SUMS)),
        ("counters", "<f4", (WINDOWS, FIELDS, SEATS)),
        ("ranks", "<f4", (2, SEATS)),  # decayed messages, and notional entered and cancelled
        ("fills", "<i8", (2, SEATS)),  # ns, last purchase and sale
        ("accounts", "<u4", (SEATS,)),
        ("held", "<u2", (SEATS,)),  # levels in `levels`
        ("index", "<u2", (INDEX,)),  # 1 + seat; 0 = free
        ("pool", "u1", (SEATS,)),  # BY_MESSAGES or BY_NOTIONAL
        ("levels", LEVEL, (LEVEL_SETS * LEVEL_WAYS,)),
        ("groups", GROUP, (GROUP_SETS * GROUP_WAYS,)),
        ("moves", MOVE, (MOVES,)),
        ("probes", PROBE, (PROBES,)),
        ("pair_low", "<u4", (PAIRS,)),
        ("pair_high", "<u4", (PAIRS,)),
        ("pairs", "<f4", (WINDOWS, 2, PAIRS)),  # bought by the lower account from the higher; back
        ("ledger", LEDGER, (LEDGER_ROWS,)),
        ("ledger_row", "u1", (SEATS,)),  # where the seat's account was last found in `ledger`
        ("session", "<i4"),  # -1: none yet
        ("seated", "<i4"),
        ("paired", "<i4"),
        ("standing", "<i4"),  # moves in use
        ("entered", "<i4"),  # rows of `ledger` in use
        ("next_probe", "<i4"),
        ("accounts_evicted", "<i4"),
        ("pairs_passed_over", "<i4"),
        ("pairs_evicted", "<i4"),
        ("levels_passed_over", "<i4"),  # not kept, or given up, because their set was full
        ("moves_evicted", "<i4"),
        ("ledger_evicted", "<i4"),
    ],
    align=True,
)
BYTES = TABLE.itemsize  # memory of the accounts of one security
BUDGET_BYTES = 65_536
