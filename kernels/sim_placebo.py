"""The placebo: background orders that go out through the injector, and nothing else changes.

While it lasts, orders that the background draws for its accounts bear its row as their sender: they
take places in its list and count among its messages. No random number, time, size or price depends
on that, so the tape is to the byte what it is without it.
"""

from kernels.jit import kernel
from kernels.sim_cast import BUILD, OWN_ORDERS, PLACEBO, START
from kernels.sim_state import NOBODY, ORDERS, RESENDERS
from kernels.sim_timers import set_timer


@kernel
def is_background(m, agent):
    """Return whether an order of this sender is the background's, re-sent or not."""
    return agent == NOBODY or m["agents"][agent]["code"] == PLACEBO


@kernel
def resender(m, account):
    """Return the placebo that re-sends what the background draws for an account, or NOBODY."""
    for i in range(m["resending"]):
        a = m["resenders"][i]
        agent = m["agents"][a]
        cast = False
        for k in range(agent["members"]):
            cast = cast or agent["accounts"][k] == account
        if cast:
            for j in range(OWN_ORDERS):
                if agent["orders"][j] < 0:
                    return a
    return NOBODY


@kernel
def step_placebo(m, a):
    """Begin to re-send, or stop and leave what rests to the background; a control only waits."""
    agent = m["agents"][a]
    if agent["phase"] == START:
        agent["phase"] = BUILD
        if agent["mode"] and m["resending"] < RESENDERS:
            m["resenders"][m["resending"]] = a
            m["resending"] += 1
        set_timer(m, ORDERS + a, m["clock"] + agent["span"])
        return
    kept = 0
    for i in range(m["resending"]):
        if m["resenders"][i] != a:
            m["resenders"][kept] = m["resenders"][i]
            kept += 1
    m["resending"] = kept
    for j in range(OWN_ORDERS):
        if agent["orders"][j] >= 0:
            m["orders"][agent["orders"][j]]["agent"] = NOBODY
            agent["orders"][j] = -1
    agent["done"] = 1
    agent["end"] = m["clock"]
