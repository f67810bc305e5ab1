"""How days become history: against the twin, and by hand."""

import numpy as np
import pytest

from darkpool_watch.features.catalog import FEATURES as CATALOG
from darkpool_watch.features.history import history_state, name_security
from darkpool_watch.features.normaliser import HALF_HOURS, Normaliser
from kernels import history as h
from kernels.layout import FEATURES, I64_MAX
from kernels.normalise import HALF_HOUR_NS, LIVE_COUNT, LIVE_MEDIAN, normalise
from kernels.profile import (
    DAYS,
    EVENT_COUNT,
    FIRST_NS,
    GIVEN0,
    LIT_RATE,
    LIT_SUM,
    MU,
    PROFILE,
    start_profile,
)
from kernels.profile import MESSAGES as MESSAGES_SO_FAR
from tests.features.test_normaliser import state
from tests.naive.history import Days, median_of

OPEN = 7 * HALF_HOUR_NS
SHAPE = (2, HALF_HOURS, FEATURES)


class Stage:
    """The history of one security of class row 0, stepped by hand."""

    def __init__(self, normaliser: Normaliser | None = None) -> None:
        self.fitted = normaliser or Normaliser(np.zeros(SHAPE), np.ones(SHAPE))
        self.h = history_state(self.fitted, 1)
        self.st = state(np.zeros(FEATURES), np.ones(FEATURES))
        self.profile = np.zeros((1, PROFILE))
        start_profile(0, self.profile)
        h.start_day(0, self.h, self.st)

    def at(self, now: int) -> None:
        if now >= self.h.place[0, h.UNTIL]:
            h.enter_half_hour(now, OPEN, 0, self.h, self.st, self.profile)
        if self.profile[0, EVENT_COUNT] == 0:
            self.profile[0, FIRST_NS] = now
        self.profile[0, EVENT_COUNT] += 1

    def roll(self, last: int) -> None:
        h.roll_history(0, last, self.h, self.st, self.profile)
        self.profile[0, EVENT_COUNT] = 0
        h.start_day(0, self.h, self.st)

    def expected(self, half_hour: int, k: int = 0) -> float:
        return float(h.median_flow(0, half_hour, k, self.h))


def test_three_days_equal_the_twin() -> None:
    rng = np.random.default_rng(8)
    fitted = Normaliser(rng.normal(0, 1, SHAPE), rng.uniform(0.5, 2, SHAPE))
    stage = Stage(fitted)
    watched = [16, 48, 140, 200, 239]
    twins = {
        j: Days(*(x[0, :, j].tolist() for x in (fitted.median, fitted.scale)), CATALOG[j].scaling)
        for j in watched
    }
    seldom = 200  # defined too seldom for half-hours of its own, but not for whole days
    values, mask = np.zeros(FEATURES, np.float32), np.zeros(FEATURES, np.uint8)
    for day in range(3):
        for n in range(2_800):  # two half-hours of 1,400 rows
            now = OPEN + 2 * HALF_HOUR_NS * n // 2_800
            stage.at(now)
            raw = rng.normal(day + 2 * (n >= 1_400), 1.5, FEATURES)
            raw[rng.random(FEATURES) < 0.1] = np.nan
            if rng.random() < 0.5:
                raw[seldom] = np.nan
            normalise(0, raw, stage.st, values, mask)
            for j, twin in twins.items():
                twin.at(int(stage.h.place[0, h.HALF_HOUR]))
                value, undefined = twin.normalised(float(raw[j]))
                assert values[j] == pytest.approx(value, abs=2e-2)
                assert mask[j] == undefined
        stage.roll(now)
        for twin in twins.values():
            twin.open_day()
    own = stage.h.own[0]
    for j, twin in twins.items():
        for row in range(HALF_HOURS + 1):
            known = twin.own.get(row if row < HALF_HOURS else -1)
            expected = (np.nan, np.nan) if known is None else known
            np.testing.assert_allclose(own[row, :, j], expected, rtol=2e-2, atol=2e-2)
    assert np.flatnonzero(~np.isnan(own[:, 0, 16])).tolist() == [0, 1, HALF_HOURS]
    assert np.isnan(own[:HALF_HOURS, 0, seldom]).all()
    assert not np.isnan(own[-1, :, seldom]).any()


def test_a_day_becomes_history_by_hand() -> None:
    stage = Stage()
    stage.at(OPEN)
    live, own = stage.st.live[0], stage.h.own[0]
    live[:, 5] = 3.0, 2.0, 999.0  # median, deviation, values
    live[:, 6] = 3.0, 2.0, 1_000.0
    stage.at(OPEN + HALF_HOUR_NS)
    assert np.isnan(own[0, 0, 5])
    assert own[0, :, 6].tolist() == pytest.approx([3.0, 2 * 1.4826])
    live[:, 6] = (
        5.0,
        0.01,
        1_500.0,
    )  # 500 in this half-hour; spread at least 0.1
    stage.roll(OPEN + 2 * HALF_HOUR_NS)
    assert np.isnan(own[1, 0, 6])
    assert own[-1, :, 6].tolist() == pytest.approx([5.0, 0.1])
    # The next day starts there, unblended, and counts a fifth: 3 + (8 - 3) / 5.
    assert live[LIVE_MEDIAN, 6] == 3.0
    assert live[LIVE_COUNT, 6] == 0
    stage.at(OPEN + 86_400 * 10**9)
    assert stage.st.usual[0, :, 6].tolist() == pytest.approx([5.0, 0.1, 0.0])  # half-hour 12
    assert stage.st.usual[0, :, 5].tolist() == [0, 1, 1]
    stage.roll(0)
    stage.at(OPEN)
    assert stage.st.usual[0, :, 6].tolist() == pytest.approx([3.0, 2 * 1.4826, 0.0])
    live[:, 6] = 8.0, 2.0, 1_000.0
    stage.at(OPEN + HALF_HOUR_NS)
    assert own[0, :, 6].tolist() == pytest.approx([4.0, 2 * 1.4826])


