"""Honest statistics: what the thresholds promise, on streams whose truth is known."""

import math

import numpy as np
import pytest

from darkpool_watch.config import DetectConfig
from darkpool_watch.detect.calibration import Calibration
from darkpool_watch.detect.detector import Detector
from darkpool_watch.detect.fit import fit_calibration, fit_tail
from darkpool_watch.errors import ConfigError
from kernels.tail import tail_surprise
from tests.detect.streams import Stream, benign, bits

SECURITIES = 6


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    stream = benign(1, days=4, securities=SECURITIES, frame_s=2.0)
    return fit_calibration(stream.scores, stream.conditions)


@pytest.fixture(scope="module")
def unseen() -> Stream:
    return benign(2, days=2, securities=SECURITIES, start_day=30)


def flags(calibration: Calibration, stream: Stream) -> np.ndarray:
    """Return the DECISION rows of a fresh detector."""
    detector = Detector(DetectConfig(), calibration, SECURITIES)
    return detector.decide_many(stream.scores, stream.conditions, stream.status)


def test_p_values_of_unseen_benign_days_are_uniform(
    calibration: Calibration, unseen: Stream
) -> None:
    p = flags(calibration, unseen)["p"]
    for level in (0.5, 0.1, 0.05, 0.01):
        assert float((p <= level).mean()) == pytest.approx(level, rel=0.15)
    assert 0.5e-3 < float((p <= 1e-3).mean()) < 2e-3


def test_false_flags_stay_in_their_band_in_every_regime(
    calibration: Calibration, unseen: Stream
) -> None:
    flag = flags(calibration, unseen)["flag"]
    assert 0.005 <= flag.mean() <= 0.012
    for regime in range(3):
        assert 0.005 <= flag[unseen.market == regime].mean() <= 0.012, regime


def test_no_p_below_one_over_the_blocks(calibration: Calibration, unseen: Stream) -> None:
    p = flags(calibration, unseen)["p"]
    assert calibration.blocks == 2 * SECURITIES * 390
    assert p.min() >= 1.0 / calibration.blocks * (1 - 1e-9)


def test_without_conditions_the_regimes_would_flag_unevenly(unseen: Stream) -> None:
    # The yardstick for the test above: the same fit, blind to the market, fails it.
    stream = benign(1, days=4, securities=SECURITIES, frame_s=3.0)
    blind = np.zeros_like(stream.conditions)
    calibration = fit_calibration(stream.scores, blind)
    detector = Detector(DetectConfig(), calibration, SECURITIES)
    flag = detector.decide_many(unseen.scores, np.zeros_like(unseen.conditions), unseen.status)[
        "flag"
    ]
    rates = [flag[unseen.market == regime].mean() for regime in range(3)]
    assert rates[0] < 0.003
    assert rates[2] > 0.012


def test_benign_days_open_no_more_episodes_than_allowed(
    calibration: Calibration, unseen: Stream
) -> None:
    detector = Detector(DetectConfig(), calibration, SECURITIES)
    detector.decide_many(unseen.scores, unseen.conditions, unseen.status)
    opened = sum(update.state == "opened" for update in detector.drain())
    allowed = 6.0 * SECURITIES * 2 / 20  # a desk is 20 securities; 2 days
    assert opened <= allowed + 3 * math.sqrt(allowed)


def attacked(stream: Stream, first_s: float, last_s: float, lift: float) -> np.ndarray:
    """Lift the anomaly score of security 0 between two times of the first day; return the mask."""
    seconds = (stream.scores["ts"] - stream.scores["ts"][0]) / 1e9
    hit = (stream.scores["security"] == 0) & (seconds >= first_s) & (seconds < last_s)
    stream.scores["anomaly"][hit] += (lift * (1.0 + 0.5 * stream.market[hit])).astype(np.float32)
    return hit


