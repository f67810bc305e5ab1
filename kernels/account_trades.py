"""What a trade with at least one known account adds to the counters, pairs and ledger."""

import numpy as np

from kernels.account_flow import notional
from kernels.account_groups import fill_in_move, lit_age, note_lit_fill
from kernels.account_layout import (
    BOUGHT,
    BY_NOTIONAL,
    COUPLED,
    DARK_FILL,
    DARK_FILLED,
    FILL,
    FILLED,
    GAMED,
    LED,
    LED_NS,
    MATCH,
    MATCHED,
    SELF_MATCHED,
    SQUARES,
    TAU_NS,
    WINDOWS,
)
from kernels.account_levels import release_level
from kernels.account_seats import coupled, filled
from kernels.jit import kernel
from kernels.layout import EXECUTE
from kernels.ledger import enter_fill
from kernels.pairs import add_pair_trade
from kernels.profile import REFERENCE_P95

_NOTHING = np.float32(0.0)


@kernel
def count_fill(a, seat, side, quantity, ts):
    """Count one account's fill, for spoof_coupling, fill_to_cancel and account_concentration."""
    a["last"][FILL] = ts
    a["fills"][side, seat] = ts
    for k in range(WINDOWS):
        counters = a["counters"][k]
        sums = a["sums"][k]
        share = quantity * a["weight"][k]
        before = coupled(counters, seat)
        volume = filled(counters, seat)
        counters[BOUGHT + side, seat] += share
        after = filled(counters, seat)
        sums[FILLED] += share
        sums[COUPLED] += coupled(counters, seat) - before
        sums[SQUARES] += after * after - volume * volume


@kernel
def count_match(o, a, buyer, seller, quantity):
    """Count a trade between two known accounts, for reciprocity.

    A trade within one affiliate group is self-matched and belongs to no pair.
    """
    a["last"][MATCH] = o["ts"]
    within = o["group"] == o["contra_group"]
    for k in range(WINDOWS):
        share = quantity * a["weight"][k]
        a["sums"][k, MATCHED] += share
        if within:
            a["sums"][k, SELF_MATCHED] += share
    if not within:
        add_pair_trade(a, buyer, seller, quantity)


@kernel
def count_dark_fill(o, a, side, quantity, stale_ns):
    """Count a dark print once, for linked_lead and reference_gaming; return each side's lead age.

    It is led in window k if either known side's group had a lit execution on the same side within
    the last tau. It is gamed at once if its reference was older than usual; else when a standing
    NBBO move of either known side's group, the named order's first, reverts (`settle_moves`).
    """
    ts = o["ts"]
    group = np.int64(o["group"]) if o["account"] != 0 else np.int64(0)
    contra_group = np.int64(o["contra_group"]) if o["contra_account"] != 0 else np.int64(0)
    far = np.int64(1) << 62
    age = lit_age(a, group, side, ts) if group != 0 else far
    contra_age = lit_age(a, contra_group, 1 - side, ts) if contra_group != 0 else far
    stale = o["reference_age"] > stale_ns
    a["last"][DARK_FILL] = ts
    for k in range(WINDOWS):
        sums = a["sums"][k]
        share = quantity * a["weight"][k]
        sums[DARK_FILLED] += share
        if min(age, contra_age) <= TAU_NS[k]:
            sums[LED] += share
        if stale:
            sums[GAMED] += share
    if not stale and not fill_in_move(a, group, side, quantity, ts):
        fill_in_move(a, contra_group, 1 - side, quantity, ts)
    return age, contra_age


@kernel
def on_account_trade(
    o,  # OBSERVATION of a trade
    a,  # TABLE, advanced to its time
    seat,  # int64: of o["account"], the resting order's or the buyer's; -1 = unknown
    contra_seat,  # int64: of o["contra_account"]; -1 = unknown
    profile,  # (PROFILE,) float64
):
    """Count a trade for each known side."""
    ts = o["ts"]
    quantity = np.float64(o["traded"])
    account = np.int64(o["account"])
    contra = np.int64(o["contra_account"])
    side = np.int64(0)
    if o["kind"] == EXECUTE:
        side = np.int64(o["side"]) - 1
        if side < 0:
            return
        if seat >= 0:
            rank = a["ranks"][BY_NOTIONAL]
            money = notional(o["price"], o["mid2"], o["traded"]) * a["weight"][WINDOWS - 1]
            rank[seat] = max(_NOTHING, np.float32(rank[seat] - money))
            if not o["dark"] and o["order_size"] > 0 and o["order_left"] == 0:
                release_level(a, seat, side, o["price"])
    led = False
    contra_led = False
    if o["dark"]:
        age, contra_age = count_dark_fill(o, a, side, quantity, profile[REFERENCE_P95])
        led = age <= LED_NS
        contra_led = contra_age <= LED_NS
    if seat >= 0:
        count_fill(a, seat, side, quantity, ts)
        enter_fill(a, seat, o, account, contra, side, led)
    if contra_seat >= 0:
        count_fill(a, contra_seat, 1 - side, quantity, ts)
        enter_fill(a, contra_seat, o, contra, account, 1 - side, contra_led)
    if seat >= 0 and contra_seat >= 0:
        buyer = account if side == 0 else contra
        count_match(o, a, buyer, account + contra - buyer, quantity)
    if not o["dark"]:
        if seat >= 0:
            note_lit_fill(a, np.int64(o["group"]), side, ts)
        if contra_seat >= 0:
            note_lit_fill(a, np.int64(o["contra_group"]), 1 - side, ts)
