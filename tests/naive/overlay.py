"""A lit book in plain dicts that refuses every laid-over event that contradicts a recorded one."""

from typing import Any

from kernels.layout import (
    ADD,
    ASK,
    BID,
    CANCEL,
    EXECUTE,
    HIDDEN,
    LEVEL,
    REPLACE,
    UNDEFINED_PRICE,
)
from tests.naive.book import UNDISPLAYED, NaiveBook, NaiveOrder


def crosses(side: int, price: int, other: int) -> bool:
    return price >= other if side == BID else price <= other


def worse(side: int, price: int, other: int) -> bool:
    return price < other if side == BID else price > other


class OverlaidBook:
    """One lit listing, recorded and own orders together; `apply` asserts that each row is legal.

    `entered` of an order is the row of its entry, so smaller is earlier.
    """

    def __init__(self, used: set[int], levels: int) -> None:
        self.book = NaiveBook(dark=False)
        self.own: dict[int, NaiveOrder] = {}
        self.used = used  # ids of recorded orders
        self.levels = levels  # shown by the tape; 0 = all
        self.row = 0

    def best(self, side: int) -> int | None:
        ladder = self.book.levels(side)
        return ladder[0][0] if ladder else None

    def apply(self, e: Any, own: bool) -> None:
        self.row += 1
        if own:
            self._own(e)
        else:
            self._recorded(e)
        for order_id, order in self.own.items():
            shown = self.book.shown[order.side].get(order.price, 0)
            assert shown >= order.left, "less is shown at a price than rests there"
            other = self.best(ASK if order.side == BID else BID)
            assert other is None or not crosses(order.side, order.price, other), "crossed"
            assert self.book.orders[order_id] is order
            if self.levels:
                before = sum(
                    worse(order.side, order.price, price) for price in self.book.shown[order.side]
                )
                assert before < self.levels, "an own order is not among the shown levels"

    def _own(self, e: Any) -> None:
        order_id, side, price, size = (
            int(e[name]) for name in ("order_id", "side", "price", "size")
        )
        assert size > 0
        assert int(e["account"]) == int(e["contra_account"]) == 0
        bid, ask = self.best(BID), self.best(ASK)
        assert bid is not None
        assert ask is not None
        if e["kind"] == ADD:
            assert order_id > 0
            assert order_id not in self.used
            self.used.add(order_id)
            assert not crosses(side, price, ask if side == BID else bid)
            order = NaiveOrder(side, price, size, size, self.row, 0, True)
            self.own[order_id] = self.book.orders[order_id] = order
            self.book.show(side, price, size)
        elif e["kind"] == CANCEL:
            order = self.own.pop(order_id)
            assert (order.side, order.price, order.left) == (side, price, size)
            self.book.reduce(order_id, size)
        elif e["flags"] & HIDDEN:
            assert e["kind"] == EXECUTE
            assert order_id == 0
            assert bid < price < ask
        else:
            assert e["kind"] == EXECUTE
            order = self.own[order_id]
            assert (order.side, order.price) == (side, price)
            assert 0 < size <= order.left
            assert self.best(side) == price, "a better price was shown"
            later = sum(
                o.left
                for o in self.book.orders.values()
                if o.shown and (o.side, o.price) == (side, price) and o.entered >= order.entered
            )
            assert self.book.shown[side][price] == later, "the queue before it was not gone"
            self.book.reduce(order_id, size)
            if order_id not in self.book.orders:
                del self.own[order_id]

    def _recorded(self, e: Any) -> None:
        kind, side, price, size = (int(e[name]) for name in ("kind", "side", "price", "size"))
        order_id = int(e["order_id"])
        assert order_id not in self.own
        order = self.book.orders.get(order_id)
        shown = self.book.displays(side, price, int(e["flags"]))
        if kind in (ADD, REPLACE):
            if kind == REPLACE:
                side = order.side if order is not None else side
                if order is not None:
                    self.book.reduce(order_id, order.left)
                order_id = int(e["contra_order_id"]) or order_id
            assert not any(
                o.side != side and price != UNDEFINED_PRICE and crosses(side, price, o.price)
                for o in self.own.values()
            ), "a recorded order meets an own one"
            new = NaiveOrder(side, price, size, size, self.row, 0, shown)
            self.book.orders[order_id] = new
            if shown:
                self.book.show(side, price, size)
        elif kind == LEVEL:
            assert (side, price) not in {(o.side, o.price) for o in self.own.values()}
            self.book.correct(side, price, size)
        elif kind in (CANCEL, EXECUTE):
            if kind == EXECUTE:
                self._filled_before_own(e, order)
            if order is not None:
                self.book.reduce(order_id, min(size, order.left))
            elif order_id and not int(e["flags"]) & UNDISPLAYED:
                self.book.hide(side, price, size)

    def _filled_before_own(self, e: Any, order: NaiveOrder | None) -> None:
        side, price = int(e["side"]), int(e["price"])
        hidden = bool(e["flags"] & HIDDEN)
        for own in self.own.values():
            if own.side == side:
                assert not worse(side, price, own.price), "traded through an own order"
                if own.price == price:
                    assert not hidden, "a hidden order was filled before an own displayed one"
                    assert order is None or order.entered < own.entered, "jumped an own order"
            elif hidden:
                assert not crosses(side, price, own.price), "an own order stood across a hidden one"
