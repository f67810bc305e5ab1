"""The clock of the decayed counters: landmarks, weights and the exact move to a new epoch."""

import math

import numpy as np

from kernels.account_layout import (
    DECAY,
    EPOCH_NS,
    FIELDS,
    MOVES,
    SQUARES,
    SUMS,
    WINDOWS,
)
from kernels.jit import kernel

_SHRINK = np.float32(2.0**-64)
_LEAST = np.float32(2.0**-40)
_NOTHING = np.float32(0.0)


@kernel
def weight_at(
    a,  # TABLE
    k,  # int64: window
    ts,  # int64 ns, at most one epoch after the landmark
):
    """Return what one unit at time `ts` counts in window k, in landmark units."""
    return math.exp((ts - a["landmark"][k]) * DECAY[k])


@kernel
def shrink(values):
    """Multiply float32 landmark units by 2^-64; what falls below 2^-40 becomes 0."""
    for i in range(values.shape[0]):
        value = values[i] * _SHRINK
        values[i] = value if abs(value) >= _LEAST else _NOTHING


@kernel
def start_epoch(
    a,  # TABLE
    k,  # int64: window
    epochs,  # int64 >= 1: how many the landmark moves on
):
    """Move the landmark of window k and restate everything in its units.

    One epoch is an exact power of two; after two or more nothing is left that counts.
    """
    a["landmark"][k] += epochs * EPOCH_NS[k]
    sums = a["sums"][k]
    factor = 2.0**-64 if epochs == 1 else 0.0
    for i in range(SUMS):
        sums[i] *= factor
    sums[SQUARES] *= factor
    if epochs > 1:
        a["counters"][k][:] = _NOTHING
        a["pairs"][k][:] = _NOTHING
        if k == WINDOWS - 1:
            a["ranks"][:] = _NOTHING
    else:
        for field in range(FIELDS):
            shrink(a["counters"][k, field, : a["seated"]])
        for way in range(2):
            shrink(a["pairs"][k, way, : a["paired"]])
            if k == WINDOWS - 1:
                shrink(a["ranks"][way, : a["seated"]])
    for move in range(MOVES):
        a["moves"][move]["pending"][k] *= factor


@kernel
def advance(
    a,  # TABLE
    ts,  # int64 ns, event time, not before the last one
):
    """Set the weights of all windows to time `ts`."""
    if ts == a["weighed"]:
        return
    a["weighed"] = ts
    for k in range(WINDOWS):
        since = ts - a["landmark"][k]
        if since >= EPOCH_NS[k]:
            start_epoch(a, k, since // EPOCH_NS[k])
            since = ts - a["landmark"][k]
        a["weight"][k] = math.exp(since * DECAY[k])
