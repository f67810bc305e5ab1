"""The lit book of the simulator: price levels in a ring of ticks, each a queue in time order.

Every change goes out as an event. The last order of a side that belongs to no agent is never
taken or pulled, so the book always has two sides.
"""

import math

import numpy as np

from kernels.jit import kernel
from kernels.layout import (
    ADD,
    AUCTION,
    CANCEL,
    DARK,
    EXECUTE,
    I64_MAX,
    REPLACE,
    SELF_MATCH_PREVENTED,
)
from kernels.sim_cast import GENUINE, PROBE, STUFF, STUFFED, WAIT
from kernels.sim_parties import kept_apart, sender_of
from kernels.sim_placebo import is_background
from kernels.sim_random import normal, uniform
from kernels.sim_state import (
    BUY,
    CALL,
    FIRM,
    LEVELS,
    LIT,
    NOBODY,
    NOTHING,
    OPEN,
    ORDERS,
    OUTPUT,
    REACH,
    SELL,
)
from kernels.sim_timers import clear_timer, set_timer

_MASK = LEVELS - 1
_ADD, _CANCEL, _REPLACE, _EXECUTE = np.array([ADD, CANCEL, REPLACE, EXECUTE])
_AUCTION = np.int64(AUCTION)
_SELF_MATCH = np.int64(SELF_MATCH_PREVENTED)
_ONE = np.uint64(1)
FULL = np.int64(OUTPUT - 64)  # a step sends no more than this, but for the ends of its orders


@kernel
def emit(m, kind, side, flags, size, agent):
    """Write an event at the security's clock and return its row; the caller fills the rest.

    `side` is 0 or 1 as in the simulator; `agent` is the row of the agent whose message it is.
    """
    i = m["count"]
    m["count"] = i + 1
    m["senders"][i] = agent
    row = m["out"][i]
    row["ts_event"] = m["clock"]
    row["ts_recv"] = 0
    row["ts_ref"] = I64_MAX
    row["sequence"] = 0
    row["order_id"] = 0
    row["contra_order_id"] = 0
    row["price"] = I64_MAX
    row["aux_price"] = I64_MAX
    row["size"] = size
    row["aux_size"] = 0
    row["account"] = 0
    row["contra_account"] = 0
    row["instrument_id"] = m["lit_id"] + (1 + m["pool"] if flags & DARK else 0)
    row["kind"] = kind
    row["side"] = side + 1
    row["flags"] = flags
    if agent != NOBODY:
        a = m["agents"][agent]
        a["messages"] += 1
        a["burst"] += 1
        a["end"] = m["clock"]
        if a["start"] < 0:
            a["start"] = m["clock"]
        if a["code"] == STUFF and a["burst"] == STUFFED and a["evidence"] < 0:
            a["evidence"] = m["clock"]
    return i


@kernel
def new_id(m):
    """Name the order that is being entered and return its id."""
    m["incoming"] = m["next_id"]
    m["next_id"] += _ONE
    return m["incoming"]


@kernel
def claim(m, side, size, account, agent, role):
    """Take a free order slot for the order being entered and fill it; -1 where none is free."""
    slot = m["free"]
    if slot < 0:
        return np.int64(-1)
    own = np.int64(-1)
    if agent != NOBODY:
        held = m["agents"][agent]["orders"]
        for j in range(held.shape[0]):
            if held[j] < 0:
                own = j
                break
        if own < 0:
            return np.int64(-1)
        held[own] = slot
    o = m["orders"][slot]
    m["free"] = o["next"]
    o["order_id"] = m["incoming"]
    o["left"] = size
    o["minimum"] = 0
    o["tick"] = 0
    o["account"] = account
    o["next"] = -1
    o["previous"] = -1
    o["agent"] = agent
    o["own"] = own
    o["side"] = side
    o["role"] = role
    o["state"] = FIRM
    o["maker"] = NOBODY
    return np.int64(slot)


@kernel
def release(m, slot):
    """Give an order slot back, with its timer and its place in its agent's list."""
    o = m["orders"][slot]
    if o["agent"] != NOBODY:
        m["agents"][o["agent"]]["orders"][o["own"]] = -1
    if o["maker"] != NOBODY:
        m["makers"][o["maker"]]["quotes"][o["side"]] = -1
    clear_timer(m, slot)
    o["venue"] = 0
    o["next"] = m["free"]
    m["free"] = slot


