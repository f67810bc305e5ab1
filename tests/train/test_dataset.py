import numpy as np
import pytest
import torch

from darkpool_watch.train.dataset import UNLABELLED, Batcher, frames_of, pack
from tests.train.flows import FEATURES, day, source


def same(a, b) -> bool:
    pairs = zip((*a.frames, *a[1:]), (*b.frames, *b[1:]), strict=True)
    return all(torch.equal(x, y) for x, y in pairs)


def test_packing_keeps_masks_and_clears_what_they_cover() -> None:
    values = np.array([[1.5, 9.0, -2.0]], np.float32)
    sequence = pack(values, np.array([[0, 1, 0]], np.uint8), np.array([5]), np.array([3]))
    frames = frames_of(sequence, 0, 1)
    assert frames.values.tolist() == [[[1.5, 0.0, -2.0]]]
    assert frames.mask.tolist() == [[[0, 1, 0]]]
    assert sequence.zone.tolist() == [UNLABELLED]
    assert sequence.typology.tolist() == [-1]


def test_each_frame_is_drawn_once_and_padding_is_unreal() -> None:
    days = 6
    batcher = Batcher(source(days=days), lanes=2, chunk=64, seed=1)
    want = np.concatenate([day(n, 150 + 37 * (n % 4)).ts for n in range(days)])
    seen: list[int] = []
    while batcher.next_number < days or any(lane.starts for lane in batcher.lanes):
        batch = batcher.draw()
        seen += batch.frames.ts[batch.real].tolist()
        assert (batch.frames.ts[~batch.real] == 0).all()
        if len(seen) >= len(want):
            break
    counts = np.unique(seen, return_counts=True)[1]
    assert (counts == 1).mean() > 0.9  # the last lanes may have begun the source again
    assert set(want) >= set(seen)


def test_carried_lanes_go_on_in_order_and_others_start_fresh() -> None:
    carried = Batcher(source(), lanes=1, chunk=32, carried_share=1.0, reset_share=0.0)
    resets = [bool(carried.draw().reset) for _ in range(6)]
    assert resets == [True, False, False, False, False, True]  # 150 frames are five chunks
    fresh = Batcher(source(), lanes=1, chunk=32, carried_share=0.0)
    assert all(bool(fresh.draw().reset) for _ in range(6))


def test_state_resumes_the_same_batches() -> None:
    arguments = {"lanes": 3, "chunk": 64, "seed": 4, "groups": ((0, 1), (5,)), "hide_share": 0.5}
    batcher = Batcher(source(), **arguments)
    for _ in range(7):
        batcher.draw()
    other = Batcher(source(), **arguments)
    other.state = batcher.state
    for _ in range(9):
        assert same(batcher.draw(), other.draw())


def test_hidden_groups_are_masked_for_a_whole_day() -> None:
    batcher = Batcher(source(), lanes=4, chunk=64, groups=((0, 1, 2, 3),), hide_share=1.0)
    batch = batcher.draw()
    mask, values = batch.frames.mask[batch.real], batch.frames.values[batch.real]
    assert (mask[:, :4] == 1).all()
    assert (values[:, :4] == 0).all()
    assert (mask[:, 4:] == 0).any()


def test_empty_source_is_refused() -> None:
    with pytest.raises(ValueError, match="source of training sequences is empty"):
        Batcher(lambda _number: iter(()), lanes=1)


def test_sequences_cost_two_bytes_and_a_bit_a_feature() -> None:
    sequence = day(0, 100)
    assert sequence.values.nbytes == 100 * FEATURES * 2
    assert sequence.mask.nbytes == 100 * ((FEATURES + 7) // 8)
