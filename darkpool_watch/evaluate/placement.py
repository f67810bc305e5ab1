"""Rule 8: campaigns happen when and where everything else does."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from darkpool_watch.evaluate.bootstrap import Interval, interval_of
from darkpool_watch.evaluate.finding import Finding
from darkpool_watch.sim.market import Simulator
from darkpool_watch.sim.population import security_of
from darkpool_watch.typologies import TYPOLOGIES
from darkpool_watch.units import NS_PER_MS, NS_PER_S

MOST: Final = 0.05
LEAST_CAMPAIGNS: Final = 1_000
_DRAWS: Final = 500
_EVERY: Final = 7  # background messages from one to the next that is kept
_PHASES: Final = {
    "phase of a minute": 60 * NS_PER_S,
    "phase of a second": NS_PER_S,
    "phase of 1 ms": NS_PER_MS,
}

Floats = NDArray[np.float64]


class Places(NamedTuple):
    """When and where messages of the background and campaigns came."""

    background_ts: NDArray[np.int64]  # ns since the session's open
    background_at: NDArray[np.int64]  # security
    start_ts: NDArray[np.int64]  # ns since the session's open, of each campaign
    start_at: NDArray[np.int64]
    timed: NDArray[np.bool_]  # False: the typology itself says when (marking the close)


def places_of(simulator: Simulator) -> Places:
    """Return where a simulator's messages lie; the tape is played."""
    ts, at = [], []
    for events, labels in simulator.blocks():
        kept = np.flatnonzero(labels["own"] == 0)[::_EVERY]
        ts.append(events["ts_event"][kept] - simulator.opens)
        at.append(security_of(events["instrument_id"][kept].astype(np.int64)) - 1)
    begun = simulator.campaigns
    return Places(
        np.concatenate(ts),
        np.concatenate(at),
        np.array([one.start - simulator.opens for one in begun], np.int64),
        np.array([one.security_id - 1 for one in begun], np.int64),
        np.array([TYPOLOGIES[one.typology].kin != "closing" for one in begun], bool),
    )


def join_places(parts: list[Places]) -> Places:
    """Return several days as one."""
    return Places._make(np.concatenate(column) for column in zip(*parts, strict=True))


def judge_placement(
    places: Places, *, least_campaigns: int = LEAST_CAMPAIGNS, seed: int = 0
) -> Finding:
    """Return the largest Kolmogorov-Smirnov distance between campaigns' starts and the background.

    By time of the session (not of typologies that say when), by security, and by phase of a minute,
    a second and a millisecond. The interval is over campaigns.
    """
    rng = np.random.default_rng(seed)
    compared = {
        "time of session": (places.background_ts, places.start_ts[places.timed]),
        "security": _ranked(places),
        **{
            name: (places.background_ts % period, places.start_ts[places.timed] % period)
            for name, period in _PHASES.items()
        },
    }
    detail: dict[str, float | str] = {}
    worst = Interval(0.0, 0.0, 0.0)
    for name, (background, starts) in compared.items():
        one = _distance(background, starts, rng)
        detail[name] = one.figure
        if one.figure > worst.figure:
            worst, detail["worst"] = one, name
    n = len(places.start_ts)
    return Finding(
        figure=worst.figure,
        low=worst.low,
        high=worst.high,
        bound=(0.0, MOST),
        met=worst.figure <= MOST and n >= least_campaigns,
        n=n,
        says=f"largest KS distance of starts to the background, of {least_campaigns}+ campaigns",
        detail=detail,
    )


def _ranked(places: Places) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return securities as their rank by messages, of the background and of campaigns."""
    count = int(max(places.background_at.max(), places.start_at.max(initial=0))) + 1
    rank = np.empty(count, np.intp)
    rank[np.argsort(np.bincount(places.background_at, minlength=count))] = np.arange(count)
    return rank[places.background_at], rank[places.start_at]


def _distance(
    background: NDArray[np.integer], starts: NDArray[np.integer], rng: np.random.Generator
) -> Interval:
    """Return the KS distance of two samples, its interval over the second."""
    values, counts = np.unique(background, return_counts=True)
    below = np.concatenate([[0.0], np.cumsum(counts) / counts.sum()])
    # Each start as the background's distribution just before and at it.
    before = below[np.searchsorted(values, starts, "left")]
    up_to = below[np.searchsorted(values, starts, "right")]
    order = np.argsort(starts, kind="stable")
    figure = _gap(before[order][None], up_to[order][None])[0]
    drawn = np.sort(rng.integers(len(starts), size=(_DRAWS, len(starts))), axis=1)
    return interval_of(figure, _gap(before[order][drawn], up_to[order][drawn]))


def _gap(before: Floats, up_to: Floats) -> Floats:
    """Return (D,) the largest distance; ties of starts are taken together."""
    n = before.shape[1]
    last = np.concatenate([up_to[:, 1:] != up_to[:, :-1], np.ones((len(up_to), 1), bool)], axis=1)
    first = np.roll(last, 1, axis=1)
    first[:, 0] = True
    steps = np.arange(n)
    over = np.where(last, np.abs((steps + 1) / n - up_to), 0.0).max(axis=1)
    under = np.where(first, np.abs(before - steps / n), 0.0).max(axis=1)
    gap: Floats = np.maximum(over, under)
    return gap
