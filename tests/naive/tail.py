"""Plain twins of the tail kernels, written in p rather than in -ln p."""

import math
from collections.abc import Sequence
from typing import Any


def survival(tail: Any, z: float) -> float:
    """P(Z >= z): interpolated in -ln p between knots, Pareto beyond the last."""
    if math.isnan(z):
        return math.nan
    knots, values = [float(v) for v in tail["z"]], [float(v) for v in tail["y"]]
    if z > knots[-1]:
        height = math.exp(-values[-1])
        excess = (z - knots[-1]) / float(tail["scale"])
        shape = float(tail["shape"])
        if abs(shape) < 1e-9:
            return height * math.exp(-excess)
        base = 1.0 + shape * excess
        return height * base ** (-1.0 / shape) if base > 0.0 else 0.0
    if z <= knots[0]:
        return math.exp(-values[0])
    for k in range(1, len(knots)):
        if z <= knots[k]:
            share = (z - knots[k - 1]) / (knots[k] - knots[k - 1])
            return math.exp(-(values[k - 1] + (values[k] - values[k - 1]) * share))
    raise AssertionError


def cauchy(p_values: Sequence[float], weights: Sequence[float]) -> float:
    """The combined p-value by its definition, heads without a p-value left out."""
    spoken = [
        (min(p, 0.95), w)
        for p, w in zip(p_values, weights, strict=True)
        if not math.isnan(p) and w > 0.0
    ]
    if not spoken:
        return math.nan
    total = sum(w * math.tan((0.5 - p) * math.pi) for p, w in spoken)
    statistic = total / sum(w for _, w in spoken)
    return 0.5 - math.atan(statistic) / math.pi
