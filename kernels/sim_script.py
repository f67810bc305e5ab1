"""A second kind of agent: an interpreter of scripts, for campaigns that share no code with others.

A script is a table of instructions over registers (`kernels/sim_code.py`). The interpreter uses
what every participant has: the book's and the pool's order entry, timers, and notes of fills and
of moves of the quote. Its random numbers are the agent's own.
"""

import math

import numpy as np

from kernels import sim_code as code
from kernels.jit import kernel
from kernels.layout import DARK, EXECUTE
from kernels.sim_book import new_id, place, pull, take
from kernels.sim_cast import GENUINE, HIT, LARGE, LOOKALIKE, OWN_ORDERS, WAIT, WATCH
from kernels.sim_pool import enter_dark, pull_dark
from kernels.sim_random import uniform
from kernels.sim_state import BUY, LEVELS, LIT, NOTHING, ORDERS, POOL, SELL, WATCHERS
from kernels.sim_timers import set_timer

_AT_ONCE = 48  # instructions of one step; a script that goes on without waiting waits after them
_REST_NS = 1_000_000
_ON = np.int64(-1)
_IDLE = 0  # a phase in which nothing wakes an agent early


@kernel
def _gamma(agent):
    """Return a number of mean 1, gamma with shape 2, from the agent's own stream."""
    return -0.5 * math.log(uniform(agent) * uniform(agent))


@kernel
def _shares(agent, size):
    """Return a size of shares: lots of 100 mostly, never 0."""
    whole = np.int64(size)
    if whole >= 100 and uniform(agent) < 0.8:
        whole -= whole % 100
    return max(np.int64(1), whole)


@kernel
def _account(agent, turn):
    """Return the account of a member, counted round."""
    return np.int64(agent["accounts"][np.int64(turn) % agent["members"]])


@kernel
def _left(m, a, role):
    """Return what rests of the agent's orders of a role (0 = any)."""
    total = np.int64(0)
    for j in range(OWN_ORDERS):
        slot = m["agents"][a]["orders"][j]
        if slot >= 0 and (role == 0 or m["orders"][slot]["role"] == role):
            total += m["orders"][slot]["left"]
    return total


@kernel
def _cancel(m, a, role):
    """Cancel the agent's first order of a role (0 = any), wherever it rests; return its size."""
    for j in range(OWN_ORDERS):
        slot = m["agents"][a]["orders"][j]
        if slot >= 0 and (role == 0 or m["orders"][slot]["role"] == role):
            left = m["orders"][slot]["left"]
            if m["orders"][slot]["venue"] == POOL:
                pull_dark(m, slot)
            else:
                pull(m, slot, NOTHING)
            return left
    return np.int64(0)


@kernel
def _mark(m, agent):
    """Note the evidence, once, of an agent that is a campaign's."""
    if agent["evidence"] < 0 and agent["code"] < LOOKALIKE:
        agent["evidence"] = m["clock"]


@kernel
def _enter(m, a, line):
    """Enter a lit order as the instruction says."""
    agent = m["agents"][a]
    r = agent["registers"]
    side = np.int64(r[code.SIDE])
    if line["b"] == code.OTHER:
        side = 1 - side
    sign = 1 if side == BUY else -1
    tick = m["best"][side]
    if line["c"] == code.INSIDE:
        room = m["best"][SELL] - m["best"][BUY] - 1
        if room > 0:
            tick += sign * min(room, np.int64(1 + 2.0 * uniform(agent)))
    elif line["c"] == code.BEHIND:
        tick -= sign * np.int64(1.0 + r[code.AWAY] * _gamma(agent))
    size = _shares(agent, r[np.int64(line["x"])] * (0.6 + 0.4 * _gamma(agent)))
    # The side that is not meant to trade is another member's where there is one.
    turn = r[code.MEMBER] + (1.0 if line["a"] == LARGE else 0.0)
    role = GENUINE if line["a"] == GENUINE else LARGE
    place(m, side, tick, size, _account(agent, turn), a, role)


