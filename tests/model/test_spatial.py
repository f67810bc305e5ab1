import msgspec
import numpy as np
import pytest
import torch

from darkpool_watch.model.config import LITE, MARKET_MODALITIES, Modality
from darkpool_watch.model.spatial import membership
from darkpool_watch.model.torch_engine import TorchEngine
from tests.model.builders import TINY, columns_of, flow, lively, scores_of, streamed

SENSORS = tuple(Modality(n, 2, 1) for n in ("electric", "thermal", "hydraulic", "vibration"))


def weights_of(model, mask: torch.Tensor) -> torch.Tensor:
    values = torch.randn(mask.shape) * (1 - mask)
    context = torch.randn(len(mask), model.shape.context)
    with torch.inference_mode():
        return model.spatial(values, mask, context).weights


def test_masked_modality_weighs_exactly_nothing() -> None:
    model = lively(LITE)
    mask = (torch.rand(6, LITE.features) < 0.3).float()
    mask[1, :64] = 1  # price
    mask[2, 64:112] = 1  # volume and time
    mask[3] = 1
    mask[4], mask[4, 0] = 1, 0  # one feature left, of price
    weights = weights_of(model, mask)
    assert weights[1, 0] == 0
    assert (weights[2] == 0).tolist() == [False, True, True, False]
    assert weights[3].tolist() == [0, 0, 0, 0]
    assert weights[4].tolist() == [1, 0, 0, 0]
    torch.testing.assert_close(weights[[0, 1, 2, 4, 5]].sum(1), torch.ones(5))


def test_masked_features_do_not_speak() -> None:
    model, mask = lively(TINY), torch.zeros(2, TINY.features)
    mask[:, 3] = 1  # one window of one family
    values, context = torch.randn(2, TINY.features), torch.randn(2, TINY.context)
    values[1] = values[0]
    values[1, 3] = 5.0
    context[1] = context[0]
    out = model.spatial(values * (1 - mask), mask, context)
    torch.testing.assert_close(out.latent[0], out.latent[1])


def test_enhancement_is_neutral_until_trained_and_follows_the_past() -> None:
    fresh = lively(TINY).spatial
    torch.nn.init.zeros_(fresh.enhance.weight)
    torch.nn.init.zeros_(fresh.enhance.bias)
    quiet = torch.zeros(1, TINY.features)
    out = fresh(quiet, quiet, torch.randn(1, TINY.context))
    assert out.gates.tolist() == [[1.0] * 5]
    torch.nn.init.ones_(fresh.enhance.weight)
    out = fresh(quiet, quiet, torch.ones(1, TINY.context))
    assert (out.gates > 1.9).all()


def test_membership_counts_each_feature_once() -> None:
    member = membership(MARKET_MODALITIES)
    assert member.sum(0).tolist() == [64, 32, 16, 128]
    assert member.sum(1).unique().tolist() == [1]


@pytest.mark.parametrize("modalities", [SENSORS, (*TINY.modalities, Modality("market", 2, 3))])
def test_other_modalities_need_config_alone(modalities: tuple[Modality, ...]) -> None:
    shape = msgspec.structs.replace(TINY, modalities=modalities)
    model, frames = lively(shape), flow(shape, 2, 40)
    engine = TorchEngine(model, 2)
    scores = streamed(engine, frames, [0, 1])
    assert scores.dtype["modality"].shape == (len(modalities),)
    want, _ = scores_of(model, frames)
    np.testing.assert_allclose(columns_of(scores), want, atol=1e-4, rtol=1e-4)
    masked = frames.mask.numpy()[..., -modalities[-1].families * modalities[-1].windows :].all(-1)
    assert masked.any()
    assert (scores["modality"][..., -1][masked] == 0).all()
    assert (scores["modality"][..., -1][~masked] > 0).all()
