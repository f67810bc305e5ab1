import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkpool_watch.config import DetectConfig
from darkpool_watch.detect.calibration import Calibration, blank_record, default_tail
from darkpool_watch.detect.detector import Detector
from darkpool_watch.errors import CheckpointError
from darkpool_watch.model.scores import SCORE
from kernels.threshold import STALE, WARMING
from tests.detect.streams import bits
from tests.naive.threshold import Threshold

NS = 10**9


def made_calibration(seed: int = 3) -> Calibration:
    """Return a calibration with every effect present."""
    rng = np.random.default_rng(seed)
    record = blank_record(DetectConfig())
    record["calibrated"] = 1
    record["floor_y"] = math.log(5_000.0)
    record["center"] = rng.normal(size=10)
    record["spread"] = rng.uniform(0.5, 2.0, 10)
    record["low"], record["high"] = record["center"] - 4.0, record["center"] + 4.0
    record["own_mean"] = rng.normal(0.0, 0.3, (4, 8))
    record["own_cap"] = rng.uniform(0.5, 1.5, 4)
    record["own_beta"] = rng.normal(0.0, 0.5, (3, 4))
    record["beta"] = rng.normal(0.0, 0.5, (3, 8))
    record["gamma"] = rng.normal(0.0, 0.3, (3, 8))
    record["iqr"] = rng.uniform(0.5, 2.0, 3)
    record["edges"] = (-0.5, 0.7)
    record["tails"] = default_tail()
    record["tails"]["scale"] = rng.uniform(0.5, 2.0, (3, 3))
    return Calibration(record)


def frame(anomaly: float, ts: int, security: int = 0, novelty: float = 1.0) -> np.ndarray:
    """Return one (1,) SCORE."""
    score = np.zeros(1, SCORE)
    score["anomaly"], score["novelty"], score["latent"] = anomaly, novelty, 1.0
    score["ts"], score["security"] = ts, security
    return score


number = st.one_of(st.floats(-8.0, 8.0, width=32), st.just(math.nan))
step = st.tuples(
    number,
    number,
    number,
    st.integers(0, 200 * NS),
    st.sampled_from([0, 0, 0, STALE, WARMING]),
    st.integers(0, 2**31),
)


@settings(deadline=None, max_examples=60)
@given(st.lists(step, min_size=1, max_size=25))
def test_decisions_equal_the_naive_twin_frame_by_frame(steps: list[tuple]) -> None:
    calibration = made_calibration()
    config = DetectConfig(tracker_half_life_s=300.0)
    detector = Detector(config, calibration, 1)
    twin = Threshold(calibration.record[0], 300.0, config.flag_p)
    ts = 0
    for anomaly, novelty, latent, wait, status, seed in steps:
        ts += wait
        score = frame(anomaly, ts)
        score["novelty"], score["latent"] = novelty, latent
        conditions = np.random.default_rng(seed).normal(0.0, 3.0, 10).astype(np.float32)
        conditions[seed % 10] = math.nan
        found = detector.decide(score[0], conditions, status)
        expected = twin.decide(score[0], conditions, status)
        np.testing.assert_allclose(found.p, expected["p"], rtol=1e-6)
        assert found.row["regime"] == expected["regime"]
        np.testing.assert_allclose(np.exp(-found.row["surprise"]), expected["head_p"], rtol=1e-6)
        if not math.isclose(found.p, config.flag_p, rel_tol=1e-6):
            assert found.flag == expected["flag"]
    tracked = detector._trackers["offset"][0]
    # A surplus is a difference of numbers of about 8 that pass through float32: 5e-7 at most.
    np.testing.assert_allclose(tracked, twin.offset, rtol=1e-6, atol=5e-7)


