"""Agents that live off the pool's midpoint: stale ones and ones that they have moved."""

import numpy as np

from kernels.jit import kernel
from kernels.layout import EXECUTE
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
    post,
    pull_one,
    resting,
    share_of_span,
    show,
    spread,
    sweep,
    unwatch,
    wait_for_it,
    watch,
)
from kernels.sim_cast import BUILD, HIT, LARGE, NBBO, PULL, STALE, START, UNWIND, WATCH
from kernels.sim_pool import enter_dark
from kernels.sim_random import below
from kernels.sim_state import BUY, IMMEDIATE, NOTHING, SELL

_CROSS_NS = 9e8  # the dark cross comes within 1 s of the lit order
_LAG_NS = 1e6  # the pool's reference needs about this long to follow


@kernel
def _double(m):
    """Return twice the lit midpoint in ticks."""
    return np.int64(m["best"][BUY] + m["best"][SELL])


@kernel
def _printed(m, before):
    """Return twice the pool's reference, in ticks, of the first print since message `before`; 0."""
    for i in range(before, m["count"]):
        row = m["out"][i]
        if row["kind"] == EXECUTE:
            return np.int64(2 * row["aux_price"] // m["tick"])
    return np.int64(0)


@kernel
def _better(side, reference, double):
    """Return whether trading at `reference` is better for a side than at `double`."""
    return reference < double if side == BUY else reference > double


@kernel
def _hit(m, a):
    """Meet the pool after the quote has moved; the stale-hunter only where that pays.

    It takes up to `layers` orders' worth at once, while there is something to meet.
    """
    agent = m["agents"][a]
    agent["phase"] = WATCH
    now = _double(m)
    if now == agent["mark"]:
        return
    hunts = agent["code"] == STALE
    side = BUY if now > agent["mark"] else SELL
    if not hunts and chance(m, a, 0.4):
        side = 1 - side
    account = member(agent, agent["cycle"])
    seen = 2 * m["best"][BUY] <= agent["mark"] and agent["mark"] <= 2 * m["best"][SELL]
    if interest(m, a, side, account) == 0 or (hunts and not seen):
        return
    begin_cycle(m, a)
    agent["side"] = side
    before = m["count"]
    filled = np.int64(0)
    for _ in range(agent["layers"]):
        size = dark_size(m, a, agent["size"] * draw(m, a, 0.6, 1.8))
        met = enter_dark(m, side, size, NOTHING, account, a, IMMEDIATE)
        filled += met
        if met == 0:
            break
    agent["held"] = filled
    if filled > 0 and hunts and _better(side, _printed(m, before), now):
        show(m, a)
    unwatch(m, a)
    agent["phase"] = UNWIND
    after(m, a, share_of_span(m, a, 0.3, 1.0))


@kernel
def step_stale(m, a):
    """Wait for the lit midpoint to move, meet a resting peg at the old one, and give it back.

    The chaser looks alike: it trades with a burst of volatility, either way, and keeps what it got.
    """
    agent = m["agents"][a]
    if agent["phase"] == START:
        if m["clock"] >= agent["gives_up"]:
            end_cycle(m, a)
        else:
            watch(m, a)
    elif agent["phase"] == HIT:
        _hit(m, a)
        if agent["phase"] == WATCH:
            after(m, a, draw(m, a, 2e10, 6e10))
    elif agent["phase"] == WATCH:
        wait_for_it(m, a, 2e10, 6e10)
    else:
        if agent["held"] > 0 and agent["code"] == STALE:
            size = lit_size(m, a, agent["held"])
            sweep(m, a, 1 - agent["side"], 0, size, member(agent, agent["cycle"]))
        end_cycle(m, a)


@kernel
def _improve(m, a):
    """Enter a lit order inside the spread, which moves the midpoint the pool will use."""
    agent = m["agents"][a]
    side = agent["side"]
    agent["mark"] = _double(m)
    away = -1 - max(below(agent, spread(m) - 1), below(agent, spread(m) - 1))
    size = lit_size(m, a, agent["size"] * agent["ratio"] * draw(m, a, 0.7, 1.4))
    post(m, a, side, away, size, member(agent, agent["cycle"]), LARGE)


@kernel
def _cross(m, a):
    """Trade in the pool at the moved midpoint, `layers` times or until it fills once.

    The honest quoter does so on either side and not always.
    """
    agent = m["agents"][a]
    moves = agent["code"] == NBBO
    side = 1 - agent["side"]
    if not moves and chance(m, a, 0.5):
        side = 1 - side
    size = dark_size(m, a, agent["size"] * draw(m, a, 0.7, 1.8))
    before = m["count"]
    account = member(agent, agent["cycle"] + 1)
    filled = enter_dark(m, side, size, NOTHING, account, a, IMMEDIATE)
    agent["tries"] += 1
    if filled > 0 and moves and _better(side, _printed(m, before), agent["mark"]):
        agent["filled"] += filled
    unmet = moves and agent["filled"] == 0 and agent["tries"] < 3
    if unmet or agent["tries"] < agent["layers"]:
        after(m, a, min(share_of_span(m, a, 0.02, 0.2), _CROSS_NS / 8))
        return
    agent["phase"] = PULL
    after(m, a, share_of_span(m, a, 0.03, 0.8))


@kernel
def step_nbbo(m, a):
    """Move the midpoint by a lit order, cross in the pool to one's benefit, pull the order.

    The stander looks alike: its quote stands until its time is over or it fills, and its dark
    orders do not wait for it.
    """
    agent = m["agents"][a]
    if agent["phase"] == START:
        account = member(agent, agent["cycle"] + 1)
        if interest(m, a, 1 - agent["side"], account) == 0:
            agent["side"] = 1 - agent["side"]
        if spread(m) < 2 or interest(m, a, 1 - agent["side"], account) == 0:
            wait_for_it(m, a, 2e7, 2e9)
            return
        begin_cycle(m, a)
        _improve(m, a)
        agent["phase"] = BUILD
        wait = share_of_span(m, a, 0.15, 0.6)
        after(m, a, max(_LAG_NS, min(wait, _CROSS_NS * 0.6)) if agent["code"] == NBBO else wait)
    elif agent["phase"] == BUILD:
        if resting(m, a, LARGE) == 0:
            end_cycle(m, a)
        elif agent["code"] != NBBO and chance(m, a, 0.4):
            agent["phase"] = PULL
            after(m, a, share_of_span(m, a, 0.3, 1.0))
        else:
            _cross(m, a)
    else:
        if pull_one(m, a, LARGE) > 0 and agent["filled"] > 0:
            show(m, a)
        end_cycle(m, a)
