"""Raw features to what the model reads: scaled, centred, bounded, and a mask of the undefined.

A feature is compared with the median and the spread (1.4826 times the median absolute deviation)
that are usual for its security at this half-hour (`kernels.history` finds them); where those are
its class's, they are blended with the security's own day so far by n / (n + 5000), n being how
often the feature was defined today. The day's median and deviation are tracked by stochastic
approximation: each value moves them by a step towards it, at first 4 / (n + 4) of the deviation
and never below 1/500 of it.

Source: Robbins & Monro (1951), Ann. Math. Stat. 22(3), for the tracking.
"""

import math
from typing import NamedTuple

import numpy as np

from kernels.jit import hot_kernel, lean_kernel
from kernels.layout import FEATURES

BOUND = np.float32(8.0)
SIGMA = np.float32(1.4826)  # sd of a normal distribution over its median absolute deviation
BLEND = np.float32(5_000.0)
FLOOR = np.float32(0.1)  # own spread is at least this share of the class's
FIRST_STEP = np.float32(4.0)
LAST_STEP = np.float32(0.002)
ZERO, ONE = np.float32(0.0), np.float32(1.0)
HALF_HOUR_NS = 1_800_000_000_000
USUAL_MEDIAN, USUAL_SCALE, USUAL_BLEND = range(3)
LIVE_MEDIAN, LIVE_MAD, LIVE_COUNT = range(3)


class NormaliserState(NamedTuple):
    """The arrays of the normaliser, as kernels take them."""

    usual: np.ndarray  # (S, 3, 240) float32: median and scale > 0 at this half-hour; 1 to blend
    live: np.ndarray  # (S, 3, 240) float32: the day's median, absolute deviation and count
    log1p: np.ndarray  # (n,) int64: features that pass through ln(1 + x) first
    asinh: np.ndarray  # (m,) int64: features that pass through asinh first
    scaled: np.ndarray  # (240,) float64, scratch


@hot_kernel
def half_hour(now, session_open, buckets):
    """Return the half-hour of the session, from 0; the last one has no end."""
    return min(max((now - session_open) // HALF_HOUR_NS, 0), buckets - 1)


@lean_kernel
def restart_live(s, st):
    """Let the day's estimates start from what is usual."""
    for j in range(FEATURES):
        st.live[s, LIVE_MEDIAN, j] = st.usual[s, USUAL_MEDIAN, j]
        st.live[s, LIVE_MAD, j] = st.usual[s, USUAL_SCALE, j] / SIGMA
        st.live[s, LIVE_COUNT, j] = ZERO


@hot_kernel
def scale_features(raw, st):
    """Write the scaled features to `st.scaled`: ln(1 + x), asinh(x) or x as the catalogue says."""
    scaled = st.scaled
    for j in range(FEATURES):
        scaled[j] = raw[j]
    for n in range(st.log1p.shape[0]):
        j = st.log1p[n]
        if raw[j] == raw[j]:
            scaled[j] = math.log(1.0 + max(raw[j], 0.0))
    for n in range(st.asinh.shape[0]):
        j = st.asinh[n]
        if raw[j] == raw[j]:
            x = abs(raw[j])
            scaled[j] = math.copysign(math.log(x + math.sqrt(x * x + 1.0)), raw[j])


@hot_kernel
def bound_features(s, st, values, mask):
    """Write the bounded values and the mask of `st.scaled`."""
    for j in range(FEATURES):
        x = np.float32(st.scaled[j])
        n = st.live[s, LIVE_COUNT, j]
        w = st.usual[s, USUAL_BLEND, j] * n / (n + BLEND)
        centre = st.usual[s, USUAL_MEDIAN, j]
        spread = st.usual[s, USUAL_SCALE, j]
        own = max(st.live[s, LIVE_MAD, j] * SIGMA, FLOOR * spread)
        centre += w * (st.live[s, LIVE_MEDIAN, j] - centre)
        spread += w * (own - spread)
        z = min(max((x - centre) / spread, -BOUND), BOUND)
        known = x == x
        values[j] = z if known else ZERO
        mask[j] = 0 if known else 1


@hot_kernel
def learn_features(s, st):
    """Move the day's median and deviation towards `st.scaled`, where it is defined."""
    for j in range(FEATURES):
        x = np.float32(st.scaled[j])
        n = st.live[s, LIVE_COUNT, j]
        median = st.live[s, LIVE_MEDIAN, j]
        mad = st.live[s, LIVE_MAD, j]
        step = mad * (FIRST_STEP / (n + FIRST_STEP) + LAST_STEP)
        off = x - median
        moved = median + min(max(off, -step), step)
        further = abs(off) - mad
        half = np.float32(0.5) * step
        wider = mad + min(max(further, -half), half)
        known = x == x
        st.live[s, LIVE_MEDIAN, j] = moved if known else median
        st.live[s, LIVE_MAD, j] = wider if known else mad
        st.live[s, LIVE_COUNT, j] = n + ONE if known else n


@lean_kernel
def normalise(
    s,  # row of the security
    raw,  # (240,) float64, NaN where undefined
    st,  # NormaliserState
    values,  # (240,) float32 out: -8..8, 0 where undefined
    mask,  # (240,) uint8 out: 1 where undefined
):
    """Normalise one row against what was known before it, then learn from it."""
    scale_features(raw, st)
    bound_features(s, st, values, mask)
    learn_features(s, st)
