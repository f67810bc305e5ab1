"""The streaming form: one frame of a few securities in, one score each out.

Per security and layer a ring of rotated keys and values holds just what the banded heads can
reach, beside the linear-attention state; so a frame costs the same for ever. It is the same
function as the full-sequence form of `transformer.py`, written for few and cheap operations: rows
of all layers are gathered at once, padded to the widest range, and written back at once.

A ring is cut into phases by its range's stride: frame n lies in phase n mod stride, slot
(n // stride) mod keys, so that the keys a frame sees are one phase.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from darkpool_watch.model.config import (
    DENOMINATOR_FLOOR,
    GROUPS,
    LONGEST,
    RANGES,
    ROTARY_PERIOD,
    WIDEST,
    WRITE_MAX,
    WRITE_MIN,
)
from darkpool_watch.model.products import Product, product
from darkpool_watch.model.temporal import FORBIDDEN, TemporalLayer
from darkpool_watch.model.transformer import Carry, Transformer, log_gap

BEYOND = 1 << 40  # frames back: a slot that no range has


class RingMap:
    """Where the keys of a frame lie, as tables over its index mod LONGEST."""

    def __init__(self, group: int) -> None:
        heads = len(RANGES) * group
        self.seen = torch.zeros(LONGEST, heads, WIDEST, dtype=torch.int64)  # ring rows to gather
        self.back = torch.full((LONGEST, len(RANGES), WIDEST), BEYOND)  # frames back of each key
        self.row = torch.zeros(LONGEST, heads, dtype=torch.int64)  # ring row of the frame itself
        self.slot = torch.zeros(LONGEST, heads, dtype=torch.int64)  # its slot among those gathered
        base = 0
        for n in range(LONGEST):
            base = 0
            for g, band in enumerate(RANGES):
                slots = torch.arange(band.keys)
                own = n // band.stride % band.keys
                self.back[n, g, : band.keys] = band.stride * ((own - slots) % band.keys)
                for j in range(group):
                    head = g * group + j
                    first = base + (j * band.stride + n % band.stride) * band.keys
                    self.seen[n, head] = first
                    self.seen[n, head, : band.keys] += slots
                    self.row[n, head] = first + own
                    self.slot[n, head] = own
                base += group * band.reach
        self.ts_index = (torch.arange(LONGEST)[:, None, None] - self.back) % LONGEST
        self.rows = base


class Layer(NamedTuple):
    """One layer's weights, laid out for few rows."""

    mix_norm: tuple[Tensor, Tensor]
    mix: Product
    out: Product
    feed_norm: tuple[Tensor, Tensor]
    feed_up: Product
    feed_down: Product


def _prepare(layer: TemporalLayer, batch: int, precision: torch.dtype) -> Layer:
    """Return a layer's weights with its linear heads' outputs reordered for streaming.

    Queries and keys of the linear heads come first, then their values, each followed by a constant
    1 (a row of zeros with bias 1) that counts the weight of what was written; one more row of
    zeros makes the row length even, as the complex product needs.
    """
    d, group, start = layer.head, layer.group, 3 * layer.banded
    weight: Tensor = layer.mix.weight
    bias: Tensor = layer.mix.bias
    linear = torch.arange(start, start + 3 * group * d).view(group, 3, d)
    one, nothing = len(bias), len(bias) + 1
    values = torch.cat([linear[:, 2], torch.full((group, 1), one)], 1)
    rest = torch.arange(start + 3 * group * d, one)
    order = torch.cat([torch.arange(start), linear[:, :2].flatten(), values.flatten(), rest])
    order = torch.cat([order, torch.full((len(order) % 2,), nothing)])
    weight = torch.cat([weight, weight.new_zeros(2, weight.shape[1])])[order]
    bias = torch.cat([bias, torch.tensor([1.0, 0.0])])[order]
    return Layer(
        (layer.mix_norm.weight, layer.mix_norm.bias),
        product(weight, bias, batch, precision),
        product(layer.out.weight, None, batch, precision),
        (layer.feed_norm.weight, layer.feed_norm.bias),
        product(layer.feed_up.weight, layer.feed_up.bias, batch, precision),
        product(layer.feed_down.weight, None, batch, precision),
    )


