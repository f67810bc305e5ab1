"""Agents inside the simulated market: spoofers, layerers and the quoters that look like them.

An agent is a small state machine that its timer steps. It enters orders through the same book as
everybody, so the market reacts to it, and marks its own start, evidence and end. It draws from its
own stream of random numbers, so the tape before its first message does not depend on it.
"""

import math

import numpy as np

from kernels.jit import kernel
from kernels.sim_book import place, pull
from kernels.sim_cast import GENUINE, LARGE, LOOKALIKE, OWN_ORDERS, WAIT
from kernels.sim_random import log_uniform, uniform
from kernels.sim_state import BUY, LEVELS, NOTHING, ORDERS, SELL
from kernels.sim_timers import set_timer

START, BUILD, PULL, FORCE = 0, 1, 3, 4  # phases; 2 is WAIT


@kernel
def after(m, a, delay):
    """Step agent `a` again `delay` ns from now."""
    ts = m["clock"] + max(np.int64(1), np.int64(delay))
    set_timer(m, ORDERS + a, ts)


@kernel
def draw(m, a, low, high):
    """Return a log-uniform number of the agent's own stream."""
    return log_uniform(m["agents"][a], low, high)


@kernel
def chance(m, a, share):
    """Return whether an event of probability `share` happens, in the agent's own stream."""
    return uniform(m["agents"][a]) < share


@kernel
def round_lots(m, a, size):
    """Return a size as people send them: mostly in round lots, at least 1."""
    lot = 100.0 * m["lot"]
    if size >= lot and chance(m, a, 0.85):
        size = lot * math.floor(size / lot)
    return max(np.int64(1), np.int64(size))


@kernel
def member(agent, turn):
    """Return the account whose turn it is."""
    return np.int64(agent["accounts"][turn % agent["members"]])


@kernel
def resting(m, a, role):
    """Return what is left of the agent's live orders of a role (0 = all)."""
    held = m["agents"][a]["orders"]
    total = np.int64(0)
    for j in range(OWN_ORDERS):
        if held[j] >= 0 and (role == 0 or m["orders"][held[j]]["role"] == role):
            total += m["orders"][held[j]]["left"]
    return total


@kernel
def pull_one(m, a, role):
    """Cancel the agent's first live order of a role (0 = any); return its size, 0 = none."""
    held = m["agents"][a]["orders"]
    for j in range(OWN_ORDERS):
        if held[j] >= 0:
            slot = held[j]
            if role == 0 or m["orders"][slot]["role"] == role:
                left = m["orders"][slot]["left"]
                pull(m, slot, NOTHING)
                return left
    return np.int64(0)


@kernel
def end_cycle(m, a):
    """Go on to the next cycle, or end where all are done and a campaign has its evidence."""
    agent = m["agents"][a]
    agent["cycle"] += 1
    if agent["cycle"] >= agent["cycles"] and (agent["evidence"] >= 0 or agent["code"] >= LOOKALIKE):
        agent["done"] = 1
        return
    agent["phase"] = START
    after(m, a, agent["pause"] * draw(m, a, 0.5, 2.0))


@kernel
def begin_cycle(agent):
    """Forget the last cycle's counts."""
    agent["filled"] = 0
    agent["pulled"] = 0
    agent["large"] = 0
    agent["placed"] = 0
    agent["burst"] = 0
    agent["tries"] = 0


@kernel
def _place_genuine(m, a):
    """Enter the small order that is meant to trade, at the touch or just inside."""
    agent = m["agents"][a]
    side = agent["side"]
    tick = m["best"][side]
    if m["best"][SELL] - m["best"][BUY] > 1 and chance(m, a, 0.5):
        tick += 1 if side == BUY else -1
    size = round_lots(m, a, agent["size"] * draw(m, a, 0.7, 1.4))
    place(m, side, tick, size, member(agent, agent["cycle"]), a, GENUINE)


@kernel
def _place_large(m, a):
    """Enter one layer of the large side, which is not meant to trade."""
    agent = m["agents"][a]
    other = 1 - agent["side"]
    away = np.int64(agent["distance"] + agent["placed"])
    tick = m["best"][other] + (away if other == SELL else -away)
    whole = agent["size"] * agent["ratio"]
    size = round_lots(m, a, whole / agent["layers"] * draw(m, a, 0.8, 1.25))
    turn = agent["placed"] + agent["cycle"] + (agent["members"] > 1)
    place(m, other, tick, size, member(agent, turn), a, LARGE)
    agent["placed"] += 1


