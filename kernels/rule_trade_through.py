"""TRADE-THROUGH: an execution outside every NBBO that may have held at its time.

A trade-through is proven only at worst-case clock error: the price lies outside every NBBO that was
held from `clock_error` before the trade to as long after it. What lies ahead is waited for, not
guessed: a suspect rests until its security's clock has passed that span, and any NBBO that allows
its price acquits it. A locked or crossed NBBO, and a time without one, allow every price.

Source: 17 CFR 242.611 (Regulation NMS, rule 611) for what a trade-through is.
"""

import numpy as np

from kernels.jit import hot_kernel
from kernels.layout import AUCTION, BAD_TIME, EXEMPT, ISO, UNDEFINED_PRICE
from kernels.rule_rows import (
    ACQUITTED,
    CROWDED,
    EXEMPTED,
    LOWEST,
    OUTSIDE_NBBO,
    RING,
    SUSPECTED,
    SUSPECTS,
    TRADE_THROUGH,
    TRADE_THROUGHS,
    TRADES,
    write_hit,
)


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
    error = state.settings[0]["clock_error"]
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
        if row["ts"] + state.settings[0]["clock_error"] < o["ts"]:
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
    settled = ts + state.settings[0]["clock_error"] < o["ts"]
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
