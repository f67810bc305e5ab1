import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import msgspec
import numpy as np
import pytest

from darkpool_watch.config import MarketConfig
from darkpool_watch.errors import ConfigError
from darkpool_watch.market.listings import Listings
from darkpool_watch.market.state import Market
from darkpool_watch.sim.abuse import CampaignPlan
from darkpool_watch.sim.market import SimConfig, Simulator
from darkpool_watch.sim.population import FEED_VENUE, session
from darkpool_watch.wire.events import AccountRecord, Definition
from kernels.layout import DARK
from kernels.market_rows import COUNTERS
from kernels.sim_state import SECURITY
from tests.sim.conftest import BUSY, Tape, in_blocks, record

ROOT = Path(__file__).parents[2]


def test_same_seed_and_day_give_the_same_bytes(busy: Tape) -> None:
    again = record(BUSY)
    assert again.events.tobytes() == busy.events.tobytes()
    assert again.labels.tobytes() == busy.labels.tobytes()
    assert again.simulator.campaigns == busy.simulator.campaigns


def test_blocks_can_be_played_twice() -> None:
    simulator = Simulator(SimConfig(securities=2, seconds=20.0, campaigns_per_hour=300.0))
    first = b"".join(events.tobytes() + labels.tobytes() for events, labels in simulator.blocks())
    again = b"".join(events.tobytes() + labels.tobytes() for events, labels in simulator.blocks())
    assert first == again


@pytest.mark.parametrize(("max_events", "chunk_events"), [(1_000_000, 400), (17, 65_536)])
def test_block_and_chunk_size_change_no_byte(
    busy: Tape, max_events: int, chunk_events: int
) -> None:
    events, labels = in_blocks(BUSY, max_events=max_events, chunk_events=chunk_events)
    assert events == busy.events.tobytes()
    assert labels == busy.labels.tobytes()


def test_blocks_are_no_larger_than_asked() -> None:
    config = SimConfig(securities=2, seconds=30.0)
    sizes = [len(events) for events, _ in Simulator(config).blocks(max_events=50)]
    assert max(sizes) == 50
    assert min(sizes) > 0


def test_another_seed_or_day_is_another_tape() -> None:
    config = SimConfig(securities=1, seconds=20.0)
    tapes = {
        record(msgspec.structs.replace(config, **change)).events["price"].tobytes()
        for change in ({}, {"seed": 8}, {"day": 1})
    }
    assert len(tapes) == 3


def test_tape_before_the_first_campaign_does_not_depend_on_it(busy: Tape) -> None:
    without = record(msgspec.structs.replace(BUSY, campaigns_per_hour=0.0))
    for s in range(1, BUSY.securities + 1):
        starts = [c.start for c in busy.simulator.campaigns if c.security_id == s]
        until = min(starts, default=busy.simulator.ends)
        # Latency and sequence belong to the whole feed, so they are compared up to its first one.
        names = [n for n in busy.events.dtype.names if n not in ("ts_recv", "sequence")]
        here, there = (
            tape.events[(tape.security == s) & (tape.events["ts_event"] < until)]
            for tape in (busy, without)
        )
        for name in names:
            assert np.array_equal(here[name], there[name]), name
    until = min(c.start for c in busy.simulator.campaigns)
    here, there = (
        tape.events[tape.events["ts_event"] < until].tobytes() for tape in (busy, without)
    )
    assert here == there


def test_feed_is_numbered_without_gaps_and_has_two_clocks(busy: Tape) -> None:
    events = busy.events
    assert np.array_equal(events["sequence"], np.arange(1, len(events) + 1))
    assert (np.diff(events["ts_event"]) >= 0).all()
    assert (np.diff(events["ts_recv"]) > 0).all()
    latency = events["ts_recv"] - events["ts_event"]
    assert (latency > 0).all()
    assert np.median(latency) < 1_000_000
    assert events["ts_event"][0] >= busy.simulator.begins
    assert events["ts_event"][-1] < busy.simulator.ends


def test_every_account_and_listing_is_known(busy: Tape) -> None:
    definitions = busy.simulator.definitions()
    accounts = busy.simulator.accounts()
    assert {type(one) for one in definitions} == {Definition}
    assert {type(one) for one in accounts} == {AccountRecord}
    listings = {one.instrument_id: one for one in definitions}
    assert set(busy.events["instrument_id"].tolist()) == set(listings)
    for number, one in listings.items():
        rows = busy.events[busy.events["instrument_id"] == number]
        assert (((rows["flags"] & DARK) > 0) == one.dark).all()
    ids = {one.account for one in accounts}
    assert set(busy.events["account"].tolist()) <= ids
    assert set(busy.events["contra_account"].tolist()) <= ids | {0}
    assert FEED_VENUE not in {one.venue for one in definitions}


def test_accounts_and_securities_persist_over_days() -> None:
    monday, tuesday = (Simulator(SimConfig(day=day, regime="normal")) for day in (0, 1))
    assert [(p.account, p.kind) for p in monday.people] == [
        (p.account, p.kind) for p in tuesday.people
    ]
    assert monday.securities == tuesday.securities
    assert tuesday.opens - monday.opens == 86_400 * 10**9


