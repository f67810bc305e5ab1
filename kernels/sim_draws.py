"""What the background draws alike for every kind of message: who sends it, and how large it is."""

import math

import numpy as np

from kernels.jit import kernel
from kernels.sim_random import below, log_uniform, uniform


@kernel
def draw_account(m, kind):
    """Return the account that sends a message of this type."""
    chances = m["chances"][kind]
    aim = uniform(m)
    low = 0
    high = m["people"] - 1
    while low < high:
        middle = (low + high) >> 1
        if chances[middle] > aim:
            high = middle
        else:
            low = middle + 1
    return np.int64(low + 1)


@kernel
def order_size(m):
    """Return the size of a lit order: mostly round lots, one in four odd, few large ones."""
    lot = m["lot"]
    u = uniform(m)
    if u < 0.40:
        lots = 1.0
    elif u < 0.73:
        lots = 2.0 + below(m, 4)
    elif u < 0.745:
        lots = math.floor(log_uniform(m, 6.0, 20.0))
    else:
        return np.int64(log_uniform(m, 6.0, 100.0) * lot)
    return np.int64(100.0 * lot * lots)
