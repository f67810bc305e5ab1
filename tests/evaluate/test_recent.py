"""What trees see of a security's past is what its last frames were, and of no other's."""

import numpy as np
import pytest
from numpy.typing import NDArray

from darkpool_watch.evaluate.recent import COLUMN_NAMES, COLUMNS, SPANS, with_recent
from kernels.layout import FEATURES


def drawn(
    seed: int, frames: int
) -> tuple[NDArray[np.float16], NDArray[np.int32], NDArray[np.int64]]:
    """Return frames of three securities in turns by chance, a fifth of their values undefined."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(frames, FEATURES)).astype(np.float16)
    values[rng.random(values.shape) < 0.2] = np.nan
    security = rng.integers(3, size=frames).astype(np.int32)
    return values, security, np.cumsum(rng.integers(1, 10**9, frames))


def naive(
    values: NDArray[np.float16], security: NDArray[np.int32], ts: NDArray[np.int64], row: int
) -> NDArray[np.float64]:
    """Return one row, its last frames looked up one by one."""
    mine = [i for i in range(row + 1) if security[i] == security[row]]
    columns = [values[row].astype(float)]
    for span in SPANS:
        last = values[mine[-span:]].astype(float)
        known = np.isfinite(last)
        some = known.any(axis=0)
        mean = np.where(known, last, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        columns.append(np.where(some, mean, np.nan))
        columns.append(np.where(some, np.where(known, last, -np.inf).max(axis=0), np.nan))
    gap = np.log10((ts[row] - ts[mine[-2]]) / 1e9) if len(mine) > 1 else np.nan
    return np.concatenate([*columns, [gap]])


@pytest.mark.parametrize("frames", [1, 9, 200])
def test_every_row_has_its_security_s_own_past(frames: int) -> None:
    values, security, ts = drawn(frames, frames)
    found = with_recent(values, security, ts)
    assert found.shape == (frames, COLUMNS)
    assert len(COLUMN_NAMES) == COLUMNS
    for row in range(frames):
        expected = naive(values, security, ts, row)
        np.testing.assert_allclose(found[row].astype(float), expected, rtol=2e-3, atol=2e-3)


def test_frames_that_are_not_kept_count_all_the_same() -> None:
    values, security, ts = drawn(7, 120)
    kept = np.random.default_rng(1).random(120) < 0.3
    whole = with_recent(values, security, ts)
    assert np.array_equal(with_recent(values, security, ts, kept), whole[kept], equal_nan=True)


def test_nothing_looks_ahead() -> None:
    values, security, ts = drawn(3, 90)
    cut = with_recent(values[:50], security[:50], ts[:50])
    assert np.array_equal(cut, with_recent(values, security, ts)[:50], equal_nan=True)


def test_two_frames_by_hand() -> None:
    values = np.full((2, FEATURES), np.nan, np.float16)
    values[0, 0], values[1, 0] = 1.0, 4.0
    values[0, 1] = 2.0
    found = with_recent(values, np.zeros(2, np.int32), np.array([0, 10_000_000_000]))
    told = dict(zip(COLUMN_NAMES, found[1].tolist(), strict=True))
    first, second = COLUMN_NAMES[0], COLUMN_NAMES[1]
    # (1 + 4) / 2 = 2.5; the second feature is undefined now and was 2 before; 10 s are 10^1
    assert told[f"mean of 8 {first}"] == 2.5
    assert told[f"max of 32 {first}"] == 4.0
    assert np.isnan(told[second])
    assert told[f"mean of 32 {second}"] == told[f"max of 8 {second}"] == 2.0
    assert told["gap"] == 1.0
    assert np.isnan(found[0, -1])
