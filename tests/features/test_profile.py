"""The reference statistics a security learns from its own day."""

import math

import numpy as np
import pytest

from kernels import profile as p
from kernels.layout import ADD, DARK_TRADE, EXECUTE, LEVEL, LIT_TRADE, OBSERVATION
from kernels.slots import TICK
from kernels.windows import window_state

S = 1_000_000_000


def learnt(rows: list[dict], given: dict[int, float] | None = None) -> np.ndarray:
    profile = np.zeros((1, p.PROFILE))
    p.start_profile(0, profile)
    if given:
        known = np.full(p.IN_USE, math.nan)
        known[list(given)] = list(given.values())
        p.give_profile(known, 0, profile)
    st = window_state(profile)
    st.i[0, TICK] = 1
    out = np.zeros(len(rows), OBSERVATION)
    for i, row in enumerate(rows):
        out[i]["kind"], out[i]["depth5"], out[i]["reference_age"] = ADD, math.nan, -1
        for name, value in row.items():
            out[i][name] = value
        p.accumulate_profile(out[i], 0, st)
    return st.profile[0]


def test_sizes_by_hand() -> None:
    sizes = [100] * 14 + [10, 10] + [900]
    rows = [{"ts": i, "added": size} for i, size in enumerate(sizes)]
    # Quantiles are read at the 16th size: 2 of 10, 14 of 100. A hundred is too common to be large.
    profile = learnt(rows)
    assert profile[[p.P10, p.P50]].tolist() == [10, 100]
    assert 100 < profile[p.P90] < 100.001


def test_a_size_of_all_is_neither_tiny_nor_large() -> None:
    profile = learnt([{"ts": i, "added": 100} for i in range(64)])
    assert 99.999 < profile[p.P10] < profile[p.P50] < profile[p.P90] < 100.001


def test_size_quantiles_are_within_their_bin_of_the_exact_ones() -> None:
    sizes = np.ceil(np.random.default_rng(0).lognormal(5, 1, 6_400))
    profile = learnt([{"ts": i, "added": size} for i, size in enumerate(sizes)])
    for column, share in ((p.P10, 0.1), (p.P50, 0.5), (p.P90, 0.9)):
        assert profile[column] == pytest.approx(np.quantile(sizes, share), rel=0.15)


def test_rates_start_at_the_prior_and_go_to_what_came() -> None:
    rows = [
        {"ts": i * S, "kind": EXECUTE, "trade": LIT_TRADE, "traded": 50} for i in range(1, 4_097)
    ]
    profile = learnt(rows)
    # 60 s of the prior's 1/s and 4,095 s with 4,096 trades of 50
    assert profile[p.LIT_RATE] == pytest.approx((60 + 4_096 * 50) / (60 + 4_095))
    assert profile[p.DARK_RATE] == pytest.approx(60 / (60 + 4_095))
    # of 1/s, those that are nobody's children by the prior's branching ratios
    immigrants = 4_096 * (1 - p.PRIOR[p.A1] - p.PRIOR[p.A2])
    expected = (60 * p.PRIOR[p.MU] + immigrants) / (60 + 4_095)
    assert profile[p.MU] == pytest.approx(expected)


def test_reference_ages_and_depth() -> None:
    rows = [
        {"ts": i, "trade": DARK_TRADE, "traded": 1, "reference_age": 1_000_000 * (1 + i % 20)}
        for i in range(640)
    ]
    assert learnt(rows)[p.REFERENCE_P95] == pytest.approx(19e6, rel=0.2)
    depths = learnt([{"ts": i, "depth5": 100.0 + i} for i in range(11)])
    assert depths[p.SLOW_DEPTH] == pytest.approx(105)


