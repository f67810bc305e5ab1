"""A listing's orders and displayed levels in plain dicts, from the words of wire.md."""

from dataclasses import dataclass, field

from kernels.layout import (
    BID,
    CONDITIONAL,
    DARK,
    FOK,
    HIDDEN,
    IOC,
    MIDPOINT_PEG,
    SIDE_NONE,
    UNDEFINED_PRICE,
)

UNDISPLAYED = DARK | HIDDEN | MIDPOINT_PEG | IOC | FOK | CONDITIONAL


@dataclass
class NaiveOrder:
    side: int
    price: int
    size: int
    left: int
    entered: int
    account: int
    shown: bool


@dataclass
class NaiveBook:
    """One listing: what rests by order id, and what each price shows."""

    dark: bool
    orders: dict[int, NaiveOrder] = field(default_factory=dict)
    shown: dict[int, dict[int, int]] = field(default_factory=lambda: {1: {}, 2: {}})
    missing_levels: int = 0

    def displays(self, side: int, price: int, flags: int) -> bool:
        return (
            not self.dark
            and side != SIDE_NONE
            and price != UNDEFINED_PRICE
            and not flags & UNDISPLAYED
        )

    def show(self, side: int, price: int, size: int) -> None:
        self.shown[side][price] = self.shown[side].get(price, 0) + size

    def hide(self, side: int, price: int, size: int) -> None:
        level = self.shown[side]
        if price not in level:
            self.missing_levels += 1
            return
        level[price] -= size
        if level[price] <= 0:
            del level[price]

    def correct(self, side: int, price: int, size: int) -> None:
        if size:
            self.shown[side][price] = size
        else:
            self.shown[side].pop(price, None)

    def reduce(self, order_id: int, size: int) -> None:
        order = self.orders[order_id]
        if order.shown:
            self.hide(order.side, order.price, size)
        order.left -= size
        if order.left == 0:
            del self.orders[order_id]

    def clear(self) -> None:
        self.orders.clear()
        self.shown = {1: {}, 2: {}}

    def levels(self, side: int) -> list[tuple[int, int]]:
        """(price, size), the best first."""
        return sorted(self.shown[side].items(), reverse=side == BID)