def test_expected_flows_by_hand() -> None:
    stage = Stage()
    for day, quantity in enumerate((17_340, 1_140, 3_000)):
        stage.at(OPEN)
        assert stage.profile[0, GIVEN0 + LIT_RATE] == (day > 0)
        stage.profile[0, [LIT_SUM, MESSAGES_SO_FAR]] += quantity, 900
        stage.profile[0, EVENT_COUNT] = 2_000
        stage.at(OPEN + HALF_HOUR_NS)
        stage.roll(OPEN + HALF_HOUR_NS + 10**9)
    # (60 s * 1/s + 17,340) / 1,860 s = 9.3548; 1,200 / 1,860; 3,060 / 1,860
    days = [17_400 / 1_860, 1_200 / 1_860, 3_060 / 1_860]
    assert stage.h.flows[0, 0, 0, :3].tolist() == pytest.approx(days)
    assert stage.expected(0) == pytest.approx(days[2])
    assert np.isnan(stage.expected(1))  # a second of it was watched
    stage.at(OPEN)
    assert stage.profile[0, LIT_RATE] == pytest.approx(days[2])
    assert stage.profile[0, MU] == pytest.approx(0.5 * (1 - 0.5 - 0.26))  # 900 messages in 1,800 s


@pytest.mark.parametrize("seed", range(20))
def test_median_of_days_equals_the_twin(seed: int) -> None:
    rng = np.random.default_rng(seed)
    stage = Stage()
    days = rng.integers(0, 4, DAYS).astype(float)
    days[rng.random(DAYS) < 0.4] = np.nan
    stage.h.flows[0, 3, 1] = days
    np.testing.assert_equal(stage.expected(3, 1), median_of(days.tolist()))


def test_what_comes_before_the_open_is_kept_for_no_half_hour() -> None:
    stage = Stage()
    stage.at(OPEN - HALF_HOUR_NS)
    assert stage.h.place[0, [h.HALF_HOUR, h.UNTIL, h.FROM]].tolist() == [0, OPEN, h.NOT_YET]
    stage.st.live[0, LIVE_COUNT] = 5_000
    stage.profile[0, LIT_SUM] = 1e6
    stage.at(OPEN + 1)
    assert np.isnan(stage.h.own).all()
    assert np.isnan(stage.h.flows).all()
    stage.at(OPEN + HALF_HOUR_NS)
    assert stage.expected(0) == pytest.approx(60 / 1_860, rel=1e-3)  # the million came before


def test_a_half_hour_that_lost_data_is_not_kept_and_the_next_is() -> None:
    stage = Stage()
    stage.at(OPEN)
    stage.h.place[0, h.FROM] = h.NOT_YET
    stage.at(OPEN + HALF_HOUR_NS)
    stage.at(OPEN + 2 * HALF_HOUR_NS)
    assert np.isnan(stage.expected(0))
    assert stage.expected(1) > 0


def test_the_last_half_hour_has_no_end() -> None:
    stage = Stage()
    stage.at(OPEN + 20 * HALF_HOUR_NS)
    assert stage.h.place[0, [h.HALF_HOUR, h.UNTIL]].tolist() == [HALF_HOURS - 1, I64_MAX]
    stage.roll(OPEN + 22 * HALF_HOUR_NS)
    assert stage.expected(HALF_HOURS - 1) == pytest.approx(60 / 3_660)


def test_a_name_with_a_history_starts_from_it_and_days_replace_it_one_by_one() -> None:
    profile = np.full((2, HALF_HOURS, 12), np.nan)
    profile[1, :, :12] = np.arange(1, 13)
    profile[1, :, [8, 10]] = 0.25  # branching ratios
    fitted = Normaliser(np.full(SHAPE, 4.0), np.full(SHAPE, 2.0), profile)
    stage = Stage(fitted)
    name_security(0, 1, True, stage.h, stage.profile)
    h.start_day(0, stage.h, stage.st)
    stage.at(OPEN)
    assert stage.st.usual[0, :, 9].tolist() == [4, 2, 0]
    assert stage.profile[0, :12].tolist() == profile[1, 0].tolist()
    for _ in range(3):
        stage.at(OPEN)
        stage.profile[0, EVENT_COUNT] = 2_000
        stage.at(OPEN + HALF_HOUR_NS)
        before = stage.expected(0)
        stage.roll(OPEN + HALF_HOUR_NS)
    assert before != 4.0  # the third day of five outvotes it
    assert np.sum(stage.h.flows[0, 0, 0] == 4.0) == 2
