"""The reference statistics a security learns from its own day."""

import math

import numpy as np
import pytest

from kernels import profile as p
from kernels.layout import ADD, DARK_TRADE, EXECUTE, LIT_TRADE, OBSERVATION
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
