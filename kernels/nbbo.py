"""The security's view over its venues: consolidated depth, NBBO and order-flow imbalance.

The NBBO is the consolidated QUOTE where a feed has one, else the best over the security's lit
books. Depth is always that of the lit books.
"""

import numpy as np

from kernels.jit import hot_kernel
from kernels.layout import UNDEFINED_PRICE
from kernels.market_rows import DEPTH, NO_KEY


@hot_kernel
def side_flow(old_key, old_size, new_key, new_size):
    """Return one side's contribution to the order-flow imbalance, in size units.

    Keys sort from worst to best, so a better price counts the new queue, a worse one the old queue
    as gone, and an equal price the difference. The imbalance is the bid's less the ask's.

    Source: Cont, Kukanov & Stoikov (2014), J. Financial Econometrics 12(1), section 2.1.
    """
    flow = np.int64(0)
    if new_key >= old_key:
        flow += new_size
    if new_key <= old_key:
        flow -= old_size
    return flow


@hot_kernel
def merge_side(
    market,  # MarketState
    s,  # int64: security row
    side,  # 0 bid, 1 ask
):
    """Write the best DEPTH levels over all lit books of the security to `scratch`.

    Equal prices are one level with the sizes summed. Absent levels have NO_KEY and size 0.
    """
    best = market.scratch
    listings = market.listings
    levels = market.levels
    listing = np.int64(market.securities[s]["first_lit"])
    found = 0
    while listing >= 0:
        side_row = market.sides[listing, side]
        count = np.int64(side_row["count"])
        last = side_row["offset"] + count - 1
        place = 0
        for level in range(min(count, DEPTH)):
            row = levels[last - level]
            key = row["key"]
            while place < found and best[place]["key"] > key:
                place += 1
            if place == DEPTH:
                break
            slot = best[place]
            if place < found and slot["key"] == key:
                slot["size"] += row["size"]
                continue
            if found < DEPTH:
                found += 1
            for i in range(found - 1, place, -1):
                best[i] = best[i - 1]
            slot["key"] = key
            slot["size"] = row["size"]
        listing = np.int64(listings[listing]["next_lit"])
    for level in range(found, DEPTH):
        slot = best[level]
        slot["key"] = NO_KEY
        slot["size"] = 0


@hot_kernel
def refresh_side(
    market,  # MarketState
    s,  # int64: security row
    side,  # 0 bid, 1 ask
):
    """Bring one side of the consolidated book up to date.

    Returns (deep, weighted): this side's contributions to the imbalance over levels 2-5, plain and
    weighted, signed as the bid less the ask.

    Source: Xu, Gould & Howison (2019), Market Microstructure and Liquidity 4(3-4).
    """
    merge_side(market, s, side)
    deep = np.int64(0)
    weighted = 0.0
    for level in range(DEPTH):
        old = market.depth[s, side, level]
        new = market.scratch[level]
        if level > 0:
            flow = side_flow(old["key"], old["size"], new["key"], new["size"])
            if side == 1:
                flow = -flow
            deep += flow
            weighted += market.weights[0, level] * flow
        old["key"] = new["key"]
        old["size"] = new["size"]
    return deep, weighted


@hot_kernel
def refresh_depth_sums(
    market,  # MarketState
    s,  # int64: security row
):
    """Recompute the total and the weighted imbalance of levels 1-5; NaN where nothing is shown."""
    total = np.int64(0)
    net = 0.0
    gross = 0.0
    for level in range(DEPTH):
        bid_size = market.depth[s, 0, level]["size"]
        ask_size = market.depth[s, 1, level]["size"]
        total += bid_size + ask_size
        weight = market.weights[1, level]
        net += weight * (bid_size - ask_size)
        gross += weight * (bid_size + ask_size)
    sec = market.securities[s]
    if total > 0:
        sec["depth5"] = total
        sec["depth_imbalance"] = net / gross
    else:
        sec["depth5"] = np.nan
        sec["depth_imbalance"] = np.nan


@hot_kernel
def refresh_nbbo(
    market,  # MarketState
    s,  # int64: security row
):
    """Bring the NBBO and the midpoint up to date; return the imbalance at the touch.

    A security that never showed a quote or depth has twice its last trade price as `mid2`.
    """
    sec = market.securities[s]
    bid = sec["bid"]
    ask = sec["ask"]
    old_bid = bid if bid != UNDEFINED_PRICE else NO_KEY
    old_ask = -ask
    old_bid_size = sec["bid_size"]
    old_ask_size = sec["ask_size"]
    if sec["quote_listing"] >= 0:
        bid = sec["quote_bid"]
        ask = sec["quote_ask"]
        bid_size = sec["quote_bid_size"]
        ask_size = sec["quote_ask_size"]
    else:
        best = market.depth[s, 0, 0]
        bid = best["key"] if best["key"] != NO_KEY else UNDEFINED_PRICE
        bid_size = best["size"]
        best = market.depth[s, 1, 0]
        ask = -best["key"] if best["key"] != NO_KEY else UNDEFINED_PRICE
        ask_size = best["size"]
    sec["bid"] = bid
    sec["ask"] = ask
    sec["bid_size"] = bid_size
    sec["ask_size"] = ask_size
    if bid != UNDEFINED_PRICE and ask != UNDEFINED_PRICE:
        sec["mid2"] = bid + ask
        sec["touch_depth"] = (bid_size + ask_size) / 2.0
    else:
        sec["mid2"] = UNDEFINED_PRICE
        sec["touch_depth"] = np.nan
    new_bid = bid if bid != UNDEFINED_PRICE else NO_KEY
    return side_flow(old_bid, old_bid_size, new_bid, bid_size) - side_flow(
        old_ask, old_ask_size, -ask, ask_size
    )
