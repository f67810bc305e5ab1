"""Agents that probe the pool: for what rests there, and for how much; and honest routers."""

import numpy as np

from kernels.jit import kernel
from kernels.sim_acts import (
    after,
    begin_cycle,
    chance,
    dark_size,
    draw,
    end_cycle,
    interest,
    lit_size,
    member,
    share_of_span,
    show,
    sweep,
    wait_for_it,
)
from kernels.sim_cast import BUILD, PULL, START
from kernels.sim_pool import enter_dark
from kernels.sim_random import below
from kernels.sim_state import IMMEDIATE, NOTHING

_STEP = 3  # the step of a bisection that makes it size discovery


@kernel
def _usual_minimum(m, a, size):
    """Return a minimum quantity as often and as large as the benign flow's."""
    if not chance(m, a, 0.2):
        return np.int64(0)
    return min(size, np.int64(100.0 * m["lot"] * (1 + below(m["agents"][a], 4))))


@kernel
def _exploit(m, a):
    """Use what a filled probe told: take the rest in the pool, or trade ahead of it on the book."""
    agent = m["agents"][a]
    side = agent["side"]
    target = agent["size"] * agent["ratio"] * draw(m, a, 0.7, 1.4)
    account = member(agent, agent["cycle"] + agent["placed"])
    if agent["mode"] == 0:
        filled = enter_dark(m, side, dark_size(m, a, target), NOTHING, account, a, IMMEDIATE)
    else:
        filled = sweep(m, a, 1 - side, 0, lit_size(m, a, target), account)
    if filled > 0:
        show(m, a)
    agent["placed"] += 1
    if agent["placed"] < agent["layers"]:
        after(m, a, draw(m, a, 1e6, 1e8))
        return
    agent["placed"] = 0
    if agent["evidence"] < 0:
        agent["mode"] = 1
    if m["clock"] < agent["deadline"]:
        agent["phase"] = BUILD
        after(m, a, agent["span"] / agent["target"] * draw(m, a, 0.2, 2.8))
    else:
        end_cycle(m, a)


@kernel
def step_ping(m, a):
    """Probe the pool with small immediate orders; exploit what each filled one has found."""
    agent = m["agents"][a]
    if agent["phase"] == PULL:
        _exploit(m, a)
        return
    if agent["phase"] == START:
        begin_cycle(m, a)
        agent["phase"] = BUILD
    size = dark_size(m, a, agent["size"] * draw(m, a, 0.6, 1.8))
    account = member(agent, agent["tries"])
    agent["tries"] += 1
    if chance(m, a, 0.1):
        agent["side"] = 1 - agent["side"]
    minimum = _usual_minimum(m, a, size)
    if enter_dark(m, agent["side"], size, minimum, account, a, IMMEDIATE) > 0:
        agent["phase"] = PULL
        after(m, a, agent["reaction"])
    elif m["clock"] < agent["deadline"] or agent["evidence"] < 0:
        longer = 1.0 if m["clock"] < agent["deadline"] else 3.0
        each = agent["span"] / agent["target"] * longer
        wait_for_it(m, a, 0.2 * each, 2.8 * each)
    else:
        end_cycle(m, a)


@kernel
def step_sweeper(m, a):
    """Work a parent order: small immediate orders in the pool, the rest on the book."""
    agent = m["agents"][a]
    side = agent["side"]
    account = member(agent, agent["cycle"])
    target = agent["size"] * draw(m, a, 0.6, 1.8)
    if agent["phase"] == START:
        size = dark_size(m, a, target)
        minimum = _usual_minimum(m, a, size)
        agent["filled"] = enter_dark(m, side, size, minimum, account, a, IMMEDIATE)
        if chance(m, a, 0.35):
            agent["phase"] = BUILD
            after(m, a, draw(m, a, 5e4, 5e7))
            return
        if agent["filled"] > 0 and chance(m, a, 0.5):
            agent["size"] = np.int64(agent["size"] * draw(m, a, 1.0, 3.0))
    else:
        sweep(m, a, side, 0, lit_size(m, a, target), account)
    end_cycle(m, a)


