"""Averages that wait for the midpoint some time after a trade, without looking ahead.

The quantity of a trade is linear in the later midpoint m: a m - b. So a pane of a level keeps only
(n, sum a, sum b), and is evaluated once, with the midpoint held just before the instant at which
the pane's left edge reaches age tau: a trade of it is then between 15/16 tau and tau old. For the
next 16 panes' time it counts as matured; window k of such a family averages what matured in the
window, trades of one window earlier. A pane that matures while no midpoint is known is dropped.

Bit j of the masks is the pane j before the current one; pane p lives in slot p mod 32.
"""

import math

from kernels.jit import hot_kernel, lean_kernel
from kernels.layout import UNDEFINED_PRICE
from kernels.slots import (
    HELD_MID2,
    LEVELS,
    MATURED0,
    MATURED_DONE0,
    MATURED_KINDS,
    MATURED_OPEN0,
    MATURED_PANE0,
    MATURED_PANES,
    PANE_NS,
    PANE_STEP,
    PANES,
)

DONE_BITS = ((1 << PANES) - 1) << PANES
OPEN_BITS = (1 << PANES) - 1


@hot_kernel
def slot_of(kind, level, pane):
    """Return the offset in `f` of the (n, a, b) of one pane."""
    return MATURED0 + ((kind * LEVELS + level) * MATURED_PANES + pane % MATURED_PANES) * 3


@lean_kernel
def ripen_level(s, kind, level, old, steps, mid, st):
    """Move one ring by `steps` panes and evaluate those that come of age; `mid` NaN: drop them."""
    f, i = st.f, st.i
    at = kind * LEVELS + level
    waiting = i[s, MATURED_OPEN0 + at]
    done = i[s, MATURED_DONE0 + at]
    if waiting == 0 and done == 0:
        return
    shift = min(steps, MATURED_PANES)
    done = done << shift & DONE_BITS
    moved = waiting << shift
    due = moved >> PANES
    age = PANES
    while due:
        if due & 1:
            slot = slot_of(kind, level, old + steps - age)
            if age < MATURED_PANES and not math.isnan(mid):
                f[s, slot + 1] = f[s, slot + 1] * mid - f[s, slot + 2]
                done |= 1 << age
        due >>= 1
        age += 1
    i[s, MATURED_OPEN0 + at] = moved & OPEN_BITS
    i[s, MATURED_DONE0 + at] = done


@lean_kernel
def ripen(s, now, st):
    """Evaluate what came of age up to `now` with the midpoint held until now.

    To be called before the midpoint changes, before `note` and before `matured_mean`; when else it
    is called changes nothing.
    """
    i = st.i
    if i[s, MATURED_PANE0] < 0:
        return
    pane = now // PANE_NS[0]
    mid = math.nan
    if i[s, HELD_MID2] != UNDEFINED_PRICE:
        mid = 0.5 * i[s, HELD_MID2]
    for level in range(LEVELS):
        if level > 0:
            pane //= PANE_STEP[level]
        old = i[s, MATURED_PANE0 + level]
        if pane == old:
            return
        for kind in range(MATURED_KINDS):
            ripen_level(s, kind, level, old, pane - old, mid, st)
        i[s, MATURED_PANE0 + level] = pane


@lean_kernel
def note(s, now, kind, a, b, st):
    """Let a trade at `now` wait: its quantity is a m - b for the midpoint m when it is of age."""
    ripen(s, now, st)
    f, i = st.f, st.i
    pane = now // PANE_NS[0]
    for level in range(LEVELS):
        if level > 0:
            pane //= PANE_STEP[level]
        i[s, MATURED_PANE0 + level] = pane
        slot = slot_of(kind, level, pane)
        at = MATURED_OPEN0 + kind * LEVELS + level
        if i[s, at] & 1 == 0:
            i[s, at] |= 1
            f[s, slot] = 0.0
            f[s, slot + 1] = 0.0
            f[s, slot + 2] = 0.0
        f[s, slot] += 1.0
        f[s, slot + 1] += a
        f[s, slot + 2] += b


@lean_kernel
def matured_mean(s, kind, level, st):
    """Return the mean of what matured in a window; NaN where nothing did. After `ripen`."""
    done = st.i[s, MATURED_DONE0 + kind * LEVELS + level] >> PANES
    pane = st.i[s, MATURED_PANE0 + level] - PANES
    n = 0.0
    total = 0.0
    while done:
        if done & 1:
            slot = slot_of(kind, level, pane)
            n += st.f[s, slot]
            total += st.f[s, slot + 1]
        done >>= 1
        pane -= 1
    return total / n if n > 0.0 else math.nan
