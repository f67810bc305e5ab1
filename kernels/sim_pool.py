"""The midpoint pool of the simulator: two queues in time order, pegged to a lagging reference.

An incoming order meets the other side in time order. A resting order with a minimum quantity
passes over smaller orders; an incoming one is filled only if its minimum is there in total. Two
orders of one account never meet.
"""

import numpy as np

from kernels.jit import kernel
from kernels.layout import ADD, CANCEL, DARK, EXECUTE, IOC, MIDPOINT_PEG
from kernels.sim_book import claim, emit, new_id, note_fill, release, sender_of, set_life
from kernels.sim_cast import PROBE
from kernels.sim_random import log_uniform
from kernels.sim_state import BUY, MIDS, NOBODY, OUTPUT, POOL, SELL

_ADD, _CANCEL, _EXECUTE = np.array([ADD, CANCEL, EXECUTE])
_PEG = np.int64(DARK | MIDPOINT_PEG)
_MINIMUM_LAG = 2e5  # ns
_MAXIMUM_LAG = 5e6
_FULL = OUTPUT - 64
_FLEETING = 0.25  # share of resting pool orders that are pulled at once


@kernel
def reference(m):
    """Return twice the pool's reference midpoint in ticks and when it was current, in ns.

    The reference lags the lit quote by 0.2-5 ms. The pool does not print outside the quote it can
    see: where the lagging midpoint lies outside it, the reference is refreshed first.
    """
    seen = m["clock"] - np.int64(log_uniform(m, _MINIMUM_LAG, _MAXIMUM_LAG))
    newest = m["quotes"] - 1
    bid = m["best"][BUY]
    ask = m["best"][SELL]
    for back in range(min(MIDS, m["quotes"])):
        quote = m["mids"][(newest - back) & (MIDS - 1)]
        if quote["ts"] <= seen:
            double = quote["bid"] + quote["ask"]
            if 2 * bid <= double and double <= 2 * ask:
                return double, seen
            break
    return bid + ask, max(seen, m["mids"][newest & (MIDS - 1)]["ts"])


@kernel
def _meets(m, slot, account, quantity):
    """Return whether a resting order trades with `quantity` of an incoming one.

    Segments barred from each other never meet, but in a breach, where only they do.
    """
    o = m["orders"][slot]
    barred = m["barred"][m["segments"][o["account"]], m["segments"][account]]
    if barred != m["breach"]:
        return False
    return o["account"] != account and quantity >= min(o["minimum"], o["left"])


@kernel
def _available(m, side, size, account):
    """Return how much of an incoming order the other side would fill."""
    left = size
    slot = m["pool_head"][1 - side]
    while slot >= 0 and left > 0:
        if _meets(m, slot, account, left):
            left -= min(left, m["orders"][slot]["left"])
        slot = m["orders"][slot]["next"]
    return size - left


@kernel
def _leave(m, slot):
    """Take an order out of its queue and give its slot back."""
    o = m["orders"][slot]
    side = o["side"]
    if o["previous"] >= 0:
        m["orders"][o["previous"]]["next"] = o["next"]
    else:
        m["pool_head"][side] = o["next"]
    if o["next"] >= 0:
        m["orders"][o["next"]]["previous"] = o["previous"]
    else:
        m["pool_tail"][side] = o["previous"]
    release(m, slot)


@kernel
def pull_dark(m, slot):
    """Cancel what is left of a resting pool order."""
    o = m["orders"][slot]
    row = m["out"][emit(m, _CANCEL, o["side"], _PEG, o["left"], o["agent"])]
    row["order_id"] = o["order_id"]
    row["account"] = o["account"]
    _leave(m, slot)


@kernel
def _match(m, side, size, account, agent):
    """Fill the incoming order against the other side in time order; return what was filled."""
    double, seen = reference(m)
    midpoint = double * m["tick"] // 2
    filled = np.int64(0)
    slot = m["pool_head"][1 - side]
    while slot >= 0 and filled < size and m["count"] < _FULL:
        o = m["orders"][slot]
        following = o["next"]
        if _meets(m, slot, account, size - filled):
            quantity = min(size - filled, o["left"])
            sender = sender_of(m, agent, o["agent"])
            row = m["out"][emit(m, _EXECUTE, 1 - side, _PEG, quantity, sender)]
            row["ts_ref"] = seen
            row["order_id"] = o["order_id"]
            row["contra_order_id"] = m["incoming"]
            row["price"] = midpoint if m["forced"] == 0 else m["forced"]
            row["aux_price"] = midpoint
            row["account"] = o["account"]
            row["contra_account"] = account
            filled += quantity
            o["left"] -= quantity
            if o["agent"] != NOBODY:
                note_fill(m, o["agent"], o["role"], quantity)
            if o["left"] == 0:
                _leave(m, slot)
        slot = following
    return filled


@kernel
def _queue(m, slot):
    """Put an order at the tail of its side's queue."""
    o = m["orders"][slot]
    side = o["side"]
    o["venue"] = POOL
    o["previous"] = m["pool_tail"][side]
    if m["pool_tail"][side] >= 0:
        m["orders"][m["pool_tail"][side]]["next"] = slot
    else:
        m["pool_head"][side] = slot
    m["pool_tail"][side] = slot


@kernel
def enter_dark(m, side, size, minimum, account, agent, ioc):
    """Enter a midpoint-pegged pool order; return what was filled at once.

    What is left rests, or with `ioc` is cancelled.
    """
    order_id = new_id(m)
    flags = _PEG | IOC if ioc else _PEG
    row = m["out"][emit(m, _ADD, side, flags, size, agent)]
    row["order_id"] = order_id
    row["account"] = account
    row["aux_size"] = minimum
    filled = np.int64(0)
    found = _available(m, side, size, account)
    if found > 0 and found >= min(minimum, size):
        filled = _match(m, side, size, account, agent)
    if filled < size:
        slot = np.int64(-1) if ioc else claim(m, side, size - filled, account, agent, PROBE)
        if slot < 0:
            row = m["out"][emit(m, _CANCEL, side, flags, size - filled, agent)]
            row["order_id"] = order_id
            row["account"] = account
        else:
            m["orders"][slot]["minimum"] = minimum
            _queue(m, slot)
            set_life(m, slot, _FLEETING, m["dark_life"])
    return filled
