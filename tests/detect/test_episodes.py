import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkpool_watch.config import DetectConfig
from darkpool_watch.detect.calibration import Calibration, blank_record
from darkpool_watch.detect.detector import Detector
from darkpool_watch.detect.episodes import EpisodeUpdate
from darkpool_watch.detect.settings import rules_of
from darkpool_watch.model.scores import SCORE
from darkpool_watch.typologies import KIN_GROUPS, MODEL_TYPOLOGIES
from kernels.episode import (
    CLOSED,
    CONFIRMED,
    EPISODE,
    EXTENDED,
    KINS,
    OPENED,
    RETRACTED,
    clear,
    follow_frames,
)
from kernels.threshold import DECISION
from tests.naive.episode import Episodes

NS = 10**9
STATES = {
    OPENED: "opened",
    EXTENDED: "extended",
    CONFIRMED: "confirmed",
    RETRACTED: "retracted",
    CLOSED: "closed",
}
TIMES = {
    OPENED: "opened_ts",
    EXTENDED: "last_ts",
    CONFIRMED: "judge_ts",
    RETRACTED: "judge_ts",
    CLOSED: "close_ts",
}
SPOOF, STUFF, PING = 0, 3, 6


def told_by_kernel(decisions: np.ndarray, rules: np.ndarray) -> list[tuple[str, int, int]]:
    """Return (state, kin, event time) of everything one security's frames lead to."""
    episodes = np.zeros((1, KINS), EPISODE)
    told = []
    frame = 0
    while frame < len(decisions):
        frame, absorbed = follow_frames(decisions, frame, len(decisions), episodes, rules)
        due = []
        for k in np.flatnonzero(episodes["pending"][0]):
            row = episodes[0, k]
            pending = int(row["pending"])
            due += [(int(row[TIMES[m]]), name, int(k)) for m, name in STATES.items() if pending & m]
            row["pending"] = 0
            if pending & (RETRACTED | CLOSED):
                clear(row)
        told += [(name, k, ts) for ts, name, k in sorted(due, key=lambda d: d[0])]
        frame += absorbed
    return told


step = st.tuples(
    st.integers(0, 90) | st.integers(0, 2),  # seconds since the frame before
    st.floats(0.0, 9.0),  # -ln p
    st.floats(0.0, 20.0),  # what the rank has beyond it
    st.integers(-1, 12),  # typology
    st.booleans(),  # the supervised head agrees
    st.integers(0, 9),  # 0: no p-value
)


@settings(deadline=None, max_examples=200)
@given(st.lists(step, min_size=1, max_size=80), st.sampled_from([4.0, 8.0, 12.0]))
def test_episodes_equal_the_naive_twin(steps: list[tuple], needed: float) -> None:
    rules = rules_of(DetectConfig(evidence_threshold=needed), blank_record(DetectConfig()))
    by_kin = {k: 5 + 3 * k for k in range(9)}
    rules["hindsight_ns"][0, :13] = [by_kin[int(k)] * NS for k in rules["kin"][0]]
    twin = Episodes(rules[0])
    decisions = np.zeros(len(steps), DECISION)
    ts = 0
    for i, (wait, y, beyond, typology, agrees, spoken) in enumerate(steps):
        ts += wait * NS
        p = math.exp(-y) if spoken else math.nan
        rank = y + (beyond if y > 8.0 else 0.0) if spoken else 0.0
        flag = bool(spoken) and p <= 0.008
        supervised = 5.0 if agrees else 1.0
        row = decisions[i]
        row["ts"], row["p"], row["rank"], row["flag"] = ts, p, rank, flag
        row["typology"] = typology
        row["surprise"] = (supervised, 0.0, 0.0)
        twin.frame(ts, p, rank, flag, typology, supervised)
    assert told_by_kernel(decisions, rules) == twin.told


def calibration() -> Calibration:
    """Return one in which z is the score and p = exp(-z) - nearly - for the anomaly head."""
    record = blank_record(DetectConfig())
    record["calibrated"] = 1
    record["floor_y"] = math.log(5_000.0)
    y = np.linspace(0.0, math.log(100.0), 64)
    record["tails"]["z"] = record["tails"]["y"] = y
    record["tails"]["shape"] = 0.0
    record["weights"] = (1.0, 0.0, 0.0)
    return Calibration(record)