def test_p_worked_by_hand() -> None:
    # Default tails, no effect of conditions: z = score. Anomaly 0 has p 0.5, novelty and latent
    # asinh(0) = 0 too, so the combination is 0.5 whatever the weights, and the remap keeps it.
    record = blank_record(DetectConfig())
    record["calibrated"] = 1
    score = frame(0.0, 0)
    score["novelty"] = score["latent"] = 0.0
    decision = Detector(DetectConfig(), Calibration(record), 1).decide(
        score[0], np.zeros(10, np.float32)
    )
    assert decision.p == pytest.approx(0.5, rel=1e-3)
    assert not decision.flag
    # At p = 0.008 the tail gives z = ln 50 + expm1(0.2 (ln 125 - ln 100)) / 0.2 = 4.1403.
    assert decision.threshold == pytest.approx(4.1403, abs=1e-3)


def test_it_decides_before_it_learns() -> None:
    # The same history, then two very different frames: what they are judged by is the same.
    calibration = made_calibration()
    conditions = np.zeros(10, np.float32)
    rows = []
    for last in (-50.0, 50.0):
        detector = Detector(DetectConfig(tracker_half_life_s=1_000.0), calibration, 1)
        for i in range(20):
            detector.decide(frame(0.5, i * NS)[0], conditions)
        rows.append(detector.decide(frame(last, 20 * NS)[0], conditions).row.copy())
        after = detector.decide(frame(0.5, 21 * NS)[0], conditions).row
        assert after["offset"][0] != rows[-1]["offset"][0]  # and then it has learnt
    for name in ("threshold", "location", "scale", "offset"):
        np.testing.assert_array_equal(rows[0][name], rows[1][name])


def test_state_hash_names_what_the_threshold_knew() -> None:
    calibration = made_calibration()
    conditions = np.zeros(10, np.float32)
    one, other = (Detector(DetectConfig(), calibration, 2) for _ in range(2))
    first = [d.decide(frame(0.5, NS)[0], conditions).state_hash for d in (one, other)]
    assert first[0] == first[1]
    assert len(first[0]) == 16
    one.decide(frame(3.0, 30 * NS)[0], conditions)
    other.decide(frame(-9.0, 30 * NS)[0], conditions)
    second = [d.decide(frame(0.5, 40 * NS)[0], conditions).state_hash for d in (one, other)]
    assert second[0] != second[1]
    changed = Detector(DetectConfig(cooldown_s=61.0), calibration, 2)
    assert changed.decide(frame(0.5, NS)[0], conditions).state_hash != first[0]


def test_one_by_one_in_blocks_or_shuffled_over_securities_gives_the_same_bits() -> None:
    rng = np.random.default_rng(8)
    n = 600
    scores = np.zeros(n, SCORE)
    scores["security"] = rng.integers(0, 3, n)
    scores["ts"] = np.cumsum(rng.integers(0, NS, n))
    scores["anomaly"] = rng.normal(0.0, 3.0, n)
    scores["novelty"], scores["latent"] = rng.exponential(2.0, (2, n))
    scores["typology"] = rng.normal(size=(n, 13))
    conditions = rng.normal(size=(n, 10)).astype(np.float32)
    status = rng.integers(0, 2, n).astype(np.uint8)
    calibration = made_calibration()
    whole = Detector(DetectConfig(), calibration, 3).decide_many(scores, conditions, status)
    single = Detector(DetectConfig(), calibration, 3)
    for i in range(n):
        row = single.decide(scores[i], conditions[i], int(status[i])).row
        assert bits(row) == bits(whole[i])
    for security in range(3):
        own = scores["security"] == security
        alone = Detector(DetectConfig(), calibration, 3)
        part = alone.decide_many(scores[own], conditions[own], status[own])
        assert bits(part) == bits(whole[own])


def test_stale_and_warming_frames_teach_nothing() -> None:
    detector = Detector(DetectConfig(tracker_half_life_s=1.0), made_calibration(), 1)
    conditions = np.zeros(10, np.float32)
    for i in range(20):
        detector.decide(frame(9.0, i * NS)[0], conditions, STALE if i % 2 else WARMING)
    assert not detector._trackers["offset"].any()


