"""What the market is like around a frame: the covariates of the adaptive threshold.

Peers are the other securities' last frames. Their sums are kept in whole units of 2^-20, so that
replacing one security's share never drifts.
"""

import math
from typing import NamedTuple

import numpy as np

from kernels.jit import hot_kernel, lean_kernel
from kernels.profile import DARK_RATE, LIT_RATE
from kernels.slots import DARK_QUANTITY, EVENTS, LIT_QUANTITY, SLOTS, TAU_S

TEN_S = 2  # level
PEER_FIELDS = 5
CONDITIONS = 10
UNIT = float(1 << 20)
LARGEST = 1e6
VOLATILITY, LIT_VOLUME, DARK_VOLUME, SPREAD = 4 + TEN_S, 64 + TEN_S, 68 + TEN_S, 16 + TEN_S


class ConditionState(NamedTuple):
    """The arrays of the conditions, as kernels take them."""

    last: np.ndarray  # (S, 5) int64: each security's last values, 2^-20; ABSENT where undefined
    sums: np.ndarray  # (2, 5) int64: sums over securities, and how many are in them


ABSENT = -(1 << 62)


@hot_kernel
def forget_conditions(s, st):
    """Take a security out of its peers' averages."""
    for j in range(PEER_FIELDS):
        if st.last[s, j] != ABSENT:
            st.sums[0, j] -= st.last[s, j]
            st.sums[1, j] -= 1
            st.last[s, j] = ABSENT


@lean_kernel
def write_conditions(s, fraction, row, windows, st, out):
    """Write the ten conditions of a frame to `out` (float32) and its own to the peers' sums.

    `row` is the security's raw row, `windows` its WindowState after `totals`; `fraction` the share
    of the session that has passed. Undefined is 0; volumes and rates are natural logarithms.
    """
    tot = windows.tot
    at = TEN_S * SLOTS
    forget_conditions(s, st)
    for j in range(PEER_FIELDS):
        out[j] = st.sums[0, j] / (UNIT * st.sums[1, j]) if st.sums[1, j] > 0 else 0.0
    rate = math.log(1.0 + tot[0, at + EVENTS])
    volume = tot[0, at + LIT_QUANTITY] + tot[0, at + DARK_QUANTITY]
    expected = (windows.profile[s, LIT_RATE] + windows.profile[s, DARK_RATE]) * TAU_S[TEN_S]
    out[5] = row[VOLATILITY]
    out[6] = rate
    out[7] = math.log(1.0 + volume / expected) if volume > 0.0 else 0.0
    out[8] = row[SPREAD]
    out[9] = fraction
    for j in range(PEER_FIELDS, CONDITIONS):
        if math.isnan(out[j]):
            out[j] = 0.0
    for j in range(PEER_FIELDS):
        x = rate
        if j == 0:
            x = row[VOLATILITY]
        elif j == 2:
            x = row[LIT_VOLUME]
        elif j == 3:
            x = row[DARK_VOLUME]
        elif j == 4:
            x = row[SPREAD]
        if not math.isnan(x):
            units = np.int64(min(max(x, -LARGEST), LARGEST) * UNIT)
            st.last[s, j] = units
            st.sums[0, j] += units
            st.sums[1, j] += 1
