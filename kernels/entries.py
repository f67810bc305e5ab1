"""What each kind of event does to the orders and books of its listing.

Every function applies one event `e`, completes its observation `o` and returns which of the
security's views are stale: bit 0 best bid levels, bit 1 best ask levels, bit 2 the NBBO's source.
A name that is not known is a state of the market, not an error: it is counted, and the event's own
price, side and size are used where it has them.
"""

import numpy as np

from kernels.book import add_depth, price_key, set_depth, take_depth
from kernels.jit import hot_kernel
from kernels.layout import (
    ASK,
    AUCTION,
    BID,
    DARK,
    DARK_TRADE,
    HALT,
    HIDDEN,
    HIDDEN_TRADE,
    I64_MAX,
    LIT_TRADE,
    MIDPOINT_PEG,
    SIDE_NONE,
    UNDEFINED_PRICE,
)
from kernels.market_rows import (
    CLEARS,
    DUPLICATE_ORDERS,
    HALTS,
    LEVEL_CORRECTIONS,
    NOT_SHOWN,
    OVERSIZED,
    UNKNOWN_ORDERS,
)
from kernels.orders import book_key, find_order, free_slot, remove_order

_SIDE_BITS = 3
_SHOWN_BIT = 8
_NONE = np.uint64(0)
_UNSHOWN_RESTING = DARK | HIDDEN | MIDPOINT_PEG  # the other flags tell of the incoming order


@hot_kernel
def side_sign(side):
    """Return +1 for a bid, -1 for an ask, 0 for neither."""
    if side == BID:
        return 1
    if side == ASK:
        return -1
    return 0


@hot_kernel
def listing_key(listing, row):
    """Return the key of the listing's present orders; -1, which matches none, without an epoch."""
    if listing["epoch"] < 0:
        return np.int64(-1)
    return book_key(row, listing["epoch"])


@hot_kernel
def reduce_order(market, row, slot, quantity):
    """Take `quantity` off a resting order and what it shows; free the order when none is left."""
    order = market.orders[slot]
    tag = np.int64(order["tag"])
    stale = 0
    if tag & _SHOWN_BIT:
        side = (tag & _SIDE_BITS) - 1
        key = price_key(side, order["price"])
        side_row = market.sides[row, side]
        if take_depth(market.levels, side_row, key, quantity, market.counters):
            stale = 1 << side
    if order["left"] > quantity:
        order["left"] -= quantity
    else:
        remove_order(market.orders, market.table, slot)
    return stale


@hot_kernel
def enter_order(market, row, e, o, order_id, side):
    """Let an order rest, and show it where it is displayed; an order of that id is replaced."""
    listing = market.listings[row]
    price = e["price"]
    size = np.int64(e["size"])
    stale = 0
    shown = (
        listing["dark"] == 0
        and side != SIDE_NONE
        and price != UNDEFINED_PRICE
        and not e["flags"] & NOT_SHOWN
    )
    if order_id != _NONE and size > 0:
        key = listing_key(listing, row)
        slot = find_order(market.orders, order_id, key)
        if slot >= 0:
            market.counters[DUPLICATE_ORDERS] += 1
            stale = reduce_order(market, row, slot, market.orders[slot]["left"])
        slot = free_slot(market.orders, market.table, order_id, key)
        order = market.orders[slot]
        order["order_id"] = order_id
        order["price"] = price
        order["entered"] = o["ts"]
        order["size"] = size
        order["left"] = size
        order["account"] = o["account"]
        order["tag"] = (key << 4) | (_SHOWN_BIT if shown else 0) | side
    if shown and add_depth(
        market.levels, market.sides[row, side - 1], price_key(side - 1, price), size
    ):
        stale |= 1 << (side - 1)
    o["added"] = size
    o["min_quantity"] = np.int64(e["aux_size"])
    return stale


@hot_kernel
def describe_order(o, order):
    """Write what is known of the resting order that an event concerns."""
    o["order_size"] = order["size"]
    o["age"] = o["ts"] - order["entered"]
    if o["account"] == 0:
        o["account"] = order["account"]
    if o["side"] == SIDE_NONE:
        o["side"] = np.int64(order["tag"]) & _SIDE_BITS


