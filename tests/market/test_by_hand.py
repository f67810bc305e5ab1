"""Observations worked by hand: prices in ticks of 0.01, times in ns after the open."""

import math

import numpy as np
import pytest

from darkpool_watch.config import MarketConfig
from darkpool_watch.market.listings import ListingInfo
from kernels.layout import (
    ADD,
    ASK,
    AUCTION,
    BID,
    CANCEL,
    CLEAR,
    DARK,
    DARK_TRADE,
    EXECUTE,
    HALT,
    HIDDEN,
    HIDDEN_TRADE,
    LEVEL,
    LIT_TRADE,
    ONE_CLOCK,
    QUOTE,
    REPLACE,
    STATUS,
    TRADE,
    UNDEFINED_PRICE,
)
from kernels.market_rows import NO_DISTANCE
from tests.market.streams import CLOSE, OPEN, TICK, event, market

MS = 1_000_000
DAY = 86_400 * 10**9


def play(*rows: np.ndarray) -> np.ndarray:
    """Observe one-row events in turn and return all observations."""
    return market().observe(np.concatenate(rows), 0).copy()


def test_a_book_of_one_order_each_side() -> None:
    o = play(
        event(ADD, order_id=1, side=BID, price=100, size=30, account=2),
        event(ADD, order_id=2, side=ASK, price=102, size=10, at=5),
        event(ADD, order_id=3, side=BID, price=101, size=20, at=7),
        event(CANCEL, order_id=3, side=BID, price=101, size=20, at=1_007),
    )
    assert o["bid"].tolist() == [100 * TICK, 100 * TICK, 101 * TICK, 100 * TICK]
    assert o["quoted"].tolist() == [0, 1, 1, 1]
    assert o["mid2"].tolist() == [UNDEFINED_PRICE, 202 * TICK, 203 * TICK, 202 * TICK]
    assert o["mid2_before"][3] == 203 * TICK
    # Touch: +30 (new bid), -10 (new ask), +20 (better bid: its queue), -20 (that queue gone).
    assert o["ofi_touch"].tolist() == [30.0, -10.0, 20.0, -20.0]
    # Level 2 of the bid: nothing, nothing, 30 shares slide down to it, and back up.
    assert o["ofi_deep"].tolist() == [0.0, 0.0, 30.0, -30.0]
    assert o["ofi_integrated"][2] == pytest.approx(0.4287 * 20 + 0.26 * 30)
    assert math.isnan(o["touch_depth"][0])
    assert o["touch_depth"][1:].tolist() == [20.0, 15.0, 20.0]
    assert o["depth5"].tolist() == [30.0, 40.0, 60.0, 40.0]
    # Third event: bids 20 and 30 at weights 1 and exp(-1/2), ask 10 at 1.
    deep = math.exp(-0.5) * 30
    assert o["depth_imbalance"][2] == pytest.approx((20 + deep - 10) / (20 + deep + 10))
    assert o["distance"].tolist() == [NO_DISTANCE, NO_DISTANCE, -1, 0]
    assert o["flow_sign"].tolist() == [1, -1, 1, -1]
    assert (o["removed"][3], o["age"][3], o["order_size"][3], o["order_left"][3]) == (
        20,
        1000,
        20,
        0,
    )
    assert (o["account"][0], o["group"][0]) == (2, 9)


def test_an_execution_hits_the_resting_side() -> None:
    o = play(
        event(ADD, order_id=1, side=BID, price=100, size=30, account=1),
        event(EXECUTE, order_id=1, side=BID, price=100, size=12, contra_account=3, at=50),
    )[1]
    assert (o["aggressor"], o["flow_sign"], o["trade"]) == (-1, -1, LIT_TRADE)
    assert (o["traded"], o["order_left"], o["age"], o["bid_size"]) == (12, 18, 50, 18)
    assert (o["account"], o["contra_account"], o["contra_group"]) == (1, 3, 3)


