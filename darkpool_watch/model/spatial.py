"""The spatial stream: what matters within one frame.

Attention at three scales, each pooling into the next (Yan et al. 2025, table 3): SA-1 over a
family's windows, SA-2 over a modality's families, SA-3 over modalities; then modality weights
recomputed at every frame (Demertzis et al. 2023) and fusion into one latent. Frames do not see
each other here, so training and streaming run the same code.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from darkpool_watch.model.config import Modality, ModelShape

UNDEFINED = -1e4  # added to the attention logit of an undefined input: it weighs exactly 0 beside
ABSENT = -1e9  # a defined one, and more than an absent one (padding, another modality) beside it


class Spatial(NamedTuple):
    """What the spatial stream says of N frames."""

    latent: Tensor  # (N, latent)
    weights: Tensor  # (N, M): sums to 1; masked modalities exactly 0; all 0 if all are masked
    gates: Tensor  # (N, families): enhancement, 1 is neutral


def membership(modalities: Sequence[Modality]) -> Tensor:
    """Return (F, M) float32, 1 where a feature belongs to a modality."""
    sizes = torch.tensor([m.families * m.windows for m in modalities])
    return F.one_hot(torch.repeat_interleave(sizes), len(modalities)).float()


def _columns(modalities: Sequence[Modality], features: int) -> Tensor:
    """Return (families, 2 W + 1) columns of [values, mask, 0, 1]: values, masks, the one."""
    widest = max(m.windows for m in modalities)
    zero, one = 2 * features, 2 * features + 1
    rows, base = [], 0
    for modality in modalities:
        for _ in range(modality.families):
            own = list(range(base, base + modality.windows))
            padding = widest - modality.windows
            masks = [features + column for column in own]
            rows.append([*own, *[zero] * padding, *masks, *[one] * padding, one])
            base += modality.windows
    return torch.tensor(rows)


class SpatialStream(nn.Module):
    """SA-1, SA-2, SA-3, dynamic modality weights and fusion.

    SA-1's query and keys are affine in the family's own windows, so its logits and its pooled
    token are one small product a family each: no (feature, token) tensor is ever made.
    """

    columns: Tensor
    absent_windows: Tensor
    absent_families: Tensor
    mean_of_families: Tensor
    member: Tensor
    sizes: Tensor

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        modalities = shape.modalities
        counts = torch.tensor([m.families for m in modalities])
        families, m = int(counts.sum()), len(modalities)
        windows = max(x.windows for x in modalities)
        heads, token, sight = shape.spatial_heads, shape.token, shape.sight
        self.heads, self.windows, self.families = heads, windows, families

        def parameter(*size: int, fan_in: int) -> nn.Parameter:
            return nn.Parameter(torch.randn(*size) * fan_in**-0.5)

        inputs, pooled = 2 * windows + 1, windows * (2 * heads + 1)
        self.window_query = parameter(families, inputs, windows * heads, fan_in=inputs)
        self.window_value = parameter(families, pooled, token, fan_in=pooled)
        self.enhance = nn.Linear(shape.context, families)
        self.family_query = parameter(m, token, sight, fan_in=token)
        self.family_query_bias = parameter(m, 1, sight, fan_in=sight)
        self.family_key_value = nn.Linear(token, 2 * sight)
        self.modality_norm = nn.LayerNorm(sight)
        self.modality_mix = nn.Linear(sight, 3 * sight)
        self.modality_out = nn.Linear(sight, sight, bias=False)
        self.modality_weigh = parameter(m, sight, fan_in=sight)
        self.modality_prior = nn.Parameter(torch.zeros(m))
        self.fuse = nn.Linear(m * sight, shape.latent, bias=False)
        self.latent_norm = nn.LayerNorm(shape.latent)

        block = F.one_hot(torch.repeat_interleave(counts), m).float().T  # (M, families)
        own = torch.repeat_interleave(torch.tensor([x.windows for x in modalities]), counts)
        constants = {
            "columns": _columns(modalities, shape.features).flatten(),
            # (families, 1, W, 1): forbids the padding of families with fewer windows
            "absent_windows": ABSENT * (torch.arange(windows) >= own[:, None])[:, None, :, None],
            "absent_families": ABSENT * (1 - block)[None, None],  # (1, 1, M, families)
            "mean_of_families": block / block.sum(1, keepdim=True),
            "member": membership(modalities),
            "sizes": membership(modalities).sum(0),
        }
        for name, value in constants.items():
            self.register_buffer(name, value, persistent=False)
        nn.init.zeros_(self.enhance.weight)
        nn.init.zeros_(self.enhance.bias)

    def forward(
        self,
        values: Tensor,  # (N, F) normalised, 0 where undefined
        mask: Tensor,  # (N, F) 1 where undefined
        context: Tensor,  # (N, context) moving average of past embeddings
    ) -> Spatial:
        """Return the spatial latent of N frames, their modality weights and family gates."""
        n, w, h = len(values), self.windows, self.heads
        ends = values.new_zeros(n, 2)
        ends[:, 1] = 1.0
        u = torch.cat([values, mask, ends], 1).index_select(1, self.columns)
        u = u.view(n, self.families, 2 * w + 1).transpose(0, 1)  # (families, N, 2 W + 1)

        # SA-1: over the windows of a family
        x, undefined = u[..., :w], u[..., w : 2 * w]
        logits = torch.bmm(u, self.window_query).view(self.families, n, w, h)
        logits = logits + self.absent_windows + UNDEFINED * undefined.unsqueeze(-1)
        p = torch.softmax(logits, 2)
        seen = torch.cat([(p * x.unsqueeze(-1)).flatten(2), p.flatten(2), undefined], 2)
        gates = 2.0 * torch.sigmoid(self.enhance(context))  # (N, families)
        tokens = F.gelu(torch.bmm(seen, self.window_value), approximate="tanh")
        tokens = tokens * gates.T.unsqueeze(-1)  # (families, N, token)

        # SA-2: over the families of a modality, a query made from the modality's mean family
        means = (self.mean_of_families @ tokens.flatten(1)).view(-1, n, tokens.shape[-1])
        query = torch.baddbmm(self.family_query_bias, means, self.family_query)  # (M, N, sight)
        key, value = self.family_key_value(tokens).chunk(2, -1)
        gone = UNDEFINED * undefined.amin(-1).T[:, None, None, :]  # families without any feature
        y = self._attend(query, key, value, gone + self.absent_families)  # (N, M, sight)

        # SA-3: over modalities
        masked = (mask @ self.member) >= self.sizes - 0.5  # (N, M)
        query, key, value = self.modality_mix(self.modality_norm(y)).transpose(0, 1).chunk(3, -1)
        dark = UNDEFINED * masked[:, None, None, :].to(y.dtype)
        y = y + self.modality_out(self._attend(query, key, value, dark))

        # Dynamic modality weights, and fusion
        logits = (y * self.modality_weigh).sum(-1).float() + self.modality_prior
        weights = torch.softmax(logits + ABSENT * masked, -1) * ~masked
        latent = self.fuse((y * weights.unsqueeze(-1)).flatten(1))
        return Spatial(self.latent_norm(latent), weights, gates)

    def _attend(self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
        """Return softmax(q k / sqrt(d) + bias) v; (Q, N, D), (K, N, D) -> (N, Q, D)."""
        n, h = query.shape[1], self.heads
        d = query.shape[2] // h
        q, k, v = (x.view(-1, n, h, d).permute(1, 2, 0, 3) for x in (query, key, value))
        scores = q @ k.transpose(2, 3) * float(d**-0.5)  # (N, h, Q, K)
        p = torch.softmax(scores + bias, -1)
        return (p @ v).transpose(1, 2).reshape(n, -1, h * d)
