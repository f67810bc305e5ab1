"""Rule 2: orders that were merely re-sent through the injector cannot be told from the others.

A placebo is a background agent's own orders, sent through the injector at their own times. Its
episodes bear labels like a campaign's; so do as many controls, drawn in the same way and left
alone. Whatever tells the two apart is a trace of the injector.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from darkpool_watch.evaluate.bootstrap import DRAWS, intervals
from darkpool_watch.evaluate.cells import scores_of_cells
from darkpool_watch.evaluate.finding import Finding
from darkpool_watch.evaluate.metrics import auroc
from darkpool_watch.evaluate.models import SHARP, Rows, Trees
from darkpool_watch.evaluate.sample import Sample
from kernels.sim_labels import ACTIVE, CLEAN

LEAST: Final = 0.47
MOST: Final = 0.53
LEAST_EPISODES: Final = 1_000
_WEIGHT: Final = 1_000_000  # records of an episode, so that a cell's share of it is a whole number


def against_controls(
    sample: Sample,  # every episode labelled as a campaign is
    resent: NDArray[np.bool_],  # (M,) campaigns: whether it went through the injector
) -> Sample:
    """Return the sample in which records of re-sent episodes are active and of controls clean.

    Every control weighs as much as another, as campaigns do: else long ones, of which there are
    most records, would tell the controls.
    """
    cells = sample.cells[sample.cells["zone"] == ACTIVE].copy()
    control = ~resent[cells["campaign"]]
    cells["zone"][control] = CLEAN
    cells["typology"][~control] = 0
    total = np.bincount(cells["campaign"], cells["records"], minlength=len(resent))
    cells["records"] = np.rint(cells["records"] * (_WEIGHT / total[cells["campaign"]]))
    return sample._replace(cells=cells)


def judge_placebo(
    train: Sample,
    test: Sample,
    *,
    rounds: int = 100,
    draws: int = DRAWS,
    least_episodes: int = LEAST_EPISODES,
) -> Finding:
    """Return the AUROC of trees between re-sent episodes and controls (`against_controls`)."""
    rows = Rows(train)
    trees = Trees(rows.values, rows.active, rows.weight, rounds=rounds, **SHARP)
    score = scores_of_cells(test.cells, trees.score(test.values))
    one = intervals(test.cells, score, {"auroc": auroc}, draws=draws)["auroc"]
    episodes = len(np.unique(test.cells["campaign"]))
    resent = len(np.unique(test.cells["campaign"][test.cells["zone"] == ACTIVE]))
    return Finding(
        figure=one.figure,
        low=one.low,
        high=one.high,
        bound=(LEAST, MOST),
        met=one.low >= LEAST and one.high <= MOST and episodes >= least_episodes,
        n=episodes,
        says=f"AUROC of re-sent orders against controls, {least_episodes:,} episodes and more",
        detail={"re-sent": resent, "controls": episodes - resent},
    )
