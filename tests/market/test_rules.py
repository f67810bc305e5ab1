"""TRADE-THROUGH and DATA against their twin, and by hand. Prices in ticks, times in ns."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkpool_watch.config import DetectConfig, MarketConfig
from darkpool_watch.detect.breaches import feed_breach, feed_group, venue_of
from darkpool_watch.detect.rules import Rules
from darkpool_watch.market.listings import ListingInfo, Listings
from darkpool_watch.wire.batch import Notice, NoticeKind
from kernels.layout import (
    ADD,
    ASK,
    AUCTION,
    BAD_TIME,
    BID,
    DARK,
    EXECUTE,
    EXEMPT,
    HALT,
    HIDDEN,
    ISO,
    ONE_CLOCK,
    QUOTE,
    STATUS,
    TRADE,
)
from kernels.rule_rows import (
    CLOCK_DRIFT,
    DATA,
    HIT,
    LATE_EVENT,
    OUTSIDE_NBBO,
    RING,
    SUSPECTS,
    TRADE_THROUGH,
    UNRELIABLE_TIME,
)
from tests.market.streams import OPEN, TICK, event, event_streams, market, random_stream
from tests.naive.rules import data_breaches, trade_throughs

MS = 1_000_000
ERROR = DetectConfig().clock_error_ns
REASONS = {CLOCK_DRIFT: "drift", LATE_EVENT: "late", UNRELIABLE_TIME: "unreliable"}


def run(events: np.ndarray, block: int = 4096) -> tuple[np.ndarray, np.ndarray, Rules]:
    """Return (hits, observations, rules) of a stream played in blocks."""
    held = market()
    rules = Rules(DetectConfig(), held.listings)
    hits, seen = [np.zeros(0, HIT)], []
    for start in range(0, len(events), block):
        part = events[start : start + block]
        seen.append(held.observe(part, start).copy())
        hits.append(rules.check(part, seen[-1]).copy())
    hits.append(rules.settle().copy())
    return np.concatenate(hits), np.concatenate(seen), rules


def assert_like_twin(events: np.ndarray) -> int:
    hits, seen, _ = run(events)
    through = hits[hits["rule"] == TRADE_THROUGH]
    wanted = trade_throughs(events, seen, ERROR)
    assert dict(zip(through["arrival"].tolist(), through["margin"].tolist(), strict=True)) == wanted
    assert len(through) == len(wanted)
    later = through[through["decided"] >= 0]
    assert (seen["ts"][later["decided"]] > later["ts"] + ERROR).all()
    data = hits[hits["rule"] == DATA]
    told = [(int(h["arrival"]), REASONS[int(h["reason"])], int(h["margin"])) for h in data]
    config = DetectConfig()
    assert told == data_breaches(
        events, seen, config.clock_drift_ns, config.late_ns, config.data_repeat_ns
    )
    return len(wanted)


@given(events=event_streams)
@settings(deadline=None, max_examples=150)
def test_hits_equal_the_twin_on_any_stream(events: np.ndarray) -> None:
    assert_like_twin(events)


QUOTED = st.lists(
    st.tuples(
        st.sampled_from([QUOTE, QUOTE, TRADE, TRADE, STATUS]),
        st.integers(90, 110),
        st.integers(-1, 6),
        st.sampled_from([0, 1, 300_000, 999_999, MS, MS + 1, 5 * MS, -MS, -3 * MS]),
        st.sampled_from([0, 0, 0, 0, 0, DARK, ISO, EXEMPT, AUCTION, HALT, BAD_TIME]),
    ),
    min_size=1,
    max_size=40,
)


@given(drawn=QUOTED)
@settings(deadline=None, max_examples=300)
def test_hits_equal_the_twin_on_quotes_and_trades(drawn: list[tuple[int, ...]]) -> None:
    at = 0
    rows = []
    trades = nbbos = 0
    for kind, price, spread, gap, flags in drawn:
        at += gap
        flags |= ONE_CLOCK
        if kind == QUOTE:
            nbbos += 1
            rows.append(event(QUOTE, price=price, aux_price=price + spread, size=1, at=at))
        elif kind == TRADE:
            trades += 1
            rows.append(event(TRADE, price=price, size=1, at=at, flags=flags))
        else:
            rows.append(event(STATUS, at=at, flags=flags))
    if trades <= SUSPECTS and nbbos <= RING:
        assert_like_twin(np.concatenate(rows))


def test_a_long_stream_has_hits_and_block_size_does_not_change_them() -> None:
    events = random_stream(seed=7, count=9_000)
    events["ts_event"] = OPEN + np.arange(9_000) * 700_000  # wide apart: nothing overflows
    events["ts_recv"] = events["ts_event"]
    quotes = np.arange(9_000) % 5 == 0
    events["kind"][quotes] = QUOTE
    events["aux_price"][quotes] = events["price"][quotes] + 3 * TICK
    assert assert_like_twin(events) > 50
    whole, _, rules = run(events)
    for block in (1, 7, 256):
        again, _, other = run(events, block)
        assert again.tobytes() == whole.tobytes()
        assert other.counters.tolist() == rules.counters.tolist()


def through(*rows: np.ndarray) -> np.ndarray:
    """The trade-throughs of one-row events on listing 1."""
    hits, _, _ = run(np.concatenate(rows))
    return hits[hits["rule"] == TRADE_THROUGH]


def quote(bid: float | None, ask: float | None, at: int) -> np.ndarray:
    return event(QUOTE, price=bid, aux_price=ask, size=5, aux_size=5, at=at)


def dark_print(price: float, at: int, flags: int = 0) -> np.ndarray:
    return event(TRADE, instrument_id=3, price=price, size=7, at=at, flags=ONE_CLOCK | DARK | flags)


def test_a_dark_print_beyond_the_offer_is_a_trade_through() -> None:
    hits = through(
        quote(100, 102, at=0), dark_print(103, at=5 * MS), dark_print(101, at=6 * MS + 1)
    )
    assert len(hits) == 1
    hit = hits[0]
    assert (hit["reason"], hit["listing"], hit["security"]) == (OUTSIDE_NBBO, 2, 0)
    assert (hit["price"], hit["reference"], hit["margin"]) == (103 * TICK, 102 * TICK, TICK)
    assert (hit["bid"], hit["ask"], hit["size"]) == (100 * TICK, 102 * TICK, 7)
    # Settled by the first event more than 1 ms after the print.
    assert (hit["arrival"], hit["decided"], hit["ts"]) == (1, 2, OPEN + 5 * MS)


def test_a_trade_below_the_bid_is_settled_at_the_end() -> None:
    hits = through(quote(100, 102, at=0), dark_print(98.5, at=5 * MS))
    assert (hits["decided"].tolist(), hits["margin"].tolist()) == ([-1], [TICK * 3 // 2])
    assert hits["reference"].tolist() == [100 * TICK]


@pytest.mark.parametrize("price", [100, 101, 102])
def test_at_and_inside_the_nbbo_is_legal(price: int) -> None:
    assert len(through(quote(100, 102, at=0), dark_print(price, at=5 * MS))) == 0


def test_an_nbbo_within_the_clock_error_acquits() -> None:
    before, after = quote(103, 105, at=0), quote(100, 102, at=10 * MS)
    late = 10 * MS + ERROR
    # 104 was inside until 10 ms; the print may be up to 1 ms older than its stamp.
    assert len(through(before, after, dark_print(104, at=late - 1))) == 0
    assert len(through(before, after, dark_print(104, at=late))) == 1
    # 101 is inside from 10 ms on; the print may be up to 1 ms newer than its stamp.
    early = 10 * MS - ERROR
    assert len(through(before, dark_print(101, at=early), after)) == 0
    assert len(through(before, dark_print(101, at=early - 1), after)) == 1


def test_locked_crossed_one_sided_and_unknown_markets_are_no_reference() -> None:
    assert len(through(quote(102, 102, at=0), dark_print(103, at=5 * MS))) == 0
    assert len(through(quote(103, 102, at=0), dark_print(99, at=5 * MS))) == 0
    assert len(through(quote(None, 102, at=0), dark_print(1, at=5 * MS))) == 0
    assert len(through(quote(None, 102, at=0), dark_print(103, at=5 * MS))) == 1
    assert len(through(dark_print(103, at=5 * MS))) == 0
    # Known for less than the clock error: before that anything may have been quoted.
    assert len(through(quote(100, 102, at=0), dark_print(103, at=ERROR - 1))) == 0
    assert len(through(quote(100, 102, at=0), dark_print(103, at=ERROR))) == 1


@pytest.mark.parametrize("flag", [ISO, EXEMPT, AUCTION, BAD_TIME])
def test_declared_exceptions_are_respected(flag: int) -> None:
    assert len(through(quote(100, 102, at=0), dark_print(103, at=5 * MS, flags=flag))) == 0


def test_a_halt_suspends_the_rule_until_trading_resumes() -> None:
    rows = [
        quote(100, 102, at=0),
        event(STATUS, flags=ONE_CLOCK | HALT, at=2 * MS),
        dark_print(103, at=5 * MS),
        event(STATUS, at=6 * MS),
        dark_print(104, at=9 * MS),
    ]
    assert through(*rows)["price"].tolist() == [104 * TICK]


def test_a_lit_execution_through_another_venue_is_found() -> None:
    rows = [
        event(ADD, instrument_id=1, order_id=1, side=ASK, price=102, size=5),
        event(ADD, instrument_id=2, order_id=1, side=ASK, price=101, size=5),
        event(ADD, instrument_id=1, order_id=2, side=BID, price=100, size=5),
        event(EXECUTE, instrument_id=1, order_id=1, side=ASK, price=102, size=1, at=5 * MS),
        event(EXECUTE, instrument_id=2, order_id=1, side=ASK, price=101, size=1, at=5 * MS),
        event(
            EXECUTE, instrument_id=2, side=ASK, price=100.5, size=1, flags=ONE_CLOCK | HIDDEN, at=MS
        ),
    ]
    hits = through(*rows)
    assert hits["arrival"].tolist() == [3]
    assert hits["order_id"].tolist() == [1]


def test_a_late_print_is_held_against_the_market_of_its_own_time() -> None:
    two_clocks = {"instrument_id": 3, "size": 1, "ts_recv": OPEN + 60 * MS}
    rows = [
        quote(103, 105, at=0),
        quote(100, 102, at=50 * MS),
        event(TRADE, price=104, at=20 * MS, flags=DARK, **two_clocks),
        event(TRADE, price=101, at=20 * MS, flags=DARK, **two_clocks),
    ]
    hits = through(*rows)
    assert hits["arrival"].tolist() == [3]
    assert (hits["bid"][0], hits["decided"][0]) == (103 * TICK, 3)


def test_a_storm_of_quotes_can_hide_a_breach_but_never_make_one() -> None:
    rows = [quote(100, 102, at=0)]
    rows += [quote(100, 102 + i % 2, at=5 * MS + i) for i in range(3 * RING)]
    # 102 and 103 were offered within the span, though not by the NBBOs that the ring still has.
    assert len(through(*rows, dark_print(103, at=5 * MS + 100))) == 0
    assert len(through(*rows, dark_print(104, at=5 * MS + 100))) == 1
    rows = [quote(100, 108, at=0), quote(100, 102, at=5 * MS)]
    rows += [quote(100 - i % 2, 102, at=5 * MS + i) for i in range(3 * RING)]
    assert len(through(*rows, dark_print(107, at=5 * MS + 100))) == 0
    assert len(through(*rows, quote(100, 101, at=9 * MS), dark_print(107, at=30 * MS))) == 1
    rows[1] = quote(103, 102, at=5 * MS)  # crossed for an instant within the span
    assert len(through(*rows, dark_print(50, at=5 * MS + 100))) == 0
    rows[1] = quote(99, 102, at=5 * MS)
    assert len(through(*rows, dark_print(50, at=5 * MS + 100))) == 1


def test_more_suspects_than_may_wait_are_counted() -> None:
    rows = [quote(100, 102, at=0)]
    rows += [dark_print(103, at=5 * MS + i) for i in range(SUSPECTS + 3)]
    hits, _, rules = run(np.concatenate(rows))
    assert len(hits) == SUSPECTS
    assert rules.counters[4] == 3


def test_lost_messages_make_the_quotes_doubtful() -> None:
    held = market()
    rules = Rules(DetectConfig(), held.listings)
    first = np.concatenate([quote(100, 102, at=0), dark_print(103, at=5 * MS)])
    assert len(rules.check(first, held.observe(first, 0))) == 0
    rules.reset(0)
    second = dark_print(103, at=9 * MS)
    assert len(rules.check(second, held.observe(second, 2))) == 0
    assert len(rules.settle()) == 0


def test_rules_resume_from_a_snapshot() -> None:
    events = random_stream(seed=8, count=2_000)
    whole, seen, _ = run(events)
    listings = market().listings
    first, second = Rules(DetectConfig(), listings), Rules(DetectConfig(), listings)
    parts = [first.check(events[:1_000], seen[:1_000]).copy()]
    second.restore(first.snapshot())
    parts.append(second.check(events[1_000:], seen[1_000:]).copy())
    parts.append(second.settle().copy())
    assert np.concatenate(parts).tobytes() == whole.tobytes()


def test_data_is_told_once_a_span_for_each_listing_and_reason() -> None:
    apart = {"price": 100, "size": 1, "flags": 0}
    rows = [
        event(TRADE, at=at, ts_recv=OPEN + at + 2_000 * MS, **apart)
        for at in (0, MS, 59_999 * MS, 60_000 * MS)
    ]
    rows.append(event(TRADE, at=50_000 * MS, price=100, size=1, instrument_id=2))
    rows.append(event(TRADE, at=61_000 * MS, price=1, size=1, flags=BAD_TIME | ONE_CLOCK))
    hits, _, rules = run(np.concatenate(rows))
    assert hits["arrival"].tolist() == [0, 3, 4, 5]
    assert hits["reason"].tolist() == [CLOCK_DRIFT, CLOCK_DRIFT, LATE_EVENT, UNRELIABLE_TIME]
    assert hits["margin"].tolist() == [2_000 * MS, 2_000 * MS, 10_000 * MS, 0]
    assert rules.counters[7] == 2


def test_hits_are_told_in_words() -> None:
    held = market()
    rules = Rules(DetectConfig(), held.listings)
    rows = np.concatenate(
        [
            quote(100, 102, at=0),
            dark_print(103.5, at=5 * MS),
            event(TRADE, at=9_000 * MS, ts_recv=OPEN + 18_000 * MS, price=101, size=1, flags=0),
        ]
    )
    first, second, third = map(rules.breach, [*rules.check(rows, held.observe(rows, 0)), HIT_LATE])
    assert first.reason == "dark trade on DARK at 1.035, beyond the national best offer of 1.02"
    assert (first.rule, first.severity, first.measure, first.unit) == (
        "TRADE-THROUGH",
        "medium",
        1.5,
        "ticks",
    )
    assert (second.reason, second.measure, second.unit) == (
        "clocks of XNAS and ours are apart",
        9_000.0,
        "ms",
    )
    assert (third.reason, third.group) == ("an event of XNAS came late", "late")


HIT_LATE = np.zeros(1, HIT)[0]
HIT_LATE["rule"], HIT_LATE["reason"], HIT_LATE["margin"] = DATA, LATE_EVENT, MS


def test_what_the_wire_noticed_is_a_breach() -> None:
    lost = feed_breach(Notice(NoticeKind.LOST, "XNAS", 3, 1, 50, 7), ts=9, arrival=4)
    assert lost is not None
    assert (lost.rule, lost.reason) == ("DATA", "messages of channel 3 of XNAS were lost")
    assert (lost.security, lost.measure, lost.unit) == (-1, 7.0, "messages")
    silent = feed_breach(Notice(NoticeKind.SILENT, "XNAS", 3, 1, 50, 0), ts=9, arrival=4)
    assert silent is not None
    assert silent.reason == "channel 3 of XNAS is silent"
    malformed = feed_breach(Notice(NoticeKind.MALFORMED, "XNAS", 3, 1, 50, 2), ts=9, arrival=4)
    assert malformed is not None
    assert malformed.reason == "malformed messages of channel 3 of XNAS were kept out"
    assert (malformed.measure, malformed.unit) == (2.0, "messages")
    unnamed = feed_breach(Notice(NoticeKind.MALFORMED, "", 0, 0, 0, 1), ts=9, arrival=4)
    assert unnamed is not None
    assert unnamed.reason == "malformed messages of an unknown channel were kept out"
    # What differs in kind is another alert: a loss does not swallow malformed input.
    assert len({lost.group, silent.group, malformed.group, unnamed.group}) == 4
    for kind in (NoticeKind.REPAIRED, NoticeKind.HEARD, NoticeKind.SESSION, NoticeKind.ENDED):
        assert feed_breach(Notice(kind, "XNAS", 3, 1, 50, 0), ts=9, arrival=4) is None


@pytest.mark.parametrize("venue", ["XNAS", "", "A/B"])
def test_the_group_of_a_feed_gives_its_venue_back(venue: str) -> None:
    assert venue_of(feed_group(venue, "lost")) == venue


def test_a_reset_finds_room_for_listings_defined_since_the_last_check() -> None:
    listings = Listings(MarketConfig(securities=2, listings=2))
    rules = Rules(DetectConfig(), listings)
    for n in range(1, 201):
        listings.define(ListingInfo(instrument_id=n, security_id=n, symbol=f"S{n}"))
    rules.reset(150)
    assert len(rules.settle()) == 0
