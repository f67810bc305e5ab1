"""What a level-N file would show of a tape: lit messages near the touch, and trades.

Real books are recorded to some number of levels. A simulated tape is cut to the same levels here,
by the same books, before anything is compared.
"""

import numpy as np

from kernels.book import price_key
from kernels.ids import find_id
from kernels.jit import hot_kernel
from kernels.layout import (
    ADD,
    CANCEL,
    EXECUTE,
    LIT_TRADE,
    REPLACE,
    SIDE_NONE,
    TRADE,
    UNDEFINED_PRICE,
)
from kernels.market_rows import DONE, NOT_SHOWN
from kernels.observe import observe_event, room_for, start_observation

# One message as a level-N file has it. A REPLACE is a CANCEL and an ADD of the same time.
WITNESS = np.dtype(
    [
        ("ts", "<i8"),  # ns, event time
        ("price", "<i8"),  # 1e-9 currency
        ("bid", "<i8"),  # the security's quote after the message; max = none
        ("ask", "<i8"),
        ("order_id", "<u8"),  # of the order that is entered, withdrawn or hit; 0 = unknown
        ("ofi", "<f8"),  # order-flow imbalance of the message at the touch, size units
        ("size", "<i4"),  # entered, withdrawn or traded
        ("bid_size", "<i4"),  # at the touch after the message
        ("ask_size", "<i4"),
        ("security", "<i4"),  # dense row
        ("listing", "<i4"),  # dense row
        ("distance", "<i4"),  # ticks behind its own side's best before the message, as OBSERVATION
        ("kind", "u1"),  # ADD, CANCEL or EXECUTE
        ("side", "u1"),  # of the order concerned
        ("trade", "u1"),  # NO_TRADE, LIT_TRADE, HIDDEN_TRADE or DARK_TRADE
        ("aggressor", "i1"),  # +1 buyer, -1 seller, 0 unknown or no trade
    ]
)
_MOST = 2**31 - 1
_NONE = np.uint64(0)


@hot_kernel
def within_levels(market, row, side, price, levels):
    """Return whether a price of a listing's side lies within its best `levels` levels.

    The answer is the same before and after an order at that very price comes or goes.
    """
    if side == SIDE_NONE or price == UNDEFINED_PRICE:
        return False
    side_row = market.sides[row, side - 1]
    count = np.int64(side_row["count"])
    if count < levels:
        return True
    last = market.levels[side_row["offset"] + count - levels]
    return last["key"] <= price_key(side - 1, price)


@hot_kernel
def write_witness(o, kind, order_id, price, size, out):
    """Write one message."""
    out["ts"] = o["ts"]
    out["price"] = price
    out["bid"] = o["bid"]
    out["ask"] = o["ask"]
    out["order_id"] = order_id
    out["ofi"] = o["ofi_touch"]
    out["size"] = min(size, _MOST)
    out["bid_size"] = min(o["bid_size"], _MOST)
    out["ask_size"] = min(o["ask_size"], _MOST)
    out["security"] = o["security"]
    out["listing"] = o["listing"]
    out["distance"] = o["distance"]
    out["kind"] = kind
    out["side"] = o["side"]
    out["trade"] = o["trade"]
    out["aggressor"] = o["aggressor"]


@hot_kernel
def witness_event(market, row, e, o, levels, out, kept):
    """Write what of one observed event is shown; return the rows written by now."""
    kind = o["kind"]
    side = np.int64(o["side"])
    if kind == EXECUTE or kind == TRADE:
        shown = o["trade"] == LIT_TRADE and kind == EXECUTE
        if not shown or within_levels(market, row, side, o["price"], levels):
            write_witness(o, EXECUTE, e["order_id"], o["price"], o["traded"], out[kept])
            kept += 1
        return kept
    if o["dark"] or o["flags"] & NOT_SHOWN:
        return kept
    if kind == CANCEL or kind == REPLACE:
        price = o["old_price"] if kind == REPLACE else o["price"]
        if within_levels(market, row, side, price, levels):
            write_witness(o, CANCEL, e["order_id"], price, o["removed"], out[kept])
            if kind == REPLACE:
                out[kept]["ofi"] = 0.0  # the whole event's, told once, by its ADD
            kept += 1
    if (kind == ADD or kind == REPLACE) and within_levels(market, row, side, o["price"], levels):
        entered = e["order_id"]
        if kind == REPLACE and e["contra_order_id"] != _NONE:
            entered = e["contra_order_id"]
        write_witness(o, ADD, entered, o["price"], o["added"], out[kept])
        kept += 1
    return kept


@hot_kernel
def witness(
    events,  # (N,) EVENT
    first,  # int64: where to resume
    market,  # MarketState
    levels,  # int64 > 0: price levels a side that are shown
    scratch,  # (1,) OBSERVATION
    out,  # (>= 2 N,) WITNESS
    kept,  # (1,) int64: rows of `out` written by now
):
    """Apply events[first:] in order and write what a level-`levels` file shows of them.

    Returns (done, reason) as `observe`. Events of unknown listings are passed over.
    """
    o = scratch[0]
    for i in range(first, events.shape[0]):
        e = events[i]
        row = find_id(market.instruments, np.int64(e["instrument_id"]))
        if row < 0:
            continue
        reason = room_for(market, row, e["kind"])
        if reason != DONE:
            return i, reason
        start_observation(e, o, i)
        observe_event(market, row, e, o)
        kept[0] = witness_event(market, row, e, o, levels, out, kept[0])
    return events.shape[0], DONE
