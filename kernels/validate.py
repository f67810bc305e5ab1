"""Check a block of event rows that came from outside, before anything believes them."""

import numpy as np

from kernels.jit import kernel
from kernels.layout import (
    ADD,
    ALL_FLAGS,
    BID,
    CANCEL,
    DARK,
    EXECUTE,
    KINDS,
    LEVEL,
    MIDPOINT_PEG,
    QUOTE,
    REPLACE,
    SIDES,
    TRADE,
    UNDEFINED_PRICE,
)

# What is wrong with a row; the first that applies, in this order.
(
    SOUND,
    BAD_KIND,
    BAD_SIDE,
    BAD_FLAGS,
    BAD_SEQUENCE,
    BAD_TIME_RANGE,
    BAD_SIZE,
    BAD_PRICE,
    BAD_REFERENCE,
) = range(9)
FAULTS = 9

EARLIEST = 631_152_000_000_000_000  # ns UTC, 1990-01-01
LATEST = 7_258_118_400_000_000_000  # ns UTC, 2200-01-01, not itself allowed
SIZE_LIMIT = np.uint64(1 << 53)  # sizes below it survive a float64 exactly
PRICE_LIMIT = 1 << 62  # the sum of two prices below it still fits an int64


@kernel
def fault_of(
    row,  # () EVENT
    sequence,  # int64: the number its place in the frame gives it
):
    """Return what is wrong with one row, SOUND where nothing is.

    An undefined price is right where the kind allows one: a peg or a dark order, an execution at
    its order's price, an empty side of a quote, and wherever the kind has no use for a price.
    """
    kind = np.int64(row["kind"])
    side = np.int64(row["side"])
    flags = np.int64(row["flags"])
    price = np.int64(row["price"])
    aux_price = np.int64(row["aux_price"])
    size = np.uint64(row["size"])
    if kind >= KINDS:
        return BAD_KIND
    if side >= SIDES or (side < BID and (kind == ADD or kind == LEVEL)):
        return BAD_SIDE
    if flags > ALL_FLAGS:
        return BAD_FLAGS
    if np.uint64(row["sequence"]) != np.uint64(sequence):
        return BAD_SEQUENCE
    if not (EARLIEST <= row["ts_event"] < LATEST and EARLIEST <= row["ts_recv"] < LATEST):
        return BAD_TIME_RANGE
    if size >= SIZE_LIMIT or np.uint64(row["aux_size"]) >= SIZE_LIMIT:
        return BAD_SIZE
    if size == np.uint64(0) and (
        kind == ADD or kind == REPLACE or kind == EXECUTE or kind == TRADE
    ):
        return BAD_SIZE

    if price == UNDEFINED_PRICE:
        if kind == TRADE or kind == LEVEL:
            return BAD_PRICE
        if (kind == ADD or kind == REPLACE) and flags & (DARK | MIDPOINT_PEG) == 0:
            return BAD_PRICE
    elif price < 0 or price >= PRICE_LIMIT:
        return BAD_PRICE
    elif price == 0 and kind <= LEVEL and kind != CANCEL:
        return BAD_PRICE

    if aux_price != UNDEFINED_PRICE and (aux_price < 0 or aux_price >= PRICE_LIMIT):
        return BAD_PRICE
    if kind == QUOTE and aux_price == 0:
        return BAD_PRICE
    if flags & DARK != 0 and (kind == EXECUTE or kind == TRADE):
        ts_ref = np.int64(row["ts_ref"])
        if aux_price == 0:
            return BAD_REFERENCE
        if ts_ref != UNDEFINED_PRICE and not (EARLIEST <= ts_ref < LATEST):
            return BAD_REFERENCE
    return SOUND


@kernel
def check_rows(
    rows,  # (N,) EVENT: our own copy of what arrived
    first,  # int64: sequence of rows[0]; row i must carry first + i
    faults,  # (>= N,) uint8, out: what is wrong with each row
):
    """Write what is wrong with each of N rows; return how many are not SOUND.

    Cost: O(N), no allocation.
    """
    bad = 0
    for i in range(rows.shape[0]):
        fault = fault_of(rows[i], first + i)
        faults[i] = fault
        if fault != SOUND:
            bad += 1
    return bad
