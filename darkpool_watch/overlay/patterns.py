"""The four patterns that a static book allows, and what is benign and looks like them.

Each is a generator: it acts on its desk and yields how long it waits, in ns. Parameters are drawn
from laws that campaigns and look-alikes share, so that no one value tells them apart.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from darkpool_watch.overlay.desk import Desk, Dropped, Own
from darkpool_watch.units import NS_PER_MS, NS_PER_S
from kernels.layout import ASK, BID

Steps = Iterator[int]

STUFFED: Final = 200  # own messages of a burst that make it quote stuffing
FLIP_NS: Final = 10 * NS_PER_MS  # longest from the pull to the order the other way
_MOST_LIVE: Final = 20  # orders of a burst that rest at once
_PATIENCE: Final = 40  # looks at whether an order has come first in its queue


@dataclass(frozen=True)
class Plan:
    """What an episode is drawn to do; times in ns."""

    kind: str  # typology code, or the name of a look-alike
    stealth: float
    cycles: int
    span: int  # of one cycle
    pause: int
    reaction: int  # from a fill to what it causes
    ratio: float  # large side in genuine sizes
    layers: int
    side: int  # of the genuine order
    target: int  # messages of a burst
    hidden: bool  # whether the genuine order is


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Return a number in [low, high] whose logarithm is uniform."""
    return float(low * (high / low) ** rng.random())


def draw_plan(rng: np.random.Generator, kind: str, stealth: tuple[float, float]) -> Plan:
    """Draw what an episode does; higher stealth means smaller, slower and so harder to see."""
    hiding = log_uniform(rng, *stealth)
    low, high = (0.1, 10.0) if kind in ("STUFF", RESTARTER) else (0.02, 30.0)
    cycles = int(log_uniform(rng, 1.0, 4.0 if kind in ("STUFF", RESTARTER) else 20.99))
    layers = int(rng.choice([1, 2], p=[0.6, 0.4]))
    if kind == "LAYER":
        layers = int(rng.integers(3, 11))
    elif kind == QUOTER:
        layers = int(rng.choice([1, 2, 3, 4], p=[0.5, 0.2, 0.2, 0.1]))
    # A restart ends below the mark, with the orders that it leaves to be pulled.
    fewest, most = (STUFFED + 15, 600) if kind == "STUFF" else (40, STUFFED - _MOST_LIVE - 10)
    return Plan(
        kind=kind,
        stealth=hiding,
        cycles=cycles,
        span=int(log_uniform(rng, low, high) * NS_PER_S),
        pause=int(log_uniform(rng, 0.3, 20.0) * NS_PER_S),
        reaction=int(min(log_uniform(rng, 5.0, 800.0) * hiding, 2_500.0) * NS_PER_MS),
        ratio=float(np.clip(log_uniform(rng, 2.0, 25.0) / hiding, 1.2, 25.0)),
        layers=layers,
        side=int(rng.choice([BID, ASK])),
        target=int(log_uniform(rng, fewest, most)),
        hidden=bool(rng.random() < 0.4),
    )


def _wait(desk: Desk, low_ms: float, high_ms: float) -> int:
    return int(log_uniform(desk.rng, low_ms, high_ms) * NS_PER_MS)


def _about(desk: Desk, ns: float) -> int:
    """Return a time near `ns`, as no two reactions are the same."""
    return int(ns * log_uniform(desk.rng, 0.6, 1.7))


def _enter_genuine(desk: Desk, side: int, size: int) -> Own:
    """Enter the order that is meant to trade: inside the quotes where there is room."""
    room = desk.room()
    steps = int(desk.rng.integers(1, min(room, 8) + 1)) if room else 0
    return desk.enter(side, desk.inside(side, steps), size)


def _wait_first(desk: Desk, own: Own) -> Steps:
    """Wait until an order is first in its queue; the episode is dropped where it never is."""
    for _ in range(_PATIENCE):
        if desk.is_first(own):
            return
        yield _wait(desk, 20.0, 500.0)
    raise Dropped("the genuine order could not be filled")


def _pull_all(desk: Desk, orders: list[Own], low_ms: float, high_ms: float) -> Steps:
    for i, own in enumerate(orders):
        if i and own in desk.live:
            yield _wait(desk, low_ms, high_ms)
        desk.pull(own)


