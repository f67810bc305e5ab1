"""Boosted trees that try to tell real windows of order flow from simulated ones.

What they score is how far the simulator is from being taken for real: 0.5 is not to be told. Each
test window is judged by trees that saw neither its tape or security nor its part of the day.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import lightgbm
import msgspec
import numpy as np
from numpy.typing import NDArray

from darkpool_watch.evaluate.windows import Windows

SIMULATED_A_REAL: Final = 3  # simulated windows drawn for every real one of a half hour
PARTS: Final = 3  # of the day
DRAWS: Final = 1_000  # of the bootstrap
SHOWN: Final = 20  # features listed
UNSCALED: Final = ("time", "kind", "life")  # know nothing of ticks and lots, which differ by price
_LEAST_WINDOWS: Final = 30  # of either kind
_TREES: Final = 150
_SETTINGS: Final[dict[str, Any]] = {
    "objective": "binary",
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 20,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}

Floats = NDArray[np.float64]


class Tell(msgspec.Struct, frozen=True):
    """One statistic and how it gives the simulator away."""

    feature: str
    alone: float  # AUROC of the statistic by itself; below 0.5 it is higher in simulated windows
    gain: float  # share of all splits' gain
    drop: float  # of AUROC, where its test values are shuffled
    real: float  # median
    simulated: float  # median


class Verdict(msgspec.Struct, frozen=True):
    """What the trees could tell."""

    auroc: float
    low: float  # 95% interval, bootstrap over security and half hour
    high: float
    auroc_seen_tapes: float  # the same where only the part of the day is held out
    families: dict[str, float]  # AUROC from some of the statistics: one family; all without scale
    tells: tuple[Tell, ...]  # by `alone`, the farthest from 0.5 first
    real_windows: int
    simulated_windows: int
    real_tapes: tuple[str, ...]


class Sample(NamedTuple):
    """Windows drawn so that either kind has the same times of day."""

    names: tuple[str, ...]
    values: Floats  # (N, F)
    real: NDArray[np.bool_]  # (N,)
    tape: NDArray[np.int64]  # (N,) index of the tape or security, real ones first
    group: NDArray[np.int64]  # (N,) fold of its tape
    part: NDArray[np.int64]  # (N,) fold of its time of day
    cluster: NDArray[np.int64]  # (N,) tape and half hour


def discriminate(
    real: Sequence[Windows],
    simulated: Sequence[Windows],
    *,
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> Verdict | None:
    """Return what trees can tell, None below 30 windows of a kind or two tapes of either.

    Cost: some 30 fits of 150 small trees, about a minute for two real days.
    """
    if len(real) < 2 or len(simulated) < 2:
        return None
    sample = draw(real, simulated, np.random.default_rng(seed))
    if min(sample.real.sum(), (~sample.real).sum()) < _LEAST_WINDOWS:
        return None
    progress("discriminator: unseen tapes")
    whole = _judge(sample, range(len(sample.names)), seed, held_tapes=True)
    low, high = interval(sample, whole, np.random.default_rng(seed))
    progress("discriminator: seen tapes")
    seen = _judge(sample, range(len(sample.names)), seed, held_tapes=False)
    families = {}
    names = list(dict.fromkeys(name.split(".")[0] for name in sample.names))
    for family in [(one,) for one in names] + [UNSCALED]:
        progress(f"discriminator: {'+'.join(family)} alone")
        mine = [i for i, name in enumerate(sample.names) if name.split(".")[0] in family]
        if mine:
            folds = _judge(sample, mine, seed, held_tapes=True)
            families["+".join(family)] = score(sample, folds)
    return Verdict(
        auroc=score(sample, whole),
        low=low,
        high=high,
        auroc_seen_tapes=score(sample, seen),
        families=families,
        tells=_tells(sample, whole),
        real_windows=int(sample.real.sum()),
        simulated_windows=int((~sample.real).sum()),
        real_tapes=tuple(one.label for one in real),
    )


def draw(real: Sequence[Windows], simulated: Sequence[Windows], rng: np.random.Generator) -> Sample:
    """Return all real windows and, of each half hour, up to three times as many simulated ones."""
    tapes = [*real, *simulated]
    tape = np.repeat(np.arange(len(tapes)), [len(one.values) for one in tapes])
    values = np.concatenate([one.values for one in tapes])
    half_hour = np.concatenate([one.half_hour for one in tapes])
    is_real = tape < len(real)
    kept = [np.flatnonzero(is_real)]
    for half in np.unique(half_hour[is_real]):
        wanted = SIMULATED_A_REAL * int((is_real & (half_hour == half)).sum())
        there = np.flatnonzero(~is_real & (half_hour == half))
        kept.append(rng.permutation(there)[:wanted])
    rows = np.sort(np.concatenate(kept))
    tape, half_hour = tape[rows], half_hour[rows]
    # A real tape a fold; simulated securities are dealt to the folds by turns.
    group = np.where(tape < len(real), tape, (tape - len(real)) % len(real))
    last = half_hour.max() + 1
    return Sample(
        names=tapes[0].names,
        values=values[rows],
        real=is_real[rows],
        tape=tape,
        group=group,
        part=half_hour * PARTS // last,
        cluster=tape * last + half_hour,
    )


class _Fold(NamedTuple):
    """One test set, what judged it, and what it said."""

    rows: NDArray[np.int64]
    scores: Floats
    gain: Floats  # of the features used
    drop: Floats


def _judge(sample: Sample, features: Sequence[int], seed: int, *, held_tapes: bool) -> list[_Fold]:
    """Fit and score every fold; features are shuffled for `drop` where tapes are held out."""
    columns = list(features)
    rng = np.random.default_rng(seed)
    groups = range(int(sample.group.max()) + 1) if held_tapes else (-1,)
    folds = []
    for group in groups:
        for part in range(PARTS):
            mine = sample.group == group if held_tapes else np.ones(len(sample.real), bool)
            rows = np.flatnonzero(mine & (sample.part == part))
            rest = np.flatnonzero((~mine | ~np.bool_(held_tapes)) & (sample.part != part))
            if not _both(sample.real[rows]) or not _both(sample.real[rest]):
                continue
            model = _fit(sample, rest, columns, seed)
            test = sample.values[rows][:, columns]
            scores = np.asarray(model.predict(test), np.float64)
            base = auroc(scores, sample.real[rows])
            drop = np.zeros(len(columns))
            if held_tapes and len(columns) == len(sample.names):
                for j in range(len(columns)):
                    shuffled = test.copy()
                    shuffled[:, j] = rng.permutation(test[:, j])
                    drop[j] = base - auroc(np.asarray(model.predict(shuffled)), sample.real[rows])
            gain = np.asarray(model.feature_importance("gain"), np.float64)
            folds.append(_Fold(rows, scores, gain / max(gain.sum(), 1e-12), drop))
    return folds


def _both(real: NDArray[np.bool_]) -> bool:
    return bool(real.any() and not real.all())


def _fit(
    sample: Sample, rows: NDArray[np.int64], columns: list[int], seed: int
) -> lightgbm.Booster:
    """Fit trees on rows, real and simulated ones weighing the same in all."""
    real = sample.real[rows]
    weight = np.where(real, 0.5 / real.mean(), 0.5 / (1.0 - real.mean()))
    table = lightgbm.Dataset(
        sample.values[rows][:, columns],
        label=real.astype(np.float64),
        weight=weight,
        params={"verbosity": -1},
    )
    return lightgbm.train({**_SETTINGS, "seed": seed}, table, num_boost_round=_TREES)


def auroc(scores: NDArray[Any], real: NDArray[np.bool_]) -> float:
    """Return the chance that a real window scores above a simulated one, ties counting half."""
    simulated = np.sort(scores[~real])
    below = np.searchsorted(simulated, scores[real], side="left")
    up_to = np.searchsorted(simulated, scores[real], side="right")
    if len(below) == 0 or len(simulated) == 0:
        return float("nan")
    return float((below + up_to).mean() / 2 / len(simulated))


def score(sample: Sample, folds: list[_Fold]) -> float:
    """Return the mean AUROC of the folds: scores of different trees are not comparable."""
    return float(np.mean([auroc(one.scores, sample.real[one.rows]) for one in folds]))


def interval(
    sample: Sample, folds: list[_Fold], rng: np.random.Generator, draws: int = DRAWS
) -> tuple[float, float]:
    """Return a 95% interval of `score` from draws of whole clusters, real and simulated apart.

    It tells of other hours of these tapes, not of other real days, of which there are too few.
    """
    found = []
    members = [
        [
            [np.flatnonzero(sample.cluster[fold.rows] == c) for c in np.unique(of_kind)]
            for of_kind in (
                sample.cluster[fold.rows][sample.real[fold.rows]],
                sample.cluster[fold.rows][~sample.real[fold.rows]],
            )
        ]
        for fold in folds
    ]
    for _ in range(draws):
        values = []
        for fold, kinds in zip(folds, members, strict=True):
            drawn = np.concatenate(
                [kind[i] for kind in kinds for i in rng.integers(len(kind), size=len(kind))]
            )
            values.append(auroc(fold.scores[drawn], sample.real[fold.rows][drawn]))
        found.append(np.mean(values))
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def _tells(sample: Sample, folds: list[_Fold]) -> tuple[Tell, ...]:
    gain = np.mean([fold.gain for fold in folds], axis=0)
    drop = np.mean([fold.drop for fold in folds], axis=0)
    told = []
    for i, name in enumerate(sample.names):
        known = np.isfinite(sample.values[:, i])
        values, real = sample.values[known, i], sample.real[known]
        if _both(real):
            told.append(
                Tell(
                    feature=name,
                    alone=auroc(values, real),
                    gain=float(gain[i]),
                    drop=float(drop[i]),
                    real=float(np.median(values[real])),
                    simulated=float(np.median(values[~real])),
                )
            )
    return tuple(sorted(told, key=lambda one: -abs(one.alone - 0.5))[:SHOWN])
