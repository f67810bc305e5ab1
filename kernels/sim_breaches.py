"""Breaches of the rules, one each with its truth: what a venue must not have let happen.

Orders that could not rest on a book of whole ticks, or not within its reach, are sent and pulled
without resting on it; they lie where nobody trades in the meantime.
"""

import numpy as np

from kernels.jit import kernel
from kernels.layout import ADD, CANCEL, EXECUTE, HIDDEN, REPLACE
from kernels.sim_acts import (
    after,
    behind,
    draw,
    finish,
    member,
    pull_one,
    resting,
)
from kernels.sim_book import emit, is_last, new_id, place
from kernels.sim_cast import (
    BUILD,
    ERROR_DUPLICATE,
    ERROR_PRICE,
    GENUINE,
    NAMED,
    PRIORITY,
    PULL,
    SEGMENT,
    START,
    SUB_PENNY,
    TRADE_THROUGH,
)
from kernels.sim_parties import barred, kept_apart, same_firm
from kernels.sim_pool import enter_dark
from kernels.sim_random import below
from kernels.sim_state import BUY, IMMEDIATE, LEVELS, NOBODY, NOTHING, RESTS, SELL

_ADD, _CANCEL, _REPLACE, _EXECUTE = np.array([ADD, CANCEL, REPLACE, EXECUTE])
_HIDDEN = np.int64(HIDDEN)
_NO_ID = np.uint64(0)
_TRIES = 400  # before an agent gives up
_TENTH = 10  # parts of a tick


@kernel
def _name(agent, order_id):
    """Name an order of the breach."""
    for i in range(NAMED):
        if agent["named"][i] == 0:
            agent["named"][i] = order_id
            return


@kernel
def _committed(m, a, price):
    """Note that the breach has happened with the message just sent, and at what price."""
    m["agents"][a]["evidence"] = m["clock"]
    m["agents"][a]["large"] = price


@kernel
def _name_print(m, a, before):
    """Name the orders of the first print since message `before`; return whether there is one."""
    for i in range(before, m["count"]):
        row = m["out"][i]
        if row["kind"] == _EXECUTE:
            _name(m["agents"][a], row["order_id"])
            _name(m["agents"][a], row["contra_order_id"])
            _committed(m, a, np.int64(row["price"]))
            return True
    return False


@kernel
def _trade_through(m, a):
    """Print in the pool outside the lit quote."""
    agent = m["agents"][a]
    side = agent["side"]
    if resting(m, a, NOTHING) == 0:
        enter_dark(m, 1 - side, agent["size"], NOTHING, member(agent, BUY), a, RESTS)
    outside = SELL if agent["mode"] == 0 else BUY
    m["forced"] = behind(m, outside, agent["distance"]) * m["tick"]
    before = m["count"]
    enter_dark(m, side, agent["size"], NOTHING, member(agent, SELL), a, IMMEDIATE)
    m["forced"] = 0
    return _name_print(m, a, before)


