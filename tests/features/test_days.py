"""Days through the whole feature stage: history, drift, blocks, truncation, growth, snapshots."""

import numpy as np
import pytest

from darkpool_watch.config import FeatureConfig
from darkpool_watch.features.extractor import Extractor
from darkpool_watch.features.frames import Frames
from darkpool_watch.features.normaliser import HALF_HOURS, Normaliser
from kernels.history import DAY, HALF_HOUR
from kernels.layout import FEATURES
from kernels.normalise import HALF_HOUR_NS, USUAL_BLEND
from kernels.profile import GIVEN0, LIT_RATE, P90
from tests.features.test_extractor import SECURITIES, assert_identical, flow, joined

DAY_NS = 86_400_000_000_000
OPEN = 14 * 3_600 * 10**9
CLOSE = OPEN + 4 * HALF_HOUR_NS
A_DAY = 2 * 1_250 * SECURITIES  # observations: two half-hours of 1,250 a security


def days(count: int = 2) -> np.ndarray:
    """Return days of the same length, each of two half-hours, in sessions 0, 1, ..."""
    out = flow(seed=5, n=count * A_DAY)
    out["session"] = np.arange(len(out)) // A_DAY
    within = np.arange(len(out)) % A_DAY
    out["ts"] = OPEN + np.arange(len(out)) // A_DAY * DAY_NS + within * (2 * HALF_HOUR_NS // A_DAY)
    return out


@pytest.fixture(scope="module")
def two_days() -> np.ndarray:
    return days()


def stage(securities: int = SECURITIES, normaliser: Normaliser | None = None) -> Extractor:
    out = Extractor(FeatureConfig(stride=1), securities, normaliser)
    for s in range(securities):
        define(out, s, 0)
    return out


def define(out: Extractor, s: int, day: int, later: int = 0) -> None:
    """Say that a security's session is day `day`'s, `later` ns later than usual."""
    opens = OPEN + day * DAY_NS + later
    out.define(s, session_open_ns=opens, session_close_ns=opens + CLOSE - OPEN)


def frames_of(out: Extractor, observations: np.ndarray, block: int = 1_000) -> Frames:
    blocks = range(0, len(observations), block)
    return joined([out.extract(observations[i : i + block]).copy() for i in blocks])


def assert_same_state(a: Extractor, b: Extractor) -> None:
    left, right = a.snapshot(), b.snapshot()
    assert left.keys() == right.keys()
    for name in left:
        assert left[name].tobytes() == right[name].tobytes(), name


@pytest.mark.parametrize("block", [1, 7, 256])
def test_block_size_changes_no_bit_of_a_second_day(two_days: np.ndarray, block: int) -> None:
    a, b = stage(), stage()
    assert_identical(frames_of(a, two_days, block), frames_of(b, two_days))
    assert_same_state(a, b)


@pytest.mark.parametrize("cut", [A_DAY, A_DAY + 1, A_DAY + 3_751, 2 * A_DAY - 1])
def test_a_frame_of_the_second_day_does_not_see_what_comes_after_it(
    two_days: np.ndarray, cut: int
) -> None:
    whole, short = frames_of(stage(), two_days), frames_of(stage(), two_days[:cut])
    kept = int(np.sum(whole.arrival < cut))
    assert kept > A_DAY // 2
    assert_identical(Frames._make(part[:kept] for part in whole), short)


@pytest.mark.parametrize("cut", [3_000, A_DAY, A_DAY + 3_000])
def test_growth_and_snapshots_change_no_bit_of_a_second_day(two_days: np.ndarray, cut: int) -> None:
    whole, grown, resumed = stage(), stage(), stage(1)
    frames = frames_of(whole, two_days)
    before = frames_of(grown, two_days[:cut])
    grown.grow(40)
    resumed.restore(grown.snapshot())
    after = frames_of(grown, two_days[cut:])
    assert_identical(frames, joined([before, after]))
    assert_identical(after, frames_of(resumed, two_days[cut:]))
    assert_same_state(grown, resumed)


def test_the_second_day_is_compared_with_the_first(two_days: np.ndarray) -> None:
    out, fresh = stage(), stage()
    day, next_day = two_days[:A_DAY], two_days[A_DAY:]
    frames_of(out, day)
    found = out.snapshot()
    assert (found["normaliser.usual"][:, USUAL_BLEND] == 1).all()
    assert not found["profile"][:, GIVEN0 + P90].any()
    frames, beside = frames_of(out, next_day), frames_of(fresh, next_day)
    found = out.snapshot()
    assert found["history.place"][:, DAY].tolist() == [1, 1, 1]
    assert found["profile"][:, [GIVEN0 + P90, GIVEN0 + LIT_RATE]].all()
    own = found["normaliser.usual"][:, USUAL_BLEND] == 0
    assert own.mean() > 0.5
    # Known from the first frame, so centred from it: an early half is nearer to 0 than afresh.
    always = own.all(axis=0)
    early = [np.abs(np.median(f.values[:1_500, always], axis=0)).mean() for f in (frames, beside)]
    assert early[0] < 0.5 * early[1]


def test_definitions_of_each_day_roll_as_sessions_that_repeat(two_days: np.ndarray) -> None:
    repeated, defined = stage(), stage()
    frames = frames_of(repeated, two_days)
    parts = [frames_of(defined, two_days[:A_DAY])]
    for s in range(SECURITIES):
        define(defined, s, 1)
    parts.append(frames_of(defined, two_days[A_DAY:]))
    assert_identical(frames, joined(parts))
    assert_same_state(repeated, defined)


def test_a_definition_that_moves_a_running_session_moves_its_half_hours(
    two_days: np.ndarray,
) -> None:
    out = stage()
    frames_of(out, two_days[:6_000])
    assert out.snapshot()["history.place"][:, HALF_HOUR].tolist() == [1, 1, 1]
    define(out, 1, 0, later=HALF_HOUR_NS)
    define(out, 2, 0)
    frames_of(out, two_days[6_000:6_100])
    assert out.snapshot()["history.place"][:, HALF_HOUR].tolist() == [1, 0, 1]


def test_drift_is_nought_at_home_and_tells_a_day_that_is_elsewhere(two_days: np.ndarray) -> None:
    raw = frames_of(stage(1), two_days[two_days["security"] == 0][:2_500]).raw
    home = Normaliser.fit(raw, np.zeros(len(raw)), ["equity"], np.zeros(len(raw), int))
    moved = Normaliser(home.median - np.float32(3) * home.scale, home.scale)
    drifts = []
    for normaliser in (home, moved):
        out = stage(normaliser=normaliser)
        assert np.isnan(out.drift(0).summary)
        frames_of(out, two_days[:A_DAY])
        drifts.append(out.drift(0))
    assert drifts[0].summary < 0.5
    assert drifts[1].summary == pytest.approx(3, abs=0.7)
    known = ~np.isnan(drifts[1].by_feature)
    assert 60 < known.sum() < FEATURES
    assert np.median(drifts[1].by_feature[known]) > 2


def test_one_class_is_the_same_with_and_without_measures(two_days: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    shape = (1, HALF_HOURS, FEATURES)
    old = Normaliser(rng.normal(0, 1, shape), rng.uniform(0.5, 2, shape))
    bounds = np.array([[20.0, 100.0], [2.0, 8.0], [1.0, 5.0]])
    new = Normaliser(old.median, old.scale, bounds=bounds)
    assert_identical(
        frames_of(stage(normaliser=old), two_days), frames_of(stage(normaliser=new), two_days)
    )
