"""What the model answers: known abuse, novelty, and how far a latent lies from the usual."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from darkpool_watch.model.config import HEAD_SETS, SCALE_FLOOR, ModelShape
from darkpool_watch.model.spatial import membership


class Verdict(NamedTuple):
    """Supervised logits."""

    anomaly: Tensor  # (...)
    typology: Tensor  # (..., typologies)


class Change(NamedTuple):
    """A predicted Student-t distribution of the change of each feature."""

    centre: Tensor  # (..., F)
    scale: Tensor  # (..., F), > SCALE_FLOOR


class Judge(nn.Module):
    """Anomaly and typology logits from a hidden state."""

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.hidden = nn.Linear(shape.width, shape.judge)
        self.logits = nn.Linear(shape.judge, 1 + shape.typologies)

    def forward(self, h: Tensor) -> Verdict:
        """Return the logits of (..., D) hidden states."""
        y = self.logits(F.gelu(self.hidden(h), approximate="tanh"))
        return Verdict(y[..., 0], y[..., 1:])


class Heads(nn.Module):
    """All heads on one backbone.

    `protocol` and `release` are two judges: the first sees the trained typologies only and is what
    evaluation uses, the second is refitted on all and is what the product runs.
    """

    member: Tensor
    latent_mean: Tensor
    latent_whitener: Tensor

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.judges = nn.ModuleDict({name: Judge(shape) for name in HEAD_SETS})
        self.bottleneck = nn.Linear(shape.width, shape.bottleneck)
        self.expect = nn.Linear(shape.bottleneck, shape.latent)
        self.predict_from = nn.Linear(shape.width, shape.predictor)
        self.predict_gap = nn.Linear(1, shape.predictor, bias=False)
        self.predict_trigger = nn.Embedding(shape.triggers, shape.predictor)
        self.predict = nn.Linear(shape.predictor, 2 * shape.features)
        nn.init.zeros_(self.predict.weight)
        nn.init.zeros_(self.predict.bias)
        self.register_buffer("member", membership(shape.modalities), persistent=False)
        self.register_buffer("latent_mean", torch.zeros(shape.bottleneck))
        self.register_buffer("latent_whitener", torch.eye(shape.bottleneck))

    def judge(self, h: Tensor, heads: str) -> Verdict:
        """Return the logits of one of the two head sets."""
        verdict: Verdict = self.judges[heads](h)
        return verdict

    def change(self, before: Tensor, gap: Tensor, trigger: Tensor) -> Change:
        """Predict a frame's change from the hidden state before it (..., D), its log gap (...) and
        its trigger (...) int64."""
        hidden = self.predict_from(before) + self.predict_gap(gap.unsqueeze(-1))
        y = self.predict(F.gelu(hidden + self.predict_trigger(trigger), approximate="tanh"))
        centre, scale = y.float().chunk(2, -1)
        return Change(centre, SCALE_FLOOR + F.softplus(scale))

    def novelty(self, change: Change, delta: Tensor, known: Tensor) -> Tensor:
        """Return the mean over modalities of the mean squared standardised error (...).

        delta (..., F) is the observed change; known (..., F) is 1 where the feature was defined in
        both frames. A modality without a known feature is left out; 0 when none is left, as on the
        first frame.
        """
        error = (delta - change.centre) / change.scale
        sums, counts = (error * error * known) @ self.member, known @ self.member
        present = (counts > 0).to(sums.dtype)
        means = sums / counts.clamp(min=1.0)  # sums are 0 where counts are
        novelty: Tensor = means.sum(-1) / present.sum(-1).clamp(min=1.0)
        return novelty

    def latent(self, h: Tensor) -> Tensor:
        """Return the squared Mahalanobis distance of the bottleneck, over its dimensions (...)."""
        white: Tensor = (self.bottleneck(h).float() - self.latent_mean) @ self.latent_whitener
        return (white * white).mean(-1)
