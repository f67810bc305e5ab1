"""The benign flow: a marked Hawkes process whose marks react to the queues.

What an arrival does is drawn in proportion to its marks' intensities times multipliers of the
book's state, which leave the total rate as it is, so the process stays stable.

Source of the multipliers: Huang, Lehalle & Rosenbaum (2015), J. Am. Stat. Assoc. 110(509).
"""

import math

import numpy as np

from kernels.jit import kernel
from kernels.layout import EXECUTE, HIDDEN
from kernels.sim_book import (
    emit,
    is_last,
    new_id,
    place,
    pull,
    requote,
    set_life,
    take,
)
from kernels.sim_call import MOST_CALLED, enter_call
from kernels.sim_draws import draw_account, order_size
from kernels.sim_hawkes import settle
from kernels.sim_makers import hire_makers, quote_maker
from kernels.sim_parties import barred, same_firm
from kernels.sim_placebo import is_background, resender
from kernels.sim_pool import cross_block, enter_conditional, enter_dark
from kernels.sim_random import below, log_uniform, uniform
from kernels.sim_state import (
    ADD_BEHIND,
    ADD_INSIDE,
    ADD_TOUCH,
    BUY,
    CALLED,
    DARK_PROBE,
    DARK_REST,
    FROZEN,
    HIDDEN_TRADE,
    INFORMED,
    KERNELS,
    LEVELS,
    MARKET,
    MARKS,
    NOBODY,
    NOTHING,
    PARENTS,
    REQUOTE,
    SELL,
)
from kernels.sim_timers import set_timer

_MASK = LEVELS - 1
_EXECUTE = np.int64(EXECUTE)
_HIDDEN = np.int64(HIDDEN)
_SEEN = 6  # ticks of each side that traders look at
_SLICED = 0.4  # share of lit limit orders that may be slices of a parent
_SECOND_POOL = 0.35  # share of dark flow that goes to the second pool
_BLOCKS = 0.0015  # share of patient dark orders that are negotiated blocks
_CONDITIONALS = 0.08  # the same, with conditional orders
_ALARMING = 15.0  # usual spreads from the midpoint to the fundamental at which quotes give way
_THIN = 8  # a side with no more orders than this is not pulled ahead of time
_FAR = 1 << 40  # a limit, in ticks, that every price satisfies


@kernel
def imbalance(m):
    """Return (bid - ask) / (bid + ask) of the sizes near the touch, nearer ticks weighing more."""
    bid = 0.0
    ask = 0.0
    for d in range(_SEEN):
        weight = 1.0 - d / _SEEN
        bid += weight * m["levels"][(m["best"][BUY] - d) & _MASK]["size"]
        ask += weight * m["levels"][(m["best"][SELL] + d) & _MASK]["size"]
    return (bid - ask) / (bid + ask + 1.0)


@kernel
def _react(m, tilt):
    """Write the multipliers of the marks: what the book's state makes likely."""
    spread = np.float64(m["best"][SELL] - m["best"][BUY])
    middle = 0.5 * (m["best"][SELL] + m["best"][BUY])
    value = (m["fundamental"] - middle) / (4.0 * m["breadth"])
    most = 1.5 if 4.0 * abs(value) < _ALARMING else 4.0
    value = min(max(value, -most), most)
    wide = (spread - 1.0) / m["breadth"]
    buyers = 0
    for p in range(PARENTS):
        buyers += m["parents"][p]["side"] == BUY
    for side in range(2):
        sign = 1.0 - 2.0 * side
        lean = sign * tilt
        share = buyers / PARENTS if side == BUY else 1.0 - buyers / PARENTS
        pressed = 0.5 + share
        eager = math.exp(m["eager"] * lean + 0.8 * sign * value) * pressed
        q = m["weights"]
        q[2 * ADD_TOUCH + side] = math.exp(-0.3 * lean)
        q[2 * ADD_INSIDE + side] = 6.0 * wide * math.sqrt(wide) * math.exp(0.8 * lean)
        q[2 * ADD_BEHIND + side] = math.exp(-0.2 * lean)
        q[2 * MARKET + side] = eager / (1.0 + 0.3 * wide)
        q[2 * HIDDEN_TRADE + side] = eager
        q[2 * REQUOTE + side] = 1.0
        # The uninformed go dark where the book is dear or crowded; the informed stay lit.
        dark = pressed * (0.8 + 0.25 * min(wide, 3.0)) * math.exp(0.4 * lean - 0.3 * abs(value))
        q[2 * DARK_REST + side] = dark
        q[2 * DARK_PROBE + side] = dark


@kernel
def _pull_of(m, k):
    """Return the intensity of mark k in the part of the intensity that the arrival is from."""
    h = m["component"]
    rate = m["base"][k] if h == KERNELS else m["excitation"][h, k]
    return rate * m["weights"][k]


@kernel
def _draw_mark(m):
    """Return the mark of the arrival that is due."""
    total = 0.0
    for k in range(MARKS):
        total += _pull_of(m, k)
    aim = uniform(m) * total
    for k in range(MARKS):
        aim -= _pull_of(m, k)
        if aim < 0.0:
            return k
    return MARKS - 1