@hot_kernel
def take_unknown(market, row, e, unshown):
    """Take an event's own quantity off the book: its order was never shown to us.

    Events with a flag of `unshown` name orders that displayed nothing.
    """
    side = np.int64(e["side"]) - 1
    if (
        market.listings[row]["dark"]
        or side < 0
        or e["price"] == UNDEFINED_PRICE
        or e["flags"] & unshown
    ):
        return 0
    key = price_key(side, e["price"])
    side_row = market.sides[row, side]
    if take_depth(market.levels, side_row, key, np.int64(e["size"]), market.counters):
        return 1 << side
    return 0


@hot_kernel
def on_add(market, row, e, o):
    """ADD: an order enters."""
    side = np.int64(e["side"])
    stale = enter_order(market, row, e, o, e["order_id"], side)
    o["order_size"] = o["added"]
    o["order_left"] = o["added"]
    o["age"] = 0
    o["flow_sign"] = side_sign(side)
    return stale


@hot_kernel
def on_cancel(market, row, e, o):
    """CANCEL: some or all of a resting order is withdrawn."""
    size = np.int64(e["size"])
    slot = np.int64(-1)
    if e["order_id"] != _NONE:
        slot = find_order(market.orders, e["order_id"], listing_key(market.listings[row], row))
        if slot < 0:
            market.counters[UNKNOWN_ORDERS] += 1
    if slot < 0:
        o["removed"] = size
        o["flow_sign"] = -side_sign(o["side"])
        return take_unknown(market, row, e, NOT_SHOWN)
    order = market.orders[slot]
    left = order["left"]
    if size > left:
        market.counters[OVERSIZED] += 1
        size = left
    describe_order(o, order)
    o["price"] = order["price"]
    o["removed"] = size
    o["order_left"] = left - size
    o["flow_sign"] = -side_sign(o["side"])
    return reduce_order(market, row, slot, size)


@hot_kernel
def on_replace(market, row, e, o):
    """REPLACE: the old order goes with all it had left, the new one enters in its place."""
    stale = 0
    slot = np.int64(-1)
    new_id = e["contra_order_id"] if e["contra_order_id"] != _NONE else e["order_id"]
    if e["order_id"] != _NONE:
        slot = find_order(market.orders, e["order_id"], listing_key(market.listings[row], row))
        if slot < 0:
            market.counters[UNKNOWN_ORDERS] += 1
    if slot >= 0:
        order = market.orders[slot]
        describe_order(o, order)
        o["removed"] = order["left"]
        o["old_price"] = order["price"]
        stale = reduce_order(market, row, slot, order["left"])
    stale |= enter_order(market, row, e, o, new_id, np.int64(o["side"]))
    o["order_left"] = o["added"]
    return stale


@hot_kernel
def dark_aggressor(o, resting_ns):
    """Return the sign of the later order of a dark print, 0 where both had rested.

    An order that was entered less than `resting_ns` ago is taken to have come to trade: venues
    publish its entry and its execution apart.
    """
    sign = side_sign(o["side"])
    contra_rests = o["contra_age"] >= resting_ns
    named_rests = o["age"] < 0 or o["age"] >= resting_ns
    if contra_rests and named_rests:
        return 0
    if contra_rests or (o["age"] >= 0 and o["contra_age"] > o["age"]):
        return sign
    return -sign


@hot_kernel
def book_trade(market, row, e, o, aggressor):
    """Write what is common to all trades."""
    sec = market.securities[market.listings[row]["security"]]
    o["traded"] = np.int64(e["size"])
    o["aggressor"] = aggressor
    o["flow_sign"] = aggressor
    if o["dark"] and e["ts_ref"] != I64_MAX:
        o["reference_age"] = max(np.int64(0), e["ts_event"] - e["ts_ref"])
    if o["price"] != UNDEFINED_PRICE:
        sec["last_trade"] = o["price"]


