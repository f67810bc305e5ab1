"""Lit books: the displayed price levels of every listing, in one shared arena.

A side is a sorted run of levels with the best one last: most events hit the best few, so a search
from the end is short and an insertion moves little.
"""

import numpy as np

from kernels.jit import hot_kernel
from kernels.layout import UNDEFINED_PRICE
from kernels.market_rows import DEPTH, MISSING_LEVELS

_NEAR = 16  # levels searched one by one before halving


@hot_kernel
def price_key(
    side,  # 0 bid, 1 ask
    price,  # int64
):
    """Return the key that sorts prices of one side from worst to best; its own inverse."""
    return price if side == 0 else -price


@hot_kernel
def find_level(
    levels,  # (arena,) LEVEL_ROW
    offset,  # int64: the side's first level
    count,  # int64: its levels
    key,  # int64
):
    """Return how many of the side's levels are worse than `key`: its place, or where it belongs."""
    low = 0
    high = count
    near = max(0, count - _NEAR)
    while high > near:
        if levels[offset + high - 1]["key"] < key:
            return high
        high -= 1
    while low < high:
        middle = (low + high) >> 1
        if levels[offset + middle]["key"] < key:
            low = middle + 1
        else:
            high = middle
    return low


@hot_kernel
def drop_level(
    levels,  # (arena,) LEVEL_ROW
    side_row,  # SIDE_ROW
    place,  # int64
):
    """Close the gap that the level at `place` leaves."""
    start = side_row["offset"]
    last = side_row["count"] - 1
    for i in range(start + place, start + last):
        levels[i] = levels[i + 1]
    side_row["count"] = last


@hot_kernel
def insert_level(
    levels,  # (arena,) LEVEL_ROW
    side_row,  # SIDE_ROW, with room for one more
    place,  # int64
    key,  # int64
    size,  # int64
):
    """Open a level at `place`."""
    start = side_row["offset"]
    count = np.int64(side_row["count"])
    for i in range(start + count, start + place, -1):
        levels[i] = levels[i - 1]
    row = levels[start + place]
    row["key"] = key
    row["size"] = size
    side_row["count"] = count + 1


@hot_kernel
def add_depth(
    levels,  # (arena,) LEVEL_ROW
    side_row,  # SIDE_ROW, with room for one more
    key,  # int64
    size,  # int64 > 0
):
    """Show more at a price; return whether that is one of the side's best DEPTH levels."""
    if size <= 0:
        return False
    start = side_row["offset"]
    count = np.int64(side_row["count"])
    place = find_level(levels, start, count, key)
    if place < count and levels[start + place]["key"] == key:
        row = levels[start + place]
        row["size"] += size
        return count - place <= DEPTH
    insert_level(levels, side_row, place, key, size)
    return count + 1 - place <= DEPTH


@hot_kernel
def take_depth(
    levels,  # (arena,) LEVEL_ROW
    side_row,  # SIDE_ROW
    key,  # int64
    size,  # int64
    counters,  # (COUNTERS,) int64
):
    """Show less at a price; return whether that was one of the side's best DEPTH levels.

    A level never goes below nothing, and one without size is closed.
    """
    start = side_row["offset"]
    count = np.int64(side_row["count"])
    place = find_level(levels, start, count, key)
    if place == count or levels[start + place]["key"] != key:
        counters[MISSING_LEVELS] += 1
        return False
    row = levels[start + place]
    if row["size"] > size:
        row["size"] -= size
    else:
        drop_level(levels, side_row, place)
    return count - place <= DEPTH


@hot_kernel
def set_depth(
    levels,  # (arena,) LEVEL_ROW
    side_row,  # SIDE_ROW, with room for one more
    key,  # int64
    size,  # int64: 0 closes the level
):
    """Set what a price shows; return whether that is one of the side's best DEPTH levels."""
    start = side_row["offset"]
    count = np.int64(side_row["count"])
    place = find_level(levels, start, count, key)
    if place < count and levels[start + place]["key"] == key:
        if size > 0:
            row = levels[start + place]
            row["size"] = size
        else:
            drop_level(levels, side_row, place)
        return count - place <= DEPTH
    if size <= 0:
        return False
    insert_level(levels, side_row, place, key, size)
    return count + 1 - place <= DEPTH


@hot_kernel
def copy_levels(
    levels,  # (arena,) LEVEL_ROW
    sides,  # (listings, 2) SIDE_ROW
    listing,  # int64: row
    out,  # (2, L, 2) int64: side, level from the best, (price, size)
):
    """Write the listing's best L levels; UNDEFINED_PRICE and 0 where there are fewer."""
    for side in range(2):
        start = sides[listing, side]["offset"]
        count = np.int64(sides[listing, side]["count"])
        for level in range(out.shape[1]):
            if level < count:
                row = levels[start + count - 1 - level]
                out[side, level, 0] = price_key(side, row["key"])
                out[side, level, 1] = row["size"]
            else:
                out[side, level, 0] = UNDEFINED_PRICE
                out[side, level, 1] = 0
