"""The block kernel of the feature stage: observations in, one row of 240 for each frame owed.

Every observation is taken into all families; nothing is skipped. A frame is owed at once after an
informative event (trade, dark print, large cancel, a change of the best bid or offer), else after
a stride of the security's own events. All state lies in the arrays of `ExtractState`, so that the
block size changes no bit.
"""

from typing import NamedTuple

import numpy as np

from kernels.accounts import AccountState, accumulate_accounts, reset_accounts, write_accounts
from kernels.conditions import ConditionState, forget_conditions, write_conditions
from kernels.flow import accumulate_flow, write_flow
from kernels.held import find_starts, hold
from kernels.history import (
    FROM,
    NOT_YET,
    UNTIL,
    HistoryState,
    classify,
    enter_half_hour,
    roll_history,
    start_day,
    start_measuring,
)
from kernels.jit import hot_kernel, lean_kernel
from kernels.layout import (
    CANCEL,
    DARK_TRADE,
    LEVEL,
    NO_TRADE,
    NOT_DUE,
    ON_DARK_PRINT,
    ON_LARGE_CANCEL,
    ON_QUOTE,
    ON_STRIDE,
    ON_TRADE,
)
from kernels.ledger import set_closing
from kernels.normalise import NormaliserState, normalise
from kernels.price import accumulate_price, write_price
from kernels.profile import P90, accumulate_profile, roll_profile
from kernels.slots import LAST_TS, LATE_EVENTS, SESSION, SESSION_CLOSE, SESSION_OPEN, TICK
from kernels.tempo import accumulate_tempo, write_tempo
from kernels.volume import accumulate_volume, write_volume
from kernels.windows import WindowState, admit, reset, totals

DAY_NS = 86_400_000_000_000
CLOSING_NS = 900_000_000_000  # the closing interval: the session's last 15 minutes


class ExtractState(NamedTuple):
    """All arrays of the feature stage, as the block kernel takes them."""

    windows: WindowState
    accounts: AccountState
    conditions: ConditionState
    normaliser: NormaliserState
    history: HistoryState
    waited: np.ndarray  # (S,) int64: own events since the last frame, LEVEL corrections left out
    row: np.ndarray  # (240,) float64, scratch


class FrameArrays(NamedTuple):
    """Where frames are written; each as long as the largest block."""

    arrival: np.ndarray  # (N,) int64: daemon-wide index of the event that owed the frame
    ts: np.ndarray  # (N,) int64 ns, event time
    security: np.ndarray  # (N,) int32
    trigger: np.ndarray  # (N,) uint8: ON_TRADE .. ON_STRIDE
    values: np.ndarray  # (N, 240) float32, normalised
    mask: np.ndarray  # (N, 240) uint8, 1 = undefined
    conditions: np.ndarray  # (N, 10) float32
    raw: np.ndarray  # (N, 240) float32, NaN = undefined


@lean_kernel
def follow_session(o, s, st):
    """Move the session's bounds to the day of an observation; without bounds it is a UTC day."""
    i = st.windows.i
    ts = o["ts"]
    if i[s, SESSION_CLOSE] <= i[s, SESSION_OPEN]:
        i[s, SESSION_OPEN] = ts // DAY_NS * DAY_NS
        i[s, SESSION_CLOSE] = i[s, SESSION_OPEN] + DAY_NS
    elif ts >= i[s, SESSION_CLOSE]:
        passed = (ts - i[s, SESSION_OPEN]) // DAY_NS * DAY_NS
        i[s, SESSION_OPEN] += passed
        i[s, SESSION_CLOSE] += passed
    length = i[s, SESSION_CLOSE] - i[s, SESSION_OPEN]
    set_closing(s, i[s, SESSION_CLOSE] - min(CLOSING_NS, length), st.accounts)


@lean_kernel
def open_session(o, s, st):
    """Start a security's windows and day statistics anew when its session number changes."""
    i = st.windows.i
    if i[s, SESSION] >= 0:
        roll_history(s, i[s, LAST_TS], st.history, st.normaliser, st.windows.profile)
        reset(s, st.windows)
        roll_profile(s, st.windows.profile)
        forget_conditions(s, st.conditions)
    follow_session(o, s, st)
    start_day(s, st.history, st.normaliser)
    i[s, SESSION] = o["session"]
    st.waited[s] = 0