@hot_kernel
def on_execute(market, row, e, o):
    """EXECUTE: a resting order trades with an incoming one, which may have rested too."""
    size = np.int64(e["size"])
    key = listing_key(market.listings[row], row)
    named = e["order_id"]
    contra = e["contra_order_id"]
    stale = 0
    hidden = (e["flags"] & HIDDEN) != 0 or (named == _NONE and not e["flags"] & AUCTION)
    if named != _NONE:
        slot = find_order(market.orders, named, key)
        if slot >= 0:
            order = market.orders[slot]
            if o["price"] == UNDEFINED_PRICE:
                o["price"] = order["price"]
            hidden = hidden or (np.int64(order["tag"]) & _SHOWN_BIT) == 0
            describe_order(o, order)
            if size > order["left"]:
                market.counters[OVERSIZED] += 1
            o["order_left"] = max(np.int64(0), order["left"] - size)
            stale = reduce_order(market, row, slot, min(size, order["left"]))
        else:
            market.counters[UNKNOWN_ORDERS] += 1
            stale = take_unknown(market, row, e, _UNSHOWN_RESTING)
    if contra != _NONE and contra != named:
        slot = find_order(market.orders, contra, key)
        if slot >= 0:
            order = market.orders[slot]
            o["contra_age"] = o["ts"] - order["entered"]
            if o["contra_account"] == 0:
                o["contra_account"] = order["account"]
            stale |= reduce_order(market, row, slot, min(size, order["left"]))
    if o["dark"]:
        o["trade"] = DARK_TRADE
        aggressor = dark_aggressor(o, market.bounds[1])
    else:
        o["trade"] = HIDDEN_TRADE if hidden else LIT_TRADE
        aggressor = -side_sign(o["side"])
    book_trade(market, row, e, o, aggressor)
    return stale


@hot_kernel
def on_trade(market, row, e, o):
    """TRADE: a print that names no resting order and moves no book."""
    if o["dark"]:
        o["trade"] = DARK_TRADE
    else:
        o["trade"] = HIDDEN_TRADE if e["flags"] & HIDDEN else LIT_TRADE
    book_trade(market, row, e, o, side_sign(e["side"]))
    return 0


@hot_kernel
def on_level(market, row, e):
    """LEVEL: what a price shows is now this; orders keep what they have."""
    side = np.int64(e["side"]) - 1
    market.counters[LEVEL_CORRECTIONS] += 1
    if market.listings[row]["dark"] or side < 0 or e["price"] == UNDEFINED_PRICE:
        return 0
    key = price_key(side, e["price"])
    if set_depth(market.levels, market.sides[row, side], key, np.int64(e["size"])):
        return 1 << side
    return 0


@hot_kernel
def on_quote(market, row, e):
    """QUOTE: the consolidated best bid and offer; one without any side withdraws it."""
    sec = market.securities[market.listings[row]["security"]]
    sec["quote_bid"] = e["price"]
    sec["quote_ask"] = e["aux_price"]
    sec["quote_bid_size"] = np.int64(e["size"]) if e["price"] != UNDEFINED_PRICE else 0
    sec["quote_ask_size"] = np.int64(e["aux_size"]) if e["aux_price"] != UNDEFINED_PRICE else 0
    if e["price"] == UNDEFINED_PRICE and e["aux_price"] == UNDEFINED_PRICE:
        sec["quote_listing"] = -1
    else:
        sec["quote_listing"] = row
        sec["has_depth"] = 1
    return 4


@hot_kernel
def on_status(market, row, e):
    """STATUS: the venue halts or resumes."""
    listing = market.listings[row]
    listing["halted"] = 1 if e["flags"] & HALT else 0
    if listing["halted"]:
        market.counters[HALTS] += 1
    return 0


@hot_kernel
def on_clear(market, row):
    """CLEAR: the listing's orders, levels and QUOTE are gone."""
    listing = market.listings[row]
    market.counters[CLEARS] += 1
    listing["epoch"] += 1
    stale = 0
    for side in range(2):
        side_row = market.sides[row, side]
        if side_row["count"] > 0:
            side_row["count"] = 0
            stale |= 1 << side
    sec = market.securities[listing["security"]]
    if sec["quote_listing"] == row:
        sec["quote_listing"] = -1
        stale |= 4
    return stale
