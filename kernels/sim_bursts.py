"""Agents that flip, stuff and probe, their look-alikes, and the prints outside the NBBO."""

import numpy as np

from kernels.jit import kernel
from kernels.sim_agents import (
    BUILD,
    FORCE,
    PULL,
    START,
    after,
    begin_cycle,
    chance,
    draw,
    end_cycle,
    member,
    pull_one,
    resting,
    round_lots,
)
from kernels.sim_book import new_id, place, take
from kernels.sim_cast import FLIP, GENUINE, LARGE, OWN_ORDERS
from kernels.sim_pool import enter_dark
from kernels.sim_state import BUY, IMMEDIATE, NOTHING, RESTS, SELL

_FAR = 1 << 40


@kernel
def _flip(m, a):
    """Enter the order the other way after the pull; a flip comes within 10 ms of it."""
    agent = m["agents"][a]
    side = agent["side"]
    tick = m["best"][side]
    if chance(m, a, 0.5):
        tick = m["best"][1 - side]
    size = round_lots(m, a, agent["size"] * draw(m, a, 0.7, 1.4))
    before = agent["messages"]
    place(m, side, tick, size, member(agent, agent["cycle"] + 1), a, GENUINE)
    if agent["messages"] > before and agent["evidence"] < 0 and agent["code"] == FLIP:
        agent["evidence"] = m["clock"]
    agent["phase"] = FORCE
    if resting(m, a, NOTHING) > 0:
        after(m, a, draw(m, a, 1e7, 5e9))
    else:
        end_cycle(m, a)


@kernel
def step_flip(m, a):
    """Post one side, pull it, enter the other; the reverser takes longer between the two."""
    agent = m["agents"][a]
    if agent["phase"] == START:
        begin_cycle(agent)
        other = 1 - agent["side"]
        away = agent["distance"]
        tick = m["best"][other] + (away if other == SELL else -away)
        size = round_lots(m, a, agent["size"] * agent["ratio"])
        place(m, other, tick, size, member(agent, agent["cycle"]), a, LARGE)
        agent["phase"] = BUILD
        after(m, a, agent["span"])
    elif agent["phase"] == BUILD:
        if pull_one(m, a, LARGE) > 0:
            agent["phase"] = PULL
            longest = 9.9e6 if agent["code"] == FLIP else 1e9
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
    """Enter and pull orders behind the touch in a burst; the restarter sends fewer messages."""
    agent = m["agents"][a]
    if agent["phase"] == START:
        begin_cycle(agent)
        agent["phase"] = BUILD
    held = 0
    for j in range(OWN_ORDERS):
        held += agent["orders"][j] >= 0
    if agent["phase"] == BUILD:
        if held == 0 or (held < OWN_ORDERS - 4 and chance(m, a, 0.5)):
            side = BUY if chance(m, a, 0.5) else SELL
            away = np.int64(draw(m, a, 1.0, 9.0))
            tick = m["best"][side] + (away if side == SELL else -away)
            size = round_lots(m, a, agent["size"] * draw(m, a, 0.5, 2.0))
            place(m, side, tick, size, member(agent, agent["burst"]), a, GENUINE)
        else:
            pull_one(m, a, NOTHING)
        if agent["burst"] >= agent["target"]:
            agent["phase"] = PULL
    else:
        pull_one(m, a, NOTHING)
        if resting(m, a, NOTHING) == 0:
            end_cycle(m, a)
            return
    after(m, a, agent["span"] / agent["target"] * draw(m, a, 0.2, 3.0))


@kernel
def _exploit(m, a):
    """Use what a filled probe told: take the rest in the pool, or trade ahead of it on the book."""
    agent = m["agents"][a]
    side = agent["side"]
    size = round_lots(m, a, agent["size"] * agent["ratio"] * draw(m, a, 0.7, 1.4))
    account = member(agent, agent["cycle"] + agent["placed"])
    if agent["mode"] == 0:
        filled = enter_dark(m, side, size, NOTHING, account, a, IMMEDIATE)
    else:
        new_id(m)
        ahead = 1 - side
        filled = take(m, ahead, _FAR if ahead == BUY else -_FAR, size, account, a)
    if filled > 0 and agent["evidence"] < 0:
        agent["evidence"] = m["clock"]
    agent["placed"] += 1
    if agent["placed"] < agent["layers"]:
        after(m, a, draw(m, a, 1e6, 1e8))
        return
    if agent["evidence"] < 0 and agent["cycle"] > 0:
        agent["mode"] = 1
    end_cycle(m, a)


@kernel
def step_ping(m, a):
    """Probe the pool with tiny immediate orders; after a filled one, exploit what it found."""
    agent = m["agents"][a]
    if agent["phase"] == PULL:
        _exploit(m, a)
        return
    if agent["phase"] == START:
        begin_cycle(agent)
        agent["phase"] = BUILD
    size = max(np.int64(1), np.int64(agent["size"] * draw(m, a, 0.5, 2.0)))
    minimum = size if chance(m, a, 0.3) else np.int64(0)
    account = member(agent, agent["tries"])
    agent["tries"] += 1
    if chance(m, a, 0.1):
        agent["side"] = 1 - agent["side"]
    side = agent["side"]
    if enter_dark(m, side, size, minimum, account, a, IMMEDIATE) > 0:
        agent["phase"] = PULL
        after(m, a, agent["reaction"])
    else:
        after(m, a, agent["span"] / agent["target"] * draw(m, a, 0.2, 3.0))


@kernel
def step_sweeper(m, a):
    """Work a parent order: small immediate orders in the pool, the rest on the book."""
    agent = m["agents"][a]
    side = agent["side"]
    size = round_lots(m, a, agent["size"] * draw(m, a, 0.5, 2.0))
    account = member(agent, agent["cycle"])
    if agent["phase"] == START:
        agent["filled"] = enter_dark(m, side, size, NOTHING, account, a, IMMEDIATE)
        if chance(m, a, 0.35):
            agent["phase"] = BUILD
            after(m, a, draw(m, a, 5e4, 5e7))
            return
        if agent["filled"] > 0 and chance(m, a, 0.5):
            agent["size"] = np.int64(agent["size"] * draw(m, a, 1.0, 3.0))
    else:
        new_id(m)
        take(m, side, _FAR if side == BUY else -_FAR, size, account, a)
    end_cycle(m, a)


@kernel
def step_violation(m, a):
    """Print in the pool outside the lit quote, once; the price is kept in `large`."""
    agent = m["agents"][a]
    side = agent["side"]
    enter_dark(m, 1 - side, agent["size"], NOTHING, member(agent, BUY), a, RESTS)
    away = agent["distance"]
    tick = m["best"][SELL] + away if agent["mode"] == 0 else m["best"][BUY] - away
    m["forced"] = tick * m["tick"]
    filled = enter_dark(m, side, agent["size"], NOTHING, member(agent, SELL), a, IMMEDIATE)
    agent["large"] = m["forced"]
    m["forced"] = 0
    if filled > 0:
        agent["evidence"] = m["clock"]
        agent["done"] = 1
    else:
        after(m, a, draw(m, a, 1e6, 1e8))
