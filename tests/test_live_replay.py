"""Live over real sockets and replayed, a day gives the same scores and alerts to the bit."""

import threading
from pathlib import Path

import pytest

from darkpool_watch.config import AlertConfig, Config, ModelConfig, WireConfig
from darkpool_watch.daemon import Daemon
from darkpool_watch.replay.publish import publish_tape
from darkpool_watch.replay.run import replay_capture, replay_tape
from darkpool_watch.tape.detect import open_tape
from darkpool_watch.tape.tape import Tape
from darkpool_watch.wire.publisher import FlowPublisher
from tests.data import GOOG, needs_data

EVENTS = 3_000


@pytest.fixture(scope="module")
def tape() -> Tape:
    whole = open_tape(GOOG)
    return Tape(whole.label, whole.format, whole.events[:EVENTS], whole.definitions)


def config_in(folder: Path, *, conflate: bool) -> Config:
    def endpoint(name: str) -> str:
        return f"ipc://{folder}/{name}"

    return Config(
        wire=WireConfig(
            endpoint=endpoint("flow"),
            replay_endpoint=endpoint("replay"),
            capture=str(folder / "capture"),
            join="start",
        ),
        model=ModelConfig(conflate=conflate),
        alerts=AlertConfig(
            endpoint=endpoint("alerts"),
            replay_endpoint=endpoint("again"),
            journal=str(folder / "journal.db"),
        ),
    )


def run_live(config: Config, tape: Tape, *, credit: int) -> Daemon:
    """Publish the whole tape to a daemon over ZeroMQ and return it, stopped."""
    daemon = Daemon(config)
    thread = threading.Thread(target=daemon.run)
    with FlowPublisher(
        config.wire.endpoint, config.wire.replay_endpoint, venue="XNAS", credit=credit
    ) as publisher:
        thread.start()
        publish_tape(tape, publisher)
        deadline = threading.Event()
        while daemon.pipeline.counts.events < len(tape.events) and not deadline.wait(0.05):
            assert thread.is_alive()
    daemon.stop.set()
    thread.join()
    daemon.close()
    return daemon


@needs_data
def test_live_with_flow_control_equals_nominal_replay(tmp_path: Path, tape: Tape) -> None:
    config = config_in(tmp_path, conflate=False)
    live = run_live(config, tape, credit=4).pipeline
    assert live.counts.frames_scored == live.counts.frames_due > 500
    nominal = replay_tape(tape, Config(), block=1_000).summary
    assert nominal.scores_digest == live.scores_digest.hexdigest()
    assert nominal.alerts_digest == live.alerts_digest.hexdigest()


@needs_data
def test_recorded_replay_repeats_a_day_of_forced_conflation(tmp_path: Path, tape: Tape) -> None:
    config = config_in(tmp_path, conflate=True)
    daemon = run_live(config, tape, credit=4)
    live = daemon.pipeline
    assert live.counts.frames_scored < live.counts.frames_due
    assert live.scheduler.conflated == live.counts.frames_due - live.counts.frames_scored
    assert daemon.capture_path is not None
    recorded = replay_capture(daemon.capture_path, Config()).summary
    assert recorded.frames == live.counts.frames_scored
    assert recorded.scores_digest == live.scores_digest.hexdigest()
    assert recorded.alerts_digest == live.alerts_digest.hexdigest()
