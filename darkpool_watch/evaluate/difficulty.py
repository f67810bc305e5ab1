"""How hard the simulated abuse is to find: single features, logistic regression, boosted trees.

The trees see all columns of a sample, its frames' past as well where it has it (`recent`); single
features and logistic regression see the newest frame. Everything is fitted on one market and
judged on another: no day, security, account or campaign is on both sides.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from darkpool_watch.evaluate.bootstrap import DRAWS, Interval, intervals
from darkpool_watch.evaluate.cells import of_typology, scores_of_cells
from darkpool_watch.evaluate.curve import Curve
from darkpool_watch.evaluate.metrics import auroc, average_precision, recall_at
from darkpool_watch.evaluate.models import Logistic, Rows, Trees
from darkpool_watch.evaluate.sample import Sample
from darkpool_watch.evaluate.singles import ALL, best_singles
from darkpool_watch.typologies import MODEL_TYPOLOGIES
from kernels.layout import FEATURES
from kernels.sim_labels import ACTIVE

RATE: Final = 0.008  # false-positive rates
STRICT: Final = 0.001
STEALTHY: Final = 1.0
_OWN_CLEAN_CELLS: Final = 60_000  # clean cells that the trees of one typology are fitted on

Floats = NDArray[np.float64]
Tick = Callable[[], None]


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one typology, or of all: every recall is at the bar of all of them."""

    typology: str  # code, or ALL
    campaigns: int  # with active records
    single: str  # feature chosen on the training market, with its direction
    single_ap: Interval
    logistic_ap: Interval
    logistic_recall: Interval
    trees_ap: Interval
    trees_recall: Interval
    trees_recall_strict: Interval  # at a false-positive rate of 0.1%
    trees_auroc: Interval
    stealthy_recall_strict: Interval  # the same of campaigns of stealth 1 and more
    own_trees_ap: Interval  # of trees fitted on this typology alone

    @property
    def best_ap(self) -> float:
        """The highest average precision that any of the judges reaches."""
        found = (self.single_ap, self.logistic_ap, self.trees_ap, self.own_trees_ap)
        return float(np.nanmax([one.figure for one in found]))


class Difficulty(NamedTuple):
    """What the judges reach, and the trees' scores that the rules look at again."""

    rows: tuple[Judged, ...]  # all typologies together first
    score: Floats  # (C,) the trees' score of each cell judged


def recall(curve: Curve) -> Floats:
    """Return recall at a false-positive rate of 0.8%."""
    return recall_at(curve, RATE)


def recall_strict(curve: Curve) -> Floats:
    """Return recall at a false-positive rate of 0.1%."""
    return recall_at(curve, STRICT)


def judge_difficulty(
    train: Sample,
    test: Sample,
    *,
    rounds: int = 200,
    own_rounds: int = 60,
    draws: int = DRAWS,
    tick: Tick = lambda: None,
    **changes: Any,
) -> Difficulty:
    """Return what each judge reaches on `test`, for all typologies and for each one.

    `changes` are parameters of the trees; `tick` is called after each of the steps that
    `steps_of_difficulty` counts.
    """
    singles = best_singles(train)
    tick()
    rows = Rows(train)
    fitted = Trees(rows.values, rows.active, rows.weight, rounds=rounds, **changes)
    trees = _scores(fitted, test)
    tick()
    newest = Logistic(rows.values[:, :FEATURES], rows.active, rows.weight)
    logistic = scores_of_cells(test.cells, newest.score(test.values[:, :FEATURES]))
    del rows
    tick()
    found = []
    for t in (ALL, *sorted(t for t in singles if t != ALL)):
        counted = of_typology(test.cells, *(range(len(MODEL_TYPOLOGIES)) if t == ALL else (t,)))
        active = test.cells["zone"][counted] == ACTIVE
        if active.any() and t in singles:
            single = scores_of_cells(test.cells, singles[t].score(test))
            own = trees if t == ALL else _own_trees(train, test, t, own_rounds, changes)
            scores = {"single": single, "logistic": logistic, "trees": trees, "own": own}
            found.append(_judged(test, counted, t, singles[t].name, scores, draws))
        tick()
    return Difficulty(tuple(found), trees)


def steps_of_difficulty(typologies: int) -> int:
    """Return how often `tick` is called."""
    return 4 + typologies


def _scores(model: Trees, test: Sample) -> Floats:
    return scores_of_cells(test.cells, model.score(test.values))


def _own_trees(train: Sample, test: Sample, t: int, rounds: int, changes: dict[str, Any]) -> Floats:
    """Return the scores of trees that were shown one typology and what is clean."""
    rows = Rows(train.select(of_typology(train.cells, t)), clean=_OWN_CLEAN_CELLS)
    return _scores(Trees(rows.values, rows.active, rows.weight, rounds=rounds, **changes), test)


def _judged(
    test: Sample,
    counted: NDArray[np.bool_],
    t: int,
    single: str,
    scores: dict[str, Floats],
    draws: int,
) -> Judged:
    """Return the figures of a typology's cells."""
    cells = test.cells[counted]
    of = {name: score[counted] for name, score in scores.items()}

    def measured(name: str, **metrics: Callable[[Curve], Floats]) -> dict[str, Interval]:
        return intervals(cells, of[name], metrics, draws=draws)

    trees = measured(
        "trees", ap=average_precision, auroc=auroc, recall=recall, strict=recall_strict
    )
    logistic = measured("logistic", ap=average_precision, recall=recall)
    hidden = test.campaigns["stealth"][cells["campaign"]] >= STEALTHY
    stealthy = (cells["zone"] != ACTIVE) | hidden
    strict = intervals(
        cells[stealthy], of["trees"][stealthy], {"recall": recall_strict}, draws=draws
    )
    active = cells[cells["zone"] == ACTIVE]
    return Judged(
        typology="ALL" if t == ALL else MODEL_TYPOLOGIES[t].code,
        campaigns=len(np.unique(active["campaign"])),
        single=single,
        single_ap=measured("single", ap=average_precision)["ap"],
        logistic_ap=logistic["ap"],
        logistic_recall=logistic["recall"],
        trees_ap=trees["ap"],
        trees_recall=trees["recall"],
        trees_recall_strict=trees["strict"],
        trees_auroc=trees["auroc"],
        stealthy_recall_strict=strict["recall"],
        own_trees_ap=measured("own", ap=average_precision)["ap"],
    )
