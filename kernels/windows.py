"""Sliding windows of 16 panes at four levels, with no subtraction and O(1) work an event.

An event writes only the finest open pane. When a pane closes it becomes a closed pane of its
level and is merged into the open pane of the next coarser level, which waits its turn; a window
is its closed panes, its open pane and all finer open panes, so nothing lags. Nothing is ever
subtracted: the closed panes of a level form a two-stack queue. The older ones hold their own
content merged with all younger older ones, so that expiry is forgetting; the newer ones are raw
and have one running total; when the first newer one expires, the rest become the older ones. So a
pane is merged three times in its life, whatever the window, and a silence costs nothing at all.

Occupied closed panes are bits of one integer for each cluster and level: bit j is the pane j + 1
before the open one, bits 0..14 the older stack, bits 15..29 the newer. Pane p lives in row p mod 15
of its level.

Source: Tangwongsan, Hirzel, Schneider & Wu (2015), General incremental sliding-window
aggregation, VLDB 8(7).
"""

from typing import NamedTuple

import numpy as np

from kernels.held import snapshot
from kernels.jit import hot_kernel, lean_kernel
from kernels.layout import DARK_TRADE, NO_TRADE, UNDEFINED_PRICE
from kernels.panes import clear, copy, derive, merge
from kernels.slots import (
    CLOSED,
    CLOSED0,
    CLUSTERS,
    DARK_FLOW,
    FLOATS,
    FORGOTTEN,
    HELD_I,
    HELD_MID2,
    INTEGERS,
    LEVELS,
    MASK0,
    MESSAGE_FLOW,
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
    SLOTS,
    TRADE_FLOW,
    UNHELD,
    UNKNOWN,
)

ALL_CLOSED = (1 << CLOSED) - 1


class WindowState(NamedTuple):
    """All running state of the families without account tables; few arrays, so cheap to pass."""

    f: np.ndarray  # (S, FLOATS) float64: window slots and live fields, see slots.py
    i: np.ndarray  # (S, INTEGERS) int64: live fields, see slots.py
    tot: np.ndarray  # (1, 5 * SLOTS) float64: the windows of the security `totals` was called for
    profile: np.ndarray  # (S, PROFILE) float64: reference statistics, see profile.py
    held: np.ndarray  # (4, HELD_I) int64: held fields of the windows `find_starts` was called for


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
        np.zeros((LEVELS, HELD_I), np.int64),
    )
    for s in range(securities):
        st.i[s, SESSION] = -1
        reset(s, st)
    return st


@lean_kernel
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


@hot_kernel
def ratio(above, below):
    """Return above / below; NaN where below is 0."""
    return above / below if below != 0.0 else np.nan


@hot_kernel
def closed_row(level, pane):
    """Return the row of a closed pane."""
    return CLOSED0 + level * CLOSED + pane % CLOSED


@lean_kernel
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


@lean_kernel
def advance(s, cluster, level, old, new, f, i):
    """Close pane `old` of one cluster and level, `new` being the open one from now on."""
    mask = i[s, MASK0 + cluster * LEVELS + level]
    opened = i[s, OPENED0 + cluster] >> level & 1
    steps = new - old
    shift = min(steps, CLOSED)
    older = (mask & ALL_CLOSED) << shift & ALL_CLOSED
    newer = mask >> CLOSED << shift
    if newer > ALL_CLOSED:
        older = newer & ALL_CLOSED
        settle(s, cluster, level, new, older, f)
        newer = 0
    if opened:
        here = OPEN0 + level
        if steps <= CLOSED:
            row = closed_row(level, old)
            copy(f, s, row, f, s, here, cluster)
            if cluster == QUOTE_FLOW:
                derive(f, s, row, row)
            total = NEWER0 + level
            if newer == 0:
                copy(f, s, total, f, s, row, cluster)
            else:
                merge(f, s, total, f, s, row, cluster)
            newer |= 1 << (steps - 1)
        i[s, OPENED0 + cluster] &= ~(1 << level)
        if level + 1 < LEVELS:
            coarser = OPEN0 + level + 1
            if i[s, OPENED0 + cluster] >> (level + 1) & 1:
                merge(f, s, coarser, f, s, here, cluster)
            else:
                copy(f, s, coarser, f, s, here, cluster)
                i[s, OPENED0 + cluster] |= 1 << (level + 1)
    i[s, MASK0 + cluster * LEVELS + level] = newer << CLOSED | older


@lean_kernel
def roll(s, now, st):
    """Bring the panes of one security to `now` (ns, not before its last event).

    Called before anything of the event at `now` is written: what a closing pane saw, and the
    values held at its end, are those before the event.
    """
    f, i = st.f, st.i
    new = now // PANE_NS[0]
    for level in range(LEVELS):
        if level > 0:
            new //= PANE_STEP[level]
        old = i[s, PANE0 + level]
        if new == old:
            return
        i[s, PANE0 + level] = new
        if old >= 0:
            snapshot(s, level, old, f, i)
            for cluster in range(CLUSTERS):
                closed = i[s, MASK0 + cluster * LEVELS + level]
                if closed != 0 or i[s, OPENED0 + cluster] >> level & 1:
                    advance(s, cluster, level, old, new, f, i)


@hot_kernel
def open_cluster(s, cluster, st):
    """Make the slots of one cluster of the finest open pane writable."""
    if st.i[s, OPENED0 + cluster] & 1 == 0:
        st.i[s, OPENED0 + cluster] |= 1
        clear(st.f, s, OPEN0, cluster)


@lean_kernel
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


@hot_kernel
def oldest(mask):
    """Return the highest bit of a mask of closed panes that is not 0."""
    age = CLOSED - 1
    while mask >> age & 1 == 0:
        age -= 1
    return age


@lean_kernel
def cluster_totals(s, cluster, f, i, tot):
    """Write the four windows of one cluster to `tot`."""
    opened = i[s, OPENED0 + cluster]
    fresh = LEVELS  # row of the open panes merged so far
    any_open = False
    for level in range(LEVELS):
        if opened >> level & 1:
            here = OPEN0 + level
            if any_open:
                merge(tot, 0, fresh, f, s, here, cluster)
            else:
                copy(tot, 0, fresh, f, s, here, cluster)
            any_open = True
        mask = i[s, MASK0 + cluster * LEVELS + level]
        older, newer = mask & ALL_CLOSED, mask >> CLOSED
        total = NEWER0 + level
        if older:
            row = closed_row(level, i[s, PANE0 + level] - 1 - oldest(older))
            copy(tot, 0, level, f, s, row, cluster)
            if newer:
                merge(tot, 0, level, f, s, total, cluster)
        elif newer:
            copy(tot, 0, level, f, s, total, cluster)
        if any_open:
            if mask:
                merge(tot, 0, level, tot, 0, fresh, cluster)
            else:
                copy(tot, 0, level, tot, 0, fresh, cluster)
            if cluster == QUOTE_FLOW:
                derive(tot, 0, level, fresh)
        elif mask == 0:
            clear(tot, 0, level, cluster)


@lean_kernel
def totals(s, st):
    """Write the four windows of one security to `st.tot`, SLOT of window k at k * SLOTS + SLOT.

    Cost: at most three merges a cluster and level, none where a window is empty.
    """
    for cluster in range(CLUSTERS):
        cluster_totals(s, cluster, st.f, st.i, st.tot)
