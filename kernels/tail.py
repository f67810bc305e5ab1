"""From a standardised score to minus the logarithm of its p-value, and back.

The body of a distribution is a table of knots; beyond its last knot stands a generalised Pareto
tail. Everything is kept as y = -ln p, which neither underflows nor loses digits.
"""

import math

import numpy as np

from kernels.jit import kernel

KNOTS = 64  # of a body table
EXPONENTIAL = 1e-9  # a shape nearer to 0 than this is the exponential tail

TAIL = np.dtype(
    [
        ("z", "<f8", (KNOTS,)),  # ascending; the last is the tail's threshold u
        ("y", "<f8", (KNOTS,)),  # -ln P(Z >= z) at each knot, ascending
        ("scale", "<f8"),  # of the excess over u, in units of z
        ("shape", "<f8"),  # xi: 0 exponential, above 0 heavy, below 0 with an end
    ],
    align=True,
)


@kernel
def tail_surprise(
    tail,  # a TAIL record
    z,  # float64
):
    """Return -ln P(Z >= z), at least 0; NaN for a NaN z, inf beyond the end of a short tail.

    Source: Pickands (1975), Annals of Statistics 3(1), for the tail; Siffer et al. (2017), KDD.
    Cost: a binary search over the knots and one logarithm.
    """
    if math.isnan(z):
        return math.nan
    knots = tail["z"]
    values = tail["y"]
    last = KNOTS - 1
    if z > knots[last]:
        excess = (z - knots[last]) / tail["scale"]
        shape = tail["shape"]
        if abs(shape) < EXPONENTIAL:
            return values[last] + excess
        grown = 1.0 + shape * excess
        if grown <= 0.0:
            return math.inf
        return values[last] + math.log(grown) / shape
    if z <= knots[0]:
        return values[0]
    low, high = 0, last  # knots[low] < z <= knots[high]
    while high - low > 1:
        middle = (low + high) // 2
        if knots[middle] < z:
            low = middle
        else:
            high = middle
    width = knots[high] - knots[low]
    return values[low] + (values[high] - values[low]) * (z - knots[low]) / width


@kernel
def tail_quantile(
    tail,  # a TAIL record
    y,  # float64, -ln p
):
    """Return the z whose p-value is exp(-y): the inverse of `tail_surprise` where it increases.

    Below the first knot the answer is the first knot. Cost: as `tail_surprise`.
    """
    knots = tail["z"]
    values = tail["y"]
    last = KNOTS - 1
    if y > values[last]:
        beyond = y - values[last]
        shape = tail["shape"]
        if abs(shape) < EXPONENTIAL:
            return knots[last] + tail["scale"] * beyond
        return knots[last] + tail["scale"] * math.expm1(shape * beyond) / shape
    if y <= values[0]:
        return knots[0]
    low, high = 0, last
    while high - low > 1:
        middle = (low + high) // 2
        if values[middle] < y:
            low = middle
        else:
            high = middle
    height = values[high] - values[low]
    return knots[low] + (knots[high] - knots[low]) * (y - values[low]) / height


@kernel
def surprises(
    tail,  # a TAIL record
    z,  # (N,) float64
    out,  # (N,) float64, written
):
    """Write -ln P(Z >= z) of every z."""
    for i in range(z.shape[0]):
        out[i] = tail_surprise(tail, z[i])


@kernel
def cauchy_surprise(
    surprise,  # (H,) float64, -ln p of each head; NaN: the head says nothing
    weights,  # (H,) float64, at least 0
):
    """Return -ln p of the Cauchy combination of the heads that speak; NaN when none does.

    T = sum of w_h cot(pi p_h) over sum of w_h; p = arccot(T) / pi. A p above 0.95 counts as 0.95:
    one bored head must not outvote the others with a cotangent near minus infinity.

    Source: Liu & Xie (2020), JASA 115(529); the truncation after Fang et al. (2023), Statistica
    Sinica 33. Heads are dependent, so the result is remapped on held-out days.
    """
    total = 0.0
    weight = 0.0
    for h in range(surprise.shape[0]):
        y = surprise[h]
        if math.isnan(y) or weights[h] <= 0.0:
            continue
        p = math.exp(-min(y, 300.0))
        total += weights[h] / math.tan(math.pi * min(p, 0.95))
        weight += weights[h]
    if weight == 0.0:
        return math.nan
    return -math.log(math.atan2(1.0, total / weight) / math.pi)
