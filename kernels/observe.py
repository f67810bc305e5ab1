"""The block kernel of the market stage: events in, one observation each out.

Every event runs to its end or does not start: where a table might be full the kernel stops before
the event and says what it needs, and the caller grows that and resumes at the same event.
"""

import numpy as np

from kernels.entries import (
    on_add,
    on_cancel,
    on_clear,
    on_execute,
    on_level,
    on_quote,
    on_replace,
    on_status,
    on_trade,
)
from kernels.ids import find_id
from kernels.jit import hot_kernel
from kernels.layout import (
    ADD,
    ASK,
    BAD_TIME,
    BID,
    CANCEL,
    CLEAR,
    DARK,
    EXECUTE,
    HALT,
    LEVEL,
    NO_TRADE,
    ONE_CLOCK,
    QUOTE,
    REPLACE,
    STATUS,
    TRADE,
    UNDEFINED_PRICE,
    UNKNOWN_AGE,
)
from kernels.market_rows import (
    BAD_TIMES,
    CROSSED,
    DAY_NS,
    DONE,
    EPOCHS,
    EVENTS,
    HALF_DAY_NS,
    LATE,
    NEEDS_EPOCHS,
    NEEDS_LEVELS,
    NEEDS_ORDERS,
    NO_DISTANCE,
    ORDERS_USED,
    SESSIONS,
    UNKNOWN_LISTINGS,
)
from kernels.nbbo import refresh_depth_sums, refresh_nbbo, refresh_side


@hot_kernel
def room_for(market, row, kind):
    """Return what must grow before an event of this kind may start, DONE where nothing must."""
    if kind == CLEAR:
        return NEEDS_EPOCHS if market.listings[row]["epoch"] == EPOCHS - 1 else DONE
    if market.table[ORDERS_USED] >= (market.orders.shape[0] >> 3) * 5:
        return NEEDS_ORDERS
    if market.listings[row]["dark"]:
        return DONE
    for side in range(2):
        side_row = market.sides[row, side]
        if side_row["count"] >= side_row["capacity"]:
            return NEEDS_LEVELS
    return DONE


@hot_kernel
def event_time(e, bounds):
    """Return (time, replaced): the venue's time, or the receive time where that is not believable.

    One event from a clock that runs far ahead would make every later one look late.
    """
    ts = e["ts_event"]
    if e["flags"] & ONE_CLOCK or e["ts_recv"] <= 0:
        return ts, False
    if e["flags"] & BAD_TIME or ts - e["ts_recv"] > bounds[0]:
        return e["ts_recv"], True
    return ts, False


@hot_kernel
def roll_session(sec, ts, opening):
    """Open the next session when its time has come, or when the venue opens between sessions.

    Returns whether a session opened. Without a newer definition sessions repeat daily.
    """
    if ts >= sec["next_session"]:
        opened = sec["next_session"] + (ts - sec["next_session"]) // DAY_NS * DAY_NS
        sec["next_session"] = opened + DAY_NS
    elif opening and (sec["session"] == 0 or ts >= sec["opened"] + sec["session_length"]):
        opened = ts
        if sec["next_session"] - ts < HALF_DAY_NS:
            opened = sec["next_session"]
            sec["next_session"] = opened + DAY_NS
    else:
        return False
    sec["opened"] = opened
    sec["session"] += 1
    return True


@hot_kernel
def affiliate_group(groups, account):
    """Return the account's affiliate group, the account itself where none is known."""
    if account == 0:
        return account
    group = find_id(groups, account)
    return account if group < 0 else group


@hot_kernel
def pass_over(e, o):
    """Write the observation of an event whose listing nobody defined."""
    o["ts"] = e["ts_event"]
    o["security"] = -1
    o["listing"] = -1
    o["late"] = 0
    o["session"] = 0
    o["group"] = e["account"]
    o["contra_group"] = e["contra_account"]
    o["dark"] = 1 if e["flags"] & DARK else 0
    o["bid0"] = UNDEFINED_PRICE
    o["ask0"] = UNDEFINED_PRICE
    o["bid"] = UNDEFINED_PRICE
    o["ask"] = UNDEFINED_PRICE
    o["bid_size"] = 0
    o["ask_size"] = 0
    o["mid2_before"] = UNDEFINED_PRICE
    o["mid2"] = UNDEFINED_PRICE
    o["touch_depth"] = np.nan
    o["depth5"] = np.nan
    o["depth_imbalance"] = np.nan


@hot_kernel
def start_observation(e, o, arrival):
    """Write what the event itself says, and the defaults of the rest."""
    o["arrival"] = arrival
    o["kind"] = e["kind"]
    o["side"] = e["side"]
    o["flags"] = e["flags"]
    o["account"] = e["account"]
    o["contra_account"] = e["contra_account"]
    o["instrument_id"] = e["instrument_id"]
    o["price"] = e["price"]
    o["aux_price"] = e["aux_price"]
    o["old_price"] = UNDEFINED_PRICE
    o["trade"] = NO_TRADE
    o["aggressor"] = 0
    o["flow_sign"] = 0
    o["added"] = 0
    o["removed"] = 0
    o["traded"] = 0
    o["min_quantity"] = 0
    o["order_size"] = 0
    o["order_left"] = 0
    o["age"] = UNKNOWN_AGE
    o["contra_age"] = UNKNOWN_AGE
    o["reference_age"] = UNKNOWN_AGE
    o["distance"] = NO_DISTANCE
    o["nbbo_changed"] = 0
    o["quoted"] = 0
    o["crossed"] = 0
    o["ofi_touch"] = 0.0
    o["ofi_deep"] = 0.0
    o["ofi_integrated"] = 0.0


