"""SEGMENT and self-match against their twin, and by hand."""

import numpy as np
import pytest
from hypothesis import given, settings

from darkpool_watch.config import DetectConfig
from darkpool_watch.errors import MarketError
from darkpool_watch.market.accounts import AccountInfo
from darkpool_watch.market.counterparties import Counterparties, Pairing
from kernels.layout import ADD, ASK, AUCTION, BID, DARK, EXECUTE, ONE_CLOCK, TRADE
from kernels.rule_rows import FORBIDDEN_PAIR, SAME_ACCOUNT, SAME_OWNER
from tests.market.rule_cases import (
    MS,
    POOL,
    VENUES,
    XNAS,
    Played,
    joined,
    pairing_lists,
    record_lists,
)
from tests.market.streams import OPEN, event, event_streams, random_stream
from tests.naive.rule_parties import meetings

ERROR = DetectConfig().clock_error_ns
BROKER, FUND, MAKER, PRINCIPAL = 11, 12, 13, 14
PEOPLE = [
    AccountInfo(BROKER, owner=1, capacity="agency", segment=0),
    AccountInfo(FUND, owner=2, capacity="principal", segment=1),
    AccountInfo(MAKER, owner=3, capacity="principal", segment=2),
    AccountInfo(PRINCIPAL, owner=3, capacity="principal", segment=0),
]


def trade(a: int, b: int, at: int, **fields: int) -> np.ndarray:
    fields = {"instrument_id": POOL, "flags": ONE_CLOCK | DARK, **fields}
    return event(TRADE, price=100, size=30, account=a, contra_account=b, at=at, **fields)


def assert_like_twin(
    events: np.ndarray, records: list[AccountInfo], pairings: list[Pairing]
) -> tuple[int, int]:
    played = Played(events, records=records, pairings=pairings)
    forbidden, matched = meetings(
        events, played.observations, played.records, pairings, VENUES, ERROR
    )
    hits = played.of(FORBIDDEN_PAIR)
    found = {int(h["arrival"]): (int(h["segment"]), int(h["contra_segment"])) for h in hits}
    assert found == forbidden
    assert len(hits) == len(forbidden)
    hits = played.of(SAME_ACCOUNT, SAME_OWNER)
    names = {SAME_ACCOUNT: "account", SAME_OWNER: "owner"}
    assert {int(h["arrival"]): names[int(h["reason"])] for h in hits} == matched
    assert len(hits) == len(matched)
    return len(forbidden), len(matched)


@given(events=event_streams, records=record_lists, pairings=pairing_lists)
@settings(deadline=None, max_examples=150)
def test_meetings_equal_the_twin_on_any_stream(
    events: np.ndarray, records: list[AccountInfo], pairings: list[Pairing]
) -> None:
    assert_like_twin(events, records, pairings)


def test_a_long_stream_has_meetings_and_block_size_does_not_change_them() -> None:
    events = random_stream(seed=5, count=6_000)
    events["contra_account"] = np.random.default_rng(5).integers(0, 5, len(events))
    records = [
        AccountInfo(1, owner=1, capacity="principal", segment=1, valid_from_ns=OPEN),
        AccountInfo(2, owner=1, capacity="principal", segment=2, valid_from_ns=OPEN),
        AccountInfo(2, owner=2, capacity="agency", segment=2, valid_from_ns=OPEN + 10**9),
        AccountInfo(4, owner=2, capacity="principal", segment=1, valid_from_ns=OPEN),
    ]
    pairings = [Pairing(1, 2, False, OPEN), Pairing(1, 2, True, OPEN + 3 * 10**9, "DARK")]
    forbidden, matched = assert_like_twin(events, records, pairings)
    assert min(forbidden, matched) > 30
    whole = Played(events, records=records, pairings=pairings)
    for block in (1, 7, 256):
        again = Played(events, records=records, pairings=pairings, block=block)
        assert again.hits.tobytes() == whole.hits.tobytes()
        assert again.counted() == whole.counted()


def test_a_segment_breach_is_told_for_the_dates_the_matrix_forbids() -> None:
    pairings = [Pairing(1, 2, False, OPEN + 10 * MS), Pairing(2, 1, True, OPEN + 30 * MS)]
    # Forbidden from 10 ms to 30 ms; within the clock error of 1 ms of either date nothing is sure.
    at = [5 * MS, 11 * MS, 11 * MS + 1, 20 * MS, 29 * MS - 1, 29 * MS, 35 * MS]
    events = joined([trade(FUND, MAKER, at=t) for t in at])
    hits = Played(events, records=PEOPLE, pairings=pairings).of(FORBIDDEN_PAIR)
    assert hits["arrival"].tolist() == [1, 2, 3, 4]
    assert (hits["segment"][0], hits["contra_segment"][0]) == (1, 2)


