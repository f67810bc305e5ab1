"""The 8 volume families recomputed from raw observations, one plain function a family."""

import math

from kernels.layout import DARK_TRADE, HIDDEN_TRADE, NO_TRADE
from tests.naive.windows import NAN, Observation, View, ratio, view

# What the formulas take from the security's profile.
P50 = 100.0
LIT_RATE, DARK_RATE = 5.0, 2.0  # size units/s
SLOW_DEPTH = 2_000.0


def trades(v: View) -> list[Observation]:
    return [o for o in v.inside if o["trade"] != NO_TRADE]


def quantity(observations: list[Observation]) -> int:
    return sum(o["traded"] for o in observations)


def dark(v: View) -> list[Observation]:
    return [o for o in trades(v) if o["trade"] == DARK_TRADE]


def lit(v: View) -> list[Observation]:
    return [o for o in trades(v) if o["trade"] != DARK_TRADE]


def lit_volume(v: View) -> float:
    return math.log(1 + quantity(lit(v)) / (LIT_RATE * v.tau_s))


def dark_volume(v: View) -> float:
    return math.log(1 + quantity(dark(v)) / (DARK_RATE * v.tau_s))


def dark_share(v: View) -> float:
    return ratio(quantity(dark(v)), quantity(trades(v)))


def hidden_share(v: View) -> float:
    return ratio(sum(o["trade"] == HIDDEN_TRADE for o in lit(v)), len(lit(v)))


def trade_size(v: View) -> float:
    sizes = [o["traded"] for o in trades(v)]
    return math.log(sum(sizes) / len(sizes) / P50) if sizes else NAN


def size_entropy(v: View) -> float:
    counts: dict[int, int] = {}
    for o in trades(v):
        size_bin = min(max(math.floor(math.log2(o["traded"] / P50)) + 4, 0), 7)
        counts[size_bin] = counts.get(size_bin, 0) + 1
    n = sum(counts.values())
    return -math.fsum(c / n * math.log(c / n) for c in counts.values()) / math.log(8) if n else NAN


def vpin(v: View) -> float:
    signed: dict[int, int] = {}
    total = 0
    for o in trades(v):
        if o["aggressor"]:
            pane = o["ts"] // v.pane
            signed[pane] = signed.get(pane, 0) + o["aggressor"] * o["traded"]
            total += o["traded"]
    return ratio(sum(abs(x) for x in signed.values()), total)


def depth_ratio(v: View) -> float:
    depths = [o["depth5"] for o in v.inside if not math.isnan(o["depth5"])]
    return math.log(math.fsum(depths) / len(depths) / SLOW_DEPTH) if depths else NAN


FAMILIES = {
    64: lit_volume,
    68: dark_volume,
    72: dark_share,
    76: hidden_share,
    80: trade_size,
    84: size_entropy,
    88: vpin,
    92: depth_ratio,
}


def volume_row(past: list[Observation], now: int) -> dict[int, float]:
    """Return features 64-95 of one security at `now`."""
    views = [view(past, now, level) for level in range(4)]
    return {base + k: f(views[k]) for base, f in FAMILIES.items() for k in range(4)}
