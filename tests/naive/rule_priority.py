"""PRIORITY with every book as one plain list of orders in the order they came."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from darkpool_watch.config import DetectConfig
from darkpool_watch.market.accounts import AccountInfo
from darkpool_watch.market.counterparties import Pairing
from darkpool_watch.market.listings import ListingInfo
from kernels.layout import (
    ADD,
    AUCTION,
    BAD_TIME,
    BID,
    CANCEL,
    CLEAR,
    CONDITIONAL,
    DARK,
    EXECUTE,
    FOK,
    HALT,
    HIDDEN,
    IOC,
    LEVEL,
    MIDPOINT_PEG,
    QUOTE,
    REPLACE,
    SELF_MATCH_PREVENTED,
    SIDE_NONE,
    STATUS,
    UNDEFINED_PRICE,
)
from tests.naive.rule_parties import pairing, record

NONE = UNDEFINED_PRICE
FAR = 10**30
CENT = 10**7


@dataclass
class Order:
    order_id: int
    listing: int
    side: int
    price: int
    left: int
    minimum: int
    account: int
    flags: int
    hidden: bool
    entered: int  # -FAR: may have rested before all others
    rank: int
    since: int  # FAR: not known to rest before anything
    since_rank: int


class Book:
    """All orders of all listings that the feed showed and nothing made doubtful."""

    def __init__(
        self,
        infos: list[ListingInfo],
        config: DetectConfig,
        pairings: Sequence[Pairing] = (),
    ) -> None:
        self.infos = infos
        self.pairings = pairings
        self.keeps = config.size_down_keeps_place
        self.orders: list[Order] = []

    def find(self, listing: int, order_id: int) -> Order | None:
        if order_id == 0:
            return None
        held = [o for o in self.orders if (o.listing, o.order_id) == (listing, order_id)]
        return held[0] if held else None

    def reduce(self, order: Order | None, size: int) -> None:
        if order is not None:
            order.left -= size
            if order.left <= 0:
                self.orders.remove(order)

    def join(self, e: np.void, o: np.void, order_id: int, side: int, known: bool) -> None:
        listing = int(o["listing"])
        self.reduce(self.find(listing, order_id), FAR)
        flags = int(e["flags"])
        dark = self.infos[listing].dark
        ts, arrival = int(o["ts"]), int(o["arrival"])
        self.orders.append(
            Order(
                order_id=order_id,
                listing=listing,
                side=side,
                price=int(e["price"]),
                left=int(e["size"]),
                minimum=int(e["aux_size"]),
                account=int(o["account"]),
                flags=flags,
                hidden=not dark and bool(flags & (HIDDEN | MIDPOINT_PEG)),
                entered=ts if known else -FAR,
                rank=arrival if known else -1,
                since=FAR if flags & BAD_TIME else ts,
                since_rank=arrival,
            )
        )

    def replace(self, e: np.void, o: np.void) -> None:
        listing, size = int(o["listing"]), int(e["size"])
        old = self.find(listing, int(e["order_id"]))
        new_id = int(e["contra_order_id"]) or int(e["order_id"])
        if old is not None:
            alike = not (old.flags ^ int(e["flags"])) & (HIDDEN | MIDPOINT_PEG | CONDITIONAL)
            if alike and old.price == e["price"] and size <= old.left:
                if new_id != old.order_id:
                    self.reduce(self.find(listing, new_id), FAR)
                    old.order_id = new_id
                if size == old.left or not self.keeps:
                    old.since = FAR if e["flags"] & BAD_TIME else int(o["ts"])
                    old.since_rank = int(o["arrival"])
                old.left, old.minimum, old.flags = size, int(e["aux_size"]), int(e["flags"])
                return
            self.orders.remove(old)
        if o["side"] != SIDE_NONE and new_id and size:
            self.join(e, o, new_id, int(o["side"]), old is not None or e["order_id"] == 0)

    def follow(self, e: np.void, o: np.void) -> None:
        kind, listing, size = int(e["kind"]), int(o["listing"]), int(e["size"])
        named = int(e["order_id"])
        if kind == ADD and named and e["side"] != SIDE_NONE and size:
            self.join(e, o, named, int(e["side"]), known=True)
        elif kind == CANCEL:
            self.reduce(self.find(listing, named), size)
        elif kind == REPLACE:
            self.replace(e, o)
        elif kind == EXECUTE:
            self.reduce(self.find(listing, named), size)
            if int(e["contra_order_id"]) != named:
                self.reduce(self.find(listing, int(e["contra_order_id"])), size)
        elif kind == LEVEL and not self.infos[listing].dark and e["price"] != NONE:
            gone = (listing, int(e["side"]), int(e["price"]))
            self.orders = [x for x in self.orders if (x.listing, x.side, x.price) != gone]
        elif kind == CLEAR:
            self.orders = [x for x in self.orders if x.listing != listing]


def spared(
    e: np.void,
    o: np.void,
    order: Order,
    book: Book,
    config: DetectConfig,
    records: list[AccountInfo],
) -> bool:
    """Whether self-match prevention or the matrix may have kept the order out of the trade."""
    info = book.infos[order.listing]
    a, b = order.account, int(o["contra_account"])
    if e["flags"] & SELF_MATCH_PREVENTED:
        return True
    if not a or not b:
        return info.dark or not config.queue_without_accounts
    if a == b:
        return True
    ts, error = int(o["ts"]), config.clock_error_ns
    mine, theirs = [
        (record(records, account, ts - error), record(records, account, ts + error))
        for account in (a, b)
    ]
    if mine[0] is not mine[1] or theirs[0] is not theirs[1]:
        return True
    if mine[0] is None or theirs[0] is None:
        return False
    if 0 != mine[0].owner == theirs[0].owner:
        return True
    pair = {mine[0].segment, theirs[0].segment}
    lines = [pairing(book.pairings, info.venue, pair, at) for at in (ts - error, ts + error)]
    return any(line is not None and not line.allowed for line in lines)


def fits(
    e: np.void, o: np.void, order: Order, filled: Order, incoming: Order | None, dark: bool
) -> bool:
    """Whether the trade could have been with `order`."""
    size, price = int(e["size"]), int(o["price"])
    if order.flags & (IOC | FOK | CONDITIONAL):
        return False
    if dark:
        if (order.flags ^ filled.flags) & MIDPOINT_PEG:
            return False
        if order.price != NONE and (price == NONE or better(price, order.price, order.side)):
            return False
    offered = size if incoming is None else max(size, incoming.left)
    if incoming is not None and incoming.minimum > order.left:
        return False
    if incoming is None and dark and order.left < size:
        return False
    return offered >= min(order.minimum, order.left)


def first_claim(
    order: Order,
    filled: Order,
    o: np.void,
    mode: str,
    config: DetectConfig,
    records: list[AccountInfo],
) -> bool:
    """Whether `order` surely came before `filled` at one price and in one chain."""
    if mode == "size" and order.left != filled.left:
        return order.left > filled.left and order.since + config.queue_error_ns < int(o["ts"])
    if mode == "class":
        ts, error = int(o["ts"]), config.clock_error_ns
        classes = []
        for account in (order.account, filled.account):
            early, late = record(records, account, ts - error), record(records, account, ts + error)
            if not account or early is None or early is not late:
                return False
            classes.append((early.segment, early.capacity))
        if classes[0] != classes[1]:
            return False
    return order.since_rank < filled.rank and order.since + config.queue_error_ns < filled.entered


def better(a: int, b: int, side: int) -> bool:
    return a > b if side == BID else a < b


def passed_over(
    e: np.void, o: np.void, book: Book, config: DetectConfig, records: list[AccountInfo]
) -> Order | None:
    """The order with the best claim that the execution passed over, None where none is sure."""
    listing = int(o["listing"])
    info = book.infos[listing]
    mode = config.queue_priority.get(
        f"{info.venue}/{info.symbol}", config.queue_priority.get(info.venue, "time")
    )
    filled = book.find(listing, int(e["order_id"]))
    if filled is None or mode == "unchecked" or o["flags"] & (AUCTION | BAD_TIME):
        return None
    incoming = book.find(listing, int(e["contra_order_id"]))
    if incoming is not None and incoming.rank < filled.rank:
        return None
    if filled.side != o["side"]:
        return None
    if not info.dark:
        if filled.price == NONE or e["price"] not in (NONE, filled.price):
            return None
        if filled.flags & (MIDPOINT_PEG | DARK):
            return None
        if not filled.hidden and e["flags"] & (HIDDEN | DARK | MIDPOINT_PEG):
            return None
    queue = [x for x in book.orders if (x.listing, x.side) == (listing, filled.side)]

    def counts(order: Order) -> bool:
        return fits(e, o, order, filled, incoming, info.dark) and not spared(
            e, o, order, book, config, records
        )

    def outright(order: Order) -> bool:
        return order.since + config.queue_error_ns < int(o["ts"]) and counts(order)

    if not info.dark:
        ahead = [x for x in queue if x.price != NONE and better(x.price, filled.price, filled.side)]
        ahead.sort(key=lambda x: ((-x.price if x.side == BID else x.price), x.hidden))
        ahead += [x for x in queue if filled.hidden and not x.hidden and x.price == filled.price]
        for order in ahead:
            if outright(order):
                return order
    if mode == "price":
        return None
    chain = [x for x in queue if info.dark or (x.price, x.hidden) == (filled.price, filled.hidden)]
    if mode != "size":
        chain = chain[: chain.index(filled)]
    for order in chain:
        first = order is not filled and first_claim(order, filled, o, mode, config, records)
        if first and counts(order):
            return order
    return None


def priority_breaches(
    events: np.ndarray,
    observations: np.ndarray,
    infos: list[ListingInfo],
    config: DetectConfig,
    records: list[AccountInfo],
    pairings: Sequence[Pairing],
) -> dict[int, int]:
    """Arrival -> id of the order passed over, where nothing touched that order in time."""
    book = Book(infos, config, pairings)
    halted: dict[int, set[int]] = {}
    waiting: list[tuple[int, int, int, int, int]] = []  # security, listing, passed, ts, arrival
    found = {}
    for e, o in zip(events, observations, strict=True):
        s, listing = int(o["security"]), int(o["listing"])
        if s < 0:
            continue
        rest = []
        for one in waiting:
            if one[0] == s and one[3] + config.queue_error_ns < int(o["ts"]):
                found[one[4]] = one[2]
            elif (one[1], one[2]) != (listing, int(e["order_id"])) or e["kind"] > EXECUTE:
                rest.append(one)
        waiting = rest
        if e["kind"] == EXECUTE and not halted.get(s):
            order = passed_over(e, o, book, config, records)
            if order is not None:
                waiting.append((s, listing, order.order_id, int(o["ts"]), int(o["arrival"])))
        book.follow(e, o)
        if e["kind"] == STATUS:
            change = halted.setdefault(s, set())
            (change.add if e["flags"] & HALT else change.discard)(listing)
    return found | {one[4]: one[2] for one in waiting}


def off_tick(price: int, tick: int) -> int:
    if price == NONE:
        return 0
    if price < 10**9:
        tick = min(tick, 10**5)
    return min(price % tick, -price % tick)


def sub_pennies(
    events: np.ndarray, observations: np.ndarray, infos: list[ListingInfo]
) -> dict[int, int]:
    """Arrival -> by how much a price lies off the increment."""
    found = {}
    for e, o in zip(events, observations, strict=True):
        if o["security"] < 0 or e["flags"] & MIDPOINT_PEG:
            continue
        kind, tick = int(e["kind"]), infos[int(o["listing"])].tick
        prices = []
        if kind in (ADD, REPLACE) or (kind == LEVEL and e["size"] > 0):
            prices = [int(e["price"])]
            if (o["dark"] or e["flags"] & HIDDEN) and tick % 2 == 0:
                tick //= 2
        elif kind == QUOTE:
            prices = [int(e["price"]), int(e["aux_price"])]
        off = [amount for price in prices if (amount := off_tick(price, tick))]
        if off:
            found[int(o["arrival"])] = off[0]
    return found
