"""PRIORITY against its twins, and by hand. Prices in ticks of 0.01, times in ns after the open."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkpool_watch.market.accounts import AccountInfo
from kernels.layout import (
    ADD,
    ASK,
    AUCTION,
    BAD_TIME,
    BID,
    CANCEL,
    CLEAR,
    CONDITIONAL,
    DARK,
    EXECUTE,
    HALT,
    HIDDEN,
    IOC,
    LEVEL,
    MIDPOINT_PEG,
    ONE_CLOCK,
    QUOTE,
    REPLACE,
    SELF_MATCH_PREVENTED,
    STATUS,
    UNDEFINED_PRICE,
)
from kernels.queues import LEVELS_FORGOTTEN
from kernels.rule_rows import BETTER_PASSED, OLDER_PASSED, SUB_PENNY
from tests.market.rule_cases import MS, POOL, XNAS, Played, joined, record_lists
from tests.market.streams import OPEN, event, event_streams, random_stream
from tests.naive.rule_priority import priority_breaches, sub_pennies

INCOMING = 9  # the account whose orders come to trade


def assert_like_twin(
    events: np.ndarray, records: list[AccountInfo] = (), **config: Any
) -> tuple[int, int]:
    played = Played(events, records=records, **config)
    seen = played.observations
    wanted = priority_breaches(events, seen, played.infos, played.config, played.records)
    hits = played.of(OLDER_PASSED, BETTER_PASSED)
    assert {int(h["arrival"]): int(h["passed_id"]) for h in hits} == wanted
    assert len(hits) == len(wanted)
    off = sub_pennies(events, seen, played.infos)
    hits = played.of(SUB_PENNY)
    assert {int(h["arrival"]): int(h["margin"]) for h in hits} == off
    assert len(hits) == len(off)
    return len(wanted), len(off)


_MODES = st.sampled_from(["time", "time", "size", "class", "price", "unchecked"])


@given(
    events=event_streams,
    records=record_lists,
    mode=_MODES,
    nameless=st.booleans(),
    keeps=st.booleans(),
    error=st.sampled_from([0, 1_000, MS]),
)
@settings(deadline=None, max_examples=200)
def test_hits_equal_the_twins_on_any_stream(
    events: np.ndarray,
    records: list[AccountInfo],
    mode: str,
    nameless: bool,
    keeps: bool,
    error: int,
) -> None:
    assert_like_twin(
        events,
        records,
        queue_priority={"XNAS": mode, "DARK/GOOG": mode},
        queue_without_accounts=nameless,
        size_down_keeps_place=keeps,
        queue_error_ns=error,
    )


_QUEUED = st.lists(
    st.tuples(
        st.sampled_from([ADD, ADD, ADD, ADD, EXECUTE, EXECUTE, CANCEL, REPLACE, LEVEL]),
        st.sampled_from([XNAS, POOL]),
        st.integers(1, 8),  # order id
        st.integers(0, 9),  # contra order id
        st.integers(0, 2),  # price: only three levels
        st.integers(1, 4),  # size
        st.sampled_from([0, 0, 0, 2]),  # minimum
        st.sampled_from([0, 0, 0, 0, HIDDEN, MIDPOINT_PEG, CONDITIONAL, IOC, BAD_TIME]),
        st.sampled_from([0, 1, 1_001, MS]),
        st.integers(1, 4),  # account
    ),
    min_size=1,
    max_size=30,
)


@given(drawn=_QUEUED, records=record_lists, mode=_MODES, keeps=st.booleans())
@settings(deadline=None, max_examples=300)
def test_hits_equal_the_twins_on_crowded_queues(
    drawn: list[tuple[int, ...]], records: list[AccountInfo], mode: str, keeps: bool
) -> None:
    rows = []
    at = 0
    for kind, listing, order_id, contra, price, size, least, flags, gap, account in drawn:
        at += gap
        known = {} if kind == EXECUTE or (listing == POOL and price == 0) else {"price": 98 + price}
        rows.append(
            event(
                kind,
                instrument_id=listing,
                order_id=order_id,
                contra_order_id=contra,
                side=BID,
                size=size,
                aux_size=least,
                flags=flags | ONE_CLOCK,
                at=at,
                account=account,
                contra_account=1 + account % 4,
                **known,
            )
        )
    assert_like_twin(
        joined(rows),
        records,
        queue_priority={"XNAS": mode, "DARK": mode},
        size_down_keeps_place=keeps,
    )


def queued_stream(seed: int, count: int) -> np.ndarray:
    """A long stream whose executions are at the prices of the orders that they name."""
    events = random_stream(seed=seed, count=count, order_ids=150)
    events["account"] = 1 + events["account"] % 4
    events["contra_account"] = 1 + events["account"] % 4
    events["kind"][np.isin(events["kind"], [LEVEL, CLEAR])] = ADD
    events["price"][events["kind"] == EXECUTE] = UNDEFINED_PRICE
    return events


def test_a_long_stream_has_hits_and_block_size_does_not_change_them() -> None:
    events = queued_stream(seed=6, count=6_000)
    odd = (events["kind"] == ADD) & (events["size"] % 20 == 0)
    events["price"][odd] += 1_000_000
    passed, off = assert_like_twin(events)
    assert passed > 50
    assert off > 50
    whole = Played(events)
    for block in (1, 7, 256):
        again = Played(events, block=block)
        assert again.hits.tobytes() == whole.hits.tobytes()
        assert again.counted() == whole.counted()


def add(order_id: int, at: int, price: float | None = 100, **fields: int) -> np.ndarray:
    fields = {"side": ASK, "size": 10, "account": order_id, **fields}
    return event(ADD, order_id=order_id, price=price, at=at * MS, **fields)


def fill(order_id: int, at: int, size: int = 10, **fields: Any) -> np.ndarray:
    fields = {"side": ASK, "contra_account": INCOMING, **fields}
    return event(EXECUTE, order_id=order_id, size=size, at=at * MS, **fields)


def passed(*rows: np.ndarray, **config: Any) -> list[tuple[int, int]]:
    """Return (order filled, order passed over) of every hit."""
    hits = Played(joined(list(rows)), **config).of(OLDER_PASSED, BETTER_PASSED)
    return [(int(h["order_id"]), int(h["passed_id"])) for h in hits]


def test_the_older_order_at_a_price_comes_first() -> None:
    assert passed(add(1, 0), add(2, 1), fill(1, 2), fill(2, 3)) == []
    assert passed(add(1, 0), add(2, 1), fill(2, 2)) == [(2, 1)]
    played = Played(joined([add(1, 0), add(2, 1), fill(2, 3), fill(1, 4)]))
    breach = played.rules.breach(played.of(OLDER_PASSED)[0])
    assert breach.reason == (
        "order 2 filled on XNAS at 1 while order 1 with the better claim at that price rested "
        "untouched"
    )
    assert (breach.rule, breach.group, breach.severity) == ("PRIORITY", "older-passed", "medium")
    assert (breach.measure, breach.unit) == (3.0, "ms at rest")


def test_the_better_price_comes_first_however_young() -> None:
    assert passed(add(1, 0, price=101), add(2, 1, price=100), fill(1, 2)) == [(1, 2)]
    bids = {"side": BID}
    assert passed(
        add(1, 0, price=99, **bids), add(2, 1, price=100, **bids), fill(1, 2, **bids)
    ) == [(1, 2)]
    assert passed(add(1, 0, price=101), add(2, 1, price=100), fill(2, 2), fill(1, 3)) == []


def test_fills_of_one_incoming_order_may_come_in_any_sequence() -> None:
    assert passed(add(1, 0), add(2, 1), fill(2, 2), fill(1, 2)) == []
    late = fill(1, 2)
    late["ts_event"] += 1_000  # the queue's own clock error
    assert passed(add(1, 0), add(2, 1), fill(2, 2), late) == []
    late["ts_event"] += 1
    assert passed(add(1, 0), add(2, 1), fill(2, 2), late) == [(2, 1)]


def test_orders_entered_within_the_clock_error_are_a_tie() -> None:
    second = add(2, 1)
    second["ts_event"] = OPEN + 1_000
    assert passed(add(1, 0), second, fill(2, 2)) == []
    second["ts_event"] += 1
    assert passed(add(1, 0), second, fill(2, 2)) == [(2, 1)]


def test_what_was_cancelled_or_never_shown_was_not_passed_over() -> None:
    gone = event(CANCEL, order_id=1, size=10, at=MS)
    assert passed(add(1, 0), add(2, 1), gone, fill(2, 2)) == []
    some = event(CANCEL, order_id=1, size=3, at=MS)
    assert passed(add(1, 0), add(2, 1), some, fill(2, 2)) == [(2, 1)]  # the rest keeps its place
    played = Played(joined([add(1, 0), fill(7, 2)]))
    assert len(played.hits) == 0
    assert played.counted()["unranked"] == 1


def test_a_depth_correction_makes_the_orders_of_its_price_unknown() -> None:
    fixed = event(LEVEL, side=ASK, price=100, size=4, at=MS)
    assert passed(add(1, 0), add(2, 1), fixed, fill(2, 2)) == []
    assert passed(add(1, 0), fixed, add(2, 1), add(3, 2), fill(3, 3)) == [(3, 2)]
    other = event(LEVEL, side=ASK, price=101, size=4, at=MS)
    assert passed(add(1, 0), add(2, 1), other, fill(2, 2)) == [(2, 1)]
    assert passed(add(1, 0), add(2, 1), event(CLEAR, at=MS), fill(2, 2)) == []


def replace(old: int, new: int, at: int, price: float = 100, size: int = 10) -> np.ndarray:
    return event(REPLACE, order_id=old, contra_order_id=new, price=price, size=size, at=at * MS)


def test_a_larger_or_repriced_replacement_loses_its_place() -> None:
    rows = [add(1, 0), add(2, 1), replace(1, 3, 2, size=11)]
    assert passed(*rows, fill(2, 3)) == []
    assert passed(*rows, fill(3, 3)) == [(3, 2)]
    back = [add(1, 0), add(2, 1), replace(1, 3, 2, price=101), replace(3, 4, 3)]
    assert passed(*back, fill(2, 4)) == []
    assert passed(*back, fill(4, 4)) == [(4, 2)]


def test_a_smaller_replacement_keeps_its_place_only_where_the_venue_says_so() -> None:
    rows = [add(1, 0), add(2, 1), replace(1, 3, 2, size=9)]
    sure = {"size_down_keeps_place": True}
    assert passed(*rows, fill(2, 3)) == []  # it may have lost its place
    assert passed(*rows, fill(3, 3)) == []  # or kept it
    assert passed(*rows, fill(2, 3), **sure) == [(2, 3)]
    assert passed(*rows, fill(3, 3), **sure) == []
    assert passed(*rows, add(4, 3), fill(4, 4)) == [(4, 3)]  # it came before this one in any case


def test_the_replacement_of_an_unknown_order_may_be_the_oldest() -> None:
    assert passed(add(2, 1), replace(1, 3, 2, size=9), fill(3, 3)) == []


def test_hidden_orders_stand_behind_displayed_ones() -> None:
    hidden = {"flags": HIDDEN | ONE_CLOCK}
    assert passed(add(1, 0, **hidden), add(2, 1), fill(2, 2)) == []
    assert passed(add(1, 0, **hidden), add(2, 1), fill(1, 2, **hidden)) == [(1, 2)]
    assert passed(add(1, 0, **hidden), add(2, 1, **hidden), fill(2, 2, **hidden)) == [(2, 1)]


def test_an_account_that_would_have_met_itself_was_rightly_passed_over() -> None:
    own = add(1, 0, account=INCOMING)
    assert passed(own, add(2, 1), fill(2, 2)) == []
    records = [
        AccountInfo(1, owner=4, capacity="principal"),
        AccountInfo(INCOMING, owner=4, capacity="principal"),
    ]
    assert passed(add(1, 0), add(2, 1), fill(2, 2), records=records) == []
    assert passed(add(1, 0), add(2, 1), fill(2, 2), records=records[:1]) == [(2, 1)]
    prevented = fill(2, 2, flags=SELF_MATCH_PREVENTED | ONE_CLOCK)
    assert passed(add(1, 0), add(2, 1), prevented) == []


def test_without_accounts_nothing_is_claimed_unless_the_config_says_so() -> None:
    rows = [add(1, 0, account=0), add(2, 1, account=0), fill(2, 2, contra_account=0)]
    assert passed(*rows) == []
    assert passed(*rows, queue_without_accounts=True) == [(2, 1)]


def test_venues_with_other_priorities_are_held_to_those() -> None:
    rows = [add(1, 0, size=10), add(2, 1, size=20), fill(2, 2)]
    assert passed(*rows, queue_priority={"XNAS": "size"}) == []
    assert passed(*rows, queue_priority={"XNAS": "price"}) == []
    assert passed(*rows, queue_priority={"XNAS": "unchecked"}) == []
    assert passed(*rows, queue_priority={"XNAS/OTHER": "size"}) == [(2, 1)]
    assert passed(*rows[:2], fill(1, 2), queue_priority={"XNAS/GOOG": "size"}) == [(1, 2)]
    records = [AccountInfo(1, segment=1, owner=1), AccountInfo(2, segment=2, owner=2)]
    classes = {"queue_priority": {"XNAS": "class"}}
    assert passed(*rows, records=records, **classes) == []
    alike = [records[0], records[1]._replace(segment=1)]
    assert passed(*rows, records=alike, **classes) == [(2, 1)]
    # Price comes first under any of them but the last.
    worse = [add(1, 0, price=101), add(2, 1, price=100), fill(1, 2)]
    assert passed(*worse, queue_priority={"XNAS": "price"}) == [(1, 2)]
    assert passed(*worse, queue_priority={"XNAS": "unchecked"}) == []


@pytest.mark.parametrize("flag", [AUCTION, BAD_TIME, HIDDEN])
def test_fills_outside_the_queue_are_not_held_against_it(flag: int) -> None:
    assert passed(add(1, 0), add(2, 1), fill(2, 2, flags=flag | ONE_CLOCK)) == []


def test_halts_and_other_prices_suspend_the_queue() -> None:
    halt = event(STATUS, flags=HALT | ONE_CLOCK, at=MS)
    assert passed(add(1, 0), add(2, 1), halt, fill(2, 2)) == []
    assert passed(add(1, 0), add(2, 1), fill(2, 2, price=99.5)) == []


PEG = {"instrument_id": POOL, "flags": DARK | MIDPOINT_PEG | ONE_CLOCK, "price": None}


def pool_fill(order_id: int, at: int, size: int = 10, contra: int = 0) -> np.ndarray:
    return fill(
        order_id,
        at,
        size,
        instrument_id=POOL,
        flags=DARK | MIDPOINT_PEG | ONE_CLOCK,
        price=100.5,
        contra_order_id=contra,
    )


def test_a_pool_fills_in_time_order_what_the_trade_could_fill() -> None:
    assert passed(add(1, 0, **PEG), add(2, 1, **PEG), pool_fill(2, 2)) == [(2, 1)]
    assert passed(add(1, 0, **PEG), add(2, 1, **PEG), pool_fill(1, 2)) == []
    # Its minimum quantity is more than the incoming order brings.
    large = add(1, 0, aux_size=10, size=50, **PEG)
    assert passed(large, add(2, 1, **PEG), pool_fill(2, 2, size=9)) == []
    assert passed(large, add(2, 1, **PEG), pool_fill(2, 2, size=10)) == [(2, 1)]
    incoming = add(8, 2, side=BID, account=INCOMING, size=10, **PEG)
    assert passed(large, add(2, 1, **PEG), incoming, pool_fill(2, 2, 9, contra=8)) == [(2, 1)]
    # The incoming order asks for more than this one has.
    choosy = add(8, 2, side=BID, account=INCOMING, size=20, aux_size=11, **PEG)
    assert passed(add(1, 0, **PEG), add(2, 1, size=20, **PEG), choosy, pool_fill(2, 2, 11, 8)) == []


def test_conditional_immediate_and_unlike_pool_orders_have_no_claim() -> None:
    for flag in (CONDITIONAL, IOC):
        soft = {**PEG, "flags": PEG["flags"] | flag}
        assert passed(add(1, 0, **soft), add(2, 1, **PEG), pool_fill(2, 2)) == []
    limit = {"instrument_id": POOL, "flags": DARK | ONE_CLOCK}
    assert passed(add(1, 0, price=100, **limit), add(2, 1, **PEG), pool_fill(2, 2)) == []
    deal = fill(2, 2, price=100.5, **limit)
    assert passed(add(1, 0, price=101, **limit), add(2, 1, price=100, **limit), deal) == []
    assert passed(add(1, 0, price=100, **limit), add(2, 1, price=100, **limit), deal) == [(2, 1)]


def test_lost_messages_make_the_queues_unknown() -> None:
    played = Played(joined([add(1, 0), add(2, 1)]))
    played.rules.reset(0)
    rows = fill(2, 2)
    seen = played.observations[:1].copy()
    seen["kind"], seen["ts"], seen["contra_account"] = EXECUTE, OPEN + 2 * MS, INCOMING
    seen["trade"] = 1
    played.rules.check(rows, seen)
    assert len(played.rules.settle()) == 0
    assert played.counted()["unranked"] == 1


def test_memory_is_bounded_and_what_is_forgotten_is_unknown() -> None:
    rows = [add(n, n, price=100 + n) for n in range(1, 21)]
    rows += [add(30, 30, price=101), fill(30, 31), add(31, 32, price=120), fill(31, 33)]
    played = Played(joined(rows), queue_levels=4)
    # The level of 120 was too far behind to be kept: who rests there is not known.
    assert [int(h["passed_id"]) for h in played.of(OLDER_PASSED, BETTER_PASSED)] == [1]
    assert played.rules._queues.state.table[LEVELS_FORGOTTEN] > 0


def test_queues_resume_from_a_snapshot() -> None:
    events = queued_stream(seed=9, count=2_000)
    whole = Played(events)
    first, second = Played(events[:0]), Played(events[:0])
    parts = [first.rules.check(events[:1_000], whole.observations[:1_000]).copy()]
    second.rules.restore(first.rules.snapshot())
    parts.append(second.rules.check(events[1_000:], whole.observations[1_000:]).copy())
    parts.append(second.rules.settle().copy())
    assert np.concatenate(parts).tobytes() == whole.hits.tobytes()
    assert len(whole.of(OLDER_PASSED, BETTER_PASSED)) > 10


def off(*rows: np.ndarray) -> list[int]:
    return Played(joined(list(rows))).of(SUB_PENNY)["arrival"].tolist()


def test_a_price_off_the_tick_is_sub_penny_except_below_one() -> None:
    assert off(add(1, 0, price=101), add(2, 1, price=101.5), add(3, 2, price=101.01)) == [1, 2]
    # Below 1.00 the increment is 0.0001.
    assert off(add(1, 0, price=99.5), add(2, 1, price=99.01), add(3, 2, price=99.001)) == [2]
    assert off(replace(1, 2, 0, price=101.5)) == [0]
    assert off(event(QUOTE, price=101, aux_price=102.5, size=1)) == [0]
    assert off(
        event(LEVEL, side=BID, price=101.5, size=1), event(LEVEL, side=BID, price=101.5)
    ) == [0]
    played = Played(joined([add(1, 0, price=101.25)]))
    breach = played.rules.breach(played.hits[0])
    assert breach.reason == "price of 1.0125 on XNAS, where prices step by 0.01"
    assert (breach.group, breach.severity, breach.measure) == ("sub-penny", "low", 0.25)


def test_a_midpoint_may_lie_on_a_half_tick_and_an_execution_anywhere() -> None:
    hidden, peg = HIDDEN | ONE_CLOCK, HIDDEN | MIDPOINT_PEG | ONE_CLOCK
    assert off(add(1, 0, price=101.5, flags=hidden), add(2, 1, price=101.25, flags=peg)) == []
    assert off(add(1, 0, price=101.25, flags=hidden)) == [0]
    assert off(add(1, 0, price=101.5, instrument_id=POOL), pool_fill(1, 2)) == []
    assert off(fill(1, 0, price=101.0025, flags=hidden)) == []
