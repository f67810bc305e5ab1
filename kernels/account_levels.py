"""The price levels that accounts came to hold in the last two minutes, for family 192.

An account holds a level while at least one of its displayed lit orders rests there, in any lit
book of the security; it counts from the moment it came to be held, and further orders at it
change nothing. Orders that cross the market on entry, and those not displayed, hold nothing.
The table is a cache of 48 sets of 8 ways: where a set is full, a level held for over two minutes
gives way (its weight is below 1/16 in the longest window), else the one whose first order was
smallest, the newcomer included, so that small orders cannot hide large ones. A level that gave
way counts as released, and is counted in `levels_passed_over`.
"""

import numpy as np

from kernels.account_clock import weight_at
from kernels.account_layout import LEVEL_NS, LEVEL_SETS, LEVEL_WAYS, NET_LEVELS, SEATS, WINDOWS
from kernels.jit import kernel

_NOTHING = np.float32(0.0)
_LOW = 0x7FFFFFFF
_MIX_OWNER = 0x3C6EF372
_MIX_PRICE = 0x5BD1E995
_MIX_LAST = 0x2C1B3C6D


@kernel
def level_set(price, owner):
    """Return the first of the entries where a level may lie; products stay below 2^63."""
    folded = (price ^ (price >> 31) ^ (owner * _MIX_OWNER)) & _LOW
    mixed = folded * _MIX_PRICE
    mixed = ((mixed ^ (mixed >> 31)) & _LOW) * _MIX_LAST
    return ((((mixed >> 20) & 0xFFFFFF) * LEVEL_SETS) >> 24) * LEVEL_WAYS


@kernel
def find_level(a, first, price, owner):
    """Return the entry of a level in the set that starts at `first`, -1 where it is not held."""
    for at in range(first, first + LEVEL_WAYS):
        level = a["levels"][at]
        if np.int64(level["owner"]) == owner and level["price"] == price:
            return np.int64(at)
    return np.int64(-1)


@kernel
def drop_level(a, at):
    """Take one level off its account's counters and free the entry."""
    level = a["levels"][at]
    owner = np.int64(level["owner"])
    seat = (owner - 1) >> 1
    sign = -1.0 if (owner - 1) & 1 else 1.0
    a["held"][seat] -= 1
    for k in range(WINDOWS):
        if a["held"][seat] == 0:
            a["counters"][k, NET_LEVELS, seat] = _NOTHING
        else:
            a["counters"][k, NET_LEVELS, seat] -= sign * weight_at(a, k, level["since"])
    level["owner"] = 0


@kernel
def room_in_set(a, first, size, ts):
    """Return an entry of the set for a new level, -1 where it must be passed over."""
    oldest = np.int64(-1)
    least = np.int64(-1)
    for at in range(first, first + LEVEL_WAYS):
        level = a["levels"][at]
        if level["owner"] == 0:
            return np.int64(at)
        if ts - level["since"] > LEVEL_NS and (
            oldest < 0 or level["since"] < a["levels"][oldest]["since"]
        ):
            oldest = np.int64(at)
        if least < 0 or level["size"] < a["levels"][least]["size"]:
            least = np.int64(at)
    if oldest >= 0:
        drop_level(a, oldest)
        return oldest
    a["levels_passed_over"] += 1
    if size < a["levels"][least]["size"]:
        return np.int64(-1)
    drop_level(a, least)
    return least


@kernel
def hold_level(
    a,  # TABLE, advanced to ts
    seat,  # int64
    side,  # int64: 0 bid, 1 ask
    price,  # int64, 1e-9 currency
    size,  # int64, size units
    ts,  # int64 ns
):
    """Let an account's displayed order rest at a price."""
    owner = 1 + 2 * seat + side
    first = level_set(price, owner)
    at = find_level(a, first, price, owner)
    if at >= 0:
        level = a["levels"][at]
        if level["orders"] < 65_535:
            level["orders"] += 1
        return
    at = room_in_set(a, first, np.float32(size), ts)
    if at < 0:
        return
    level = a["levels"][at]
    level["price"] = price
    level["since"] = ts
    level["size"] = size
    level["owner"] = owner
    level["orders"] = 1
    a["held"][seat] += 1
    sign = -1.0 if side else 1.0
    for k in range(WINDOWS):
        a["counters"][k, NET_LEVELS, seat] += sign * a["weight"][k]


@kernel
def release_level(
    a,  # TABLE, advanced to now
    seat,  # int64
    side,  # int64: 0 bid, 1 ask
    price,  # int64, 1e-9 currency
):
    """Take one of an account's orders off a level; the last one releases it."""
    owner = 1 + 2 * seat + side
    at = find_level(a, level_set(price, owner), price, owner)
    if at < 0:
        return
    level = a["levels"][at]
    level["orders"] -= 1
    if level["orders"] == 0:
        drop_level(a, at)


@kernel
def forget_levels(a, seat):
    """Free all levels of a seat whose counters are about to be cleared."""
    if a["held"][seat] == 0:
        return
    for at in range(LEVEL_SETS * LEVEL_WAYS):
        level = a["levels"][at]
        if level["owner"] != 0 and (np.int64(level["owner"]) - 1) >> 1 == seat:
            level["owner"] = 0
    a["held"][seat] = 0


@kernel
def release_all_levels(a):
    """A book was cleared: nothing is taken to be held any more, whichever book it was in."""
    for at in range(LEVEL_SETS * LEVEL_WAYS):
        a["levels"][at]["owner"] = 0
    for k in range(WINDOWS):
        a["counters"][k, NET_LEVELS][:] = _NOTHING
    for seat in range(SEATS):
        a["held"][seat] = 0
