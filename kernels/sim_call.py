"""Auctions of the simulator: orders wait without matching, then trade at one price.

The price is where most trades, then where least is left over, then nearest the last midpoint. A
book that was frozen takes part with its orders, which have time priority over those of the call.
"""

import numpy as np

from kernels.jit import kernel
from kernels.layout import ADD, AUCTION, EXECUTE, HALT, SELF_MATCH_PREVENTED, STATUS
from kernels.sim_book import (
    FULL,
    claim,
    emit,
    leave_call,
    link,
    new_id,
    note_fill,
    pull,
    release,
    set_life,
    unlink,
)
from kernels.sim_random import uniform
from kernels.sim_state import BUY, CALL, CALLED, LEVELS, NOBODY, NOTHING, REACH, SELL

_MASK = LEVELS - 1
_ADD, _EXECUTE, _STATUS = np.array([ADD, EXECUTE, STATUS])
_AUCTION, _INDICATIVE = np.array([AUCTION, AUCTION | HALT])
_SELF_MATCH = np.int64(SELF_MATCH_PREVENTED)
_FAR = np.int64(1 << 40)  # ticks
_NO_SIDE = np.int64(-1)
MOST_CALLED = 600  # orders that can wait for an auction


@kernel
def enter_call(m, side, tick, size, account, agent, role):
    """Enter an order that waits for the auction; return its slot or -1."""
    if m["phase"] != CALLED or m["called"] >= MOST_CALLED:
        return np.int64(-1)
    tick = max(m["best"][BUY] - REACH // 2, min(m["best"][SELL] + REACH // 2, tick))
    order_id = new_id(m)
    slot = claim(m, side, size, account, agent, role)
    if slot < 0:
        return slot
    o = m["orders"][slot]
    o["venue"] = CALL
    o["tick"] = tick
    o["previous"] = m["call_tail"][side]
    if m["call_tail"][side] >= 0:
        m["orders"][m["call_tail"][side]]["next"] = slot
    else:
        m["call_head"][side] = slot
    m["call_tail"][side] = slot
    m["called"] += 1
    m["low"] = min(m["low"], tick)
    m["high"] = max(m["high"], tick)
    row = m["out"][emit(m, _ADD, side, _AUCTION, size, agent)]
    row["order_id"] = order_id
    row["price"] = tick * m["tick"]
    row["account"] = account
    return slot


@kernel
def _add_up(m):
    """Write demand and supply of every tick, cumulated from the side's best price on."""
    low = m["low"]
    high = m["high"]
    for tick in range(low, high + 1):
        shown = m["levels"][tick & _MASK]["size"]
        m["demand"][tick & _MASK] = shown if tick <= m["best"][BUY] else 0
        m["supply"][tick & _MASK] = shown if tick >= m["best"][SELL] else 0
    for side in range(2):
        slot = m["call_head"][side]
        while slot >= 0:
            o = m["orders"][slot]
            if side == BUY:
                m["demand"][o["tick"] & _MASK] += o["left"]
            else:
                m["supply"][o["tick"] & _MASK] += o["left"]
            slot = o["next"]
    for back in range(high - low):
        tick = high - 1 - back
        m["demand"][tick & _MASK] += m["demand"][(tick + 1) & _MASK]
    for tick in range(low + 1, high + 1):
        m["supply"][tick & _MASK] += m["supply"][(tick - 1) & _MASK]


@kernel
def find_cross(m):
    """Write the auction's price and return the quantity that trades at it."""
    _add_up(m)
    middle = (m["best"][BUY] + m["best"][SELL]) // 2
    most = np.int64(0)
    least = np.int64(0)
    m["cross"] = middle
    for tick in range(m["low"], m["high"] + 1):
        demand = m["demand"][tick & _MASK]
        supply = m["supply"][tick & _MASK]
        traded = min(demand, supply)
        surplus = abs(demand - supply)
        nearer = abs(tick - middle) < abs(m["cross"] - middle)
        if traded > most or (
            traded == most and traded > 0 and (surplus < least or (surplus == least and nearer))
        ):
            most = traded
            least = surplus
            m["cross"] = tick
    return most


@kernel
def indicate(m):
    """Say what the auction would trade now, where that has changed."""
    before = m["cross"]
    paired = find_cross(m)
    if paired == 0 or (paired == m["paired"] and before == m["cross"]):
        return
    m["paired"] = paired
    row = m["out"][emit(m, _STATUS, _NO_SIDE, _INDICATIVE, paired, NOBODY)]
    row["price"] = m["cross"] * m["tick"]


@kernel
def _next_of(m, side, limit):
    """Return the slot of a side's order that comes first in an auction at `limit`; -1 = none."""
    sign = 1 if side == BUY else -1
    found = np.int64(-1)
    best = np.int64(0)
    tick = m["best"][side]
    slot = m["levels"][tick & _MASK]["head"]
    if slot >= 0 and m["orders"][slot]["side"] == side and m["orders"][slot]["tick"] == tick:
        if sign * (tick - limit) >= 0:
            found = slot
            best = tick
    slot = m["call_head"][side]
    while slot >= 0:
        o = m["orders"][slot]
        better = found < 0 or sign * (o["tick"] - best) > 0
        if better and sign * (o["tick"] - limit) >= 0:
            found = slot
            best = o["tick"]
        slot = o["next"]
    return found


@kernel
def _fill(m, slot, quantity):
    """Take a fill off an order, and the order off its queue when nothing is left."""
    o = m["orders"][slot]
    o["left"] -= quantity
    if o["venue"] != CALL:
        m["levels"][o["tick"] & _MASK]["size"] -= quantity
    if o["agent"] != NOBODY:
        note_fill(m, o["agent"], o["role"], quantity)
    if o["maker"] != NOBODY:
        m["makers"][o["maker"]]["inventory"] += quantity if o["side"] == BUY else -quantity
    if o["left"] == 0:
        unlink(m, slot)
        release(m, slot)


@kernel
def _pair(m, buyer, seller):
    """Execute two orders at the auction's price; the older is named first."""
    first = m["orders"][buyer]
    second = m["orders"][seller]
    if second["order_id"] < first["order_id"]:
        first, second = second, first
    quantity = min(first["left"], second["left"])
    sender = first["agent"] if first["agent"] != NOBODY else second["agent"]
    row = m["out"][emit(m, _EXECUTE, first["side"], _AUCTION, quantity, sender)]
    row["order_id"] = first["order_id"]
    row["contra_order_id"] = second["order_id"]
    row["price"] = m["cross"] * m["tick"]
    row["account"] = first["account"]
    row["contra_account"] = second["account"]
    _fill(m, buyer, quantity)
    _fill(m, seller, quantity)


@kernel
def trade_auction(m):
    """Execute what crosses at the auction's price; return whether nothing is left to execute.

    Of two orders of one account the younger is cancelled instead; so is the younger of two that
    still cross afterwards, because such a cancel has left the price short of orders.
    """
    while m["count"] < FULL:
        buyer = _next_of(m, BUY, m["cross"])
        seller = _next_of(m, SELL, m["cross"])
        flags = _SELF_MATCH
        if buyer < 0 or seller < 0:
            buyer = _next_of(m, BUY, -_FAR)
            seller = _next_of(m, SELL, _FAR)
            flags = NOTHING
            if buyer < 0 or seller < 0:
                return True
            if m["orders"][buyer]["tick"] < m["orders"][seller]["tick"]:
                return True
        elif m["orders"][buyer]["account"] != m["orders"][seller]["account"]:
            _pair(m, buyer, seller)
            continue
        younger = seller
        if m["orders"][buyer]["order_id"] > m["orders"][seller]["order_id"]:
            younger = buyer
        pull(m, younger, flags)
    return False


@kernel
def _true_best(m, side):
    """Find a side's best level anew after the auction; beyond every order where it has none."""
    step = -1 if side == BUY else 1
    edge = m["low"] if side == BUY else m["high"]
    tick = m["high"] if side == BUY else m["low"]
    while tick != edge + step:
        slot = m["levels"][tick & _MASK]["head"]
        if slot >= 0 and m["orders"][slot]["side"] == side:
            break
        tick += step
    m["best"][side] = tick


@kernel
def join_book(m):
    """Let what the auction left over rest in the book, older orders first."""
    for side in range(2):
        _true_best(m, side)
    for side in range(2):
        slot = m["call_head"][side]
        while slot >= 0:
            o = m["orders"][slot]
            following = o["next"]
            leave_call(m, slot)
            link(m, slot, o["tick"])
            if o["agent"] == NOBODY:
                set_life(m, slot, 0.3 * uniform(m), m["tail_life"])
            slot = following
