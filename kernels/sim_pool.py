"""The midpoint pools of the simulator: queues in time order, pegged to a lagging reference.

An incoming order meets the other side in time order. A resting order with a minimum quantity
passes over smaller orders; an incoming one is filled only if its minimum is there in total. Orders
of one firm pass each other over. A conditional order cannot trade: where something large enough
comes to the other side, its owner is invited and firms it up, or the pool drops it.
"""

import math

import numpy as np

from kernels.jit import kernel
from kernels.layout import (
    ADD,
    CANCEL,
    CONDITIONAL,
    DARK,
    EXECUTE,
    FIRM_UP,
    IOC,
    MIDPOINT_PEG,
    REPLACE,
    TRADE,
)
from kernels.sim_book import FULL, claim, emit, new_id, note_fill, release, set_life
from kernels.sim_cast import PROBE
from kernels.sim_parties import barred, kept_apart, sender_of
from kernels.sim_random import log_uniform, normal, uniform
from kernels.sim_state import (
    BUY,
    CONDITIONED,
    FIRM,
    INVITED,
    MIDS,
    NOBODY,
    NOTHING,
    OPEN,
    POOL,
    SELL,
)
from kernels.sim_timers import set_timer

_ADD, _CANCEL, _REPLACE, _EXECUTE, _TRADE = np.array([ADD, CANCEL, REPLACE, EXECUTE, TRADE])
_PEG = np.int64(DARK | MIDPOINT_PEG)
_DARK = np.int64(DARK)
_NO_SIDE = np.int64(-1)
_SHORTEST_LAG = 2e5  # ns
_LONGEST_LAG = 5e6
_FLEETING = 0.25  # share of resting pool orders that are pulled at once
_FIRMED = 0.8  # share of invited conditional orders that firm up
_FASTEST_FIRM_UP = 5e6  # ns from an invitation to the firm order
_SLOWEST_FIRM_UP = 9e8


@kernel
def reference(m):
    """Return twice the reference midpoint of the pool at hand in ticks and its time in ns.

    The reference lags the lit quote by 0.2-5 ms. The pool does not print outside the quote it can
    see: where the lagging midpoint lies outside it, the reference is refreshed first.
    """
    lag = m["lags"][m["pool"]] * math.exp(0.5 * normal(m))
    seen = m["clock"] - np.int64(min(max(lag, _SHORTEST_LAG), _LONGEST_LAG))
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
def _meets(m, slot, account, agent, quantity):
    """Return whether a resting order trades with `quantity` of an incoming one.

    Segments barred from each other never meet, but in a breach, where only they do.
    """
    o = m["orders"][slot]
    if o["state"] != FIRM or barred(m, o["account"], account) != m["breach"]:
        return False
    if kept_apart(m, slot, account, agent):
        return False
    return quantity >= min(o["minimum"], o["left"])


@kernel
def _available(m, side, size, account, agent):
    """Return how much of an incoming order the other side would fill."""
    left = size
    slot = m["pool_head"][2 * m["pool"] + 1 - side]
    while slot >= 0 and left > 0:
        if _meets(m, slot, account, agent, left):
            left -= min(left, m["orders"][slot]["left"])
        slot = m["orders"][slot]["next"]
    return size - left


@kernel
def _unqueue(m, slot):
    """Take an order out of its queue."""
    o = m["orders"][slot]
    queue = 2 * (o["venue"] - POOL) + o["side"]
    if o["previous"] >= 0:
        m["orders"][o["previous"]]["next"] = o["next"]
    else:
        m["pool_head"][queue] = o["next"]
    if o["next"] >= 0:
        m["orders"][o["next"]]["previous"] = o["previous"]
    else:
        m["pool_tail"][queue] = o["previous"]


@kernel
def _leave(m, slot):
    """Take an order out of its queue and give its slot back."""
    _unqueue(m, slot)
    release(m, slot)


@kernel
def pull_dark(m, slot):
    """Cancel what is left of a resting pool order."""
    o = m["orders"][slot]
    m["pool"] = o["venue"] - POOL
    flags = _PEG if o["state"] == FIRM else _PEG | CONDITIONAL
    row = m["out"][emit(m, _CANCEL, o["side"], flags, o["left"], o["agent"])]
    row["order_id"] = o["order_id"]
    row["account"] = o["account"]
    _leave(m, slot)


