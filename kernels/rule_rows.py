"""The rows of the rules: what a hit says, what is remembered of a security and of a listing.

Everything the rules remember lies in these arrays, so a snapshot is a copy of them. Prices are
int64 in 1e-9 of the currency, times in ns, shares of a price in parts per million.
"""

from typing import NamedTuple

import numpy as np

from kernels.jit import hot_kernel
from kernels.layout import BAD_TIME, UNDEFINED_PRICE

TRADE_THROUGH, DATA, ERROR, SEGMENT, SELF_MATCH, PRIORITY = range(6)
(
    OUTSIDE_NBBO,
    CLOCK_DRIFT,
    LATE_EVENT,
    UNRELIABLE_TIME,
    AWAY_ORDER,
    AWAY_TRADE,
    DUPLICATE_ORDERS,
    FORBIDDEN_PAIR,
    SAME_ACCOUNT,
    SAME_OWNER,
    OLDER_PASSED,
    BETTER_PASSED,
    SUB_PENNY,
) = range(13)
DATA_REASONS = 3

RING = 32  # newest NBBOs kept a security; older ones are joined to one envelope
SUSPECTS = 16  # trades of one security that may wait for the clock at once
RECENT = 256  # newest orders kept a security, to find duplicates among; a power of two
BUCKETS = 64  # chains that they hang in, by what they have in common; a power of two
HITS_AN_EVENT = 7 + DATA_REASONS  # at most, beside the suspects that it frees

HIT = np.dtype(
    [
        ("ts", "<i8"),  # ns of event time, when it happened
        ("arrival", "<i8"),  # of the event that broke the rule
        ("decided", "<i8"),  # of the event that settled it; -1 = at the end of the stream
        ("sequence", "<u8"),  # of the feed
        ("order_id", "<u8"),
        ("contra_order_id", "<u8"),
        ("passed_id", "<u8"),  # PRIORITY: the order that was passed over; 0 = none
        ("price", "<i8"),  # observed, 1e-9 currency; max = none
        ("reference", "<i8"),  # what the price is held against; max = none
        ("bid", "<i8"),  # NBBO at the time of the event
        ("ask", "<i8"),
        ("margin", "<i8"),  # how far beyond what is allowed; the unit is the reason's
        ("size", "<i8"),
        ("security", "<i4"),
        ("listing", "<i4"),
        ("account", "<u4"),
        ("contra_account", "<u4"),
        ("segment", "<u4"),  # SEGMENT: of the two accounts
        ("contra_segment", "<u4"),
        ("owner", "<u4"),  # SELF_MATCH: of both sides; 0 = not known
        ("rule", "u1"),
        ("reason", "u1"),
        ("trade", "u1"),  # as in OBSERVATION
        ("side", "u1"),
        ("flags", "<u2"),
        ("pad", "u1", (6,)),
    ]
)
assert HIT.itemsize == 144

NBBO_ROW = np.dtype([("ts", "<i8"), ("bid", "<i8"), ("ask", "<i8")])  # held from ts on

WATCH = np.dtype(
    [
        ("old_end", "<i8"),  # ns, when the newest NBBO of the envelope ended
        ("old_bid", "<i8"),  # lowest bid of the envelope
        ("old_ask", "<i8"),  # highest offer
        ("pushed", "<i8"),  # NBBOs seen
        ("last_trade", "<i8"),  # price; max = none in this session
        ("last_trade_ts", "<i8"),
        ("entered", "<i8"),  # orders put among the recent ones
        ("session", "<i4"),  # that the last trade belongs to
        ("suspects", "<i4"),
        ("halted", "<i4"),  # listings of the security under a halt
        ("passed", "<i4"),  # executions that wait, as they passed over an order
    ]
)

FEED = np.dtype(
    [
        ("told", "<i8", (DATA_REASONS,)),  # ns, last hit for each reason
        ("tick", "<i8"),  # 1e-9 currency
        ("opens", "<i8"),  # ns UTC of a session; sessions repeat daily
        ("length", "<i8"),  # ns of a session; 0 = never closed
        ("venue", "<i4"),  # as the counterparty matrix numbers it; 0 = it names no such venue
        ("priority", "u1"),  # how the venue ranks its queues
        ("halted", "u1"),
        ("dark", "u1"),
        ("pad", "u1", (1,)),
    ]
)

RECENT_ORDER = np.dtype(
    [
        ("order_id", "<u8"),
        ("ts", "<i8"),
        ("price", "<i8"),
        ("size", "<i8"),
        ("older", "<i8"),  # number of the next older order in the chain; -1 = last
        ("account", "<u4"),
        ("listing", "<i4"),
        ("side", "u1"),
        ("pad", "u1", (7,)),
    ]
)

