"""What all rules cost beside the market kernel and a twin: `pytest --benchmark-enable` here."""

from typing import Any

import numpy as np

from darkpool_watch.config import DetectConfig, MarketConfig
from darkpool_watch.detect.rules import Rules
from darkpool_watch.market.listings import Listings
from darkpool_watch.market.state import Market
from darkpool_watch.sim.market import SimConfig, Simulator
from darkpool_watch.sim.matrix import pairings
from kernels.rule_rows import RANKED, TRADES
from tests.naive.rule_priority import priority_breaches

BLOCK = 256
SIM = SimConfig(seed=5, securities=8, seconds=600.0, start_s=5_400.0)


def simulated() -> tuple[Simulator, np.ndarray]:
    sim = Simulator(SIM)
    return sim, np.concatenate([events for events, _ in sim.blocks()])


def fresh(sim: Simulator) -> Market:
    listings = Listings()
    for definition in sim.definitions():
        listings.define(definition)
    for account in sim.accounts():
        listings.account(account)
    return Market(MarketConfig(), listings)


def test_observing_a_simulated_market(benchmark: Any) -> None:
    sim, events = simulated()
    parts = [events[start : start + BLOCK] for start in range(0, len(events), BLOCK)]

    def play(market: Market) -> int:
        for part in parts:
            market.observe(part, 0)
        return int(market.counters[0])

    benchmark.extra_info["events"] = len(events)

    def setup() -> tuple[tuple[Market], dict[str, Any]]:
        return (fresh(sim),), {}

    assert benchmark.pedantic(play, setup=setup, rounds=7, warmup_rounds=1) == len(events)


def test_checking_a_simulated_market(benchmark: Any) -> None:
    sim, events = simulated()
    market = fresh(sim)
    parts = [events[start : start + BLOCK] for start in range(0, len(events), BLOCK)]
    blocks = [(part, market.observe(part, i * BLOCK).copy()) for i, part in enumerate(parts)]
    trades = sum(int((seen["trade"] > 0).sum()) for _, seen in blocks)

    def play(rules: Rules) -> Rules:
        for part, seen in blocks:
            rules.check(part, seen)
        return rules

    benchmark.extra_info["events"] = len(events)

    def setup() -> tuple[tuple[Rules], dict[str, Any]]:
        return (Rules(DetectConfig(), market.listings),), {}

    rules = benchmark.pedantic(play, setup=setup, rounds=7, warmup_rounds=1)
    assert rules.counters[TRADES] == trades
    assert 0 < rules.counters[RANKED] <= trades


def test_the_twin_of_the_queues(benchmark: Any) -> None:
    sim, events = simulated()
    market = fresh(sim)
    events = events[:2_000]
    seen = market.observe(events, 0).copy()
    infos = market.listings.infos
    known = (list(market.listings.accounts.values()), pairings())
    found = benchmark(lambda: priority_breaches(events, seen, infos, DetectConfig(), *known))
    benchmark.extra_info["events"] = len(events)
    assert found == {}
