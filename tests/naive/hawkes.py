"""The Hawkes process with exponential kernels by its definition: double sums over all pairs."""

import math

import numpy as np


def log_likelihood(times_s: list[float], end_s: float, p: np.ndarray) -> float:
    """Return the log-likelihood of all events but the first, which opens the observation."""
    mu, kernels = p[0], ((p[1], p[2]), (p[3], p[4]))
    total = -mu * (end_s - times_s[0])
    for i, t in enumerate(times_s):
        intensity = mu + sum(
            a * b * math.exp(-b * (t - before)) for before in times_s[:i] for a, b in kernels
        )
        if i > 0:
            total += math.log(intensity)
        total -= sum(a * (1 - math.exp(-b * (end_s - t))) for a, b in kernels)
    return total


def em_step(times_s: list[float], end_s: float, p: np.ndarray) -> np.ndarray:
    """Return the next estimate: each event shared out among its possible parents."""
    mu, a, b = p[0], (p[1], p[3]), (p[2], p[4])
    immigrants, born, waited = 0.0, [0.0, 0.0], [0.0, 0.0]
    for i, t in enumerate(times_s[1:], start=1):
        rates = [
            (j, t - before, a[j] * b[j] * math.exp(-b[j] * (t - before)))
            for before in times_s[:i]
            for j in range(2)
        ]
        intensity = mu + sum(rate for _, _, rate in rates)
        immigrants += mu / intensity
        for j, delay, rate in rates:
            born[j] += rate / intensity
            waited[j] += delay * rate / intensity
    out = [immigrants / (end_s - times_s[0])]
    for j in range(2):
        watched = sum(1 - math.exp(-b[j] * (end_s - t)) for t in times_s)
        cut = sum((end_s - t) * math.exp(-b[j] * (end_s - t)) for t in times_s)
        out += [born[j] / watched, born[j] / (waited[j] + a[j] * cut)]
    return np.array(out)
