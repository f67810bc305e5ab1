"""Which class a security is told to be, and from what."""

import numpy as np
import pytest

from darkpool_watch.config import FeatureConfig
from darkpool_watch.features.extractor import Extractor
from darkpool_watch.features.normaliser import HALF_HOURS, Normaliser
from kernels import classes as k
from kernels.history import ROW
from kernels.layout import ADD, FEATURES, LEVEL, OBSERVATION
from tests.features.test_extractor import assert_identical, flow, joined
from tests.features.window_cases import random_market
from tests.naive import classes as naive

S = 1_000_000_000
TICK = 10_000_000
SHAPE = (28, HALF_HOURS, FEATURES)


def quoted(n: int, *, mid: int = 50, ticks: int = 4, per_s: float = 2.0) -> np.ndarray:
    """Return n messages of one security: mid in currency, spread in ticks."""
    out = np.zeros(n, OBSERVATION)
    out["kind"], out["quoted"] = ADD, 1
    out["ts"] = 100 * S + (np.arange(n) * S / per_s).astype(np.int64)
    out["bid"], out["ask"] = mid * S - ticks * TICK // 2, mid * S + ticks * TICK // 2
    out["mid2"] = out["bid"] + out["ask"]
    out["depth5"] = out["touch_depth"] = out["depth_imbalance"] = np.nan
    out["reference_age"] = -1
    return out


def classed() -> Extractor:
    """Return a stage whose rows 1..27 are the classes, and the median of row r is r."""
    bounds = np.array([[20.0, 100.0], [2.0, 8.0], [1.0, 5.0]])
    median = np.broadcast_to(np.arange(28.0)[:, None, None], SHAPE)
    normaliser = Normaliser(median, np.ones(SHAPE), bounds=bounds, classes=np.arange(1, 28))
    return Extractor(FeatureConfig(stride=1), 1, normaliser)


def rows_after_each(stage: Extractor, observations: np.ndarray, security: int = 0) -> list[int]:
    rows = []
    for n in range(len(observations)):
        stage.extract(observations[n : n + 1])
        rows.append(int(stage.snapshot()["history.place"][security, ROW]))
    return rows


def test_measures_and_class_by_hand() -> None:
    sums = np.zeros(4)
    observations = quoted(121)
    done = [bool(k.measure(o, TICK, 100 * S, sums)) for o in observations]
    # 120 gaps of half a second: the 121st message stands 60 s after the first.
    assert done == [False] * 120 + [True]
    found = [k.measured(which, 60 * S, sums) for which in range(3)]
    assert found == pytest.approx([50.0, 4.0, 121 / 60])
    bounds = np.array([[20.0, 50.0], [4.5, 8.0], [1.0, 5.0]])
    assert k.class_of(60 * S, sums, bounds) == 9 * 2 + 3 * 0 + 1  # a bound belongs to what is above
    assert k.class_of(60 * S, sums, np.full((3, 2), np.nan)) == 0


@pytest.mark.parametrize("seed", range(4))
def test_measures_equal_the_twin_after_every_message(seed: int) -> None:
    rng = np.random.default_rng(seed)
    observations = random_market(seed, 400)
    observations["ts"] = np.cumsum(rng.integers(0, S, 400))
    observations["crossed"] = observations["ask"] <= observations["bid"]
    observations = observations[observations["kind"] != LEVEL]
    bounds = np.sort(rng.uniform([90, 0, 0.5], [110, 4, 4], (2, 3)), axis=0).T.copy()
    sums, since = np.zeros(4), observations["ts"][0]
    for n, o in enumerate(observations):
        done = k.measure(o, TICK, since, sums)
        assert done == naive.complete(observations[: n + 1])
        if done:
            found = naive.measures(observations[: n + 1], TICK)
            watched = o["ts"] - since
            assert [k.measured(i, watched, sums) for i in range(3)] == pytest.approx(found)
            assert k.class_of(watched, sums, bounds) == naive.class_of(found, bounds.tolist())
    assert done


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ({}, 1 + 9 + 3 + 1),
        ({"mid": 15}, 1 + 0 + 3 + 1),
        ({"mid": 150, "ticks": 10}, 1 + 18 + 6 + 1),
        ({"ticks": 1, "per_s": 10.0}, 1 + 9 + 0 + 2),
    ],
)
def test_a_stranger_gets_its_class_after_its_first_minute(
    kind: dict[str, float], expected: int
) -> None:
    stage = classed()
    observations = quoted(700, **kind)
    rows = rows_after_each(stage, observations)
    since = (observations["ts"] - observations["ts"][0]) / S
    told = int(np.flatnonzero((since >= 60) & (np.arange(700) >= 99))[0])
    assert rows == [0] * told + [expected] * (700 - told)
    assert stage.measures(0)[0] == pytest.approx(kind.get("mid", 50))


