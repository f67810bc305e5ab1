"""Agents that trade ahead of a client's dark orders, and affiliates whose hedge is their own.

The client's orders are benign messages of a benign account; only the affiliate's are the agent's.
"""

import math

from kernels.jit import kernel
from kernels.sim_acts import (
    after,
    begin_cycle,
    chance,
    dark_size,
    draw,
    finish,
    interest,
    lit_size,
    member,
    pace,
    show,
    sweep,
    wait_for_it,
)
from kernels.sim_cast import BUILD, FRONT, START, UNWIND
from kernels.sim_pool import enter_dark
from kernels.sim_state import IMMEDIATE, NOBODY, NOTHING

_LED = 2  # led fills that make it front running
_AGAIN = 0.7  # chance, at a stealth of 1, that the client's next order follows in seconds


@kernel
def _lead(m, a):
    """Trade on the book on the client's side."""
    agent = m["agents"][a]
    size = lit_size(m, a, agent["size"] * draw(m, a, 0.6, 1.8))
    filled = sweep(m, a, agent["side"], 0, size, member(agent, agent["cycle"]))
    agent["held"] += filled
    return filled


@kernel
def _serve(m, a):
    """Send the client's order to the pool; return what was filled."""
    agent = m["agents"][a]
    size = dark_size(m, a, 100.0 * m["lot"] * draw(m, a, 2.0, 20.0))
    return enter_dark(m, agent["side"], size, NOTHING, agent["client"], NOBODY, IMMEDIATE)


@kernel
def _next_child(m, a):
    """Wait for the client's next order, or end."""
    agent = m["agents"][a]
    agent["cycle"] += 1
    shown = agent["evidence"] >= 0 or agent["code"] != FRONT
    late = m["clock"] >= agent["deadline"] or agent["cycle"] >= agent["cycles"]
    if (late and shown) or m["clock"] >= agent["gives_up"]:
        finish(m, a)
        return
    agent["phase"] = START
    if chance(m, a, min(0.9, _AGAIN / math.sqrt(agent["stealth"]))):
        after(m, a, draw(m, a, 3e8, 5e9))
    else:
        after(m, a, pace(m, a, agent["cycles"] - agent["cycle"]))


@kernel
def step_front(m, a):
    """Trade just before most of the client's fills and give the position back after them.

    `ratio` is the share of the client's orders that are led; the first always is, so nothing of
    the campaign comes before its own first message.
    """
    agent = m["agents"][a]
    if agent["phase"] == START:
        if agent["start"] < 0:
            begin_cycle(m, a)
        if interest(m, a, agent["side"], agent["client"]) == 0:
            wait_for_it(m, a, 2e7, 2e9)
            return
        agent["placed"] = 0
        if agent["start"] < 0 or chance(m, a, agent["ratio"]):
            agent["placed"] = 1 if _lead(m, a) > 0 else 0
            if agent["start"] < 0:
                wait_for_it(m, a, 2e7, 2e9)
                return
        agent["phase"] = BUILD
        after(m, a, agent["reaction"] * draw(m, a, 0.5, 2.0))
    elif agent["phase"] == BUILD:
        filled = _serve(m, a)
        if filled > 0 and agent["placed"]:
            agent["acts"] += 1
            if agent["acts"] == _LED:
                show(m, a)
        if agent["held"] > 0:
            agent["phase"] = UNWIND
            after(m, a, min(draw(m, a, 1e8, 8e9), pace(m, a, 1)))
        else:
            _next_child(m, a)
    else:
        size = lit_size(m, a, agent["held"])
        sweep(m, a, 1 - agent["side"], 0, size, member(agent, agent["cycle"]))
        agent["held"] = 0
        _next_child(m, a)


@kernel
def step_hedger(m, a):
    """Serve the client and work a hedge of one's own beside it, neither timed by the other."""
    agent = m["agents"][a]
    if agent["start"] < 0:
        begin_cycle(m, a)
    if agent["start"] < 0 or chance(m, a, 0.5):
        _lead(m, a)
    elif interest(m, a, agent["side"], agent["client"]) > 0:
        _serve(m, a)
    agent["cycle"] += 1
    if agent["cycle"] >= 2 * agent["cycles"] or m["clock"] >= agent["gives_up"]:
        finish(m, a)
    else:
        after(m, a, min(draw(m, a, 2e6, 6e10), pace(m, a, 2 * agent["cycles"] - agent["cycle"])))
