"""The rules that look at every event: TRADE-THROUGH and DATA.

A trade-through is proven only at worst-case clock error: the price lies outside every NBBO that was
held from `clock_error` before the trade to as long after it. What lies ahead is waited for, not
guessed: a suspect rests until its security's clock has passed that span, and any NBBO that allows
its price acquits it. A locked or crossed NBBO, and a time without one, allow every price.

Source: 17 CFR 242.611 (Regulation NMS, rule 611) for what a trade-through is.
"""

from typing import NamedTuple

import numpy as np

from kernels.jit import hot_kernel
from kernels.layout import (
    AUCTION,
    BAD_TIME,
    EXEMPT,
    HALT,
    ISO,
    NO_TRADE,
    ONE_CLOCK,
    STATUS,
    UNDEFINED_PRICE,
)

TRADE_THROUGH, DATA = range(2)
OUTSIDE_NBBO, CLOCK_DRIFT, LATE_EVENT, UNRELIABLE_TIME = range(4)
DATA_REASONS = 3

RING = 32  # newest NBBOs kept a security; older ones are joined to one envelope
SUSPECTS = 16  # trades of one security that may wait for the clock at once
HITS_AN_EVENT = 1 + DATA_REASONS  # at most, beside the suspects that it frees

HIT = np.dtype(
    [
        ("ts", "<i8"),  # ns of event time, when it happened
        ("arrival", "<i8"),  # of the event that broke the rule
        ("decided", "<i8"),  # of the event that settled it; -1 = at the end of the stream
        ("sequence", "<u8"),  # of the feed
        ("order_id", "<u8"),
        ("contra_order_id", "<u8"),
        ("price", "<i8"),  # observed, 1e-9 currency; max = none
        ("reference", "<i8"),  # the bid or offer that was passed; max = none
        ("bid", "<i8"),  # NBBO at the time of the trade
        ("ask", "<i8"),
        ("margin", "<i8"),  # TRADE-THROUGH: 1e-9 currency beyond the reference; DATA: ns
        ("size", "<i8"),
        ("security", "<i4"),
        ("listing", "<i4"),
        ("account", "<u4"),
        ("contra_account", "<u4"),
        ("rule", "u1"),
        ("reason", "u1"),
        ("trade", "u1"),  # as in OBSERVATION
        ("side", "u1"),
        ("flags", "<u2"),
        ("pad", "u1", (2,)),
    ]
)

NBBO_ROW = np.dtype([("ts", "<i8"), ("bid", "<i8"), ("ask", "<i8")])  # held from ts on

WATCH = np.dtype(
    [
        ("old_end", "<i8"),  # ns, when the newest NBBO of the envelope ended
        ("old_bid", "<i8"),  # lowest bid of the envelope
        ("old_ask", "<i8"),  # highest offer
        ("pushed", "<i8"),  # NBBOs seen
        ("suspects", "<i4"),
        ("halted", "<i4"),  # listings of the security under a halt
    ]
)

FEED = np.dtype(
    [
        ("told", "<i8", (DATA_REASONS,)),  # ns, last hit for each reason
        ("halted", "u1"),
        ("pad", "u1", (7,)),
    ]
)

RULE_COUNTERS = (
    "trades",  # compared with the NBBO
    "exempt",  # not compared: ISO, exempt, auction, halted, no price or no reliable time
    "suspects",  # outside every NBBO up to their arrival
    "acquitted",  # of those, by an NBBO that came within the clock error
    "crowded",  # suspects passed over because SUSPECTS of the security waited already
    "trade_throughs",
    "data",
    "data_repeats",  # breaches of DATA too soon after a hit for the same reason
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
) = range(len(RULE_COUNTERS))

CLOCK_ERROR, DRIFT, LATENESS, REPEAT = range(4)  # in RuleState.bounds
LOWEST = np.iinfo(np.int64).min
NEVER = -(1 << 60)  # ns: so far back that any difference to it is long and still fits


class RuleState(NamedTuple):
    """What the rules remember."""

    ring: np.ndarray  # (securities, RING) NBBO_ROW
    waiting: np.ndarray  # (securities, SUSPECTS) HIT, oldest first
    watches: np.ndarray  # (securities,) WATCH
    feeds: np.ndarray  # (listings,) FEED
    bounds: np.ndarray  # (4,) int64 ns
    counters: np.ndarray  # (len(RULE_COUNTERS),) int64


@hot_kernel
def allows(bid, ask, price):
    """Return whether a trade at `price` may happen under this NBBO."""
    has_bid = bid != UNDEFINED_PRICE
    has_ask = ask != UNDEFINED_PRICE
    if has_bid and has_ask and bid >= ask:
        return True
    return not ((has_bid and price < bid) or (has_ask and price > ask))


