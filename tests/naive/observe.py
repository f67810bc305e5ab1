"""The whole market stage in plain Python, recomputed from dicts at every event."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from darkpool_watch.config import MarketConfig
from darkpool_watch.market.listings import AccountInfo, ListingInfo
from kernels.layout import (
    ADD,
    ASK,
    AUCTION,
    BAD_TIME,
    BID,
    CANCEL,
    CLEAR,
    DARK,
    DARK_TRADE,
    EXECUTE,
    HALT,
    HIDDEN,
    HIDDEN_TRADE,
    I64_MAX,
    IOC,
    LEVEL,
    LIT_TRADE,
    NO_TRADE,
    OBSERVATION,
    ONE_CLOCK,
    QUOTE,
    REPLACE,
    SIDE_NONE,
    STATUS,
    TRADE,
    UNDEFINED_PRICE,
)
from kernels.market_rows import COUNTERS
from tests.naive.book import UNDISPLAYED, NaiveBook, NaiveOrder

NONE = UNDEFINED_PRICE
DAY = 86_400_000_000_000
RESTING_FLAGS = DARK | HIDDEN | UNDISPLAYED & ~(IOC | (1 << 4) | (1 << 5))
SIGN = {SIDE_NONE: 0, BID: 1, ASK: -1}
Ladder = list[tuple[int, int]]  # (price, size), the best first


@dataclass
class NaiveSecurity:
    listings: list[int] = field(default_factory=list)
    clock: int | None = None
    quote: tuple[int, int, int, int] | None = None  # bid, bid size, ask, ask size
    quote_from: int = -1
    last_trade: int = NONE
    has_depth: bool = False
    session: int = 0
    opened: int = 0
    next_open: int = 0
    length: int = DAY


def flow(old: tuple[int, int] | None, new: tuple[int, int] | None, better: int) -> int:
    """Cont-Kukanov-Stoikov: new queue if not worse, less old queue if not better."""
    if old is None:
        return new[1] if new else 0
    if new is None:
        return -old[1]
    gain = better * (new[0] - old[0])
    return (new[1] if gain >= 0 else 0) - (old[1] if gain <= 0 else 0)


class NaiveMarket:
    """`observe` returns one dict with OBSERVATION's fields an event."""

    def __init__(self, definitions: list[ListingInfo], accounts: list[AccountInfo] = ()) -> None:
        self.config = MarketConfig()
        self.infos = list(definitions)
        self.rows = {d.instrument_id: i for i, d in enumerate(definitions)}
        self.books = [NaiveBook(d.dark) for d in definitions]
        self.halted = [False for _ in definitions]
        ids = list(dict.fromkeys(d.security_id for d in definitions))
        self.security_of = [ids.index(d.security_id) for d in definitions]
        self.securities = [NaiveSecurity() for _ in ids]
        for i, d in enumerate(definitions):
            held = self.securities[self.security_of[i]]
            if not held.listings:
                held.next_open = d.session_open_ns
                held.length = d.session_close_ns - d.session_open_ns or DAY
            held.listings.append(i)
        self.groups = {a.account: a.group or a.account for a in accounts}
        self.counters = dict.fromkeys(COUNTERS, 0)

    def ladder(self, s: int, side: int) -> Ladder:
        """Consolidated levels of a security's lit books."""
        total: dict[int, int] = {}
        for row in self.securities[s].listings:
            for price, size in self.books[row].shown[side].items():
                total[price] = total.get(price, 0) + size
        return sorted(total.items(), reverse=side == BID)

    def nbbo(self, s: int) -> tuple[tuple[int, int] | None, tuple[int, int] | None]:
        held = self.securities[s]
        if held.quote is not None:
            bid, bid_size, ask, ask_size = held.quote
            return (
                (bid, bid_size) if bid != NONE else None,
                (ask, ask_size) if ask != NONE else None,
            )
        return next(iter(self.ladder(s, BID)), None), next(iter(self.ladder(s, ASK)), None)

    def mid2(self, s: int) -> int:
        bid, ask = self.nbbo(s)
        if bid and ask:
            return bid[0] + ask[0]
        last = self.securities[s].last_trade
        return 2 * last if not self.securities[s].has_depth and last != NONE else NONE

    def observe(self, event: np.void, arrival: int) -> dict[str, Any]:
        e = {name: int(event[name]) for name in event.dtype.names}
        o: dict[str, Any] = dict.fromkeys(OBSERVATION.names, 0)
        o.update({k: e[k] for k in ("kind", "side", "flags", "account", "contra_account")})
        o.update({k: e[k] for k in ("instrument_id", "price", "aux_price")})
        o.update(
            old_price=NONE,
            arrival=arrival,
            age=-1,
            contra_age=-1,
            reference_age=-1,
            distance=-(2**31),
        )
        o["trade"] = NO_TRADE
        self.counters["events"] += 1
        row = self.rows.get(e["instrument_id"])
        if row is None:
            self.counters["unknown_listings"] += 1
            o.update(security=-1, listing=-1, ts=e["ts_event"], dark=int(bool(e["flags"] & DARK)))
            o.update(dict.fromkeys(("bid0", "ask0", "bid", "ask", "mid2", "mid2_before"), NONE))
            o.update(dict.fromkeys(("touch_depth", "depth5", "depth_imbalance"), math.nan))
            o.update(group=e["account"], contra_group=e["contra_account"])
            return o
        s = self.security_of[row]
        held, info = self.securities[s], self.infos[row]
        self._time(e, o, held)
        self._session(e, o, held, row)
        o.update(security=s, listing=row, session=held.session)
        o["dark"] = int(info.dark or bool(e["flags"] & DARK))
        before = self.nbbo(s)
        ladders = {side: self.ladder(s, side)[:5] for side in (BID, ASK)}
        o["bid0"], o["ask0"] = (level[0] if level else NONE for level in before)
        o["mid2_before"] = self.mid2(s)

        self._apply(e, o, row, held)

        if any(self.ladder(s, side) for side in (BID, ASK)):
            held.has_depth = True
        o["group"] = self.groups.get(o["account"], o["account"])
        o["contra_group"] = self.groups.get(o["contra_account"], o["contra_account"])
        self._distance(o, info.tick)
        self._depth(o, s, before, ladders)
        return o

    def _time(self, e: dict[str, int], o: dict[str, Any], held: NaiveSecurity) -> None:
        ts = e["ts_event"]
        if not e["flags"] & ONE_CLOCK and e["ts_recv"] > 0:
            ahead = ts - e["ts_recv"] > self.config.clock_lead_ns
            if e["flags"] & BAD_TIME or ahead:
                ts = e["ts_recv"]
                self.counters["bad_times"] += 1
        if held.clock is not None and ts < held.clock:
            o["late"] = 1
            self.counters["late"] += 1
            ts = held.clock
        held.clock = o["ts"] = ts

    def _session(self, e: dict[str, int], o: dict[str, Any], held: NaiveSecurity, row: int) -> None:
        ts = o["ts"]
        opening = e["kind"] == STATUS and not e["flags"] & HALT and not self.halted[row]
        closed = held.session == 0 or ts >= held.opened + held.length
        if ts >= held.next_open:
            while held.next_open <= ts:
                held.opened = held.next_open
                held.next_open += DAY
        elif opening and closed:
            held.opened = ts
            if held.next_open - ts < DAY // 2:
                held.opened = held.next_open
                held.next_open += DAY
        else:
            return
        held.session += 1
        self.counters["sessions"] += 1

    def _apply(self, e: dict[str, int], o: dict[str, Any], row: int, held: NaiveSecurity) -> None:
        book, kind, price, size = self.books[row], e["kind"], e["price"], e["size"]
        before = book.missing_levels
        if kind == ADD:
            self._enter(book, e, o, e["order_id"])
            o.update(order_size=size, order_left=size, age=0, flow_sign=SIGN[e["side"]])
        elif kind == CANCEL:
            self._cancel(book, e, o)
        elif kind == REPLACE:
            old = self._named(book, e)
            if old is not None:
                self._describe(o, old)
                o.update(removed=old.left, old_price=old.price)
                book.reduce(e["order_id"], old.left)
            self._enter(book, e, o, e["contra_order_id"] or e["order_id"])
            o["order_left"] = size
        elif kind == EXECUTE:
            self._execute(book, e, o)
        elif kind == TRADE:
            hidden = bool(e["flags"] & HIDDEN)
            o["trade"] = DARK_TRADE if o["dark"] else HIDDEN_TRADE if hidden else LIT_TRADE
            o["aggressor"] = SIGN[e["side"]]
        elif kind == LEVEL:
            self.counters["level_corrections"] += 1
            if not book.dark and e["side"] != SIDE_NONE and price != NONE:
                book.correct(e["side"], price, size)
        elif kind == QUOTE:
            ask, ask_size = e["aux_price"], e["aux_size"]
            held.quote, held.quote_from = None, -1
            if price != NONE or ask != NONE:
                held.quote, held.quote_from = (price, size, ask, ask_size), row
                held.has_depth = True
        elif kind == STATUS:
            self.halted[row] = bool(e["flags"] & HALT)
            self.counters["halts"] += self.halted[row]
        elif kind == CLEAR:
            self.counters["clears"] += 1
            book.clear()
            if held.quote_from == row:
                held.quote, held.quote_from = None, -1
        self.counters["missing_levels"] += book.missing_levels - before
        if o["trade"] != NO_TRADE:
            o["traded"] = size
            o["flow_sign"] = o["aggressor"]
            if o["price"] != NONE:
                held.last_trade = o["price"]
            if o["dark"] and e["ts_ref"] != I64_MAX:
                o["reference_age"] = max(0, e["ts_event"] - e["ts_ref"])

    def _named(self, book: NaiveBook, e: dict[str, int]) -> NaiveOrder | None:
        order = book.orders.get(e["order_id"])
        self.counters["unknown_orders"] += order is None and e["order_id"] != 0
        return order

    def _enter(self, book: NaiveBook, e: dict[str, int], o: dict[str, Any], new_id: int) -> None:
        side, price, size = o["side"], e["price"], e["size"]
        shown = book.displays(side, price, e["flags"])
        if new_id:
            if new_id in book.orders:
                self.counters["duplicate_orders"] += 1
                book.reduce(new_id, book.orders[new_id].left)
            book.orders[new_id] = NaiveOrder(side, price, size, size, o["ts"], o["account"], shown)
        if shown:
            book.show(side, price, size)
        o.update(added=size, min_quantity=e["aux_size"])

    def _describe(self, o: dict[str, Any], order: NaiveOrder) -> None:
        o.update(order_size=order.size, age=o["ts"] - order.entered)
        o["account"] = o["account"] or order.account
        o["side"] = o["side"] or order.side

    def _unknown(self, book: NaiveBook, e: dict[str, int], unshown: int) -> None:
        known = not book.dark and e["side"] != SIDE_NONE and e["price"] != NONE
        if known and not e["flags"] & unshown:
            book.hide(e["side"], e["price"], e["size"])

    def _cancel(self, book: NaiveBook, e: dict[str, int], o: dict[str, Any]) -> None:
        order = self._named(book, e)
        if order is None:
            o["removed"] = e["size"]
            self._unknown(book, e, UNDISPLAYED)
        else:
            self._describe(o, order)
            self.counters["oversized"] += e["size"] > order.left
            taken = min(e["size"], order.left)
            o.update(price=order.price, removed=taken, order_left=order.left - taken)
            book.reduce(e["order_id"], taken)
        o["flow_sign"] = -SIGN[o["side"]]

    def _execute(self, book: NaiveBook, e: dict[str, int], o: dict[str, Any]) -> None:
        size, named, contra = e["size"], e["order_id"], e["contra_order_id"]
        order = self._named(book, e)
        hidden = bool(e["flags"] & HIDDEN) or (not named and not e["flags"] & AUCTION)
        if order is not None:
            self._describe(o, order)
            hidden = hidden or not order.shown
            if o["price"] == NONE:
                o["price"] = order.price
            self.counters["oversized"] += size > order.left
            taken = min(size, order.left)
            o["order_left"] = order.left - taken
            book.reduce(named, taken)
        elif named:
            self._unknown(book, e, RESTING_FLAGS)
        other = book.orders.get(contra) if contra != named else None
        if other is not None:
            o["contra_age"] = o["ts"] - other.entered
            o["contra_account"] = o["contra_account"] or other.account
            book.reduce(contra, min(size, other.left))
        o["trade"] = DARK_TRADE if o["dark"] else HIDDEN_TRADE if hidden else LIT_TRADE
        o["aggressor"] = -SIGN[o["side"]]
        if o["dark"]:
            # The later order came to trade; where both are older than that, both rested.
            resting = self.config.resting_ns
            named_age = o["age"] if o["age"] >= 0 else math.inf
            contra_age = o["contra_age"] if o["contra_age"] >= 0 else -1
            if contra_age > named_age and named_age < resting:
                o["aggressor"] = SIGN[o["side"]]
            elif contra_age >= resting:
                o["aggressor"] = 0 if named_age >= resting else SIGN[o["side"]]

    def _distance(self, o: dict[str, Any], tick: int) -> None:
        if o["kind"] not in (ADD, CANCEL, REPLACE, EXECUTE, LEVEL) or o["price"] == NONE:
            return
        if o["side"] == BID and o["bid0"] != NONE:
            o["distance"] = (o["bid0"] - o["price"]) // tick
        if o["side"] == ASK and o["ask0"] != NONE:
            o["distance"] = (o["price"] - o["ask0"]) // tick

    def _depth(
        self,
        o: dict[str, Any],
        s: int,
        before: tuple[tuple[int, int] | None, tuple[int, int] | None],
        ladders: dict[int, Ladder],
    ) -> None:
        bid, ask = self.nbbo(s)
        o["bid"], o["bid_size"] = bid or (NONE, 0)
        o["ask"], o["ask_size"] = ask or (NONE, 0)
        o["mid2"] = self.mid2(s)
        o["nbbo_changed"] = int((o["bid"], o["ask"]) != (o["bid0"], o["ask0"]))
        o["quoted"] = int(bid is not None and ask is not None)
        o["crossed"] = int(bool(o["quoted"]) and o["bid"] >= o["ask"])
        self.counters["crossed"] += o["crossed"]
        o["touch_depth"] = (o["bid_size"] + o["ask_size"]) / 2 if o["quoted"] else math.nan

        after = {side: self.ladder(s, side)[:5] for side in (BID, ASK)}
        by_level = [flow(before[0], bid, 1) - flow(before[1], ask, -1)]
        for level in range(1, 5):
            pairs = [
                [ladder[side][level] if level < len(ladder[side]) else None for side in (BID, ASK)]
                for ladder in (ladders, after)
            ]
            by_level.append(flow(pairs[0][0], pairs[1][0], 1) - flow(pairs[0][1], pairs[1][1], -1))
        o["ofi_touch"] = float(by_level[0])
        o["ofi_deep"] = float(sum(by_level[1:]))
        o["ofi_integrated"] = sum(
            w * f for w, f in zip(self.config.ofi_weights, by_level, strict=True)
        )
        sizes = {side: [size for _, size in after[side]] for side in (BID, ASK)}
        total = sum(sizes[BID]) + sum(sizes[ASK])
        weighted = {
            side: sum(math.exp(-level / 2) * size for level, size in enumerate(sizes[side]))
            for side in (BID, ASK)
        }
        o["depth5"] = float(total) if total else math.nan
        o["depth_imbalance"] = (
            (weighted[BID] - weighted[ASK]) / (weighted[BID] + weighted[ASK]) if total else math.nan
        )
