"""What the market and rule kernels cost beside their twins: `pytest --benchmark-enable` here."""

from typing import Any

import numpy as np
import pytest

from darkpool_watch.config import DetectConfig
from darkpool_watch.detect.rules import Rules
from kernels.rule_rows import TRADES
from tests.data import GOOG, needs_data
from tests.market.streams import ACCOUNTS, DEFINITIONS, market, random_stream
from tests.market.test_real_books import market_of, tape_of
from tests.naive.observe import NaiveMarket

EVENTS = 20_000
BLOCK = 256


@needs_data
@pytest.mark.parametrize("block", [1, 256, 4096])
def test_observing_a_real_day(benchmark: Any, block: int) -> None:
    tape = tape_of(GOOG)
    events = tape.events if block > 1 else tape.events[:EVENTS]
    parts = [events[start : start + block] for start in range(0, len(events), block)]

    def fresh() -> tuple[tuple[Any], dict[str, Any]]:
        return (market_of(tape),), {}

    def play(held: Any) -> int:
        for part in parts:
            held.observe(part, 0)
        return int(held.counters[0])

    benchmark.extra_info["events"] = len(events)
    assert benchmark.pedantic(play, setup=fresh, rounds=5, warmup_rounds=1) == len(events)


def test_observing_four_books_and_a_pool(benchmark: Any) -> None:
    events = random_stream(seed=1, count=EVENTS)

    def fresh() -> tuple[tuple[Any], dict[str, Any]]:
        return (market(),), {}

    def play(held: Any) -> int:
        for start in range(0, EVENTS, BLOCK):
            held.observe(events[start : start + BLOCK], start)
        return int(held.counters[0])

    benchmark.extra_info["events"] = EVENTS
    assert benchmark.pedantic(play, setup=fresh, rounds=5, warmup_rounds=1) == EVENTS


def test_the_twin_observing_four_books_and_a_pool(benchmark: Any) -> None:
    events = random_stream(seed=1, count=500)

    def play() -> int:
        twin = NaiveMarket(DEFINITIONS, ACCOUNTS)
        for i in range(len(events)):
            twin.observe(events[i], i)
        return twin.counters["events"]

    benchmark.extra_info["events"] = len(events)
    assert benchmark(play) == len(events)


@needs_data
def test_checking_a_real_day(benchmark: Any) -> None:
    tape = tape_of(GOOG)
    held = market_of(tape)
    blocks = [(part, held.observe(part, 0).copy()) for part in tape.blocks(BLOCK)]

    def play() -> int:
        rules = Rules(DetectConfig(), held.listings)
        for part, seen in blocks:
            rules.check(part, seen)
        return int(rules.counters[TRADES])

    benchmark.extra_info["events"] = len(tape.events)
    assert benchmark(play) == np.sum([(seen["traded"] > 0).sum() for _, seen in blocks])
