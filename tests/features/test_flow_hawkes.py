"""The Hawkes fit against its definition, and on processes whose parameters are known."""

import math

import numpy as np
import pytest

from kernels.hawkes import MAX_BRANCHING, MAX_DECAY, decayed, fit, fit_step
from tests.naive.hawkes import em_step, log_likelihood

TRUE = np.array([2.0, 0.4, 200.0, 0.3, 2.0])


def simulated(parameters: np.ndarray, seconds: float, seed: int) -> np.ndarray:
    """Return event times in ns, by the branching of the process: parents, then their children."""
    rng = np.random.default_rng(seed)
    mu, *kernels = parameters
    generation = rng.uniform(0, seconds, rng.poisson(mu * seconds))
    out = [generation]
    while len(generation):
        children = []
        for a, b in (kernels[:2], kernels[2:]):
            parents = np.repeat(generation, rng.poisson(a, len(generation)))
            children.append(parents + rng.exponential(1 / b, len(parents)))
        generation = np.concatenate(children)
        generation = generation[generation < seconds]
        out.append(generation)
    return np.sort((np.concatenate(out) * 1e9).astype(np.int64))


def test_excitation_decays_to_half_in_ln_2_over_its_rate() -> None:
    # 3 exp(-10 * ln 2 / 10) = 3 / 2
    assert decayed(3.0, 10.0, math.log(2) / 10) == pytest.approx(1.5, rel=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_step_equals_its_definition(seed: int) -> None:
    times = simulated(TRUE, 8.0, seed)
    end = 8_200_000_000
    start = np.array([1.0, 0.3, 100.0, 0.2, 1.0])
    got = start.copy()
    loglik = fit_step(times, end, got)
    seconds = (times * 1e-9).tolist()
    assert loglik == pytest.approx(log_likelihood(seconds, end * 1e-9, start), rel=1e-9)
    np.testing.assert_allclose(got, em_step(seconds, end * 1e-9, start), rtol=1e-6)


def test_step_worked_by_hand() -> None:
    # Events at 0 and 1 s, watched to 1 s: one kernel with a = 0.5, b = ln 2, the other off.
    # At 1 s: R = 1/2, so lambda = 1 + 0.5 * ln 2 * 0.5 = 1.1732868.
    # Lambda = 1 + 0.5 * (1 - 1/2) + 0.5 * (1 - 1) = 1.25; log-likelihood ln 1.1732868 - 1.25.
    # mu = 1 / 1.1732868 / 1 s; a = (0.1732868 / 1.1732868) / (1 - 1/2).
    # b = 0.1476935 / (1 s * 0.1476935 + 0.5 * (1 s * 1/2)): the parent is still being watched.
    p = np.array([1.0, 0.5, math.log(2), 0.0, 1.0])
    loglik = fit_step(np.array([0, 1_000_000_000]), 1_000_000_000, p)
    assert loglik == pytest.approx(math.log(1.1732868) - 1.25, abs=1e-7)
    np.testing.assert_allclose(p, [0.8523065, 0.2953870, 0.3713752, 0.0, 1.0], atol=1e-6)


def test_likelihood_never_falls() -> None:
    times = simulated(TRUE, 60.0, 5)
    p = np.array([1.0, 0.3, 50.0, 0.3, 0.5])
    steps = [fit_step(times, 60_000_000_000, p) for _ in range(60)]
    assert np.diff(steps).min() > -1e-6 * abs(steps[-1])
    assert steps[-1] > steps[0]


def test_fit_finds_the_parameters_that_made_the_times() -> None:
    times = simulated(TRUE, 4_000.0, 8)
    p = np.array([1.0, 0.3, 50.0, 0.3, 0.5])
    fit(times, 4_000_000_000_000, 300, p)
    np.testing.assert_allclose(p, TRUE, rtol=0.12)


@pytest.mark.parametrize("times", [[], [5], [7, 7]])
def test_fit_without_two_events_and_time_takes_no_step(times: list[int]) -> None:
    p = TRUE.copy()
    assert math.isnan(fit(np.array(times, np.int64), 7, 3, p))
    assert np.array_equal(p, TRUE)


def test_ties_push_the_decay_to_its_bound_and_branching_stays_below_one() -> None:
    times = np.repeat(np.arange(50) * 1_000_000_000, 40)
    p = np.array([1.0, 0.5, 1000.0, 0.3, 10.0])
    fit(times, 51_000_000_000, 200, p)
    assert p[2] == MAX_DECAY
    assert p[1] + p[3] <= MAX_BRANCHING + 1e-12
    assert np.isfinite(p).all()
