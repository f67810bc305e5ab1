"""A real day of one small security, order by order: Databento's MBO columns as event rows."""

import csv
import gzip
from pathlib import Path

import numpy as np

from darkpool_watch.market.listings import ListingInfo
from kernels.layout import (
    ADD,
    ASK,
    BID,
    CANCEL,
    CLEAR,
    EVENT,
    EXECUTE,
    I64_MAX,
    SIDE_NONE,
    UNDEFINED_PRICE,
)
from tests.market.streams import TICK

# T tells an execution by its incoming order; the F of the resting one is the same execution.
KINDS = {"A": ADD, "C": CANCEL, "F": EXECUTE, "R": CLEAR}
SIDES = {"B": BID, "A": ASK, "N": SIDE_NONE}
OPENS = 1_752_759_000 * 10**9  # 2025-07-17 13:30 UTC
LISTING = ListingInfo(
    1108,
    1,
    "ARL",
    "XNAS",
    tick=TICK,
    session_open_ns=OPENS,
    session_close_ns=OPENS + 23_400 * 10**9,
)


def read_arl(path: Path) -> np.ndarray:
    """Return (N,) EVENT; what a fill removes from its order is not removed twice."""
    with gzip.open(path, "rt") as file:
        lines = [line for line in csv.DictReader(file) if line["action"] in KINDS]
    rows = np.zeros(len(lines), EVENT)
    filled: set[tuple[str, str]] = set()
    kept = np.ones(len(lines), bool)
    for i, (row, line) in enumerate(zip(rows, lines, strict=True)):
        key = (line["order_id"], line["ts_event"])
        if line["action"] == "F":
            filled.add(key)
        kept[i] = line["action"] != "C" or key not in filled
        row["kind"], row["side"] = KINDS[line["action"]], SIDES[line["side"]]
        price = line["price"].replace(".", "")
        row["price"] = int(price) if price else UNDEFINED_PRICE
        row["size"], row["order_id"] = int(line["size"]), int(line["order_id"])
        row["ts_event"] = nanoseconds(line["ts_event"])
        row["ts_recv"] = nanoseconds(line["ts_recv"])
        row["ts_ref"], row["aux_price"] = I64_MAX, UNDEFINED_PRICE
        row["sequence"] = int(line["sequence"])
        row["instrument_id"] = LISTING.instrument_id
    return rows[kept]


def nanoseconds(text: str) -> int:
    """Return ns UTC of a time like 2025-07-17T07:05:09.035627674Z."""
    seconds, fraction = text.rstrip("Z").split(".")
    return int(np.datetime64(seconds, "s").astype(np.int64)) * 10**9 + int(fraction)
