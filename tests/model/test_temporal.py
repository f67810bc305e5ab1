import numpy as np
import pytest
import torch

from darkpool_watch.model.config import GROUPS, RANGES
from darkpool_watch.model.temporal import rotary_angles, split_heads
from tests.model.builders import TINY, flow, lively, part, scores_of
from tests.naive.attention import banded, linear


def test_layer_equals_the_four_groups_taken_frame_by_frame(monkeypatch) -> None:
    model, frames = lively(TINY), flow(TINY, 1, 300)
    layer = model.layers[0]
    seen = {}

    def keep(name):
        return lambda _module, inputs, output=None: seen.__setitem__(name, (inputs, output))

    layer.mix.register_forward_hook(keep("mix"))
    layer.out.register_forward_pre_hook(keep("out"))
    with torch.inference_mode():
        model(frames)
    z = seen["mix"][1][:, :300].double()
    got = seen["out"][0][0][0, :300].numpy()  # (T, D), before the output projection

    d, group, width = TINY.head_width, TINY.group_heads, TINY.width
    q, k, v = (x[0].numpy() for x in split_heads(z[..., : 3 * width], d))
    decay = z[0, :, 3 * width : 3 * width + group].numpy()
    logits = z[0, :, 3 * width + group :].numpy()
    gates = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    ts, slope = frames.ts[0].numpy(), layer.slope.numpy()
    want = []
    for g in range(GROUPS):
        for j in range(group):
            h = g * group + j
            if g < len(RANGES):
                out = banded(q[h], k[h], v[h], ts, slope[g, j], j, g)
            else:
                out = linear(q[h], k[h], v[h], decay[:, j])
            want.append(out * gates[:, g : g + 1])
    np.testing.assert_allclose(got, np.concatenate(want, 1), atol=2e-5)


def test_rotary_angles_repeat_exactly_after_1024_frames() -> None:
    angles = rotary_angles(16)
    assert angles.shape == (1024, 8)
    k = angles[1] * 1024 / (2 * torch.pi)
    torch.testing.assert_close(k, k.round())
    assert k[0] == pytest.approx(256)
    assert k[-1] == pytest.approx(1)
    torch.testing.assert_close((angles[1023] + angles[1]).cos(), torch.ones(8).double())


@pytest.mark.parametrize("cut", [1, 7, 127, 128, 129, 250])
def test_cutting_a_sequence_changes_nothing(cut: int) -> None:
    model, frames = lively(TINY), flow(TINY, 2, 300)
    whole, _ = scores_of(model, frames)
    first, carry = scores_of(model, part(frames, 0, cut))
    second, _ = scores_of(model, part(frames, cut, 300), carry)
    np.testing.assert_allclose(np.concatenate([first, second], 1), whole, atol=1e-4)


def test_no_frame_sees_a_later_one() -> None:
    model, frames = lively(TINY), flow(TINY, 1, 200)
    whole, _ = scores_of(model, frames)
    other = flow(TINY, 1, 200, seed=9)
    mixed = type(frames)(
        *(torch.cat([a[:, :150], b[:, 150:]], 1) for a, b in zip(frames, other, strict=True))
    )
    changed, _ = scores_of(model, mixed)
    np.testing.assert_array_equal(changed[:, :150], whole[:, :150])
    assert np.abs(changed[:, 150:] - whole[:, 150:]).max() > 0.01


def test_reset_of_one_stream_leaves_the_others() -> None:
    model, frames = lively(TINY), flow(TINY, 2, 60)
    _, carry = scores_of(model, part(frames, 0, 30))
    kept, _ = scores_of(model, part(frames, 30, 60), carry)
    cleared, _ = scores_of(model, part(frames, 30, 60), carry.reset(torch.tensor([True, False])))
    fresh, _ = scores_of(model, part(frames, 30, 60))
    np.testing.assert_allclose(cleared[0], fresh[0], atol=1e-5)
    np.testing.assert_allclose(cleared[1], kept[1], atol=1e-5)
