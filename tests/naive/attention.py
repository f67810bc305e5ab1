"""The four head groups of one layer, frame by frame from their definitions, in NumPy float64."""

import numpy as np
from numpy.typing import NDArray

from darkpool_watch.model.config import DENOMINATOR_FLOOR, RANGES, WRITE_MAX, WRITE_MIN

Array = NDArray[np.float64]


def sigmoid(x: Array) -> Array:
    """Return the logistic function."""
    return 1 / (1 + np.exp(-x))


def softplus(x: Array) -> Array:
    """Return ln(1 + e^x)."""
    return np.logaddexp(0, x)


def turned(x: Array, frame: int) -> Array:
    """Return x (d,) turned by 2 pi k frame / 1024, k whole, pair by pair."""
    pairs = x.reshape(-1, 2)
    k = np.round(2.0 ** np.linspace(8, 0, len(pairs)))
    turn = np.exp(2j * np.pi * k * frame / 1024)
    y = (pairs[:, 0] + 1j * pairs[:, 1]) * turn
    return np.stack([y.real, y.imag], 1).ravel()


def banded(q: Array, k: Array, v: Array, ts: NDArray[np.int64], slope: float, j: int, g: int):
    """Return (T, d) of head j of range g: softmax over every stride-th frame of its reach."""
    band = RANGES[g]
    out = np.zeros_like(v)
    for t in range(len(q)):
        keys = [t - band.stride * i for i in range(band.keys) if t - band.stride * i >= 0]
        elapsed = (ts[t] - ts[keys]) * 1e-9
        scores = np.array([turned(q[t], t) @ turned(k[n], n) for n in keys]) / np.sqrt(q.shape[1])
        scores -= softplus(np.float64(slope)) * np.log1p(elapsed / band.tau_s[j])
        p = np.exp(scores - scores.max())
        out[t] = (p / p.sum()) @ v[keys]
    return out


def linear(q: Array, k: Array, v: Array, decay: Array) -> Array:
    """Return (T, d) of one linear head: a decayed sum of k v^T, one frame at a time."""
    q, k = softplus(q), softplus(k)
    write = WRITE_MIN + (WRITE_MAX - WRITE_MIN) * sigmoid(decay)
    state, mass = np.zeros((q.shape[1], v.shape[1])), np.zeros(q.shape[1])
    out = np.zeros_like(v)
    for t in range(len(q)):
        state = (1 - write[t]) * state + write[t] * np.outer(k[t], v[t])
        mass = (1 - write[t]) * mass + write[t] * k[t]
        out[t] = q[t] @ state / (q[t] @ mass + DENOMINATOR_FLOOR)
    return out
