"""Sliding windows of 16 panes at four levels, with no subtraction and O(1) work an event.

An event writes only the finest open pane. When a pane closes it becomes a closed pane of its
level and is merged into the open pane of the next coarser level, which waits its turn; a window
is its closed panes, its open pane and all finer open panes, so nothing lags. Nothing is ever
subtracted: the closed panes of a level form a two-stack queue. The older ones hold their own
content merged with all younger older ones, so that expiry is forgetting; the newer ones are raw
and have one running total; when the first newer one expires, the rest become the older ones. So a
pane is merged three times in its life, whatever the window, and a silence costs nothing at all.

Occupied closed panes are bits of one integer a (cluster, level): bit j is the pane j + 1 before the
open one, bits 0..14 the older stack, bits 15..29 the newer. Pane p lives in row p mod 15.

Source: Tangwongsan, Hirzel, Schneider & Wu (2015), General incremental sliding-window
aggregation, VLDB 8(7); Chan, Golub & LeVeque (1983), The American Statistician 37(3).
"""

from typing import NamedTuple

import numpy as np

from kernels.held import snapshot
from kernels.jit import kernel
from kernels.layout import DARK_TRADE, NO_TRADE, UNDEFINED_PRICE
from kernels.slots import (
    BORDERS,
    CLOSED,
    CLOSED0,
    CLUSTERS,
    DARK_FLOW,
    FLOATS,
    FORGOTTEN,
    HELD_MID2,
    INTEGERS,
    KYLE_N,
    LEVELS,
    MASK0,
    MESSAGE_FLOW,
    MID_MOVE,
    NEVER,
    NEWER0,
    NOT_HELD,
    OPEN0,
    OPENED0,
    PANE0,
    PANE_NS,
    PANE_STEP,
    QUOTE_FLOW,
    SESSION,
    SIGNED_PANES,
    SIGNED_VOLUME,
    SLOTS,
    TRADE_FLOW,
    UNHELD,
    UNKNOWN,
)

ALL_CLOSED = (1 << CLOSED) - 1
SCRATCH = LEVELS * SLOTS  # offset in `tot` of the open panes merged so far


class WindowState(NamedTuple):
    """All running state of the families without account tables; few arrays, so cheap to pass."""

    f: np.ndarray  # (S, FLOATS) float64: window slots and live fields, see slots.py
    i: np.ndarray  # (S, INTEGERS) int64: live fields, see slots.py
    tot: np.ndarray  # (1, 5 * SLOTS) float64: the windows of the security `totals` was called for
    profile: np.ndarray  # (S, PROFILE) float64: reference statistics, see profile.py


def window_state(profile):
    """Return the state of as many securities as `profile` has rows, all empty.

    Ticks and sessions are unknown: `i[s, TICK]` must be set before the first observation of s.
    """
    securities = len(profile)
    st = WindowState(
        np.zeros((securities, FLOATS)),
        np.zeros((securities, INTEGERS), np.int64),
        np.zeros((1, (LEVELS + 1) * SLOTS)),
        profile,
    )
    for s in range(securities):
        st.i[s, SESSION] = -1
        reset(s, st)
    return st


@kernel
def reset(s, st):
    """Forget all that one security's windows saw; its tick and session stay."""
    f, i = st.f, st.i
    f[s, :] = 0.0
    i[s, :FORGOTTEN] = 0
    for field in NEVER:
        i[s, field] = -1
    for field in UNHELD:
        i[s, field] = NOT_HELD
    i[s, HELD_MID2] = UNDEFINED_PRICE
    for field in UNKNOWN:
        f[s, field] = np.nan


@kernel
def ratio(above, below):
    """Return above / below; NaN where below is 0."""
    return above / below if below != 0.0 else np.nan


@kernel
def welford_add(a, r, o, x):
    """Add one sample to the Welford triple (n, mean, M2) at a[r, o]."""
    n = a[r, o] + 1.0
    delta = x - a[r, o + 1]
    mean = a[r, o + 1] + delta / n
    a[r, o] = n
    a[r, o + 1] = mean
    a[r, o + 2] += delta * (x - mean)


@kernel
def covariance_add(a, r, o, x, y):
    """Add one pair to the covariance group (n, mean x, mean y, Mxx, Myy, Mxy) at a[r, o]."""
    n = a[r, o] + 1.0
    w = 1.0 / n
    dx = x - a[r, o + 1]
    dy = y - a[r, o + 2]
    a[r, o] = n
    a[r, o + 1] += dx * w
    a[r, o + 2] += dy * w
    rest_y = y - a[r, o + 2]
    a[r, o + 3] += dx * (x - a[r, o + 1])
    a[r, o + 4] += dy * rest_y
    a[r, o + 5] += dx * rest_y


