import multiprocessing
import time
from pathlib import Path

import msgspec
import numpy as np

from darkpool_watch.config import WireConfig
from darkpool_watch.sim.market import SimConfig, Simulator
from darkpool_watch.sim.venue import run_venue, truth_of
from darkpool_watch.wire.source import ZmqSource
from tests.sim.conftest import record


def test_a_venue_in_its_own_process_publishes_the_tape_in_order(tmp_path: Path) -> None:
    config = SimConfig(securities=2, seconds=40.0, campaigns_per_hour=200.0)
    endpoint, replay = (f"ipc://{tmp_path}/{name}" for name in ("flow", "replay"))
    truth = tmp_path / "truth.json"
    source = ZmqSource(WireConfig(endpoint=endpoint, replay_endpoint=replay))
    venue = multiprocessing.get_context("spawn").Process(
        target=run_venue,
        args=(config, endpoint, replay, 0.0),
        kwargs={"credit": 64, "truth": str(truth)},
    )
    expected = record(config)  # before the venue starts: it does not wait for ever
    venue.start()
    rows, definitions, accounts = [], [], []
    try:
        deadline = time.monotonic() + 120.0
        while sum(map(len, rows)) < len(expected.events) and time.monotonic() < deadline:
            for batch in source.poll(100):
                definitions += batch.definitions
                accounts += batch.accounts
                if batch.events is not None:
                    rows.append(batch.events)
        source.poll(0)
        venue.join(60)
    finally:
        source.close()
        venue.kill()
    assert venue.exitcode == 0
    events = np.concatenate(rows)
    for name in events.dtype.names or ():
        if name != "sequence":  # the wire numbers definitions and accounts too
            assert np.array_equal(events[name], expected.events[name]), name
    simulator = expected.simulator
    assert {one.instrument_id: one for one in definitions} == {
        one.instrument_id: one for one in simulator.definitions()
    }
    assert {one.account for one in accounts} == {one.account for one in simulator.accounts()}
    assert truth.read_bytes() == msgspec.json.encode(truth_of(simulator))


def test_a_paced_venue_keeps_the_tape_s_clock(tmp_path: Path) -> None:
    config = SimConfig(securities=1, seconds=20.0)
    for _ in Simulator(config).blocks():
        pass
    began = time.monotonic()
    sent = run_venue(config, f"ipc://{tmp_path}/flow", f"ipc://{tmp_path}/replay", 20.0)
    taken = time.monotonic() - began
    assert sent == len(record(config).events)
    assert 0.8 < taken < 15.0  # 1 s; unpaced it takes none, at the tape's own clock 20 s