@kernel
def _sweep(m, a, line):
    """Take from the book over some levels; what the agent itself has there is left alone."""
    agent = m["agents"][a]
    r = agent["registers"]
    side = np.int64(r[code.SIDE])
    if line["a"] == code.OTHER:
        side = 1 - side
    sign = 1 if side == BUY else -1
    limit = m["best"][1 - side] + sign * (line["b"] - 1)
    for j in range(OWN_ORDERS):
        slot = agent["orders"][j]
        if slot >= 0 and m["orders"][slot]["venue"] == LIT and m["orders"][slot]["side"] != side:
            tick = m["orders"][slot]["tick"]
            limit = min(limit, tick - 1) if side == BUY else max(limit, tick + 1)
    size = _shares(agent, r[np.int64(line["x"])])
    new_id(m)
    r[code.GOT] = take(m, side, limit, size, _account(agent, r[code.MEMBER]), a)


@kernel
def _go_dark(m, a, line):
    """Enter an order in the pool."""
    agent = m["agents"][a]
    r = agent["registers"]
    side = np.int64(r[code.SIDE])
    if line["a"] == code.OTHER:
        side = 1 - side
    size = _shares(agent, r[np.int64(line["x"])])
    minimum = size if line["c"] else np.int64(0)
    account = _account(agent, r[code.MEMBER])
    r[code.GOT] = enter_dark(m, side, size, minimum, account, a, line["b"])


@kernel
def _hit(m, a):
    """Let the next member trade with the own order, if that is the first one it would meet."""
    agent = m["agents"][a]
    r = agent["registers"]
    r[code.GOT] = 0.0
    for j in range(OWN_ORDERS):
        slot = agent["orders"][j]
        if slot < 0 or m["orders"][slot]["venue"] != LIT:
            continue
        o = m["orders"][slot]
        account = _account(agent, r[code.MEMBER] + 1.0)
        first = m["levels"][o["tick"] & (LEVELS - 1)]["head"] == slot
        if first and m["best"][o["side"]] == o["tick"] and account != o["account"]:
            new_id(m)
            r[code.GOT] = take(m, 1 - o["side"], o["tick"], o["left"], account, a)
            r[code.PRINTS] += 1.0
        return


@kernel
def _churn(m, a):
    """Send one message of a burst: an order behind the touch, or the cancel of one."""
    agent = m["agents"][a]
    r = agent["registers"]
    live = 0
    for j in range(OWN_ORDERS):
        live += agent["orders"][j] >= 0
    if live > 0 and (live > OWN_ORDERS - 6 or uniform(agent) < 0.48):
        _cancel(m, a, 0)
        return
    side = BUY if uniform(agent) < 0.5 else SELL
    sign = 1 if side == BUY else -1
    tick = m["best"][side] - sign * np.int64(1.0 + r[code.AWAY] * _gamma(agent))
    size = _shares(agent, r[code.SIZE] * _gamma(agent))
    place(m, side, tick, size, _account(agent, r[code.MEMBER]), a, GENUINE)
    r[code.MEMBER] += 1.0


@kernel
def _unwatch(m, a):
    """Take the agent off the list of those that hear of the quote."""
    kept = 0
    for i in range(m["watching"]):
        if m["watchers"][i] != a:
            m["watchers"][kept] = m["watchers"][i]
            kept += 1
    m["watching"] = kept


@kernel
def _check(m, r, double):
    """Forget what the last trade got unless its reference was better than `double`, twice a mid."""
    sign = 1 if r[code.SIDE] == BUY else -1
    gained = 0.0
    for i in range(m["count"]):
        row = m["out"][i]
        if row["kind"] == EXECUTE and row["flags"] & DARK:
            if sign * (double * m["tick"] - 2 * row["aux_price"]) > 0:
                gained += row["size"]
    r[code.GOT] = gained


@kernel
def _trade(m, a, line):
    """Carry out an instruction that sends messages or judges them."""
    agent = m["agents"][a]
    r = agent["registers"]
    op = line["op"]
    if op == code.ENTER:
        _enter(m, a, line)
    elif op == code.PULL:
        r[code.PULLED] += _cancel(m, a, line["a"])
        if line["c"] == 1 and agent["filled"] > 0:
            if r[code.LARGE] > 0.0 and 2.0 * r[code.PULLED] >= r[code.LARGE]:
                _mark(m, agent)
    elif op == code.SNAP:
        r[code.LARGE] = _left(m, a, LARGE)
        r[code.PULLED] = 0.0
    elif op == code.SWEEP:
        _sweep(m, a, line)
        if line["c"] == 1:
            agent["filled"] += np.int64(r[code.GOT])
    elif op == code.DARK:
        _go_dark(m, a, line)
    elif op == code.HIT:
        _hit(m, a)
    elif op == code.CHURN:
        _churn(m, a)
    elif op == code.CHECK:
        _check(m, r, agent["mark"] if line["b"] == 1 else m["best"][BUY] + m["best"][SELL])
    elif op == code.ROOM:
        r[code.GOT] = m["best"][SELL] - m["best"][BUY] - 1
        agent["mark"] = m["best"][SELL] + m["best"][BUY]
    elif op == code.MARK:
        if line["b"] == 0 or (line["b"] == 1 and r[code.GOT] > 0.0):
            _mark(m, agent)
        elif line["b"] == 2 and r[line["a"]] >= line["x"]:
            _mark(m, agent)


