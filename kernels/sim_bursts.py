"""Agents that flip and stuff, and those that reverse and restart for honest reasons."""

import numpy as np

from kernels.jit import kernel
from kernels.sim_acts import (
    after,
    begin_cycle,
    chance,
    draw,
    end_cycle,
    lit_size,
    member,
    post,
    pull_one,
    resting,
    share_of_span,
    show,
)
from kernels.sim_cast import BUILD, FLIP, FORCE, GENUINE, LARGE, OWN_ORDERS, PULL, START, STUFF
from kernels.sim_state import BUY, NOTHING, SELL

_FLIP_NS = 9.9e6  # a flip comes within 10 ms of the pull
_REVERSAL_NS = 1e9


@kernel
def _flip(m, a):
    """Enter the order the other way after the pull."""
    agent = m["agents"][a]
    side = agent["side"]
    away = 0 if chance(m, a, 0.5) else -np.int64(m["best"][SELL] - m["best"][BUY])
    size = lit_size(m, a, agent["size"] * max(1.0, agent["ratio"] * draw(m, a, 0.3, 0.8)))
    before = agent["messages"]
    post(m, a, side, away, size, member(agent, agent["cycle"] + 1), GENUINE)
    if agent["messages"] > before and agent["code"] == FLIP:
        show(m, a)
    agent["phase"] = FORCE
    if resting(m, a, NOTHING) > 0:
        after(m, a, share_of_span(m, a, 0.05, 1.0))
    else:
        end_cycle(m, a)


@kernel
def step_flip(m, a):
    """Post one side, pull it, enter the other; the reverser takes longer between the two."""
    agent = m["agents"][a]
    if agent["phase"] == START:
        begin_cycle(m, a)
        size = lit_size(m, a, agent["size"] * agent["ratio"])
        account = member(agent, agent["cycle"])
        post(m, a, 1 - agent["side"], np.int64(agent["distance"]), size, account, LARGE)
        agent["phase"] = BUILD
        after(m, a, share_of_span(m, a, 0.25, 0.9))
    elif agent["phase"] == BUILD:
        if pull_one(m, a, LARGE) > 0:
            agent["phase"] = PULL
            longest = _FLIP_NS if agent["code"] == FLIP else _REVERSAL_NS
            after(m, a, draw(m, a, 5e4, longest))
        else:
            end_cycle(m, a)
    elif agent["phase"] == PULL:
        _flip(m, a)
    else:
        pull_one(m, a, NOTHING)
        if resting(m, a, NOTHING) > 0:
            after(m, a, draw(m, a, 1e5, 1e8))
        else:
            end_cycle(m, a)


@kernel
def step_stuff(m, a):
    """Enter and pull orders behind the touch in a burst; the restarter leaves the last to rest."""
    agent = m["agents"][a]
    if agent["phase"] == START:
        begin_cycle(m, a)
        agent["phase"] = BUILD
    held = 0
    for j in range(OWN_ORDERS):
        held += agent["orders"][j] >= 0
    if agent["phase"] == BUILD:
        if held == 0 or (held < OWN_ORDERS - 4 and chance(m, a, 0.5)):
            side = BUY if chance(m, a, 0.5) else SELL
            away = np.int64(draw(m, a, 1.0, 9.0))
            size = lit_size(m, a, agent["size"] * draw(m, a, 0.3, 1.2))
            post(m, a, side, away, size, member(agent, agent["burst"]), GENUINE)
        else:
            pull_one(m, a, NOTHING)
        if agent["burst"] >= agent["target"]:
            agent["phase"] = PULL
            if agent["code"] != STUFF:
                after(m, a, draw(m, a, 1e7, 2e10))
                return
    else:
        pull_one(m, a, NOTHING)
        if resting(m, a, NOTHING) == 0:
            end_cycle(m, a)
            return
    after(m, a, agent["span"] / agent["target"] * draw(m, a, 0.2, 2.8))