@kernel
def _match(m, side, size, account, agent):
    """Fill the incoming order against the other side in time order; return what was filled."""
    double, seen = reference(m)
    midpoint = double * m["tick"] // 2
    filled = np.int64(0)
    if double < 2 * m["limits"][0] or double > 2 * m["limits"][1]:
        return filled
    slot = m["pool_head"][2 * m["pool"] + 1 - side]
    while slot >= 0 and filled < size and m["count"] < FULL:
        o = m["orders"][slot]
        following = o["next"]
        if _meets(m, slot, account, agent, size - filled):
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
    queue = 2 * m["pool"] + o["side"]
    o["venue"] = POOL + m["pool"]
    o["next"] = -1
    o["previous"] = m["pool_tail"][queue]
    if m["pool_tail"][queue] >= 0:
        m["orders"][m["pool_tail"][queue]]["next"] = slot
    else:
        m["pool_head"][queue] = slot
    m["pool_tail"][queue] = slot


@kernel
def _invite(m, slot):
    """Ask the owner of a conditional order to firm it up."""
    o = m["orders"][slot]
    if o["state"] == CONDITIONED:
        o["state"] = INVITED
        wait = log_uniform(m, _FASTEST_FIRM_UP, _SLOWEST_FIRM_UP)
        set_timer(m, slot, m["clock"] + np.int64(wait))


@kernel
def _seek_partner(m, slot):
    """Let an order that came to rest lead to invitations where it and another could trade.

    Of the two at least one is conditional.
    """
    o = m["orders"][slot]
    other = m["pool_head"][2 * m["pool"] + 1 - o["side"]]
    while other >= 0:
        p = m["orders"][other]
        fits = o["left"] >= min(p["minimum"], p["left"]) and p["left"] >= min(
            o["minimum"], o["left"]
        )
        soft = p["state"] != FIRM or o["state"] != FIRM
        if fits and soft and not kept_apart(m, other, o["account"], o["agent"]):
            _invite(m, slot)
            _invite(m, other)
            return
        other = p["next"]


@kernel
def enter_dark(m, side, size, minimum, account, agent, ioc):
    """Enter a midpoint-pegged order in the pool at hand; return what was filled at once.

    What is left rests, or with `ioc` is cancelled. Closed pools refuse it without a message.
    """
    filled = np.int64(0)
    if m["phase"] != OPEN:
        return filled
    order_id = new_id(m)
    flags = _PEG | IOC if ioc else _PEG
    row = m["out"][emit(m, _ADD, side, flags, size, agent)]
    row["order_id"] = order_id
    row["account"] = account
    row["aux_size"] = minimum
    found = _available(m, side, size, account, agent)
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
            _seek_partner(m, slot)
    return filled


@kernel
def enter_conditional(m, side, size, minimum, account):
    """Enter an order that trades only once it has been firmed up."""
    order_id = new_id(m)
    slot = claim(m, side, size, account, NOBODY, NOTHING)
    if slot < 0:
        return
    row = m["out"][emit(m, _ADD, side, _PEG | CONDITIONAL, size, NOBODY)]
    row["order_id"] = order_id
    row["account"] = account
    row["aux_size"] = minimum
    o = m["orders"][slot]
    o["minimum"] = minimum
    o["state"] = CONDITIONED
    _queue(m, slot)
    set_life(m, slot, 0.0, m["dark_life"])
    _seek_partner(m, slot)


@kernel
def _firm_up(m, slot):
    """Replace an invited conditional order by a firm one, at times smaller, which trades."""
    o = m["orders"][slot]
    side = o["side"]
    size = o["left"]
    if uniform(m) < 0.25:
        size = max(o["minimum"], size // 2)
    row = m["out"][emit(m, _REPLACE, side, _PEG | FIRM_UP, size, NOBODY)]
    row["order_id"] = o["order_id"]
    row["contra_order_id"] = new_id(m)
    row["account"] = o["account"]
    row["aux_size"] = o["minimum"]
    _unqueue(m, slot)
    o["order_id"] = m["incoming"]
    found = _available(m, side, size, o["account"], NOBODY)
    if found > 0 and found >= min(o["minimum"], size):
        size -= _match(m, side, size, o["account"], NOBODY)
    if size == 0:
        release(m, slot)
        return
    o["state"] = FIRM
    o["left"] = size
    _queue(m, slot)
    set_life(m, slot, 0.0, m["dark_life"])
    _seek_partner(m, slot)


@kernel
def expire_dark(m, slot):
    """End the life of a pool order; an invited one mostly firms up instead."""
    o = m["orders"][slot]
    m["pool"] = o["venue"] - POOL
    if o["state"] == INVITED and m["phase"] == OPEN and uniform(m) < _FIRMED:
        _firm_up(m, slot)
    else:
        pull_dark(m, slot)
    m["pool"] = 0


@kernel
def cross_block(m, size, buyer, seller):
    """Print a block that two participants have agreed on away from the pool's queues."""
    double, seen = reference(m)
    row = m["out"][emit(m, _TRADE, _NO_SIDE, _DARK, size, NOBODY)]
    row["ts_ref"] = seen
    row["price"] = double * m["tick"] // 2
    row["aux_price"] = row["price"]
    row["account"] = buyer
    row["contra_account"] = seller
