"""ERROR: orders and trades too far from the market, and orders entered twice and more.

A price is held against the midpoint of every NBBO that may have held at its time, and is an error
only where it lies beyond the band of each; an NBBO that is one-sided, locked, crossed or too wide
is no reference, nor is any outside the session. Without an NBBO the last trade stands in while it
is fresh. The bands follow the clearly erroneous rules: wider for cheap securities, doubled near
open and close.

Duplicates are orders of one account that agree in side, price and size, were entered within a span
and rest at the same time: what was withdrawn or filled in between was not entered twice.

Source: FINRA rule 11892 (clearly erroneous transactions), numerical guidelines.
"""

import numpy as np

from kernels.jit import hot_kernel
from kernels.layout import (
    ADD,
    ASK,
    AUCTION,
    BAD_TIME,
    BID,
    MIDPOINT_PEG,
    NO_TRADE,
    REPLACE,
    SIDE_NONE,
    UNDEFINED_PRICE,
)
from kernels.market_rows import DAY_NS
from kernels.queues import node_of
from kernels.rule_rows import (
    AWAY_ORDER,
    AWAY_TRADE,
    BUCKETS,
    DUPLICATE_ORDERS,
    ERROR,
    ERRORS,
    RECENT,
    RING,
    UNREFERENCED,
    event_instant,
    write_hit,
)

_MILLION = 1_000_000
_LOW = 0xFFFFFFFF
_MIX = 0x5BD1E995


@hot_kernel
def share_of(value, ppm):
    """Return `ppm` millionths of a value, rounded down, without leaving 64 bits."""
    return value // _MILLION * ppm + value % _MILLION * ppm // _MILLION


@hot_kernel
def band_factor(feed, ts, edge):
    """Return by how much bands are widened at this time of the session, 0 outside it."""
    length = feed["length"]
    if length == 0:
        return 1
    phase = (ts - feed["opens"]) % DAY_NS
    if phase > length:
        return 0
    return 2 if phase < edge or length - phase < edge else 1


@hot_kernel
def twice_band(reference2, tick, factor, settings):
    """Return twice how far a price may lie from a reference, given twice that reference."""
    ppm = settings["band_middle"]
    if reference2 <= 2 * settings["low_price"]:
        ppm = settings["band_low"]
    elif reference2 > 2 * settings["high_price"]:
        ppm = settings["band_high"]
    return factor * max(share_of(reference2, ppm), 2 * settings["least_ticks"] * tick)


@hot_kernel
def beyond(price, reference2, band2, side, passive):
    """Return whether a price lies beyond the band; of an order, on the side that hurts it."""
    above = 2 * price - reference2
    if side == BID and not passive:
        return above > band2
    if side == ASK and not passive:
        return -above > band2
    return abs(above) > band2