@kernel
def _find_best(m, side):
    """Move a side's best to its next level that holds an order."""
    step = -1 if side == BUY else 1
    tick = m["best"][side]
    for _ in range(LEVELS):
        if m["levels"][tick & _MASK]["head"] >= 0:
            break
        tick += step
    m["best"][side] = tick


@kernel
def leave_call(m, slot):
    """Take an order out of the queue of its side of the auction."""
    o = m["orders"][slot]
    side = o["side"]
    if o["previous"] >= 0:
        m["orders"][o["previous"]]["next"] = o["next"]
    else:
        m["call_head"][side] = o["next"]
    if o["next"] >= 0:
        m["orders"][o["next"]]["previous"] = o["previous"]
    else:
        m["call_tail"][side] = o["previous"]
    m["called"] -= 1


@kernel
def unlink(m, slot):
    """Take an order out of the queue it waits in."""
    o = m["orders"][slot]
    if o["venue"] == CALL:
        leave_call(m, slot)
        return
    level = m["levels"][o["tick"] & _MASK]
    if o["previous"] >= 0:
        m["orders"][o["previous"]]["next"] = o["next"]
    else:
        level["head"] = o["next"]
    if o["next"] >= 0:
        m["orders"][o["next"]]["previous"] = o["previous"]
    else:
        level["tail"] = o["previous"]
    level["size"] -= o["left"]
    if is_background(m, o["agent"]):
        m["benign"][o["side"]] -= 1
    if level["head"] < 0 and m["best"][o["side"]] == o["tick"]:
        _find_best(m, o["side"])


@kernel
def link(m, slot, tick):
    """Put an order at the tail of a level's queue."""
    o = m["orders"][slot]
    side = o["side"]
    level = m["levels"][tick & _MASK]
    o["tick"] = tick
    o["venue"] = LIT
    o["next"] = -1
    o["previous"] = level["tail"]
    if level["tail"] >= 0:
        m["orders"][level["tail"]]["next"] = slot
    else:
        level["head"] = slot
    level["tail"] = slot
    level["size"] += o["left"]
    if is_background(m, o["agent"]):
        m["benign"][side] += 1
    if side == BUY:
        m["best"][BUY] = max(m["best"][BUY], tick)
    else:
        m["best"][SELL] = min(m["best"][SELL], tick)
    m["low"] = min(m["low"], tick)
    m["high"] = max(m["high"], tick)


@kernel
def crosses(m, side, tick):
    """Return whether an order at `tick` would meet the other side."""
    if side == BUY:
        return tick >= m["best"][SELL]
    return tick <= m["best"][BUY]


@kernel
def is_last(m, slot):
    """Return whether an order is the last of its side that belongs to no agent."""
    o = m["orders"][slot]
    return is_background(m, o["agent"]) and m["benign"][o["side"]] <= 1


@kernel
def pull(m, slot, flags):
    """Cancel what is left of a lit order, or of one that waits for an auction."""
    o = m["orders"][slot]
    if o["venue"] == CALL:
        flags |= _AUCTION
    row = m["out"][emit(m, _CANCEL, o["side"], flags, o["left"], o["agent"])]
    row["order_id"] = o["order_id"]
    row["price"] = o["tick"] * m["tick"]
    row["account"] = o["account"]
    unlink(m, slot)
    release(m, slot)


@kernel
def note_fill(m, agent, role, quantity):
    """Tell an agent of the fill just sent; one that waits wakes after its reaction time."""
    a = m["agents"][agent]
    if role == GENUINE or role == PROBE:
        first = a["filled"] == 0
        a["filled"] += quantity
        if first and a["phase"] == WAIT:
            set_timer(m, ORDERS + agent, m["clock"] + a["reaction"])
    own = m["senders"][m["count"] - 1] == agent
    if own and role == a["proof"] and a["evidence"] < 0:
        a["evidence"] = m["clock"]