@kernel
def _force_fill(m, a):
    """Cross the spread with the genuine order, unless the agent itself is first in the queue."""
    agent = m["agents"][a]
    side = agent["side"]
    tick = m["best"][1 - side]
    first = m["levels"][tick & (LEVELS - 1)]["head"]
    agent["tries"] += 1
    if m["orders"][first]["agent"] != a:
        if pull_one(m, a, GENUINE) == 0:
            account = member(agent, agent["cycle"])
            place(m, side, tick, round_lots(m, a, agent["size"]), account, a, GENUINE)
    if agent["filled"] > 0:
        agent["phase"] = WAIT
        after(m, a, agent["reaction"])
    elif agent["tries"] > 40:
        agent["phase"] = PULL
        after(m, a, draw(m, a, 1e6, 1e8))
    else:
        after(m, a, draw(m, a, 1e6, 1e8))


@kernel
def _pull_side(m, a):
    """Cancel one order, the large side first; the cycle ends with the last."""
    agent = m["agents"][a]
    if agent["large"] == 0:
        agent["large"] = resting(m, a, LARGE)
    size = pull_one(m, a, LARGE)
    if size > 0:
        if agent["filled"] > 0:
            agent["pulled"] += size
            if agent["evidence"] < 0 and 2 * agent["pulled"] >= agent["large"]:
                agent["evidence"] = m["clock"]
    else:
        pull_one(m, a, NOTHING)
    if resting(m, a, LARGE) > 0:
        after(m, a, draw(m, a, 2e4, 5e6))
    elif resting(m, a, NOTHING) > 0:
        after(m, a, draw(m, a, 1e5, 1e9))
    else:
        end_cycle(m, a)


@kernel
def step_spoof(m, a):
    """Spoof or layer: a small order, a large side opposite, a fill, the large side pulled."""
    agent = m["agents"][a]
    if agent["phase"] == START:
        begin_cycle(agent)
        _place_genuine(m, a)
        agent["phase"] = BUILD
        after(m, a, draw(m, a, 1e6, 3e8))
    elif agent["phase"] == BUILD:
        _place_large(m, a)
        if agent["placed"] < agent["layers"]:
            after(m, a, draw(m, a, 2e5, 3e7))
        else:
            agent["phase"] = WAIT
            after(m, a, agent["reaction"] if agent["filled"] > 0 else agent["span"])
    elif agent["phase"] == WAIT:
        last = agent["cycle"] + 1 >= agent["cycles"]
        if agent["filled"] == 0 and last and agent["evidence"] < 0:
            agent["phase"] = FORCE
            _force_fill(m, a)
        else:
            agent["phase"] = PULL
            _pull_side(m, a)
    elif agent["phase"] == FORCE:
        _force_fill(m, a)
    else:
        _pull_side(m, a)


@kernel
def step_quoter(m, a):
    """Quote both sides in size, unevenly; after a fill pull the rest and quote anew."""
    agent = m["agents"][a]
    if agent["phase"] == START:
        begin_cycle(agent)
        agent["phase"] = BUILD
    if agent["phase"] == BUILD:
        side = np.int64((agent["side"] + agent["placed"]) & 1)
        away = np.int64(agent["distance"] + (agent["placed"] >> 1))
        tick = m["best"][side] + (away if side == SELL else -away)
        size = agent["size"] * draw(m, a, 0.7, 1.4)
        if agent["placed"] & 1:
            size *= agent["ratio"]
        account = member(agent, agent["cycle"])
        place(m, side, tick, round_lots(m, a, size), account, a, GENUINE)
        agent["placed"] += 1
        if agent["placed"] < 2 * agent["layers"]:
            after(m, a, draw(m, a, 2e4, 2e7))
        else:
            agent["phase"] = WAIT
            after(m, a, agent["reaction"] if agent["filled"] > 0 else agent["span"])
        return
    agent["phase"] = PULL
    pull_one(m, a, NOTHING)
    if resting(m, a, NOTHING) > 0:
        after(m, a, draw(m, a, 2e4, 2e7))
    else:
        end_cycle(m, a)