def spoof(desk: Desk, plan: Plan) -> Steps:
    """A large side, a fill of the small opposite order, the large side pulled; also layering."""
    side, other = plan.side, BID + ASK - plan.side
    for cycle in range(plan.cycles):
        size = desk.habits.size(desk.rng)
        genuine = None
        if not plan.hidden and desk.rng.random() < 0.5:
            genuine = _enter_genuine(desk, side, size)
            yield _wait(desk, 1.0, 300.0)
        large: list[Own] = []
        layers = plan.layers
        if desk.habits.levels:
            layers = min(layers, desk.habits.levels - 1)
        # The ratio is of what was filled or may be: a size of the tape, not a round multiple.
        part = size * plan.ratio / layers
        distances = sorted(desk.habits.distance(desk.rng) for _ in range(layers))
        for distance in distances:
            if large:
                yield _wait(desk, 0.2, 30.0)
            target = part * log_uniform(desk.rng, 0.8, 1.25)
            price = desk.behind(other, distance)
            large.append(desk.enter(other, price, desk.habits.size_near(desk.rng, target)))
        if plan.kind == "LAYER" and len({own.price for own in large}) < min(3, layers):
            raise Dropped("the layers fell on too few prices")
        share = desk.rng.random()
        yield max(1, int(plan.span * share))
        if plan.hidden:
            desk.fill_hidden(side, size)
        else:
            genuine = genuine or _enter_genuine(desk, side, size)
            yield max(1, int(plan.span * (1.0 - share)))
            yield from _wait_first(desk, genuine)
            some = size if desk.rng.random() < 0.7 else max(1, int(size * desk.rng.random()))
            desk.fill(genuine, some)
        standing = sum(own.left for own in large if own in desk.live)
        yield _about(desk, plan.reaction)
        pulled = 0
        for i, own in enumerate(large):
            if i:
                yield _wait(desk, 0.02, 5.0)
            pulled += desk.pull(own)
            if desk.evidence < 0 and 2 * pulled >= standing:
                desk.evidence = desk.now
        if genuine is not None and genuine in desk.live:
            yield _wait(desk, 0.1, 1_000.0)
            desk.pull(genuine)
        if cycle + 1 < plan.cycles:
            yield _about(desk, plan.pause)


def quoter(desk: Desk, plan: Plan) -> Steps:
    """Benign: quote both sides in size, unevenly; after a fill pull the rest and quote anew."""
    for cycle in range(plan.cycles):
        size = desk.habits.size(desk.rng)
        quotes: list[Own] = []
        layers = plan.layers
        if desk.habits.levels:
            layers = min(layers, desk.habits.levels - 1)
        inner = None if plan.hidden else _enter_genuine(desk, plan.side, size)
        for i in range(2 * layers):
            side = plan.side if i % 2 else BID + ASK - plan.side
            target = size * (plan.ratio if i % 2 == 0 else 1.0)
            target *= log_uniform(desk.rng, 0.7, 1.4) / layers
            price = desk.behind(side, desk.habits.distance(desk.rng))
            quotes.append(desk.enter(side, price, desk.habits.size_near(desk.rng, target)))
            yield _wait(desk, 0.02, 20.0)
        yield plan.span
        if desk.rng.random() < 0.7:
            if inner is None:
                desk.fill_hidden(plan.side, size)
            else:
                yield from _wait_first(desk, inner)
                desk.fill(inner, size)
            yield _about(desk, plan.reaction)
        if inner is not None:
            quotes.append(inner)
        yield from _pull_all(desk, quotes, 0.02, 20.0)
        if cycle + 1 < plan.cycles:
            yield _about(desk, plan.pause)


def flip(desk: Desk, plan: Plan) -> Steps:
    """Post one side, pull it, enter the other within 10 ms; the reverser takes its time."""
    other = BID + ASK - plan.side
    for cycle in range(plan.cycles):
        size = desk.habits.size(desk.rng)
        large = desk.habits.size_near(desk.rng, size * plan.ratio)
        own = desk.enter(other, desk.behind(other, desk.habits.distance(desk.rng)), large)
        yield plan.span
        desk.pull(own)
        longest = FLIP_NS / NS_PER_MS if plan.kind == "FLIP" else 1_000.0
        yield _wait(desk, 0.05, 0.99 * longest)
        turned = _enter_genuine(desk, plan.side, size)
        if plan.kind == "FLIP" and desk.evidence < 0:
            desk.evidence = desk.now
        yield _wait(desk, 10.0, 5_000.0)
        desk.pull(turned)
        if cycle + 1 < plan.cycles:
            yield _about(desk, plan.pause)


def stuff(desk: Desk, plan: Plan) -> Steps:
    """Enter and pull orders behind the touch in a burst; the restarter sends fewer messages."""
    for cycle in range(plan.cycles):
        began = len(desk.rows)
        while len(desk.rows) - began < plan.target:
            if not desk.live or (len(desk.live) < _MOST_LIVE and desk.rng.random() < 0.5):
                side = int(desk.rng.choice([BID, ASK]))
                price = desk.behind(side, max(1, desk.habits.distance(desk.rng)))
                desk.enter(side, price, desk.habits.size(desk.rng))
            else:
                desk.pull(desk.live[0])
            if len(desk.rows) - began == STUFFED and desk.evidence < 0:
                desk.evidence = desk.now
            yield int(plan.span / plan.target * log_uniform(desk.rng, 0.2, 3.0))
        yield from _pull_all(desk, list(desk.live), 0.1, 10.0)
        if cycle + 1 < plan.cycles:
            yield _about(desk, plan.pause)


QUOTER: Final = "two-sided quoter"
REVERSER: Final = "stop and reverse"
RESTARTER: Final = "algorithm restart"
PATTERNS: Final[dict[str, Callable[[Desk, Plan], Steps]]] = {
    "SPOOF": spoof,
    "LAYER": spoof,
    "FLIP": flip,
    "STUFF": stuff,
    QUOTER: quoter,
    REVERSER: flip,
    RESTARTER: stuff,
}
TYPOLOGIES: Final = ("SPOOF", "LAYER", "FLIP", "STUFF")
LOOKALIKES: Final = {"SPOOF": QUOTER, "LAYER": QUOTER, "FLIP": REVERSER, "STUFF": RESTARTER}