class Stream:
    """State of all securities, and the step that advances some of them. Not thread-safe.

    One more row than securities absorbs the padding of short batches.
    """

    def __init__(
        self,
        model: Transformer,
        securities: int,
        *,
        batch: int,
        ring: torch.dtype = torch.float32,
        precision: torch.dtype = torch.float32,
        heads: str = "release",
    ) -> None:
        shape = model.shape
        self.model, self.shape, self.batch, self.ring = model, shape, batch, ring
        self.judge = model.heads.judges[heads]
        self.map = RingMap(shape.group_heads)
        assert self.map.rows == shape.ring_rows
        d, self.banded_heads = shape.head_width, len(RANGES) * shape.group_heads
        # q is turned and scaled, k turned, v left alone by one complex product
        turn = torch.polar(torch.ones_like(model.angles), model.angles).to(torch.complex64)
        parts = [turn * d**-0.5, turn, torch.ones_like(turn)]
        self.turn = torch.stack(parts, 1)[:, None]  # (1024, 1, 3, d / 2)
        layers = [layer for layer in model.layers if isinstance(layer, TemporalLayer)]
        self.layers = [_prepare(layer, batch, precision) for layer in layers]
        self.embed = product(model.embed.weight, model.embed.bias, batch)
        self.join = product(model.join.weight, model.join.bias, batch, precision)
        self.join_at = {layer: i for i, layer in enumerate(shape.joins)}
        slopes = torch.stack([F.softplus(layer.slope) for layer in layers])
        self.fall = -slopes.view(shape.layers, 1, self.banded_heads, 1)
        self.tau = torch.tensor([r.tau_s for r in RANGES])[None, :, :, None]
        self.layer = torch.arange(shape.layers)[:, None]
        own = torch.arange(batch * self.banded_heads).view(batch, -1) * WIDEST
        self.own_base = own + self.layer[:, :, None] * (batch * self.banded_heads * WIDEST)
        self.gathered = torch.empty(self.own_base.numel() * WIDEST, 2 * d)
        self.securities, self.state = 0, dict[str, Tensor]()
        self.allocate(securities)

    def allocate(self, securities: int) -> None:
        """Make room for `securities` streams, keeping those there are."""
        shape, rows, d = self.shape, securities + 1, self.shape.head_width
        fresh: dict[str, Tensor] = {
            "rings": torch.zeros(rows, shape.layers * shape.ring_rows * 2 * d, dtype=self.ring),
            "linear": torch.zeros(rows, shape.layers * shape.group_heads * d * (d + 1)),
            "memory": torch.zeros(rows, 2 * shape.features + shape.width + shape.context),
            "ts": torch.zeros(rows, LONGEST, dtype=torch.int64),
            "count": torch.zeros(rows, dtype=torch.int64),
        }
        if self.securities:
            for name, tensor in fresh.items():
                tensor[: self.securities] = self.state[name][: self.securities]
        self.state, self.securities = fresh, securities
        self.rings = fresh["rings"].view(-1, 2 * d)
        self.linear = fresh["linear"].view(rows * shape.layers, -1)

    def reset(self, security: int) -> None:
        """Make a stream fresh. Its rings need no clearing: what lies before the reset is unseen."""
        for name in ("linear", "memory", "count"):
            self.state[name][security] = 0

    def adopt(self, security: int, carry: Carry, row: int = 0) -> None:
        """Continue, as a stream, the sequence that left stream `row` of `carry` behind."""
        shape, state, count = self.shape, self.state, int(carry.seen[row])
        past = torch.arange(max(0, count - LONGEST), count)
        at = past % LONGEST
        state["ts"][security, at] = carry.ts[row, LONGEST - len(past) :]
        known = 1.0 - carry.mask[row]
        kept = [carry.values[row], known, carry.hidden[row], carry.context[row]]
        state["memory"][security] = torch.cat(kept)
        state["count"][security] = count
        rings = self.rings.view(-1, shape.layers, shape.ring_rows, 2 * shape.head_width)[security]
        for i, layer in enumerate(carry.layers):
            self.linear[security * shape.layers + i] = layer.linear[row].flatten()
            for g, (band, kept_kv) in enumerate(zip(RANGES, layer.bands, strict=True)):
                heads = slice(g * shape.group_heads, (g + 1) * shape.group_heads)
                n = min(len(past), band.reach)
                rows = self.map.row[at[len(past) - n :], heads].T  # (heads of a group, n)
                rings[i, rows] = kept_kv[row, :, band.reach - n :].to(self.ring)

    def step(
        self,
        security: Tensor,  # (batch,) int64, distinct but for the padding row
        ts: Tensor,  # (batch,) int64 ns
        trigger: Tensor,  # (batch,) int64
        values: Tensor,  # (batch, F) float32
        mask: Tensor,  # (batch, F) float32
    ) -> Tensor:
        """Return (batch, 3 + typologies + M + 4): anomaly, typology, novelty, latent, modality
        weights, mean group gates."""
        model, shape, state = self.model, self.shape, self.state
        f, width, layers, b = shape.features, shape.width, shape.layers, self.batch
        d, group, banded = shape.head_width, shape.group_heads, self.banded_heads
        end = group * (3 * d + 1)

        # What this frame is, against the one before
        count = state["count"].index_select(0, security)
        at = count & (LONGEST - 1)
        memory = state["memory"].index_select(0, security)
        earlier, earlier_known = memory[:, :f], memory[:, f : 2 * f]
        before, context = memory[:, 2 * f : 2 * f + width], memory[:, 2 * f + width :]
        later = (count > 0).float().unsqueeze(1)
        times = state["ts"].index_select(0, security)
        last = times.gather(1, ((at - 1) & (LONGEST - 1)).unsqueeze(1))
        gap = log_gap(ts.unsqueeze(1) - last) * later  # (B, 1)
        times.scatter_(1, at.unsqueeze(1), ts.unsqueeze(1))
        known = 1.0 - mask
        values = values * known
        delta = (values - earlier) * later
        signal = self.embed.plain(torch.cat([values, delta, mask, gap], 1))
        x, signal = signal[:, :width], signal[:, width:]
        spatial = model.spatial(values, mask, context)
        joins = self.join.plain(spatial.latent).view(b, len(shape.joins), 2, width)
        added = joins[:, :, 0] * torch.sigmoid(joins[:, :, 1])

        # What each layer may see, for all layers at once
        back = self.map.back.index_select(0, at)  # (B, 3, WIDEST)
        index = self.map.ts_index.index_select(0, at).view(b, -1)
        elapsed = (ts.unsqueeze(1) - times.gather(1, index)).clamp_(min=0).float() * 1e-9
        elapsed = torch.log1p(elapsed.view(b, len(RANGES), 1, WIDEST) / self.tau)
        closed = torch.zeros(b, len(RANGES), 1, WIDEST).masked_fill_(
            (back > count.view(b, 1, 1)).unsqueeze(2), FORBIDDEN
        )
        closed = closed.expand(-1, -1, group, -1).reshape(1, b, banded, WIDEST)
        bias = torch.addcmul(closed, self.fall, elapsed.view(1, b, banded, WIDEST))
        bias = bias.view(layers, b * banded, 1, WIDEST)
        ring_base = security * layers + self.layer  # (layers, B)
        linear_rows = ring_base.view(-1)
        ring_base = (ring_base * shape.ring_rows).unsqueeze(2)
        rows = self.map.seen.index_select(0, at) + ring_base.unsqueeze(3)
        seen = self._gather(rows.view(-1)).view(layers, b * banded, WIDEST, 2 * d)
        own = self.own_base + self.map.slot.index_select(0, at)  # (layers, B, banded)
        own_rows = own[0].view(-1)
        turn = self.turn.index_select(0, count & (ROTARY_PERIOD - 1))  # (B, 1, 3, d / 2)
        linear = self.linear.index_select(0, linear_rows).view(layers, b * group, d, d + 1)

        ranges = []
        for i, layer in enumerate(self.layers):
            if i in self.join_at:
                x = x + added[:, self.join_at[i]]
            z = layer.mix.plain(F.layer_norm(x, (width,), *layer.mix_norm))
            turned = torch.view_as_complex(z[:, : 3 * banded * d].view(b, banded, 3, d // 2, 2))
            turned = torch.view_as_real(turned * turn).view(b * banded, 3 * d)
            kv = seen[i]
            kv.view(-1, 2 * d).index_copy_(0, own_rows, turned[:, d:])
            p = torch.baddbmm(bias[i], turned[:, :d].unsqueeze(1), kv[..., :d].transpose(1, 2))
            near = torch.bmm(torch.softmax(p, 2), kv[..., d:]).view(b, len(RANGES), group * d)

            far = z[:, 3 * banded * d :]  # queries and keys, [values, 1], decays, gates, padding
            qk = F.softplus(far[:, : 2 * group * d]).view(b * group, 2, d)
            v = far[:, 2 * group * d : end].view(b, group, 1, d + 1)
            write = torch.sigmoid(far[:, end : end + group]) * (WRITE_MAX - WRITE_MIN) + WRITE_MIN
            fresh = qk[:, 1].view(b, group, d, 1) * v
            linear[i].lerp_(fresh.view(b * group, d, d + 1), write.view(b * group, 1, 1))
            total = torch.bmm(qk[:, :1], linear[i])  # (B * group, 1, d + 1)
            mean = total[..., :d] / (total[..., d:] + DENOMINATOR_FLOOR)

            gates = torch.softmax(far[:, end + group : end + group + GROUPS + 1], 1)[:, :GROUPS]
            ranges.append(gates)
            mixed = torch.cat([near, mean.view(b, 1, group * d)], 1) * gates.unsqueeze(2)
            x = layer.out.onto(mixed.view(b, width), x)
            y = layer.feed_up.gelu(F.layer_norm(x, (width,), *layer.feed_norm))
            x = layer.feed_down.onto(y, x)
        hidden = model.norm(x)

        heads = model.heads
        verdict = self.judge(hidden)
        change = heads.change(before, gap.squeeze(1), trigger)
        novelty = heads.novelty(change, delta, known * earlier_known)
        scores = torch.cat(
            [
                verdict.anomaly.unsqueeze(1),
                verdict.typology,
                novelty.unsqueeze(1),
                heads.latent(hidden).unsqueeze(1),
                spatial.weights,
                torch.stack(ranges).mean(0),
            ],
            1,
        )

        # Remember
        kept = torch.cat([values, known, hidden, torch.lerp(signal, context, model.decays)], 1)
        state["memory"].index_copy_(0, security, kept)
        state["ts"].index_copy_(0, security, times)
        state["count"].index_copy_(0, security, count + 1)
        self.linear.index_copy_(0, linear_rows, linear.view(layers * b, -1))
        rows = self.map.row.index_select(0, at) + ring_base
        fresh = self.gathered.index_select(0, own.view(-1)).to(self.ring)
        self.rings.index_copy_(0, rows.view(-1), fresh)
        return scores

    def _gather(self, rows: Tensor) -> Tensor:
        """Return the ring rows as float32 in a buffer of our own."""
        if self.ring is torch.float32:
            return torch.index_select(self.rings, 0, rows, out=self.gathered)
        return self.gathered.copy_(self.rings.index_select(0, rows))
