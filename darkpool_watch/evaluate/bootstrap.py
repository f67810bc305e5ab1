"""Intervals: security-days are drawn anew, with all their records and whole campaigns.

Source: Field & Welsh (2007), J. R. Stat. Soc. B 69(3), the cluster bootstrap; percentile intervals.
"""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from darkpool_watch.evaluate.curve import LEVELS, Curve, Steps, curve_of, steps_of

DRAWS: Final = 2_000
CONFIDENCE: Final = 0.95
_AT_ONCE: Final = 250  # draws in one product, so that memory stays small

Floats = NDArray[np.float64]
Metric = Callable[[Curve], Floats]


class Interval(msgspec.Struct, frozen=True):
    """A figure and its 95% interval; NaN where undefined."""

    figure: float
    low: float
    high: float


def times_drawn(clusters: int, draws: int = DRAWS, seed: int = 0) -> Floats:
    """Return (D, K) how often each cluster is in each draw."""
    rng = np.random.default_rng(seed)
    share = np.full(clusters, 1.0 / clusters)
    return rng.multinomial(clusters, share, size=draws).astype(float)


def interval_of(figure: float, drawn: Floats) -> Interval:
    """Return a figure with the middle 95% of what the draws gave; undefined draws are left out."""
    known = drawn[np.isfinite(drawn)]
    if not len(known):
        return Interval(float(figure), float("nan"), float("nan"))
    tail = 50.0 * (1.0 - CONFIDENCE)
    low, high = np.percentile(known, [tail, 100.0 - tail])
    return Interval(float(figure), float(low), float(high))


def draws_of(steps: Steps, metrics: Mapping[str, Metric], times: Floats) -> dict[str, Floats]:
    """Return (D,) values of each metric."""
    found: dict[str, list[Floats]] = {name: [] for name in metrics}
    for i in range(0, len(times), _AT_ONCE):
        curve = steps.curve(times[i : i + _AT_ONCE])
        for name, metric in metrics.items():
            found[name].append(metric(curve))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def intervals(
    cells: NDArray[np.void],  # (C,) CELL
    score: Floats,  # (C,)
    metrics: Mapping[str, Metric],
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> dict[str, Interval]:
    """Return each metric of all cells, exact, with its interval over clusters."""
    whole = curve_of(cells, score)
    steps = steps_of(cells, score, most=LEVELS)
    drawn = draws_of(steps, metrics, times_drawn(len(steps.clean), draws, seed))
    return {name: interval_of(float(m(whole)), drawn[name]) for name, m in metrics.items()}


def paired_difference(
    cells: NDArray[np.void],
    score: Floats,  # (C,)
    other: Floats,  # (C,) of the same cells
    metric: Metric,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> Interval:
    """Return metric(score) - metric(other) with its interval; both see the same draws."""
    figure = float(metric(curve_of(cells, score)) - metric(curve_of(cells, other)))
    steps = [steps_of(cells, one, most=LEVELS) for one in (score, other)]
    times = times_drawn(len(steps[0].clean), draws, seed)
    mine, theirs = (draws_of(one, {"metric": metric}, times)["metric"] for one in steps)
    return interval_of(figure, mine - theirs)
