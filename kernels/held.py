"""Values held between events: their time integrals, and what they were when a window began.

A held value (midpoint, spread, imbalance) is constant between events, so its integral to any time
follows from its last change. Each level keeps the held fields as they stood when its last 16
occupied panes closed; the newest of those before the window is the state at the window's start,
and the integral over the window is a difference of two exact integers, which wrap modulo 2^64 and
so neither round nor drift. A silence of any length costs nothing.
"""

import math

import numpy as np

from kernels.jit import hot_kernel, lean_kernel
from kernels.layout import UNDEFINED_PRICE
from kernels.slots import (
    ANCHOR,
    FIRST_TS,
    FRACTION,
    HALF_TICK,
    HELD_BASE0,
    HELD_COUNT0,
    HELD_F,
    HELD_F0,
    HELD_I,
    HELD_I0,
    HELD_IMBALANCE,
    HELD_MID,
    HELD_MID2,
    HELD_QUEUE,
    HELD_RING,
    HELD_RING_F,
    HELD_RING_I,
    HELD_SPREAD,
    HELD_SPREAD2,
    IMBALANCE_AREA,
    IMBALANCE_TIME,
    LAST_TS,
    LEVELS,
    MICROPRICE,
    MID_AREA,
    MID_TIME,
    NOT_HELD,
    PANE0,
    PANE_NS,
    PANES,
    QUEUE_AREA,
    QUEUE_TIME,
    SPREAD_AREA,
    SPREAD_AREA2,
    SPREAD_TIME,
    TICK,
)

# Bounds that keep a minute's integral inside 63 bits: midpoints move in units of at least 2^-26 of
# the first one, spreads count up to 12,000 ticks.
AREAS = 9  # integrals, the fields after LAST_TS
# The field that each runs with, and whether it counts the time held instead of the value.
AREA_VALUE = (
    np.array(
        [HELD_MID, HELD_MID, HELD_SPREAD, HELD_SPREAD, HELD_SPREAD2]
        + [HELD_QUEUE, HELD_QUEUE, HELD_IMBALANCE, HELD_IMBALANCE]
    )
    - HELD_I0
)
AREA_CLOCK = np.array([True, False, True, False, False, True, False, True, False])

MID_BITS = 26
MAX_SPREAD = 12_000


@lean_kernel
def snapshot(s, level, pane, f, i):
    """Keep the held fields as they stood when `pane` of one level closed."""
    count = i[s, HELD_COUNT0 + level]
    slot = level * HELD_RING + count % HELD_RING
    at = HELD_RING_I + slot * (HELD_I + 1)
    i[s, at] = pane
    for j in range(HELD_I):
        i[s, at + 1 + j] = i[s, HELD_I0 + j]
    at = HELD_RING_F + slot * HELD_F
    for j in range(HELD_F):
        f[s, at + j] = f[s, HELD_F0 + j]
    i[s, HELD_COUNT0 + level] = count + 1


@lean_kernel
def find_starts(s, st):
    """Write to `st.held` what each window holds: after `windows.roll`, before the readers below.

    Row k has the fields of HELD_I0: integrals from the window's start to the last observation, and
    the other fields as held when the window starts, NOT_HELD where nothing came before it.
    """
    i, held = st.i, st.held
    for level in range(LEVELS):
        count = i[s, HELD_COUNT0 + level]
        base = max(i[s, HELD_BASE0 + level], count - HELD_RING - 1)
        before = i[s, PANE0 + level] - PANES
        while base + 1 < count:
            slot = level * HELD_RING + (base + 1) % HELD_RING
            if i[s, HELD_RING_I + slot * (HELD_I + 1)] > before:
                break
            base += 1
        i[s, HELD_BASE0 + level] = base
        for j in range(AREAS):
            held[level, 1 + j] = i[s, HELD_I0 + 1 + j]
        if base < 0:
            held[level, 0] = NOT_HELD
            for j in range(1 + AREAS, HELD_I):
                held[level, j] = NOT_HELD
            continue
        at = HELD_RING_I + (level * HELD_RING + base % HELD_RING) * (HELD_I + 1) + 1
        held[level, 0] = i[s, at]
        for j in range(1 + AREAS, HELD_I):
            held[level, j] = i[s, at + j]
        waited = (before + 1) * PANE_NS[level] - i[s, at]
        for j in range(AREAS):
            value = i[s, at + AREA_VALUE[j]]
            grown = waited * (1 if AREA_CLOCK[j] else value) if value != NOT_HELD else 0
            held[level, 1 + j] -= i[s, at + 1 + j] + grown


@hot_kernel
def window_start(s, level, st):
    """Return the ns at which the window of one level starts: the left edge of its oldest pane."""
    return (st.i[s, PANE0 + level] - PANES + 1) * PANE_NS[level]


