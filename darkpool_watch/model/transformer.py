"""The transformer: one class, whose shape is data, in its full-sequence (training) form.

Two streams (Yan et al. 2025): the spatial one weighs what a frame holds, the temporal one how
frames unfold; the spatial latent joins the temporal stream by gated addition. A token is one frame
of one security. Everything is causal. A sequence may be cut into chunks anywhere: what a chunk
leaves behind is its `Carry`, and the cut changes nothing but rounding.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from darkpool_watch.model.config import (
    CONTEXT_HALF_LIVES,
    DT_SCALE,
    DT_UNIT_S,
    LONGEST,
    RANGES,
    ROTARY_PERIOD,
    ModelShape,
)
from darkpool_watch.model.heads import Change, Heads, Verdict
from darkpool_watch.model.spatial import SpatialStream
from darkpool_watch.model.temporal import LayerCarry, TemporalLayer, bands_of, rotary_angles


class Frames(NamedTuple):
    """A batch of sequences."""

    values: Tensor  # (B, T, F) float32 normalised, 0 where undefined
    mask: Tensor  # (B, T, F) float32, 1 where undefined
    ts: Tensor  # (B, T) int64 ns
    trigger: Tensor  # (B, T) int64


class Carry(NamedTuple):
    """What a chunk inherits from the frames before it; of a fresh stream: `Transformer.fresh`."""

    seen: Tensor  # (B,) int64 frames since the reset
    ts: Tensor  # (B, LONGEST) int64 ns of the last frames
    values: Tensor  # (B, F) of the last frame
    mask: Tensor  # (B, F)
    hidden: Tensor  # (B, D) of the last frame
    context: Tensor  # (B, context)
    layers: tuple[LayerCarry, ...]

    def detach(self) -> "Carry":
        """Cut the gradient."""
        return self._map(lambda x: x.detach())

    def reset(self, where: Tensor) -> "Carry":
        """Return the carry with the streams in the (B,) bool `where` made fresh."""

        def clear(x: Tensor) -> Tensor:
            keep = ~where.view(-1, *[1] * (x.ndim - 1))
            return x * keep

        fresh = self._map(clear)
        return fresh._replace(mask=torch.where(where[:, None], 1.0, self.mask))

    def _map(self, f: Callable[[Tensor], Tensor]) -> "Carry":
        return Carry(
            f(self.seen),
            f(self.ts),
            f(self.values),
            f(self.mask),
            f(self.hidden),
            f(self.context),
            tuple(LayerCarry(tuple(map(f, x.bands)), f(x.linear)) for x in self.layers),
        )


class Outputs(NamedTuple):
    """Everything that heads and losses read, for each frame."""

    hidden: Tensor  # (B, T, D) after the final norm
    before: Tensor  # (B, T, D) hidden state of the previous frame; 0 on the first
    latent: Tensor  # (B, T, latent) of the spatial stream
    modality: Tensor  # (B, T, M) dynamic modality weights
    enhancement: Tensor  # (B, T, families)
    ranges: Tensor  # (B, T, layers, 4) group gates
    likeness: Tensor  # (layers,) how much heads of one range attend alike; 0 unless training
    change: Change  # (B, T, F) predicted from the frame before
    delta: Tensor  # (B, T, F) observed change; 0 on the first frame
    known: Tensor  # (B, T, F) 1 where the feature was defined in both frames


def log_gap(gap_ns: Tensor) -> Tensor:
    """Return the scaled log of a gap in ns; negative gaps count as none."""
    return torch.log1p(gap_ns.clamp(min=0).float() * (1e-9 / DT_UNIT_S)) / DT_SCALE


def context_decays(channels: int) -> Tensor:
    """Return (channels,) decays a frame, a quarter of the channels for each half-life."""
    decays = 0.5 ** (1.0 / torch.tensor(CONTEXT_HALF_LIVES))
    return decays.repeat_interleave(channels // len(CONTEXT_HALF_LIVES))


class Transformer(nn.Module):
    """The model of every profile."""

    angles: Tensor
    decays: Tensor

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.shape = shape
        self.spatial = SpatialStream(shape)
        self.embed = nn.Linear(3 * shape.features + 1, shape.width + shape.context)
        self.join = nn.Linear(shape.latent, 2 * len(shape.joins) * shape.width)
        self.layers = nn.ModuleList(TemporalLayer(shape) for _ in range(shape.layers))
        self.norm = nn.LayerNorm(shape.width)
        self.heads = Heads(shape)
        self.register_buffer("angles", rotary_angles(shape.head_width), persistent=False)
        self.register_buffer("decays", context_decays(shape.context), persistent=False)

    def fresh(self, batch: int) -> Carry:
        """Return the carry of B streams that have seen nothing."""
        shape, device = self.shape, self.decays.device
        group, d = shape.group_heads, shape.head_width

        def zeros(*size: int, dtype: torch.dtype = torch.float32) -> Tensor:
            return torch.zeros(batch, *size, dtype=dtype, device=device)

        layer = LayerCarry(
            tuple(zeros(group, r.reach, 2 * d) for r in RANGES), zeros(group, d, d + 1)
        )
        return Carry(
            seen=zeros(dtype=torch.int64),
            ts=zeros(LONGEST, dtype=torch.int64),
            values=zeros(shape.features),
            mask=zeros(shape.features) + 1.0,
            hidden=zeros(shape.width),
            context=zeros(shape.context),
            layers=(layer,) * shape.layers,
        )

    def forward(self, frames: Frames, carry: Carry | None = None) -> tuple[Outputs, Carry]:
        """Score T frames of each of B streams that continue from `carry` (fresh without one)."""
        b, t = frames.ts.shape
        carry = self.fresh(b) if carry is None else carry
        mask, values = frames.mask, frames.values * (1.0 - frames.mask)
        earlier = torch.cat([carry.values[:, None], values[:, :-1]], 1)
        earlier_mask = torch.cat([carry.mask[:, None], mask[:, :-1]], 1)
        later = torch.ones(b, t, dtype=torch.bool, device=values.device)
        later[:, 0] = carry.seen > 0
        delta = (values - earlier) * later.unsqueeze(-1)
        all_ts = torch.cat([carry.ts, frames.ts], 1)
        gap = log_gap(all_ts[:, LONGEST:] - all_ts[:, LONGEST - 1 : -1]) * later

        embedded = self.embed(torch.cat([values, delta, mask, gap.unsqueeze(-1)], -1))
        x, signal = embedded[..., : self.shape.width].float(), embedded[..., self.shape.width :]
        with torch.autocast(x.device.type, enabled=False):  # a long average needs its digits
            context, last_context = self._moving_average(signal.float(), carry.context)
        spatial = self.spatial(values.flatten(0, 1), mask.flatten(0, 1), context.flatten(0, 1))
        joins = self.join(spatial.latent).view(b, t, len(self.shape.joins), 2, -1)

        padding = -t % LONGEST
        padded_ts = torch.cat([all_ts, all_ts[:, -1:].expand(-1, padding)], 1)
        bands = bands_of(padded_ts, carry.seen)
        index = carry.seen[:, None] + torch.arange(t + padding, device=values.device)
        angles = self.angles[index % ROTARY_PERIOD].unsqueeze(1)
        turn = torch.polar(torch.ones_like(angles), angles).to(torch.complex64)
        x = F.pad(x, (0, 0, 0, padding))
        layers, gates, alike = [], [], []
        for i, layer in enumerate(self.layers):
            if i in self.shape.joins:
                added, gate = joins[:, :, self.shape.joins.index(i)].unbind(2)
                x = x + F.pad(added * torch.sigmoid(gate), (0, 0, 0, padding))
            x, weights, likeness, layer_carry = layer(x, bands, turn, carry.layers[i], t)
            layers.append(layer_carry)
            gates.append(weights[:, :t])
            alike.append(likeness)

        hidden = self.norm(x[:, :t])
        before = torch.cat([carry.hidden[:, None].to(hidden.dtype), hidden[:, :-1]], 1)
        outputs = Outputs(
            hidden=hidden,
            before=before,
            latent=spatial.latent.view(b, t, -1),
            modality=spatial.weights.view(b, t, -1),
            enhancement=spatial.gates.view(b, t, -1),
            ranges=torch.stack(gates, 2),
            likeness=torch.stack(alike),
            change=self.heads.change(before, gap, frames.trigger),
            delta=delta,
            known=(1.0 - mask) * (1.0 - earlier_mask) * later.unsqueeze(-1),
        )
        return outputs, Carry(
            seen=carry.seen + t,
            ts=all_ts[:, -LONGEST:],
            values=values[:, -1],
            mask=mask[:, -1],
            hidden=hidden[:, -1].float(),
            context=last_context,
            layers=tuple(layers),
        )

    def judge(self, outputs: Outputs, heads: str) -> Verdict:
        """Return the supervised logits (B, T), (B, T, typologies) of a head set."""
        return self.heads.judge(outputs.hidden, heads)

    def novelty(self, outputs: Outputs) -> Tensor:
        """Return the novelty (B, T)."""
        return self.heads.novelty(outputs.change, outputs.delta, outputs.known)

    def _moving_average(self, signal: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
        """Return the average of past signals before each frame (B, T, C), and after the last.

        c_t = decay c_{t-1} + (1 - decay) signal_{t-1}: a frame never sees its own signal.
        """
        rates = self.decays.view(len(CONTEXT_HALF_LIVES), -1)[:, 0]
        parts = []
        for chunk in torch.split(signal, LONGEST, 1):
            n = chunk.shape[1]
            lag = torch.arange(n + 1, device=signal.device)[:, None] - torch.arange(
                1, n + 1, device=signal.device
            )  # (n + 1, n): frames between signal j and the average before frame i
            power = rates[:, None, None] ** lag.clamp(min=0)
            weight = (1 - rates)[:, None, None] * power * (lag >= 0)
            fade = self.decays ** torch.arange(n + 1, device=signal.device)[:, None]
            mixed = torch.einsum(
                "rij,bjrc->birc", weight, chunk.view(*chunk.shape[:2], len(rates), -1)
            )
            average = mixed.flatten(2) + fade * start[:, None]  # (B, n + 1, C)
            parts.append(average[:, :-1])
            start = average[:, -1]
        return torch.cat(parts, 1), start


def parameters_of(model: nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(p.numel() for p in model.parameters())
