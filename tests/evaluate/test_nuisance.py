"""Rule 1: no field without meaning tells campaigns from the rest, and one that does is found."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from darkpool_watch.evaluate.finding import Finding
from darkpool_watch.evaluate.messages import NUISANCES, messages_of
from darkpool_watch.evaluate.nuisance import judge_nuisances, matched
from tests.evaluate.tapes import RecordedTape, Rows


def odd_ids(mine: Any, _: Any) -> None:
    mine["order_id"] |= np.uint64(1)


def id_gaps(mine: Any, _: Any) -> None:
    mine["order_id"] += np.uint64(5)


def whole_microseconds(mine: Any, _: Any) -> None:
    mine["ts_event"] -= mine["ts_event"] % 1_000


def odd_lots(mine: Any, _: Any) -> None:
    mine["size"] += np.uint64(37) - mine["size"] % np.uint64(100)


def off_tick(mine: Any, _: Any) -> None:
    mine["price"] += 1


def odd_accounts(mine: Any, _: Any) -> None:
    mine["account"] |= 1


def fresh_accounts(mine: Any, labels: Any) -> None:
    mine["account"] = 500 + labels["campaign"]


def skipped_numbers(events: Rows, labels: Rows) -> None:
    events["sequence"] += np.cumsum(labels["own"]).astype(np.uint64)


# Every field is judged alone too, so several leaks are planted in one tape.
LEAKS = {
    "order_id_bits": (0, odd_ids),
    "nanoseconds": (0, whole_microseconds),
    "size_mod_100": (0, odd_lots),
    "price_mod_tick": (0, off_tick),
    "account_bits": (0, odd_accounts),
    "id_gap": (1, id_gaps),
    "account_age": (1, fresh_accounts),
    "sequence_gap": (1, None),
}


def planted(tape: int) -> Callable[[Rows, Rows], Rows]:
    """Return a change of a tape's blocks that plants the leaks of tape 0 or 1 in own messages."""

    def change(events: Rows, labels: Rows) -> Rows:
        own = labels["own"] > 0
        mine = events[own]
        for place, leak in LEAKS.values():
            if place == tape and leak is not None:
                leak(mine, labels[own])
        events[own] = mine
        if tape == 1:
            skipped_numbers(events, labels)
        return events

    return change


@pytest.fixture(scope="module")
def found(market: RecordedTape, other_market: RecordedTape) -> list[Finding]:
    """What the rule finds on the two tapes with planted leaks."""
    return [
        judge_nuisances(
            *(messages_of(one, planted(tape)) for one in (market, other_market)),
            draws=200,
            rounds=15,
        )
        for tape in (0, 1)
    ]


@pytest.mark.parametrize("field", LEAKS)
def test_a_planted_leak_is_found_in_its_own_field(found: list[Finding], field: str) -> None:
    finding = found[LEAKS[field][0]]
    assert not finding.met
    assert finding.low > 0.55
    assert finding.detail[f"message.{field}"] > 0.6


def test_fields_without_a_planted_leak_say_nothing(found: list[Finding]) -> None:
    for tape, fields in ((0, ("position", "sequence_gap")), (1, ("position", "nanoseconds"))):
        for field in fields:
            assert abs(float(found[tape].detail[f"message.{field}"]) - 0.5) < 0.04


def test_own_messages_at_fixed_places_of_their_frames_are_found(
    market: RecordedTape, other_market: RecordedTape
) -> None:
    tables = [messages_of(one) for one in (market, other_market)]
    for table in tables:
        own = table["own"] > 0
        table["fields"][own, NUISANCES.index("position")] //= 64
    found = judge_nuisances(*tables, draws=200, rounds=15)
    assert not found.met
    assert found.detail["message.position"] > 0.6


def test_every_message_is_compared_with_one_of_its_kind(market: RecordedTape) -> None:
    table = messages_of(market)
    for unit in ("message", "record"):
        mine, others = matched(table, unit)
        assert len(mine) == len(others) > 1_000
        assert np.array_equal(mine["kind"], others["kind"])
        assert np.array_equal(mine["cluster"], others["cluster"])
        assert (others["own"] == 0).all()
        assert (others["zone"] == 0).all()
        _, counts = np.unique(mine["campaign"], return_counts=True)
        assert counts.max() <= 40


def test_the_simulator_s_own_tapes_give_little_away(
    long_markets: tuple[RecordedTape, RecordedTape],
) -> None:
    found = judge_nuisances(*(messages_of(one) for one in long_markets), draws=200)
    # The bound holds for the figure; the interval of so small a tape is wider than it.
    assert found.figure <= 0.55, found
    assert found.n > 120