@hot_kernel
def integer_at_start(s, level, field, st):
    """Return an integer held field (its offset in `i`) as held when the window starts.

    NOT_HELD when nothing came before the window. Not for integrals.
    """
    return st.held[level, field - HELD_I0]


@hot_kernel
def float_at_start(s, level, field, st):
    """Return a float held field (its offset in `f`) as held when the window starts.

    NaN when nothing came before the window.
    """
    base = st.i[s, HELD_BASE0 + level]
    if base < 0:
        return math.nan
    slot = level * HELD_RING + base % HELD_RING
    return st.f[s, HELD_RING_F + slot * HELD_F + field - HELD_F0]


@hot_kernel
def time_in_window(s, level, now, time, value, st):
    """Return for how many ns of a window, up to `now`, the field `value` was held."""
    total = st.held[level, time - HELD_I0]
    if st.i[s, value] != NOT_HELD:
        total += now - st.i[s, LAST_TS]
    return total


@hot_kernel
def area_in_window(s, level, now, area, value, st):
    """Return the integral of the held field `value` over a window up to `now`, an exact integer."""
    total = st.held[level, area - HELD_I0]
    held = st.i[s, value]
    if held != NOT_HELD:
        total += (now - st.i[s, LAST_TS]) * held
    return total


@hot_kernel
def mean_in_window(s, level, now, time, area, value, st):
    """Return the time-weighted mean of a held value over a window, in its own unit.

    `time`, `area` and `value` are its three fields of `i`. NaN where it was never held for 1 ns.
    """
    span = time_in_window(s, level, now, time, value, st)
    if span <= 0:
        return math.nan
    return area_in_window(s, level, now, area, value, st) / span


@hot_kernel
def observed_from(s, level, st):
    """Return the ns from which a window was watched: its start, or the first observation."""
    return max(window_start(s, level, st), st.i[s, FIRST_TS])


@lean_kernel
def hold(o, s, st):
    """Run the integrals to an observation's time, then hold the values it leaves behind.

    The last step of an observation: until then families see what was held before it.
    """
    i = st.i
    ts = o["ts"]
    if i[s, LAST_TS] >= 0:
        dt = ts - i[s, LAST_TS]
        if i[s, HELD_MID] != NOT_HELD:
            i[s, MID_TIME] += dt
            i[s, MID_AREA] += dt * i[s, HELD_MID]
        spread = i[s, HELD_SPREAD]
        if spread != NOT_HELD:
            i[s, SPREAD_TIME] += dt
            i[s, SPREAD_AREA] += dt * spread
            i[s, SPREAD_AREA2] += dt * i[s, HELD_SPREAD2]
        if i[s, HELD_QUEUE] != NOT_HELD:
            i[s, QUEUE_TIME] += dt
            i[s, QUEUE_AREA] += dt * i[s, HELD_QUEUE]
        if i[s, HELD_IMBALANCE] != NOT_HELD:
            i[s, IMBALANCE_TIME] += dt
            i[s, IMBALANCE_AREA] += dt * i[s, HELD_IMBALANCE]
    else:
        i[s, FIRST_TS] = ts
    i[s, LAST_TS] = ts

    mid2 = o["mid2"]
    i[s, HELD_MID2] = mid2
    if mid2 == UNDEFINED_PRICE:
        i[s, HELD_MID] = NOT_HELD
        st.f[s, MICROPRICE] = math.nan
    else:
        if i[s, HALF_TICK] == 0:
            i[s, ANCHOR] = mid2
            i[s, HALF_TICK] = max(i[s, TICK], abs(mid2) >> MID_BITS, 1)
        i[s, HELD_MID] = (mid2 - i[s, ANCHOR]) // i[s, HALF_TICK]
        st.f[s, MICROPRICE] = 0.5 * mid2
    i[s, HELD_SPREAD] = NOT_HELD
    i[s, HELD_SPREAD2] = NOT_HELD
    i[s, HELD_QUEUE] = NOT_HELD
    if o["quoted"] != 0:
        spread = (o["ask"] - o["bid"]) // max(i[s, TICK], 1)
        spread = min(max(spread, -MAX_SPREAD), MAX_SPREAD)
        i[s, HELD_SPREAD] = spread
        i[s, HELD_SPREAD2] = spread * spread
        bid, ask = float(o["bid_size"]), float(o["ask_size"])
        if bid + ask > 0.0:
            i[s, HELD_QUEUE] = math.floor((bid - ask) / (bid + ask) * FRACTION + 0.5)
            st.f[s, MICROPRICE] = (o["ask"] * bid + o["bid"] * ask) / (bid + ask)
    imbalance = o["depth_imbalance"]
    if math.isnan(imbalance):
        i[s, HELD_IMBALANCE] = NOT_HELD
    else:
        i[s, HELD_IMBALANCE] = math.floor(imbalance * FRACTION + 0.5)
