"""What affiliate groups did to the lit market before they filled in the dark (216, 236).

Two small tables a security. `groups` keeps when each group last bought and sold in lit books: 16
sets of 4 ways, the group that traded longest ago gives way. `moves` keeps the NBBO moves that
still stand, one a group, at most 32: where it is full a move older than 60 s gives way, else the
oldest with nothing filled since, else the oldest; ties go to the lower entry.
"""

import numpy as np

from kernels.account_layout import (
    GAMED,
    GROUP_SETS,
    GROUP_WAYS,
    MOVES,
    NEVER,
    TAU_NS,
    WINDOWS,
)
from kernels.jit import kernel

_LONGEST = TAU_NS[WINDOWS - 1]
_MIX = 0x5BD1E995
_NOTHING = np.float32(0.0)


@kernel
def group_set(group):
    """Return the first of the entries where a group may lie."""
    return (((group * _MIX) >> 15) & (GROUP_SETS - 1)) * GROUP_WAYS


@kernel
def lit_age(
    a,  # TABLE
    group,  # int64 in [1, 2^32)
    side,  # int64: 0 bought, 1 sold
    ts,  # int64 ns
):
    """Return ns since the group's last lit execution on that side; huge where none is known."""
    first = group_set(group)
    for at in range(first, first + GROUP_WAYS):
        row = a["groups"][at]
        if np.int64(row["group"]) == group:
            return ts - row["lit"][side]
    return np.int64(-NEVER)


@kernel
def note_lit_fill(a, group, side, ts):
    """Remember a group's lit execution."""
    first = group_set(group)
    oldest = np.int64(-1)
    age = np.int64(-1)
    for at in range(first, first + GROUP_WAYS):
        row = a["groups"][at]
        if np.int64(row["group"]) == group:
            row["lit"][side] = ts
            return
        last = max(row["lit"][0], row["lit"][1])
        if row["group"] == 0:
            last = np.int64(NEVER)
        if ts - last > age:
            age = ts - last
            oldest = np.int64(at)
    row = a["groups"][oldest]
    row["group"] = group
    row["lit"][side] = ts
    row["lit"][1 - side] = NEVER


@kernel
def find_move(a, group):
    """Return the entry of the group's standing move, -1 where it has none."""
    for at in range(MOVES):
        if np.int64(a["moves"][at]["group"]) == group:
            return np.int64(at)
    return np.int64(-1)


@kernel
def settle_moves(
    a,  # TABLE
    mid2,  # int64, 1e-9 currency: twice the midpoint now
    ts,  # int64 ns
    group,  # int64: who moved it now; 0 = unknown
):
    """Close the moves that the midpoint has reverted by half, and count what was filled in them.

    A fill counts in the windows that reach back from the reversion to the move; it keeps the
    weight of its own time. A move older than 60 s is given up. Returns whether `group` reverted a
    move of its own, which is no new move.
    """
    undone = False
    for at in range(MOVES):
        move = a["moves"][at]
        if move["group"] == 0:
            continue
        half = move["base"] + move["far"]
        if ts - move["ts"] <= _LONGEST:
            if move["far"] > move["base"]:
                if 2 * mid2 > half:
                    continue
            elif 2 * mid2 < half:
                continue
            if move["filled"]:
                for k in range(WINDOWS):
                    if ts - move["ts"] <= TAU_NS[k]:
                        a["sums"][k, GAMED] += np.float64(move["pending"][k])
            undone = undone or np.int64(move["group"]) == group
        move["group"] = 0
        a["standing"] -= 1
    return undone


@kernel
def room_for_move(a, ts):
    """Return the entry that a new move takes."""
    oldest = np.int64(0)
    for at in range(MOVES):
        move = a["moves"][at]
        if move["group"] == 0 or ts - move["ts"] > _LONGEST:
            if move["group"] != 0:
                a["standing"] -= 1
            return np.int64(at)
        best = a["moves"][oldest]
        if move["filled"] < best["filled"] or (
            move["filled"] == best["filled"] and move["ts"] < best["ts"]
        ):
            oldest = np.int64(at)
    a["moves_evicted"] += 1
    a["standing"] -= 1
    return oldest


@kernel
def note_move(
    a,  # TABLE
    group,  # int64 in [1, 2^32)
    before,  # int64, 1e-9 currency: mid2 before the group's event
    after,  # int64: mid2 after it, not equal to before
    ts,  # int64 ns
):
    """Remember that a group moved the NBBO; a further move the same way extends the first.

    A partial retreat of its own standing move is no new move.
    """
    at = find_move(a, group)
    if at >= 0:
        move = a["moves"][at]
        if (after > before) == (move["far"] > move["base"]):
            move["ts"] = ts
            if (after > move["far"]) == (after > before):
                move["far"] = after
        return
    move = a["moves"][room_for_move(a, ts)]
    a["standing"] += 1
    move["group"] = group
    move["ts"] = ts
    move["base"] = before
    move["far"] = after
    move["filled"] = 0
    for k in range(WINDOWS):
        move["pending"][k] = _NOTHING


@kernel
def fill_in_move(
    a,  # TABLE, advanced to ts
    group,  # int64; 0 = unknown
    side,  # int64: 0 bought, 1 sold
    quantity,  # int64, size units
    ts,  # int64 ns
):
    """Return whether a dark fill profits from its group's standing move, and keep it if so.

    A sale profits from a move up, a purchase from a move down.
    """
    if group == 0 or a["standing"] == 0:
        return False
    at = find_move(a, group)
    if at < 0:
        return False
    move = a["moves"][at]
    if (move["far"] > move["base"]) != (side == 1) or ts - move["ts"] > _LONGEST:
        return False
    move["filled"] = 1
    for k in range(WINDOWS):
        move["pending"][k] += quantity * a["weight"][k]
    return True
