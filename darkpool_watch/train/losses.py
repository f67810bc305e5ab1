"""What training asks for: L = l1 classification + l2 consistency + l3 coherence + l4 attention
regularisation + next-frame prediction (Yan et al. 2025, section 3.4, and our predictive head).

A tape without labels trains everything but classification. Onset and echo frames carry no
classification loss, and nothing is predicted about frames that are not clean.
"""

from typing import NamedTuple

import msgspec
import torch
from torch import Tensor
from torch.nn import functional as F

from darkpool_watch.model.config import STUDENT_DOF
from darkpool_watch.model.heads import Change, Verdict
from darkpool_watch.model.transformer import Outputs, Transformer
from darkpool_watch.train.dataset import ACTIVE, CLEAN, UNLABELLED, Batch

# Typologies whose labels the protocol head and the backbone may see: SPOOF, LAYER, FLIP, STUFF,
# PING, SIZE, IGNITE (`typologies.MODEL_TYPOLOGIES`). The release head sees all.
TRAINED = (0, 1, 2, 3, 6, 7, 11)


class LossWeights(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The weights of the terms and their constants."""

    anomaly: float = 1.0  # l1
    typology: float = 0.3  # l1
    consistency: float = 0.1  # l2
    coherence: float = 0.02  # l3
    attention: float = 0.05  # l4
    prediction: float = 0.5
    focus: float = 2.0  # exponent of the focal loss
    prior: float = 0.057  # expected share of active records: balances the classes
    smooth_s: float = 1.0  # s: neighbouring clean frames closer than this should score alike
    spread: float = 0.5  # least standard deviation of a latent channel over frames
    entropy_floor: float = 0.5  # least entropy of a gate, over its maximum
    trained: tuple[int, ...] = TRAINED


class Losses(NamedTuple):
    """Each term, unweighted, and the weighted total; a term without frames is 0."""

    total: Tensor
    anomaly: Tensor
    typology: Tensor
    consistency: Tensor
    coherence: Tensor
    attention: Tensor
    prediction: Tensor
    release: Tensor  # classification of the release head; moves that head alone


def mean_over(x: Tensor, where: Tensor) -> Tensor:
    """Return the mean of x where `where`; 0 when it is nowhere."""
    weight = where.to(x.dtype)
    return (x * weight).sum() / weight.sum().clamp(min=1.0)


def focal_anomaly(logit: Tensor, positive: Tensor, where: Tensor, weights: LossWeights) -> Tensor:
    """Return the class-balanced binary focal loss over `where`.

    Source: Lin et al. (2017), Focal Loss for Dense Object Detection, ICCV.
    """
    target = positive.to(logit.dtype)
    cross = F.binary_cross_entropy_with_logits(logit, target, reduction="none")
    missed = torch.abs(target - torch.sigmoid(logit)) ** weights.focus
    balance = torch.where(positive, 0.5 / weights.prior, 0.5 / (1.0 - weights.prior))
    return mean_over(balance * missed * cross, where)


def focal_typology(logits: Tensor, typology: Tensor, where: Tensor, focus: float) -> Tensor:
    """Return the focal cross entropy over `where`, every typology present weighing the same."""
    if not bool(where.any()):
        return logits.sum() * 0.0
    chosen, target = logits[where], typology[where]
    cross = F.cross_entropy(chosen, target, reduction="none")
    counts = torch.bincount(target, minlength=logits.shape[-1])
    share = 1.0 / counts[target]
    return (share * (1.0 - torch.exp(-cross)) ** focus * cross).sum() / share.sum()


def classification(
    verdict: Verdict, batch: Batch, weights: LossWeights, trained: tuple[int, ...] | None
) -> tuple[Tensor, Tensor]:
    """Return anomaly and typology losses; active frames of other than `trained` are left out."""
    active = batch.zone == ACTIVE
    if trained is not None:
        known = torch.isin(batch.typology, batch.typology.new_tensor(trained))
        counted = batch.real & ((batch.zone == CLEAN) | (active & known))
    else:
        counted = batch.real & ((batch.zone == CLEAN) | active)
    named = counted & active & (batch.typology >= 0)
    anomaly = focal_anomaly(verdict.anomaly.float(), active, counted, weights)
    return anomaly, focal_typology(verdict.typology.float(), batch.typology, named, weights.focus)


def student_nll(change: Change, delta: Tensor, known: Tensor, member: Tensor) -> Tensor:
    """Return the negative log likelihood (B, T) of a change, without its constant, averaged over
    the known features of a modality and then over modalities, as novelty is."""
    error = (delta - change.centre) / change.scale
    half = (STUDENT_DOF + 1.0) / 2.0
    nll = torch.log(change.scale) + half * torch.log1p(error * error / STUDENT_DOF)
    sums, counts = (nll * known) @ member, known @ member
    present = (counts > 0).to(sums.dtype)
    per_modality: Tensor = (sums / counts.clamp(min=1.0)).sum(-1)
    return per_modality / present.sum(-1).clamp(min=1.0)


def consistency(model: Transformer, out: Outputs, where: Tensor, spread: float) -> Tensor:
    """Return the error of the spatial latent against its prediction from the frame before, plus
    what keeps the latent from collapsing: channels that vary less than `spread` are pushed apart.

    Source: Bardes et al. (2022), VICReg, ICLR (the variance term).
    """
    expected = model.heads.expect(model.heads.bottleneck(out.before)).float()
    error = mean_over((out.latent.float() - expected).square().mean(-1), where)
    latent = out.latent.float()[where]
    if len(latent) < 2:
        return error
    deviation = torch.sqrt(latent.var(0) + 1e-4)
    return error + F.relu(spread - deviation).mean()


def coherence(logit: Tensor, ts: Tensor, clean: Tensor, smooth_s: float) -> Tensor:
    """Return the squared difference of neighbouring clean frames' logits, fading with the time
    between them."""
    gap = (ts[:, 1:] - ts[:, :-1]).clamp(min=0).float() * 1e-9
    difference = (logit[:, 1:] - logit[:, :-1]).float().square()
    return mean_over(difference * torch.exp(-gap / smooth_s), clean[:, 1:] & clean[:, :-1])


def entropy_shortfall(p: Tensor, where: Tensor, floor: float) -> Tensor:
    """Return how far the entropy of gates (..., K) lies below `floor` of its maximum, on average.

    Only alternatives that were open (weight above 0) count towards the maximum.
    """
    p = p.float()
    entropy = -(p * torch.log(p.clamp(min=1e-9))).sum(-1)
    most = torch.log((p > 0).sum(-1).clamp(min=1).float())
    return mean_over(F.relu(floor * most - entropy), where)


def losses_of(model: Transformer, out: Outputs, batch: Batch, weights: LossWeights) -> Losses:
    """Return every loss of a batch, in float32."""
    clean = batch.real & ((batch.zone == CLEAN) | (batch.zone == UNLABELLED))
    verdict = model.judge(out, "protocol")
    anomaly, typology = classification(verdict, batch, weights, weights.trained)
    released = model.heads.judge(out.hidden.detach(), "release")
    release = classification(released, batch, weights, None)

    nll = student_nll(out.change, out.delta, out.known, model.heads.member)
    prediction = mean_over(nll, clean & (out.known.sum(-1) > 0))
    gates = out.ranges / out.ranges.sum(-1, keepdim=True)
    floor = weights.entropy_floor
    attention = (
        entropy_shortfall(gates, batch.real.unsqueeze(-1).expand(gates.shape[:-1]), floor)
        + entropy_shortfall(out.modality, batch.real, floor)
        + out.likeness.float().mean()
    )
    consistent = consistency(model, out, clean, weights.spread)
    coherent = coherence(verdict.anomaly, batch.frames.ts, clean, weights.smooth_s)
    total = (
        weights.anomaly * (anomaly + release[0])
        + weights.typology * (typology + release[1])
        + weights.consistency * consistent
        + weights.coherence * coherent
        + weights.attention * attention
        + weights.prediction * prediction
    )
    return Losses(
        total,
        anomaly,
        typology,
        consistent,
        coherent,
        attention,
        prediction,
        release[0] + release[1],
    )
