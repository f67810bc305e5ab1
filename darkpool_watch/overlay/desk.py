"""What one laid-over episode may do: its own orders on a recorded book that does not react.

The recorded events stay as they are, so an own order may neither trade with a recorded order nor
stand where a recorded event says that nobody stood. `Dropped` ends the episode where it does:

- a recorded order enters at a price that would have met an own one,
- a recorded execution, of displayed or hidden quantity or as a print, happens at a worse price than
  an own order's, or at its price on an order that entered after it,
- a hidden recorded order turns out to have stood where an own one would have met it,
- the book halts, clears, is corrected at an own price, has no other side or is crossed,
- a pool printed by a quote that an own order had moved (`moved` says when; the stage looks),
- an own order leaves the levels that the tape shows: its cancel would not be on such a tape.

The fill that spoofing and layering are for is the open question on a static book: nothing recorded
may be consumed, and no recorded order arrives to trade. So the other party is laid over too: an
aggressor that exists only as the execution it causes, and is exactly as large. Two kinds are
plausible. Either the genuine order is displayed and first in its queue (it improves the touch, or
all that stood before it has gone), where price-time priority gives it every aggressor of any size;
or it rests hidden strictly between the quotes, where tapes print such executions without ever
having shown the order. Both leave every recorded order with the queue it had.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from darkpool_watch.overlay.book import Book, Event, better, meets
from darkpool_watch.overlay.habits import Habits
from darkpool_watch.units import UNDEFINED_PRICE
from kernels.layout import (
    ADD,
    ASK,
    AUCTION,
    BID,
    CANCEL,
    CLEAR,
    EXECUTE,
    HIDDEN,
    LEVEL,
    REPLACE,
    SIDE_NONE,
    STATUS,
    TRADE,
)

NO_ORDER: Final = -1


class Dropped(Exception):
    """The episode cannot have happened on this tape; its text is the reason, for counting."""


@dataclass
class Own:
    """One own order."""

    number: int  # within the episode
    side: int
    price: int
    size: int
    left: int
    entered: float


@dataclass(frozen=True)
class Row:
    """One own record, still without ids and place."""

    ts: int
    kind: int
    side: int
    price: int
    size: int
    order: int  # Own.number; NO_ORDER: a hidden one
    flags: int


class Desk:
    """One episode's orders and records.

    Attributes:
        now: ns, the time at which it acts; row: the newest recorded row before it.
        live: own orders that rest. rows: what it has sent. evidence: ns, -1 = not yet.
    """

    def __init__(self, book: Book, habits: Habits, rng: np.random.Generator) -> None:
        self.book = book
        self.habits = habits
        self.rng = rng
        self.now = 0
        self.row = -1
        self.live: list[Own] = []
        self.rows: list[Row] = []
        self.evidence = -1
        self.moved: list[list[int]] = []  # from when to when an own order was the touch, ns
        self._moving = False
        self._orders = 0

    def touch(self, side: int) -> int:
        """Return the best recorded price of a side of a sound book."""
        bid, ask = self.book.best(BID), self.book.best(ASK)
        if bid is None or ask is None:
            raise Dropped("the book had one side only")
        if bid >= ask:
            raise Dropped("the book was crossed")
        return bid if side == BID else ask

    def inside(self, side: int, steps: int) -> int:
        """Return the price `steps` of the grid inside the touch; negative is behind it."""
        return self.touch(side) + (steps if side == BID else -steps) * self.habits.grid

    def room(self) -> int:
        """Return how many prices of the grid lie strictly between the quotes, own ones included."""
        bid = max([self.touch(BID), *(o.price for o in self.live if o.side == BID)])
        ask = min([self.touch(ASK), *(o.price for o in self.live if o.side == ASK)])
        return max(0, (ask - bid) // self.habits.grid - 1)

    def depth(self, side: int, price: int, more: int | None = None) -> int:
        """Return how many levels, recorded, own or at `more`, stand before a price of a side."""
        mine = {own.price for own in self.live if own.side == side}
        if more is not None:
            mine.add(more)
        held = self.book.sizes[side]
        extra = sum(better(side, one, price) and one not in held for one in mine)
        return self.book.levels_before(side, price) + extra

    def fits(self, side: int, price: int) -> bool:
        """Return whether a new order at `price` and the own ones behind it would be shown.

        A quarter of the levels is kept free, because recorded orders open levels too.
        """
        levels = self.habits.levels
        if not levels:
            return True
        behind = (own.price for own in self.live if own.side == side)
        return self.depth(side, price) < levels - levels // 4 and all(
            self.depth(side, one, price) < levels for one in behind
        )

    def behind(self, side: int, steps: int) -> int:
        """Return a price at or behind the touch that fits: `steps` off it, else a recorded one."""
        price = self.inside(side, -steps)
        if price > 0 and self.fits(side, price):
            return price
        held = [one for one in self.book.prices[side] if self.fits(side, one)]
        return int(self.rng.choice(held)) if held else self.touch(side)

    def enter(self, side: int, price: int, size: int) -> Own:
        """Enter a displayed order, one step off the other side's best where it would meet that."""
        other = self.touch(BID + ASK - side)
        for one in self.live:
            if one.side != side and better(one.side, one.price, other):
                other = one.price
        if meets(side, price, other):
            price = other - self.habits.grid if side == BID else other + self.habits.grid
        if price <= 0 or not self.fits(side, price):
            raise Dropped("no shown level was free")
        # Behind every recorded row so far and before those to come.
        own = Own(self._orders, side, price, size, size, self.row + 0.5)
        self._orders += 1
        self.live.append(own)
        self._send(ADD, side, price, size, own.number, self.habits.entry_flags)
        return own

    def pull(self, own: Own) -> int:
        """Cancel what is left of an order and return it; 0 where it is gone."""
        if own not in self.live:
            return 0
        self.live.remove(own)
        self._send(CANCEL, own.side, own.price, own.left, own.number, self.habits.entry_flags)
        return own.left

    def is_first(self, own: Own) -> bool:
        """Return whether the next aggressor would meet this order before any other."""
        mine = [o for o in self.live if o.side == own.side and o is not own]
        if own not in self.live or any(
            better(o.side, o.price, own.price) or (o.price == own.price and o.number < own.number)
            for o in mine
        ):
            return False
        if self.touch(own.side) == own.price:
            return self.book.ahead(own.side, own.price, own.entered) <= 0
        return better(own.side, own.price, self.touch(own.side))

    def fill(self, own: Own, size: int) -> int:
        """Execute an order that is first in line against a laid-over aggressor of that size."""
        assert self.is_first(own)
        size = min(size, own.left)
        own.left -= size
        if own.left == 0:
            self.live.remove(own)
        self._send(EXECUTE, own.side, own.price, size, own.number, self.habits.trade_flags)
        return size

    def fill_hidden(self, side: int, size: int) -> int:
        """Execute a hidden own order strictly between the quotes; nothing shows but the print."""
        room = self.room()
        if not self.habits.hides or room == 0:
            raise Dropped("the genuine order could not be filled")
        bid = max([self.touch(BID), *(o.price for o in self.live if o.side == BID)])
        price = bid + self.habits.grid * int(self.rng.integers(1, room + 1))
        flags = self.habits.trade_flags | HIDDEN
        self._send(EXECUTE, side, price, size, NO_ORDER, flags)
        return size

    def _send(self, kind: int, side: int, price: int, size: int, order: int, flags: int) -> None:
        self.rows.append(Row(self.now, kind, side, price, size, order, flags))

    def check_before(self, e: Event) -> None:
        """Drop the episode where a recorded event contradicts one of its orders."""
        if not self.live:
            return
        if e.kind in (STATUS, CLEAR) or e.flags & AUCTION:
            raise Dropped("a halt, auction or clear came while an order rested")
        order = self.book.orders.get(e.order_id)
        side = order.side if order is not None else e.side
        price = order.price if order is not None and e.price == UNDEFINED_PRICE else e.price
        if price == UNDEFINED_PRICE or e.kind == CANCEL:
            return
        for own in self.live:
            if e.kind in (ADD, REPLACE):
                if side != own.side and meets(own.side, own.price, price):
                    raise Dropped("a recorded order would have met an own one")
            elif e.kind == LEVEL:
                if e.size and side != own.side and meets(own.side, own.price, price):
                    raise Dropped("a recorded order would have met an own one")
                if (side, price) == (own.side, own.price):
                    raise Dropped("depth was corrected at an own price")
            elif e.kind in (EXECUTE, TRADE):
                resting = side if e.kind == EXECUTE else _other(side)
                hidden = order is None and (e.kind == TRADE or e.flags & HIDDEN or not e.order_id)
                later = order is not None and (order.entered > own.entered or not order.shown)
                if resting in (own.side, SIDE_NONE) and (
                    better(own.side, own.price, price) or (own.price == price and (hidden or later))
                ):
                    raise Dropped("a recorded execution would have filled an own order")
                if resting != own.side and hidden and meets(own.side, own.price, price):
                    raise Dropped("a hidden order would have met an own one")

    def check_after(self, ts: int) -> None:
        """Drop the episode where an own order is no longer among the levels that the tape shows.

        Notes when own orders are the touch; call it after whatever happens at `ts`.
        """
        levels = self.habits.levels
        if levels and any(self.depth(own.side, own.price) >= levels for own in self.live):
            raise Dropped("an order left the shown levels")
        if self._moving:
            self.moved[-1][1] = ts
        best = self.book.best
        self._moving = any(
            (touch := best(own.side)) is None or better(own.side, own.price, touch)
            for own in self.live
        )
        if self._moving:
            self.moved.append([ts, ts])


def _other(side: int) -> int:
    """Return the resting side of a print whose aggressor's side is known."""
    return side if side == SIDE_NONE else BID + ASK - side