SETTINGS = np.dtype(
    [
        ("clock_error", "<i8"),  # ns
        ("drift", "<i8"),  # ns
        ("lateness", "<i8"),  # ns
        ("repeat", "<i8"),  # ns
        ("low_price", "<i8"),  # up to this price the low band holds
        ("high_price", "<i8"),  # above this price the high band holds
        ("band_low", "<i8"),  # ppm of the reference
        ("band_middle", "<i8"),
        ("band_high", "<i8"),
        ("edge", "<i8"),  # ns after the open and before the close in which bands are doubled
        ("least_ticks", "<i8"),  # no band is narrower
        ("wide_spread", "<i8"),  # ppm of the midpoint: a wider NBBO is no reference
        ("stale", "<i8"),  # ns: an older trade is no reference
        ("duplicate_span", "<i8"),  # ns
        ("duplicate_orders", "<i8"),
        ("queue_error", "<i8"),  # ns
        ("passive", "u1"),  # 1: orders too far on their passive side count too
        ("keeps_place", "u1"),  # 1: a smaller replacement at the same price keeps its place
        ("nameless", "u1"),  # 1: queues of lit books are judged without accounts too
        ("pad", "u1", (5,)),
    ]
)

RULE_COUNTERS = (
    "trades",  # compared with the NBBO
    "exempt",  # not compared: ISO, exempt, auction, halted, no price or no reliable time
    "suspects",  # outside every NBBO up to their arrival
    "acquitted",  # of those, and of executions that passed over an order, by what came in time
    "crowded",  # of those, left out because SUSPECTS of the security waited already
    "trade_throughs",
    "data",
    "data_repeats",  # breaches of DATA too soon after a hit for the same reason
    "errors",
    "unreferenced",  # prices of orders and trades without a sound reference to hold them against
    "segments",
    "unmatched",  # trades of which a side's segment is not known
    "self_matches",
    "agency_crosses",  # trades of one account or owner that acts for clients
    "priorities",
    "ranked",  # executions whose queue was known
    "unranked",  # executions of orders that the feed never showed, or not by queue
    "sub_pennies",
)
(
    TRADES,
    EXEMPTED,
    SUSPECTED,
    ACQUITTED,
    CROWDED,
    TRADE_THROUGHS,
    DATA_HITS,
    DATA_REPEATS,
    ERRORS,
    UNREFERENCED,
    SEGMENTS,
    UNMATCHED,
    SELF_MATCHES,
    AGENCY_CROSSES,
    PRIORITIES,
    RANKED,
    UNRANKED,
    SUB_PENNIES,
) = range(len(RULE_COUNTERS))

LOWEST = np.iinfo(np.int64).min
NEVER = -(1 << 60)  # ns: so far back that any difference to it is long and still fits


class RuleState(NamedTuple):
    """What the rules remember of securities and listings."""

    ring: np.ndarray  # (securities, RING) NBBO_ROW
    waiting: np.ndarray  # (securities, SUSPECTS) HIT of TRADE_THROUGH, oldest first
    passed: np.ndarray  # (securities, SUSPECTS) HIT of PRIORITY, oldest first
    watches: np.ndarray  # (securities,) WATCH
    recent: np.ndarray  # (securities, RECENT) RECENT_ORDER
    buckets: np.ndarray  # (securities, BUCKETS) int64: number of a chain's newest order
    feeds: np.ndarray  # (listings,) FEED
    settings: np.ndarray  # (1,) SETTINGS
    counters: np.ndarray  # (len(RULE_COUNTERS),) int64


@hot_kernel
def write_hit(hit, e, o, rule, reason):
    """Write what every hit has."""
    hit["ts"] = o["ts"]
    hit["arrival"] = o["arrival"]
    hit["decided"] = o["arrival"]
    hit["sequence"] = e["sequence"]
    hit["order_id"] = e["order_id"]
    hit["contra_order_id"] = e["contra_order_id"]
    hit["passed_id"] = 0
    hit["price"] = o["price"]
    hit["reference"] = UNDEFINED_PRICE
    hit["bid"] = o["bid0"]
    hit["ask"] = o["ask0"]
    hit["margin"] = 0
    hit["size"] = np.int64(e["size"])
    hit["security"] = o["security"]
    hit["listing"] = o["listing"]
    hit["account"] = o["account"]
    hit["contra_account"] = o["contra_account"]
    hit["segment"] = 0
    hit["contra_segment"] = 0
    hit["owner"] = 0
    hit["rule"] = rule
    hit["reason"] = reason
    hit["trade"] = o["trade"]
    hit["side"] = o["side"]
    hit["flags"] = o["flags"]


@hot_kernel
def event_instant(e, o):
    """Return when an event happened, in ns: the venue's time where that can be believed."""
    if e["flags"] & BAD_TIME:
        return o["ts"]
    return min(o["ts"], e["ts_event"])