@hot_kernel
def is_sound(bid, ask, wide_spread):
    """Return whether an NBBO can be a reference: two-sided, not locked or crossed, not too wide."""
    if bid == UNDEFINED_PRICE or ask == UNDEFINED_PRICE or bid >= ask or bid <= 0:
        return False
    return ask - bid <= share_of((bid + ask) // 2, wide_spread)


@hot_kernel
def erring_reference(state, s, feed, price, ts, side, factor):
    """Return twice the reference that a price is too far from; -1 = none, -2 = nothing to tell by.

    `side` is that of an order, SIDE_NONE for a trade.
    """
    settings = state.settings[0]
    watch = state.watches[s]
    pushed = watch["pushed"]
    found = np.int64(-2)
    passive = settings["passive"] != 0
    for back in range(min(pushed, RING)):
        row = state.ring[s, (pushed - 1 - back) % RING]
        if not is_sound(row["bid"], row["ask"], settings["wide_spread"]):
            break
        reference2 = row["bid"] + row["ask"]
        band2 = twice_band(reference2, feed["tick"], factor, settings)
        if not beyond(price, reference2, band2, side, passive):
            return np.int64(-1)
        if found < 0:
            found = reference2
        if row["ts"] <= ts - settings["clock_error"]:
            return found
    if found >= 0:
        return np.int64(-1)
    if watch["last_trade"] == UNDEFINED_PRICE or ts - watch["last_trade_ts"] > settings["stale"]:
        return np.int64(-2)
    reference2 = 2 * watch["last_trade"]
    band2 = twice_band(reference2, feed["tick"], factor, settings)
    if beyond(price, reference2, band2, side, passive):
        return reference2
    return np.int64(-1)


@hot_kernel
def check_away(state, e, o, hits, count, side, reason):
    """ERROR: hold a price against the market; return how many hits there are then."""
    s = np.int64(o["security"])
    feed = state.feeds[o["listing"]]
    ts = event_instant(e, o)
    factor = band_factor(feed, ts, state.settings[0]["edge"])
    if factor == 0 or e["flags"] & BAD_TIME:
        state.counters[UNREFERENCED] += 1
        return count
    reference2 = erring_reference(state, s, feed, o["price"], ts, side, factor)
    if reference2 < 0:
        if reference2 == -2:
            state.counters[UNREFERENCED] += 1
        return count
    hit = hits[count]
    write_hit(hit, e, o, ERROR, reason)
    hit["ts"] = ts
    hit["reference"] = reference2 // 2
    away = abs(o["price"] - hit["reference"])
    hit["margin"] = away // max(np.int64(1), hit["reference"] // _MILLION)
    state.counters[ERRORS] += 1
    return count + 1


@hot_kernel
def chain_of(account, side, price, size):
    """Return the bucket of orders that agree in all of these."""
    mixed = (np.int64(account) << 1) ^ (price & _LOW) ^ (price >> 32) ^ (size & _LOW) ^ side
    return (((mixed & _LOW) * _MIX) >> 15) & (BUCKETS - 1)


@hot_kernel
def is_kept(number, entered):
    """Return whether the order of that number is still among the recent ones."""
    return number >= 0 and number > entered - 1 - RECENT


@hot_kernel
def note_entry(state, queues, e, o, hits, count):
    """ERROR: put an order among the recent ones; a hit where it is one duplicate too many."""
    s = np.int64(o["security"])
    settings = state.settings[0]
    watch = state.watches[s]
    entered = watch["entered"]
    account = o["account"]
    side = o["side"]
    price = o["price"]
    size = o["added"]
    ts = o["ts"]
    bucket = chain_of(account, side, price, size)
    newest = state.buckets[s, bucket]
    alike = np.int64(1)
    at = newest
    while alike < settings["duplicate_orders"] and is_kept(at, entered):
        row = state.recent[s, at & (RECENT - 1)]
        if ts - row["ts"] > settings["duplicate_span"]:
            break
        if (
            row["account"] == account
            and row["side"] == side
            and row["price"] == price
            and row["size"] == size
            and node_of(queues, row["order_id"], np.int64(row["listing"])) >= 0
        ):
            alike += 1
        at = row["older"]
    row = state.recent[s, entered & (RECENT - 1)]
    row["order_id"] = e["contra_order_id"] if e["kind"] == REPLACE else e["order_id"]
    row["ts"] = ts
    row["price"] = price
    row["size"] = size
    row["older"] = newest
    row["account"] = account
    row["side"] = side
    row["listing"] = o["listing"]
    state.buckets[s, bucket] = entered
    watch["entered"] = entered + 1
    if alike < settings["duplicate_orders"]:
        return count
    hit = hits[count]
    write_hit(hit, e, o, ERROR, DUPLICATE_ORDERS)
    hit["size"] = size
    hit["margin"] = alike
    state.counters[ERRORS] += 1
    return count + 1


@hot_kernel
def note_trade(state, e, o):
    """Remember the last trade of the session as a reference where there is no NBBO."""
    watch = state.watches[o["security"]]
    watch["last_trade"] = o["price"]
    watch["last_trade_ts"] = o["ts"]


@hot_kernel
def check_error(state, queues, e, o, hits, count):
    """ERROR: hold one event against all of it; return how many hits there are then."""
    kind = e["kind"]
    watch = state.watches[o["security"]]
    if watch["session"] != o["session"]:
        watch["session"] = o["session"]
        watch["last_trade"] = UNDEFINED_PRICE
    priced = o["price"] != UNDEFINED_PRICE
    if kind == ADD or kind == REPLACE:
        if o["account"] != 0 and o["side"] != SIDE_NONE:
            count = note_entry(state, queues, e, o, hits, count)
        if (
            priced
            and not o["dark"]
            and not o["flags"] & (AUCTION | MIDPOINT_PEG)
            and watch["halted"] == 0
            and o["side"] != SIDE_NONE
        ):
            count = check_away(state, e, o, hits, count, o["side"], AWAY_ORDER)
    elif o["trade"] != NO_TRADE and priced and not o["flags"] & AUCTION:
        if watch["halted"] == 0:
            count = check_away(state, e, o, hits, count, SIDE_NONE, AWAY_TRADE)
        note_trade(state, e, o)
    return count
