"""Rows and records that the tests of stage 1 send."""

import numpy as np

from darkpool_watch.wire.events import AccountRecord, Definition
from darkpool_watch.wire.rows import Rows
from kernels.layout import ADD, BID, EVENT, UNDEFINED_PRICE

T0 = 1_700_000_000_000_000_000  # ns UTC


def add_rows(count: int, *, first: int = 1, instrument: int = 7) -> Rows:
    """Return `count` sound ADD events numbered from `first`."""
    rows = np.zeros(count, EVENT)
    at = np.arange(first, first + count)
    rows["kind"], rows["side"] = ADD, BID
    rows["ts_event"] = T0 + at % 1_000_000 * 1_000
    rows["ts_recv"] = rows["ts_event"] + 500
    rows["ts_ref"] = rows["aux_price"] = UNDEFINED_PRICE
    rows["price"] = 100_000_000_000 + at % 1_000 * 10_000_000
    rows["size"] = 100 + at % 7
    rows["order_id"] = at
    rows["sequence"] = at
    rows["instrument_id"] = instrument
    return rows


def definition(instrument: int = 7, venue: str = "XNAS") -> Definition:
    """Return a lit share listing."""
    return Definition(
        instrument_id=instrument,
        security_id=instrument,
        symbol=f"SYM{instrument}",
        venue=venue,
        dark=False,
        tick=10_000_000,
        session_open_ns=T0,
        session_close_ns=T0 + 23_400_000_000_000,
    )


def account(number: int = 3) -> AccountRecord:
    """Return an account of a group of its own."""
    return AccountRecord(
        account=number,
        owner=number,
        group=number,
        capacity="principal",
        segment=1,
        valid_from_ns=T0,
    )
