"""The simulator's loop: the earliest of arrivals and timers, one security at a time."""

import math

import numpy as np

from kernels.jit import kernel
from kernels.layout import DARK, I64_MAX
from kernels.sim_book import purge
from kernels.sim_cast import VIOLATION
from kernels.sim_flow import arrive, expire, staff
from kernels.sim_hawkes import draw_arrival, excite
from kernels.sim_opening import open_book
from kernels.sim_play import step_agent
from kernels.sim_pool import expire_dark
from kernels.sim_quote import note_quote
from kernels.sim_random import normal
from kernels.sim_script import step_script
from kernels.sim_stages import begin_day, next_stage, pulse
from kernels.sim_state import LIT, OPEN, ORDERS, POOL, PULSE, SHUT
from kernels.sim_timers import clear_timer, set_timer

_WAKE_NS = np.int64(1_000_000)  # after the book has opened again, agents go on
_LIT_LATENCY = 4e4  # ns, medians
_DARK_LATENCY = 9e4


@kernel
def open_security(m):
    """Start a tape: an auction before the open, a filled book after it.

    The caller has set clock, price, habits, phase and stages, and the agents' planned starts.
    """
    staff(m)
    begin_day(m)
    if m["phase"] == OPEN:
        open_book(m)
    note_quote(m)
    m["next_arrival"] = I64_MAX
    m["excited"] = m["clock"]
    for a in range(m["casts"]):
        set_timer(m, ORDERS + a, m["agents"][a]["planned"])


@kernel
def _due(m, timer):
    """Carry out a timer that is due. A day that is over lets orders lie; agents await the open."""
    if timer < ORDERS:
        venue = m["orders"][timer]["venue"]
        if m["phase"] == SHUT:
            return
        if venue >= POOL:
            expire_dark(m, timer)
        elif venue == LIT:
            expire(m, timer)
    elif timer == PULSE:
        pulse(m)
    elif timer > PULSE:
        next_stage(m)
    elif m["phase"] == OPEN:
        a = timer - ORDERS
        if m["scripted"] and m["agents"][a]["code"] < VIOLATION:
            step_script(m, a)
        else:
            step_agent(m, a)
    elif m["resumes"] < I64_MAX:
        set_timer(m, timer, m["resumes"] + _WAKE_NS)


@kernel
def advance(
    markets,  # (S,) SECURITY
    until,  # int64 ns, exclusive
    events,  # (N,) EVENT, written
    senders,  # (N,) int32, written
    count,  # int64: rows written before
):
    """Run every security up to `until`; return the rows written, minus 1 - rows where full.

    Called again with more room, it goes on where it stopped. The opening messages of a book are
    sent with the first step.
    """
    for s in range(markets.shape[0]):
        m = markets[s]
        while True:
            if count + m["count"] > events.shape[0]:
                return -1 - count
            for i in range(m["count"]):
                events[count + i] = m["out"][i]
                senders[count + i] = m["senders"][i]
            count += m["count"]
            m["count"] = 0

            if m["next_arrival"] == I64_MAX and m["phase"] != SHUT:
                draw_arrival(m)
            timer = m["heap"][0]
            due = m["due"][timer]
            ts = max(m["clock"], min(due, m["next_arrival"]))
            if ts >= until:
                break
            m["clock"] = ts
            if due > m["next_arrival"]:
                m["next_arrival"] = I64_MAX
                arrive(m)
            else:
                clear_timer(m, timer)
                _due(m, timer)
            purge(m)
            if m["count"] > 0:
                note_quote(m)
                excite(m)
    return count


@kernel
def stamp(
    events,  # (N,) EVENT in event-time order
    feed,  # (2,) int64: newest receive time in ns, next sequence; carried on
    stream,  # () STREAM: random numbers of the latency
):
    """Number the events of the feed and give them receive times that never run backwards."""
    for i in range(events.shape[0]):
        row = events[i]
        median = _DARK_LATENCY if row["flags"] & DARK else _LIT_LATENCY
        latency = np.int64(median * math.exp(0.4 * normal(stream)))
        feed[0] = max(row["ts_event"] + latency, feed[0] + 1)
        row["ts_recv"] = feed[0]
        row["sequence"] = feed[1]
        feed[1] += 1
