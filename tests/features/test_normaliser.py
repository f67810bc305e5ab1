"""The normaliser against its twin, by hand, and as a checkpoint carries it."""

import numpy as np
import pytest

from darkpool_watch.errors import CheckpointError
from darkpool_watch.features.catalog import FEATURES as CATALOG
from darkpool_watch.features.normaliser import HALF_HOURS, Normaliser, scaled
from kernels.layout import FEATURES
from kernels.normalise import NormaliserState, half_hour, normalise, restart_live
from tests.naive.normalise import Feature

SHAPE = (1, HALF_HOURS, FEATURES)


def state(median: np.ndarray, scale: np.ndarray, own: bool = False) -> NormaliserState:
    indices = {
        scaling: np.array([f.number for f in CATALOG if f.scaling == scaling])
        for scaling in ("log1p", "asinh")
    }
    st = NormaliserState(
        np.array([[median, scale, np.full(FEATURES, not own)]], np.float32),
        np.zeros((1, 3, FEATURES), np.float32),
        indices["log1p"],
        indices["asinh"],
        np.zeros(FEATURES),
    )
    restart_live(0, st)
    return st


@pytest.mark.parametrize("own", [False, True])
def test_values_equal_the_twin_while_the_day_is_learnt(own: bool) -> None:
    rng = np.random.default_rng(4)
    median, scale = rng.normal(0, 2, FEATURES), rng.uniform(0.1, 3, FEATURES)
    st = state(median, scale, own)
    twins = [
        Feature(float(np.float32(median[j])), float(np.float32(scale[j])), CATALOG[j].scaling, own)
        for j in range(FEATURES)
    ]
    values, mask = np.zeros(FEATURES, np.float32), np.zeros(FEATURES, np.uint8)
    for _ in range(400):
        raw = rng.standard_t(3, FEATURES) * 5 * scale + 3
        raw[rng.random(FEATURES) < 0.2] = np.nan
        normalise(0, raw, st, values, mask)
        naive = [twin.normalised(x) for twin, x in zip(twins, raw, strict=True)]
        np.testing.assert_allclose(values, [x for x, _ in naive], rtol=2e-3, atol=2e-3)
        np.testing.assert_array_equal(mask, [undefined for _, undefined in naive])


def test_one_value_by_hand() -> None:
    st = state(np.full(FEATURES, 1.0), np.full(FEATURES, 2.0))
    raw = np.full(FEATURES, np.nan)
    raw[48] = 4.0  # mid_changes, not scaled: (4 - 1) / 2
    raw[49] = 100.0  # (100 - 1) / 2, bounded
    values, mask = np.zeros(FEATURES, np.float32), np.zeros(FEATURES, np.uint8)
    normalise(0, raw, st, values, mask)
    assert values[48] == 1.5
    assert values[49] == 8.0
    assert np.flatnonzero(mask == 0).tolist() == [48, 49]
    # The day starts at median 1 and MAD 2 / 1.4826; its first step is 1.002 of the deviation.
    assert st.live[0, 0, 48] == pytest.approx(1 + 1.002 * 2 / 1.4826, rel=1e-5)


def test_the_day_finds_its_median_and_deviation() -> None:
    st = state(np.zeros(FEATURES), np.ones(FEATURES))
    rng = np.random.default_rng(0)
    values, mask = np.zeros(FEATURES, np.float32), np.zeros(FEATURES, np.uint8)
    for x in rng.normal(20, 4, 20_000):
        normalise(0, np.full(FEATURES, x), st, values, mask)
    assert st.live[0, 0, 48] == pytest.approx(20, abs=0.4)
    assert st.live[0, 1, 48] * 1.4826 == pytest.approx(4, rel=0.1)


def test_half_hours_count_from_the_open_and_the_last_has_no_end() -> None:
    half = 1_800_000_000_000
    assert half_hour(5 * half, 5 * half, 13) == 0
    assert half_hour(5 * half - 1, 5 * half, 13) == 0
    assert half_hour(7 * half, 5 * half, 13) == 2
    assert half_hour(99 * half, 5 * half, 13) == 12


def test_fit_takes_median_and_deviation_by_row_and_half_hour() -> None:
    rng = np.random.default_rng(1)
    raw = rng.normal(0, 1, (2_000, FEATURES)) * 3 + 7
    raw[:, 5] = np.nan
    row = np.arange(2_000) % 2
    raw[row == 1, 48] += 10
    fitted = Normaliser.fit(raw, np.zeros(2_000), ["liquid", "XYZ"], row, own=frozenset(["XYZ"]))
    column = raw[row == 1, 48].astype(np.float32)
    assert fitted.median[1, 0, 48] == pytest.approx(np.median(column))
    mad = np.median(np.abs(column - np.median(column)))
    assert fitted.scale[1, 0, 48] == pytest.approx(1.4826 * mad)
    # No row in another half-hour: the row's whole day. Never defined: 0 and 1.
    assert fitted.median[1, 7, 48] == fitted.median[1, 0, 48]
    assert (fitted.median[0, 0, 5], fitted.scale[0, 0, 5]) == (0, 1)
    assert fitted.row_of("XYZ", "liquid") == (1, True)
    assert fitted.row_of("ABC", "liquid") == (0, False)
    assert fitted.row_of("ABC") == (0, False)


