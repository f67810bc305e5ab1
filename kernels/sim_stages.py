"""The stages of a simulated day: regimes, shocks, halts, auctions and price limits.

What is planned lies in the security's `stages` in order of time; a limit pause adds its own. The
phases that came of it are logged, so that reports can tell regimes apart.
"""

import math

import numpy as np

from kernels.jit import kernel
from kernels.layout import AUCTION, CLEAR, DARK, HALT, I64_MAX, STATUS
from kernels.sim_book import emit, place
from kernels.sim_call import find_cross, indicate, join_book, trade_auction
from kernels.sim_flow import draw_account, order_size
from kernels.sim_random import normal
from kernels.sim_state import (
    ADD_BEHIND,
    BUY,
    CALLED,
    FREEZE,
    FROZEN,
    LOGGED,
    MIDS,
    NOBODY,
    NOTHING,
    OPEN,
    OPEN_CALL,
    PULSE,
    SELL,
    SET_REGIME,
    SHOCK,
    SHUT,
    STAGED,
    STAGES,
    UNCROSS,
    UNCROSS_LAST,
)
from kernels.sim_timers import set_timer

_STATUS, _CLEAR = np.array([STATUS, CLEAR])
_DARK, _HALT, _CALLING = np.array([DARK, HALT, HALT | AUCTION])
_NO_SIDE = np.int64(-1)
SECOND = np.int64(1_000_000_000)
_WIDEST = 4.0  # usual spreads, however wild the market
_CALL_S = 60  # last part of a pause, in which orders are collected
_PIN_S = 15  # a quote that stands at a limit for so long pauses trading
_MINUTES, _HOUR = 300.0, 3600.0  # s, memory of the two components of volatility
_OPENING_S, _CLOSING_S = 900, 1500  # limits are twice as wide so near the open and the close


@kernel
def _tell(m, kind, flags):
    """Send a message without order on every listing of the security."""
    emit(m, kind, _NO_SIDE, flags, NOTHING, NOBODY)
    for p in range(m["pools"]):
        m["pool"] = p
        emit(m, kind, _NO_SIDE, flags | _DARK, NOTHING, NOBODY)
    m["pool"] = 0


@kernel
def _enter(m, phase):
    """Change the phase and log it."""
    m["phase"] = phase
    if m["logged"] < LOGGED:
        entry = m["log"][m["logged"]]
        entry["ts"] = m["clock"]
        entry["phase"] = phase
        m["logged"] += 1
    m["resumes"] = I64_MAX
    for i in range(m["stage"], STAGES):
        if m["stages"][i]["code"] == UNCROSS and m["stages"][i]["ts"] < I64_MAX:
            m["resumes"] = m["stages"][i]["ts"]
            break


@kernel
def plan(m, ts, code):
    """Add a stage in its place; return whether there was room."""
    last = STAGES - 1
    if m["stages"][last]["ts"] < I64_MAX:
        return False
    i = last
    while i > m["stage"] and m["stages"][i - 1]["ts"] > ts:
        m["stages"][i] = m["stages"][i - 1]
        i -= 1
    stage = m["stages"][i]
    stage["ts"] = ts
    stage["code"] = code
    arm_stage(m)
    return True


@kernel
def arm_stage(m):
    """Set the timer of the next stage."""
    if m["stage"] < STAGES:
        set_timer(m, STAGED, m["stages"][m["stage"]]["ts"])


@kernel
def set_limits(m):
    """Set the price limits around their reference."""
    width = m["width"]
    early = m["clock"] < m["session_open"] + _OPENING_S * SECOND
    if early or m["clock"] > m["session_close"] - _CLOSING_S * SECOND:
        width *= 2.0
    m["limits"][0] = np.int64(math.ceil(m["anchor"] * (1.0 - width)))
    m["limits"][1] = np.int64(math.floor(m["anchor"] * (1.0 + width)))


@kernel
def _mend(m, side):
    """Give a side without orders of its own a few."""
    sign = 1 if side == BUY else -1
    away = np.int64(max(1.0, m["spread"]))
    m["best"][side] = m["best"][1 - side] - sign * away
    tick = m["best"][side]
    for i in range(3):
        place(m, side, tick - sign * i, order_size(m), draw_account(m, ADD_BEHIND), NOBODY, NOTHING)


@kernel
def _forget_quotes(m):
    """Let no pool refer to a quote from before the book opened."""
    m["quotes"] = 0
    for i in range(MIDS):
        m["mids"][i]["ts"] = m["mids"][i]["bid"] = m["mids"][i]["ask"] = -1


