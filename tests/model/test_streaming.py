import os

import numpy as np
import pytest
import torch

from darkpool_watch.model.config import LITE, RANGES
from darkpool_watch.model.torch_engine import TorchEngine
from tests.model.builders import TINY, columns_of, flow, lively, part, scores_of, streamed

TOLERANCE = 1e-4
EDGES = sorted({r.reach * m + d for r in RANGES for m, d in ((1, -1), (1, 0), (1, 1), (2, 0))})


def test_stream_equals_sequence_at_every_position_across_every_rings_edge() -> None:
    model, frames = lively(TINY), flow(TINY, 4, 300)
    assert max(EDGES) < 300
    want, _ = scores_of(model, frames)
    got = columns_of(streamed(TorchEngine(model, 6), frames, [5, 0, 2, 3]))
    error = np.abs(got - want) / np.maximum(1, np.abs(want))
    assert error.max() < TOLERANCE
    for edge in EDGES:  # the frame that first wraps, for each ring
        assert error[:, edge - 1 : edge + 1].max() < TOLERANCE


def test_stream_of_lite_equals_its_sequence() -> None:
    model, frames = lively(LITE), flow(LITE, 4, 140)
    want, _ = scores_of(model, frames)
    got = columns_of(streamed(TorchEngine(model, 4), frames, [0, 1, 2, 3]))
    assert (np.abs(got - want) / np.maximum(1, np.abs(want))).max() < TOLERANCE


def test_mixed_securities_keep_their_own_streams() -> None:
    model, frames = lively(TINY), flow(TINY, 5, 150)
    want, _ = scores_of(model, frames)
    engine = TorchEngine(model, 5)
    rng = np.random.default_rng(1)
    at = np.zeros(5, int)
    values, mask, ts, trigger = (x.numpy() for x in frames)
    while at.min() < 150:  # any subset, any order, each at its own position
        ready = np.flatnonzero(at < 150)
        rows = rng.permutation(ready)[: rng.integers(1, 5)].astype(np.int32)
        n = at[rows]
        got = columns_of(
            engine.step(
                rows,
                ts[rows, n],
                trigger[rows, n].astype(np.uint8),
                values[rows, n],
                mask[rows, n].astype(np.uint8),
            )
        )
        np.testing.assert_allclose(got, want[rows, n], atol=TOLERANCE, rtol=TOLERANCE)
        at[rows] += 1


def test_stream_continues_a_sequence_of_100_000_frames() -> None:
    model, total, tail = lively(TINY), 100_000, 300
    carry, taken = None, 0
    stretch = flow(TINY, 1, 5_000, seed=4)
    engine = TorchEngine(model, 1)
    shift = stretch.ts[0, -1] + 1
    while taken < total - 5_000:
        moved = stretch._replace(ts=stretch.ts + shift * (taken // 5_000))
        with torch.inference_mode():
            _, carry = model(moved, carry)
        taken += 5_000
    moved = stretch._replace(ts=stretch.ts + shift * (taken // 5_000))
    want, _ = scores_of(model, moved, carry)
    _, carry = scores_of(model, part(moved, 0, 5_000 - tail), carry)
    with torch.inference_mode():
        engine._stream.adopt(0, carry)
    assert engine.snapshot()["count"][0] == total - tail
    got = columns_of(streamed(engine, part(moved, 5_000 - tail, 5_000), [0]))
    np.testing.assert_allclose(got, want[:, -tail:], atol=TOLERANCE, rtol=TOLERANCE)


LONG = int(os.environ.get("DARKPOOL_WATCH_LONG_FRAMES", "1200"))


def test_stream_does_not_drift() -> None:
    # 100,000 frames take minutes: set DARKPOOL_WATCH_LONG_FRAMES; 1,200 cross every wrap
    model, frames = lively(TINY), flow(TINY, 1, LONG, seed=5)
    want, _ = scores_of(model, frames)
    got = columns_of(streamed(TorchEngine(model, 1), frames, [0]))
    error = np.abs(got - want) / np.maximum(1, np.abs(want))
    assert error.max() < TOLERANCE
    assert error[:, -500:].mean() < 3 * max(error[:, :500].mean(), 1e-7)


@pytest.mark.parametrize("at", [1, 128, 200])
def test_restored_stream_goes_on_bit_for_bit(at: int) -> None:
    model, frames = lively(TINY), flow(TINY, 2, 220)
    engine = TorchEngine(model, 3)
    streamed(engine, frames, [0, 2], 0, at)
    saved = engine.snapshot()
    want = streamed(engine, frames, [0, 2], at)
    other = TorchEngine(model, 1)  # restoring grows it
    other.restore(saved)
    assert streamed(other, frames, [0, 2], at).tobytes() == want.tobytes()
    engine.restore(saved)
    assert streamed(engine, frames, [0, 2], at).tobytes() == want.tobytes()


def test_reset_stream_has_the_bits_of_a_fresh_one() -> None:
    model, frames = lively(TINY), flow(TINY, 2, 150)
    engine = TorchEngine(model, 2)
    streamed(engine, flow(TINY, 2, 140, seed=8), [0, 1])
    before = engine.snapshot()["count"][1]
    engine.reset(0)
    got = streamed(engine, part_of(frames, 0), [0])
    assert got.tobytes() == streamed(TorchEngine(model, 2), part_of(frames, 0), [0]).tobytes()
    assert engine.snapshot()["count"][1] == before


def test_growing_keeps_streams() -> None:
    model, frames = lively(TINY), flow(TINY, 1, 60)
    engine, grown = TorchEngine(model, 1), TorchEngine(model, 1)
    want = streamed(engine, frames, [0])
    got = [streamed(grown, frames, [0], 0, 30)]
    grown.grow(9)
    grown.grow(4)
    assert grown.securities == 9
    got.append(streamed(grown, frames, [0], 30))
    assert np.concatenate(got, 1).tobytes() == want.tobytes()


def test_half_precision_rings_stay_close() -> None:
    model, frames = lively(TINY), flow(TINY, 1, 200)
    want = columns_of(streamed(TorchEngine(model, 1), frames, [0]))
    got = columns_of(streamed(TorchEngine(model, 1, ring_bits=16), frames, [0]))
    assert 0 < np.abs(got - want).max() < 0.02


def part_of(frames, stream: int):
    """Return one stream of a flow."""
    return type(frames)(*(x[stream : stream + 1] for x in frames))