def test_some_account_records_change_on_their_day_and_keep_their_past() -> None:
    last = Simulator(SimConfig(day=39, accounts=256))
    first = Simulator(SimConfig(day=0, accounts=256))
    changed = [(a, b) for a, b in zip(first.people, last.people, strict=True) if a != b]
    assert 0.03 < len(changed) / 256 < 0.2
    assert all((a.account, a.kind, a.owner) == (b.account, b.kind, b.owner) for a, b in changed)
    assert all(a.group != b.group or a.segment != b.segment for a, b in changed)
    records = last.accounts()
    assert len(records) == 256 + len(changed)
    newest = {one.account: one for one in records}
    for before, now in changed:
        opens = newest[now.account].valid_from_ns
        assert first.opens < opens <= last.opens
        day = next(d for d in range(40) if session(d)[0] == opens)
        assert Simulator(SimConfig(day=day - 1, accounts=256)).people[now.account - 1] == before
        assert Simulator(SimConfig(day=day, accounts=256)).people[now.account - 1] == now


def test_memory_does_not_grow_with_the_tape() -> None:
    def peak(seconds: float) -> int:
        tracemalloc.start()
        for _ in Simulator(SimConfig(securities=2, seconds=seconds)).blocks(chunk_events=2_000):
            pass
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    assert SECURITY.itemsize < 1_500_000
    peak(1_000.0)
    assert peak(10_000.0) < 1.05 * peak(1_000.0)


def test_compiled_and_plain_kernels_give_the_same_tape() -> None:
    code = (
        "import hashlib, numpy as np\n"
        "from darkpool_watch.sim.market import SimConfig, Simulator\n"
        "from darkpool_watch.sim.abuse import BREACHES, CODES, CampaignPlan\n"
        "plan = tuple(CampaignPlan(typology=t, security=0, start_s=1.0 + 0.5 * i, stealth=1.0)\n"
        "    for i, t in enumerate(CODES))\n"
        "digest = hashlib.sha256()\n"
        "config = SimConfig(securities=1, seconds=12.0, start_s=23_388.0, plan=plan,\n"
        "    lookalikes_per_hour=3_900.0, typologies=tuple(CODES), violations=7,\n"
        "    violation_kinds=BREACHES)\n"
        "for events, labels in Simulator(config).blocks():\n"
        "    digest.update(events.tobytes() + labels.tobytes())\n"
        "print(digest.hexdigest())\n"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-W", "error", "-c", code],
            cwd=ROOT,
            env={**os.environ, "NUMBA_DISABLE_JIT": flag},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for flag in ("0", "1")
    }
    assert len(digests) == 1


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"Expected typologies among SPOOF, LAYER, .*'PUMP'"):
        Simulator(SimConfig(typologies=("PUMP",)))
    plan = (CampaignPlan(typology="PUMP", security=0, start_s=1.0),)
    with pytest.raises(ConfigError, match=r"no agent for it"):
        Simulator(SimConfig(plan=plan))
    plan = (CampaignPlan(typology="SPOOF", security=4, start_s=1.0),)
    with pytest.raises(ConfigError, match=r"security below 4, was 4"):
        Simulator(SimConfig(plan=plan))
    with pytest.raises(ConfigError, match=r"Expected violations among trade-through, .*'theft'"):
        Simulator(SimConfig(violations=1, violation_kinds=("theft",)))


def test_marking_the_close_needs_a_tape_that_reaches_it() -> None:
    with pytest.raises(ConfigError, match=r"close, 23400 s after its start, was 60 s long"):
        Simulator(SimConfig(typologies=("CLOSE",), campaigns_per_hour=600.0))
    plan = (CampaignPlan(typology="CLOSE", security=0, start_s=1.0),)
    with pytest.raises(ConfigError, match=r"CLOSE needs a tape that reaches"):
        Simulator(SimConfig(plan=plan))


def test_too_many_agents_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"Expected at most 896 campaigns"):
        Simulator(SimConfig(securities=1, seconds=3_600.0, campaigns_per_hour=2_000.0))


def observe(tape: Tape) -> tuple[Market, np.ndarray]:
    """Run the market stage over a tape; return it and its observations."""
    listings = Listings()
    for definition in tape.simulator.definitions():
        listings.define(definition)
    for account in tape.simulator.accounts():
        listings.account(account)
    market = Market(MarketConfig(), listings)
    found = [
        market.observe(np.ascontiguousarray(tape.events[i : i + 4096]), i).copy()
        for i in range(0, len(tape.events), 4096)
    ]
    return market, np.concatenate(found)


def test_the_market_stage_knows_every_order_of_the_tape(busy: Tape) -> None:
    market, _ = observe(busy)
    counters = dict(zip(COUNTERS, market.counters.tolist(), strict=True))
    assert counters.pop("events") == len(busy.events)
    assert counters.pop("sessions") == BUSY.securities
    assert set(counters.values()) == {0}, counters


def test_the_mid_follows_the_imbalance_of_the_book(quiet: Tape) -> None:
    _, seen = observe(quiet)
    correlations = []
    for s in range(quiet.simulator.config.securities):
        one = seen[(seen["security"] == s) & ((quiet.events["flags"] & DARK) == 0)]
        later = np.searchsorted(one["ts"], one["ts"] + 5 * 10**9) - 1
        move = np.sign(one["mid2"][later] - one["mid2"])
        known = np.isfinite(one["depth_imbalance"])
        correlations.append(np.corrcoef(one["depth_imbalance"][known], move[known])[0, 1])
    assert np.median(correlations) > 0.05