def test_given_statistics_stay_and_a_session_keeps_the_rest() -> None:
    rows = [{"ts": i, "added": 700 if i % 10 else 9_000} for i in range(64)]
    profile = learnt(rows, {p.P50: 123.0})
    assert profile[p.P50] == 123
    assert profile[p.P90] == 9_000
    both = profile[None].copy()
    p.roll_profile(0, both)
    assert both[0, p.P90] == both[0, p.PRIOR0 + p.P90] == 9_000
    assert both[0, p.SIZE_COUNT] == 0


def test_a_day_of_sizes_is_that_of_the_days_after_it() -> None:
    rows = [{"ts": i, "added": 700 if i % 8 else 9_000} for i in range(400)]
    profile = learnt(rows)[None].copy()
    p.roll_profile(0, profile)
    assert profile[0, [p.P10, p.P50, p.P90]].tolist() == pytest.approx([700, 700, 9_000], rel=1e-6)
    assert profile[0, [p.GIVEN0 + p.P10, p.GIVEN0 + p.P90]].tolist() == [1, 1]
    assert profile[0, p.GIVEN0 + p.REFERENCE_P95] == 0  # no dark print
    # The next day is compared with it, and then counts a fifth: 700 + (100 - 700) / 5.
    st = window_state(profile)
    out = np.zeros(256, OBSERVATION)
    out["kind"], out["added"], out["depth5"], out["reference_age"] = ADD, 100, math.nan, -1
    for o in out:
        p.accumulate_profile(o, 0, st)
    assert profile[0, p.P50] == 700
    p.roll_profile(0, profile)
    assert profile[0, p.P50] == pytest.approx(580)


def test_a_class_is_a_prior_and_its_hawkes_kernels_are_in_use() -> None:
    profile = np.zeros((1, p.PROFILE))
    p.start_profile(0, profile)
    given = np.arange(1.0, 13.0)
    p.suggest_profile(given, True, 0, profile)
    assert profile[0, : p.IN_USE].tolist() == given.tolist()
    assert not profile[0, p.GIVEN0 : p.GIVEN0 + p.IN_USE].any()
    profile[0, p.EVENT_COUNT], profile[0, p.P50] = 5, 70  # its own day began
    p.suggest_profile(given * 2, True, 0, profile)
    assert profile[0, p.P50] == 70
    assert profile[0, p.PRIOR0 + p.LIT_RATE] == 2 * given[p.LIT_RATE]
    assert profile[0, [p.A1, p.B2]].tolist() == [18, 24]
    p.suggest_profile(given * 3, False, 0, profile)  # earlier days tell all but the kernels
    assert profile[0, p.PRIOR0 + p.LIT_RATE] == 2 * given[p.LIT_RATE]
    assert profile[0, p.A1] == 27


def test_flows_of_a_half_hour_by_hand() -> None:
    rows = [
        {"ts": i, "kind": EXECUTE, "trade": LIT_TRADE, "traded": 30, "depth5": 100.0 * i}
        for i in range(1, 11)
    ]
    profile = learnt(rows)[None].copy()
    p.mark_flows(0, profile)
    st = window_state(profile)
    out = np.zeros(2, OBSERVATION)
    out["kind"], out["depth5"], out["reference_age"] = [ADD, LEVEL], [400.0, 600.0], -1
    for o in out:
        p.accumulate_profile(o, 0, st)
    lit, dark, depth, messages = (p.flow_since(k, 940.0, 0, profile) for k in range(4))
    # Nothing traded since, 60 s of the prior's 1/s over 1,000 s; one message; depth of both.
    assert (lit, dark, depth, messages) == pytest.approx((0.06, 0.06, 500.0, 1 / 940))
    p.mark_flows(0, profile)
    assert math.isnan(p.flow_since(2, 940.0, 0, profile))
    p.expect_flow(3, 2.0, 0, profile)
    assert profile[0, p.MU] == pytest.approx(2.0 * (1 - profile[0, p.A1] - profile[0, p.A2]))
    p.expect_flow(0, math.nan, 0, profile)
    assert profile[0, [p.GIVEN0 + p.LIT_RATE, p.GIVEN0 + p.MU]].tolist() == [0, 1]