@kernel
def clear(a, r, o, cluster):
    """Empty the slots of one cluster in the row at a[r, o]."""
    for j in range(BORDERS[cluster, 0], BORDERS[cluster, 1]):
        a[r, o + j] = 0.0
    for j in range(BORDERS[cluster, 1], BORDERS[cluster, 2]):
        a[r, o + j] = np.inf
    for j in range(BORDERS[cluster, 2], BORDERS[cluster, 3]):
        a[r, o + j] = -np.inf
    for j in range(BORDERS[cluster, 3], BORDERS[cluster, 5]):
        a[r, o + j] = 0.0


@kernel
def copy(a, ra, oa, b, rb, ob, cluster):
    """Copy the slots of one cluster from the row at b[rb, ob] to the row at a[ra, oa]."""
    for j in range(BORDERS[cluster, 0], BORDERS[cluster, 5]):
        a[ra, oa + j] = b[rb, ob + j]


@kernel
def merge(a, ra, oa, b, rb, ob, cluster):
    """Merge the slots of one cluster of the row at b[rb, ob] into the row at a[ra, oa].

    Sums add, extremes take the extreme, Welford triples and covariance groups merge by Chan.
    """
    for j in range(BORDERS[cluster, 0], BORDERS[cluster, 1]):
        a[ra, oa + j] += b[rb, ob + j]
    for j in range(BORDERS[cluster, 1], BORDERS[cluster, 2]):
        a[ra, oa + j] = min(a[ra, oa + j], b[rb, ob + j])
    for j in range(BORDERS[cluster, 2], BORDERS[cluster, 3]):
        a[ra, oa + j] = max(a[ra, oa + j], b[rb, ob + j])
    for j in range(BORDERS[cluster, 3], BORDERS[cluster, 4], 3):
        p, q = oa + j, ob + j
        added = b[rb, q]
        if added > 0.0:
            n = a[ra, p] + added
            w = added / n
            delta = b[rb, q + 1] - a[ra, p + 1]
            a[ra, p + 2] += b[rb, q + 2] + delta * delta * (a[ra, p] * w)
            a[ra, p + 1] += delta * w
            a[ra, p] = n
    for j in range(BORDERS[cluster, 4], BORDERS[cluster, 5], 6):
        p, q = oa + j, ob + j
        added = b[rb, q]
        if added > 0.0:
            n = a[ra, p] + added
            w = added / n
            both = a[ra, p] * w
            dx = b[rb, q + 1] - a[ra, p + 1]
            dy = b[rb, q + 2] - a[ra, p + 2]
            a[ra, p + 3] += b[rb, q + 3] + dx * dx * both
            a[ra, p + 4] += b[rb, q + 4] + dy * dy * both
            a[ra, p + 5] += b[rb, q + 5] + dx * dy * both
            a[ra, p + 1] += dx * w
            a[ra, p + 2] += dy * w
            a[ra, p] = n


@kernel
def derive(a, ra, oa, b, rb, ob):
    """Add to the row at a[ra, oa] what is a function of one whole pane, the row at b[rb, ob].

    Open panes never carry these slots, so that a coarser pane derives its own.
    """
    signed = b[rb, ob + SIGNED_VOLUME]
    a[ra, oa + SIGNED_PANES] += abs(signed)
    covariance_add(a, ra, oa + KYLE_N, signed, b[rb, ob + MID_MOVE])


@kernel
def closed_row(level, pane):
    """Return the offset of the row of a closed pane."""
    return (CLOSED0 + level * CLOSED + pane % CLOSED) * SLOTS


@kernel
def settle(s, cluster, level, pane, newer, f):
    """Turn the newer closed panes into older ones: each absorbs all that are younger.

    `pane` is the index of the open pane, `newer` their bits.
    """
    younger = -1
    for age in range(CLOSED):
        if newer >> age & 1:
            row = closed_row(level, pane - 1 - age)
            if younger >= 0:
                merge(f, s, row, f, s, younger, cluster)
            younger = row


