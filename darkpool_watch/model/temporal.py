"""The temporal stream's layer, and its full-sequence form.

Twelve heads in four groups: three banded ranges (every frame, every 2nd, every 4th, counted back
from the current one) and one gated linear attention over the whole session, mixed by a gate
recomputed at every frame. The streaming form of the same layer is in `streaming.py`.

Cut into phases by its stride, a banded range is a plain band of `keys` neighbours; cut again into
blocks of `keys`, each block sees itself and the one before. So the cost is 2 * keys scores a
frame, and the state a chunk inherits is exactly one block: the last `reach` frames.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from darkpool_watch.model.config import (
    DENOMINATOR_FLOOR,
    GROUPS,
    LONGEST,
    RANGES,
    ROTARY_PERIOD,
    WRITE_MAX,
    WRITE_MIN,
    ModelShape,
    Range,
)

LINEAR_CHUNK = 64  # frames: the linear attention is parallel within, sequential across
FORBIDDEN = float("-inf")


class LayerCarry(NamedTuple):
    """What one layer inherits from the frames before a chunk."""

    bands: tuple[Tensor, ...]  # a range each: (B, heads of a group, reach, 2 d) rotated key, value
    linear: Tensor  # (B, heads of a group, d, d + 1): sums of key x [value, 1]


class Band(NamedTuple):
    """Which keys a range's queries see in each phase and block, and how long ago they were."""

    allowed: Tensor  # (B, 1, stride, blocks, keys, 2 keys) bool
    log_elapsed: Tensor  # (B, heads of a group, stride, blocks, keys, 2 keys), log1p(dt / tau)


def rotary_angles(head_width: int) -> Tensor:
    """Return (1024, d / 2) float64 angles: 2 pi k n / 1024, k whole and geometric from 256 to 1."""
    pairs = head_width // 2
    k = torch.logspace(8, 0, pairs, base=2, dtype=torch.float64).round()
    turns = torch.arange(ROTARY_PERIOD, dtype=torch.float64)[:, None] * k
    return torch.remainder(turns, ROTARY_PERIOD) * (2 * torch.pi / ROTARY_PERIOD)


