"""A plain-Python market that refuses every event a real venue could not have sent."""

from bisect import bisect_right
from dataclasses import dataclass
from typing import Any

from kernels.layout import (
    ADD,
    ASK,
    AUCTION,
    BID,
    CANCEL,
    CLEAR,
    CONDITIONAL,
    DARK,
    EXECUTE,
    FIRM_UP,
    HALT,
    HIDDEN,
    I64_MAX,
    IOC,
    MIDPOINT_PEG,
    REPLACE,
    SELF_MATCH_PREVENTED,
    STATUS,
    TRADE,
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
    firm: bool = True


class NaiveAuction:
    """One auction: everything at one price, best orders first, as much as any price would trade."""

    def __init__(self) -> None:
        self.price: int | None = None
        self.traded = 0
        self.possible = 0
        self.disturbed = False  # an order that would have met its own account was cancelled

    def trade(self, e: Any, lit: dict[int, Resting]) -> None:
        price, size = int(e["price"]), int(e["size"])
        if self.price is None:
            self.price = price
            self.possible = max(self._paired(p, lit) for p in {o.price for o in lit.values()})
        assert price == self.price, "an auction had two prices"
        named, contra = lit[int(e["order_id"])], lit[int(e["contra_order_id"])]
        assert named.order_id < contra.order_id
        assert named.side == e["side"] != contra.side
        assert (named.account, contra.account) == (e["account"], e["contra_account"])
        assert named.account != contra.account
        for order in (named, contra):
            sign = 1 if order.side == BID else -1
            side = [o for o in lit.values() if o.side == order.side]
            assert order is max(side, key=lambda o, s=sign: (s * o.price, -o.order_id))
            assert sign * (order.price - price) >= 0, "worse than its limit"
        assert size == min(named.left, contra.left)
        for order in (named, contra):
            order.left -= size
            if order.left == 0:
                del lit[order.order_id]
        self.traded += size

    @staticmethod
    def _paired(price: int, lit: dict[int, Resting]) -> int:
        """Return what would trade at a price."""
        bought = sum(o.left for o in lit.values() if o.side == BID and o.price >= price)
        sold = sum(o.left for o in lit.values() if o.side == ASK and o.price <= price)
        return min(bought, sold)

    def end(self) -> tuple[int, int]:
        """Return price and quantity; no other price would have traded more."""
        assert self.disturbed or self.traded == self.possible
        return self.price or 0, self.traded


class NaiveMarket:
    """The lit book and the pools of one security; `apply` asserts that each event is legal.

    Orders are kept in entry order, so the first that matches has time priority. What breaks a rule
    of the venue is legal here and kept by its kind in `breaches`.
    """

    def __init__(
        self,
        tick: int,
        segments: dict[int, int] | None = None,
        barred: tuple[Any, ...] = (),
        owners: dict[int, int] | None = None,
    ) -> None:
        self.tick = tick
        self.segments = segments or {}
        self.owners = owners or {}
        self.barred = barred
        self.breaches: dict[str, list[Any]] = {kind: [] for kind in KINDS}
        self.lit: dict[int, Resting] = {}
        self.pools: dict[int, dict[int, Resting]] = {}  # by listing
        self.seen: set[int] = set()
        self.quotes: list[tuple[int, int]] = []  # ts, bid + ask
        self.ts = 0
        self.phase = "open"  # open, frozen, called, closed
        self.auction = NaiveAuction()
        self.auctions: list[tuple[int, int]] = []  # price, quantity
        self.entered: dict[tuple[int, ...], int] = {}  # when a lit order like this came last

    @property
    def pool(self) -> set[int]:
        """Ids of all orders that rest in a pool."""
        return {one for pool in self.pools.values() for one in pool}

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

    def of_one_firm(self, resting: Resting, incoming: Resting) -> bool:
        """Return whether self-trade prevention keeps two orders apart, wash traders' aside."""
        accounts = resting.account, incoming.account
        return accounts[0] == accounts[1] or len({self.owners.get(a, -a) for a in accounts}) == 1

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
        assert self.phase != "closed" or (e["kind"] == CLEAR and e["flags"] & DARK)
        if e["kind"] in (STATUS, CLEAR):
            self._change(e)
        elif e["flags"] & DARK:
            self._dark(e, self.pools.setdefault(int(e["instrument_id"]), {}))
        elif self.phase == "called" and (e["flags"] & AUCTION or e["kind"] != CANCEL):
            self._in_call(e)
        else:
            assert self.phase == "open" or e["kind"] == CANCEL, "a frozen book changed"
            self._lit(e)
            self._note_quote()

    def _note_quote(self) -> None:
        bid, ask = self.best(BID), self.best(ASK)
        if bid is not None and ask is not None and self.phase == "open":
            assert bid < ask, "the book stands crossed or locked"
            if self.quotes and self.quotes[-1][0] == self.ts:
                self.quotes.pop()
            self.quotes.append((self.ts, bid + ask))

    def _change(self, e: Any) -> None:
        """Change the phase at the lit listing's message; the pools' repeat it."""
        if e["flags"] & DARK:
            return
        if e["kind"] == CLEAR:
            self.phase = "closed"
            self.auctions.append(self.auction.end())
            self.lit.clear()
            self.pools.clear()
        elif not e["flags"] & HALT:
            assert self.phase in ("open", "called")
            if self.phase == "called":
                self.auctions.append(self.auction.end())
            self.phase = "open"
            self._note_quote()
        elif e["flags"] & AUCTION:
            if self.phase != "called":
                self.auction = NaiveAuction()
            self.phase = "called"
        elif self.phase != "called":
            self.phase = "frozen"

    def _in_call(self, e: Any) -> None:
        order_id, side, price, size = (
            int(e[name]) for name in ("order_id", "side", "price", "size")
        )
        assert e["flags"] & AUCTION
        if e["kind"] == ADD:
            assert self.auction.price is None, "an order entered while the auction traded"
            self._new(order_id)
            assert price % self.tick == 0
            self.lit[order_id] = Resting(order_id, side, price, size, int(e["account"]))
        elif e["kind"] == CANCEL:
            order = self.lit.pop(order_id)
            assert (order.price, order.left, order.account) == (price, size, e["account"])
            self.auction.disturbed |= bool(e["flags"] & SELF_MATCH_PREVENTED)
        else:
            assert e["kind"] == EXECUTE
            self.auction.trade(e, self.lit)

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

    def _dark(self, e: Any, pool: dict[int, Resting]) -> None:
        order_id, size = int(e["order_id"]), int(e["size"])
        if e["kind"] != CANCEL:
            assert self.phase == "open", "a pool traded while its book did not"
        if e["kind"] == TRADE:
            assert e["account"] != e["contra_account"]
            self._check_print(e)
            return
        assert e["flags"] & MIDPOINT_PEG
        if e["kind"] == ADD:
            self._new(order_id)
            assert e["price"] == I64_MAX
            firm = not e["flags"] & CONDITIONAL
            account, minimum = int(e["account"]), int(e["aux_size"])
            pool[order_id] = Resting(order_id, int(e["side"]), 0, size, account, minimum, firm)
        elif e["kind"] == CANCEL:
            order = pool.pop(order_id)
            assert order.left == size
            assert order.account == e["account"]
            assert order.firm == (not e["flags"] & CONDITIONAL)
        elif e["kind"] == REPLACE:
            order = pool.pop(order_id)
            assert e["flags"] & FIRM_UP
            assert not order.firm, "a firm order was firmed up"
            assert min(order.minimum, order.left) <= size <= order.left
            new = int(e["contra_order_id"])
            self._new(new)
            pool[new] = Resting(new, order.side, 0, size, order.account, order.minimum)
        else:
            assert e["kind"] == EXECUTE
            self._print(e, pool)

    def _print(self, e: Any, pool: dict[int, Resting]) -> None:
        size = int(e["size"])
        order = pool[int(e["order_id"])]
        incoming = pool[int(e["contra_order_id"])]
        assert incoming is list(pool.values())[-1], "the incoming order is the newest"
        assert order.side == e["side"] != incoming.side
        assert order.account == e["account"] != incoming.account
        assert incoming.account == e["contra_account"]
        breach = self.bars(order, incoming)
        if breach:
            self.breaches["segment"].append(e)
        first = next(
            o
            for o in pool.values()
            if o.side == order.side
            and o.firm
            and self.bars(o, incoming) == breach
            and (o is order or not self.of_one_firm(o, incoming))
            and incoming.left >= min(o.minimum, o.left)
        )
        assert order is first, "time priority was broken in the pool"
        assert size == min(order.left, incoming.left)
        for party in (order, incoming):
            party.left -= size
            if party.left == 0:
                del pool[party.order_id]
        self._check_print(e)

    def _check_print(self, e: Any) -> None:
        """A dark print is at the midpoint of its reference, inside the quote."""
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
