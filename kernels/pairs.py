"""Who traded with whom: the 64 pairs of accounts with the largest quantity (family 224).

A pair's rank is its quantity in both directions, decayed with a half-life of 30 s. Where all 64
are taken a new pair replaces the least, unless its first trade is smaller than that: then the
trade counts in the denominator only, in `pairs_passed_over`, and the pair may try again. Ties go
to the lower entry.
"""

import numpy as np

from kernels.account_layout import PAIRS, RECIPROCAL, WINDOWS
from kernels.jit import kernel

_NOTHING = np.float32(0.0)
_RANKED = WINDOWS - 1


@kernel
def reciprocal(pairs, at):
    """Return 2 min(v_ij, v_ji) of one pair, float64, landmark units."""
    return 2.0 * np.float64(min(pairs[0, at], pairs[1, at]))


@kernel
def least_pair(a):
    """Return the pair with the least quantity; the lower entry on a tie."""
    pairs = a["pairs"][_RANKED]
    best = np.int64(0)
    for at in range(1, PAIRS):
        if pairs[0, at] + pairs[1, at] < pairs[0, best] + pairs[1, best]:
            best = np.int64(at)
    return best


@kernel
def take_pair(a, low, high, quantity):
    """Return the entry of a pair, after giving it one if its quantity earns it; else -1."""
    for at in range(a["paired"]):
        if np.int64(a["pair_low"][at]) == low and np.int64(a["pair_high"][at]) == high:
            return np.int64(at)
    if a["paired"] < PAIRS:
        at = np.int64(a["paired"])
        a["paired"] += 1
    else:
        at = least_pair(a)
        pairs = a["pairs"][_RANKED]
        if quantity * a["weight"][_RANKED] < np.float64(pairs[0, at] + pairs[1, at]):
            a["pairs_passed_over"] += 1
            return np.int64(-1)
        a["pairs_evicted"] += 1
        for k in range(WINDOWS):
            a["sums"][k, RECIPROCAL] -= reciprocal(a["pairs"][k], at)
            a["pairs"][k, 0, at] = _NOTHING
            a["pairs"][k, 1, at] = _NOTHING
    a["pair_low"][at] = low
    a["pair_high"][at] = high
    return at


@kernel
def add_pair_trade(
    a,  # TABLE, advanced to now
    buyer,  # int64 in [1, 2^32)
    seller,  # int64 in [1, 2^32), not the buyer
    quantity,  # int64, size units
):
    """Count a trade between two known accounts of different groups."""
    at = take_pair(a, min(buyer, seller), max(buyer, seller), quantity)
    if at < 0:
        return
    way = 0 if buyer < seller else 1
    for k in range(WINDOWS):
        pairs = a["pairs"][k]
        before = reciprocal(pairs, at)
        pairs[way, at] += quantity * a["weight"][k]
        a["sums"][k, RECIPROCAL] += reciprocal(pairs, at) - before
