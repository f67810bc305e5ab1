import numpy as np
import pytest
from numpy.typing import NDArray

from darkpool_watch.evaluate.bootstrap import (
    draws_of,
    interval_of,
    intervals,
    paired_difference,
    times_drawn,
)
from darkpool_watch.evaluate.curve import curve_of, steps_of
from darkpool_watch.evaluate.metrics import auroc, average_precision, recall_at
from kernels.sim_labels import ACTIVE, CLEAN
from tests.evaluate.cases import cells, chance

METRICS = {
    "ap": average_precision,
    "auroc": auroc,
    "recall": lambda curve: recall_at(curve, 0.05),
}


def repeated(
    found: NDArray[np.void], score: NDArray[np.float64], times: NDArray[np.float64]
) -> tuple[NDArray[np.void], NDArray[np.float64]]:
    """Return the cells of a draw one by one: clusters repeated, their campaigns renamed."""
    rows, scores = [], []
    names = np.unique(found["cluster"])
    for k, count in enumerate(times.astype(int)):
        for again in range(count):
            mine = found["cluster"] == names[k]
            part = found[mine].copy()
            part["campaign"] += 1_000 * (again + 1) * (part["campaign"] >= 0)
            rows.append(part)
            scores.append(score[mine])
    return np.concatenate(rows), np.concatenate(scores)


def test_a_draw_is_the_curve_of_its_clusters_counted_as_often_as_drawn() -> None:
    found, score = chance(5)
    steps = steps_of(found, score)
    times = times_drawn(len(steps.clean), 20, seed=3)
    drawn = draws_of(steps, METRICS, times)
    for d in range(20):
        curve = curve_of(*repeated(found, score, times[d]))
        for name, metric in METRICS.items():
            assert drawn[name][d] == pytest.approx(float(metric(curve))), name


def test_every_draw_has_as_many_clusters_as_there_are() -> None:
    times = times_drawn(7, 50)
    assert times.shape == (50, 7)
    assert (times.sum(axis=1) == 7).all()
    assert not np.array_equal(times, times_drawn(7, 50, seed=1))


def test_an_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    # The AUROC of N(d, 1) against N(0, 1) is Phi(d / sqrt 2): 0.7602 at d = 1.
    rng = np.random.default_rng(2)
    held = 0
    for trial in range(60):
        rows = [
            (1, k, k if active else -1, ACTIVE if active else CLEAN, 0 if active else -1)
            for k in range(30)
            for active in (True, False, False)
        ]
        found = cells(*rows)
        score = rng.normal(0.0, 1.0, len(found)) + (found["zone"] == ACTIVE)
        one = intervals(found, score, {"auroc": auroc}, draws=300, seed=trial)["auroc"]
        assert one.low <= one.figure <= one.high
        held += one.low <= 0.7602 <= one.high
    assert 49 <= held <= 60  # 95% of 60 is 57; 49 or fewer has a chance below 1 in 1,000


def test_the_difference_of_a_score_to_itself_is_zero_and_to_a_better_one_negative() -> None:
    found, score = chance(7)
    same = paired_difference(found, score, score, average_precision, draws=200)
    assert (same.figure, same.low, same.high) == (0.0, 0.0, 0.0)
    better = score + (found["zone"] == ACTIVE)
    one = paired_difference(found, score, better, average_precision, draws=200)
    assert one.high < 0.0
    reverse = paired_difference(found, better, score, average_precision, draws=200)
    assert reverse.low == pytest.approx(-one.high)


def test_an_interval_of_nothing_known_is_undefined() -> None:
    one = interval_of(0.5, np.full(10, np.nan))
    assert one.figure == 0.5
    assert np.isnan([one.low, one.high]).all()