@kernel
def advance(s, cluster, level, old, new, st):
    """Close pane `old` of one cluster and level, `new` being the open one from now on."""
    f, i = st.f, st.i
    mask = i[s, MASK0 + cluster * LEVELS + level]
    opened = i[s, OPENED0 + cluster] >> level & 1
    if mask == 0 and opened == 0:
        return
    steps = new - old
    shift = min(steps, CLOSED)
    older = (mask & ALL_CLOSED) << shift & ALL_CLOSED
    newer = mask >> CLOSED << shift
    if newer > ALL_CLOSED:
        older = newer & ALL_CLOSED
        settle(s, cluster, level, new, older, f)
        newer = 0
    if opened:
        here = (OPEN0 + level) * SLOTS
        if steps <= CLOSED:
            row = closed_row(level, old)
            copy(f, s, row, f, s, here, cluster)
            if cluster == QUOTE_FLOW:
                derive(f, s, row, f, s, row)
            total = (NEWER0 + level) * SLOTS
            if newer == 0:
                copy(f, s, total, f, s, row, cluster)
            else:
                merge(f, s, total, f, s, row, cluster)
            newer |= 1 << (steps - 1)
        if level + 1 < LEVELS:
            coarser = (OPEN0 + level + 1) * SLOTS
            if i[s, OPENED0 + cluster] >> (level + 1) & 1:
                merge(f, s, coarser, f, s, here, cluster)
            else:
                copy(f, s, coarser, f, s, here, cluster)
        i[s, OPENED0 + cluster] = i[s, OPENED0 + cluster] & ~(1 << level) | (
            1 << (level + 1) & (1 << LEVELS) - 1
        )
    i[s, MASK0 + cluster * LEVELS + level] = newer << CLOSED | older


@kernel
def roll(s, now, st):
    """Bring the panes of one security to `now` (ns, not before its last event).

    Called before anything of the event at `now` is written: what a closing pane saw, and the
    values held at its end, are those before the event.
    """
    i = st.i
    new = now // PANE_NS[0]
    for level in range(LEVELS):
        if level > 0:
            new //= PANE_STEP[level]
        old = i[s, PANE0 + level]
        if new == old:
            return
        i[s, PANE0 + level] = new
        if old >= 0:
            snapshot(s, level, old, st)
            for cluster in range(CLUSTERS):
                advance(s, cluster, level, old, new, st)


@kernel
def open_cluster(s, cluster, st):
    """Make the slots of one cluster of the finest open pane writable."""
    if st.i[s, OPENED0 + cluster] & 1 == 0:
        st.i[s, OPENED0 + cluster] |= 1
        clear(st.f, s, OPEN0 * SLOTS, cluster)


@kernel
def admit(o, s, st):
    """Roll to an observation's time and open the clusters it may write (see slots.py)."""
    roll(s, o["ts"], st)
    open_cluster(s, MESSAGE_FLOW, st)
    if o["trade"] != NO_TRADE:
        open_cluster(s, QUOTE_FLOW, st)
        open_cluster(s, TRADE_FLOW, st)
    elif o["mid2"] != o["mid2_before"]:
        open_cluster(s, QUOTE_FLOW, st)
    if o["dark"] != 0 or o["trade"] == DARK_TRADE:
        open_cluster(s, DARK_FLOW, st)


@kernel
def totals(s, st):
    """Write the four windows of one security to `st.tot`, SLOT of window k at k * SLOTS + SLOT.

    Cost: at most three merges a cluster and level, none where a window is empty.
    """
    f, i, tot = st.f, st.i, st.tot
    for cluster in range(CLUSTERS):
        opened = i[s, OPENED0 + cluster]
        any_open = False
        for level in range(LEVELS):
            if opened >> level & 1:
                if any_open:
                    merge(tot, 0, SCRATCH, f, s, (OPEN0 + level) * SLOTS, cluster)
                else:
                    copy(tot, 0, SCRATCH, f, s, (OPEN0 + level) * SLOTS, cluster)
                any_open = True
            out = level * SLOTS
            mask = i[s, MASK0 + cluster * LEVELS + level]
            older, newer = mask & ALL_CLOSED, mask >> CLOSED
            if older:
                age = CLOSED - 1
                while older >> age & 1 == 0:
                    age -= 1
                row = closed_row(level, i[s, PANE0 + level] - 1 - age)
                copy(tot, 0, out, f, s, row, cluster)
                if newer:
                    merge(tot, 0, out, f, s, (NEWER0 + level) * SLOTS, cluster)
            elif newer:
                copy(tot, 0, out, f, s, (NEWER0 + level) * SLOTS, cluster)
            if any_open:
                if mask:
                    merge(tot, 0, out, tot, 0, SCRATCH, cluster)
                else:
                    copy(tot, 0, out, tot, 0, SCRATCH, cluster)
                if cluster == QUOTE_FLOW:
                    derive(tot, 0, out, tot, 0, SCRATCH)
            elif mask == 0:
                clear(tot, 0, out, cluster)
