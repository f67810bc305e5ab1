"""A plain-Python market that refuses every event a real venue could not have sent."""

from bisect import bisect_right
from dataclasses import dataclass
from typing import Any

from kernels.layout import (
    ADD,
    ASK,
    BID,
    CANCEL,
    DARK,
    EXECUTE,
    HIDDEN,
    I64_MAX,
    IOC,
    MIDPOINT_PEG,
    REPLACE,
)

MAXIMUM_LAG_NS = 5_000_000


@dataclass
class Resting:
    order_id: int
    side: int
    price: int
    left: int
    account: int
    minimum: int = 0


class NaiveMarket:
    """The lit book and the pool of one security; `apply` asserts that each event is legal.

    Orders are kept in entry order, so the first that matches has time priority.
    """

    def __init__(self, tick: int) -> None:
        self.tick = tick
        self.lit: dict[int, Resting] = {}
        self.pool: dict[int, Resting] = {}
        self.seen: set[int] = set()
        self.quotes: list[tuple[int, int]] = []  # ts, bid + ask
        self.ts = 0
        self.outside: list[Any] = []  # dark prints outside the quote

    def best(self, side: int) -> int | None:
        prices = [o.price for o in self.lit.values() if o.side == side]
        if not prices:
            return None
        return max(prices) if side == BID else min(prices)

    def crosses(self, side: int, price: int) -> bool:
        other = self.best(ASK if side == BID else BID)
        if other is None:
            return False
        return price >= other if side == BID else price <= other

    def apply(self, e: Any) -> None:
        assert e["ts_event"] >= self.ts
        self.ts = int(e["ts_event"])
        if e["flags"] & DARK:
            self._dark(e)
        else:
            self._lit(e)
            bid, ask = self.best(BID), self.best(ASK)
            if bid is not None and ask is not None:
                assert bid < ask, "the book stands crossed or locked"
                if self.quotes and self.quotes[-1][0] == self.ts:
                    self.quotes.pop()
                self.quotes.append((self.ts, bid + ask))

    def _new(self, order_id: int) -> None:
        assert order_id > 0
        assert order_id not in self.seen, "an order id was used twice"
        self.seen.add(order_id)

    def _lit(self, e: Any) -> None:
        order_id, side, price, size = (
            int(e[name]) for name in ("order_id", "side", "price", "size")
        )
        if e["kind"] == ADD:
            self._new(order_id)
            assert price % self.tick == 0
            assert size > 0
            assert not self.crosses(side, price)
            self.lit[order_id] = Resting(order_id, side, price, size, int(e["account"]))
        elif e["kind"] == CANCEL:
            order = self.lit.pop(order_id)
            assert (order.side, order.price, order.left) == (side, price, size)
            assert order.account == e["account"]
        elif e["kind"] == REPLACE:
            order = self.lit.pop(order_id)
            assert order.side == side
            assert order.account == e["account"]
            self._new(int(e["contra_order_id"]))
            assert not self.crosses(side, price)
            new = int(e["contra_order_id"])
            self.lit[new] = Resting(new, side, price, size, order.account)
        else:
            assert e["kind"] == EXECUTE
            assert e["account"] != e["contra_account"]
            assert int(e["contra_order_id"]) not in self.lit
            if e["flags"] & HIDDEN:
                bid, ask = self.best(BID), self.best(ASK)
                assert order_id == 0
                assert bid is not None
                assert ask is not None
                assert bid < price < ask
                return
            order = self.lit[order_id]
            first = next(
                o for o in self.lit.values() if o.side == side and o.price == self.best(side)
            )
            assert order is first, "price-time priority was broken"
            assert order.price == price
            assert order.account == e["account"]
            assert 0 < size <= order.left
            order.left -= size
            if order.left == 0:
                del self.lit[order_id]

    def _dark(self, e: Any) -> None:
        order_id, size = int(e["order_id"]), int(e["size"])
        assert e["flags"] & MIDPOINT_PEG
        if e["kind"] == ADD:
            self._new(order_id)
            assert e["price"] == I64_MAX
            self.pool[order_id] = Resting(
                order_id, int(e["side"]), 0, size, int(e["account"]), int(e["aux_size"])
            )
        elif e["kind"] == CANCEL:
            order = self.pool.pop(order_id)
            assert order.left == size
            assert order.account == e["account"]
        else:
            assert e["kind"] == EXECUTE
            self._print(e)

    def _print(self, e: Any) -> None:
        size = int(e["size"])
        order = self.pool[int(e["order_id"])]
        incoming = self.pool[int(e["contra_order_id"])]
        assert incoming is list(self.pool.values())[-1], "the incoming order is the newest"
        assert order.side == e["side"] != incoming.side
        assert order.account == e["account"]
        assert incoming.account == e["contra_account"]
        first = next(
            o
            for o in self.pool.values()
            if o.side == order.side
            and o.account != incoming.account
            and incoming.left >= min(o.minimum, o.left)
        )
        assert order is first, "time priority was broken in the pool"
        assert size == min(order.left, incoming.left)
        for party in (order, incoming):
            party.left -= size
            if party.left == 0:
                del self.pool[party.order_id]
        bid, ask = self.best(BID), self.best(ASK)
        assert bid is not None
        assert ask is not None
        assert self.ts - MAXIMUM_LAG_NS <= e["ts_ref"] <= self.ts
        place = bisect_right(self.quotes, (int(e["ts_ref"]), I64_MAX)) - 1
        assert self.quotes[place][1] == 2 * e["aux_price"], "the reference was never the midpoint"
        assert bid <= e["aux_price"] <= ask
        if not bid <= e["price"] <= ask:
            self.outside.append(e)
        else:
            assert e["price"] == e["aux_price"]


def immediate(events: Any) -> set[int]:
    """Return the ids of immediate-or-cancel orders."""
    entered = events[(events["kind"] == ADD) & ((events["flags"] & IOC) > 0)]
    return {int(one) for one in entered["order_id"]}
