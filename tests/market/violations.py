"""Violations of each rule, and acts that only look like one, put into a legal tape: known truth.

Each is put where its security is quiet: five events of it in a row, none an execution, each more
than 2 ms after the one before, so that the clock error leaves no doubt of any.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from darkpool_watch.market.accounts import AccountInfo
from darkpool_watch.market.counterparties import Pairing
from kernels.layout import (
    ADD,
    BID,
    CANCEL,
    DARK,
    EVENT,
    EXECUTE,
    HIDDEN,
    I64_MAX,
    IOC,
    LIT_TRADE,
    ONE_CLOCK,
    REPLACE,
    TRADE,
    UNDEFINED_PRICE,
)

Rows = npt.NDArray[np.void]

QUIET_NS = 2_000_000
FIRST, SECOND, OWN, SIBLING, BROKER, RETAIL, RIVAL = range(9_001, 9_008)  # accounts
PAIRINGS = [Pairing(71, 72, False), Pairing(71, 73, False, I64_MAX // 2)]
ID = 1 << 60  # order ids that no tape has


def people(middle: int) -> list[AccountInfo]:
    """Return the accounts; RIVAL's segment may meet RETAIL's until `middle`, in ns, not after."""
    return [
        AccountInfo(FIRST, 901, 0, "principal", 70),
        AccountInfo(SECOND, 902, 0, "principal", 70),
        AccountInfo(OWN, 903, 0, "principal", 70),
        AccountInfo(SIBLING, 903, 0, "principal", 70),
        AccountInfo(BROKER, 904, 0, "agency", 70),
        AccountInfo(RETAIL, 905, 0, "principal", 71),
        AccountInfo(RIVAL, 906, 0, "principal", 73, 0, middle),
        AccountInfo(RIVAL, 906, 0, "principal", 72, middle),
    ]


class Quiet:
    """Five quiet moments of a security: rows are put behind the event of each."""

    def __init__(self, events: Rows, seen: Rows, at: npt.NDArray[np.intp], pool: int) -> None:
        self.at = at
        self.ts = events["ts_event"][at]
        self.lit = int(seen["instrument_id"][at[0]])
        self.pool = pool
        self.bid, self.ask = seen["bid"][at], seen["ask"][at]
        self.rows: list[tuple[int, Rows, str]] = []  # place, row, kind of violation or ""

    def put(self, moment: int, truth: str = "", **fields: int) -> None:
        row = np.zeros(1, EVENT)
        row["ts_event"] = row["ts_recv"] = self.ts[moment]
        row["ts_ref"] = I64_MAX
        row["price"] = row["aux_price"] = UNDEFINED_PRICE
        row["instrument_id"] = self.lit
        row["flags"] = ONE_CLOCK
        for name, value in fields.items():
            row[name] = value
        self.rows.append((int(self.at[moment]), row, truth))

    def print(self, truth: str, price: int, buyer: int, seller: int, moment: int = 1) -> None:
        self.put(
            moment,
            truth,
            kind=TRADE,
            instrument_id=self.pool,
            flags=DARK | ONE_CLOCK,
            price=price,
            size=100,
            account=buyer,
            contra_account=seller,
        )


def trade_through(q: Quiet, number: int, tick: int) -> None:
    q.print("trade-through", int(q.ask[1]) + 30 * tick, FIRST, SECOND)
    q.print("", int(q.ask[2]), FIRST, SECOND, moment=2)


def priority(q: Quiet, number: int, tick: int) -> None:
    """The younger of two orders is filled; in every other case it is legal.

    There the older one has just been made larger and so has lost its place.
    """
    price = int(q.bid[0])
    legal = number % 2 == 1
    common = {"side": BID, "price": price, "size": 100}
    first, second, larger = ID + 3 * number, ID + 3 * number + 1, ID + 3 * number + 2
    q.put(0, kind=ADD, order_id=first, account=FIRST, **common)
    q.put(1, kind=ADD, order_id=second, account=SECOND, **common)
    if legal:
        # Nobody but these two is left at the price once it is the best: it is a tick better.
        for _, row, _ in q.rows:
            row["price"] += tick
        change = {"price": price + tick, "size": 200, "account": FIRST}
        q.put(2, kind=REPLACE, order_id=first, contra_order_id=larger, side=BID, **change)
    q.put(
        3,
        "" if legal else "priority",
        kind=EXECUTE,
        order_id=second,
        side=BID,
        size=100,
        account=SECOND,
        contra_account=OWN,
    )
    last = larger if legal else first
    q.put(4, kind=CANCEL, order_id=last, side=BID, size=200, account=FIRST)


def sub_penny(q: Quiet, number: int, tick: int) -> None:
    price = int(q.bid[1]) - 40 * tick + tick // 2
    for name, flags, order_id in (("sub-penny", 0, 0), ("", HIDDEN, 1)):
        own = {"order_id": ID + 3 * number + order_id, "side": BID, "account": FIRST, "size": 100}
        q.put(1, name, kind=ADD, price=price, flags=flags | ONE_CLOCK, **own)
        q.put(2, kind=CANCEL, **own)


def segment(q: Quiet, number: int, tick: int) -> None:
    middle = (int(q.bid[1]) + int(q.ask[1])) // 2
    q.print("segment?", middle, RETAIL, RIVAL)
    q.print("", middle, FIRST, RIVAL)


def error_price(q: Quiet, number: int, tick: int) -> None:
    for name, percent, order_id in (("error-price", 125, 0), ("", 101, 1), ("", 70, 2)):
        price = int(q.ask[1]) * percent // 100 // tick * tick
        own = {"order_id": ID + 3 * number + order_id, "side": BID, "account": FIRST, "size": 100}
        q.put(1, name, kind=ADD, price=price, flags=IOC | ONE_CLOCK, **own)
        q.put(1, kind=CANCEL, **own)


def error_duplicate(q: Quiet, number: int, tick: int) -> None:
    """Five equal orders at rest; then five that are each withdrawn before the next."""
    own = {"side": BID, "account": FIRST, "size": 300}
    for i in range(5):
        name = "error-duplicate" if i == 4 else ""
        price = int(q.bid[1]) - 50 * tick
        q.put(1, name, kind=ADD, order_id=ID + 16 * number + i, price=price, **own)
    for i in range(5):
        q.put(2, kind=CANCEL, order_id=ID + 16 * number + i, **own)
    for i in range(5):
        one = {"order_id": ID + 16 * number + 5 + i, **own}
        q.put(3, kind=ADD, price=int(q.bid[3]) - 50 * tick, **one)
        q.put(3, kind=CANCEL, **one)


def self_match(q: Quiet, number: int, tick: int) -> None:
    middle = (int(q.bid[1]) + int(q.ask[1])) // 2
    q.print("self-match", middle, OWN, OWN if number % 2 else SIBLING)
    q.print("", middle, BROKER, BROKER)
    q.print("", middle, OWN, SECOND)


KINDS: dict[str, Callable[[Quiet, int, int], None]] = {
    "trade-through": trade_through,
    "priority": priority,
    "sub-penny": sub_penny,
    "segment": segment,
    "error-price": error_price,
    "error-duplicate": error_duplicate,
    "self-match": self_match,
}


def quiet_spells(events: Rows, seen: Rows) -> list[npt.NDArray[np.intp]]:
    """Return where five events of a lit book in a row are quiet, no event in two of them."""
    spells = []
    for security in np.unique(seen["security"]):
        own = np.flatnonzero(seen["security"] == security)
        gaps = np.diff(events["ts_event"][own])
        lit = (seen["trade"][own] == 0) & (seen["dark"][own] == 0)
        sound = (seen["quoted"][own] == 1) & (seen["ask"][own] - seen["bid"][own] >= 30_000_000)
        start = 0
        while start + 6 < len(own):
            here = slice(start, start + 6)
            if (
                (gaps[start : start + 5] > QUIET_NS).all()
                and (gaps[max(0, start - 1)] > QUIET_NS)
                and lit[here].all()
                and sound[here].all()
                and len(np.unique(seen["bid"][own[here]])) == 1
            ):
                spells.append(own[start : start + 5])
                start += 6
            else:
                start += 1
    return spells


def violate(
    events: Rows,  # (N,) EVENT of a legal tape
    seen: Rows,  # (N,) OBSERVATION of it
    pools: dict[int, int],  # instrument id of a lit book -> of its pool
    each: int,  # violations of each kind
    middle: int,  # ns: from when on RETAIL and RIVAL may not meet
    tick: int,
    seed: int = 1,
) -> tuple[Rows, dict[int, str]]:
    """Return the tape with violations in it, and the kind of each by its index there."""
    assert LIT_TRADE == 1
    rng = np.random.default_rng(seed)
    spells = quiet_spells(events, seen)
    assert len(spells) >= each * len(KINDS), len(spells)
    chosen = rng.permutation(len(spells))[: each * len(KINDS)]
    put: list[tuple[int, Rows, str]] = []
    for number, spell in enumerate(chosen):
        at = spells[spell]
        kind = list(KINDS)[number % len(KINDS)]
        quiet = Quiet(events, seen, at, pools[int(seen["instrument_id"][at[0]])])
        KINDS[kind](quiet, number if kind != "priority" else 2 * number + number // 7 % 2, tick)
        put += quiet.rows
    put.sort(key=lambda one: one[0])
    parts, truth, done, count = [], {}, 0, 0
    for place, row, kind in put:
        part = events[done : place + 1]
        parts += [part, row]
        count += len(part)
        if kind == "segment?":
            kind = "segment" if row["ts_event"][0] >= middle else ""
        if kind:
            truth[count] = kind
        count += 1
        done = max(done, place + 1)
    return np.concatenate([*parts, events[done:]]), truth
