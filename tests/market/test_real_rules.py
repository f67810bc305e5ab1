"""The rules on real days: a single exchange cannot trade through its own book."""

from pathlib import Path

import numpy as np
import pytest

from darkpool_watch.config import DetectConfig, MarketConfig
from darkpool_watch.detect.rules import Rules
from darkpool_watch.market.listings import ListingInfo, Listings
from darkpool_watch.market.state import Market
from kernels.layout import ADD, CANCEL, DARK, ONE_CLOCK, SIDE_NONE, TRADE, UNDEFINED_PRICE
from kernels.rule_rows import (
    ERRORS,
    OLDER_PASSED,
    PRIORITY,
    RANKED,
    RULE_COUNTERS,
    SUB_PENNIES,
    UNRANKED,
)
from tests.data import AMZN, ARL, GOOG, needs_data
from tests.market.arl import LISTING, read_arl
from tests.market.streams import TICK
from tests.market.test_real_books import market_of, tape_of
from tests.naive.rules import trade_throughs

pytestmark = needs_data
POOL = 9


@pytest.mark.parametrize(("path", "trades"), [(GOOG, 11_678), (AMZN, 11_419)])
def test_real_executions_are_at_or_inside_the_best_prices(path: Path, trades: int) -> None:
    tape = tape_of(path)
    held = market_of(tape)
    rules = Rules(DetectConfig(clock_error_ns=0), held.listings)
    hits = sum(len(rules.check(block, held.observe(block, 0))) for block in tape.blocks())
    counted = dict(zip(RULE_COUNTERS, rules.counters.tolist(), strict=True))
    assert hits + len(rules.settle()) == 0
    assert counted["trades"] == trades
    assert counted["exempt"] == 0


# Two fills of GOOG pass over an older order that the tape does not touch within the clock error.
# The tape names no accounts, so that self-match prevention may explain both.
@pytest.mark.parametrize(("path", "ranked", "passed"), [(GOOG, 6_949, 2), (AMZN, 7_307, 0)])
def test_real_queues_are_filled_in_the_order_that_is_rebuilt(
    path: Path, ranked: int, passed: int
) -> None:
    tape = tape_of(path)
    for nameless, wanted in ((False, 0), (True, passed)):
        held = market_of(tape)
        rules = Rules(DetectConfig(queue_without_accounts=nameless), held.listings)
        blocks = [rules.check(part, held.observe(part, 0)).copy() for part in tape.blocks()]
        hits = np.concatenate([*blocks, rules.settle()])
        assert hits["rule"].tolist() == [PRIORITY] * wanted
        assert hits["reason"].tolist() == [OLDER_PASSED] * wanted
        assert rules.counters[RANKED] == ranked
        assert rules.counters[ERRORS] + rules.counters[SUB_PENNIES] == 0


def test_a_real_day_order_by_order_has_no_fill_out_of_turn() -> None:
    events = read_arl(ARL)
    listings = Listings()
    listings.define(LISTING)
    held = Market(MarketConfig(), listings)
    rules = Rules(DetectConfig(queue_without_accounts=True), listings)
    hits = rules.check(events, held.observe(events, 0)).copy()
    assert len(hits) + len(rules.settle()) == 0
    assert (rules.counters[RANKED], rules.counters[UNRANKED]) == (11, 0)
    assert held.counted()["unknown_orders"] == 0


def test_prints_put_outside_a_real_market_are_found_like_the_twin_finds_them() -> None:
    events = tape_of(GOOG).events[:30_000].copy()
    rng = np.random.default_rng(3)
    chosen = np.flatnonzero(np.isin(events["kind"], [ADD, CANCEL]))[2_000:]
    chosen = np.sort(rng.choice(chosen, 200, replace=False))
    prints = events[chosen].copy()
    prints["kind"], prints["side"], prints["instrument_id"] = TRADE, SIDE_NONE, POOL
    prints["order_id"], prints["flags"] = 0, ONE_CLOCK | DARK
    prints["aux_price"] = UNDEFINED_PRICE
    prints["price"] += rng.integers(-60, 61, 200) * TICK
    events = np.insert(events, chosen + 1, prints)
    for error in (0, 1_000, 1_000_000, 1_000_000_000):
        held = market_of(tape_of(GOOG))
        security = tape_of(GOOG).definitions[0].security_id
        held.listings.define(ListingInfo(POOL, security, "GOOG", "POOL", dark=True))
        rules = Rules(DetectConfig(clock_error_ns=error), held.listings)
        seen = held.observe(events, 0)
        hits = np.concatenate([rules.check(events, seen).copy(), rules.settle()])
        wanted = trade_throughs(events, seen, error)
        found = dict(zip(hits["arrival"].tolist(), hits["margin"].tolist(), strict=True))
        if error < 1_000_000_000:
            assert found == wanted
        else:  # more NBBOs in a second than the ring holds: some breaches are hidden, none is made
            assert found.items() <= wanted.items()
        assert len(found) > 40
