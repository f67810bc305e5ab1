"""Rows of window slots: adding samples to one, and merging one into another.

Bounds are constants, so that the compiler unrolls each cluster's loops; a whole row lies in
f[s, row * SLOTS : (row + 1) * SLOTS].

Source: Chan, Golub & LeVeque (1983), The American Statistician 37(3), for the merges.
"""

import numpy as np

from kernels.jit import hot_kernel, lean_kernel
from kernels.slots import (
    D_END,
    D_SUMS,
    GAP_N,
    KYLE_N,
    LOG_GAP_N,
    M_END,
    M_SUMS,
    MESSAGE_FLOW,
    MID_MAX,
    MID_MIN,
    MID_MOVE,
    Q_END,
    Q_SUMS,
    QUOTE_FLOW,
    ROLL_N,
    SIGNED_PANES,
    SIGNED_VOLUME,
    SLOTS,
    T_END,
    T_SUMS,
    TRADE_FLOW,
)


@hot_kernel
def welford_add(a, j, x):
    """Add one sample to the Welford triple (n, mean, M2) at a[j]."""
    n = a[j] + 1.0
    delta = x - a[j + 1]
    mean = a[j + 1] + delta / n
    a[j] = n
    a[j + 1] = mean
    a[j + 2] += delta * (x - mean)


@hot_kernel
def covariance_add(a, j, x, y):
    """Add one pair to the covariance group (n, mean x, mean y, Mxx, Myy, Mxy) at a[j]."""
    n = a[j] + 1.0
    w = 1.0 / n
    dx = x - a[j + 1]
    dy = y - a[j + 2]
    a[j] = n
    a[j + 1] += dx * w
    a[j + 2] += dy * w
    rest_y = y - a[j + 2]
    a[j + 3] += dx * (x - a[j + 1])
    a[j + 4] += dy * rest_y
    a[j + 5] += dx * rest_y


@hot_kernel
def merge_sums(a, b, first, end):
    """Add b[first:end] to a[first:end]; constant bounds let the compiler unroll it."""
    for j in range(first, end):
        a[j] += b[j]


@hot_kernel
def copy_slots(a, b, first, end):
    """Copy b[first:end] to a[first:end]."""
    for j in range(first, end):
        a[j] = b[j]


@hot_kernel
def fill_slots(a, first, end, x):
    """Set a[first:end] to x."""
    for j in range(first, end):
        a[j] = x


@hot_kernel
def merge_welford(a, b, j):
    """Merge the Welford triple (n, mean, M2) at b[j] into the one at a[j], by Chan."""
    added = b[j]
    if added > 0.0:
        n = a[j] + added
        w = added / n
        delta = b[j + 1] - a[j + 1]
        a[j + 2] += b[j + 2] + delta * delta * (a[j] * w)
        a[j + 1] += delta * w
        a[j] = n


@hot_kernel
def merge_covariance(a, b, j):
    """Merge the covariance group (n, mean x, mean y, Mxx, Myy, Mxy) at b[j] into a[j], by Chan."""
    added = b[j]
    if added > 0.0:
        n = a[j] + added
        w = added / n
        both = a[j] * w
        dx = b[j + 1] - a[j + 1]
        dy = b[j + 2] - a[j + 2]
        a[j + 3] += b[j + 3] + dx * dx * both
        a[j + 4] += b[j + 4] + dy * dy * both
        a[j + 5] += b[j + 5] + dx * dy * both
        a[j + 1] += dx * w
        a[j + 2] += dy * w
        a[j] = n


@lean_kernel
def clear(f, s, row, cluster):
    """Empty the slots of one cluster in a row of f[s]."""
    a = f[s, row * SLOTS : (row + 1) * SLOTS]
    if cluster == MESSAGE_FLOW:
        fill_slots(a, M_SUMS, M_END, 0.0)
    elif cluster == QUOTE_FLOW:
        fill_slots(a, Q_SUMS, Q_END, 0.0)
        a[MID_MIN] = np.inf
        a[MID_MAX] = -np.inf
    elif cluster == TRADE_FLOW:
        fill_slots(a, T_SUMS, T_END, 0.0)
    else:
        fill_slots(a, D_SUMS, D_END, 0.0)


@lean_kernel
def copy(f, s, to, g, t, row, cluster):
    """Copy the slots of one cluster from a row of g[t] to row `to` of f[s]."""
    a = f[s, to * SLOTS : (to + 1) * SLOTS]
    b = g[t, row * SLOTS : (row + 1) * SLOTS]
    if cluster == MESSAGE_FLOW:
        copy_slots(a, b, M_SUMS, M_END)
    elif cluster == QUOTE_FLOW:
        copy_slots(a, b, Q_SUMS, Q_END)
    elif cluster == TRADE_FLOW:
        copy_slots(a, b, T_SUMS, T_END)
    else:
        copy_slots(a, b, D_SUMS, D_END)


@lean_kernel
def merge(f, s, into, g, t, row, cluster):
    """Merge the slots of one cluster of a row of g[t] into row `into` of f[s].

    Sums add, extremes take the extreme, Welford triples and covariance groups merge by Chan.
    """
    a = f[s, into * SLOTS : (into + 1) * SLOTS]
    b = g[t, row * SLOTS : (row + 1) * SLOTS]
    if cluster == MESSAGE_FLOW:
        merge_sums(a, b, M_SUMS, GAP_N)
        merge_welford(a, b, GAP_N)
        merge_covariance(a, b, LOG_GAP_N)
    elif cluster == QUOTE_FLOW:
        merge_sums(a, b, Q_SUMS, MID_MIN)
        a[MID_MIN] = min(a[MID_MIN], b[MID_MIN])
        a[MID_MAX] = max(a[MID_MAX], b[MID_MAX])
        merge_covariance(a, b, KYLE_N)
    elif cluster == TRADE_FLOW:
        merge_sums(a, b, T_SUMS, ROLL_N)
        merge_covariance(a, b, ROLL_N)
    else:
        merge_sums(a, b, D_SUMS, D_END)


@hot_kernel
def derive(f, s, into, pane):
    """Add to row `into` of f[s] what is a function of one whole pane, row `pane` of it.

    Open panes never carry these slots, so that a coarser pane derives its own.
    """
    a = f[s, into * SLOTS : (into + 1) * SLOTS]
    b = f[s, pane * SLOTS : (pane + 1) * SLOTS]
    signed = b[SIGNED_VOLUME]
    a[SIGNED_PANES] += abs(signed)
    covariance_add(a, KYLE_N, signed, b[MID_MOVE])
