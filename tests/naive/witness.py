"""What a level-N file shows of a tape, in plain Python."""

from typing import Any

import numpy as np

from kernels.layout import (
    ADD,
    BID,
    CANCEL,
    EXECUTE,
    LIT_TRADE,
    REPLACE,
    SIDE_NONE,
    TRADE,
    UNDEFINED_PRICE,
)
from kernels.witness import WITNESS
from tests.naive.book import UNDISPLAYED
from tests.naive.observe import NaiveMarket


def within(market: NaiveMarket, row: int, side: int, price: int, levels: int) -> bool:
    """Fewer than `levels` prices of that side of that book are better."""
    if side == SIDE_NONE or price == UNDEFINED_PRICE:
        return False
    shown = [one for one, _ in market.books[row].levels(side)]
    return sum(one > price if side == BID else one < price for one in shown) < levels


def witnessed(market: NaiveMarket, event: np.void, levels: int) -> list[dict[str, Any]]:
    """Apply one event and return the messages that are shown of it."""
    if int(event["instrument_id"]) not in market.rows:
        market.observe(event, 0)
        return []
    o = market.observe(event, 0)
    row, kind, side = o["listing"], o["kind"], o["side"]
    said = {name: o[name] for name in WITNESS.names or () if name in o}
    said["ofi"] = o["ofi_touch"]
    order, new = int(event["order_id"]), int(event["contra_order_id"])
    trade = {**said, "kind": EXECUTE, "order_id": order, "size": o["traded"]}
    entry = {**said, "kind": ADD, "order_id": order, "size": o["added"]}
    gone = {**said, "kind": CANCEL, "order_id": order, "size": o["removed"]}
    if kind in (EXECUTE, TRADE):
        on_book = kind == EXECUTE and o["trade"] == LIT_TRADE
        shown = not on_book or within(market, row, side, o["price"], levels)
        return [trade] if shown else []
    if o["dark"] or int(event["flags"]) & UNDISPLAYED:
        return []
    messages = []
    if kind == REPLACE:
        gone |= {"price": o["old_price"], "ofi": 0.0}
        entry["order_id"] = new or order
    if kind in (CANCEL, REPLACE):
        messages.append(gone)
    if kind in (ADD, REPLACE):
        messages.append(entry)
    return [one for one in messages if within(market, row, side, one["price"], levels)]