@kernel
def take(m, side, limit, size, account, agent):
    """Execute the incoming order against the other side down to `limit`; return what was filled.

    Best price first, time priority within it. An order of the same firm is cancelled instead.
    Nothing trades outside the price limits or while the book is not open.
    """
    other = 1 - side
    filled = np.int64(0)
    if m["phase"] != OPEN:
        return filled
    while filled < size and m["count"] < FULL and crosses(m, side, limit):
        tick = m["best"][other]
        if tick < m["limits"][0] or tick > m["limits"][1]:
            break
        level = m["levels"][tick & _MASK]
        slot = level["head"]
        if is_last(m, slot):
            break
        o = m["orders"][slot]
        if kept_apart(m, slot, account, agent):
            pull(m, slot, _SELF_MATCH)
            continue
        quantity = min(size - filled, o["left"])
        sender = sender_of(m, agent, o["agent"])
        row = m["out"][emit(m, _EXECUTE, other, NOTHING, quantity, sender)]
        row["order_id"] = o["order_id"]
        row["contra_order_id"] = m["incoming"]
        row["price"] = tick * m["tick"]
        row["account"] = o["account"]
        row["contra_account"] = account
        filled += quantity
        o["left"] -= quantity
        level["size"] -= quantity
        if o["agent"] != NOBODY:
            note_fill(m, o["agent"], o["role"], quantity)
        if o["maker"] != NOBODY:
            bought = quantity if other == BUY else -quantity
            m["makers"][o["maker"]]["inventory"] += bought
        if o["left"] == 0:
            unlink(m, slot)
            release(m, slot)
    return filled


@kernel
def place(m, side, tick, size, account, agent, role):
    """Enter a lit limit order: what crosses executes, the rest rests; return its slot or -1.

    It is priced back to the price limits, and refused without a message where the book is not open.
    """
    if m["phase"] != OPEN:
        return np.int64(-1)
    if side == BUY:
        tick = min(tick, m["limits"][1])
    else:
        tick = max(tick, m["limits"][0])
    tick = max(m["best"][BUY] - REACH, min(m["best"][SELL] + REACH, tick))
    order_id = new_id(m)
    if crosses(m, side, tick):
        filled = take(m, side, tick, size, account, agent)
        if agent != NOBODY and filled > 0:
            note_fill(m, agent, role, filled)
        size -= filled
        if size == 0 or crosses(m, side, tick):
            return np.int64(-1)
    slot = claim(m, side, size, account, agent, role)
    if slot < 0:
        return slot
    row = m["out"][emit(m, _ADD, side, NOTHING, size, agent)]
    row["order_id"] = order_id
    row["price"] = tick * m["tick"]
    row["account"] = account
    link(m, slot, tick)
    return slot


@kernel
def requote(m, slot, tick, size):
    """Replace a lit order by one at `tick`, behind all others there.

    The new price must not cross, and the order must not be the last of its side.
    """
    o = m["orders"][slot]
    old = o["order_id"]
    row = m["out"][emit(m, _REPLACE, o["side"], NOTHING, size, o["agent"])]
    row["order_id"] = old
    row["contra_order_id"] = new_id(m)
    row["price"] = tick * m["tick"]
    row["account"] = o["account"]
    unlink(m, slot)
    o["order_id"] = m["incoming"]
    o["left"] = size
    link(m, slot, tick)


@kernel
def purge(m):
    """Cancel the orders that lie too far behind the touch for the ring of levels."""
    for side in range(2):
        while m["count"] < FULL:
            tick = m["low"] if side == BUY else m["high"]
            if side == BUY and tick >= m["best"][BUY] - REACH:
                break
            if side == SELL and tick <= m["best"][SELL] + REACH:
                break
            slot = m["levels"][tick & _MASK]["head"]
            while slot >= 0 and m["count"] < FULL:
                pull(m, slot, NOTHING)
                slot = m["levels"][tick & _MASK]["head"]
            if slot >= 0:
                break
            if side == BUY:
                m["low"] = tick + 1
            else:
                m["high"] = tick - 1


@kernel
def set_life(m, slot, short, tail):
    """Schedule an order's cancel: with probability `short` fleeting, else patient.

    `tail` is the logarithm of the patient median in s.
    """
    if uniform(m) < short:
        life = math.exp(-2.7 + 2.2 * normal(m))
    else:
        life = math.exp(tail + 1.4 * normal(m))
    life = min(max(life, 2e-5), 7200.0)
    set_timer(m, slot, m["clock"] + np.int64(life * 1e9))
