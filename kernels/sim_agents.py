"""Agents that spoof and layer, and the makers that look like them.

An agent is a small state machine that its timer steps. It enters orders through the same book as
everybody, so the market reacts to it, and marks its own start, evidence and end.
"""

import numpy as np

from kernels.jit import kernel
from kernels.sim_acts import (
    after,
    begin_cycle,
    behind,
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
    spread,
)
from kernels.sim_book import place
from kernels.sim_cast import BUILD, FORCE, GENUINE, LARGE, PULL, SKEWER, START, WAIT
from kernels.sim_state import LEVELS, NOTHING

_TRIES = 40  # to cross the spread


@kernel
def _place_genuine(m, a):
    """Enter the small order that is meant to trade, at the touch or just inside."""
    agent = m["agents"][a]
    away = -1 if spread(m) > 1 and chance(m, a, 0.5) else 0
    size = lit_size(m, a, agent["size"] * draw(m, a, 0.7, 1.4))
    post(m, a, agent["side"], away, size, member(agent, agent["cycle"]), GENUINE)


@kernel
def _place_large(m, a):
    """Enter one layer of the large side, which is not meant to trade."""
    agent = m["agents"][a]
    away = np.int64(agent["distance"] + agent["placed"])
    whole = agent["size"] * agent["ratio"]
    size = lit_size(m, a, whole / agent["layers"] * draw(m, a, 0.8, 1.25))
    turn = agent["placed"] + agent["cycle"] + (agent["members"] > 1)
    post(m, a, 1 - agent["side"], away, size, member(agent, turn), LARGE)
    agent["placed"] += 1


@kernel
def _force_fill(m, a):
    """Cross the spread with the genuine order, unless the agent itself is first in the queue."""
    agent = m["agents"][a]
    side = agent["side"]
    tick = m["best"][1 - side]
    first = m["levels"][tick & (LEVELS - 1)]["head"]
    agent["tries"] += 1
    if m["orders"][first]["agent"] != a and pull_one(m, a, GENUINE) == 0:
        account = member(agent, agent["cycle"])
        place(m, side, tick, lit_size(m, a, agent["size"]), account, a, GENUINE)
    if agent["filled"] > 0:
        agent["phase"] = WAIT
        after(m, a, agent["reaction"])
    elif agent["tries"] > _TRIES:
        agent["phase"] = PULL
        after(m, a, draw(m, a, 1e6, 1e8))
    else:
        after(m, a, share_of_span(m, a, 0.01, 0.1))


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
            if 2 * agent["pulled"] >= agent["large"]:
                show(m, a)
    else:
        pull_one(m, a, NOTHING)
    if resting(m, a, LARGE) > 0:
        after(m, a, draw(m, a, 2e4, 5e6))
    elif resting(m, a, NOTHING) > 0:
        after(m, a, share_of_span(m, a, 0.01, 0.5))
    else:
        end_cycle(m, a)


@kernel
def step_spoof(m, a):
    """Spoof or layer: a small order, a large side opposite, a fill, the large side pulled."""
    agent = m["agents"][a]
    if agent["phase"] == START:
        begin_cycle(m, a)
        _place_genuine(m, a)
        agent["phase"] = BUILD
        after(m, a, share_of_span(m, a, 0.003, 0.1))
    elif agent["phase"] == BUILD:
        _place_large(m, a)
        if agent["placed"] < agent["layers"]:
            after(m, a, share_of_span(m, a, 0.002, 0.25) / agent["layers"])
        else:
            agent["phase"] = WAIT
            after(m, a, agent["reaction"] if agent["filled"] > 0 else share_of_span(m, a, 0.4, 0.9))
    elif agent["phase"] == WAIT:
        last = agent["cycle"] + 1 >= agent["cycles"] and agent["evidence"] < 0
        if agent["filled"] == 0 and (last or chance(m, a, min(0.9, 0.8 / agent["stealth"]))):
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
    """Quote both sides in size, unevenly; after a fill pull the rest and quote anew.

    The skewer has more levels, heavy on one side for its inventory's sake, and pulls that side
    first where a hedge elsewhere has done its work; the quoter pulls in order of entry.
    """
    agent = m["agents"][a]
    skews = agent["code"] == SKEWER
    if agent["phase"] == START:
        begin_cycle(m, a)
        agent["phase"] = BUILD
    if agent["phase"] == BUILD:
        side = np.int64((agent["side"] + agent["placed"]) & 1)
        tick = behind(m, side, np.int64(agent["distance"] + (agent["placed"] >> 1)))
        size = agent["size"] * draw(m, a, 0.7, 1.4)
        heavy = agent["placed"] & 1
        if heavy:
            size *= agent["ratio"] / (agent["layers"] if skews else 1)
        role = LARGE if heavy and skews else GENUINE
        account = member(agent, agent["cycle"])
        place(m, side, tick, lit_size(m, a, size), account, a, role)
        agent["placed"] += 1
        if agent["placed"] < 2 * agent["layers"]:
            after(m, a, draw(m, a, 2e4, 2e7))
        else:
            agent["phase"] = WAIT
            after(m, a, agent["reaction"] if agent["filled"] > 0 else share_of_span(m, a, 0.4, 1.0))
        return
    if agent["phase"] == WAIT:
        agent["phase"] = PULL
        agent["mode"] = LARGE if skews and chance(m, a, 0.5) else NOTHING
    if pull_one(m, a, agent["mode"]) == 0:
        pull_one(m, a, NOTHING)
    if agent["mode"] == LARGE and resting(m, a, LARGE) == 0 and resting(m, a, NOTHING) > 0:
        agent["mode"] = NOTHING
        after(m, a, share_of_span(m, a, 0.01, 0.5))
    elif resting(m, a, NOTHING) > 0:
        after(m, a, draw(m, a, 2e4, 2e7))
    else:
        end_cycle(m, a)