def test_a_hidden_execution_leaves_the_depth_alone() -> None:
    o = play(
        event(ADD, order_id=1, side=BID, price=100, size=30),
        event(EXECUTE, side=BID, price=100, size=30, flags=ONE_CLOCK | HIDDEN),
        event(EXECUTE, side=ASK, price=100, size=5),
        event(EXECUTE, price=100, size=5, flags=ONE_CLOCK | AUCTION),
    )
    assert o["trade"][1:].tolist() == [HIDDEN_TRADE, HIDDEN_TRADE, LIT_TRADE]
    assert o["aggressor"][1:].tolist() == [-1, 1, 0]
    assert o["bid_size"].tolist() == [30] * 4


def test_a_replaced_order_leaves_and_enters_with_its_account() -> None:
    o = play(
        event(ADD, order_id=1, side=ASK, price=105, size=30, account=2),
        event(EXECUTE, order_id=1, side=ASK, size=10, at=1),
        event(REPLACE, order_id=1, contra_order_id=2, price=104, size=50, at=9),
        event(EXECUTE, order_id=2, side=ASK, size=1, at=12),
        event(CANCEL, order_id=1, size=1, at=13),
    )
    assert o["price"][1] == 105 * TICK  # an execution without a price trades at its order's
    assert (o["removed"][2], o["added"][2], o["order_size"][2], o["age"][2]) == (20, 50, 30, 9)
    assert (o["side"][2], o["ask"][2], o["ask_size"][2]) == (ASK, 104 * TICK, 50)
    assert (o["account"][3], o["age"][3], o["order_left"][3]) == (2, 3, 49)
    assert (o["order_size"][4], o["age"][4], o["ask_size"][4]) == (0, -1, 49)


def dark_print(entered: int, came: int, at: int, named_side: int = BID) -> int:
    """Aggressor sign of a print between dark orders entered and come at those times."""
    rows = [
        event(ADD, instrument_id=3, order_id=1, side=named_side, price=None, size=9, at=entered),
        event(ADD, instrument_id=3, order_id=2, side=3 - named_side, price=None, size=9, at=came),
    ]
    rows.sort(key=lambda row: int(row["ts_event"][0]))
    fields = {"instrument_id": 3, "order_id": 1, "contra_order_id": 2, "side": named_side}
    rows.append(event(EXECUTE, price=100, size=9, flags=ONE_CLOCK | DARK, at=at, **fields))
    o = play(*rows)[-1]
    assert (o["trade"], o["age"], o["contra_age"]) == (DARK_TRADE, at - entered, at - came)
    return int(o["aggressor"])


