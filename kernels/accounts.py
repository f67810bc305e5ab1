"""The account families: features 192-203, 216-227 and 232-239 of one security.

Everything is an event-time exponentially decayed counter with half-life tau / 2 (see
`account_layout`); definitions that the catalogue leaves open are settled in the docstrings below
and in `features/families_account.py`. An account id says only which counters an event belongs to;
it never enters a value. Account 0 is unknown and belongs to none.

A family is NaN in window k unless the security saw what it divides by within the last tau: any
event of a known account (192), a fill of one (196, 220), a large cancel after an opposite fill
(200), a dark fill with a known side (216, 236), a trade between two known accounts (224), a dark
order entered by one (232). Older events still count, with less than a quarter of their weight.
"""

import math
from typing import NamedTuple

import numpy as np

from kernels.account_clock import advance
from kernels.account_flow import on_order
from kernels.account_groups import note_move, settle_moves
from kernels.account_layout import (
    BY_MESSAGES,
    COUPLED,
    DARK_ENTERED,
    DARK_ENTRY,
    DARK_FILL,
    DARK_FILLED,
    DECAY,
    DELAYED,
    DELAYS,
    FILL,
    FILLED,
    GAMED,
    LASTS,
    LED,
    MATCH,
    MATCHED,
    MOVES,
    NET_LEVELS,
    NEVER,
    PROBED,
    PROBES,
    RECIPROCAL,
    SEEN,
    SELF_MATCHED,
    SQUARES,
    SUMS,
    TABLE,
    TAU_NS,
    WINDOWS,
)
from kernels.account_levels import release_all_levels
from kernels.account_seats import find_seat, take_seat
from kernels.account_trades import on_account_trade
from kernels.jit import kernel
from kernels.layout import CLEAR, EXECUTE, I64_MAX, UNDEFINED_PRICE
from kernels.ledger import close_ledger
from kernels.profile import PROFILE

LAYERING = 192
SPOOF_COUPLING = 196
FILL_TO_CANCEL = 200
LINKED_LEAD = 216
ACCOUNT_CONCENTRATION = 220
RECIPROCITY = 224
PINGING = 232
REFERENCE_GAMING = 236

_MAGNITUDE = np.int32(0x7FFFFFFF)
_NOTHING = np.float32(0.0)
_LEVELS_FULL = 10.0  # net newly held levels that make layering 1
_UNSEEN = 1e-6  # a decayed number of probes that is none


class AccountState(NamedTuple):
    """The arrays of the account families, as kernels take them."""

    tables: np.ndarray  # (S,) TABLE
    profile: np.ndarray  # (S, PROFILE) float64, shared with the other families and not written


@kernel
def reset_accounts(
    s,  # int64: security
    st,  # AccountState
):
    """Forget all accounts of a security, its day ledger included; keep `closing_from`."""
    a = st.tables[s]
    a["session"] = -1
    a["weighed"] = NEVER
    for which in range(LASTS):
        a["last"][which] = NEVER
    for k in range(WINDOWS):
        a["landmark"][k] = 0
        a["weight"][k] = 1.0
        a["delayed"][k] = NEVER
        for i in range(SUMS):
            a["sums"][k, i] = 0.0
        a["counters"][k][:] = _NOTHING
        a["pairs"][k][:] = _NOTHING
    a["ranks"][:] = _NOTHING
    a["fills"][:] = NEVER
    a["index"][:] = 0
    a["seated"] = 0
    release_all_levels(a)
    for at in range(a["groups"].shape[0]):
        a["groups"][at]["group"] = 0
    for at in range(MOVES):
        a["moves"][at]["group"] = 0
    a["standing"] = 0
    for at in range(PROBES):
        a["probes"][at]["account"] = 0
    a["next_probe"] = 0
    a["paired"] = 0
    close_ledger(a)


@kernel
def follow_midpoint(o, a):
    """Settle and note NBBO moves: those of a lit order's group, or of a lit execution's taker."""
    mid2 = o["mid2"]
    before = o["mid2_before"]
    unknown = o["bid0"] == UNDEFINED_PRICE or o["ask0"] == UNDEFINED_PRICE
    group = np.int64(0)
    if o["kind"] == EXECUTE:
        if o["contra_account"] != 0:
            group = np.int64(o["contra_group"])
    elif o["account"] != 0:
        group = np.int64(o["group"])
    standing = a["standing"]
    undone = False
    if standing > 0:
        undone = settle_moves(a, mid2, o["ts"], group)
    if group != 0 and not undone and not o["dark"] and not unknown and mid2 != before:
        note_move(a, group, before, mid2, o["ts"])


@kernel
def accumulate_accounts(
    o,  # OBSERVATION
    s,  # int64: security
    st,  # AccountState
):
    """Count one observation.

    Cost: O(1) but for a newcomer to a full table (two scans of 256) and the start of a window's
    epoch (one pass over its counters, at most every 3.2 s of event time).
    """
    a = st.tables[s]
    if a["session"] != o["session"]:
        reset_accounts(s, st)
        a["session"] = o["session"]
    if o["traded"] > 0 and o["ts"] >= a["closing_from"]:
        a["closing_volume"] += np.float64(o["traded"])
    if o["kind"] == CLEAR:
        release_all_levels(a)
    if o["nbbo_changed"] and o["quoted"]:
        follow_midpoint(o, a)
    account = np.int64(o["account"])
    contra = np.int64(o["contra_account"])
    if account == 0 and contra == 0:
        return
    advance(a, o["ts"])
    a["last"][SEEN] = o["ts"]
    weight = a["weight"][WINDOWS - 1]
    seat = np.int64(-1)
    contra_seat = np.int64(-1)
    if contra != 0:
        contra_seat = find_seat(a, contra)
    if account != 0:
        seat = take_seat(a, account, contra_seat)
        a["ranks"][BY_MESSAGES, seat] += weight
    if contra != 0:
        contra_seat = take_seat(a, contra, seat)
        a["ranks"][BY_MESSAGES, contra_seat] += weight
    if o["traded"] > 0:
        on_account_trade(o, a, seat, contra_seat, st.profile[s])
    elif seat >= 0:
        on_order(o, a, seat, st.profile[s])


