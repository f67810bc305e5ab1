"""PRIORITY by hand: who was passed over, and when not. Prices in ticks of 0.01, times in ms."""

import numpy as np
import pytest

from darkpool_watch.market.accounts import AccountInfo
from darkpool_watch.market.counterparties import Pairing
from kernels.layout import (
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
    ONE_CLOCK,
    SELF_MATCH_PREVENTED,
    STATUS,
)
from kernels.queues import LEVELS_FORGOTTEN
from kernels.rule_rows import BETTER_PASSED, OLDER_PASSED
from tests.market.queue_cases import (
    INCOMING,
    PEG,
    add,
    fill,
    passed,
    pool_fill,
    queued_stream,
    replace,
)
from tests.market.rule_cases import MS, POOL, Played, joined
from tests.market.streams import OPEN, event


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


def test_an_order_that_the_matrix_kept_out_was_rightly_passed_over() -> None:
    records = [AccountInfo(1, owner=1, segment=1), AccountInfo(INCOMING, owner=9, segment=2)]
    rows = [add(1, 0), add(2, 1), fill(2, 2)]
    assert passed(*rows, records=records) == [(2, 1)]
    for pairings, hits in (
        ([Pairing(2, 1, False)], []),
        ([Pairing(2, 1, False), Pairing(1, 2, True, venue="XNAS")], [(2, 1)]),
        ([Pairing(1, 2, False, venue="DARK")], [(2, 1)]),
        ([Pairing(1, 2, False), Pairing(1, 2, True, OPEN + MS)], [(2, 1)]),
        ([Pairing(1, 2, False), Pairing(1, 2, True, OPEN + MS + 1)], []),  # in the clock's error
    ):
        assert passed(*rows, records=records, pairings=pairings) == hits


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


def test_without_a_matrix_no_fill_of_a_pool_is_judged() -> None:
    rows = [add(1, 0, **PEG), add(2, 1, **PEG), pool_fill(2, 2)]
    rows += [add(11, 3), add(12, 4), fill(12, 5)]  # on a lit book, where nobody is kept apart
    for pairings, judged in (([], [2, 12]), (None, [12])):
        played = Played(joined(rows), pairings=pairings)
        assert played.of(OLDER_PASSED)["order_id"].tolist() == judged
        assert played.rules.unjudged == 2 - len(judged)


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