def test_a_slow_security_is_measured_for_100_messages() -> None:
    rows = rows_after_each(classed(), quoted(120, per_s=0.5))
    assert rows == [0] * 99 + [1 + 9 + 3 + 0] * 21


def test_without_quotes_there_is_no_class() -> None:
    observations = quoted(300)
    observations["quoted"] = 0
    stage = classed()
    assert set(rows_after_each(stage, observations)) == {0}
    assert np.isnan(stage.measures(0)).all()


def test_corrections_and_crossed_quotes_are_not_measured() -> None:
    plain, noisy = quoted(300), quoted(300)
    noisy["kind"][::3], noisy["ask"][::3] = LEVEL, noisy["bid"][::3] + 900 * TICK
    noisy["crossed"][1::3], noisy["ask"][1::3] = 1, noisy["bid"][1::3] - TICK
    stage, other = classed(), classed()
    stage.extract(plain)
    other.extract(noisy)
    assert stage.measures(0)[1] == other.measures(0)[1] == pytest.approx(4.0)
    assert other.measures(0)[2] == pytest.approx(stage.measures(0)[2] * 2 / 3, rel=0.05)


def test_a_loss_of_data_starts_the_measures_anew_and_a_class_stays() -> None:
    stage, observations = classed(), quoted(400)
    stage.extract(observations[:100])
    stage.reset(0)
    rows = rows_after_each(stage, observations[100:])
    assert rows == [0] * 120 + [14] * 180
    stage.reset(0)
    observations["ts"] += 3_600 * S
    observations["session"] = 1
    observations["bid"] += 400 * S
    observations["ask"] += 400 * S
    assert set(rows_after_each(stage, observations)) == {14}


def test_a_named_class_and_a_history_of_its_own_are_kept() -> None:
    stage = classed()
    stage.normaliser.rows.update({"etf": 5, "XYZ": 6})
    stage.normaliser.own = frozenset(["XYZ"])
    stage.grow(2)
    stage.define(0, names=("ABC", "etf"))
    stage.define(1, names=("XYZ", "etf"))
    observations = np.repeat(quoted(300), 2)
    observations["security"] = np.arange(600) % 2
    stage.extract(observations)
    assert stage.snapshot()["history.place"][:, ROW].tolist() == [5, 6]


def test_neither_blocks_nor_other_securities_change_a_class_or_a_bit() -> None:
    observations = flow(n=3_000)
    observations["ts"] = np.linspace(0, 1_200 * S, 3_000).astype(np.int64)
    whole, pieces, alone = classed(), classed(), classed()
    frames = whole.extract(observations).copy()
    parts = [pieces.extract(observations[n : n + 7]).copy() for n in range(0, 3_000, 7)]
    assert_identical(frames, joined(parts))
    rows = whole.snapshot()["history.place"][:, ROW]
    assert (rows > 0).all()
    mine = observations[observations["security"] == 1]
    single = alone.extract(mine)
    np.testing.assert_array_equal(single.values, frames.values[frames.security == 1])
