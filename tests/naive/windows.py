"""The sliding window from its definition, and held values as step functions of time."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from kernels.layout import I64_MAX

TAU_S = (0.1, 1.0, 10.0, 60.0)
PANE_NS = (6_250_000, 62_500_000, 625_000_000, 3_750_000_000)
NAN = math.nan

Observation = dict[str, int | float]


class View(NamedTuple):
    """What a family may look at: [D (floor(t / D) - 15), t] of one security, and its past."""

    past: list[Observation]  # all observations so far, times monotone
    inside: list[Observation]  # the last of them, not older than `start`
    start: int  # ns
    now: int  # ns
    pane: int  # ns
    tau_s: float


def plain(observations: np.ndarray) -> list[Observation]:
    """Return the rows as dicts of Python numbers, late events moved up to the clock."""
    rows = [{name: row[name].item() for name in observations.dtype.names} for row in observations]
    clock = 0
    for row in rows:
        clock = row["ts"] = max(clock, row["ts"])
    return rows


def view(past: list[Observation], now: int, level: int) -> View:
    pane = PANE_NS[level]
    start = pane * (now // pane - 15)
    inside = [o for o in past if o["ts"] >= start]
    return View(past, inside, start, now, pane, TAU_S[level])


def ratio(above: float, below: float) -> float:
    return above / below if below else NAN


def pieces(v: View, value: Callable[[Observation], float]) -> list[tuple[int, float]]:
    """Return (ns, value) of each stretch of the window over which a known value was held."""
    out = []
    for i, o in enumerate(v.past):
        until = v.past[i + 1]["ts"] if i + 1 < len(v.past) else v.now
        span = until - max(o["ts"], v.start)
        x = value(o)
        if span > 0 and not math.isnan(x):
            out.append((span, x))
    return out


def time_mean(v: View, value: Callable[[Observation], float]) -> float:
    held = pieces(v, value)
    return ratio(math.fsum(dt * x for dt, x in held), sum(dt for dt, _ in held))


def held_before(past: list[Observation], when: int) -> Observation | None:
    """Return the last observation before `when`."""
    for o in reversed(past):
        if o["ts"] < when:
            return o
    return None


def midpoint(o: Observation | None) -> float:
    """Return m, in 1e-9 currency."""
    return NAN if o is None or o["mid2"] == I64_MAX else o["mid2"] / 2
