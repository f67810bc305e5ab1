"""What a picture of a campaign or a look-alike needs: book, orders and prints around it.

The tape is played again up to the episode's end, so nothing need have been kept of it.
"""

from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from darkpool_watch.errors import ConfigError
from darkpool_watch.sim.labels import Campaign
from darkpool_watch.sim.market import Lookalike, SimConfig, Simulator
from darkpool_watch.sim.population import TICK, security_of
from darkpool_watch.units import NS_PER_S
from kernels.layout import ADD, ASK, BID, CANCEL, DARK, EXECUTE, I64_MAX, REPLACE

DEPTH: Final = 10  # ticks of each side

ORDER_PATH: Final = np.dtype(
    [
        ("entered", "<i8"),  # ns
        ("gone", "<i8"),  # ns, filled or cancelled; max = still there at the window's end
        ("price", "<i8"),  # 1e-9 currency; max = pegged to the midpoint
        ("size", "<i8"),
        ("filled", "<i8"),
        ("account", "<i8"),
        ("side", "u1"),  # BID or ASK
        ("dark", "u1"),
    ]
)
PRINT: Final = np.dtype(
    [
        ("ts", "<i8"),  # ns
        ("price", "<i8"),
        ("size", "<i8"),
        ("side", "u1"),  # of the resting order
        ("dark", "u1"),
        ("own", "u1"),  # 1: a message of the episode's agent
    ]
)


class Episode(msgspec.Struct, frozen=True):
    """One security around one agent's messages; N are the lit messages of the window."""

    ts: NDArray[np.int64]  # (N,) ns
    bid: NDArray[np.int64]  # (N,) 1e-9 currency, after the message; max = none
    ask: NDArray[np.int64]  # (N,)
    sizes: NDArray[np.int64]  # (N, 2, DEPTH) resting by side and ticks behind its best
    orders: NDArray[np.void]  # (O,) ORDER_PATH, the agent's own, in order of entry
    prints: NDArray[np.void]  # (P,) PRINT, everybody's
    messages: NDArray[np.void]  # (M,) EVENT, the agent's own


def episode(
    config: SimConfig, who: Campaign | Lookalike, before_s: float = 10.0, after_s: float = 10.0
) -> Episode:
    """Return what happened from `before_s` before an agent's first message to `after_s` after it
    stopped.

    Raises ConfigError where the tape has no such agent.
    """
    simulator = Simulator(config)
    place = _place(simulator, who)
    since = who.start - int(before_s * NS_PER_S)
    until = who.end + int(after_s * NS_PER_S)
    events, own = [], []
    for stretch, _, senders in simulator.stretches():
        here = (security_of(stretch["instrument_id"]) == who.security_id) & (
            stretch["ts_event"] <= until
        )
        events.append(stretch[here])
        own.append(senders[here] == place)
        if len(stretch) and stretch["ts_event"][-1] > until:
            break
    return _cut(np.concatenate(events), np.concatenate(own), since)


def _place(simulator: Simulator, who: Campaign | Lookalike) -> int:
    """Return the agent's place among those of its security."""
    planned = simulator.planned[simulator.planned["security"] == who.security_id - 1]
    if isinstance(who, Lookalike):
        if who.id < len(planned) and planned["campaign"][who.id] < 0:
            return who.id
    else:
        found = np.flatnonzero(planned["campaign"] == who.id)
        if len(found):
            return int(found[0])
    raise ConfigError(
        f"Expected a tape with number {who.id} of security {who.security_id}, found none: "
        "give the config of the tape that it is from"
    )


class _Side:
    """Resting sizes of one side by price, with its best price."""

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.sizes: dict[int, int] = {}
        self.best: int | None = None

    def change(self, price: int, size: int) -> None:
        total = self.sizes.get(price, 0) + size
        if total > 0:
            self.sizes[price] = total
            if self.best is None or self.sign * price > self.sign * self.best:
                self.best = price
        else:
            self.sizes.pop(price, None)
            if price == self.best:
                self.best = self.sign * max((self.sign * p for p in self.sizes), default=0) or None

    def price(self) -> int:
        return I64_MAX if self.best is None else self.best

    def depth(self) -> list[int]:
        if self.best is None:
            return [0] * DEPTH
        return [self.sizes.get(self.best - self.sign * d * TICK, 0) for d in range(DEPTH)]


def _cut(events: NDArray[np.void], own: NDArray[np.bool_], since: int) -> Episode:
    """Return the episode of a security's events from the tape's start, seen from `since` on."""
    sides = {BID: _Side(1), ASK: _Side(-1)}
    resting: dict[int, list[int]] = {}  # id: side, price, left
    path: list[tuple[int, int, int, list[list[int]]]] = []
    for row in events[(events["flags"] & DARK) == 0]:
        _apply(row, sides, resting)
        if row["ts_event"] >= since:
            bid, ask = sides[BID], sides[ASK]
            sizes = [bid.depth(), ask.depth()]
            path.append((int(row["ts_event"]), bid.price(), ask.price(), sizes))
    shown = events["ts_event"] >= since
    traded = shown & (events["kind"] == EXECUTE)
    prints = np.zeros(int(traded.sum()), PRINT)
    for name, field in (("ts", "ts_event"), ("price", "price"), ("size", "size"), ("side", "side")):
        prints[name] = events[field][traded]
    prints["dark"] = (events["flags"][traded] & DARK) > 0
    prints["own"] = own[traded]
    return Episode(
        ts=np.array([one[0] for one in path], np.int64),
        bid=np.array([one[1] for one in path], np.int64),
        ask=np.array([one[2] for one in path], np.int64),
        sizes=np.array([one[3] for one in path], np.int64).reshape(len(path), 2, DEPTH),
        orders=_paths(events[own]),
        prints=prints,
        messages=events[own],
    )


def _apply(row: Any, sides: dict[int, _Side], resting: dict[int, list[int]]) -> None:
    """Apply a lit event to the sides of a book."""
    order_id, size = int(row["order_id"]), int(row["size"])
    if row["kind"] == ADD:
        resting[order_id] = [int(row["side"]), int(row["price"]), size]
        sides[int(row["side"])].change(int(row["price"]), size)
    elif order_id in resting:
        side, price, left = resting[order_id]
        gone = size if row["kind"] == EXECUTE else left
        sides[side].change(price, -gone)
        resting[order_id][2] -= gone
        if resting[order_id][2] <= 0:
            del resting[order_id]
        if row["kind"] == REPLACE:
            resting[int(row["contra_order_id"])] = [side, int(row["price"]), size]
            sides[side].change(int(row["price"]), size)


def _paths(messages: NDArray[np.void]) -> NDArray[np.void]:
    """Return the orders among an agent's own messages, with when they came and went."""
    rows: dict[int, Any] = {}
    for row in messages:
        if row["kind"] == ADD:
            one = rows[int(row["order_id"])] = np.zeros(1, ORDER_PATH)[0]
            one["entered"], one["gone"] = row["ts_event"], I64_MAX
            one["price"], one["size"] = row["price"], row["size"]
            one["account"], one["side"] = row["account"], row["side"]
            one["dark"] = (row["flags"] & DARK) > 0
        elif row["kind"] in (CANCEL, EXECUTE):
            for name in ("order_id", "contra_order_id"):
                found = rows.get(int(row[name]))
                if found is not None:
                    found["filled"] += row["size"] if row["kind"] == EXECUTE else 0
                    if row["kind"] == CANCEL or found["filled"] >= found["size"]:
                        found["gone"] = row["ts_event"]
    return np.array(list(rows.values()), ORDER_PATH) if rows else np.zeros(0, ORDER_PATH)
