"""When a campaign's own messages show what it is, word for word from the definitions.

Rows are EVENT records, a campaign's own in order; a size or a side is that of the record.
"""

from collections.abc import Callable
from typing import Any

from kernels.layout import ADD, ASK, BID, CANCEL, DARK, EXECUTE, IOC

FLIP_NS = 10_000_000


def entered(rows: Any) -> set[int]:
    """Return the ids of the orders that rows enter."""
    return {int(row["order_id"]) for row in rows if row["kind"] == ADD}


def side_of(row: Any, own: set[int]) -> int:
    """Return the side on which the owner of `own` orders trades in an execution.

    Its order is known by its id; where both are its own, it is the incoming one's.
    """
    if int(row["order_id"]) in own and int(row["contra_order_id"]) not in own:
        return int(row["side"])
    return BID + ASK - int(row["side"])


def matched(rows: Any, accounts: tuple[int, ...]) -> list[int]:
    """Return when an order of one account met one of another of them, once an incoming order."""
    own = entered(rows)
    found: dict[int, int] = {}
    for row in rows:
        parties = row["account"] in accounts and row["contra_account"] in accounts
        if row["kind"] == EXECUTE and int(row["order_id"]) in own and parties:
            found.setdefault(int(row["contra_order_id"]), int(row["ts_event"]))
    return list(found.values())


def flip(rows: Any) -> int:
    """Return the first order within 10 ms of a cancel of the other side."""
    own = entered(rows)
    pulled: Any = None
    for row in rows:
        if row["kind"] == CANCEL:
            pulled = row
        elif pulled is not None and row["ts_event"] - pulled["ts_event"] <= FLIP_NS:
            new = row["kind"] == ADD or int(row["order_id"]) not in own
            side = int(row["side"]) if row["kind"] == ADD else side_of(row, own)
            if new and side != pulled["side"]:
                return int(row["ts_event"])
    return -1


def steps(rows: Any) -> int:
    """Return the third immediate pool order that wants itself whole."""
    asked = [
        int(row["ts_event"])
        for row in rows
        if row["kind"] == ADD and row["flags"] & IOC and row["aux_size"] == row["size"]
    ]
    return asked[2]


def stale(rows: Any, double_at: Callable[[int], int]) -> int:
    """Return the first pool print at a reference better for the incoming order than the quote's."""
    for row in rows:
        if row["kind"] == EXECUTE and row["flags"] & DARK:
            gain = double_at(int(row["ts_event"])) - 2 * int(row["aux_price"])
            if gain * (1 if row["side"] == ASK else -1) > 0:
                return int(row["ts_event"])
    return -1


def opposite(rows: Any) -> int:
    """Return the first execution against the first one's direction."""
    own = entered(rows)
    fills = [row for row in rows if row["kind"] == EXECUTE]
    way = side_of(fills[0], own)
    return next((int(row["ts_event"]) for row in fills if side_of(row, own) != way), -1)


def last_execution(rows: Any) -> int:
    return int([row for row in rows if row["kind"] == EXECUTE][-1]["ts_event"])
