"""Live over real sockets and replayed, a day gives the same scores and alerts to the bit."""

import threading
from pathlib import Path

import numpy as np
import pytest

from darkpool_watch.config import AlertConfig, Config, DetectConfig, ModelConfig, WireConfig
from darkpool_watch.daemon import Daemon
from darkpool_watch.replay.publish import publish_tape
from darkpool_watch.replay.run import replay_capture, replay_tape
from darkpool_watch.sim.market import SimConfig, Simulator
from darkpool_watch.tape.detect import open_tape
from darkpool_watch.tape.tape import Tape
from darkpool_watch.wire.publisher import FlowPublisher
from darkpool_watch.wire.rows import Rows
from darkpool_watch.wire.schedule import schedule_path
from tests.data import GOOG, needs_data

EVENTS = 4_000
# So easily alarmed that a short tape gives alerts to compare.
LOUD = DetectConfig(
    flag_p=0.3, evidence_threshold=0.5, evidence_drift=0.2, warmup_frames=32, warmup_s=0.0
)


def real() -> Tape:
    whole = open_tape(GOOG)
    return Tape(whole.label, whole.format, whole.events[:EVENTS], whole.definitions)


def simulated() -> Tape:
    market = SimConfig(
        seed=5, securities=2, seconds=240.0, start_s=3_600.0, rate_scale=8.0, violations=8
    )
    simulator = Simulator(market)
    events = np.concatenate([block for block, _ in simulator.blocks()])[:EVENTS]
    assert len(events) == EVENTS
    accounts = tuple(simulator.accounts())
    return Tape("simulated", "simulated", events, tuple(simulator.definitions()), accounts)


@pytest.fixture(scope="module", params=["simulated", pytest.param("real", marks=needs_data)])
def tape(request: pytest.FixtureRequest) -> Tape:
    return simulated() if request.param == "simulated" else real()


def config_in(folder: Path, *, conflate: bool) -> Config:
    def endpoint(name: str) -> str:
        return f"ipc://{folder}/{name}"

    return Config(
        # A busy machine is neither a loss nor a silence of the feed.
        wire=WireConfig(
            endpoint=endpoint("flow"),
            replay_endpoint=endpoint("replay"),
            capture=str(folder / "capture"),
            join="start",
            repair_ms=10_000,
            silence_ms=60_000,
        ),
        model=ModelConfig(conflate=conflate),
        detect=LOUD,
        alerts=AlertConfig(
            endpoint=endpoint("alerts"),
            replay_endpoint=endpoint("again"),
            journal=str(folder / "journal.db"),
        ),
    )


class SpoilingPublisher(FlowPublisher):
    """Sends noise between its frames: without a channel, and under its own topic."""

    spoilt = 0

    def send(self, events: Rows, *, venue: str | None = None, channel: int | None = None) -> int:
        following = super().send(events, venue=venue, channel=channel)
        for topic in (b"flow.XNAS.0.", b"flow.nobody.")[: 1 + self.spoilt % 2]:
            with self._changed:
                self._pub.send_multipart([topic, b"noise", b""])
            self.spoilt += 1
        return following


def run_live(
    config: Config,
    tape: Tape,
    *,
    frame_events: int,
    publisher_type: type[FlowPublisher] = FlowPublisher,
) -> Daemon:
    """Publish the whole tape to a daemon over ZeroMQ and return it, stopped."""
    with Daemon(config) as daemon:
        thread = threading.Thread(target=daemon.run, daemon=True)
        thread.start()
        try:
            with publisher_type(
                config.wire.endpoint,
                config.wire.replay_endpoint,
                venue="XNAS",
                credit=2,
                frame_events=frame_events,
            ) as publisher:
                publish_tape(tape, publisher)
                assert publisher.wait_handled(60.0)
        finally:
            daemon.stop.set()
            thread.join()
    return daemon


def test_live_with_flow_control_equals_nominal_replay(tmp_path: Path, tape: Tape) -> None:
    live = run_live(config_in(tmp_path, conflate=False), tape, frame_events=256).pipeline
    assert live.counts.frames_scored == live.counts.frames_due > 500
    nominal = replay_tape(tape, Config(detect=LOUD), block=1_000)
    assert any(alert.by == "model" for alert in nominal.alerts)
    assert nominal.summary.events == live.counts.events
    assert nominal.summary.scores_digest == live.scores_digest.hexdigest()
    assert nominal.summary.alerts_digest == live.alerts_digest.hexdigest()


def test_recorded_replay_repeats_a_day_of_forced_conflation(tmp_path: Path, tape: Tape) -> None:
    # The publisher sends flat out, so a poll finds more frames due than a step can score.
    daemon = run_live(config_in(tmp_path, conflate=True), tape, frame_events=8)
    live = daemon.pipeline
    assert live.counts.frames_scored < live.counts.frames_due
    assert live.scheduler.conflated == live.counts.frames_due - live.counts.frames_scored
    assert daemon.capture_path is not None
    recorded = replay_capture(daemon.capture_path, Config(detect=LOUD))
    assert any("conflated" in alert.quality for alert in recorded.alerts)
    assert (recorded.summary.complete, recorded.summary.missing) == (True, ())
    assert recorded.summary.frames == live.counts.frames_scored
    assert recorded.summary.scores_digest == live.scores_digest.hexdigest()
    assert recorded.summary.alerts_digest == live.alerts_digest.hexdigest()


def test_a_cut_capture_is_replayed_as_far_as_it_goes_and_says_so(tmp_path: Path) -> None:
    daemon = run_live(config_in(tmp_path, conflate=True), simulated(), frame_events=64)
    path = daemon.capture_path
    assert path is not None
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) // 2])
    for recorded in (True, False):
        cut = replay_capture(path, Config(detect=LOUD), recorded=recorded).summary
        assert not cut.complete
        assert 0 < cut.events < daemon.pipeline.counts.events
        assert f"{path} is unfinished: it holds " in cut.missing[0]
        assert ("frames that its schedule names" in cut.missing[0]) is recorded
    path.write_bytes(raw)
    scored = schedule_path(path)
    scored.write_bytes(scored.read_bytes()[:-25])
    torn = replay_capture(path, Config(detect=LOUD)).summary
    assert torn.frames == daemon.pipeline.counts.frames_scored - 1
    assert [text.split(":")[0] for text in torn.missing] == [f"Schedule {scored} is unfinished"]


def test_recorded_replay_tells_of_malformed_frames_where_they_came(tmp_path: Path) -> None:
    daemon = run_live(
        config_in(tmp_path, conflate=True),
        simulated(),
        frame_events=64,
        publisher_type=SpoilingPublisher,
    )
    live, refused = daemon.pipeline, daemon.source.counters.refused_frames
    assert refused > 10
    assert daemon.capture_path is not None
    recorded = replay_capture(daemon.capture_path, Config(detect=LOUD))
    assert recorded.summary.scores_digest == live.scores_digest.hexdigest()
    assert recorded.summary.alerts_digest == live.alerts_digest.hexdigest()
    told = [a for a in recorded.alerts if "malformed messages of" in a.message and a.breach]
    assert {a.venue for a in told} == {"XNAS", "FEED"}
    hits = {a.alert_id: a.breach.hits for a in told if a.breach}  # the last update of each
    assert sum(hits.values()) == refused
