import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkpool_watch.detect.calibration import default_tail, identity_tail
from kernels.tail import KNOTS, TAIL, cauchy_surprise, surprises, tail_quantile, tail_surprise
from tests.naive.tail import cauchy, survival

unit = st.floats(0.0, 1.0)


def make_tail(steps: list[float], shape: float, scale: float) -> np.ndarray:
    """Return a (1,) TAIL with ascending knots from `steps`."""
    tail = np.zeros(1, TAIL)
    rises = np.resize(np.array(steps), KNOTS - 1) + 0.01
    tail["z"] = np.concatenate([[0.0], np.cumsum(rises)]) - rises.sum() / 2
    tail["y"] = np.concatenate([[0.0], np.cumsum(rises[::-1])]) * 4.0 / rises.sum()
    tail["shape"], tail["scale"] = shape, scale
    return tail


@settings(deadline=None)
@given(
    st.lists(unit, min_size=1, max_size=20),
    st.sampled_from([-0.3, 0.0, 1e-12, 0.2, 0.5]),
    st.floats(0.1, 5.0),
    st.floats(-60.0, 60.0),
)
def test_tail_surprise_equals_its_twin(
    steps: list[float], shape: float, scale: float, z: float
) -> None:
    tail = make_tail(steps, shape, scale)
    expected = survival(tail[0], z)
    found = tail_surprise(tail[0], z)
    if expected == 0.0:
        assert found == math.inf or found > 700.0
    else:
        assert found == pytest.approx(-math.log(expected), rel=1e-9, abs=1e-9)


@settings(deadline=None)
@given(
    st.lists(unit, min_size=1, max_size=20),
    st.sampled_from([-0.3, 0.0, 0.2, 0.5]),
    st.floats(0.0, 30.0),
)
def test_tail_quantile_inverts_the_surprise(steps: list[float], shape: float, y: float) -> None:
    tail = make_tail(steps, shape, 1.0)
    assert tail_surprise(tail[0], tail_quantile(tail[0], y)) == pytest.approx(y, abs=1e-6)


def test_tail_surprise_worked_by_hand() -> None:
    # Last knot at z = ln 50 with P = 1/100; scale 1, shape 0.2. At z = ln 50 + 5:
    # P = 0.01 * (1 + 0.2 * 5) ** (-1 / 0.2) = 0.01 / 32, so y = ln 3200.
    tail = default_tail().reshape(1)[0]
    assert tail_surprise(tail, math.log(50.0) + 5.0) == pytest.approx(math.log(3200.0))
    # The body is Laplace: P(Z >= ln 5) = 0.5 / 5; knots interpolate to better than 0.1%.
    assert tail_surprise(tail, math.log(5.0)) == pytest.approx(math.log(10.0), rel=1e-3)


def test_identity_tail_changes_nothing() -> None:
    tail = identity_tail().reshape(1)[0]
    y = np.linspace(0.0, 40.0, 101)
    out = np.empty_like(y)
    surprises(tail, y, out)
    np.testing.assert_allclose(out, y, atol=1e-12)


def test_tail_surprise_of_nan_is_nan_and_never_negative() -> None:
    tail = default_tail().reshape(1)[0]
    assert math.isnan(tail_surprise(tail, math.nan))
    assert tail_surprise(tail, -math.inf) == 0.0


def test_short_tail_ends() -> None:
    tail = make_tail([0.5], -0.25, 1.0)
    end = float(tail["z"][0, -1]) + 4.0  # scale / -shape
    assert tail_surprise(tail[0], end - 1e-6) < math.inf
    assert tail_surprise(tail[0], end) == math.inf


p_value = st.one_of(st.floats(1e-8, 1.0), st.just(math.nan))


@settings(deadline=None)
@given(st.tuples(p_value, p_value, p_value), st.tuples(unit, unit, unit))
def test_cauchy_equals_its_twin(p: tuple[float, ...], w: tuple[float, ...]) -> None:
    found = cauchy_surprise(-np.log(np.array(p)), np.array(w))
    expected = cauchy(p, w)
    if math.isnan(expected):
        assert math.isnan(found)
    else:
        assert math.exp(-found) == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_cauchy_worked_by_hand() -> None:
    # p = (0.25, 0.5): cot(pi/4) = 1, cot(pi/2) = 0; equal weights give T = 0.5,
    # p = 1/2 - atan(0.5) / pi = 0.352416...
    found = cauchy_surprise(-np.log(np.array([0.25, 0.5])), np.ones(2))
    assert math.exp(-found) == pytest.approx(0.35241638, rel=1e-7)


def test_cauchy_keeps_the_order_of_p_values_beyond_float_range() -> None:
    weights = np.array([0.6, 0.2, 0.2])
    found = [cauchy_surprise(np.array([y, 0.1, 0.1]), weights) for y in (50.0, 100.0, 250.0)]
    assert found == sorted(found)
    # One tiny p-value of weight w: the combined one is p / w of it.
    assert found[1] == pytest.approx(100.0 + math.log(0.6), rel=1e-9)


def test_a_bored_head_does_not_outvote_an_alarmed_one() -> None:
    weights = np.array([0.6, 0.2, 0.2])
    bored = cauchy_surprise(np.array([0.0, 9.0, 0.0]), weights)
    assert bored > 7.0
