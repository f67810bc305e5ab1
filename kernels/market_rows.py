"""The rows of the market state: listings, securities, orders, price levels, and their counters.

Everything the market stage remembers lies in these arrays, so a snapshot is a copy of them. Sizes
are int64 in the listing's size unit, prices int64 in 1e-9 of the currency.
"""

from typing import NamedTuple

import numpy as np

from kernels.layout import (
    CONDITIONAL,
    DARK,
    FOK,
    HIDDEN,
    IOC,
    MIDPOINT_PEG,
)

DEPTH = 5  # price levels of the consolidated book
DAY_NS = 86_400_000_000_000
HALF_DAY_NS = DAY_NS // 2
NO_KEY = np.iinfo(np.int64).min  # the price key of a level that is not there
NO_DISTANCE = np.iinfo(np.int32).min
NOT_SHOWN = DARK | HIDDEN | MIDPOINT_PEG | IOC | FOK | CONDITIONAL  # orders without displayed depth

# An id and what it stands for, in an open-addressing table.
ID_ROW = np.dtype([("id", "<i8"), ("value", "<i8")])  # id -1 = free

LISTING = np.dtype(
    [
        ("tick", "<i8"),  # 1e-9 currency
        ("security", "<i4"),  # row of its security
        ("next_lit", "<i4"),  # row of the security's next lit listing; -1 = last
        ("epoch", "<i4"),  # orders of an earlier epoch were cleared; -1 = none matches
        ("instrument_id", "<u4"),
        ("dark", "u1"),
        ("halted", "u1"),
        ("pad", "u1", (6,)),
    ]
)

SECURITY = np.dtype(
    [
        ("clock", "<i8"),  # ns, newest event time
        ("next_session", "<i8"),  # ns, when the next session opens
        ("opened", "<i8"),  # ns, when the running session opened
        ("session_length", "<i8"),  # ns
        ("bid", "<i8"),  # NBBO now; max = none
        ("ask", "<i8"),
        ("bid_size", "<i8"),
        ("ask_size", "<i8"),
        ("mid2", "<i8"),  # bid + ask, or twice the last trade price; max = none
        ("last_trade", "<i8"),  # price; max = none
        ("quote_bid", "<i8"),  # the consolidated QUOTE; max = no such side
        ("quote_ask", "<i8"),
        ("quote_bid_size", "<i8"),
        ("quote_ask_size", "<i8"),
        ("touch_depth", "<f8"),  # as in OBSERVATION
        ("depth5", "<f8"),
        ("depth_imbalance", "<f8"),
        ("session", "<i4"),  # number of the running session
        ("first_lit", "<i4"),  # row of its first lit listing; -1 = none
        ("quote_listing", "<i4"),  # row of the listing whose QUOTE holds; -1 = none
        ("has_depth", "u1"),  # 1 once a displayed level or a QUOTE was seen
        ("seen", "u1"),  # 1 once an event was seen: the clock is set
        ("pad", "u1", (2,)),
    ]
)

# One resting order; `order_id` 0 = free. `tag` packs listing row (16 bits), epoch (12), shown (1),
# spare (1) and side (2).
ORDER = np.dtype(
    [
        ("order_id", "<u8"),
        ("price", "<i8"),
        ("entered", "<i8"),  # ns, event time
        ("size", "<i8"),  # at entry
        ("left", "<i8"),
        ("account", "<u4"),
        ("tag", "<u4"),
    ]
)
assert ORDER.itemsize == 48
MAX_LISTINGS = 1 << 16
EPOCHS = 1 << 12

# One price level. `key` orders a side from worst to best: the price of a bid, minus that of an ask.
LEVEL_ROW = np.dtype([("key", "<i8"), ("size", "<i8")])

# One side of one book: where its levels lie in the arena, the best level last.
SIDE_ROW = np.dtype([("offset", "<i8"), ("capacity", "<i4"), ("count", "<i4")])

# Why the block kernel stopped before the end.
DONE, NEEDS_ORDERS, NEEDS_LEVELS, NEEDS_EPOCHS = range(4)

COUNTERS = (
    "events",
    "unknown_listings",  # events of an instrument id without a definition
    "unknown_orders",  # events that name an order that is not known
    "duplicate_orders",  # entries of an order id that already rests
    "oversized",  # cancels and executions of more than the order had left
    "missing_levels",  # removals from a price that shows nothing
    "level_corrections",
    "late",
    "bad_times",  # event times replaced by the receive time
    "crossed",  # events after which the NBBO is locked or crossed
    "clears",
    "halts",
    "sessions",
)
(
    EVENTS,
    UNKNOWN_LISTINGS,
    UNKNOWN_ORDERS,
    DUPLICATE_ORDERS,
    OVERSIZED,
    MISSING_LEVELS,
    LEVEL_CORRECTIONS,
    LATE,
    BAD_TIMES,
    CROSSED,
    CLEARS,
    HALTS,
    SESSIONS,
) = range(len(COUNTERS))

ORDERS_USED = 0  # index in MarketState.table


class MarketState(NamedTuple):
    """The arrays of the market state, as the block kernel takes them."""

    instruments: np.ndarray  # (2^k,) ID_ROW: instrument id -> listing row
    groups: np.ndarray  # (2^k,) ID_ROW: account -> affiliate group
    listings: np.ndarray  # (listings,) LISTING
    securities: np.ndarray  # (securities,) SECURITY
    orders: np.ndarray  # (2^k,) ORDER
    levels: np.ndarray  # (arena,) LEVEL_ROW
    sides: np.ndarray  # (listings, 2) SIDE_ROW: bid, ask
    depth: np.ndarray  # (securities, 2, DEPTH) LEVEL_ROW: consolidated book, best first
    scratch: np.ndarray  # (DEPTH,) LEVEL_ROW
    table: np.ndarray  # (1,) int64: slots of `orders` in use, cleared orders included
    counters: np.ndarray  # (len(COUNTERS),) int64
    weights: np.ndarray  # (2, DEPTH) float64: integrated OFI; depth imbalance
    bounds: np.ndarray  # (2,) int64 ns: clock lead that is believed; age at which an order rests