@hot_kernel
def tick_distance(o, tick):
    """Return how many whole ticks the price lies behind its side's best before the event."""
    if o["price"] == UNDEFINED_PRICE:
        return np.int64(NO_DISTANCE)
    if o["side"] == BID and o["bid0"] != UNDEFINED_PRICE:
        behind = (o["bid0"] - o["price"]) // tick
    elif o["side"] == ASK and o["ask0"] != UNDEFINED_PRICE:
        behind = (o["price"] - o["ask0"]) // tick
    else:
        return np.int64(NO_DISTANCE)
    return max(np.int64(NO_DISTANCE + 1), min(np.int64(2**31 - 1), behind))


@hot_kernel
def apply_event(market, row, e, o):
    """Let the event change orders, books and quotes; return which views must be refreshed.

    Bit 0: best bid levels, bit 1: best ask levels, bit 2: the NBBO's source.
    """
    kind = e["kind"]
    if kind == ADD:
        return on_add(market, row, e, o)
    if kind == CANCEL:
        return on_cancel(market, row, e, o)
    if kind == EXECUTE:
        return on_execute(market, row, e, o)
    if kind == REPLACE:
        return on_replace(market, row, e, o)
    if kind == LEVEL:
        return on_level(market, row, e)
    if kind == QUOTE:
        return on_quote(market, row, e)
    if kind == TRADE:
        return on_trade(market, row, e, o)
    if kind == STATUS:
        return on_status(market, row, e)
    if kind == CLEAR:
        return on_clear(market, row)
    return 0


@hot_kernel
def refresh(market, s, o, stale):
    """Bring the security's view up to date after an event and write it to the observation."""
    sec = market.securities[s]
    deep = np.int64(0)
    weighted = 0.0
    if stale & 3:
        sec["has_depth"] = 1
        for side in range(2):
            if stale & (1 << side):
                side_deep, side_weighted = refresh_side(market, s, side)
                deep += side_deep
                weighted += side_weighted
        refresh_depth_sums(market, s)
    if stale:
        touch = refresh_nbbo(market, s)
        o["ofi_touch"] = touch
        o["ofi_deep"] = deep
        o["ofi_integrated"] = market.weights[0, 0] * touch + weighted
    if sec["has_depth"] == 0 and sec["last_trade"] != UNDEFINED_PRICE:
        sec["mid2"] = 2 * sec["last_trade"]
    o["bid"] = sec["bid"]
    o["ask"] = sec["ask"]
    o["bid_size"] = sec["bid_size"]
    o["ask_size"] = sec["ask_size"]
    o["mid2"] = sec["mid2"]
    o["touch_depth"] = sec["touch_depth"]
    o["depth5"] = sec["depth5"]
    o["depth_imbalance"] = sec["depth_imbalance"]
    if o["bid"] != o["bid0"] or o["ask"] != o["ask0"]:
        o["nbbo_changed"] = 1
    if o["bid"] != UNDEFINED_PRICE and o["ask"] != UNDEFINED_PRICE:
        o["quoted"] = 1
        if o["bid"] >= o["ask"]:
            o["crossed"] = 1
            market.counters[CROSSED] += 1


@hot_kernel
def observe_event(market, row, e, o):
    """Apply one event of a known listing and write its observation."""
    listing = market.listings[row]
    s = np.int64(listing["security"])
    sec = market.securities[s]
    ts, replaced = event_time(e, market.bounds)
    if replaced:
        market.counters[BAD_TIMES] += 1
    if sec["seen"] == 0:
        sec["seen"] = 1
        sec["clock"] = ts
    late = ts < sec["clock"]
    if late:
        ts = sec["clock"]
        market.counters[LATE] += 1
    else:
        sec["clock"] = ts
    kind = e["kind"]
    if ts >= sec["next_session"] or kind == STATUS:
        opening = kind == STATUS and not e["flags"] & HALT and listing["halted"] == 0
        if roll_session(sec, ts, opening):
            market.counters[SESSIONS] += 1
    o["ts"] = ts
    o["security"] = s
    o["listing"] = row
    o["late"] = late
    o["session"] = sec["session"]
    o["dark"] = 1 if listing["dark"] or e["flags"] & DARK else 0
    o["bid0"] = sec["bid"]
    o["ask0"] = sec["ask"]
    o["mid2_before"] = sec["mid2"]
    stale = apply_event(market, row, e, o)
    if kind <= EXECUTE or kind == LEVEL:
        o["distance"] = tick_distance(o, listing["tick"])
    o["group"] = affiliate_group(market.groups, np.int64(o["account"]))
    o["contra_group"] = affiliate_group(market.groups, np.int64(o["contra_account"]))
    refresh(market, s, o, stale)


@hot_kernel
def observe(
    events,  # (N,) EVENT
    first,  # int64: where to resume
    arrival,  # int64: daemon-wide index of events[0]
    market,  # MarketState
    out,  # (>= N,) OBSERVATION
):
    """Apply events[first:] in order and write their observations.

    Returns (done, reason): the index of the first event not applied, N at the end, and what it
    needs: NEEDS_ORDERS, NEEDS_LEVELS or NEEDS_EPOCHS of its listing.
    Cost: O(1) an event, but for levels far from the touch (binary search and a move).
    """
    for i in range(first, events.shape[0]):
        e = events[i]
        o = out[i]
        row = find_id(market.instruments, np.int64(e["instrument_id"]))
        if row >= 0:
            reason = room_for(market, row, e["kind"])
            if reason != DONE:
                return i, reason
        start_observation(e, o, arrival + i)
        market.counters[EVENTS] += 1
        if row >= 0:
            observe_event(market, row, e, o)
        else:
            market.counters[UNKNOWN_LISTINGS] += 1
            pass_over(e, o)
    return events.shape[0], DONE
