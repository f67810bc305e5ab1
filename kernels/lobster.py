"""Depth that a LOBSTER book file reveals or drops, as LEVEL events.

A level-N file shows N levels a side. When one of them empties, the level behind appears without a
message; when one is added, the last disappears. A book built from the messages alone therefore
drifts from the file (equal at the touch only 5% of the time); with these corrections it is equal.
"""

from kernels.jit import kernel
from kernels.layout import ADD, ASK, BID, LEVEL

PRICE_STEP = 100_000  # a LOBSTER price is 1e-4 of the currency, ours 1e-9
EMPTY = 9_999_999_999  # LOBSTER's price of a level that does not exist, with either sign


@kernel
def _apply(
    message,  # EVENT record
    price,  # (2, L+1) int64: levels a side as the book has them, any order
    size,  # (2, L+1) int64: 0 = free place
):
    """Apply one visible message to the levels, as a book does."""
    side = 0 if message["side"] == BID else 1
    free = -1
    at = -1
    for level in range(price.shape[1]):
        if size[side, level] == 0:
            free = level
        elif price[side, level] == message["price"]:
            at = level
    if message["kind"] == ADD:
        if at < 0:
            at = free
            price[side, at] = message["price"]
        size[side, at] += message["size"]
    elif at >= 0:
        size[side, at] = max(0, size[side, at] - message["size"])


@kernel
def _correct(message, side, price, size, out):
    """Write one LEVEL event at the time of `message`."""
    out["ts_event"] = message["ts_event"]
    out["ts_recv"] = message["ts_recv"]
    out["ts_ref"] = message["ts_ref"]
    out["aux_price"] = message["aux_price"]
    out["instrument_id"] = message["instrument_id"]
    out["flags"] = message["flags"]
    out["kind"] = LEVEL
    out["side"] = BID if side == 0 else ASK
    out["price"] = price
    out["size"] = size


@kernel
def interleave_levels(
    messages,  # (M,) EVENT: one a line of the message file
    displayed,  # (M,) uint8: 1 where the message changes displayed depth
    book,  # (M, L, 4) int64: ask price, ask size, bid price, bid size; prices x10,000
    held,  # (2, 2, L+1) int64 zeros: prices and sizes of the levels that a book now holds
    out,  # (at least M (2 L + 3),) EVENT: messages with their LEVEL events behind them
    row_end,  # (M,) int64: index in `out` just after each message's last event
):
    """Return how many events were written: every message, then the LEVELs its book row asks for.

    Cost: O(M L^2); L is at most 10 in LOBSTER's files, but any L works.
    """
    levels = book.shape[1]
    price = held[0]
    size = held[1]
    n = 0
    for row in range(messages.shape[0]):
        message = messages[row]
        out[n] = message
        n += 1
        if displayed[row]:
            _apply(message, price, size)
        for side in range(2):
            column = 2 if side == 0 else 0
            for level in range(levels + 1):
                if size[side, level] > 0 and not _shown(book[row], column, price[side, level]):
                    _correct(message, side, price[side, level], 0, out[n])
                    size[side, level] = 0
                    n += 1
            for level in range(levels):
                shown = book[row, level, column]
                if abs(shown) == EMPTY:
                    continue
                target = shown * PRICE_STEP
                at = -1
                free = -1
                for place in range(levels + 1):
                    if size[side, place] == 0:
                        free = place
                    elif price[side, place] == target:
                        at = place
                if at >= 0 and size[side, at] == book[row, level, column + 1]:
                    continue
                if at < 0:
                    at = free
                    price[side, at] = target
                size[side, at] = book[row, level, column + 1]
                _correct(message, side, target, size[side, at], out[n])
                n += 1
        row_end[row] = n
    return n


@kernel
def _shown(row, column, price):
    for level in range(row.shape[0]):
        if row[level, column] * PRICE_STEP == price:
            return True
    return False
