"""Market makers of the simulator: they follow the price with two quotes each and shed inventory."""

import math

import numpy as np

from kernels.jit import kernel
from kernels.sim_book import is_last, place, requote, set_life
from kernels.sim_draws import draw_account, order_size
from kernels.sim_placebo import resender
from kernels.sim_random import below, uniform
from kernels.sim_state import ADD_TOUCH, BUY, MAKERS, NOTHING, SELL

_FULL_LOTS = 20.0  # hundreds of lots at which inventory moves quotes by a whole spread
_DEEPEST = 40  # ticks behind the touch


@kernel
def hire_makers(m):
    """Choose the security's market makers; none holds anything."""
    for k in range(MAKERS):
        maker = m["makers"][k]
        maker["account"] = draw_account(m, ADD_TOUCH)
        maker["inventory"] = 0
        maker["width"] = 0.8 + 0.5 * k
        maker["quotes"][BUY] = maker["quotes"][SELL] = -1


@kernel
def _aim(m, maker, side):
    """Return the tick at which a maker wants to quote a side: never through the other."""
    spread = m["breadth"]
    bid = m["best"][BUY]
    ask = m["best"][SELL]
    middle = 0.5 * (bid + ask)
    gap = min(max(m["fundamental"] - middle, -3.0 * spread), 3.0 * spread)
    full = _FULL_LOTS * 100.0 * m["lot"]
    skew = min(max(maker["inventory"] / full, -1.0), 1.0) * spread
    centre = middle + m["chase"] * gap - skew
    half = max(0.5, 0.5 * spread * maker["width"])
    if side == BUY:
        tick = min(np.int64(math.floor(centre - half)), ask - 1)
        return max(tick, bid - _DEEPEST)
    tick = max(np.int64(math.ceil(centre + half)), bid + 1)
    return min(tick, ask + _DEEPEST)


@kernel
def quote_maker(m, side):
    """Let one maker bring its quote of a side where it wants it; return whether it had to."""
    k = below(m, MAKERS)
    maker = m["makers"][k]
    slot = maker["quotes"][side]
    tick = _aim(m, maker, side)
    if slot < 0:
        agent = resender(m, maker["account"])
        slot = place(m, side, tick, order_size(m), maker["account"], agent, NOTHING)
        if slot >= 0:
            m["orders"][slot]["maker"] = k
            maker["quotes"][side] = slot
            set_life(m, slot, 0.3, m["tail_life"])
        return True
    if m["orders"][slot]["tick"] == tick or is_last(m, slot):
        return False
    size = m["orders"][slot]["left"] if uniform(m) < 0.6 else order_size(m)
    requote(m, slot, tick, size)
    set_life(m, slot, 0.3, m["tail_life"])
    return True