def test_a_dark_print_takes_the_side_of_the_later_order() -> None:
    assert dark_print(entered=0, came=10 * MS, at=10 * MS) == -1
    assert dark_print(entered=0, came=10 * MS, at=10 * MS, named_side=ASK) == 1
    assert dark_print(entered=10 * MS, came=0, at=10 * MS) == 1
    assert dark_print(entered=0, came=MS // 4, at=MS // 2) == -1


def test_a_dark_print_of_two_orders_that_rested_has_no_sign() -> None:
    assert dark_print(entered=0, came=10 * MS, at=11 * MS) == 0
    assert dark_print(entered=0, came=10 * MS, at=11 * MS - 1) == -1


def test_both_orders_of_a_dark_print_shrink() -> None:
    held = market()
    rows = [
        event(ADD, instrument_id=3, order_id=1, side=BID, price=None, size=9, account=1),
        event(ADD, instrument_id=3, order_id=2, side=ASK, price=None, size=5, account=2),
        event(EXECUTE, instrument_id=3, order_id=1, contra_order_id=2, price=100, size=5, side=BID),
        event(EXECUTE, instrument_id=3, order_id=1, contra_order_id=1, price=100, size=1, side=BID),
    ]
    o = held.observe(np.concatenate(rows), 0)
    assert o["contra_account"].tolist() == [0, 0, 2, 0]
    assert o["order_left"].tolist() == [9, 5, 4, 3]
    assert held.live_orders() == 1
    assert np.isnan(o["depth5"]).all()


def test_a_reference_age_is_the_print_less_its_reference() -> None:
    rows = [
        event(TRADE, instrument_id=3, price=100, size=1, flags=ONE_CLOCK | DARK, ts_ref=OPEN - lag)
        for lag in (700, -3)
    ]
    rows.append(event(TRADE, instrument_id=3, price=100, size=1))
    o = play(*rows)
    assert o["reference_age"].tolist() == [700, 0, -1]
    assert o["dark"].tolist() == [1, 1, 1]


def test_a_level_correction_is_absolute() -> None:
    o = play(
        event(ADD, order_id=1, side=BID, price=100, size=30),
        event(LEVEL, side=BID, price=100, size=70),
        event(LEVEL, side=ASK, price=101, size=8),
        event(LEVEL, side=BID, price=100, size=0),
        event(CANCEL, order_id=1, side=BID, price=100, size=30),
    )
    assert o["bid_size"].tolist() == [30, 70, 70, 0, 0]
    assert o["ofi_touch"].tolist() == [30.0, 40.0, -8.0, -70.0, 0.0]
    assert o["flow_sign"][1:4].tolist() == [0, 0, 0]


def test_a_quote_overrides_the_books_until_withdrawn() -> None:
    o = play(
        event(ADD, order_id=1, side=BID, price=100, size=30),
        event(ADD, order_id=2, side=ASK, price=110, size=30),
        event(QUOTE, price=104, size=5, aux_price=106, aux_size=7),
        event(ADD, order_id=3, side=BID, price=105, size=1),
        event(QUOTE, price=107, size=5, aux_price=106, aux_size=7),
        event(QUOTE),
    )
    assert o["bid"].tolist()[2:] == [104 * TICK, 104 * TICK, 107 * TICK, 105 * TICK]
    assert o["crossed"].tolist() == [0, 0, 0, 0, 1, 0]
    assert o["nbbo_changed"].tolist() == [1, 1, 1, 0, 1, 1]
    assert o["depth5"].tolist() == [30, 60, 60, 61, 61, 61]
    assert o["distance"][3] == -1


def test_depth_is_merged_over_lit_listings() -> None:
    held = market()
    rows = [
        event(ADD, instrument_id=1, order_id=1, side=BID, price=100, size=30),
        event(ADD, instrument_id=2, order_id=1, side=BID, price=100, size=5),
        event(ADD, instrument_id=5, order_id=1, side=BID, price=101, size=2),
        event(ADD, instrument_id=3, order_id=1, side=BID, price=109, size=2),
        event(CLEAR, instrument_id=1),
    ]
    o = held.observe(np.concatenate(rows), 0)
    assert o["bid_size"].tolist() == [30, 35, 2, 2, 2]
    assert held.consolidated_levels(0)[0, :3].tolist() == [
        [101 * TICK, 2],
        [100 * TICK, 5],
        [UNDEFINED_PRICE, 0],
    ]
    assert o["ofi_deep"].tolist() == [0, 0, 35, 0, -30]


def test_trades_only_have_the_last_trade_as_midpoint() -> None:
    o = play(
        event(TRADE, instrument_id=4, price=50, size=1, side=ASK),
        event(TRADE, instrument_id=4, price=51, size=1, side=BID),
        event(ADD, instrument_id=4, order_id=1, price=40, size=1, side=BID),
        event(TRADE, instrument_id=4, price=52, size=1),
    )
    assert o["mid2"].tolist() == [100 * TICK, 102 * TICK, UNDEFINED_PRICE, UNDEFINED_PRICE]
    assert o["mid2_before"].tolist()[:2] == [UNDEFINED_PRICE, 100 * TICK]
    assert o["aggressor"].tolist() == [-1, 1, 0, 0]
    assert o["quoted"].tolist() == [0] * 4


def test_unknown_instruments_are_counted_and_passed_over() -> None:
    held = market()
    o = held.observe(event(ADD, instrument_id=7, order_id=1, side=BID, price=1, size=1), 41)[0]
    assert (o["security"], o["listing"], o["arrival"], o["instrument_id"]) == (-1, -1, 41, 7)
    assert held.counted()["unknown_listings"] == 1
    assert held.live_orders() == 0


def test_late_and_unbelievable_times() -> None:
    two_clocks = {"side": BID, "price": 100, "size": 1, "flags": 0}
    o = play(
        event(ADD, order_id=1, at=100, **two_clocks),
        event(ADD, order_id=2, at=40, **two_clocks),
        event(ADD, order_id=3, at=5 * 10**9, ts_recv=OPEN + 110, **two_clocks),
        event(CANCEL, order_id=2, at=150, size=1, side=BID, price=100),
    )
    assert (o["ts"] - OPEN).tolist() == [100, 100, 110, 150]
    assert o["late"].tolist() == [0, 1, 0, 0]
    assert o["age"][3] == 50


def test_sessions_are_numbered_from_the_first_open() -> None:
    halt = ONE_CLOCK | HALT
    o = play(
        event(TRADE, price=100, size=1, at=-1),
        event(TRADE, price=100, size=1, at=0),
        event(STATUS, flags=halt, at=9),
        event(STATUS, at=19),
        event(TRADE, price=100, size=1, at=CLOSE - OPEN),
        event(STATUS, flags=halt, at=CLOSE - OPEN + 1),
        event(STATUS, at=CLOSE - OPEN + 2),
        event(TRADE, price=100, size=1, at=3 * DAY + 7),
        event(TRADE, price=100, size=1, at=3 * DAY + 8),
    )
    assert o["session"].tolist() == [0, 1, 1, 1, 1, 1, 1, 2, 2]


def test_a_venue_that_opens_early_opens_the_coming_session() -> None:
    o = play(
        event(STATUS, at=-300 * 10**9),
        event(TRADE, price=100, size=1, at=5),
        event(STATUS, at=CLOSE - OPEN + 5),
        event(TRADE, price=100, size=1, at=DAY),
    )
    assert o["session"].tolist() == [1, 1, 2, 3]


def test_a_new_definition_moves_the_next_session() -> None:
    held = market()
    held.observe(event(TRADE, price=100, size=1), 0)
    monday = OPEN + 3 * DAY - 3_600 * 10**9
    held.listings.define(
        ListingInfo(
            1, 70, "GOOG", "XNAS", False, TICK, session_open_ns=monday, session_close_ns=monday + 9
        )
    )
    rows = [
        event(TRADE, price=100, size=1, at=at)
        for at in (DAY, monday - OPEN - 1, monday - OPEN, 3 * DAY)
    ]
    assert held.observe(np.concatenate(rows), 1)["session"].tolist() == [1, 1, 2, 2]


def test_a_clear_ends_orders_through_every_epoch() -> None:
    held = market(MarketConfig(orders=1, levels=1))
    rows = []
    for _ in range(4_100):  # one more than an epoch counter holds, and some
        rows.append(event(ADD, order_id=1, side=BID, price=100, size=3))
        rows.append(event(CLEAR))
    o = held.observe(np.concatenate(rows), 0)
    assert o["bid_size"].tolist() == [3, 0] * 4_100
    assert held.live_orders() == 0
    assert held.counted()["duplicate_orders"] == 0
    assert held.counted()["clears"] == 4_100
    assert held.memory()["orders"] < 2_000


def test_an_entry_of_nothing_rests_nothing() -> None:
    held = market()
    o = held.observe(event(ADD, order_id=1, side=BID, price=100, size=0), 0)[0]
    assert (o["added"], o["bid"], held.live_orders()) == (0, UNDEFINED_PRICE, 0)


def test_a_voided_listing_leaves_the_other_books_alone() -> None:
    held = market()
    rows = [
        event(ADD, instrument_id=1, order_id=1, side=BID, price=100, size=30, at=50),
        event(ADD, instrument_id=2, order_id=1, side=BID, price=99, size=5, at=60),
        event(QUOTE, instrument_id=1, price=100, size=1, aux_price=101, aux_size=1, at=70),
    ]
    held.observe(np.concatenate(rows), 0)
    held.clear(0)
    o = held.observe(event(CANCEL, instrument_id=1, order_id=1, size=1, at=80), 4)[0]
    assert (o["bid"], o["bid_size"], o["ask"], o["late"]) == (99 * TICK, 5, UNDEFINED_PRICE, 0)
    assert (o["order_size"], held.live_orders()) == (0, 1)
    held.clear(2)
    held.clear(3)  # before any event of its security
    assert held.live_orders() == 1
