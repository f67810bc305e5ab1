"""Every rule on a simulated market: silent while it is clean, exact on what is put into it."""

from collections import Counter
from functools import lru_cache

import numpy as np
import pytest

from darkpool_watch.config import DetectConfig, MarketConfig
from darkpool_watch.detect.rules import Rules
from darkpool_watch.market.counterparties import Counterparties
from darkpool_watch.market.listings import Listings
from darkpool_watch.market.state import Market
from darkpool_watch.sim.market import SimConfig, Simulator
from darkpool_watch.sim.matrix import pairings
from darkpool_watch.sim.population import TICK
from kernels.rule_rows import (
    AWAY_ORDER,
    AWAY_TRADE,
    BETTER_PASSED,
    DUPLICATE_ORDERS,
    FORBIDDEN_PAIR,
    OLDER_PASSED,
    OUTSIDE_NBBO,
    RANKED,
    SAME_ACCOUNT,
    SAME_OWNER,
    SUB_PENNY,
    TRADES,
)
from kernels.sim_state import LISTINGS
from tests.market.violations import KINDS, PAIRINGS, people, violate

KIND_OF = {
    OUTSIDE_NBBO: "trade-through",
    OLDER_PASSED: "priority",
    BETTER_PASSED: "priority",
    SUB_PENNY: "sub-penny",
    FORBIDDEN_PAIR: "segment",
    AWAY_ORDER: "error-price",
    AWAY_TRADE: "error-price",
    DUPLICATE_ORDERS: "error-duplicate",
    SAME_ACCOUNT: "self-match",
    SAME_OWNER: "self-match",
}
SECONDS = 3_600.0
EACH = 26


@lru_cache(maxsize=2)
def clean_day(seed: int) -> tuple[Simulator, np.ndarray]:
    """An hour of twelve securities without campaigns, look-alikes included."""
    sim = Simulator(SimConfig(seed=seed, securities=12, seconds=SECONDS, start_s=5_400.0))
    return sim, np.concatenate([events for events, _ in sim.blocks()])


def play(
    sim: Simulator, events: np.ndarray, block: int, middle: int, matrix: tuple = pairings()
) -> tuple[Counter, np.ndarray, Rules]:
    """Return (hits by (arrival, kind), observations, rules)."""
    listings = Listings()
    for definition in sim.definitions():
        listings.define(definition)
    for account in (*people(middle), *sim.accounts()):
        listings.account(account)
    market = Market(MarketConfig(), listings)
    rules = Rules(DetectConfig(), listings, Counterparties([*PAIRINGS, *matrix]))
    found: Counter = Counter()
    seen = []
    for start in range(0, len(events), block):
        part = events[start : start + block].copy()
        seen.append(market.observe(part, start).copy())
        for hit in rules.check(part, seen[-1]):
            found[int(hit["arrival"]), KIND_OF[int(hit["reason"])]] += 1
    for hit in rules.settle():
        found[int(hit["arrival"]), KIND_OF[int(hit["reason"])]] += 1
    return found, np.concatenate(seen), rules


@pytest.mark.parametrize("seed", [5, 11])
def test_a_clean_simulated_market_breaks_no_rule(seed: int) -> None:
    sim, events = clean_day(seed)
    found, _, rules = play(sim, events, 4_096, 0)
    assert found == Counter()
    assert rules.counters[TRADES] > 5_000
    assert rules.counters[RANKED] > 5_000


def test_without_the_pools_matrix_whom_they_kept_apart_looks_passed_over() -> None:
    found, _, _ = play(*clean_day(5), 4_096, 0, matrix=())
    assert {kind for _, kind in found} == {"priority"}


def test_violations_are_all_found_and_nothing_else_is() -> None:
    sim, events = clean_day(5)
    middle = sim.begins + round(SECONDS * 5e8)
    _, seen, _ = play(sim, events, 4_096, middle)
    pools = {LISTINGS * s + 1: LISTINGS * s + 2 for s in range(sim.config.securities)}
    violated, truth = violate(events, seen, pools, EACH, middle, TICK)
    whole, _, _ = play(sim, violated, 4_096, middle)
    for kind in KINDS:
        wanted = {arrival for arrival, one in truth.items() if one == kind}
        told = {arrival for arrival, one in whole if one == kind}
        assert len(wanted) >= 5, kind
        precision = len(wanted & told) / len(told)
        recall = len(wanted & told) / len(wanted)
        assert (kind, precision, recall) == (kind, 1.0, 1.0), (wanted - told, told - wanted)
    again, _, _ = play(sim, violated, 256, middle)
    assert again == whole
