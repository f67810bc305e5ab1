"""The rules on every event: each one's own file says what it proves and what it lets pass."""

import numpy as np

from kernels.jit import hot_kernel
from kernels.layout import EXECUTE, HALT, NO_TRADE, STATUS
from kernels.queues import follow_queue
from kernels.rule_data import check_feed
from kernels.rule_error import check_error
from kernels.rule_parties import check_parties
from kernels.rule_priority import (
    acquit_passed,
    check_increment,
    check_queue,
    settle_passed,
)
from kernels.rule_rows import PRIORITIES, TRADE_THROUGHS
from kernels.rule_trade_through import acquit_suspects, check_trade, free_suspects, push_nbbo


@hot_kernel
def follow_halt(state, e, o):
    """Count the security's listings that are under a halt."""
    feed = state.feeds[o["listing"]]
    halted = 1 if e["flags"] & HALT else 0
    watch = state.watches[o["security"]]
    watch["halted"] += halted - np.int64(feed["halted"])
    feed["halted"] = halted


@hot_kernel
def check_rules(
    events,  # (N,) EVENT
    observations,  # (N,) OBSERVATION of the same events
    n,  # int64: how many of them
    state,  # RuleState
    queues,  # QueueState, with room for N more orders
    people,  # PeopleState
    hits,  # (>= HITS_AN_EVENT * N + 2 * SUSPECTS * securities,) HIT
):
    """Hold N events against the rules, write what breaks them and return how many that are.

    Trade-throughs come when they are settled, which may be at a later event: `arrival` says which
    event broke the rule, `decided` which one settled it.
    """
    count = 0
    for i in range(n):
        e = events[i]
        o = observations[i]
        s = np.int64(o["security"])
        if s < 0:
            continue
        watch = state.watches[s]
        if watch["suspects"] > 0:
            count = free_suspects(state, s, o, hits, count)
        if watch["passed"] > 0:
            count = settle_passed(state, s, o, hits, count)
            if e["kind"] <= EXECUTE:
                acquit_passed(state, s, e, o)
        if o["trade"] != NO_TRADE:
            count = check_trade(state, e, o, hits, count)
            count = check_parties(state, people, e, o, hits, count)
            if e["kind"] == EXECUTE:
                check_queue(state, queues, people, e, o)
        count = check_increment(state, e, o, hits, count)
        count = check_error(state, queues, e, o, hits, count)
        dark = state.feeds[o["listing"]]["dark"] != 0
        follow_queue(queues, e, o, dark, state.settings[0]["keeps_place"] != 0)
        if o["nbbo_changed"]:
            push_nbbo(state.ring, watch, s, o, state.settings[0]["clock_error"])
            if watch["suspects"] > 0:
                acquit_suspects(state, s, o)
        if e["kind"] == STATUS:
            follow_halt(state, e, o)
        count = check_feed(state, e, o, hits, count)
    return count


@hot_kernel
def settle_rules(
    state,  # RuleState
    hits,  # (>= 2 * SUSPECTS * securities,) HIT
):
    """Settle all suspects at the end of a stream; return how many hits that are."""
    count = 0
    for s in range(state.watches.shape[0]):
        watch = state.watches[s]
        for i in range(watch["suspects"]):
            hits[count] = state.waiting[s, i]
            count += 1
        state.counters[TRADE_THROUGHS] += watch["suspects"]
        for i in range(watch["passed"]):
            hits[count] = state.passed[s, i]
            count += 1
        state.counters[PRIORITIES] += watch["passed"]
        watch["suspects"] = 0
        watch["passed"] = 0
    for i in range(count):
        hit = hits[i]
        hit["decided"] = -1
    return count
