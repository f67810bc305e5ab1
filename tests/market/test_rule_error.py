"""ERROR against its twins, and by hand. Prices in ticks of 0.01, times in ns after the open."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.layout import (
    ADD,
    ASK,
    BID,
    CANCEL,
    DARK,
    EXECUTE,
    HALT,
    MIDPOINT_PEG,
    ONE_CLOCK,
    QUOTE,
    REPLACE,
    STATUS,
    TRADE,
)
from kernels.rule_rows import AWAY_ORDER, AWAY_TRADE, DUPLICATE_ORDERS, RING
from tests.market.rule_cases import MS, POOL, XNAS, Played, joined
from tests.market.streams import CLOSE, OPEN, event, event_streams, random_stream
from tests.naive.rule_error import away, duplicates

S = 10**9
NOON = 3_600 * S  # well inside the session
LOOSE = {"duplicate_orders": 2, "duplicate_ms": 400.0}


def assert_like_twin(events: np.ndarray, **config: Any) -> tuple[int, int]:
    played = Played(events, **config)
    seen = played.observations
    wanted = away(events, seen, played.infos, played.config)
    hits = played.of(AWAY_ORDER, AWAY_TRADE)
    names = {AWAY_ORDER: "order", AWAY_TRADE: "trade"}
    found = {(int(h["arrival"]), names[int(h["reason"])]): int(h["reference"]) for h in hits}
    assert found == wanted
    assert len(hits) == len(wanted)
    again = duplicates(events, seen, played.infos, played.config)
    hits = played.of(DUPLICATE_ORDERS)
    assert {int(h["arrival"]): int(h["margin"]) for h in hits} == again
    return len(wanted), len(again)


@given(
    events=event_streams,
    passive=st.booleans(),
    clock_error_ns=st.sampled_from([0, MS, S]),
    wide=st.sampled_from([0.001, 0.05, 1.0]),
)
@settings(deadline=None, max_examples=150)
def test_hits_equal_the_twins_on_any_stream(
    events: np.ndarray, passive: bool, clock_error_ns: int, wide: float
) -> None:
    assert_like_twin(
        events,
        error_passive=passive,
        clock_error_ns=clock_error_ns,
        error_wide_spread=wide,
        error_band_low=0.02,
        error_least_ticks=1,
        error_edge_s=600.0,
        **LOOSE,
    )


_QUOTED = st.lists(
    st.tuples(
        st.sampled_from([QUOTE, QUOTE, ADD, ADD, ADD, TRADE, REPLACE, CANCEL, STATUS]),
        st.integers(2_300, 5_200),
        st.sampled_from([-1, 1, 2, 300]),
        st.sampled_from([0, 1, 300_000, MS, 5 * MS, 61 * S, -MS]),
        st.integers(1, 4),
        st.sampled_from([0, 0, 0, 0, DARK, HALT, MIDPOINT_PEG]),
    ),
    min_size=1,
    max_size=RING,
)


@given(drawn=_QUOTED, at=st.sampled_from([-1_000 * S, 0, 899 * S, NOON, CLOSE - OPEN - 901 * S]))
@settings(deadline=None, max_examples=200)
def test_hits_equal_the_twins_on_quotes_and_orders(drawn: list[tuple[int, ...]], at: int) -> None:
    rows = []
    for number, (kind, price, spread, gap, small, flags) in enumerate(drawn):
        at += gap
        fields = {"at": at, "flags": flags | ONE_CLOCK, "size": small, "account": small % 3}
        if kind == QUOTE:
            rows.append(event(QUOTE, price=price, aux_price=price + spread, size=1, at=at))
        elif kind == STATUS:
            rows.append(event(STATUS, at=at, flags=flags | ONE_CLOCK))
        elif kind == TRADE:
            rows.append(event(TRADE, price=price, instrument_id=POOL, **fields))
        else:
            own = {"order_id": small if kind != ADD else number + 1, "contra_order_id": number + 1}
            rows.append(event(kind, side=1 + small % 2, price=price, **own, **fields))
    assert_like_twin(joined(rows), **LOOSE)


def test_a_long_stream_has_hits_and_block_size_does_not_change_them() -> None:
    events = random_stream(seed=11, count=6_000)
    events["ts_event"] = OPEN + NOON + np.arange(6_000) * 700_000
    events["ts_recv"] = events["ts_event"]
    events["price"][::37] = events["price"][::37] * 6 // 5
    events["size"] = 1 + events["size"] % 3
    wide = {"error_wide_spread": 1.0, "duplicate_orders": 2, "duplicate_ms": 20.0}
    erring, repeated = assert_like_twin(events, **wide)
    assert erring > 20
    assert repeated > 20
    whole = Played(events, **wide)
    for block in (1, 7, 256):
        again = Played(events, block=block, **wide)
        assert again.hits.tobytes() == whole.hits.tobytes()
        assert again.counted() == whole.counted()


def quote(bid: float | None, ask: float | None, at: int) -> np.ndarray:
    return event(QUOTE, price=bid, aux_price=ask, size=1, aux_size=1, at=at)


def order(price: float, side: int, at: int = NOON, **fields: int) -> np.ndarray:
    return event(ADD, side=side, price=price, size=10, order_id=5, at=at, **fields)


def erring(*rows: np.ndarray, **config: Any) -> list[int]:
    return Played(joined(list(rows)), **config).of(AWAY_ORDER, AWAY_TRADE)["arrival"].tolist()


# Bands: 10% up to 25.00, 5% up to 50.00, 3% above. Midpoints 20.00, 40.00 and 100.00 in ticks.
@pytest.mark.parametrize(("mid", "band"), [(2_000, 200), (4_000, 200), (10_000, 300)])
def test_an_order_beyond_its_band_is_an_error_and_one_at_it_is_not(mid: int, band: int) -> None:
    book = quote(mid - 1, mid + 1, at=NOON - S)
    assert erring(book, order(mid + band, BID)) == []
    assert erring(book, order(mid + band + 1, BID)) == [1]
    assert erring(book, order(mid - band, ASK)) == []
    assert erring(book, order(mid - band - 1, ASK)) == [1]
    # On its passive side it cannot trade, and is an error only where the config says so.
    assert erring(book, order(mid - band - 1, BID)) == []
    assert erring(book, order(mid - band - 1, BID), error_passive=True) == [1]


def test_bands_are_doubled_near_the_open_and_the_close() -> None:
    day = CLOSE - OPEN
    for at, doubled in ((899 * S, True), (901 * S, False), (day - 899 * S, True)):
        book = quote(9_999, 10_001, at=at - S)
        assert erring(book, order(10_500, BID, at=at)) == ([] if doubled else [1])
        assert erring(book, order(10_601, BID, at=at)) == [1]


def test_a_replacement_is_held_against_the_market_like_a_new_order() -> None:
    rows = [
        quote(9_999, 10_001, at=NOON - S),
        order(9_990, BID),
        event(REPLACE, order_id=5, contra_order_id=6, price=12_000, size=10, at=NOON + MS),
    ]
    assert erring(*rows) == [2]


def test_a_wide_quote_before_the_open_is_no_reference() -> None:
    assert erring(quote(5_000, 15_000, at=-S), order(14_000, BID, at=-MS)) == []
    assert erring(quote(9_999, 10_001, at=-S), order(14_000, BID, at=-MS)) == []
    # Nor is one inside the session; the last trade is, while it is fresh.
    wide = quote(5_000, 15_000, at=NOON)
    last = event(TRADE, price=10_000, size=1, instrument_id=POOL, flags=DARK | ONE_CLOCK, at=NOON)
    assert erring(wide, order(14_000, BID, at=NOON + S)) == []
    assert erring(wide, last, order(14_000, BID, at=NOON + S)) == [2]
    assert erring(wide, last, order(14_000, BID, at=NOON + 61 * S)) == []
    assert erring(quote(10_001, 10_001, at=NOON), order(14_000, BID, at=NOON + S)) == []
    assert erring(quote(10_002, 10_001, at=NOON), order(14_000, BID, at=NOON + S)) == []


def test_a_trade_far_from_the_market_is_an_error_in_a_pool_too() -> None:
    rows = [quote(9_999, 10_001, at=NOON - S)]
    rows += [
        event(TRADE, price=p, size=1, instrument_id=POOL, flags=DARK | ONE_CLOCK, at=NOON)
        for p in (9_699, 9_700, 10_300, 10_301)
    ]
    assert erring(*rows) == [1, 4]
    played = Played(joined(rows))
    breach = played.rules.breach(played.of(AWAY_TRADE)[0])
    assert breach.reason == "trade on DARK at 96.99, far from the market at 100"
    assert (breach.rule, breach.severity, breach.measure, breach.unit) == (
        "ERROR",
        "high",
        3.01,
        "%",
    )


def test_any_market_within_the_clock_error_excuses_a_price() -> None:
    moved = [quote(11_999, 12_001, at=NOON - S), quote(9_999, 10_001, at=NOON)]
    assert erring(*moved, order(12_300, BID, at=NOON + MS - 1)) == []
    assert erring(*moved, order(12_300, BID, at=NOON + MS)) == [2]


def test_pool_limits_pegs_and_halts_are_no_errors() -> None:
    book = quote(9_999, 10_001, at=NOON - S)
    assert erring(book, order(14_000, BID, instrument_id=POOL, flags=DARK | ONE_CLOCK)) == []
    assert erring(book, order(14_000, BID, flags=MIDPOINT_PEG | ONE_CLOCK)) == []
    halt = event(STATUS, flags=HALT | ONE_CLOCK, at=NOON - MS)
    assert erring(book, halt, order(14_000, BID)) == []


def copies(count: int, gap: int = MS, first: int = 1, **fields: int) -> list[np.ndarray]:
    fields = {"side": BID, "price": 9_990, "size": 300, "account": 7, **fields}
    return [event(ADD, order_id=first + i, at=NOON + i * gap, **fields) for i in range(count)]


def repeated(rows: list[np.ndarray]) -> list[int]:
    return Played(joined(rows)).of(DUPLICATE_ORDERS)["arrival"].tolist()


def test_the_same_order_again_and_again_is_a_duplicate_from_the_fifth_on() -> None:
    assert repeated(copies(4)) == []
    assert repeated(copies(6)) == [4, 5]
    assert repeated(copies(6, gap=26 * MS)) == []  # the first is 104 ms old when the fifth comes
    assert repeated(copies(6, gap=25 * MS)) == [4, 5]
    played = Played(joined(copies(5)))
    assert played.rules.breach(played.of(DUPLICATE_ORDERS)[0]).reason == (
        "the same order to buy 300 at 99.9 was entered again and again by one account on XNAS"
    )


def test_orders_that_differ_in_anything_are_no_duplicates() -> None:
    for field, values in {
        "side": [BID, ASK],
        "price": [9_990, 9_991],
        "size": [300, 301],
        "account": [7, 8],
    }.items():
        rows = copies(3, **{field: values[0]}) + copies(3, first=4, **{field: values[1]})
        assert repeated(rows) == []
    assert repeated(copies(8, account=0)) == []  # unknown accounts may all be different ones


def test_an_order_that_was_withdrawn_or_filled_was_not_entered_twice() -> None:
    for kind in (CANCEL, EXECUTE):
        rows = []
        for i, row in enumerate(copies(12)):
            rows += [row, event(kind, order_id=i + 1, side=BID, size=300, at=NOON + i * MS)]
        assert repeated(rows) == []


def test_duplicates_are_found_across_the_venues_of_a_security() -> None:
    rows = copies(3, instrument_id=XNAS) + copies(3, first=10, instrument_id=POOL)
    assert repeated(rows) == [4, 5]


def test_a_band_is_never_narrower_than_a_few_ticks() -> None:
    # 5 ticks around 0.03: of the 10% that the low band allows, no tick is left.
    book = quote(2, 4, at=NOON - S)
    assert erring(book, order(8, BID), error_wide_spread=1.0) == []
    assert erring(book, order(9, BID), error_wide_spread=1.0) == [1]