@kernel
def ratio(above, below):
    """Return above / below within [0, 1], NaN where nothing is below."""
    if not below > 0.0:
        return np.nan
    return min(1.0, max(0.0, above / below))


@kernel
def largest(values):
    """Return the largest magnitude of non-empty float32 values.

    Magnitudes compare like their bits, and integers, unlike floats, may be compared eight at a
    time without changing a result.
    """
    bits = values.view(np.int32)
    most = np.int32(0)
    for i in range(bits.shape[0]):
        most = max(most, np.int32(bits[i] & _MAGNITUDE))
    return np.float64(np.int32(most).view(np.float32))


@kernel
def pinging(entered, probed, factor):
    """Return max over accounts of ln(1 + n) * p / n, n orders entered and p of them probes.

    As ln(1 + n) / n is at most 1 and at most 1 / sqrt(1 + n), few accounts need their logarithm.
    """
    if largest(probed) * factor < _UNSEEN:
        return 0.0
    best = 0.0
    for seat in range(entered.shape[0]):
        probes = probed[seat] * factor
        if probes > best:
            orders = max(probes, entered[seat] * factor)
            if probes * probes > best * best * (1.0 + orders):
                best = max(best, math.log1p(orders) * probes / orders)
    return best


@kernel
def write_accounts(
    s,  # int64: security
    now,  # int64 ns, not before the last event
    st,  # AccountState
    row,  # (240,) float32 or float64
):
    """Write the account families at time `now`; the state is only read.

    All sums are decayed to `now`, with half-life tau / 2 in window k:

    192 layering               max over seats of |levels held on the bid - on the ask| / 10, at
                               most 1; a level weighs by when it came to be held (`account_levels`)
    196 spoof_coupling         sum over seats of min(bids cancelled, sold) + min(asks cancelled,
                               bought) / filled by known accounts, each side of a trade once
    200 fill_to_cancel         - sum ln delay / number of large opposite cancels (`count_cancel`)
    216 linked_lead            led / filled, dark quantity with a known side (`count_dark_fill`)
    220 account_concentration  sum over seats of v^2 / (sum of v)^2, v the quantity filled
    224 reciprocity            (sum over kept pairs of 2 min(v_ij, v_ji) + within one group) /
                               traded between known accounts (`pairs`)
    232 pinging                max over seats of ln(1 + n) p / n (`count_probe`)
    236 reference_gaming       gamed / filled, dark quantity with a known side (`account_groups`)

    Numerators over seats and kept pairs miss what gave way; denominators do not, so that a full
    table can only lower a value.

    Cost: one pass over three of the seated accounts' counters a window, no logarithm for most.
    """
    a = st.tables[s]
    last = a["last"]
    seated = a["seated"]
    for k in range(WINDOWS):
        oldest = now - TAU_NS[k]
        sums = a["sums"][k]
        for base in (LAYERING, SPOOF_COUPLING, FILL_TO_CANCEL, LINKED_LEAD):
            row[base + k] = np.nan
        for base in (ACCOUNT_CONCENTRATION, RECIPROCITY, PINGING, REFERENCE_GAMING):
            row[base + k] = np.nan
        if last[SEEN] < oldest:
            continue
        counters = a["counters"][k]
        factor = math.exp((a["landmark"][k] - now) * DECAY[k])
        row[LAYERING + k] = min(1.0, largest(counters[NET_LEVELS, :seated]) * factor / _LEVELS_FULL)
        if last[FILL] >= oldest:
            volume = sums[FILLED]
            row[SPOOF_COUPLING + k] = ratio(sums[COUPLED], volume)
            row[ACCOUNT_CONCENTRATION + k] = ratio(sums[SQUARES], volume * volume)
        if a["delayed"][k] >= oldest:
            row[FILL_TO_CANCEL + k] = -sums[DELAYS] / sums[DELAYED]
        if last[MATCH] >= oldest:
            row[RECIPROCITY + k] = ratio(sums[RECIPROCAL] + sums[SELF_MATCHED], sums[MATCHED])
        if last[DARK_FILL] >= oldest:
            row[LINKED_LEAD + k] = ratio(sums[LED], sums[DARK_FILLED])
            row[REFERENCE_GAMING + k] = ratio(sums[GAMED], sums[DARK_FILLED])
        if last[DARK_ENTRY] >= oldest:
            row[PINGING + k] = pinging(
                counters[DARK_ENTERED, :seated], counters[PROBED, :seated], factor
            )


def new_account_state(
    securities: int,
    profile: np.ndarray | None = None,  # (S, PROFILE) float64; NaN where none is given
) -> AccountState:
    """Return the empty state of `securities` securities."""
    if profile is None:
        profile = np.full((securities, PROFILE), np.nan)
    state = AccountState(np.zeros(securities, TABLE), profile)
    state.tables["closing_from"] = I64_MAX
    for s in range(securities):
        reset_accounts(s, state)
    return state