@hot_kernel
def push_nbbo(ring, watch, s, o, clock_error):
    """Remember the NBBO that holds from this event on; join the one that leaves the ring."""
    pushed = watch["pushed"]
    row = ring[s, pushed % RING]
    if pushed >= RING:
        end = ring[s, (pushed + 1) % RING]["ts"]
        if end - watch["old_end"] > 2 * clock_error:
            watch["old_bid"] = UNDEFINED_PRICE
            watch["old_ask"] = LOWEST
        bid = row["bid"]
        ask = row["ask"]
        crossed = bid != UNDEFINED_PRICE and bid >= ask
        if crossed or bid == UNDEFINED_PRICE:
            watch["old_bid"] = LOWEST
        else:
            watch["old_bid"] = min(watch["old_bid"], bid)
        if crossed or ask == UNDEFINED_PRICE:
            watch["old_ask"] = UNDEFINED_PRICE
        else:
            watch["old_ask"] = max(watch["old_ask"], ask)
        watch["old_end"] = end
    row["ts"] = o["ts"]
    row["bid"] = o["bid"]
    row["ask"] = o["ask"]
    watch["pushed"] = pushed + 1


@hot_kernel
def nbbo_against(state, s, price, ts):
    """Return the ring place of the NBBO at `ts`, -1 where one so far allows the price.

    Looks back from the newest NBBO to the one held at ts - clock error.
    """
    watch = state.watches[s]
    pushed = watch["pushed"]
    error = state.bounds[CLOCK_ERROR]
    found = np.int64(-1)
    at_trade = False
    for back in range(min(pushed, RING)):
        place = (pushed - 1 - back) % RING
        row = state.ring[s, place]
        if row["ts"] > ts + error:
            continue
        if allows(row["bid"], row["ask"], price):
            return np.int64(-1)
        if not at_trade:
            found = place
            at_trade = row["ts"] <= ts
        if row["ts"] <= ts - error:
            return found
    if pushed <= RING or watch["old_bid"] <= price <= watch["old_ask"]:
        return np.int64(-1)
    return found


@hot_kernel
def free_suspects(state, s, o, hits, count):
    """Settle the suspects whose span has passed; return how many hits there are then."""
    watch = state.watches[s]
    kept = 0
    for i in range(watch["suspects"]):
        row = state.waiting[s, i]
        if row["ts"] + state.bounds[CLOCK_ERROR] < o["ts"]:
            hits[count] = row
            hit = hits[count]
            hit["decided"] = o["arrival"]
            count += 1
            state.counters[TRADE_THROUGHS] += 1
        else:
            if kept < i:
                state.waiting[s, kept] = row
            kept += 1
    watch["suspects"] = kept
    return count


@hot_kernel
def acquit_suspects(state, s, o):
    """Let go the suspects whose price the new NBBO allows."""
    watch = state.watches[s]
    kept = 0
    for i in range(watch["suspects"]):
        row = state.waiting[s, i]
        if allows(o["bid"], o["ask"], row["price"]):
            state.counters[ACQUITTED] += 1
        else:
            if kept < i:
                state.waiting[s, kept] = row
            kept += 1
    watch["suspects"] = kept


@hot_kernel
def write_hit(hit, e, o, rule, reason):
    """Write what every hit has."""
    hit["ts"] = o["ts"]
    hit["arrival"] = o["arrival"]
    hit["decided"] = o["arrival"]
    hit["sequence"] = e["sequence"]
    hit["order_id"] = e["order_id"]
    hit["contra_order_id"] = e["contra_order_id"]
    hit["price"] = o["price"]
    hit["reference"] = UNDEFINED_PRICE
    hit["bid"] = o["bid0"]
    hit["ask"] = o["ask0"]
    hit["size"] = np.int64(e["size"])
    hit["security"] = o["security"]
    hit["listing"] = o["listing"]
    hit["account"] = o["account"]
    hit["contra_account"] = o["contra_account"]
    hit["rule"] = rule
    hit["reason"] = reason
    hit["trade"] = o["trade"]
    hit["side"] = o["side"]
    hit["flags"] = o["flags"]


