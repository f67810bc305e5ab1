"""Agents that trade with themselves or with one partner, and honest crosses and rebalances.

One account's order rests, inside the spread or in the pool, and another's takes it: a matched
print. Wash trades go round a ring, so nobody's position changes; a painted tape repeats one pair
at one price; an agency cross moves a block from one client to others; a rebalance buys all along.
"""

import math

import numpy as np

from kernels.jit import kernel
from kernels.sim_acts import (
    after,
    begin_cycle,
    behind,
    chance,
    dark_size,
    draw,
    finish,
    lit_size,
    member,
    pace,
    pull_one,
    resting,
    show,
    spread,
    wait_for_it,
)
from kernels.sim_book import new_id, place, take
from kernels.sim_cast import (
    BUILD,
    GENUINE,
    LOOKALIKE,
    PAINT,
    PULL,
    REBALANCER,
    START,
    WASH,
)
from kernels.sim_pool import enter_dark
from kernels.sim_random import below
from kernels.sim_state import BUY, IMMEDIATE, NOTHING, RESTS

_ON_BOOK, _IN_POOL, _EITHER = range(3)  # modes
_WASHED = 2  # matched prints that make wash trades
_PAINTED = 3  # prints of one pair that make a painted tape
_NEW_PRICE = 0.005  # chance that a painter whose price has left the quote takes a new one
_AGAIN = 0.75  # chance, at a stealth of 1, that the next matched trade follows in seconds
_AGAIN_BENIGN = 0.4  # the same of a cross or rebalance
_NOT_ENOUGH = 40  # legs beyond the plan after which an agent gives up


@kernel
def _parties(m, a):
    """Return whose order rests and who takes it, as turns in the agent's accounts."""
    agent = m["agents"][a]
    code = agent["code"]
    if code == WASH:
        return np.int64(agent["cycle"]), np.int64(agent["cycle"] + 1)
    others = max(1, agent["members"] - 1)
    if code == PAINT:
        return np.int64(0), np.int64(1)
    if code == REBALANCER:
        return np.int64(1 + below(agent, others)), np.int64(0)
    return np.int64(0), np.int64(1 + agent["cycle"] % others)


@kernel
def _resting_tick(m, a):
    """Return the tick inside the spread at which the first leg rests."""
    agent = m["agents"][a]
    side = agent["side"]
    room = spread(m) - 1
    tick = behind(m, side, -1 - below(agent, room))
    if agent["code"] == PAINT:
        low, high = m["best"][BUY] + 1, m["best"][BUY] + room
        wanted = agent["mark"] if agent["mark"] > 0 else tick
        tick = np.int64(min(max(wanted, low), high))
        if agent["mark"] == 0:
            agent["mark"] = tick
    return tick


@kernel
def _rest_leg(m, a):
    """Enter the order that is to be met; without room on the book wait or go to the pool."""
    agent = m["agents"][a]
    first, _ = _parties(m, a)
    account = member(agent, first)
    in_pool = agent["mode"] == _IN_POOL or (agent["mode"] == _EITHER and chance(m, a, 0.5))
    if agent["mode"] != _IN_POOL and not in_pool and spread(m) < 2:
        in_pool = agent["mode"] == _EITHER or chance(m, a, 0.1)
        if not in_pool:
            wait_for_it(m, a, 2e7, 2e9)
            return
    low, high = m["best"][BUY] - 1, m["best"][BUY] + spread(m) + 1
    moved = agent["mark"] > 0 and (agent["mark"] < low or agent["mark"] > high)
    if agent["code"] == PAINT and moved:
        if not chance(m, a, _NEW_PRICE):
            wait_for_it(m, a, 2e7, 2e9)
            return
        agent["mark"] = 0
    target = agent["size"] * draw(m, a, 0.6, 1.8)
    if agent["code"] == PAINT and chance(m, a, 0.5):
        agent["side"] = 1 - agent["side"]
    agent["distance"] = _IN_POOL if in_pool else _ON_BOOK
    if in_pool:
        enter_dark(m, agent["side"], dark_size(m, a, target), NOTHING, account, a, RESTS)
    else:
        tick = _resting_tick(m, a)
        place(m, agent["side"], tick, lit_size(m, a, target), account, a, GENUINE)
    agent["phase"] = BUILD
    after(m, a, agent["reaction"] * draw(m, a, 0.5, 2.0))


@kernel
def _own_tick(m, a):
    """Return the tick of the agent's first live order; it must have one."""
    held = m["agents"][a]["orders"]
    j = 0
    while held[j] < 0:
        j += 1
    return np.int64(m["orders"][held[j]]["tick"])


@kernel
def _meet_leg(m, a):
    """Enter the order that meets what rests of the first leg; note a matched print."""
    agent = m["agents"][a]
    left = resting(m, a, NOTHING)
    if left == 0:
        return
    _, second = _parties(m, a)
    account = member(agent, second)
    side = 1 - agent["side"]
    size = left
    if chance(m, a, min(0.9, 0.3 * agent["stealth"])):
        size = np.int64(left * draw(m, a, 0.6, 1.6))
    if agent["distance"] == _IN_POOL:
        size = left if size == left else dark_size(m, a, size)
        enter_dark(m, side, size, NOTHING, account, a, IMMEDIATE)
    else:
        size = left if size == left else lit_size(m, a, size)
        new_id(m)
        take(m, side, _own_tick(m, a), size, account, a)
    if resting(m, a, NOTHING) < left:
        agent["acts"] += 1
        wanted = _WASHED if agent["code"] == WASH else _PAINTED
        if agent["acts"] == wanted and agent["code"] < LOOKALIKE:
            show(m, a)


@kernel
def _next_match(m, a):
    """Go on to the next matched trade, or end."""
    agent = m["agents"][a]
    agent["cycle"] += 1
    shown = agent["evidence"] >= 0 or agent["code"] >= LOOKALIKE
    over = agent["cycle"] >= agent["cycles"] and shown
    late = m["clock"] >= agent["deadline"] and shown
    hopeless = agent["cycle"] >= agent["cycles"] + _NOT_ENOUGH or m["clock"] >= agent["gives_up"]
    if over or late or hopeless:
        finish(m, a)
        return
    agent["phase"] = START
    soon = _AGAIN / math.sqrt(agent["stealth"]) if agent["code"] < LOOKALIKE else _AGAIN_BENIGN
    if chance(m, a, min(0.9, soon)):
        after(m, a, draw(m, a, 2e8, 4e9))
    else:
        after(m, a, pace(m, a, agent["cycles"] - agent["cycle"]))


@kernel
def step_match(m, a):
    """Rest an order, meet it, pull what is left; the whole lasts for the agent's span."""
    agent = m["agents"][a]
    if agent["phase"] == START:
        if agent["start"] < 0:
            begin_cycle(m, a)
        _rest_leg(m, a)
        return
    if agent["phase"] == BUILD:
        _meet_leg(m, a)
        if resting(m, a, NOTHING) > 0:
            agent["phase"] = PULL
            after(m, a, draw(m, a, 1e6, 3e9))
            return
    elif agent["phase"] == PULL:
        pull_one(m, a, NOTHING)
    _next_match(m, a)