def rotate(x: Tensor, turn: Tensor) -> Tensor:
    """Return x (..., d) turned pair by pair: as complex numbers, times turn (..., d / 2)."""
    pairs = torch.view_as_complex(x.float().view(*x.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * turn).flatten(-2)


def split_heads(x: Tensor, head: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return query, key, value (B, heads, T, d) of (B, T, heads * 3 * d)."""
    q, k, v = x.view(*x.shape[:2], -1, 3, head).permute(3, 0, 2, 1, 4)
    return q, k, v


def blocks_of(x: Tensor, band: Range, dim: int) -> Tensor:
    """Cut dimension `dim` of length multiple * reach into (stride, blocks, keys)."""
    size = x.shape
    x = x.reshape(*size[:dim], -1, band.keys, band.stride, *size[dim + 1 :])
    order = [*range(dim), dim + 2, dim, dim + 1, *range(dim + 3, x.ndim)]
    return x.permute(order)


def neighbours(x: Tensor, dim: int) -> Tensor:
    """Join each block (at `dim`, its frames at `dim` + 1) to the one before it, oldest first."""
    blocks = x.shape[dim]
    return torch.cat([x.narrow(dim, 0, blocks - 1), x.narrow(dim, 1, blocks - 1)], dim + 1)


def bands_of(
    ts: Tensor,  # (B, LONGEST + T) int64 ns, the last LONGEST frames before the chunk, then it
    count: Tensor,  # (B,) int64: frames since the reset, before the chunk
) -> tuple[Band, ...]:
    """Return the bands of a chunk of T frames (T a multiple of LONGEST)."""
    bands = []
    t = torch.arange(ts.shape[1] - LONGEST, device=ts.device)
    for band in RANGES:
        queries = blocks_of(ts[:, LONGEST:], band, 1).unsqueeze(-1)
        keys = neighbours(blocks_of(ts[:, LONGEST - band.reach :], band, 1), 2).unsqueeze(-2)
        elapsed = (queries - keys).clamp(min=0).float() * 1e-9  # s
        tau = torch.tensor(band.tau_s, device=ts.device).view(1, -1, 1, 1, 1, 1)
        slot = torch.arange(2 * band.keys, device=ts.device)
        back = slot[: band.keys, None] + band.keys - slot  # (keys, 2 keys), in strides
        position = blocks_of(count[:, None] + t, band, 1).unsqueeze(-1)
        allowed = (back >= 0) & (back < band.keys) & (back * band.stride <= position)
        bands.append(Band(allowed.unsqueeze(1), torch.log1p(elapsed.unsqueeze(1) / tau)))
    return tuple(bands)


def _likeness(p: Tensor) -> Tensor:
    """Return the mean cosine between the attention weights (B, heads, ..., K) of each two heads."""
    unit = p / p.norm(dim=-1, keepdim=True)
    heads = p.shape[1]
    total: Tensor = unit.sum(1).square().sum(-1).mean()  # heads + the sum over ordered pairs
    return (total - heads) / (heads * (heads - 1))


class TemporalLayer(nn.Module):
    """Pre-norm attention over four ranges, then a feed-forward of one GELU."""

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        width, self.group, self.head = shape.width, shape.group_heads, shape.head_width
        # 3 D: query, key and value of each head, the nine banded ones first; then a decay a
        # linear head and a logit a group. The fifth logit is a way to choose none of them.
        self.mix_norm = nn.LayerNorm(width)
        self.mix = nn.Linear(width, 3 * width + self.group + GROUPS + 1)
        self.out = nn.Linear(width, width, bias=False)
        self.feed_norm = nn.LayerNorm(width)
        self.feed_up = nn.Linear(width, shape.feed_forward)
        self.feed_down = nn.Linear(shape.feed_forward, width, bias=False)
        self.slope = nn.Parameter(torch.full((len(RANGES), self.group), -2.0))  # before softplus

        for linear in (self.mix, self.out, self.feed_up, self.feed_down):
            nn.init.normal_(linear.weight, std=linear.in_features**-0.5)
            if linear.bias is not None:
                nn.init.zeros_(linear.bias)
        with torch.no_grad():
            for linear in (self.out, self.feed_down):
                linear.weight *= (2 * shape.layers) ** -0.5
            start = torch.logspace(-1.3, -3, self.group)  # memories of 20 to 1,000 frames
            share = (start - WRITE_MIN) / (WRITE_MAX - WRITE_MIN)
            self.mix.weight[3 * width : 3 * width + self.group] *= 0.1
            self.mix.bias[3 * width : 3 * width + self.group] = torch.logit(share)

    @property
    def banded(self) -> int:
        """Width of the nine banded heads together."""
        return len(RANGES) * self.group * self.head

    def forward(
        self,
        x: Tensor,  # (B, T, D), T a multiple of LONGEST
        bands: tuple[Band, ...],
        turn: Tensor,  # (B, 1, T, d / 2) complex: the rotary angle of each frame
        carry: LayerCarry,
        frames: int,  # real frames; the rest pads T
    ) -> tuple[Tensor, Tensor, Tensor, LayerCarry]:
        """Return the layer's output (B, T, D), its group gates (B, T, 4), how much its heads
        attend alike (0..1, 0 unless training) and what it hands on."""
        width = x.shape[2]
        z = self.mix(self.mix_norm(x))
        window, linear, decay, gate = z.split(
            [3 * self.banded, 3 * (width - self.banded), self.group, GROUPS + 1], -1
        )
        q, k, v = split_heads(window, self.head)
        q = rotate(q, turn) * self.head**-0.5
        kv = torch.cat([rotate(k, turn), v.float()], -1)  # (B, 9, T, 2 d)
        outs, keep, alike = [], [], []
        for g, (band, seen) in enumerate(zip(RANGES, bands, strict=True)):
            own = slice(g * self.group, (g + 1) * self.group)
            all_kv = torch.cat([carry.bands[g], kv[:, own]], 2)
            out, p = self._banded(q[:, own], all_kv, band, seen, self.slope[g])
            outs.append(out)
            if self.training:
                alike.append(_likeness(p[:, :, :, 0]))
            keep.append(all_kv[:, :, frames : frames + band.reach])
        mixed, state = self._linear(linear, decay, carry.linear, frames)
        weights = torch.softmax(gate.float(), -1)[..., :GROUPS]  # (B, T, 4)
        groups = torch.stack([*outs, mixed], 2)  # (B, T, 4, group * d)
        x = x + self.out((groups * weights.unsqueeze(-1)).flatten(2))
        x = x + self.feed_down(F.gelu(self.feed_up(self.feed_norm(x)), approximate="tanh"))
        likeness = torch.stack(alike).mean() if alike else x.new_zeros(())
        return x, weights, likeness, LayerCarry(tuple(keep), state)

    def _banded(
        self, q: Tensor, kv: Tensor, band: Range, seen: Band, slope: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return one range's attention (B, T, group * d) and its weights; kv has a block before."""
        queries = blocks_of(q, band, 2)  # (B, group, stride, blocks, keys, d)
        keys, values = neighbours(blocks_of(kv, band, 2), 3).chunk(2, -1)
        penalty = F.softplus(slope).view(1, -1, 1, 1, 1, 1) * seen.log_elapsed
        scores = (queries @ keys.transpose(-1, -2)).float() - penalty
        p = torch.softmax(scores.masked_fill(~seen.allowed, FORBIDDEN), -1)
        out = (p @ values).permute(0, 3, 4, 2, 1, 5)  # (B, blocks, keys, stride, group, d)
        return out.flatten(1, 3).flatten(2), p

    def _linear(
        self, linear: Tensor, decay: Tensor, state: Tensor, frames: int
    ) -> tuple[Tensor, Tensor]:
        """Return gated linear attention (B, T, group * d) in chunks, and its state after `frames`.

        S_t = (1 - w_t) S_{t-1} + w_t k_t [v_t, 1], out = q S / (q z), with q, k = softplus and z
        the last column of S; w is input-dependent, decays 1 - w lie in [0.9, 0.9999]. Within a
        chunk the decay between i and j is exp of a difference of sums of log(1 - w), never above 1.

        Source: Yang et al. (2024), Gated Linear Attention, ICML.
        """
        with torch.autocast(linear.device.type, enabled=False):
            q, k, v = split_heads(linear.float(), self.head)
            q, k = F.softplus(q), F.softplus(k)
            v = F.pad(v, (0, 1), value=1.0)
            write = WRITE_MIN + (WRITE_MAX - WRITE_MIN) * torch.sigmoid(decay.float())
            real = torch.arange(write.shape[1], device=write.device) < frames
            write = (write * real[:, None]).transpose(1, 2)  # (B, group, T): padding leaves S alone
            outs = []
            for start in range(0, write.shape[2], LINEAR_CHUNK):
                now = slice(start, start + LINEAR_CHUNK)
                qc, kc, vc, w = q[:, :, now], k[:, :, now], v[:, :, now], write[:, :, now]
                total = torch.cumsum(torch.log1p(-w), 2)  # (B, group, C), falling from 0
                between = total.unsqueeze(-1) - total.unsqueeze(-2)  # from j (last) to i
                weight = torch.exp(between.tril()).tril() * w.unsqueeze(-2)
                inner = (qc @ kc.transpose(-1, -2) * weight) @ vc
                outs.append(inner + torch.exp(total).unsqueeze(-1) * (qc @ state))
                left = torch.exp(total[:, :, -1:] - total) * w
                state = (
                    torch.exp(total[:, :, -1:, None]) * state
                    + (kc * left.unsqueeze(-1)).transpose(-1, -2) @ vc
                )
            out = torch.cat(outs, 2)
            out = out[..., :-1] / (out[..., -1:] + DENOMINATOR_FLOOR)
        return out.transpose(1, 2).flatten(2), state
