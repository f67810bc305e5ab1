"""What a level-N file shows, against its plain-Python twin, by hand and on real books."""

import numpy as np
import pytest
from hypothesis import given, settings

from darkpool_watch.config import MarketConfig
from darkpool_watch.market.listings import Listings
from darkpool_watch.market.state import Market
from darkpool_watch.tape.lobster import read_lobster
from kernels.layout import (
    ADD,
    ASK,
    BID,
    CANCEL,
    DARK,
    DARK_TRADE,
    EVENT,
    EXECUTE,
    HIDDEN_TRADE,
    IOC,
    LIT_TRADE,
    REPLACE,
)
from kernels.witness import WITNESS
from tests.data import AMZN, GOOG, needs_data
from tests.market.streams import (
    ACCOUNTS,
    DEFINITIONS,
    OPEN,
    TICK,
    event,
    event_streams,
    market,
    random_stream,
)
from tests.naive.observe import NaiveMarket
from tests.naive.witness import witnessed


def assert_equals_twin(events: np.ndarray, levels: int) -> None:
    twin = NaiveMarket(DEFINITIONS, ACCOUNTS)
    wanted = [one for row in events for one in witnessed(twin, row, levels)]
    got = market().witness(events, levels)
    assert len(got) == len(wanted)
    for row, want in zip(got, wanted, strict=True):
        assert {name: row[name] for name in WITNESS.names} == want


@given(events=event_streams)
@settings(max_examples=150)
def test_witness_equals_the_twin(events: np.ndarray) -> None:
    assert_equals_twin(events, 2)


@pytest.mark.parametrize("levels", [1, 3])
def test_witness_equals_the_twin_over_a_long_stream(levels: int) -> None:
    assert_equals_twin(random_stream(seed=2, count=4_000), levels)


def test_block_size_changes_no_byte() -> None:
    events = random_stream(seed=3, count=2_000)
    whole, held = market().witness(events, 2), market()
    parts = [held.witness(events[i : i + 7], 2).copy() for i in range(0, len(events), 7)]
    assert np.concatenate(parts).tobytes() == whole.tobytes()


def test_two_levels_by_hand() -> None:
    events = np.concatenate(
        [
            event(ADD, order_id=1, side=BID, price=100, size=5),
            event(ADD, order_id=2, side=BID, price=99, size=5),
            event(ADD, order_id=3, side=BID, price=98, size=5),  # the third level: not shown
            event(ADD, order_id=4, side=BID, price=98, size=5),
            event(ADD, order_id=5, side=ASK, price=102, size=5, flags=IOC),  # never rests
            event(CANCEL, order_id=3, side=BID, price=98, size=5),
            event(REPLACE, order_id=4, contra_order_id=6, side=BID, price=101, size=7),
            event(CANCEL, order_id=2, side=BID, price=99, size=5),  # third by now
            event(EXECUTE, order_id=6, side=BID, price=101, size=2),
            event(EXECUTE, order_id=0, side=ASK, price=101.5, size=3),
            event(EXECUTE, instrument_id=3, order_id=9, side=ASK, price=101, size=4, flags=DARK),
        ]
    )
    got = market().witness(events, 2)
    told = got[["kind", "order_id", "size", "trade", "aggressor"]].tolist()
    assert told == [
        (ADD, 1, 5, 0, 0),
        (ADD, 2, 5, 0, 0),
        (ADD, 6, 7, 0, 0),
        (EXECUTE, 6, 2, LIT_TRADE, -1),
        (EXECUTE, 0, 3, HIDDEN_TRADE, 1),
        (EXECUTE, 9, 4, DARK_TRADE, 1),
    ]
    assert got["bid"].tolist() == [100 * TICK] * 2 + [101 * TICK] * 4
    assert got["ofi"].tolist() == [5.0, 0.0, 7.0, -2.0, 0.0, 0.0]
    assert (got["ts"] >= OPEN).all()


def test_nothing_is_shown_of_nothing() -> None:
    assert len(market().witness(np.zeros(0, EVENT), 5)) == 0


@needs_data
@pytest.mark.parametrize(("path", "messages"), [(GOOG, 147_916), (AMZN, 155_935)])
def test_a_real_file_shows_all_its_messages_at_its_own_depth(path, messages: int) -> None:
    tape = read_lobster(path)
    listings = Listings()
    for definition in tape.definitions:
        listings.define(definition)
    assert tape.book is not None
    held = Market(MarketConfig(), listings)
    assert len(held.witness(tape.events, tape.book.shape[1])) == messages