def score(y: float, seconds: float, typology: int = SPOOF, security: int = 0) -> np.ndarray:
    """Return one (1,) SCORE whose p-value is exp(-y)."""
    row = np.zeros(1, SCORE)
    row["anomaly"], row["ts"], row["security"] = y, round(seconds * NS), security
    row["arrival"] = round(seconds * 1_000)
    row["typology"][0, typology] = 4.0
    return row


def run(detector: Detector, frames: list[np.ndarray], status: int = 0) -> list[EpisodeUpdate]:
    many = np.concatenate(frames)
    n = len(many)
    detector.decide_many(many, np.zeros((n, 10), np.float32), np.full(n, status, np.uint8))
    return detector.drain()


def test_evidence_worked_by_hand() -> None:
    # Three frames with -ln p = 8, 1 s apart, drift 3, decay 10 s:
    # S = 5; 5 exp(-0.1) + 5 = 9.524; 9.524 exp(-0.1) + 5 = 13.618 >= 12: opened by the third.
    detector = Detector(DetectConfig(), calibration(), 1)
    updates = run(detector, [score(8.0, s) for s in (0.0, 1.0, 2.0)])
    assert [u.state for u in updates] == ["opened"]
    opened = updates[0]
    assert opened.evidence == pytest.approx(13.618, abs=2e-3)
    assert opened.evidence_needed == 12.0
    assert (opened.kin, opened.typology, opened.exceedances) == ("spoofing", "SPOOF", 3)
    assert (opened.start_ts, opened.opened_ts, opened.opened_arrival) == (0, 2 * NS, 2_000)
    assert opened.p == pytest.approx(math.exp(-8.0), rel=1e-3)
    assert opened.distribution["SPOOF"] > 0.5
    assert opened.severity == "low"


def test_a_quiet_frame_between_takes_its_drift_back() -> None:
    # S = 5; 5 exp(-0.1) + 1 - 3 = 2.524; 2.524 exp(-0.1) + 5 = 7.284: no episode.
    detector = Detector(DetectConfig(), calibration(), 1)
    assert run(detector, [score(8.0, 0.0), score(1.0, 1.0), score(8.0, 2.0)]) == []
    assert detector._episodes["evidence"][0, 0] == pytest.approx(7.284, abs=2e-3)


def test_one_overwhelming_frame_passes_alone_and_is_confirmed_by_its_size() -> None:
    detector = Detector(DetectConfig(), calibration(), 1)
    updates = run(detector, [score(30.0, 5.0), score(0.0, 70.0)])
    assert [u.state for u in updates] == ["opened", "confirmed", "closed"]
    assert updates[0].p == pytest.approx(1 / 5_000)  # the rank carries it, no smaller p is claimed
    assert updates[0].rank == pytest.approx(30.0)
    assert updates[1].ts == 10 * NS  # 5 s of hindsight for SPOOF
    assert updates[2].ts == 65 * NS
    assert [u.number for u in updates] == [0, 1, 2]


def test_a_lone_burst_that_nothing_supports_is_retracted() -> None:
    detector = Detector(DetectConfig(), calibration(), 1)
    updates = run(detector, [score(16.0, 5.0), score(0.0, 6.0), score(0.0, 70.0)])
    assert [(u.state, u.ts) for u in updates] == [("opened", 5 * NS), ("retracted", 10 * NS)]


def test_exceedances_extend_and_a_cooldown_closes() -> None:
    detector = Detector(DetectConfig(), calibration(), 1)
    attack = [score(8.0, s) for s in range(20)]
    updates = run(detector, [*attack, score(0.5, 78.0), score(0.5, 79.5)])
    assert [u.state for u in updates] == ["opened", "extended", "confirmed", "extended", "closed"]
    assert [u.exceedances for u in updates] == [3, 6, 8, 12, 20]
    closed = updates[-1]
    assert closed.ts == 79 * NS  # 60 s after the last exceedance, not when a frame showed it
    assert closed.last_ts == 19 * NS
    # S tends to 5 (1 - exp(-2)) / (1 - exp(-0.1)) = 45.4, 3.8 times what it needed.
    assert closed.severity == "high"
    assert closed.severity_at_opening == "low"
    # The same kin may open again, as another episode.
    again = run(detector, [score(8.0, 100.0 + s) for s in range(3)])
    assert [u.state for u in again] == ["opened"]
    assert again[0].opened_arrival == 102_000
    assert again[0].number == 0