def test_a_head_without_a_score_is_left_out() -> None:
    calibration = made_calibration()
    conditions = np.zeros(10, np.float32)
    decision = Detector(DetectConfig(), calibration, 1).decide(
        frame(2.0, 0, novelty=math.nan)[0], conditions
    )
    assert math.isfinite(decision.p)
    assert math.isnan(decision.row["surprise"][1])
    silent = frame(math.inf, 0, novelty=math.nan)
    silent["latent"] = math.nan
    decision = Detector(DetectConfig(), calibration, 1).decide(silent[0], conditions)
    assert math.isnan(decision.p)
    assert not decision.flag


def test_no_p_below_one_over_the_blocks_is_claimed_but_ranks_go_on() -> None:
    detector = Detector(DetectConfig(), made_calibration(), 1)
    conditions = np.zeros(10, np.float32)
    far, farther = (detector.decide(frame(x, 0)[0], conditions) for x in (300.0, 600.0))
    assert far.p == farther.p == pytest.approx(1 / 5_000)
    assert farther.rank > far.rank > math.log(5_000)


def test_uncalibrated_securities_warm_up_first_and_say_so() -> None:
    config = DetectConfig(warmup_frames=200, warmup_s=30.0)
    detector = Detector(config, None, 2)
    rng = np.random.default_rng(2)
    conditions = np.zeros(10, np.float32)
    claimed = []
    for i in range(400):
        decision = detector.decide(frame(rng.normal(5.0, 2.0), i * NS // 2)[0], conditions)
        assert not decision.calibrated
        claimed.append(not math.isnan(decision.p))
    assert claimed.index(True) == 200  # frames over 99.5 s
    assert all(claimed[200:])
    overwhelming = detector.decide(frame(60.0, 201 * NS)[0], conditions)
    assert overwhelming.flag
    assert overwhelming.p == pytest.approx(1 / 200)  # no more than its warm-up can show
    # The other security has seen nothing.
    assert math.isnan(detector.decide(frame(60.0, 0, security=1)[0], conditions).p)


def test_state_survives_snapshot_and_restore() -> None:
    rng = np.random.default_rng(4)
    conditions = np.zeros(10, np.float32)
    config = DetectConfig(warmup_frames=20, warmup_s=0.0)
    one = Detector(config, None, 2)
    for i in range(50):
        one.decide(frame(rng.normal(), i * NS, i % 2)[0], conditions)
    other = Detector(config, None, 1)
    other.restore(one.snapshot())
    for i in range(50, 90):
        score = frame(rng.normal() * 5, i * NS, i % 2)[0]
        first = one.decide(score, conditions).row.copy()
        assert bits(first) == bits(other.decide(score, conditions).row)
    assert one.finish() == other.finish()


def test_growing_keeps_what_was_learnt() -> None:
    conditions = np.zeros(10, np.float32)
    grown, large = (Detector(DetectConfig(), made_calibration(), n) for n in (1, 3))
    for detector in (grown, large):
        for i in range(10):
            detector.decide(frame(1.0, i * NS)[0], conditions)
    grown.grow(3)
    assert grown.securities == 3
    for security in (0, 2):
        score = frame(1.0, 11 * NS, security)[0]
        rows = [bits(d.decide(score, conditions).row) for d in (grown, large)]
        assert rows[0] == rows[1]


@pytest.mark.parametrize("missing", [True, False])
def test_calibration_arrays_are_checked(missing: bool) -> None:
    calibration = made_calibration()
    arrays = calibration.to_arrays()
    assert Calibration.from_arrays(arrays).hash == calibration.hash
    assert Calibration.from_arrays({**arrays, "weights": np.zeros(3)}).hash == calibration.hash
    if missing:
        del arrays["calibration.tails.z"]
        message = "lacks array calibration.tails.z"
    else:
        arrays["calibration.tails.z"] = np.zeros((3, 3, 5))
        message = r"shape \(3, 3, 5\), expected \(1, 3, 3, 64\)"
    with pytest.raises(CheckpointError, match=message):
        Calibration.from_arrays(arrays)