def test_scaling_follows_the_catalogue() -> None:
    raw = np.full((1, FEATURES), 3.0)
    out = scaled(raw)[0]
    expected = {"none": 3.0, "log1p": np.log(4.0), "asinh": np.arcsinh(3.0)}
    for feature in CATALOG:
        assert out[feature.number] == pytest.approx(expected[feature.scaling])


def test_a_checkpoint_carries_the_normaliser() -> None:
    rng = np.random.default_rng(2)
    raw = rng.normal(0, 1, (600, FEATURES))
    fitted = Normaliser.fit(
        raw, np.zeros(600), ["a", "b"], np.arange(600) % 2, own=frozenset(["b"])
    )
    back = Normaliser.from_arrays(fitted.to_arrays())
    np.testing.assert_array_equal(back.median, fitted.median)
    np.testing.assert_array_equal(back.scale, fitted.scale)
    assert (back.rows, back.own) == (fitted.rows, fitted.own)
    np.testing.assert_array_equal(back.profile, fitted.profile)


def test_a_checkpoint_carries_the_classes() -> None:
    bounds, classes = np.arange(6.0).reshape(3, 2), np.arange(27) % 2
    fitted = Normaliser(np.zeros((2, 13, 240)), np.ones((2, 13, 240)), None, {"a": 0, "b": 1},
        bounds=bounds, classes=classes,
    )  # fmt: skip
    back = Normaliser.from_arrays(fitted.to_arrays())
    np.testing.assert_array_equal(back.bounds, bounds)
    np.testing.assert_array_equal(back.classes, classes)


def test_a_checkpoint_of_before_classes_has_one() -> None:
    arrays = Normaliser.default().to_arrays()
    del arrays["normaliser.bounds"], arrays["normaliser.classes"]
    arrays["normaliser.profile"] = np.arange(12.0)[None]
    old = Normaliser.from_arrays(arrays)
    assert np.isnan(old.bounds).all()
    assert not old.classes.any()
    assert old.profile.shape == (1, HALF_HOURS, 12)
    assert old.profile[0, 7].tolist() == list(range(12))


def test_classes_alone_leave_every_security_out() -> None:
    raw = np.random.default_rng(3).normal(0, 1, (900, FEATURES))
    names = ["equity", "busy", "XYZ"]
    row = np.column_stack([np.zeros(900, int), np.full(900, 1), np.where(raw[:, 0] > 0, 2, -1)])
    both = Normaliser.fit(raw, np.zeros(900), names, row, own=frozenset(["XYZ"]))
    alone = both.without_securities()
    assert alone.row_of("XYZ", "busy") == (1, False)
    np.testing.assert_array_equal(alone.median, both.median[:2])
    # All rows enter the first two, some the third.
    np.testing.assert_array_equal(both.median[0], both.median[1])
    assert both.median[2, 0, 0] > both.median[0, 0, 0] + 0.3


def test_damaged_arrays_are_refused_with_the_next_step() -> None:
    arrays = Normaliser.default().to_arrays()
    with pytest.raises(CheckpointError, match=r"Normaliser expects median and scale \(C, H, 240\)"):
        Normaliser.from_arrays({**arrays, "normaliser.median": np.zeros((1, 2, 3), np.float32)})
    with pytest.raises(CheckpointError, match="scales above 0"):
        Normaliser.from_arrays({**arrays, "normaliser.scale": np.zeros(SHAPE, np.float32)})
    with pytest.raises(CheckpointError, match=r"classes among its 1 rows, was 0 to 3"):
        Normaliser.from_arrays({**arrays, "normaliser.classes": np.arange(27) % 4})
    with pytest.raises(CheckpointError, match=r"bounds \(3, 2\)"):
        Normaliser.from_arrays({**arrays, "normaliser.bounds": np.zeros(6)})
    with pytest.raises(CheckpointError, match=r"profile \(1, 13, 12\), was \(1, 3\)"):
        Normaliser.from_arrays({**arrays, "normaliser.profile": np.zeros((1, 3))})
    del arrays["normaliser.rows"]
    with pytest.raises(CheckpointError, match=r"'normaliser\.rows'.*fetch it again"):
        Normaliser.from_arrays(arrays)
    other = {**Normaliser.default().to_arrays(), "normaliser.catalog": np.zeros(64, np.uint8)}
    with pytest.raises(CheckpointError, match="Normaliser expects catalogue"):
        Normaliser.from_arrays(other)
