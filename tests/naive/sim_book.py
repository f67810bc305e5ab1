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
COPIED_NS = 3_000_000
KINDS = (
    "trade-through",
    "priority",
    "sub-penny",
    "segment",
    "error-price",
    "error-duplicate",
    "self-match",
)


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

    Orders are kept in entry order, so the first that matches has time priority. What breaks a rule
    of the venue is legal here and kept by its kind in `breaches`.
    """

    def __init__(
        self, tick: int, segments: dict[int, int] | None = None, barred: tuple[Any, ...] = ()
    ) -> None:
        self.tick = tick
        self.segments = segments or {}
        self.barred = barred
        self.breaches: dict[str, list[Any]] = {kind: [] for kind in KINDS}
        self.lit: dict[int, Resting] = {}
        self.pool: dict[int, Resting] = {}
        self.seen: set[int] = set()
        self.quotes: list[tuple[int, int]] = []  # ts, bid + ask
        self.ts = 0
        self.entered: dict[tuple[int, ...], int] = {}  # when a lit order like this came last

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

    def bars(self, resting: Resting, incoming: Resting) -> bool:
        """Return whether two orders must not meet in the pool."""
        pair = self.segments.get(resting.account), self.segments.get(incoming.account)
        return pair in self.barred

    def _check_price(self, e: Any, side: int, price: int) -> None:
        if price % self.tick:
            self.breaches["sub-penny"].append(e)
        best = self.best(side)
        if best is not None and abs(price - best) > best / 5:
            self.breaches["error-price"].append(e)

    def _check_copies(self, e: Any) -> None:
        """Note an order just like one entered up to 3 ms before."""
        alike = tuple(int(e[name]) for name in ("account", "side", "price", "size"))
        if self.ts - self.entered.get(alike, -COPIED_NS - 1) <= COPIED_NS:
            self.breaches["error-duplicate"].append(e)
        self.entered[alike] = self.ts

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
            self._check_price(e, side, price)
            self._check_copies(e)
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
            self._check_price(e, side, price)
            assert not self.crosses(side, price)
            new = int(e["contra_order_id"])
            self.lit[new] = Resting(new, side, price, size, order.account)
        else:
            assert e["kind"] == EXECUTE
            if e["account"] == e["contra_account"]:
                self.breaches["self-match"].append(e)
            assert int(e["contra_order_id"]) not in self.lit
            if e["flags"] & HIDDEN:
                bid, ask = self.best(BID), self.best(ASK)
                assert order_id == 0
                assert bid is not None
                assert ask is not None
                assert bid < price < ask
                if price % self.tick and 2 * price != bid + ask:
                    self.breaches["sub-penny"].append(e)
                return
            order = self.lit[order_id]
            first = next(
                o for o in self.lit.values() if o.side == side and o.price == self.best(side)
            )
            assert order.price == first.price == price, "price priority was broken"
            if order is not first:
                self.breaches["priority"].append(e)
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
        breach = self.bars(order, incoming)
        if breach:
            self.breaches["segment"].append(e)
        first = next(
            o
            for o in self.pool.values()
            if o.side == order.side
            and self.bars(o, incoming) == breach
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
            self.breaches["trade-through"].append(e)
        else:
            assert e["price"] == e["aux_price"]


def immediate(events: Any) -> set[int]:
    """Return the ids of immediate-or-cancel orders."""
    entered = events[(events["kind"] == ADD) & ((events["flags"] & IOC) > 0)]
    return {int(one) for one in entered["order_id"]}