@hot_kernel
def check_trade(state, e, o, hits, count):
    """TRADE-THROUGH: hold a trade against the NBBOs so far; return how many hits there are then."""
    s = np.int64(o["security"])
    watch = state.watches[s]
    if (
        o["flags"] & (ISO | EXEMPT | AUCTION | BAD_TIME)
        or watch["halted"] > 0
        or o["price"] == UNDEFINED_PRICE
    ):
        state.counters[EXEMPTED] += 1
        return count
    state.counters[TRADES] += 1
    ts = min(o["ts"], e["ts_event"])
    place = nbbo_against(state, s, o["price"], ts)
    if place < 0:
        return count
    state.counters[SUSPECTED] += 1
    settled = ts + state.bounds[CLOCK_ERROR] < o["ts"]
    if not settled and watch["suspects"] == SUSPECTS:
        state.counters[CROWDED] += 1
        return count
    hit = hits[count] if settled else state.waiting[s, watch["suspects"]]
    write_hit(hit, e, o, TRADE_THROUGH, OUTSIDE_NBBO)
    held = state.ring[s, place]
    above = held["ask"] != UNDEFINED_PRICE and o["price"] > held["ask"]
    hit["ts"] = ts
    hit["bid"] = held["bid"]
    hit["ask"] = held["ask"]
    hit["reference"] = held["ask"] if above else held["bid"]
    hit["margin"] = abs(o["price"] - hit["reference"])
    if settled:
        state.counters[TRADE_THROUGHS] += 1
        return count + 1
    watch["suspects"] += 1
    return count


@hot_kernel
def report_feed(state, e, o, hits, count, reason, margin):
    """DATA: write a hit unless the listing had one for this reason a moment ago."""
    feed = state.feeds[o["listing"]]
    told = feed["told"]
    kind = reason - CLOCK_DRIFT
    if o["ts"] - told[kind] < state.bounds[REPEAT]:
        state.counters[DATA_REPEATS] += 1
        return count
    told[kind] = o["ts"]
    hit = hits[count]
    write_hit(hit, e, o, DATA, reason)
    hit["margin"] = margin
    state.counters[DATA_HITS] += 1
    return count + 1


@hot_kernel
def check_feed(state, e, o, hits, count):
    """DATA: clocks apart, events late, times that the venue itself disowns."""
    if e["flags"] & BAD_TIME:
        return report_feed(state, e, o, hits, count, UNRELIABLE_TIME, 0)
    if not e["flags"] & ONE_CLOCK:
        drift = abs(e["ts_recv"] - e["ts_event"])
        if drift > state.bounds[DRIFT]:
            count = report_feed(state, e, o, hits, count, CLOCK_DRIFT, drift)
    if o["late"] and o["ts"] - e["ts_event"] > state.bounds[LATENESS]:
        count = report_feed(state, e, o, hits, count, LATE_EVENT, o["ts"] - e["ts_event"])
    return count


@hot_kernel
def follow_halt(state, e, o):
    """Count the security's listings that are under a halt."""
    feed = state.feeds[o["listing"]]
    halted = 1 if e["flags"] & HALT else 0
    watch = state.watches[o["security"]]
    watch["halted"] += halted - np.int64(feed["halted"])
    feed["halted"] = halted


@hot_kernel
def check_rules(
    events,  # (N,) EVENT
    observations,  # (N,) OBSERVATION of the same events
    n,  # int64: how many of them
    state,  # RuleState
    hits,  # (>= HITS_AN_EVENT * N + SUSPECTS * securities,) HIT
):
    """Hold N events against the rules, write what breaks them and return how many that are.

    Trade-throughs come when they are settled, which may be at a later event: `arrival` says which
    event broke the rule, `decided` which one settled it.
    """
    count = 0
    for i in range(n):
        e = events[i]
        o = observations[i]
        s = np.int64(o["security"])
        if s < 0:
            continue
        watch = state.watches[s]
        if watch["suspects"] > 0:
            count = free_suspects(state, s, o, hits, count)
        if o["trade"] != NO_TRADE:
            count = check_trade(state, e, o, hits, count)
        if o["nbbo_changed"]:
            push_nbbo(state.ring, watch, s, o, state.bounds[CLOCK_ERROR])
            if watch["suspects"] > 0:
                acquit_suspects(state, s, o)
        if e["kind"] == STATUS:
            follow_halt(state, e, o)
        count = check_feed(state, e, o, hits, count)
    return count


@hot_kernel
def settle_rules(
    state,  # RuleState
    hits,  # (>= SUSPECTS * securities,) HIT
):
    """Settle all suspects at the end of a stream; return how many hits that are."""
    count = 0
    for s in range(state.watches.shape[0]):
        watch = state.watches[s]
        for i in range(watch["suspects"]):
            hits[count] = state.waiting[s, i]
            hit = hits[count]
            hit["decided"] = -1
            count += 1
        watch["suspects"] = 0
    state.counters[TRADE_THROUGHS] += count
    return count