@kernel
def _cross_inside(m, side):
    """Execute an incoming order against a hidden one between the quotes."""
    bid = m["best"][BUY]
    ask = m["best"][SELL]
    price = (bid + ask) * m["tick"] // 2
    if ask - bid > 1 and uniform(m) < 0.6:
        price = (bid + 1 + below(m, ask - bid - 1)) * m["tick"]
    size = order_size(m)
    account = draw_account(m, MARKET)
    hider = draw_account(m, HIDDEN_TRADE)
    for _ in range(m["people"]):
        if same_firm(m, hider, account):
            hider = hider % m["people"] + 1
    if price < m["limits"][0] * m["tick"] or price > m["limits"][1] * m["tick"]:
        return
    row = m["out"][emit(m, _EXECUTE, 1 - side, _HIDDEN, size, NOBODY)]
    row["contra_order_id"] = new_id(m)
    row["price"] = price
    row["account"] = hider
    row["contra_account"] = account


@kernel
def _news(m, side):
    """Return how far the fundamental lies beyond the midpoint for a side, in usual spreads."""
    middle = 0.5 * (m["best"][SELL] + m["best"][BUY])
    gap = (m["fundamental"] - middle) / m["breadth"]
    return gap if side == BUY else -gap


@kernel
def _renew_parent(m, p):
    """Put a new parent order to work: an account, a side, a quantity and its way to the pools.

    The informed take the side of the fundamental and go to the book (Zhu 2014, Review of Financial
    Studies 27(3)); brokers' clients go dark more.
    """
    parent = m["parents"][p]
    account = draw_account(m, MARKET)
    kind = m["kinds"][account - 1]
    parent["account"] = account
    parent["side"] = below(m, 2)
    parent["route"] = 0.3 + 0.6 * uniform(m)
    if kind == INFORMED:
        parent["side"] = BUY if _news(m, BUY) > 0.0 else SELL
        parent["route"] = 0.15
    parent["left"] = np.int64(log_uniform(m, 1e3, 4e4) * m["lot"])


@kernel
def _trader(m, kind, side, size):
    """Return who trades: mostly a parent order at work on this side, along its own way."""
    if uniform(m) < 0.7:
        p = below(m, PARENTS)
        parent = m["parents"][p]
        dark = kind == DARK_REST or kind == DARK_PROBE
        way = parent["route"] if dark else 1.0 - parent["route"]
        if parent["side"] == side and uniform(m) < 1.6 * way:
            account = parent["account"]
            parent["left"] -= size
            if parent["left"] <= 0:
                _renew_parent(m, p)
            return account
    account = draw_account(m, kind)
    if m["kinds"][account - 1] == INFORMED and _news(m, side) < 0.0:
        account = draw_account(m, kind)
    return account


@kernel
def _move_quote(m, side):
    """Let a maker follow the price, else an order near the touch be replaced nearer or farther."""
    if uniform(m) < 0.6 and quote_maker(m, side):
        return
    sign = 1 if side == BUY else -1
    best = m["best"][side]
    slot = m["levels"][(best - sign * below(m, 6)) & _MASK]["tail"]
    if slot < 0:
        slot = m["levels"][best & _MASK]["tail"]
    o = m["orders"][slot]
    if o["side"] != side or not is_background(m, o["agent"]) or is_last(m, slot):
        return
    tick = best - sign * below(m, 4)
    size = o["left"] if uniform(m) < 0.7 else order_size(m)
    requote(m, slot, tick, size)
    set_life(m, slot, 0.5, m["tail_life"])


@kernel
def _rest(m, kind, side):
    """Enter a lit limit order."""
    sign = 1 if side == BUY else -1
    tick = m["best"][side]
    short = 0.68
    room = m["best"][SELL] - m["best"][BUY] - 1
    if kind == ADD_INSIDE and room > 0:
        u = uniform(m)
        tick += sign * (1 + np.int64(u * u * room))
    elif kind == ADD_BEHIND:
        tick -= sign * np.int64(log_uniform(m, 1.0, 40.0))
        short = 0.55
    size = order_size(m)
    account = _trader(m, kind, side, size) if uniform(m) < _SLICED else draw_account(m, kind)
    against = -_news(m, side)
    if against > _ALARMING and uniform(m) < 0.9:
        tick = m["best"][side] - sign * np.int64(m["breadth"] * log_uniform(m, 0.5, against))
    slot = place(m, side, tick, size, account, resender(m, account), NOTHING)
    if slot >= 0:
        set_life(m, slot, short, m["tail_life"])


@kernel
def _trade(m, side):
    """Enter a market order of a size that looks at the touch."""
    touch = m["levels"][m["best"][1 - side] & _MASK]["size"]
    u = uniform(m)
    size = order_size(m)
    if u < 0.50:
        size = min(touch, 4 * size)
    elif u < 0.60:
        size = np.int64(touch * (1.0 + uniform(m)))
    size = max(np.int64(1), min(size, np.int64(5000.0 * m["lot"])))
    new_id(m)
    account = _trader(m, MARKET, side, size)
    limit = _FAR if side == BUY else -_FAR
    take(m, side, limit, size, account, resender(m, account))


