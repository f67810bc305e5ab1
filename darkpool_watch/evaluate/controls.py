"""Rules 5, 7 and 12: hard negatives, fits that see no label, and labels that mean nothing."""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from darkpool_watch.evaluate.bootstrap import DRAWS, Interval, interval_of, intervals, times_drawn
from darkpool_watch.evaluate.cells import PREVALENCE, scores_of_cells
from darkpool_watch.evaluate.finding import Finding
from darkpool_watch.evaluate.metrics import average_precision, bar_of
from darkpool_watch.evaluate.models import SHARP, Rows, Trees
from darkpool_watch.evaluate.sample import Sample
from darkpool_watch.sim.abuse import LOOKALIKES
from darkpool_watch.typologies import MODEL_TYPOLOGIES
from kernels.sim_labels import CLEAN

RATE: Final = 0.008
KNOWS_NOTHING: Final = 0.02  # how far the AP of shuffled labels may lie above the prevalence

Floats = NDArray[np.float64]


def judge_hard_negatives(
    sample: Sample,
    score: Floats,  # (C,) of its cells
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> Finding:
    """Return the least number of look-alike episodes for each campaign of a typology.

    `detail` has the false-positive rate on the records of each kind of look-alike, at the bar that
    flags 0.8% of all clean records, with its interval.
    """
    campaigns = np.bincount(
        sample.campaigns["typology"][sample.campaigns["typology"] >= 0],
        minlength=len(MODEL_TYPOLOGIES),
    )
    ratio = sample.alikes / np.maximum(campaigns, 1)
    used = np.flatnonzero(campaigns)
    least = float(ratio[used].min()) if len(used) else float("nan")
    detail: dict[str, float | str] = {}
    for t, one in alike_rates(sample, score, draws=draws, seed=seed).items():
        code, kind = MODEL_TYPOLOGIES[t].code, LOOKALIKES[t]
        detail[f"{code}: {kind}"] = f"{one.figure:.4f} ({one.low:.4f} to {one.high:.4f})"
    for t in used.tolist():
        detail[f"{MODEL_TYPOLOGIES[t].code} episodes a campaign"] = float(ratio[t])
    return Finding(
        figure=least,
        low=least,
        high=least,
        bound=(1.0, float("inf")),
        met=least >= 1.0,
        n=int(sample.alikes.sum()),
        says="look-alike episodes for each campaign, of the typology with the fewest",
        detail=detail,
    )


def alike_rates(
    sample: Sample, score: Floats, *, draws: int = DRAWS, seed: int = 0
) -> dict[int, Interval]:
    """Return by typology the flagged share of the clean records of its look-alikes."""
    cells = sample.cells
    flagged = score >= bar_of(cells, score, RATE)
    times = times_drawn(sample.clusters, draws, seed)
    found = {}
    for t in range(len(MODEL_TYPOLOGIES)):
        mine = (cells["zone"] == CLEAN) & (cells["alike"] == t)
        if not mine.any():
            continue
        records, hits = (
            np.bincount(
                cells["cluster"][rows], weights=cells["records"][rows], minlength=sample.clusters
            )
            for rows in (mine, mine & flagged)
        )
        with np.errstate(invalid="ignore"):
            drawn = (times @ hits) / (times @ records)
        found[t] = interval_of(float(hits.sum() / records.sum()), drawn)
    return found


def judge_fitting(
    fit: Callable[[NDArray[np.floating], NDArray[np.integer]], NDArray[np.floating]],
    values: NDArray[np.floating],  # (K, F) rows of the fitting days
    zone: NDArray[np.integer],  # (K,)
    fitting_days: set[tuple[int, int]],  # (seed, day)
    judged_days: set[tuple[int, int]],
    *,
    seed: int = 0,
) -> Finding:
    """Return how many fitted values depend on labels, and refuse days that are fitted and judged.

    `fit` returns everything that is fitted, as one array, from rows and their zones.
    """
    rng = np.random.default_rng(seed)
    plain = np.ravel(fit(values, zone))
    others = (np.zeros_like(zone), rng.permutation(zone), np.where(zone == CLEAN, 1, CLEAN))
    moved = np.zeros(len(plain), bool)
    for other in others:
        again = np.ravel(fit(values, other.astype(zone.dtype)))
        moved |= ~np.isclose(plain, again, rtol=0.0, atol=0.0, equal_nan=True)
    shared = len(fitting_days & judged_days)
    return Finding(
        figure=float(moved.sum() + shared),
        low=float(moved.sum() + shared),
        high=float(moved.sum() + shared),
        bound=(0.0, 0.0),
        met=not moved.any() and shared == 0 and len(plain) > 0,
        n=len(plain),
        says="fitted values that depend on labels, and days both fitted on and judged",
        detail={"values": int(moved.sum()), "days": shared},
    )


def judge_shuffled(train: Sample, test: Sample, *, rounds: int = 60, draws: int = DRAWS) -> Finding:
    """Return the average precision of trees on labels that mean nothing.

    Both samples bear the labels of other securities (`play_day` with `labels_from`) and other times
    (`turned`): as long, as many and as clustered as real ones.
    """
    rows = Rows(train)
    trees = Trees(rows.values, rows.active, rows.weight, rounds=rounds, **SHARP)
    score = scores_of_cells(test.cells, trees.score(test.values))
    one = intervals(test.cells, score, {"ap": average_precision}, draws=draws)["ap"]
    most = PREVALENCE + KNOWS_NOTHING
    return Finding(
        figure=one.figure,
        low=one.low,
        high=one.high,
        bound=(0.0, most),
        met=one.low <= PREVALENCE <= one.high and one.figure <= most,
        n=int((test.campaigns["typology"] >= 0).sum()),
        says="average precision of shuffled labels; the interval has to hold the prevalence, 0.057",
    )
