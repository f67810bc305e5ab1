"""Agents that push the price: to set off followers, and into the close; and honest executions."""

import numpy as np

from kernels.jit import kernel
from kernels.sim_acts import (
    after,
    begin_cycle,
    chance,
    draw,
    end_cycle,
    finish,
    lit_size,
    member,
    post,
    pull_one,
    share_of_span,
    show,
    sweep,
    touch_size,
    wait_for_it,
)
from kernels.sim_cast import CLOSE, FORCE, GENUINE, IGNITE, PULL, START, UNWIND
from kernels.sim_random import below
from kernels.sim_state import NOTHING

_LARGEST = 5000.0  # shares where the scale of sizes is 1: the benign flow's largest trade


@kernel
def _push(m, a):
    """Take what lies on a few levels of the other side."""
    agent = m["agents"][a]
    levels = np.int64(1 + below(agent, agent["layers"]))
    there = touch_size(m, 1 - agent["side"], levels) * draw(m, a, 0.4, 1.3) * agent["ratio"]
    size = min(lit_size(m, a, there), np.int64(_LARGEST * m["lot"]))
    account = member(agent, agent["placed"])
    agent["held"] += sweep(m, a, agent["side"], levels, size, account)
    agent["placed"] += 1


@kernel
def _give_back(m, a):
    """Sell into the followers: quote at the touch, and cross the spread when time runs out."""
    agent = m["agents"][a]
    pull_one(m, a, NOTHING)
    left = agent["held"] - agent["filled"] - agent["pulled"]
    hard = agent["gives_up"] if agent["evidence"] < 0 else agent["deadline"]
    if left <= 0 or m["clock"] >= hard:
        end_cycle(m, a)
        return
    other = 1 - agent["side"]
    size = min(left, lit_size(m, a, max(agent["size"], left * draw(m, a, 0.15, 0.6))))
    account = member(agent, agent["placed"] + agent["tries"])
    agent["tries"] += 1
    agent["proof"] = GENUINE if agent["evidence"] < 0 else 0
    if chance(m, a, 0.35) or agent["tries"] > 12:
        filled = sweep(m, a, other, 0, size, account)
        agent["pulled"] += filled
        if filled > 0:
            show(m, a)
    else:
        post(m, a, other, 0, size, account, GENUINE)
    after(m, a, share_of_span(m, a, 0.02, 0.25))


@kernel
def step_ignite(m, a):
    """Sweep several levels, let followers come, trade the other way.

    The executor looks alike: it sweeps on news or works a parent order, and keeps what it bought.
    """
    agent = m["agents"][a]
    if agent["phase"] == START:
        begin_cycle(m, a)
        agent["phase"] = PULL
    if agent["phase"] == PULL:
        _push(m, a)
        lights = agent["code"] == IGNITE
        if agent["placed"] < agent["target"]:
            whole = 0.4 if lights or agent["mode"] == 0 else 1.0
            after(m, a, whole * agent["span"] / agent["target"] * draw(m, a, 0.2, 2.5))
        elif lights:
            agent["phase"] = UNWIND
            after(m, a, share_of_span(m, a, 0.02, 0.3))
        else:
            end_cycle(m, a)
    else:
        _give_back(m, a)


@kernel
def _last(m, a):
    """Trade once more, the last before the close; again until it is filled."""
    agent = m["agents"][a]
    before = agent["held"]
    _push(m, a)
    if agent["held"] > before:
        show(m, a)
        finish(m, a)
    else:
        wait_for_it(m, a, 1e6, 5e7)


@kernel
def step_close(m, a):
    """Trade one way ever more often as the close comes near.

    The closer looks alike: a hedge for the close, evenly paced and half of it patient.
    """
    agent = m["agents"][a]
    if agent["phase"] == START:
        begin_cycle(m, a)
        agent["phase"] = PULL
    if agent["phase"] == FORCE:
        _last(m, a)
        return
    left = np.float64(agent["deadline"] - m["clock"])
    if agent["code"] == CLOSE:
        _push(m, a)
        wait = left * draw(m, a, 0.3, 2.0) * 2.5 / agent["target"]
        if left - wait < 0.004 * agent["span"]:
            agent["phase"] = FORCE
            wait = max(left, 1e6)
        after(m, a, wait)
        return
    pull_one(m, a, NOTHING)
    if left < 0.004 * agent["span"]:
        finish(m, a)
        return
    if chance(m, a, 0.5):
        _push(m, a)
    else:
        size = lit_size(m, a, agent["size"] * draw(m, a, 0.7, 1.8))
        post(m, a, agent["side"], 0, size, member(agent, agent["placed"]), GENUINE)
    after(m, a, min(agent["span"] / agent["target"] * draw(m, a, 0.3, 1.8), max(left, 1e6)))