@kernel
def _go_dark(m, kind, side):
    """Enter an order in a pool: a patient one, an immediate one, or the makings of a block."""
    lot = m["lot"]
    if m["pools"] > 1 and uniform(m) < _SECOND_POOL:
        m["pool"] = 1
    u = uniform(m)
    if kind == DARK_REST and u < _BLOCKS:
        size = np.int64(100.0 * lot * math.floor(log_uniform(m, 50.0, 250.0)))
        buyer = draw_account(m, DARK_REST)
        seller = draw_account(m, DARK_REST)
        if not same_firm(m, buyer, seller) and not barred(m, buyer, seller):
            cross_block(m, size, buyer, seller)
    elif kind == DARK_REST and u < _CONDITIONALS:
        size = np.int64(100.0 * lot * math.floor(log_uniform(m, 20.0, 150.0)))
        minimum = np.int64(100.0 * lot * math.floor(log_uniform(m, 5.0, 20.0)))
        enter_conditional(m, side, size, minimum, _trader(m, kind, side, size))
    else:
        hundreds = log_uniform(m, 1.0, 50.0 if kind == DARK_REST else 12.0)
        size = np.int64(100.0 * lot * math.floor(hundreds))
        if uniform(m) < 0.2:
            size = order_size(m)
        minimum = np.int64(0)
        if uniform(m) < 0.2:
            minimum = min(size, np.int64(100.0 * lot * (1 + below(m, 4))))
        account = _trader(m, kind, side, size)
        enter_dark(m, side, size, minimum, account, resender(m, account), kind - DARK_REST)
    m["pool"] = 0


@kernel
def _collect(m, mark):
    """Carry out an arrival while orders are collected for an auction: an order, or a cancel.

    One in four is priced to trade whatever the price.
    """
    side = np.int64(mark & 1)
    if uniform(m) < 0.15 + 0.7 * m["called"] / MOST_CALLED:
        slot = m["call_head"][side]
        for _ in range(below(m, 8)):
            if slot >= 0 and m["orders"][slot]["next"] >= 0:
                slot = m["orders"][slot]["next"]
        if slot >= 0 and m["orders"][slot]["agent"] == NOBODY:
            pull(m, slot, NOTHING)
        return
    sign = 1 if side == BUY else -1
    away = m["spread"] * log_uniform(m, 0.3, 12.0)
    if uniform(m) < 0.25:
        away = -away - m["spread"]
    tick = np.int64(round(m["fundamental"] - sign * away))
    account = draw_account(m, ADD_TOUCH if mark < 2 * MARKET else MARKET)
    size = np.int64(order_size(m) * log_uniform(m, 1.0, 30.0))
    enter_call(m, side, tick, size, account, NOBODY, NOTHING)


@kernel
def _fade(m, tilt):
    """Let a quote be pulled soon on the side that imbalance presses, or that news runs over."""
    news = _news(m, BUY)
    side = BUY if tilt < 0.0 else SELL
    chance = m["fade"] * (abs(tilt) - 0.4)
    if abs(news) > _ALARMING:
        side = BUY if news < 0.0 else SELL
        chance = 0.8
    if uniform(m) < chance:
        slot = m["levels"][m["best"][side] & _MASK]["tail"]
        if is_background(m, m["orders"][slot]["agent"]) and m["benign"][side] > _THIN:
            wait = np.int64(log_uniform(m, 5e4, 2e7))
            set_timer(m, slot, m["clock"] + wait)


@kernel
def arrive(m):
    """Carry out the Hawkes arrival that is due; a frozen book lets it pass."""
    if m["phase"] == FROZEN:
        return
    settle(m)
    tilt = imbalance(m)
    _react(m, tilt)
    mark = _draw_mark(m)
    kind = mark >> 1
    side = mark & 1
    if m["phase"] == CALLED:
        _collect(m, mark)
        return
    if kind <= ADD_BEHIND:
        _rest(m, kind, side)
    elif kind == MARKET:
        _trade(m, side)
    elif kind == HIDDEN_TRADE:
        _cross_inside(m, side)
    elif kind == REQUOTE:
        _move_quote(m, side)
    else:
        _go_dark(m, kind, side)
    _fade(m, tilt)


@kernel
def expire(m, slot):
    """Pull a lit order whose life is over; at times its neighbour follows at once."""
    side = m["orders"][slot]["side"]
    if is_last(m, slot):
        set_life(m, slot, 0.0, m["tail_life"])
        return
    pull(m, slot, NOTHING)
    if uniform(m) < 0.25 and m["benign"][side] > _THIN:
        sign = 1 if side == BUY else -1
        near = m["levels"][(m["best"][side] - sign * below(m, _SEEN)) & _MASK]["tail"]
        o = m["orders"][near]
        if near >= 0 and o["side"] == side and is_background(m, o["agent"]):
            wait = np.int64(log_uniform(m, 1e4, 8e5))
            set_timer(m, near, m["clock"] + wait)


@kernel
def staff(m):
    """Start the parent orders and choose the makers."""
    for p in range(PARENTS):
        _renew_parent(m, p)
    hire_makers(m)
