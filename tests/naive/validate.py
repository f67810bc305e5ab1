"""What is wrong with an event row, in plain Python, from the wire's written rules."""

from datetime import UTC, datetime
from typing import Any

import numpy as np

UNDEFINED = 2**63 - 1
KINDS = ["ADD", "CANCEL", "REPLACE", "EXECUTE", "TRADE", "QUOTE", "LEVEL", "STATUS", "CLEAR"]


def ns_of(year: int) -> int:
    """Return the first ns of a year, UTC."""
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * 10**9


def naive_fault(row: np.void, sequence: int) -> str:
    """Return the counter's name of what is wrong with a row, "" where nothing is."""
    value: dict[str, Any] = {name: int(row[name]) for name in row.dtype.names}
    if value["kind"] not in range(len(KINDS)):
        return "row_kind"
    kind = KINDS[value["kind"]]
    needs_side = kind in ("ADD", "LEVEL")
    if value["side"] not in ((1, 2) if needs_side else (0, 1, 2)):
        return "row_side"
    if value["flags"] >= 2**14:
        return "row_flags"
    if value["sequence"] != sequence:
        return "row_sequence"
    for clock in ("ts_event", "ts_recv"):
        if not ns_of(1990) <= value[clock] < ns_of(2200):
            return "row_time"
    if max(value["size"], value["aux_size"]) >= 2**53:
        return "row_size"
    if kind in ("ADD", "REPLACE", "EXECUTE", "TRADE") and value["size"] == 0:
        return "row_size"
    dark, peg = bool(value["flags"] & 1), bool(value["flags"] & 4)
    if not _price_is_right(kind, value["price"], value["aux_price"], dark or peg):
        return "row_price"
    if dark and kind in ("EXECUTE", "TRADE"):
        reference_time = value["ts_ref"]
        known = reference_time == UNDEFINED or ns_of(1990) <= reference_time < ns_of(2200)
        if value["aux_price"] == 0 or not known:
            return "row_reference"
    return ""


def _price_is_right(kind: str, price: int, aux_price: int, unpriced: bool) -> bool:
    for value in (price, aux_price):
        if value != UNDEFINED and not 0 <= value < 2**62:
            return False
    if kind == "QUOTE":
        return price != 0 and aux_price != 0
    if kind in ("CANCEL", "STATUS", "CLEAR"):
        return True
    if price == UNDEFINED:
        return kind == "EXECUTE" or (kind in ("ADD", "REPLACE") and unpriced)
    return price != 0
