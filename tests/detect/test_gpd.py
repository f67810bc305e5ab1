import math

import numpy as np
import pytest

from darkpool_watch.detect import gpd


def quantiles(n: int, scale: float, shape: float) -> np.ndarray:
    """Return n evenly spaced quantiles of the distribution, from its closed form."""
    p = (np.arange(n) + 0.5) / n
    if shape == 0.0:
        return -scale * np.log1p(-p)
    return scale * np.expm1(-shape * np.log1p(-p)) / shape


@pytest.mark.parametrize("shape", [-0.3, -0.1, 0.0, 0.1, 0.3])
@pytest.mark.parametrize("scale", [0.01, 1.0, 250.0])
def test_fit_recovers_the_parameters_of_exact_quantiles(scale: float, shape: float) -> None:
    found = gpd.fit(quantiles(4_000, scale, shape))
    assert found.scale == pytest.approx(scale, rel=0.02)
    assert found.shape == pytest.approx(shape, abs=0.02)


@pytest.mark.parametrize("shape", [-0.2, 0.0, 0.25])
def test_fit_recovers_the_parameters_of_samples(shape: float) -> None:
    # The asymptotic standard error of the shape is (1 + shape) / sqrt(n) = 0.03 at most here.
    rng = np.random.default_rng(5)
    found = []
    for _ in range(20):
        u = rng.uniform(size=2_000)
        sample = -np.log(u) if shape == 0.0 else np.expm1(-shape * np.log(u)) / shape
        found.append(gpd.fit(sample))
    assert np.mean([f.shape for f in found]) == pytest.approx(shape, abs=0.02)
    assert np.std([f.shape for f in found]) < 1.5 * (1 + shape) / math.sqrt(2_000)
    assert np.mean([f.scale for f in found]) == pytest.approx(1.0, abs=0.03)


def test_moments_worked_by_hand() -> None:
    # x = (1, 2, 6): a0 = 3; a1 = (1 * 2/2 + 2 * 1/2 + 6 * 0) / 3 = 2/3; gap = 3 - 4/3 = 5/3;
    # scale = 2 * 3 * (2/3) / (5/3) = 2.4; shape = 2 - 3 / (5/3) = 0.2.
    found = gpd.fit_moments(np.array([6.0, 1.0, 2.0]))
    assert found.scale == pytest.approx(2.4)
    assert found.shape == pytest.approx(0.2)


@pytest.mark.parametrize("sample", [[2.0], [2.0, 2.0, 2.0], [1.0] * 50])
def test_a_constant_sample_has_shape_0_and_its_mean_as_scale(sample: list[float]) -> None:
    found = gpd.fit(np.array(sample))
    assert found == gpd.Gpd(sample[0], 0.0)
