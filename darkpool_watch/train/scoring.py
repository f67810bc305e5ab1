"""Scores of whole sequences by the full-sequence form, and how well they rank."""

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from darkpool_watch.model.scores import score_dtype
from darkpool_watch.model.transformer import Carry, Outputs, Transformer
from darkpool_watch.train.dataset import ACTIVE, CLEAN, UNLABELLED, Sequence, frames_of

STRETCH = 2_048  # frames scored at once; what is carried over makes the cut invisible


def outputs_of(model: Transformer, sequence: Sequence) -> Iterator[tuple[int, Outputs]]:
    """Yield (first frame, outputs (1, T, ...)) of the stretches of a sequence, state carried."""
    device = model.decays.device
    carry: Carry | None = None
    for start in range(0, len(sequence.ts), STRETCH):
        frames = frames_of(sequence, start, min(start + STRETCH, len(sequence.ts)))
        out, carry = model(type(frames)(*(x.to(device) for x in frames)), carry)
        yield start, out


@torch.inference_mode()
def scores_of(
    model: Transformer, sequence: Sequence, *, security: int = 0, heads: str = "release"
) -> NDArray[np.void]:
    """Return the SCORE rows (T,) of a sequence: what an engine gives frame by frame, to 1e-4.

    Calibration is fitted on these.
    """
    shape = model.shape
    scores = np.zeros(len(sequence.ts), score_dtype(shape.typologies, len(shape.modalities)))
    scores["security"], scores["arrival"], scores["ts"] = security, -1, sequence.ts
    for start, out in outputs_of(model.eval(), sequence):
        verdict = model.judge(out, heads)
        rows = scores[start : start + out.hidden.shape[1]]
        for name, value in (
            ("anomaly", verdict.anomaly),
            ("typology", verdict.typology),
            ("novelty", model.novelty(out)),
            ("latent", model.heads.latent(out.hidden)),
            ("modality", out.modality),
            ("ranges", out.ranges.mean(2)),
        ):
            rows[name] = value[0].float().cpu().numpy()
    return scores


def average_precision(score: NDArray[np.floating], positive: NDArray[np.bool_]) -> float:
    """Return the area under the precision-recall steps; ties count together; NaN if no positive."""
    if not positive.any():
        return float("nan")
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(positive[order])
    last_of_tie = np.append(np.diff(score[order]) != 0, True)
    found, taken = hits[last_of_tie], np.flatnonzero(last_of_tie) + 1
    return float(np.sum(np.diff(found, prepend=0) / hits[-1] * found / taken))


def labelled_scores(
    model: Transformer, sequences: Iterable[Sequence], *, heads: str, trained: tuple[int, ...]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return anomaly logits and whether active, over clean and active frames of `trained` kinds."""
    logits, positives = [], []
    for sequence in sequences:
        active = sequence.zone == ACTIVE
        counted = (sequence.zone == CLEAN) | (active & np.isin(sequence.typology, trained))
        if counted.any():
            logits.append(scores_of(model, sequence, heads=heads)["anomaly"][counted])
            positives.append(active[counted])
    if not logits:
        return np.zeros(0, np.float32), np.zeros(0, np.bool_)
    return np.concatenate(logits), np.concatenate(positives)


@torch.inference_mode()
def fit_latent(model: Transformer, sequences: Iterable[Sequence], *, most: int = 200_000) -> int:
    """Set the latent score's centre and whitener from up to `most` clean frames; return how many.

    The covariance is shrunk towards a multiple of the identity by as much as its sampling error
    calls for. Source: Ledoit & Wolf (2004), J. Multivariate Analysis 88(2).
    """
    points, count = [], 0
    for sequence in sequences:
        usual = np.isin(sequence.zone, (CLEAN, UNLABELLED))
        for start, out in outputs_of(model.eval(), sequence):
            keep = torch.from_numpy(usual[start : start + out.hidden.shape[1]])
            latent = model.heads.bottleneck(out.hidden[0])[keep.to(out.hidden.device)]
            points.append(latent.double().cpu().numpy())
            count += len(latent)
        if count >= most:
            break
    x = np.concatenate(points)[:most] if points else np.zeros((0, model.shape.bottleneck))
    n, d = len(x), model.shape.bottleneck
    if n < 2:
        return n
    centred = x - x.mean(0)
    covariance = centred.T @ centred / n
    scale = np.trace(covariance) / d
    distance = np.sum((covariance - scale * np.eye(d)) ** 2)
    square_norms = np.sum(centred**2, 1)
    noise = (np.sum(square_norms**2) / n - np.sum(covariance**2)) / n
    shrink = min(1.0, noise / distance) if distance > 0 else 1.0
    shrunk = (1 - shrink) * covariance + shrink * scale * np.eye(d)
    values, vectors = np.linalg.eigh(shrunk + 1e-9 * np.eye(d))
    heads = model.heads
    heads.latent_mean.copy_(torch.from_numpy(x.mean(0)))
    heads.latent_whitener.copy_(torch.from_numpy(vectors / np.sqrt(values)))
    return n