def test_a_line_for_the_venue_goes_before_one_for_every_venue() -> None:
    pairings = [Pairing(1, 2, False), Pairing(1, 2, True, venue="DARK")]
    events = joined(
        [trade(FUND, MAKER, at=MS), trade(MAKER, FUND, at=MS, instrument_id=XNAS, flags=ONE_CLOCK)]
    )
    hits = Played(events, records=PEOPLE, pairings=pairings).of(FORBIDDEN_PAIR)
    assert hits["arrival"].tolist() == [1]


def test_a_fill_before_the_reference_data_changed_is_judged_by_the_old_record() -> None:
    records = [
        *PEOPLE,
        AccountInfo(MAKER, owner=3, capacity="principal", segment=0, valid_from_ns=OPEN + 10 * MS),
    ]
    rows = [trade(FUND, MAKER, at=t) for t in (5 * MS, 15 * MS)]
    rows.append(trade(FUND, MAKER, at=5 * MS, ts_recv=OPEN + 16 * MS, flags=DARK))  # came late
    hits = Played(joined(rows), records=records, pairings=[Pairing(1, 2, False)]).of(FORBIDDEN_PAIR)
    assert hits["arrival"].tolist() == [0, 2]


def test_segments_that_are_not_known_are_no_breach() -> None:
    played = Played(
        joined([trade(FUND, 99, at=MS), trade(0, MAKER, at=MS)]),
        records=PEOPLE,
        pairings=[Pairing(a, b, False) for a in range(3) for b in range(a, 3)],
    )
    assert len(played.of(FORBIDDEN_PAIR)) == 0
    assert played.counted()["unmatched"] == 1


def test_one_account_on_both_sides_needs_no_reference_data_and_says_so() -> None:
    played = Played(joined([trade(77, 77, at=MS)]))
    (hit,) = played.of(SAME_ACCOUNT)
    breach = played.rules.breach(hit)
    assert (breach.rule, breach.severity, breach.measure, breach.unit) == (
        "WASH",
        "high",
        30.0,
        "shares",
    )
    assert breach.reason == (
        "one account on both sides of a trade on DARK "
        "(its owner is unknown, so only the account itself is linked)"
    )
    played = Played(joined([trade(FUND, FUND, at=MS)]), records=PEOPLE)
    assert played.rules.breach(played.of(SAME_ACCOUNT)[0]).reason == (
        "one account on both sides of a trade on DARK"
    )


def test_one_owner_on_both_sides_is_a_self_match_but_an_affiliate_is_not() -> None:
    records = [*PEOPLE, AccountInfo(15, owner=4, group=3, capacity="principal", segment=0)]
    rows = [trade(MAKER, PRINCIPAL, at=MS), trade(PRINCIPAL, 15, at=2 * MS)]
    played = Played(joined(rows), records=records)
    (hit,) = played.of(SAME_ACCOUNT, SAME_OWNER)
    assert (hit["arrival"], hit["owner"]) == (0, 3)
    assert played.rules.breach(hit).reason == (
        "two accounts of one owner traded with each other on DARK"
    )


def test_an_agency_cross_is_no_self_match() -> None:
    records = [*PEOPLE, AccountInfo(16, owner=1, capacity="principal")]
    rows = [trade(BROKER, BROKER, at=MS), trade(BROKER, 16, at=MS)]
    played = Played(joined(rows), records=records)
    assert len(played.of(SAME_ACCOUNT, SAME_OWNER)) == 0
    assert played.counted()["agency_crosses"] == 2


def test_nobody_chooses_whom_to_meet_in_an_auction() -> None:
    events = joined([trade(FUND, FUND, at=MS, flags=ONE_CLOCK | DARK | AUCTION)])
    assert len(Played(events, records=PEOPLE).of(SAME_ACCOUNT)) == 0


def test_accounts_that_only_the_orders_named_are_matched() -> None:
    rows = [
        event(ADD, order_id=1, side=ASK, price=101, size=9, account=FUND, at=0),
        event(ADD, order_id=2, side=BID, price=99, size=9, account=FUND, at=1),
        event(EXECUTE, order_id=1, contra_order_id=2, side=ASK, price=101, size=4, at=MS),
    ]
    assert Played(joined(rows), records=PEOPLE).of(SAME_ACCOUNT)["arrival"].tolist() == [2]


def test_two_lines_of_one_time_that_disagree_are_refused() -> None:
    with pytest.raises(MarketError, match="Segments 1 and 2 on DARK have two lines from 5 ns on"):
        Counterparties([Pairing(1, 2, True, 5, "DARK"), Pairing(2, 1, False, 5, "DARK")])
