"""The simulator's loop: the earliest of arrivals and timers, one security at a time."""

import math

import numpy as np

from kernels.jit import kernel
from kernels.layout import DARK, I64_MAX
from kernels.sim_book import note_quote, purge
from kernels.sim_flow import arrive, expire, open_book
from kernels.sim_hawkes import draw_arrival, excite
from kernels.sim_play import step_agent
from kernels.sim_pool import pull_dark
from kernels.sim_random import normal
from kernels.sim_state import ORDERS, POOL, TIMERS
from kernels.sim_timers import clear_timer, set_timer

_SECOND = 1_000_000_000
_LIT_LATENCY = 4e4  # ns, medians
_DARK_LATENCY = 9e4


@kernel
def open_security(m):
    """Fill the book; the caller has set clock, price and habits, and then the agents' timers."""
    open_book(m)
    note_quote(m)
    m["next_arrival"] = I64_MAX
    m["excited"] = m["clock"]
    for a in range(m["casts"]):
        set_timer(m, ORDERS + a, m["agents"][a]["planned"])
    set_timer(m, TIMERS - 1, m["clock"] + _SECOND)


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

            if m["next_arrival"] == I64_MAX:
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
                if timer < ORDERS and m["orders"][timer]["venue"] == POOL:
                    pull_dark(m, timer)
                elif timer < ORDERS:
                    expire(m, timer)
                elif timer < TIMERS - 1:
                    step_agent(m, timer - ORDERS)
                else:
                    m["fundamental"] += m["sigma"] * normal(m)
                    set_timer(m, timer, ts + _SECOND)
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
