"""The seats of a security: which 256 accounts it counts, and who gives way to a newcomer.

192 seats belong to the accounts with most messages, 64 to those with most notional entered and
cancelled (both decayed, half-life 30 s). A newcomer always gets a seat: that of the account with
the fewest messages outside the 64, unless that account has more notional than the least of the
64: then those two change pools and the search goes on. So chatter of any number of accounts
contends for the cheapest seats only, and a few large orders hold a seat. Ties go to the lower
seat. An account that gave way starts from nothing when it returns; its fills stay in the sums of
the security, its pairs and its day ledger are kept apart.
"""

import numpy as np

from kernels.account_layout import (
    BOUGHT,
    BY_MESSAGES,
    BY_NOTIONAL,
    CANCELLED_ASK,
    CANCELLED_BID,
    COUPLED,
    FIELDS,
    INDEX,
    NEVER,
    NOTIONAL_SEATS,
    SEATS,
    SOLD,
    SQUARES,
    WINDOWS,
)
from kernels.account_levels import forget_levels
from kernels.jit import kernel

_MIX = 0x5BD1E995  # odd, below 2^31: account * _MIX < 2^63
_MASK = INDEX - 1
_NOTHING = np.float32(0.0)


@kernel
def home_of(account):
    """Return the slot of the index where the search for an account starts."""
    return ((account * _MIX) >> 15) & _MASK


@kernel
def find_seat(
    a,  # TABLE
    account,  # int64 in [1, 2^32)
):
    """Return the account's seat, -1 where it has none."""
    at = home_of(account)
    while True:
        held = np.int64(a["index"][at])
        if held == 0:
            return np.int64(-1)
        if np.int64(a["accounts"][held - 1]) == account:
            return held - 1
        at = (at + 1) & _MASK


@kernel
def put_index(a, account, seat):
    """Enter a seated account into the index."""
    at = home_of(account)
    while a["index"][at] != 0:
        at = (at + 1) & _MASK
    a["index"][at] = seat + 1


@kernel
def drop_index(a, seat):
    """Take a seat out of the index; later entries of its run move back, without tombstones."""
    at = home_of(np.int64(a["accounts"][seat]))
    while np.int64(a["index"][at]) != seat + 1:
        at = (at + 1) & _MASK
    later = at
    while True:
        later = (later + 1) & _MASK
        held = np.int64(a["index"][later])
        if held == 0:
            break
        home = home_of(np.int64(a["accounts"][held - 1]))
        if ((later - home) & _MASK) >= ((later - at) & _MASK):
            a["index"][at] = held
            at = later
    a["index"][at] = 0


@kernel
def least_of(a, rank, keep):
    """Return the seat of pool `rank`, not `keep`, with the least of that rank; ties: the lower."""
    ranks = a["ranks"][rank]
    pool = a["pool"]
    best = np.int64(-1)
    least = np.float32(np.inf)
    for seat in range(SEATS):
        if pool[seat] == rank and seat != keep and (ranks[seat] < least or best < 0):
            least = ranks[seat]
            best = np.int64(seat)
    return best


@kernel
def choose_seat_to_free(a, keep):
    """Return the seat, not `keep`, that gives way to a newcomer when all are taken."""
    notional = a["ranks"][BY_NOTIONAL]
    while True:
        quiet = least_of(a, BY_MESSAGES, keep)
        small = least_of(a, BY_NOTIONAL, -1)
        if notional[quiet] <= notional[small]:
            return quiet
        a["pool"][quiet] = BY_NOTIONAL
        a["pool"][small] = BY_MESSAGES


@kernel
def coupled(counters, seat):
    """Return an account's quantity cancelled on one side and filled on the other, float64."""
    bids = np.float64(min(counters[CANCELLED_BID, seat], counters[SOLD, seat]))
    asks = np.float64(min(counters[CANCELLED_ASK, seat], counters[BOUGHT, seat]))
    return bids + asks


@kernel
def filled(counters, seat):
    """Return an account's quantity filled on both sides, float64."""
    return np.float64(counters[BOUGHT, seat]) + np.float64(counters[SOLD, seat])


@kernel
def clear_seat(a, seat):
    """Forget all that is counted for a seat, and take its terms out of the sums."""
    forget_levels(a, seat)
    for k in range(WINDOWS):
        counters = a["counters"][k]
        a["sums"][k, COUPLED] -= coupled(counters, seat)
        volume = filled(counters, seat)
        a["sums"][k, SQUARES] -= volume * volume
        for field in range(FIELDS):
            counters[field, seat] = _NOTHING
    for which in range(2):
        a["ranks"][which, seat] = _NOTHING
        a["fills"][which, seat] = NEVER


@kernel
def take_seat(
    a,  # TABLE
    account,  # int64 in [1, 2^32)
    keep,  # int64: seat of the other side of a trade, which must not give way; -1 = none
):
    """Return the account's seat, after giving it one where it has none.

    Cost: O(1) for a seated account; two scans of 256 ranks, at least, for a newcomer to a full
    table.
    """
    seat = find_seat(a, account)
    if seat >= 0:
        return seat
    if a["seated"] < SEATS:
        seat = np.int64(a["seated"])
        a["seated"] += 1
        a["pool"][seat] = BY_MESSAGES if seat < SEATS - NOTIONAL_SEATS else BY_NOTIONAL
    else:
        seat = choose_seat_to_free(a, keep)
        a["accounts_evicted"] += 1
        drop_index(a, seat)
        clear_seat(a, seat)
    a["accounts"][seat] = account
    put_index(a, account, seat)
    return seat
