"""The gate and rules 9 and 10 hold where abuse is moderately hard and fail where it is not."""

import msgspec
import numpy as np
import pytest

from darkpool_watch.evaluate.alarms import judge_alarms, judge_trivial
from darkpool_watch.evaluate.bootstrap import Interval
from darkpool_watch.evaluate.difficulty import Difficulty, judge_difficulty, steps_of_difficulty
from darkpool_watch.evaluate.gate import hold_against_gate
from darkpool_watch.evaluate.sample import Sample
from kernels.sim_labels import ACTIVE
from tests.evaluate.samples import TYPOLOGIES, made

# As many columns and rows a tree as of a real sample, which has five times the columns.
SHALLOW = {"min_data_in_leaf": 20, "feature_fraction": 0.5}


def judged(train: Sample, test: Sample) -> Difficulty:
    return judge_difficulty(train, test, rounds=40, own_rounds=15, draws=100, **SHALLOW)


@pytest.fixture(scope="module")
def hard() -> tuple[Sample, Sample]:
    """Two markets in which a typology shows in eight features, a little in each."""
    train, test = (made(seed, signal=1.0, spread=8) for seed in (1, 2))
    return train, test


@pytest.fixture(scope="module")
def difficulty(hard: tuple[Sample, Sample]) -> Difficulty:
    return judged(*hard)


@pytest.fixture(scope="module")
def easy(hard: tuple[Sample, Sample]) -> Difficulty:
    """The same markets with one feature that is high where a campaign is active."""
    leaking = []
    for sample in hard:
        values = sample.values.copy()
        active = sample.cells["frame"][sample.cells["zone"] == ACTIVE]
        values[:, 150] = 0.0
        values[active, 150] = 8.0
        leaking.append(sample._replace(values=values))
    return judged(*leaking)


def test_figures_come_for_all_and_for_each_typology(
    hard: tuple[Sample, Sample], difficulty: Difficulty
) -> None:
    assert [row.typology for row in difficulty.rows] == ["ALL", "SPOOF", "STUFF", "PING"]
    assert [row.campaigns for row in difficulty.rows] == [72, 24, 24, 24]
    whole, *each = difficulty.rows
    recalls = [row.trees_recall.figure for row in each]
    assert whole.trees_recall.figure == pytest.approx(np.mean(recalls))
    for row in difficulty.rows:
        assert row.trees_ap.low <= row.trees_ap.figure <= row.trees_ap.high
        assert row.best_ap >= row.single_ap.figure
    assert len(difficulty.score) == len(hard[1].cells)


def test_hard_abuse_passes_the_gate_s_upper_bounds(
    hard: tuple[Sample, Sample], difficulty: Difficulty
) -> None:
    gate = hold_against_gate(difficulty, hard[1])
    assert gate.gate["single"].met, gate.gate
    assert gate.zones["active"] == pytest.approx(0.1, abs=0.02)
    assert judge_trivial(difficulty.rows[1:]).met
    assert judge_alarms(difficulty.rows[1:]).met


def test_one_telling_feature_fails_the_gate_and_rings_both_alarms(
    hard: tuple[Sample, Sample], easy: Difficulty
) -> None:
    gate = hold_against_gate(easy, hard[1])
    assert not gate.met
    assert not any(gate.gate[name].met for name in ("single", "logistic", "trees"))
    trivial = judge_trivial(easy.rows[1:] * 2)  # six rows, all trivial: more than three
    assert not trivial.met
    assert trivial.figure == 6.0
    alarms = judge_alarms(easy.rows[1:])
    assert not alarms.met
    assert alarms.figure > 0.9995


def test_hopeless_abuse_fails_the_gate_too(hard: tuple[Sample, Sample]) -> None:
    found = judged(made(3, signal=0.0), made(4, signal=0.0))
    gate = hold_against_gate(found, hard[1])
    assert not gate.gate["trees"].met
    assert gate.gate["trees"].figure < 0.2
    assert gate.gate["single"].met


def test_recall_of_stealthy_campaigns_alone_rings_the_alarm(difficulty: Difficulty) -> None:
    rows = list(difficulty.rows[1:])
    rows[0] = msgspec.structs.replace(rows[0], stealthy_recall_strict=Interval(0.985, 0.9, 1.0))
    found = judge_alarms(tuple(rows))
    assert not found.met
    assert "ALARM" in str(found.detail["SPOOF"])


def test_ticks_are_as_many_as_told(hard: tuple[Sample, Sample]) -> None:
    ticks: list[int] = []
    judge_difficulty(
        *hard, rounds=2, own_rounds=2, draws=10, tick=lambda: ticks.append(1), min_data_in_leaf=20
    )
    assert len(ticks) == steps_of_difficulty(len(TYPOLOGIES))
