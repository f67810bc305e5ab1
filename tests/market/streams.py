"""Event streams for the market's tests: small ids and prices, so that everything collides."""

from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from darkpool_watch.config import MarketConfig
from darkpool_watch.market.listings import AccountInfo, ListingInfo, Listings
from darkpool_watch.market.state import Market
from kernels.layout import (
    ADD,
    ALL_FLAGS,
    ASK,
    BID,
    CANCEL,
    EVENT,
    EXECUTE,
    I64_MAX,
    KINDS,
    ONE_CLOCK,
    REPLACE,
    SIDES,
    UNDEFINED_PRICE,
)

Rows = npt.NDArray[np.void]

TICK = 10_000_000
OPEN = 1_700_000_000_000_000_000
CLOSE = OPEN + 23_400_000_000_000
DEFINITIONS = [
    ListingInfo(1, 70, "GOOG", "XNAS", False, TICK, session_open_ns=OPEN, session_close_ns=CLOSE),
    ListingInfo(2, 70, "GOOG", "ARCX", False, TICK, session_open_ns=OPEN, session_close_ns=CLOSE),
    ListingInfo(3, 70, "GOOG", "DARK", True, TICK, session_open_ns=OPEN, session_close_ns=CLOSE),
    ListingInfo(4, 71, "COIN", "BINA", False, TICK),
    ListingInfo(5, 70, "GOOG", "BATS", False, TICK, session_open_ns=OPEN, session_close_ns=CLOSE),
]
ACCOUNTS = [AccountInfo(1, group=9), AccountInfo(2, group=9), AccountInfo(3)]
UNKNOWN_INSTRUMENT = 99


def market(
    config: MarketConfig | None = None, definitions: list[ListingInfo] = DEFINITIONS
) -> Market:
    """A market with the definitions and accounts above."""
    config = config or MarketConfig(securities=2, listings=2, orders=64, levels=8)
    listings = Listings(config)
    for definition in definitions:
        listings.define(definition)
    for record in ACCOUNTS:
        listings.account(record)
    return Market(config, listings)


def event(kind: int, **fields: Any) -> Rows:
    """One row (1,); prices in ticks, times in ns after the open."""
    row = np.zeros(1, EVENT)
    row["kind"] = kind
    row["instrument_id"] = 1
    row["price"] = row["aux_price"] = UNDEFINED_PRICE
    row["ts_ref"] = I64_MAX
    row["flags"] = ONE_CLOCK
    at = fields.pop("at", 0)
    row["ts_event"] = row["ts_recv"] = OPEN + at
    for name, value in fields.items():
        if name in ("price", "aux_price") and value is not None:
            value = round(value * TICK)
        if value is not None:
            row[name] = value
    return row


def _price(low: int, high: int) -> st.SearchStrategy[int]:
    ticks = st.integers(low, high).map(lambda t: t * TICK)
    return st.one_of(ticks, ticks, ticks.map(lambda p: p + TICK // 2), st.just(UNDEFINED_PRICE))


_GAPS = st.sampled_from([0, 0, 1, 1_000, 400_000, 1_200_000, 10**9, -5_000, 9 * 3_600 * 10**9])
_KINDS = st.one_of(st.sampled_from([ADD, ADD, CANCEL, EXECUTE, REPLACE]), st.integers(0, KINDS - 1))
_FLAGS = st.one_of(st.just(0), st.just(ONE_CLOCK), st.integers(0, ALL_FLAGS))
_ROW = st.tuples(
    _KINDS,
    st.sampled_from([1, 1, 1, 2, 2, 3, 3, 4, 5, UNKNOWN_INSTRUMENT]),
    st.integers(0, 9),  # order id
    st.integers(0, 9),  # contra order id
    st.integers(0, SIDES - 1),
    _price(94, 106),
    st.integers(0, 12),  # size
    _price(94, 106),
    st.integers(0, 5),
    _FLAGS,
    _GAPS,
    st.integers(0, 4),  # account
    st.integers(0, 4),  # contra account
    st.sampled_from([I64_MAX, 0, -400_000, 400_000]),  # ts_ref - ts_event
    st.sampled_from([0, 100_000, -(10**9) - 1, -(10**6)]),  # ts_recv - ts_event
)


def rows_of(drawn: list[tuple[int, ...]]) -> Rows:
    """Turn drawn tuples into EVENT rows (N,), sizes of entries at least 1, as the wire sees to."""
    rows = np.zeros(len(drawn), EVENT)
    ts = OPEN - 10**9
    for row, d in zip(rows, drawn, strict=True):
        ts += d[10]
        row["kind"], row["instrument_id"] = d[0], d[1]
        row["order_id"], row["contra_order_id"] = d[2], d[3]
        row["side"], row["price"] = d[4], d[5]
        row["size"] = max(1, d[6]) if d[0] in (ADD, REPLACE, EXECUTE) else d[6]
        row["aux_price"], row["aux_size"] = d[7], d[8]
        row["flags"] = d[9]
        row["account"], row["contra_account"] = d[11], d[12]
        row["ts_event"] = ts
        row["ts_ref"] = I64_MAX if d[13] == I64_MAX else ts + d[13]
        row["ts_recv"] = ts if d[9] & ONE_CLOCK else ts + d[14]
    return rows


event_streams = st.lists(_ROW, min_size=1, max_size=60).map(rows_of)


def random_stream(seed: int, count: int, order_ids: int = 400) -> Rows:
    """A long stream of plain orders on three lit books and a pool, most of them known."""
    rng = np.random.default_rng(seed)
    rows = np.zeros(count, EVENT)
    rows["kind"] = rng.choice(
        KINDS, count, p=[0.42, 0.3, 0.08, 0.1, 0.03, 0.02, 0.04, 0.005, 0.005]
    )
    rows["instrument_id"] = rng.choice([1, 2, 3, 4, 5], count, p=[0.4, 0.2, 0.2, 0.1, 0.1])
    rows["order_id"] = rng.integers(0, order_ids, count)
    rows["contra_order_id"] = rng.integers(0, order_ids, count)
    rows["side"] = rng.integers(BID, ASK + 1, count)
    away = np.abs(rng.normal(0, 12, count)).astype(np.int64)
    rows["price"] = (1000 + np.where(rows["side"] == BID, -away, away + 1)) * TICK
    rows["aux_price"] = rows["price"] + rng.integers(0, 4, count) * TICK
    rows["size"] = rng.integers(1, 500, count)
    rows["aux_size"] = rng.integers(1, 500, count)
    rows["flags"] = np.where(rng.random(count) < 0.9, ONE_CLOCK, rng.integers(0, ALL_FLAGS, count))
    rows["account"] = rng.integers(0, 5, count)
    rows["ts_event"] = OPEN + np.cumsum(rng.exponential(1e6, count)).astype(np.int64)
    rows["ts_recv"] = rows["ts_event"]
    rows["ts_ref"] = rows["ts_event"] - 1_000
    return rows
