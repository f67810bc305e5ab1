import numpy as np
import pytest

from darkpool_watch.sim.estimators import autocorrelation, fano, hill, impact_exponent, r_squared

S = 1_000_000_000


def test_autocorrelation_of_an_alternating_series_is_minus_one() -> None:
    assert autocorrelation(np.array([1.0, -1.0] * 50), 1) == pytest.approx(-1.0)
    assert np.isnan(autocorrelation(np.ones(10), 1))
    assert np.isnan(autocorrelation(np.array([1.0, 2.0]), 1))


def test_fano_by_hand() -> None:
    # Ten windows of 1 s; 4 events in the first, none after: mean 0.4, variance 1.6 - 0.16.
    ts = np.array([0, 1, 2, 3], np.int64)
    assert fano(ts, 0, S, 10) == pytest.approx(1.44 / 0.4)
    # One event in each: no variance.
    assert fano(np.arange(10) * S, 0, S, 10) == 0.0
    # What lies outside the windows does not count.
    assert fano(np.append(ts, [-1, 10 * S]), 0, S, 10) == pytest.approx(3.6)
    assert np.isnan(fano(ts, 0, S, 9))
    assert np.isnan(fano(np.zeros(0, np.int64), 0, S, 10))


def test_hill_by_hand() -> None:
    # 400 returns, k = 20: the largest 20 are e times the 21st, so the mean log excess is 1.
    returns = np.ones(400)
    returns[:20] = -np.e
    assert hill(returns) == pytest.approx(1.0)


def test_hill_finds_the_index_of_a_pareto_tail() -> None:
    tail = np.random.default_rng(1).pareto(3.0, 40_000) + 1.0
    assert hill(tail) == pytest.approx(3.0, rel=3 / np.sqrt(2_000))  # three standard errors


def test_hill_is_undefined_without_a_tail() -> None:
    assert np.isnan(hill(np.ones(399)))  # k = 19
    assert np.isnan(hill(np.zeros(4_000)))
    assert np.isnan(hill(np.ones(4_000)))  # no return exceeds another


def test_r_squared_by_hand() -> None:
    x = np.arange(10.0)
    assert r_squared(x, 3.0 - 2.0 * x) == pytest.approx(1.0)
    # y is symmetric about the middle of x, so no line helps.
    assert r_squared(x, (x - 4.5) ** 2) == pytest.approx(0.0)
    assert np.isnan(r_squared(x, np.ones(10)))
    assert np.isnan(r_squared(x[:9], x[:9]))


@pytest.mark.parametrize("exponent", [0.5, 1.0, 1.5])
def test_impact_exponent_of_a_power_is_its_exponent(exponent: float) -> None:
    size = np.tile(np.arange(1.0, 21.0), 20)
    assert impact_exponent(size, 0.3 * size**exponent) == pytest.approx(exponent, abs=0.02)


def test_impact_that_does_not_depend_on_size_has_exponent_zero() -> None:
    size = np.tile(np.arange(1.0, 21.0), 20)
    assert impact_exponent(size, np.ones(400)) == 0.0


def test_impact_exponent_is_undefined_without_impact_or_sizes() -> None:
    size = np.tile(np.arange(1.0, 21.0), 20)
    assert np.isnan(impact_exponent(size, -size))  # the price goes the other way
    assert np.isnan(impact_exponent(size[:199], size[:199]))
    assert np.isnan(impact_exponent(np.full(400, 100.0), size))
