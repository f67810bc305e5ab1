import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from darkpool_watch.evaluate.cells import weights_of_cells
from darkpool_watch.evaluate.curve import curve_of, steps_of
from darkpool_watch.evaluate.metrics import auroc, average_precision, bar_of, recall_at
from kernels.sim_labels import ACTIVE, CLEAN, ECHO, ONSET
from tests.evaluate.cases import cells, chance

# Typology 0: campaign 1 has 4 active records (3 at score 0.9, 1 at 0.2), campaign 2 has 1 at 0.6.
# Typology 6: campaign 3 has 2 at 0.6. Clean: 1 record at 0.9, 2 at 0.5, 7 at 0.1.
HAND = cells(
    (3, 0, 1, ACTIVE, 0),
    (1, 0, 1, ACTIVE, 0),
    (1, 1, 2, ACTIVE, 0),
    (2, 1, 3, ACTIVE, 6),
    (1, 0, -1, CLEAN, -1),
    (2, 1, -1, CLEAN, -1),
    (7, 1, -1, CLEAN, -1),
    (5, 0, 1, ONSET, 0),
    (9, 0, 1, ECHO, 0),
)
HAND_SCORE = np.array([0.9, 0.2, 0.6, 0.6, 0.9, 0.5, 0.1, 1.0, 1.0])


def test_metrics_by_hand() -> None:
    # Recall after 0.9: (3/4 + 0) / 2 of typology 0 and 0 of typology 6, mean 0.1875.
    # After 0.6: ((0.75 + 1) / 2 + 1) / 2 = 0.9375. After 0.2: 1. Clean flagged: 0.1, 0.1, 0.3.
    curve = curve_of(HAND, HAND_SCORE)
    assert np.allclose(curve.gain, [0.1875, 0.75, 0.0625])
    assert np.allclose(curve.at, [0.1, 0.1, 0.3])
    assert np.allclose(curve.above, [0.0, 0.1, 0.3])
    # Precision at prevalence 1/2: 0.1875 / 0.2875, 0.9375 / 1.0375, 1 / 1.3.
    area = 0.1875 * 0.1875 / 0.2875 + 0.75 * 0.9375 / 1.0375 + 0.0625 / 1.3
    assert average_precision(curve, 0.5) == pytest.approx(area)
    assert auroc(curve) == pytest.approx(0.1875 * 0.95 + 0.75 * 0.9 + 0.0625 * 0.7)
    assert recall_at(curve, 0.09) == 0.0
    assert recall_at(curve, 0.1) == pytest.approx(0.9375)
    assert recall_at(curve, 0.3) == pytest.approx(1.0)


def test_the_bar_flags_no_more_clean_records_than_asked() -> None:
    for rate, flagged in ((0.05, 0.0), (0.1, 0.1), (0.29, 0.1), (0.3, 0.3), (1.0, 1.0)):
        bar = bar_of(HAND, HAND_SCORE, rate)
        over = (HAND["zone"] == CLEAN) & (bar <= HAND_SCORE)
        assert HAND["records"][over].sum() / 10 == flagged
    assert 0.5 < bar_of(HAND, HAND_SCORE, 0.1) <= 0.6
    assert bar_of(HAND[:4], HAND_SCORE[:4], 0.1) == float("inf")


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("prevalence", [0.057, 0.4])
def test_metrics_equal_those_of_scikit_learn_under_the_same_weights(
    seed: int, prevalence: float
) -> None:
    found, score = chance(seed)
    curve = curve_of(found, score)
    weight = weights_of_cells(found, prevalence)
    counted = weight > 0
    truth = (found["zone"] == ACTIVE)[counted]
    weight, score = weight[counted], score[counted]
    assert weight.sum() == pytest.approx(1.0)
    assert weight[truth].sum() == pytest.approx(prevalence)
    expected = average_precision_score(truth, score, sample_weight=weight)
    assert average_precision(curve, prevalence) == pytest.approx(expected)
    assert auroc(curve) == pytest.approx(roc_auc_score(truth, score, sample_weight=weight))
    fpr, tpr, _ = roc_curve(truth, score, sample_weight=weight, drop_intermediate=False)
    for rate in (0.001, 0.008, 0.05, 0.3):
        assert recall_at(curve, rate) == pytest.approx(tpr[fpr <= rate + 1e-12].max())


def test_a_score_that_knows_nothing_has_the_prevalence_as_average_precision() -> None:
    found, _ = chance(1)
    curve = curve_of(found, np.zeros(len(found)))
    assert average_precision(curve) == pytest.approx(0.057)
    assert auroc(curve) == pytest.approx(0.5)


def test_onset_and_echo_count_for_nothing() -> None:
    judged = np.isin(HAND["zone"], (ACTIVE, CLEAN))
    with_them, without = curve_of(HAND, HAND_SCORE), curve_of(HAND[judged], HAND_SCORE[judged])
    assert all(np.array_equal(a, b) for a, b in zip(with_them, without, strict=True))


def test_without_active_or_clean_records_figures_are_undefined() -> None:
    for kept in (HAND["zone"] == CLEAN, HAND["zone"] == ACTIVE):
        curve = curve_of(HAND[kept], HAND_SCORE[kept])
        assert np.isnan(auroc(curve))
        assert np.isnan(recall_at(curve, 0.1))


def test_few_steps_come_close_to_all_of_them() -> None:
    found, score = chance(3, count=4_000, grain=4_000)
    exact = curve_of(found, score)
    coarse = steps_of(found, score, clusters=False, most=256).curve(np.ones(1))
    assert len(exact.gain) > 500
    assert len(coarse.gain) <= 256
    assert average_precision(coarse) == pytest.approx(average_precision(exact), abs=2e-3)
    assert auroc(coarse) == pytest.approx(auroc(exact), abs=2e-3)
