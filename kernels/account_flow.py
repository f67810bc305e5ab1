"""What an order entered or withdrawn by a known account adds to its counters."""

import math

import numpy as np

from kernels.account_clock import weight_at
from kernels.account_layout import (
    BY_NOTIONAL,
    CANCELLED_BID,
    COUPLED,
    DARK_ENTERED,
    DARK_ENTRY,
    DELAYED,
    DELAYS,
    PROBE_NS,
    PROBED,
    PROBES,
    TAU_NS,
    WINDOWS,
)
from kernels.account_levels import hold_level, release_level
from kernels.account_seats import coupled
from kernels.jit import kernel
from kernels.layout import (
    CONDITIONAL,
    DARK,
    FOK,
    HIDDEN,
    IOC,
    MIDPOINT_PEG,
    REPLACE,
    UNDEFINED_PRICE,
)
from kernels.profile import P10, P90

_NOT_SHOWN = DARK | HIDDEN | MIDPOINT_PEG | IOC | FOK | CONDITIONAL
_SHORTEST_NS = 1_000.0
_NS = 1e-9


@kernel
def notional(price, mid2, quantity):
    """Return the money of a quantity at its price, else at the midpoint, else 0; currency."""
    if price != UNDEFINED_PRICE:
        return 1e-9 * np.float64(price) * np.float64(quantity)
    if mid2 != UNDEFINED_PRICE:
        return 0.5e-9 * np.float64(mid2) * np.float64(quantity)
    return 0.0


@kernel
def crosses(o):
    """Return whether an order entered at a price that trades at once."""
    if o["side"] == 1:
        return o["ask0"] != UNDEFINED_PRICE and o["price"] >= o["ask0"]
    return o["bid0"] != UNDEFINED_PRICE and o["price"] <= o["bid0"]


@kernel
def count_cancel(o, a, seat, side, profile):
    """Count quantity cancelled in a lit book, for spoof_coupling and fill_to_cancel.

    A cancel is large where the order's size at entry, or where that is unknown what was removed,
    is at least P90. Its delay runs from the account's last fill on the other side, lit or dark,
    is at least 1 us, and counts in the windows that are no shorter than it.
    """
    ts = o["ts"]
    delay = ts - a["fills"][1 - side, seat]
    size = o["order_size"] if o["order_size"] > 0 else o["removed"]
    large = size >= profile[P90]
    delay_ln = math.log(max(np.float64(delay), _SHORTEST_NS) * _NS)
    for k in range(WINDOWS):
        counters = a["counters"][k]
        weight = a["weight"][k]
        before = coupled(counters, seat)
        counters[CANCELLED_BID + side, seat] += np.float64(o["removed"]) * weight
        a["sums"][k, COUPLED] += coupled(counters, seat) - before
        if large and delay <= TAU_NS[k]:
            a["sums"][k, DELAYS] += delay_ln * weight
            a["sums"][k, DELAYED] += weight
            a["delayed"][k] = ts


@kernel
def forget_probe(a, account, size, entered):
    """Return whether the dark order of that size and time was IOC or minimum-quantity."""
    for at in range(PROBES):
        probe = a["probes"][at]
        if (
            probe["account"] == account
            and probe["size"] == size
            and probe["ts"] == entered
            and account != 0
        ):
            probe["account"] = 0
            return True
    return False


@kernel
def count_probe(o, a, seat, profile):
    """Count a dark order that was withdrawn whole within 50 ms and was tiny, IOC or min-quantity.

    It counts at the time of its entry, so that it is a share of the orders entered.
    """
    age = o["age"]
    size = o["order_size"]
    if age < 0 or age >= PROBE_NS or size <= 0 or o["removed"] != size:
        return
    entered = o["ts"] - age
    marked = forget_probe(a, np.int64(o["account"]), size, entered)
    if marked or size <= profile[P10] or o["flags"] & (IOC | FOK):
        for k in range(WINDOWS):
            a["counters"][k, PROBED, seat] += weight_at(a, k, entered)


@kernel
def count_dark_entry(o, a, seat):
    """Count a dark order, and remember it for 50 ms if it was IOC, FOK or minimum-quantity."""
    a["last"][DARK_ENTRY] = o["ts"]
    for k in range(WINDOWS):
        a["counters"][k, DARK_ENTERED, seat] += a["weight"][k]
    if o["flags"] & (IOC | FOK) or o["min_quantity"] > 0:
        probe = a["probes"][a["next_probe"]]
        probe["account"] = o["account"]
        probe["size"] = o["added"]
        probe["ts"] = o["ts"]
        a["next_probe"] = (a["next_probe"] + 1) % PROBES


@kernel
def on_order(
    o,  # OBSERVATION that is no trade
    a,  # TABLE, advanced to its time
    seat,  # int64: of o["account"]
    profile,  # (PROFILE,) float64
):
    """Count what an order event removed and added; a REPLACE does both."""
    side = np.int64(o["side"]) - 1
    removed = o["removed"]
    added = o["added"]
    weight = a["weight"][WINDOWS - 1]
    old_price = o["old_price"] if o["kind"] == REPLACE else o["price"]
    if removed > 0:
        a["ranks"][BY_NOTIONAL, seat] += notional(old_price, o["mid2"], removed) * weight
        if o["dark"]:
            count_probe(o, a, seat, profile)
        elif side >= 0:
            count_cancel(o, a, seat, side, profile)
            if o["kind"] == REPLACE or o["order_left"] == 0:
                release_level(a, seat, side, old_price)
    if added > 0:
        a["ranks"][BY_NOTIONAL, seat] += notional(o["price"], o["mid2"], added) * weight
        if o["dark"]:
            count_dark_entry(o, a, seat)
        elif (
            side >= 0
            and o["price"] != UNDEFINED_PRICE
            and not o["flags"] & _NOT_SHOWN
            and not crosses(o)
        ):
            hold_level(a, seat, side, o["price"], added, o["ts"])
