"""The two sides of a trade: whose message it is, and who is kept from trading with whom.

Venues prevent self-trades by firm: orders of accounts of one owner do not meet. Wash traders get
round that with their own orders, but no account meets itself.
"""

import numpy as np

from kernels.jit import kernel
from kernels.sim_cast import WASH
from kernels.sim_placebo import is_background
from kernels.sim_state import NOBODY


@kernel
def sender_of(m, incoming, resting):
    """Return whose message an execution is: a campaign's first, then the incoming order's."""
    if is_background(m, incoming):
        return np.int64(incoming if resting == NOBODY else resting)
    campaign = m["agents"][incoming]["campaign"]
    if campaign < 0 and resting != NOBODY and m["agents"][resting]["campaign"] >= 0:
        return np.int64(resting)
    return np.int64(incoming)


@kernel
def same_firm(m, account, other):
    """Return whether one owner holds both accounts."""
    return m["owners"][account] == m["owners"][other]


@kernel
def barred(m, resting, incoming):
    """Return 1 where the matrix of the pools forbids a resting account to meet an incoming one."""
    return m["barred"][m["segments"][resting], m["segments"][incoming]]


@kernel
def kept_apart(m, slot, account, agent):
    """Return whether self-trade prevention keeps a resting order from an incoming one."""
    o = m["orders"][slot]
    if o["account"] == account:
        return True
    if agent != NOBODY and o["agent"] == agent and m["agents"][agent]["code"] == WASH:
        return False
    return same_firm(m, o["account"], account)
