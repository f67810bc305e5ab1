import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from darkpool_watch.evaluate.cells import of_typology, weights_of_cells
from darkpool_watch.evaluate.singles import ALL, best_singles, ordered_codes
from darkpool_watch.features.catalog import NAMES
from kernels.sim_labels import ACTIVE
from tests.evaluate.samples import TYPOLOGIES, made


def test_codes_order_as_the_values_do_and_undefined_ones_are_zero() -> None:
    values = np.array([-np.inf, -8.0, -1e-7, -0.0, 0.0, np.nan, 1e-7, 0.5, 8.0], np.float16)
    codes = ordered_codes(values).astype(int)
    assert (np.diff(codes) >= 0).all()
    assert codes[3] == codes[4] == codes[5]
    assert len(np.unique(codes)) == 7
    rng = np.random.default_rng(1)
    many = rng.normal(size=2_000).astype(np.float16)
    order = np.argsort(ordered_codes(many), kind="stable")
    assert (np.diff(many[order].astype(float)) >= 0).all()


def test_the_best_feature_has_the_average_precision_of_scikit_learn() -> None:
    sample = made(1, signal=1.5, spread=3)
    sample.values[:, 20] *= -1  # of the second typology: low values are suspicious now
    best = best_singles(sample)
    assert set(best) == {ALL, *TYPOLOGIES}
    for t in TYPOLOGIES:
        counted = of_typology(sample.cells, t)
        cells = sample.cells[counted]
        expected = average_precision_score(
            cells["zone"] == ACTIVE,
            best[t].score(sample)[counted],
            sample_weight=weights_of_cells(cells),
        )
        assert best[t].ap == pytest.approx(expected)
        assert best[t].feature in range(20 * TYPOLOGIES.index(t), 20 * TYPOLOGIES.index(t) + 3)


def test_a_feature_whose_low_values_are_suspicious_is_named_with_its_sign() -> None:
    sample = made(2, signal=0.0)
    active = sample.cells["frame"][sample.cells["zone"] == ACTIVE]
    sample.values[active, 7] = -8.0
    best = best_singles(sample)[ALL]
    assert (best.feature, best.sign, best.name) == (7, -1, f"-{NAMES[7]}")
    assert best.ap == pytest.approx(1.0)
