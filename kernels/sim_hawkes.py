"""When the next arrival comes: a marked Hawkes process with exponential kernels.

The intensity is a base rate of U shape over the session plus kernels kicked by every message on
the tape.

Source of the exact draw: Dassios & Zhao (2013), Electron. Commun. Probab. 18(62).
"""

import math

import numpy as np

from kernels.jit import kernel
from kernels.layout import ADD, AUCTION, CANCEL, DARK, EXECUTE, HIDDEN, I64_MAX, IOC, REPLACE
from kernels.sim_random import uniform
from kernels.sim_state import (
    ADD_BEHIND,
    ADD_TOUCH,
    CALLED,
    DARK_CANCEL,
    DARK_PROBE,
    DARK_REST,
    HIDDEN_TRADE,
    KERNELS,
    LIT_CANCEL,
    MARKET,
    MARKS,
    REQUOTE,
)

_CALL_PACE = 0.4  # of the base rate while orders are collected for an auction


@kernel
def season(m, ts):
    """Return the factor of the base rate at `ts`: a U with mean 1 over the session."""
    f = (ts - m["session_open"]) / (m["session_close"] - m["session_open"])
    x = 2.0 * min(max(f, 0.0), 1.0) - 1.0
    return 0.5 + 1.5 * x * x


@kernel
def settle(m):
    """Bring the excitation to the security's clock."""
    dt = (m["clock"] - m["excited"]) * 1e-9
    if dt > 0.0:
        for h in range(KERNELS):
            factor = math.exp(-m["decay"][h] * dt)
            for k in range(MARKS):
                m["excitation"][h, k] *= factor
        m["excited"] = m["clock"]


@kernel
def _source(m, row):
    """Return which source of excitation a message is; -1 = none."""
    side = np.int64(row["side"]) - 1
    kind = row["kind"]
    if kind > EXECUTE or row["flags"] & AUCTION:
        return np.int64(-1)
    if row["flags"] & DARK:
        if kind == ADD:
            return 2 * (DARK_PROBE if row["flags"] & IOC else DARK_REST) + side
        if kind == EXECUTE:
            return 2 * DARK_PROBE + 1 - side
        if kind == REPLACE or row["flags"] & IOC:
            return np.int64(-1)
        return 2 * DARK_CANCEL + side
    if kind == ADD:
        at_touch = row["price"] == m["best"][side] * m["tick"]
        return 2 * (ADD_TOUCH if at_touch else ADD_BEHIND) + side
    if kind == CANCEL:
        return 2 * LIT_CANCEL + side
    if kind == REPLACE:
        return 2 * REQUOTE + side
    return 2 * (HIDDEN_TRADE if row["flags"] & HIDDEN else MARKET) + 1 - side


@kernel
def excite(m):
    """Let the messages of the step excite the flow; large ones excite more.

    Of an order's fills only the first counts, or a crowded touch would feed on its own sweeps.
    """
    settle(m)
    trades = 0
    for i in range(m["count"]):
        row = m["out"][i]
        source = _source(m, row)
        if source < 0:
            continue
        scale = min(max(math.sqrt(np.float64(row["size"]) / (250.0 * m["lot"])), 0.8), 1.4)
        if row["kind"] == EXECUTE:
            trades += 1
            if trades > 1:
                continue
        for h in range(KERNELS):
            for k in range(MARKS):
                m["excitation"][h, k] += scale * m["kicks"][h, source, k]
    m["next_arrival"] = I64_MAX


@kernel
def draw_arrival(m):
    """Draw the next arrival: the first of the base's and of each kernel's own, all independent."""
    settle(m)
    swing = math.exp(m["liveliness"] * (m["swings"][0] + m["swings"][1]))
    pace = season(m, m["clock"]) * m["pace"] * swing
    if m["phase"] == CALLED:
        pace *= _CALL_PACE
    best = -math.log(uniform(m)) / (m["mu"] * pace)
    m["component"] = KERNELS
    for h in range(KERNELS):
        total = 0.0
        for k in range(MARKS):
            total += m["excitation"][h, k]
        if total > 1e-9:
            left = 1.0 + m["decay"][h] * math.log(uniform(m)) / total
            if left > 0.0:
                wait = -math.log(left) / m["decay"][h]
                if wait < best:
                    best = wait
                    m["component"] = h
    m["next_arrival"] = m["clock"] + 1 + np.int64(min(best, 86400.0) * 1e9)
