"""The recorded book of one lit listing, with its queues, in plain dicts.

What the overlay may do depends on who stands before whom, so orders are kept by price in the order
of their entry. About 3 us an event: a tape is read once and offline.
"""

from bisect import bisect_left, insort
from dataclasses import dataclass
from typing import Final, NamedTuple

from darkpool_watch.units import UNDEFINED_PRICE
from kernels.layout import (
    ADD,
    ASK,
    BID,
    CANCEL,
    CLEAR,
    CONDITIONAL,
    DARK,
    EXECUTE,
    FOK,
    HIDDEN,
    IOC,
    LEVEL,
    MIDPOINT_PEG,
    REPLACE,
    SIDE_NONE,
)

UNDISPLAYED: Final = DARK | HIDDEN | MIDPOINT_PEG | IOC | FOK | CONDITIONAL


class Event(NamedTuple):
    """The columns of one EVENT row that a book needs, as plain integers, in this order."""

    kind: int
    side: int
    price: int  # 1e-9 currency
    size: int
    order_id: int
    contra_order_id: int
    flags: int


@dataclass
class Resting:
    """One recorded order."""

    side: int
    price: int
    left: int
    entered: float  # row of its entry: a smaller one has priority
    shown: bool


def better(side: int, price: int, other: int) -> bool:
    """Return whether `price` stands before `other` on its side."""
    return price > other if side == BID else price < other


def meets(side: int, price: int, other_price: int) -> bool:
    """Return whether an order of `side` at `price` would trade with one opposite."""
    return price >= other_price if side == BID else price <= other_price


class Book:
    """Displayed sizes by price, and the recorded orders that are known by id."""

    def __init__(self) -> None:
        self.orders: dict[int, Resting] = {}
        self.sizes: dict[int, dict[int, int]] = {BID: {}, ASK: {}}
        self.prices: dict[int, list[int]] = {BID: [], ASK: []}  # ascending
        self._at: dict[tuple[int, int], dict[int, Resting]] = {}

    def best(self, side: int) -> int | None:
        """Return the best displayed price of a side."""
        prices = self.prices[side]
        if not prices:
            return None
        return prices[-1] if side == BID else prices[0]

    def levels_before(self, side: int, price: int) -> int:
        """Return how many displayed levels of a side are better than `price`."""
        prices = self.prices[side]
        place = bisect_left(prices, price)
        if side == ASK:
            return place
        return len(prices) - place - (place < len(prices) and prices[place] == price)

    def ahead(self, side: int, price: int, entered: float) -> int:
        """Return the displayed size at a price that entered before row `entered`.

        What no known order explains was there before the tape, or before it came into view.
        """
        later = sum(
            order.left
            for order in self._at.get((side, price), {}).values()
            if order.shown and order.entered > entered
        )
        return self.sizes[side].get(price, 0) - later

    def apply(self, e: Event, row: int) -> None:
        """Apply the recorded event of one row."""
        if e.kind == ADD:
            self._enter(e.order_id, e, e.side, row)
        elif e.kind == CANCEL or e.kind == EXECUTE:
            self._remove(e)
        elif e.kind == REPLACE:
            old = self.orders.get(e.order_id)
            side = old.side if old is not None else e.side
            if old is not None:
                self._reduce(e.order_id, old.left)
            if side != SIDE_NONE:
                self._enter(e.contra_order_id or e.order_id, e, side, row)
        elif e.kind == LEVEL:
            self._show(e.side, e.price, e.size - self.sizes[e.side].get(e.price, 0))
        elif e.kind == CLEAR:
            self.__init__()  # type: ignore[misc]

    def _enter(self, order_id: int, e: Event, side: int, row: int) -> None:
        shown = e.price != UNDEFINED_PRICE and not e.flags & UNDISPLAYED
        if order_id in self.orders:
            self._reduce(order_id, self.orders[order_id].left)
        order = Resting(side, e.price, e.size, row, shown)
        self.orders[order_id] = order
        self._at.setdefault((side, e.price), {})[order_id] = order
        if shown:
            self._show(side, e.price, e.size)

    def _remove(self, e: Event) -> None:
        order = self.orders.get(e.order_id)
        if order is not None:
            self._reduce(e.order_id, min(e.size, order.left))
        elif e.order_id and e.side != SIDE_NONE and not e.flags & UNDISPLAYED:
            self._show(e.side, e.price, -e.size)
        if e.kind == EXECUTE and e.contra_order_id in self.orders:
            other = self.orders[e.contra_order_id]
            self._reduce(e.contra_order_id, min(e.size, other.left))

    def _reduce(self, order_id: int, size: int) -> None:
        order = self.orders[order_id]
        order.left -= size
        if order.shown:
            self._show(order.side, order.price, -size)
        if order.left <= 0:
            del self.orders[order_id]
            here = self._at[order.side, order.price]
            del here[order_id]
            if not here:
                del self._at[order.side, order.price]

    def _show(self, side: int, price: int, more: int) -> None:
        """Change what a price shows; a level never goes below nothing."""
        sizes = self.sizes[side]
        before = sizes.get(price, 0)
        after = before + more
        if after > 0:
            sizes[price] = after
            if before == 0:
                insort(self.prices[side], price)
        elif before > 0:
            del sizes[price]
            prices = self.prices[side]
            del prices[bisect_left(prices, price)]