@kernel
def _fill_part(m, a, slot, account):
    """Execute a part of a resting lit order that does not use it up."""
    o = m["orders"][slot]
    quantity = max(np.int64(1), min(m["agents"][a]["size"], o["left"] // 2))
    before = m["count"]
    row = m["out"][emit(m, _EXECUTE, o["side"], NOTHING, quantity, a)]
    row["order_id"] = o["order_id"]
    row["contra_order_id"] = new_id(m)
    row["price"] = o["tick"] * m["tick"]
    row["account"] = o["account"]
    row["contra_account"] = account
    o["left"] -= quantity
    m["levels"][o["tick"] & (LEVELS - 1)]["size"] -= quantity
    if o["maker"] != NOBODY:
        m["makers"][o["maker"]]["inventory"] += quantity if o["side"] == BUY else -quantity
    return _name_print(m, a, before)


@kernel
def _jump_queue(m, a):
    """Fill the second order at the touch before the first."""
    side = m["agents"][a]["side"]
    slot = m["levels"][m["best"][side] & (LEVELS - 1)]["head"]
    passed = m["orders"][slot]
    slot = passed["next"]
    account = member(m["agents"][a], 0)
    if slot < 0 or same_firm(m, passed["account"], account):
        return False
    o = m["orders"][slot]
    if o["agent"] != NOBODY or same_firm(m, o["account"], account) or o["left"] < 2:
        return False
    return _fill_part(m, a, slot, account)


@kernel
def _match_self(m, a):
    """Fill the first order at the touch against one of its own account."""
    side = m["agents"][a]["side"]
    slot = m["levels"][m["best"][side] & (LEVELS - 1)]["head"]
    o = m["orders"][slot]
    if o["agent"] != NOBODY or o["left"] < 2 or is_last(m, slot):
        return False
    return _fill_part(m, a, slot, np.int64(o["account"]))


@kernel
def _ghost(m, a, kind, price, order_id, successor):
    """Send a message of an order that rests nowhere; remember what it is called now."""
    agent = m["agents"][a]
    row = m["out"][emit(m, kind, agent["side"], NOTHING, agent["size"], a)]
    row["order_id"] = order_id
    row["price"] = price
    row["contra_order_id"] = successor
    row["account"] = member(agent, 0)
    agent["mark"] = np.int64(max(order_id, successor))
    agent["held"] = price


@kernel
def _off_tick(m, a):
    """Enter an order behind the touch, or print inside the spread, at a part of a tick."""
    agent = m["agents"][a]
    part = m["tick"] // _TENTH * (1 + below(agent, 4))
    if agent["mode"] == 1:
        price = m["best"][BUY] * m["tick"] + part
        before = m["count"]
        row = m["out"][emit(m, _EXECUTE, agent["side"], _HIDDEN, agent["size"], a)]
        row["contra_order_id"] = new_id(m)
        row["price"] = price
        row["account"] = member(agent, 0)
        row["contra_account"] = member(agent, 1)
        return _name_print(m, a, before)
    price = behind(m, agent["side"], 5 + agent["distance"]) * m["tick"] + part
    _ghost(m, a, _ADD, price, new_id(m), _NO_ID)
    _name(agent, np.uint64(agent["mark"]))
    _committed(m, a, price)
    return True


@kernel
def _far_price(m, a):
    """Return a price far behind the touch, by a quarter to a half of it."""
    side = m["agents"][a]["side"]
    away = np.int64(m["best"][side] * draw(m, a, 0.25, 0.5))
    return behind(m, side, away) * m["tick"]


@kernel
def _misprice(m, a):
    """Enter an order at an absurd price, or replace a sound one by it."""
    agent = m["agents"][a]
    if agent["phase"] == START and agent["mode"] == 1:
        price = behind(m, agent["side"], 12 + agent["distance"]) * m["tick"]
        _ghost(m, a, _ADD, price, new_id(m), _NO_ID)
        agent["phase"] = BUILD
        after(m, a, draw(m, a, 1e6, 3e7))
        return False
    price = _far_price(m, a)
    if agent["phase"] == BUILD:
        _name(agent, np.uint64(agent["mark"]))
        _ghost(m, a, _REPLACE, price, np.uint64(agent["mark"]), new_id(m))
    else:
        _ghost(m, a, _ADD, price, new_id(m), _NO_ID)
    _name(agent, np.uint64(agent["mark"]))
    _committed(m, a, price)
    return True


@kernel
def _duplicate(m, a):
    """Enter one order again and again: account, side, price and size alike."""
    agent = m["agents"][a]
    if agent["placed"] == 0:
        agent["mark"] = behind(m, agent["side"], 1 + agent["distance"])
    tick = agent["mark"]
    crosses = tick >= m["best"][SELL] if agent["side"] == BUY else tick <= m["best"][BUY]
    if not crosses:
        account = member(agent, 0)
        if place(m, agent["side"], tick, agent["size"], account, a, GENUINE) >= 0:
            _name(agent, m["incoming"])
            agent["placed"] += 1
            if agent["placed"] == 2:
                _committed(m, a, tick * m["tick"])
    agent["phase"] = BUILD
    return agent["placed"] >= agent["target"] or crosses


@kernel
def _cross_segments(m, a):
    """Print in the pool between two segments that must not meet."""
    agent = m["agents"][a]
    side = agent["side"]
    if resting(m, a, NOTHING) == 0:
        enter_dark(m, 1 - side, agent["size"], NOTHING, member(agent, 0), a, RESTS)
    account = member(agent, 1)
    slot = m["pool_head"][1 - side]
    size = np.int64(0)
    while slot >= 0 and size == 0:
        o = m["orders"][slot]
        if barred(m, o["account"], account):
            apart = kept_apart(m, slot, account, a)
            if o["minimum"] <= min(agent["size"], o["left"]) and not apart:
                size = min(agent["size"], np.int64(o["left"]))
        slot = o["next"]
    if size == 0:
        return False
    before = m["count"]
    m["breach"] = 1
    enter_dark(m, side, size, NOTHING, account, a, IMMEDIATE)
    m["breach"] = 0
    return _name_print(m, a, before)


@kernel
def step_breach(m, a):
    """Break the agent's rule as soon as the market lets it, then clear up."""
    agent = m["agents"][a]
    code = agent["code"]
    if agent["phase"] == PULL:
        if code == SUB_PENNY or code == ERROR_PRICE:
            if agent["mode"] == 0 or code == ERROR_PRICE:
                _ghost(m, a, _CANCEL, agent["held"], np.uint64(agent["mark"]), _NO_ID)
        elif pull_one(m, a, NOTHING) > 0 and code == ERROR_DUPLICATE:
            after(m, a, draw(m, a, 1e5, 1e8))
            return
        finish(m, a)
        return
    if code == TRADE_THROUGH:
        broken = _trade_through(m, a)
    elif code == PRIORITY:
        broken = _jump_queue(m, a)
    elif code == SUB_PENNY:
        broken = _off_tick(m, a)
    elif code == SEGMENT:
        broken = _cross_segments(m, a)
    elif code == ERROR_PRICE:
        broken = _misprice(m, a)
        if not broken:
            return
    elif code == ERROR_DUPLICATE:
        broken = _duplicate(m, a)
        if not broken:
            after(m, a, draw(m, a, 2e4, 2e6))
            return
    else:
        broken = _match_self(m, a)
    if broken:
        agent["phase"] = PULL
        after(m, a, draw(m, a, 1e6, 5e7))
        return
    agent["tries"] += 1
    if agent["tries"] > _TRIES:
        finish(m, a)
    else:
        after(m, a, draw(m, a, 1e6, 1e9))