def test_what_time_settles_does_not_depend_on_who_asks() -> None:
    frames = [score(8.0, s) for s in range(6)]
    waiting, asked, finished = (Detector(DetectConfig(), calibration(), 1) for _ in range(3))
    expected = run(waiting, [*frames, score(0.5, 200.0)])
    found = run(asked, frames)
    for second in range(6, 200, 7):
        asked.advance(0, second * NS)
        found += asked.drain()
    assert found == expected
    assert run(finished, frames) + finished.finish() == expected


def test_novelty_alone_opens_an_unclassified_episode() -> None:
    record = calibration().record.copy()
    record["weights"] = (0.6, 0.4, 0.0)
    detector = Detector(DetectConfig(), Calibration(record), 1)
    frames = [score(0.5, s) for s in range(4)]
    for row in frames:
        row["novelty"] = math.sinh(12.0)
    updates = run(detector, frames)
    assert [(u.state, u.kin, u.typology) for u in updates] == [
        ("opened", "novelty", "UNCLASSIFIED")
    ]


def test_kin_groups_and_securities_gather_evidence_apart() -> None:
    detector = Detector(DetectConfig(), calibration(), 2)
    mixed = [score(8.0, 0.0, SPOOF), score(8.0, 0.5, PING), score(8.0, 1.0, SPOOF, security=1)]
    assert run(detector, mixed) == []
    both = [score(8.0, 1.5 + s / 10, t) for s in range(4) for t in (SPOOF, PING)]
    updates = [u for u in run(detector, both) if u.state == "opened"]
    assert {u.kin for u in updates} == {"spoofing", "probing"}
    assert {u.security for u in updates} == {0}


def test_the_typology_named_is_the_one_with_most_evidence_of_its_kin() -> None:
    detector = Detector(DetectConfig(), calibration(), 1)
    layer = next(i for i, t in enumerate(MODEL_TYPOLOGIES) if t.code == "LAYER")
    frames = [score(8.0, 0.0, SPOOF), score(8.0, 0.5, layer), score(8.0, 1.0, layer)]
    (opened,) = run(detector, frames)
    assert opened.typology == "LAYER"
    assert opened.kin == "spoofing"
    assert KIN_GROUPS.index(opened.kin) == 0


def test_warming_frames_add_no_evidence() -> None:
    detector = Detector(DetectConfig(), calibration(), 1)
    assert run(detector, [score(30.0, s) for s in range(5)], status=2) == []
    stale = run(detector, [score(30.0, 10.0)], status=1)
    assert [(u.state, u.status) for u in stale] == [("opened", 1)]


def test_roll_forgets_evidence_and_settles_what_is_open() -> None:
    detector = Detector(DetectConfig(), calibration(), 1)
    run(detector, [score(8.0, s) for s in range(5)])
    detector.roll(0)
    assert [u.state for u in detector.drain()] == ["confirmed", "closed"]
    assert not detector._episodes["evidence"].any()


def test_recorded_decisions_tell_the_same_episodes_and_other_ones_at_another_threshold() -> None:
    frames = np.concatenate([score(8.0, s) for s in range(8)])
    live = Detector(DetectConfig(), calibration(), 1)
    decisions = live.decide_many(frames, np.zeros((8, 10), np.float32), np.zeros(8, np.uint8))
    expected = live.drain()
    again = Detector(DetectConfig(), calibration(), 1)
    again.follow(decisions)
    told = again.drain()
    assert [(u.state, u.ts, u.evidence) for u in told] == [
        (u.state, u.ts, u.evidence) for u in expected
    ]
    strict = Detector(DetectConfig(evidence_threshold=100.0), calibration(), 1)
    strict.follow(decisions)
    assert strict.drain() == []
