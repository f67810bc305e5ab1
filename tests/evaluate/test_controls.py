"""Rules 5, 7 and 12 hold on small tapes and fail where a leak is planted."""

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from darkpool_watch.evaluate.cells import scores_of_cells
from darkpool_watch.evaluate.controls import (
    alike_rates,
    judge_fitting,
    judge_hard_negatives,
    judge_shuffled,
)
from darkpool_watch.evaluate.sample import Sample, fit_on_calm_day, join, play_day, turned
from darkpool_watch.features.normaliser import Normaliser
from kernels.sim_labels import ACTIVE, CLEAN
from tests.evaluate.conftest import SMALL

PLAIN = Normaliser.default()
TAPE = msgspec.structs.replace(SMALL, securities=5, seconds=1_200.0, start_s=22_200.0)
SPARSE = msgspec.structs.replace(
    TAPE,
    securities=12,
    seconds=5_400.0,
    start_s=18_000.0,
    campaigns_per_hour=6.0,
    lookalikes_per_hour=6.0,
)


@pytest.fixture(scope="module")
def shuffled() -> tuple[Sample, Sample]:
    """Two markets whose securities bear one another's labels: long, for campaigns are few."""
    other = msgspec.structs.replace(SPARSE, seed=22, day=9)
    train, test = (turned(play_day(one, PLAIN, labels_from=2), one.seed) for one in (SPARSE, other))
    return train, test


def test_labels_of_other_securities_teach_nothing(shuffled: tuple[Sample, Sample]) -> None:
    found = judge_shuffled(*shuffled, rounds=20, draws=200)
    assert found.met, found
    assert found.n > 90


def test_a_feature_that_holds_the_label_is_found(shuffled: tuple[Sample, Sample]) -> None:
    def leaking(sample: Sample) -> Sample:
        values = sample.values.copy()
        values[:, 100] = 0.0
        values[sample.cells[sample.cells["zone"] == ACTIVE]["frame"], 100] = 1.0
        return sample._replace(values=values)

    found = judge_shuffled(*(leaking(one) for one in shuffled), rounds=20, draws=200)
    assert not found.met
    assert found.low > 0.5


@pytest.fixture(scope="module")
def tape() -> Sample:
    return play_day(TAPE, PLAIN)


def test_every_typology_has_a_look_alike_for_each_campaign(tape: Sample) -> None:
    score = np.random.default_rng(1).random(len(tape.cells))
    found = judge_hard_negatives(tape, score, draws=100)
    assert found.figure == pytest.approx(1.0, abs=0.5)
    fewer = tape.alikes.copy()
    fewer[3] = 0
    missing = judge_hard_negatives(tape._replace(alikes=fewer), score, draws=100)
    assert not missing.met
    assert missing.figure == 0.0


def test_false_positives_on_look_alikes_are_counted_by_kind(tape: Sample) -> None:
    clean = tape.cells["zone"] == CLEAN
    kinds, counts = np.unique(tape.cells["alike"][clean], return_counts=True)
    kind = int(kinds[1:][np.argmin(counts[1:])])  # the first is -1, no look-alike
    alike = clean & (tape.cells["alike"] == kind)
    score = np.where(alike, 1.0, 0.0)
    score[~clean] = 2.0
    rates = alike_rates(tape, score, draws=100)
    share = tape.cells["records"][alike].sum() / tape.cells["records"][clean].sum()
    assert rates[kind].figure == (1.0 if share <= 0.008 else 0.0)
    assert rates[kind].low <= rates[kind].figure <= rates[kind].high


def test_turned_labels_are_as_many_and_elsewhere(tape: Sample) -> None:
    found = turned(tape, 5).cells
    assert not np.array_equal(found["zone"], tape.cells["zone"])
    assert np.array_equal(found["frame"], tape.cells["frame"])
    for cluster in range(tape.clusters):
        here = tape.cells["cluster"] == cluster
        for name in ("zone", "campaign"):
            before, after = (np.sort(cells[name][here]) for cells in (tape.cells, found))
            assert np.array_equal(before, after)


def fit(rows: NDArray[np.floating], _: NDArray[np.integer]) -> NDArray[np.floating]:
    none = np.zeros(len(rows), np.int64)
    fitted = Normaliser.fit(rows, none, ["equity"], none)
    return np.concatenate([fitted.median.ravel(), fitted.scale.ravel()])


def test_fits_that_see_no_label_pass_and_those_that_do_are_found() -> None:
    rng = np.random.default_rng(3)
    zone = rng.choice([CLEAN, ACTIVE], 2_000, p=[0.8, 0.2])
    rows = rng.normal(size=(2_000, 240)) + zone[:, None]

    def on_clean_rows(
        values: NDArray[np.floating], zones: NDArray[np.integer]
    ) -> NDArray[np.floating]:
        return fit(values[zones == CLEAN], zones[zones == CLEAN])

    assert judge_fitting(fit, rows, zone, {(1, 0), (1, 1)}, {(2, 11)}).met
    labelled = judge_fitting(on_clean_rows, rows, zone, {(1, 0)}, {(2, 11)})
    assert not labelled.met
    assert labelled.figure >= 240
    same_day = judge_fitting(fit, rows, zone, {(1, 0), (2, 11)}, {(2, 11)})
    assert not same_day.met
    assert same_day.figure == 1.0


def test_the_normaliser_of_a_calm_day_does_not_know_the_campaigns() -> None:
    tiny = msgspec.structs.replace(TAPE, securities=2, seconds=300.0, typologies=("SPOOF",))
    fitted, calm = (
        fit_on_calm_day(msgspec.structs.replace(tiny, campaigns_per_hour=rate))
        for rate in (60.0, 0.0)
    )
    assert np.array_equal(fitted.median, calm.median)
    assert np.array_equal(fitted.scale, calm.scale)


def test_thinning_keeps_active_records_and_the_number_of_clean_ones(tape: Sample) -> None:
    thinned = play_day(TAPE, PLAIN, thin=4)
    assert len(thinned.values) < len(tape.values)
    for zone, tolerance in ((ACTIVE, 0.0), (CLEAN, 0.05)):
        counts = [one.cells["records"][one.cells["zone"] == zone].sum() for one in (tape, thinned)]
        assert abs(counts[1] / counts[0] - 1.0) <= tolerance
    active = thinned.cells[thinned.cells["zone"] == ACTIVE]
    whole = tape.cells[tape.cells["zone"] == ACTIVE]
    assert np.array_equal(
        scores_of_cells(active, thinned.values[:, 40].astype(float)),
        scores_of_cells(whole, tape.values[:, 40].astype(float)),
        equal_nan=True,
    )


def test_joined_days_keep_their_frames_campaigns_and_clusters_apart(tape: Sample) -> None:
    both = join([tape, tape])
    half = len(tape.cells)
    assert both.clusters == 2 * tape.clusters
    assert np.array_equal(both.alikes, 2 * tape.alikes)
    for name in ("frame", "campaign"):
        first, second = both.cells[name][:half], both.cells[name][half:]
        assert not np.isin(first[first >= 0], second).any()
    score = both.values[:, 50].astype(float)
    first, second = np.split(scores_of_cells(both.cells, score), [half])
    assert np.array_equal(first, second, equal_nan=True)
    with_row = both.cells["campaign"][half:][tape.cells["campaign"] >= 0]
    assert np.array_equal(
        both.campaigns["typology"][with_row],
        tape.campaigns["typology"][tape.cells["campaign"][tape.cells["campaign"] >= 0]],
    )
