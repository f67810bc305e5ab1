"""Open-addressing tables from the feed's sparse 32-bit ids to dense rows.

Linear probing over a power of two; entries are never deleted. Everything stays below 2^63, so the
arithmetic is the same compiled or not.
"""

import numpy as np

from kernels.jit import hot_kernel

_MIX = 0x5BD1E995  # odd, below 2^31: id * _MIX < 2^63


@hot_kernel
def find_id(
    table,  # (2^k,) ID_ROW, at least one free
    wanted,  # int64 in [0, 2^32)
):
    """Return what `wanted` stands for, -1 where it is not in the table."""
    mask = table.shape[0] - 1
    slot = ((wanted * _MIX) >> 15) & mask
    while True:
        held = table[slot]["id"]
        if held == wanted:
            return table[slot]["value"]
        if held < 0:
            return np.int64(-1)
        slot = (slot + 1) & mask


@hot_kernel
def put_id(
    table,  # (2^k,) ID_ROW, at least one free
    wanted,  # int64 in [0, 2^32)
    value,  # int64 >= 0
):
    """Let `wanted` stand for `value`, in place of what it stood for before."""
    mask = table.shape[0] - 1
    slot = ((wanted * _MIX) >> 15) & mask
    while table[slot]["id"] >= 0 and table[slot]["id"] != wanted:
        slot = (slot + 1) & mask
    row = table[slot]
    row["id"] = wanted
    row["value"] = value