@kernel
def _uncross(m, code):
    """Trade the auction; go on with the day, or end it."""
    if m["crossing"] == 0:
        find_cross(m)
        m["crossing"] = 1
    if not trade_auction(m):
        plan(m, m["clock"] + 1, code)
        return
    m["crossing"] = 0
    m["paired"] = 0
    join_book(m)
    m["anchor"] = m["average"] = np.float64(m["cross"])
    m["pinned"] = 0
    set_limits(m)
    if code == UNCROSS_LAST:
        _tell(m, _STATUS, _HALT)
        _tell(m, _CLEAR, NOTHING)
        _enter(m, SHUT)
        return
    _enter(m, OPEN)
    _forget_quotes(m)
    empty = 0
    for side in range(2):
        empty += m["benign"][side] == 0
    if empty == 2:
        m["best"][SELL] = m["cross"] + 1
    for side in range(2):
        if m["benign"][side] == 0:
            _mend(m, side)
    _tell(m, _STATUS, NOTHING)


@kernel
def _close_phase(m, phase):
    """Stop matching: freeze the book, or collect orders for an auction beside it."""
    _enter(m, phase)
    m["limits"][0] = np.int64(m["anchor"] * 0.5)
    m["limits"][1] = np.int64(m["anchor"] * 2.0)
    _tell(m, _STATUS, _CALLING if phase == CALLED else _HALT)


@kernel
def next_stage(m):
    """Carry out the stage that is due."""
    stage = m["stages"][m["stage"]]
    code = stage["code"]
    m["stage"] += 1
    if code == SET_REGIME:
        m["volatility"] = stage["value"]
        m["pace"] = stage["pace"]
        m["drift"] = stage["drift"]
    elif code == SHOCK:
        m["fundamental"] *= math.exp(stage["value"])
    elif code == FREEZE:
        if m["phase"] == OPEN:
            _close_phase(m, FROZEN)
    elif code == OPEN_CALL:
        if m["phase"] == OPEN or m["phase"] == FROZEN:
            _close_phase(m, CALLED)
    elif code == UNCROSS:
        if m["phase"] == CALLED and m["clock"] < m["session_close"]:
            _uncross(m, code)
    elif m["phase"] == CALLED:
        _uncross(m, code)
    arm_stage(m)


@kernel
def _watch_limits(m):
    """Follow the mean price; pause trading where the quote has stood at a limit for too long."""
    bid = m["best"][BUY]
    ask = m["best"][SELL]
    m["average"] += (0.5 * (bid + ask) - m["average"]) / _MINUTES
    if abs(m["average"] / m["anchor"] - 1.0) > 0.01:
        m["anchor"] = m["average"]
    set_limits(m)
    m["pinned"] = m["pinned"] + 1 if ask <= m["limits"][0] or bid >= m["limits"][1] else 0
    pause = m["pause_s"]
    ends = m["clock"] + pause * SECOND
    if m["pinned"] >= _PIN_S and ends < m["session_close"]:
        m["pinned"] = 0
        begins = ends - min(_CALL_S, pause // 2) * SECOND
        if plan(m, ends, UNCROSS):
            if plan(m, begins, OPEN_CALL):
                _close_phase(m, FROZEN)


@kernel
def pulse(m):
    """Move the fundamental and its volatility on by a second."""
    a = 1.0 / _MINUTES
    b = 1.0 / _HOUR
    m["swings"][0] += -a * m["swings"][0] + m["restless"][0] * math.sqrt(2.0 * a) * normal(m)
    m["swings"][1] += -b * m["swings"][1] + m["restless"][1] * math.sqrt(2.0 * b) * normal(m)
    wild = m["volatility"] * math.exp(m["swings"][0] + m["swings"][1])
    sigma = m["sigma"] * wild
    m["breadth"] = m["spread"] * min(wild, _WIDEST)
    m["fundamental"] += sigma * normal(m) + m["fundamental"] * m["drift"]
    if m["phase"] == OPEN:
        _watch_limits(m)
    elif m["phase"] == CALLED and m["crossing"] == 0:
        indicate(m)
    set_timer(m, PULSE, m["clock"] + SECOND)


@kernel
def begin_day(m):
    """Say that an auction is called where the tape starts before the open; set all timers."""
    set_limits(m)
    if m["phase"] == CALLED:
        _close_phase(m, CALLED)
    else:
        _enter(m, m["phase"])
    set_timer(m, PULSE, m["clock"] + SECOND)
    arm_stage(m)
