"""Who stands behind an account at a time, and whom the counterparty matrix lets it meet.

Both are effective-dated: what is asked is what held at the event's time, not what holds now. Near a
change the clock error decides nothing: where the answer differs within it, it is not known.
"""

from typing import NamedTuple

import numpy as np

from kernels.ids import find_id
from kernels.jit import hot_kernel

UNKNOWN, CHANGING = -1, -2  # instead of a row
PRINCIPAL, AGENCY = range(2)

RECORD = np.dtype(
    [
        ("valid_from", "<i8"),  # ns UTC
        ("valid_to", "<i8"),  # ns UTC, exclusive; max = still valid
        ("owner", "<u4"),
        ("group", "<u4"),  # affiliate group; 0 = none known
        ("segment", "<u4"),
        ("capacity", "u1"),
        ("pad", "u1", (3,)),
    ]
)

# One line of the counterparty matrix: from a time on, two segments may or may not meet.
PAIRING = np.dtype(
    [
        ("valid_from", "<i8"),  # ns UTC
        ("venue", "<i4"),  # number of a named venue; 0 = every venue
        ("low", "<u4"),  # the smaller segment of the two
        ("high", "<u4"),
        ("allowed", "u1"),
        ("pad", "u1", (3,)),
    ]
)


class PeopleState(NamedTuple):
    """Reference data as kernels read it."""

    accounts: np.ndarray  # (2^k,) ID_ROW: account -> row of `spans`
    spans: np.ndarray  # (accounts, 2) int64: first record, records
    records: np.ndarray  # (R,) RECORD, by account and valid_from
    pairings: np.ndarray  # (P,) PAIRING, by venue, low, high and valid_from


@hot_kernel
def record_at(people, account, ts):
    """Return the record that held for an account at a time, UNKNOWN where none did."""
    span = find_id(people.accounts, np.int64(account))
    if span < 0:
        return np.int64(UNKNOWN)
    first = people.spans[span, 0]
    low = first
    high = first + people.spans[span, 1]
    while low < high:
        middle = (low + high) >> 1
        if people.records[middle]["valid_from"] <= ts:
            low = middle + 1
        else:
            high = middle
    if low == first or people.records[low - 1]["valid_to"] <= ts:
        return np.int64(UNKNOWN)
    return low - 1


@hot_kernel
def sure_record(people, account, ts, error):
    """Return the record that held from `error` before a time until as long after it.

    UNKNOWN where none did, CHANGING where it changed within.
    """
    if account == 0:
        return np.int64(UNKNOWN)
    early = record_at(people, account, ts - error)
    return early if early == record_at(people, account, ts + error) else np.int64(CHANGING)


@hot_kernel
def comes_after(row, venue, low, high, ts):
    """Return whether a line of the matrix sorts behind these values."""
    if row["venue"] != venue:
        return row["venue"] > venue
    if row["low"] != low:
        return row["low"] > low
    if row["high"] != high:
        return row["high"] > high
    return row["valid_from"] > ts


@hot_kernel
def pairing_at(people, venue, low, high, ts):
    """Return the line that holds for two segments on a venue at a time, UNKNOWN where none does.

    A line that names the venue goes before one for every venue.
    """
    rows = people.pairings
    for asked in (np.int64(venue), np.int64(0)):
        start = 0
        end = rows.shape[0]
        while start < end:
            middle = (start + end) >> 1
            if comes_after(rows[middle], asked, low, high, ts):
                end = middle
            else:
                start = middle + 1
        if start > 0:
            row = rows[start - 1]
            if row["venue"] == asked and row["low"] == low and row["high"] == high:
                return np.int64(start - 1)
    return np.int64(UNKNOWN)


@hot_kernel
def may_be_apart(people, venue, a, b, ts, error):
    """Return whether the matrix may forbid two records to meet, within the clock error of `ts`."""
    if people.pairings.shape[0] == 0:
        return False
    low = min(people.records[a]["segment"], people.records[b]["segment"])
    high = max(people.records[a]["segment"], people.records[b]["segment"])
    early = pairing_at(people, venue, low, high, ts - error)
    late = pairing_at(people, venue, low, high, ts + error)
    if early >= 0 and people.pairings[early]["allowed"] == 0:
        return True
    return late >= 0 and people.pairings[late]["allowed"] == 0
