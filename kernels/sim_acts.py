"""What every agent does: wait, draw, choose sizes, enter, pull, go on and stop.

An agent draws from its own stream of random numbers and, until its first message, only looks, so
the tape before that message does not depend on it.
"""

import math

import numpy as np

from kernels.jit import kernel
from kernels.sim_book import new_id, place, pull, take
from kernels.sim_cast import LOOKALIKE, OWN_ORDERS, START, WATCH
from kernels.sim_pool import pull_dark
from kernels.sim_random import log_uniform, uniform
from kernels.sim_state import BUY, FIRM, LEVELS, NOTHING, ORDERS, POOL, SELL, WATCHERS
from kernels.sim_timers import set_timer

_FAR = np.int64(1 << 40)  # a limit, in ticks, that every price satisfies
_LIT_LOTS = 0.745  # share of lit orders in round lots, as in the benign flow
_DARK_LOTS = 0.97
_EXTRA_CYCLES = 12  # more than planned and still no evidence: the agent gives up


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
def share_of_span(m, a, low, high):
    """Return a log-uniform share of a cycle's length, in ns, but no more than is left of it.

    Where the cycle is overdue, it is a wait of 1 to 100 ms.
    """
    agent = m["agents"][a]
    left = np.float64(agent["deadline"] - m["clock"])
    if left <= 0.0:
        return draw(m, a, 1e6, 1e8)
    return min(agent["span"] * draw(m, a, low, high), left)


@kernel
def pace(m, a, left):
    """Return the wait, in ns, to the next of `left` acts that fill the time to the deadline."""
    agent = m["agents"][a]
    room = np.float64(agent["deadline"] - m["clock"])
    if room < 1e6 or left < 1:
        return draw(m, a, 1e9, 3e10)
    return min(room / left * draw(m, a, 0.4, 2.0), 0.97 * room)


@kernel
def _in_lots(m, a, size, share):
    """Return a size in round lots with probability `share`, else as it is; at least 1 lot or 1."""
    lot = 100.0 * m["lot"]
    if chance(m, a, share):
        return np.int64(lot * max(1.0, math.floor(size / lot)))
    return max(np.int64(1), np.int64(size))


@kernel
def lit_size(m, a, size):
    """Return a size about `size` as people send it to the book."""
    return _in_lots(m, a, size, _LIT_LOTS)


@kernel
def dark_size(m, a, size):
    """Return a size about `size` as people send it to the pool."""
    return _in_lots(m, a, size, _DARK_LOTS)


@kernel
def member(agent, turn):
    """Return the account whose turn it is."""
    return np.int64(agent["accounts"][turn % agent["members"]])


@kernel
def behind(m, side, away):
    """Return the tick `away` behind the touch of a side."""
    return np.int64(m["best"][side] - away if side == BUY else m["best"][side] + away)


@kernel
def spread(m):
    """Return the spread in ticks."""
    return np.int64(m["best"][SELL] - m["best"][BUY])


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
                if m["orders"][slot]["venue"] >= POOL:
                    pull_dark(m, slot)
                else:
                    pull(m, slot, NOTHING)
                return left
    return np.int64(0)


@kernel
def sweep(m, a, side, levels, size, account):
    """Trade on the book down to `levels` ticks past the touch (0: any); return what was filled."""
    new_id(m)
    limit = _FAR if side == BUY else -_FAR
    if levels > 0:
        limit = behind(m, 1 - side, levels - 1)
    return take(m, side, limit, size, account, a)


@kernel
def post(m, a, side, away, size, account, role):
    """Enter an order `away` ticks behind the touch of its side; return its slot or -1."""
    return place(m, side, behind(m, side, away), size, account, a, role)


@kernel
def touch_size(m, side, levels):
    """Return what rests on the first ticks of a side, in shares."""
    total = np.int64(0)
    for d in range(levels):
        total += m["levels"][behind(m, side, d) & (LEVELS - 1)]["size"]
    return total


@kernel
def interest(m, a, side, account):
    """Return what an incoming pool order of a side could meet, minimum quantities apart."""
    total = np.int64(0)
    slot = m["pool_head"][1 - side]
    while slot >= 0:
        o = m["orders"][slot]
        if o["state"] == FIRM and o["account"] != account and o["agent"] != a:
            total += o["left"]
        slot = o["next"]
    return total


@kernel
def watch(m, a):
    """Wait for the next move of the quote, or look again soon where too many watch already."""
    agent = m["agents"][a]
    if m["watching"] < WATCHERS:
        m["watchers"][m["watching"]] = a
        m["watching"] += 1
        agent["phase"] = WATCH
        after(m, a, draw(m, a, 2e10, 6e10))
    else:
        after(m, a, draw(m, a, 1e8, 2e9))


@kernel
def unwatch(m, a):
    """Watch no more."""
    kept = 0
    for i in range(m["watching"]):
        if m["watchers"][i] != a:
            m["watchers"][kept] = m["watchers"][i]
            kept += 1
    m["watching"] = kept


@kernel
def finish(m, a):
    """End: pull what rests. Nothing of the agent comes after."""
    agent = m["agents"][a]
    while pull_one(m, a, NOTHING) > 0:
        pass
    unwatch(m, a)
    agent["done"] = 1
    agent["end"] = m["clock"]


@kernel
def wait_for_it(m, a, low, high):
    """Look again after a log-uniform wait in ns, or give up."""
    if m["clock"] >= m["agents"][a]["gives_up"]:
        finish(m, a)
    else:
        after(m, a, draw(m, a, low, high))


@kernel
def begin_cycle(m, a):
    """Forget the last cycle's counts; its time runs from now."""
    agent = m["agents"][a]
    agent["filled"] = 0
    agent["pulled"] = 0
    agent["large"] = 0
    agent["placed"] = 0
    agent["burst"] = 0
    agent["tries"] = 0
    agent["held"] = 0
    agent["deadline"] = m["clock"] + agent["span"]


@kernel
def end_cycle(m, a):
    """Go on to the next cycle, or end where all are done and a campaign has its evidence."""
    agent = m["agents"][a]
    agent["cycle"] += 1
    over = agent["cycle"] >= agent["cycles"]
    shown = agent["evidence"] >= 0 or agent["code"] >= LOOKALIKE
    hopeless = agent["cycle"] >= agent["cycles"] + _EXTRA_CYCLES
    if (over and shown) or hopeless or m["clock"] >= agent["gives_up"]:
        finish(m, a)
        return
    agent["phase"] = START
    after(m, a, agent["pause"] * draw(m, a, 0.5, 2.0))


@kernel
def show(m, a):
    """Note that the defining act is complete with the message just sent."""
    if m["agents"][a]["evidence"] < 0:
        m["agents"][a]["evidence"] = m["clock"]
