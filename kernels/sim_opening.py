"""How the simulated book begins: both sides of an empty book are filled."""

import numpy as np

from kernels.jit import kernel
from kernels.sim_book import place, set_life
from kernels.sim_draws import draw_account, order_size
from kernels.sim_random import below, log_uniform
from kernels.sim_state import ADD_BEHIND, BUY, NOBODY, NOTHING, SELL


@kernel
def open_book(m):
    """Fill both sides of an empty book, nearest ticks first."""
    for level in range(14):
        for side in range(2):
            for _ in range(1 + below(m, 3)):
                m["clock"] += np.int64(log_uniform(m, 1e5, 3e6))
                tick = (
                    m["best"][side]
                    if level == 0
                    else (m["best"][BUY] - level if side == BUY else m["best"][SELL] + level)
                )
                account = draw_account(m, ADD_BEHIND)
                slot = place(m, side, tick, order_size(m), account, NOBODY, NOTHING)
                if slot >= 0:
                    set_life(m, slot, 0.0, m["tail_life"])
