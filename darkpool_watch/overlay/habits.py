"""What a listing's recorded orders look like, so that laid-over ones look the same.

Times lie on the tape's own clock grid, prices on its price grid, sizes end as its sizes end,
distances from the touch are its own, and order ids come from between its own.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from darkpool_watch.overlay.book import UNDISPLAYED, Book, Event
from darkpool_watch.units import UNDEFINED_PRICE
from kernels.layout import ADD, BID, EXECUTE, HIDDEN, LEVEL, REPLACE

_ODD_LOT = 100  # sizes end in their last two digits; what is above counts in hundreds


@dataclass(frozen=True)
class Habits:
    """Families that one listing's orders are drawn from.

    Attributes:
        resolution, phase: ns; recorded times are phase + k * resolution.
        grid: 1e-9 currency; recorded order prices are multiples of it.
        sizes: (A,) int64 sizes of recorded orders.
        distances: (D,) int64 grid steps behind the own touch at which they were entered.
        levels: levels a side that the tape shows, where it shows no more; else 0.
        entry_flags, trade_flags: flags of an ordinary order, and of an execution of one.
        contra: whether executions name the incoming order.
        hides: whether the tape prints executions of hidden orders.
        latencies: (R,) int64 ns from the venue's clock to the capture's.
    """

    resolution: int
    phase: int
    grid: int
    sizes: NDArray[np.int64]
    distances: NDArray[np.int64]
    levels: int
    entry_flags: int
    trade_flags: int
    contra: bool
    hides: bool
    latencies: NDArray[np.int64]

    def on_clock(self, ts: int) -> int:
        """Return the newest time of the tape's clock that is not after `ts`."""
        return ts - (ts - self.phase) % self.resolution

    def size(self, rng: np.random.Generator) -> int:
        """Return a size as a recorded order has it."""
        return int(rng.choice(self.sizes))

    def size_near(self, rng: np.random.Generator, target: float) -> int:
        """Return a size near `target` whose last two digits are those of a recorded order."""
        ending = self.size(rng) % _ODD_LOT
        return max(1, _ODD_LOT * round((target - ending) / _ODD_LOT) + ending)

    def distance(self, rng: np.random.Generator) -> int:
        """Return a distance behind the touch, in grid steps."""
        return int(rng.choice(self.distances))


def columns(events: NDArray[np.void]) -> list[Event]:
    """Return EVENT rows (N,) as what a book takes."""
    cells = [events[name].tolist() for name in Event._fields]
    return [Event(*row) for row in zip(*cells, strict=True)]


def learn(events: NDArray[np.void]) -> Habits:
    """Return the habits of one lit listing; it must have displayed orders (ADD) among its rows."""
    added = events[(events["kind"] == ADD) & ((events["flags"] & UNDISPLAYED) == 0)]
    traded = events[(events["kind"] == EXECUTE) & ((events["flags"] & HIDDEN) == 0)]
    steps = np.diff(events["ts_event"])
    grid = max(1, int(np.gcd.reduce(added["price"])))
    distances, levels = _walk(events, grid)
    return Habits(
        resolution=max(1, int(np.gcd.reduce(steps))) if len(steps) else 1,
        phase=int(events["ts_event"][0]),
        grid=grid,
        sizes=added["size"].astype(np.int64),
        distances=distances,
        levels=levels,
        entry_flags=_usual(added["flags"]),
        trade_flags=_usual(traded["flags"]) if len(traded) else _usual(added["flags"]),
        contra=bool((traded["contra_order_id"] != 0).any()),
        hides=bool(((events["kind"] == EXECUTE) & ((events["flags"] & HIDDEN) > 0)).any()),
        latencies=np.maximum(events["ts_recv"] - events["ts_event"], 0),
    )


def _usual(flags: NDArray[np.uint16]) -> int:
    return int(np.bincount(flags).argmax())


def _walk(events: NDArray[np.void], grid: int) -> tuple[NDArray[np.int64], int]:
    """Return the distances of orders behind their touch, and how many levels the tape shows."""
    book = Book()
    distances = []
    deepest = 0
    ts = events["ts_event"].tolist()
    for row, e in enumerate(columns(events)):
        if e.kind == ADD and e.price != UNDEFINED_PRICE and not e.flags & UNDISPLAYED:
            best = book.best(e.side)
            if best is not None:
                behind = (best - e.price if e.side == BID else e.price - best) // grid
                if behind >= 0:
                    distances.append(behind)
        book.apply(e, row)
        # Between a message and its corrections one level more may stand.
        if row + 1 == len(ts) or ts[row + 1] != ts[row]:
            deepest = max(deepest, *(len(prices) for prices in book.prices.values()))
    corrected = bool((events["kind"] == LEVEL).any())
    return np.array(distances or [0], np.int64), deepest if corrected else 0


class Ids:
    """Order ids for laid-over orders, from between the recorded ones.

    Venues number orders of all securities as they come, so the ids of one security rise with time
    and leave gaps; an id is taken from the gap of its own time, in proportion to it. Where a tape
    leaves no gap (`appended` counts them) ids go on above its largest: nothing else keeps every
    recorded byte.
    """

    def __init__(self, events: NDArray[np.void]) -> None:
        self._used = set(events["order_id"].tolist()) | set(events["contra_order_id"].tolist())
        kind = events["kind"]
        entered = np.where(kind == REPLACE, events["contra_order_id"], events["order_id"])
        rows = np.flatnonzero(((kind == ADD) | (kind == REPLACE)) & (entered > 0))
        ids = entered[rows].astype(np.int64)
        kept = _rising(ids.tolist())
        self._ids = ids[kept].tolist()
        self._ts = events["ts_event"][rows][kept].tolist()
        differences = np.diff(ids)
        self._step = max(1, int(np.gcd.reduce(differences))) if len(differences) else 1
        self._next = (max(self._used, default=0) // self._step + 1) * self._step + (
            int(ids[0]) % self._step if len(ids) else 0
        )
        self.appended = 0

    def take(self, ts: int) -> int:
        """Return an unused id for an order entered at `ts`; ask in order of time."""
        after = bisect_right(self._ts, ts)
        if 0 < after < len(self._ts):
            low, high = self._ids[after - 1], self._ids[after]
            begins, ends = self._ts[after - 1], self._ts[after]
            aim = low + (high - low) * (ts - begins) // max(1, ends - begins)
            aim -= (aim - low) % self._step
            # Upwards first, so that ids of one gap rise with time.
            for found in range(max(aim, low + self._step), high, self._step):
                if found not in self._used:
                    return self._note(found)
            for found in range(min(aim, high - self._step), low, -self._step):
                if found not in self._used:
                    return self._note(found)
        self.appended += 1
        self._next += self._step
        return self._note(self._next - self._step)

    def _note(self, found: int) -> int:
        self._used.add(found)
        return found


def _rising(ids: list[int]) -> list[int]:
    """Return the places of a longest rising run of ids; the few others bound no gap.

    Source: Fredman (1975), Discrete Mathematics 11(1). Cost: O(N log N).
    """
    ends: list[int] = []  # the smallest id that ends a run of each length
    places: list[int] = []
    before: list[int] = []
    for place, one in enumerate(ids):
        length = bisect_left(ends, one)
        before.append(places[length - 1] if length else -1)
        if length == len(ends):
            ends.append(one)
            places.append(place)
        else:
            ends[length], places[length] = one, place
    run = []
    place = places[-1] if places else -1
    while place >= 0:
        run.append(place)
        place = before[place]
    return run[::-1]