@kernel
def _wait_to_reverse(m, a):
    """Wait for the next trade of the reversal, the last near the end of the cycle's time."""
    agent = m["agents"][a]
    left = np.float64(agent["layers"] - agent["placed"])
    after(m, a, share_of_span(m, a, 1.0, 1.0) / left * draw(m, a, 0.6, 1.0))


@kernel
def _bisect(m, a):
    """Ask the pool for at least half of what may rest there; close in on the answer.

    `large` is what may rest; it shrinks to the half that was refused, or by what was filled.
    """
    agent = m["agents"][a]
    lot = np.int64(100.0 * m["lot"])
    least = max(lot, agent["large"] // 2 // lot * lot)
    account = member(agent, agent["cycle"])
    filled = enter_dark(m, agent["side"], least, least, account, a, IMMEDIATE)
    agent["held"] += filled
    agent["large"] = agent["large"] - filled if filled > 0 else least
    agent["placed"] += 1
    if agent["placed"] == _STEP:
        show(m, a)
    each = agent["span"] / (agent["target"] + 3.0)
    narrow = agent["large"] < 2 * lot and agent["placed"] >= _STEP
    if narrow or agent["placed"] >= agent["target"]:
        agent["phase"] = PULL
        agent["placed"] = 0
        _wait_to_reverse(m, a)
    else:
        after(m, a, each * draw(m, a, 0.3, 1.8))


@kernel
def step_size(m, a):
    """Bisect a resting pool order by its minimum quantities, then trade the other way."""
    agent = m["agents"][a]
    lot = np.int64(100.0 * m["lot"])
    if agent["phase"] == START:
        account = member(agent, agent["cycle"])
        if interest(m, a, agent["side"], account) < 2 * lot:
            agent["side"] = 1 - agent["side"]
        if interest(m, a, agent["side"], account) < 2 * lot:
            wait_for_it(m, a, 2e7, 2e9)
            return
        begin_cycle(m, a)
        agent["large"] = np.int64(agent["size"] * agent["ratio"]) // lot * lot
        agent["phase"] = BUILD
    if agent["phase"] == BUILD:
        _bisect(m, a)
        return
    target = max(agent["held"], agent["size"]) * draw(m, a, 0.7, 1.6) / agent["layers"]
    account = member(agent, agent["cycle"] + 1)
    sweep(m, a, 1 - agent["side"], 0, lit_size(m, a, target), account)
    agent["placed"] += 1
    if agent["placed"] < agent["layers"]:
        _wait_to_reverse(m, a)
    else:
        end_cycle(m, a)


@kernel
def step_discoverer(m, a):
    """Work a parent order in the pool by a minimum quantity that follows the fills; keep it."""
    agent = m["agents"][a]
    lot = np.int64(100.0 * m["lot"])
    if agent["phase"] == START:
        begin_cycle(m, a)
        agent["large"] = np.int64(agent["size"] * agent["ratio"]) // lot * lot
        agent["phase"] = BUILD
    least = max(lot, agent["large"] // lot * lot)
    size = np.int64(least * (1 + below(m["agents"][a], 3)))
    account = member(agent, agent["cycle"])
    if enter_dark(m, agent["side"], size, least, account, a, IMMEDIATE) > 0:
        agent["large"] = np.int64(agent["large"] * draw(m, a, 1.0, 2.0))
    else:
        agent["large"] = np.int64(agent["large"] * draw(m, a, 0.4, 0.8))
    agent["placed"] += 1
    if agent["placed"] < agent["target"]:
        after(m, a, agent["span"] / agent["target"] * draw(m, a, 0.3, 1.8))
    else:
        end_cycle(m, a)
