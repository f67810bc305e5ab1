"""Small models and flows for tests."""

import numpy as np
import torch

from darkpool_watch.model.config import Modality, ModelShape
from darkpool_watch.model.torch_engine import TorchEngine
from darkpool_watch.model.transformer import Frames, Transformer

TINY = ModelShape(
    profile="tiny",
    width=48,
    feed_forward=64,
    layers=2,
    token=8,
    sight=8,
    latent=16,
    context=8,
    predictor=16,
    judge=16,
    bottleneck=8,
    joins=(0, 1),
    modalities=(Modality("price", 3, 4), Modality("clock", 2, 1)),
)


def lively(shape: ModelShape, seed: int = 3) -> Transformer:
    """Return a model none of whose parameters is 0, so that no part can hide."""
    torch.manual_seed(seed)
    model = Transformer(shape).eval().requires_grad_(False)
    for name, parameter in model.named_parameters():
        if name.endswith("bias") or not parameter.abs().sum() or "slope" in name:
            parameter += 0.3 * torch.randn_like(parameter)
    bottleneck = shape.bottleneck
    model.heads.latent_mean += 0.1 * torch.randn(bottleneck)
    model.heads.latent_whitener += 0.1 * torch.randn(bottleneck, bottleneck)
    return model


def flow(shape: ModelShape, batch: int, frames: int, seed: int = 0) -> Frames:
    """Return a random flow: irregular gaps of 1 us to 100 s, masks, masked modalities."""
    rng = np.random.default_rng(seed)
    size = (batch, frames)
    mask = rng.random((*size, shape.features)) < 0.2
    last = shape.modalities[-1].families * shape.modalities[-1].windows
    mask[..., -last:] |= rng.random((*size, 1)) < 0.1
    values = np.where(mask, 0, rng.standard_normal(mask.shape)).astype(np.float32)
    gaps = (10 ** rng.uniform(3, 11, size)).astype(np.int64)
    return Frames(
        torch.from_numpy(values),
        torch.from_numpy(mask).float(),
        torch.from_numpy(np.cumsum(gaps, 1)),
        torch.from_numpy(rng.integers(0, shape.triggers, size)),
    )


def part(frames: Frames, start: int, stop: int) -> Frames:
    """Return a stretch of a flow."""
    return Frames(*(x[:, start:stop] for x in frames))


def scores_of(model: Transformer, frames: Frames, carry=None, heads: str = "release"):
    """Return every score of the full-sequence form as (B, T, columns), and the carry."""
    with torch.inference_mode():
        out, carry = model(frames, carry)
        verdict = model.judge(out, heads)
        columns = [
            verdict.anomaly[..., None],
            verdict.typology,
            model.novelty(out)[..., None],
            model.heads.latent(out.hidden)[..., None],
            out.modality,
            out.ranges.mean(2),
        ]
    return torch.cat(columns, -1).numpy(), carry


def columns_of(scores: np.ndarray) -> np.ndarray:
    """Return the float fields of a score array as (..., columns)."""
    names = [n for n in scores.dtype.names if n not in ("security", "arrival", "ts")]
    parts = [scores[n] if scores[n].ndim > scores.ndim else scores[n][..., None] for n in names]
    return np.concatenate(parts, -1)


def streamed(
    engine: TorchEngine,
    frames: Frames,
    securities: list[int],
    start: int = 0,
    stop: int | None = None,
) -> np.ndarray:
    """Return the engine's scores (B, T), one step a frame for all securities together."""
    rows = np.array(securities, np.int32)
    values, mask, ts, trigger = (x.numpy() for x in frames)
    mask, trigger = mask.astype(np.uint8), trigger.astype(np.uint8)
    steps = range(start, ts.shape[1] if stop is None else stop)
    return np.stack(
        [engine.step(rows, ts[:, t], trigger[:, t], values[:, t], mask[:, t]) for t in steps], 1
    )