@lean_kernel
def forget_security(s, st):
    """Forget what was seen of a security since its session opened; its statistics stay.

    The half-hour is not kept: of its flows a part is lost.
    """
    reset(s, st.windows)
    reset_accounts(s, st.accounts)
    forget_conditions(s, st.conditions)
    start_measuring(s, st.history)
    st.history.place[s, FROM] = NOT_YET
    st.waited[s] = 0


@hot_kernel
def why_informative(o, large):
    """Return why an observation owes a frame at once, NOT_DUE where it does not.

    `large` is the size from which a cancel counts.
    """
    if o["trade"] == DARK_TRADE:
        return ON_DARK_PRINT
    if o["trade"] != NO_TRADE:
        return ON_TRADE
    if o["kind"] == CANCEL and o["removed"] >= large:
        return ON_LARGE_CANCEL
    return ON_QUOTE if o["nbbo_changed"] != 0 else NOT_DUE


@hot_kernel
def accumulate(o, s, st):
    """Take one observation into every family of its security."""
    windows = st.windows
    admit(o, s, windows)
    accumulate_price(o, s, windows)
    accumulate_volume(o, s, windows)
    accumulate_tempo(o, s, windows)
    accumulate_flow(o, s, windows)
    accumulate_accounts(o, s, st.accounts)
    accumulate_profile(o, s, windows)
    hold(o, s, windows)
    if o["late"] != 0:
        windows.i[s, LATE_EVENTS] += 1


@hot_kernel
def write_row(s, now, st):
    """Write the security's 240 features at `now`, its last event's time, to `st.row`."""
    totals(s, st.windows)
    find_starts(s, st.windows)
    write_price(s, now, st.windows, st.row)
    write_volume(s, st.windows, st.row)
    write_tempo(s, now, st.windows, st.row)
    write_flow(s, now, st.windows, st.row)
    write_accounts(s, now, st.accounts, st.row)


@lean_kernel
def write_frame(o, s, trigger, n, st, out):
    """Write frame n: the row, its normalised form and the conditions."""
    now = o["ts"]
    write_row(s, now, st)
    i = st.windows.i
    length = i[s, SESSION_CLOSE] - i[s, SESSION_OPEN]
    fraction = 0.0
    if length > 0:
        fraction = min(max((now - i[s, SESSION_OPEN]) / length, 0.0), 1.0)
    out.arrival[n] = o["arrival"]
    out.ts[n] = now
    out.security[n] = s
    out.trigger[n] = trigger
    for j in range(st.row.shape[0]):
        out.raw[n, j] = st.row[j]
    normalise(s, st.row, st.normaliser, out.values[n], out.mask[n])
    write_conditions(s, fraction, st.row, st.windows, st.conditions, out.conditions[n])


@lean_kernel
def extract(
    observations,  # (N,) OBSERVATION, in arrival order
    stride,  # int64: own events after which a frame is owed
    informative,  # bool: whether an informative event owes a frame at once
    st,  # ExtractState
    out,  # FrameArrays, room for N frames
):
    """Take all observations and write the frames they owe; return how many.

    Observations of unknown listings (security -1) are passed over.
    """
    frames = 0
    for n in range(observations.shape[0]):
        o = observations[n]
        s = np.int64(o["security"])
        if s < 0:
            continue
        if o["session"] != st.windows.i[s, SESSION]:
            open_session(o, s, st)
        i, profile = st.windows.i, st.windows.profile
        if o["ts"] >= st.history.place[s, UNTIL]:
            opens = i[s, SESSION_OPEN]
            enter_half_hour(o["ts"], opens, s, st.history, st.normaliser, profile)
        large = profile[s, P90]
        accumulate(o, s, st)
        classify(o, s, i[s, TICK], st.history, st.normaliser, profile)
        if o["kind"] != LEVEL:
            st.waited[s] += 1
        trigger = why_informative(o, large) if informative else NOT_DUE
        if trigger == NOT_DUE and st.waited[s] >= stride:
            trigger = ON_STRIDE
        if trigger != NOT_DUE:
            write_frame(o, s, trigger, frames, st, out)
            frames += 1
            st.waited[s] = 0
    return frames