def test_a_sustained_attack_stays_flagged(calibration: Calibration) -> None:
    stream = benign(3, days=1, securities=SECURITIES, start_day=40)
    hit = attacked(stream, 3_600.0, 3 * 3_600.0, 6.0)  # two hours, the longest campaign
    flag = flags(calibration, stream)["flag"][hit]
    start, end = flag[: len(flag) // 4].mean(), flag[-len(flag) // 4 :].mean()
    assert start > 0.95
    assert end >= start - 0.02


def test_after_the_attack_its_security_is_judged_as_before(calibration: Calibration) -> None:
    calm = flags(calibration, benign(3, days=1, securities=SECURITIES, start_day=40))
    stream = benign(3, days=1, securities=SECURITIES, start_day=40)
    attacked(stream, 3_600.0, 3 * 3_600.0, 6.0)
    after = flags(calibration, stream)
    own = stream.scores["security"] == 0
    moved = after["threshold"][own][-1, 0] - calm["threshold"][own][-1, 0]
    assert 0.0 < moved < 0.15 * float(calibration.record["iqr"][0, 0])
    # Nor has anybody else's state moved by a bit.
    assert bits(after[~own]) == bits(calm[~own])


@pytest.mark.parametrize("head", ["anomaly", "novelty", "latent"])
def test_own_excess_never_widens_its_own_threshold(calibration: Calibration, head: str) -> None:
    # A flood lifts the security's own volatility, rate, volume and spread by 1, 3 and 10 times
    # their benign spread above what the peers explain. The score rises with it, sublinearly.
    recalls = []
    for intensity in (1.0, 3.0, 10.0):
        stream = benign(4, days=1, securities=SECURITIES, start_day=50)
        seconds = (stream.scores["ts"] - stream.scores["ts"][0]) / 1e9
        hit = (stream.scores["security"] == 0) & (seconds >= 7_200) & (seconds < 9_000)
        stream.conditions[hit, 5:9] += np.float32(intensity)
        scale = (1.0 + 0.5 * stream.market[hit]).astype(np.float32)
        lift = np.float32(3.5 + 0.5 * np.log(intensity))
        if head == "anomaly":
            stream.scores[head][hit] += lift * scale
        else:
            raised = np.arcsinh(stream.scores[head][hit]) + 0.25 * lift * scale
            stream.scores[head][hit] = np.sinh(raised)
        recalls.append(float(flags(calibration, stream)["flag"][hit].mean()))
    assert recalls[0] > 0.1
    assert recalls[1] >= recalls[0] - 0.02
    assert recalls[2] >= recalls[1] - 0.02


def test_total_own_effect_is_clipped_to_one_iqr(calibration: Calibration) -> None:
    stream = benign(4, days=1, securities=SECURITIES, start_day=50, hours=0.5)
    stream.conditions[:, 5:9] = 1e6
    rows = flags(calibration, stream)
    bound = calibration.record["iqr"][0]
    assert (np.abs(rows["own_effect"]) <= bound).all()
    again = benign(4, days=1, securities=SECURITIES, start_day=50, hours=0.5)
    again.conditions[:, 5:9] = 2e6
    assert flags(calibration, again)["threshold"].tobytes() == rows["threshold"].tobytes()


def test_supervised_weight_is_capped_so_that_novelty_alone_can_flag(
    calibration: Calibration,
) -> None:
    assert calibration.record["weights"][0].tolist() == pytest.approx([0.6, 0.2, 0.2])
    stream = benign(5, days=1, securities=SECURITIES, start_day=60)
    hit = stream.scores["security"] == 2
    stream.scores["novelty"][hit] = np.sinh(np.arcsinh(stream.scores["novelty"][hit]) + 3.0)
    assert flags(calibration, stream)["flag"][hit].mean() > 0.9


def test_a_head_that_never_speaks_gets_no_weight() -> None:
    stream = benign(6, days=2, securities=2)
    stream.scores["latent"] = np.nan
    calibration = fit_calibration(stream.scores, stream.conditions)
    assert calibration.record["weights"][0, 2] == 0.0
    assert 0.004 < flags(calibration, stream)["flag"].mean() < 0.013


def test_a_security_that_trades_alone_can_be_calibrated() -> None:
    stream = benign(7, days=2, securities=1)
    stream.conditions[:, :5] = 0.0  # no peers
    calibration = fit_calibration(stream.scores, stream.conditions)
    assert 0.004 < flags(calibration, stream)["flag"].mean() < 0.013


def test_the_same_frames_give_the_same_calibration() -> None:
    stream = benign(8, days=2, securities=2, frame_s=3.0)
    one, other = (fit_calibration(stream.scores, stream.conditions) for _ in range(2))
    assert one.hash == other.hash
    moved = benign(9, days=2, securities=2, frame_s=3.0)
    assert fit_calibration(moved.scores, moved.conditions).hash != one.hash


def test_too_few_frames_are_refused_with_what_is_needed() -> None:
    stream = benign(1, days=1, securities=1, hours=1.0)
    with pytest.raises(ConfigError, match="at least 150 minutes of one security in either half"):
        fit_calibration(stream.scores, stream.conditions)


def test_tail_of_known_quantiles() -> None:
    # 3,000 blocks of 60 exponential scores: P(z > x) = exp(-x), so -ln p must be x itself.
    rng = np.random.default_rng(12)
    z = rng.exponential(size=180_000)
    tail = fit_tail(z, np.repeat(np.arange(3_000), 60))
    for x in (0.5, 2.0, 5.0, 8.0):
        assert tail_surprise(tail.reshape(1)[0], x) == pytest.approx(x, rel=0.08)
    beyond = tail_surprise(tail.reshape(1)[0], 12.0)
    assert 10.0 < beyond < 13.0


def test_a_constant_head_is_never_surprising_and_leaves_the_others_their_say() -> None:
    stream = benign(10, days=2, securities=2, frame_s=2.0)
    stream.scores["latent"] = 3.7
    rows = flags(fit_calibration(stream.scores, stream.conditions), stream)
    assert rows["surprise"][:, 2].max() < 0.01
    assert 0.004 < rows["flag"].mean() < 0.013
    stream.scores["anomaly"][-500:] += 20.0
    rows = flags(fit_calibration(stream.scores, stream.conditions), stream)
    assert rows["flag"][-500:].mean() > 0.9


def test_the_p_value_of_an_atom_is_its_whole_mass_and_what_lies_beyond() -> None:
    # 90% zeros, the rest uniform in (0, 1): P(Z >= 0) = 1, P(Z >= 0.5) = 0.05.
    rng = np.random.default_rng(3)
    z = np.where(rng.uniform(size=60_000) < 0.9, 0.0, rng.uniform(size=60_000))
    tail = fit_tail(z, np.repeat(np.arange(600), 100)).reshape(1)[0]
    assert tail_surprise(tail, 0.0) == 0.0
    assert math.exp(-tail_surprise(tail, 0.5)) == pytest.approx(0.05, rel=0.1)


def test_tail_of_an_atom_and_of_a_constant_still_ascends() -> None:
    block = np.repeat(np.arange(400), 10)
    for z in (np.zeros(4_000), np.where(np.arange(4_000) % 7 == 0, 1.0, 0.0)):
        tail = fit_tail(z, block)
        assert (np.diff(tail["z"]) > 0.0).all()
        assert (np.diff(tail["y"]) >= 0.0).all()
        assert tail["scale"] > 0.0