@kernel
def _jumps(m, a, line):
    """Return whether an instruction of the script's course goes to its target."""
    agent = m["agents"][a]
    r = agent["registers"]
    op = line["op"]
    if op == code.LOOP:
        r[line["a"]] -= 1.0
        return r[line["a"]] > 0.0
    if op == code.IF_SHOWN:
        return agent["evidence"] >= 0 or agent["code"] >= LOOKALIKE
    if op == code.IF_LATE:
        return m["clock"] >= agent["deadline"]
    if op == code.IF_FILLED:
        return agent["filled"] > 0
    if op == code.IF_LIVE:
        return _left(m, a, line["a"]) > 0
    if op == code.IF_GOT:
        return r[code.GOT] > 0.0
    if op == code.IF_BELOW:
        return r[line["a"]] < line["x"]
    return op == code.JUMP


@kernel
def _course(m, a, line):
    """Carry out an instruction of the script's course; return for how long it waits, or _ON."""
    agent = m["agents"][a]
    r = agent["registers"]
    op = line["op"]
    if op == code.COPY:
        r[line["a"]] = r[line["b"]]
    elif op == code.CLEAR:
        agent["filled"] = 0
        agent["burst"] = 0
        r[code.LARGE] = r[code.PULLED] = r[code.GOT] = 0.0
    elif op == code.TURN:
        r[code.SIDE] = 1.0 - r[code.SIDE]
    elif op == code.SCALE:
        r[line["a"]] *= line["x"]
    elif op == code.TALLY:
        r[code.PRINTS] += 1.0
    elif op == code.NEXT:
        r[code.MEMBER] += 1.0
    elif op == code.AWAIT:
        if agent["filled"] > 0:
            return agent["reaction"]
        agent["phase"] = WAIT
        return np.int64(r[line["a"]] * _gamma(agent)) + 1
    elif op == code.WAIT:
        ns = r[line["a"]] * line["x"] * _gamma(agent)
        if line["y"] > 0.0:
            ns = min(ns, line["y"] * (0.05 + 0.95 * uniform(agent)))
        if line["c"] == 1:
            ns = min(ns, np.float64(agent["deadline"] - m["clock"]))
        return np.int64(max(ns, 0.0)) + 1
    elif op == code.WATCH:
        r[code.GOT] = 0.0
        if m["watching"] < WATCHERS:
            m["watchers"][m["watching"]] = a
            m["watching"] += 1
            agent["phase"] = WATCH
        return np.int64(r[line["a"]] * _gamma(agent)) + 1
    elif _jumps(m, a, line):
        r[code.IP] = line["b"]
    return _ON


@kernel
def step_script(m, a):
    """Let a scripted agent go on until it waits or is over."""
    agent = m["agents"][a]
    if agent["done"]:
        return
    r = agent["registers"]
    if agent["phase"] == HIT:
        up = m["best"][BUY] + m["best"][SELL] > agent["mark"]
        r[code.SIDE] = np.float64(BUY if up else SELL)
        r[code.GOT] = 1.0
    if agent["phase"] == HIT or agent["phase"] == WATCH:
        _unwatch(m, a)
    agent["phase"] = _IDLE
    for _ in range(_AT_ONCE):
        line = m["program"][np.int64(r[code.IP])]
        if line["op"] == code.END:
            agent["done"] = 1
            agent["end"] = max(agent["end"], agent["start"])
            return
        r[code.IP] += 1.0
        wait = _course(m, a, line)
        _trade(m, a, line)
        if wait >= 0:
            set_timer(m, ORDERS + a, m["clock"] + max(np.int64(1), wait))
            return
    set_timer(m, ORDERS + a, m["clock"] + _REST_NS)
