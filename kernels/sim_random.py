"""Random numbers of the simulator: a multiply-with-carry stream in one 64-bit word each.

Products of 32-bit halves stay below 2^64, so nothing wraps and a stream has the same bits compiled
or not. Source: Marsaglia (1994), "Yet another RNG"; the output mix of Thomas (2011), MWC64X.
"""

import math

import numpy as np

from kernels.jit import kernel

_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_CARRY = np.uint64(4294883355)
_SCALE = 1.0 / 4294967296.0


@kernel
def uniform(
    owner,  # () record with a uint64 field `random`, not 0
):
    """Return the next number of the owner's stream, in (0, 1)."""
    state = owner["random"]
    low = state & _LOW
    high = state >> _HALF
    owner["random"] = low * _CARRY + high
    return (np.float64(low ^ high) + 0.5) * _SCALE


@kernel
def normal(owner):
    """Return a standard normal number (Box and Muller, the cosine half)."""
    radius = math.sqrt(-2.0 * math.log(uniform(owner)))
    return radius * math.cos(2.0 * math.pi * uniform(owner))


@kernel
def log_uniform(owner, low, high):
    """Return a number in (low, high) whose logarithm is uniform; 0 < low <= high."""
    return low * math.exp(uniform(owner) * math.log(high / low))


@kernel
def below(owner, n):
    """Return an integer in [0, n)."""
    return np.int64(uniform(owner) * n)
