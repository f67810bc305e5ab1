"""DATA: clocks apart, events late, times that the venue itself disowns."""

from kernels.jit import hot_kernel
from kernels.layout import BAD_TIME, ONE_CLOCK
from kernels.rule_rows import (
    CLOCK_DRIFT,
    DATA,
    DATA_HITS,
    DATA_REPEATS,
    LATE_EVENT,
    UNRELIABLE_TIME,
    write_hit,
)


@hot_kernel
def report_feed(state, e, o, hits, count, reason, margin):
    """DATA: write a hit unless the listing had one for this reason a moment ago."""
    feed = state.feeds[o["listing"]]
    told = feed["told"]
    kind = reason - CLOCK_DRIFT
    if o["ts"] - told[kind] < state.settings[0]["repeat"]:
        state.counters[DATA_REPEATS] += 1
        return count
    told[kind] = o["ts"]
    hit = hits[count]
    write_hit(hit, e, o, DATA, reason)
    hit["margin"] = margin
    state.counters[DATA_HITS] += 1
    return count + 1


@hot_kernel
def check_feed(state, e, o, hits, count):
    """DATA: clocks apart, events late, times that the venue itself disowns."""
    if e["flags"] & BAD_TIME:
        return report_feed(state, e, o, hits, count, UNRELIABLE_TIME, 0)
    if not e["flags"] & ONE_CLOCK:
        drift = abs(e["ts_recv"] - e["ts_event"])
        if drift > state.settings[0]["drift"]:
            count = report_feed(state, e, o, hits, count, CLOCK_DRIFT, drift)
    if o["late"] and o["ts"] - e["ts_event"] > state.settings[0]["lateness"]:
        count = report_feed(state, e, o, hits, count, LATE_EVENT, o["ts"] - e["ts_event"])
    return count
