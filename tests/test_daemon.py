"""How the daemon starts where it cannot, and how it ends."""

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np
import pytest

from darkpool_watch.alerts.journal import JournalReader
from darkpool_watch.alerts.verify import verify
from darkpool_watch.config import Config, ReferenceConfig, in_folder
from darkpool_watch.daemon import Daemon
from darkpool_watch.detect.flag_rates import FlagRates
from darkpool_watch.errors import ConfigError, DarkpoolWatchError
from darkpool_watch.pipeline import Pipeline
from darkpool_watch.warmup import null_bundle
from darkpool_watch.wire.publisher import FlowPublisher
from tests.detect.test_flag_rates import decisions
from tests.wire.rows import definition

ROOT = Path(__file__).parents[1]


def test_a_daemon_that_cannot_open_its_feed_leaves_nothing_open(tmp_path: Path) -> None:
    config = in_folder(Config(), tmp_path)
    wire = msgspec.structs.replace(config.wire, endpoint="pigeon://loft")
    with pytest.raises(ConfigError, match="pigeon://loft"):
        Daemon(msgspec.structs.replace(config, wire=wire), bundle=null_bundle())
    assert "alert-replay" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("fault", ["port", "reference"])
def test_what_stops_a_daemon_is_found_before_kernels_compile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    warmed: list[Config] = []
    monkeypatch.setattr("darkpool_watch.daemon.warm_up", warmed.append)
    config = in_folder(Config(), tmp_path)
    replace = msgspec.structs.replace
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        if fault == "port":
            config = replace(config, alerts=replace(config.alerts, endpoint=port))
        else:
            config = replace(config, reference=ReferenceConfig(counterparties="absent.toml"))
        with pytest.raises(DarkpoolWatchError, match=port if fault == "port" else "absent.toml"):
            Daemon(config, bundle=null_bundle())
    assert warmed == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_a_signal_ends_the_daemon_with_a_whole_journal(tmp_path: Path, number: int) -> None:
    (tmp_path / "daemon.toml").write_text(
        f"""[wire]
endpoint = "ipc://{tmp_path}/flow"
replay_endpoint = "ipc://{tmp_path}/replay"
[alerts]
endpoint = "ipc://{tmp_path}/alerts"
replay_endpoint = "ipc://{tmp_path}/again"
journal = "{tmp_path}/journal.db"
"""
    )
    command = [sys.executable, "-m", "darkpool_watch.cli", "run", "-c", f"{tmp_path}/daemon.toml"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT) as daemon:
        assert daemon.stderr is not None
        told = ""
        while "Watching" not in told:
            line = daemon.stderr.readline()
            assert line, told
            told += line
        daemon.send_signal(number)
        told += daemon.communicate(timeout=60)[1]
    assert daemon.returncode == 0, told
    assert "Stopped: 0 events" in " ".join(told.split())
    assert "Traceback" not in told
    report = verify(tmp_path / "journal.db")
    assert report.ok
    assert report.rows == 3  # created, start, stop


@contextmanager
def running(config: Config, said: list[str]) -> Iterator[Daemon]:
    with Daemon(config, bundle=null_bundle(), say=said.append) as daemon:
        # What no rule can judge without reference files is told first.
        assert [line.split(":")[0] for line in said] == ["Accounts", "Counterparty matrix"]
        said.clear()
        thread = threading.Thread(target=daemon.run)
        thread.start()
        try:
            yield daemon
        finally:
            daemon.stop.set()
            thread.join()


def wait_for(said: list[str], count: int) -> None:
    deadline = time.monotonic() + 60.0
    while len(said) < count:
        assert time.monotonic() < deadline, said
        time.sleep(0.02)


def test_an_absent_feed_is_told_once_and_so_is_its_arrival(tmp_path: Path) -> None:
    config = in_folder(Config(), tmp_path)
    wire = msgspec.structs.replace(config.wire, silence_ms=100)
    said: list[str] = []
    with running(msgspec.structs.replace(config, wire=wire), said) as daemon:
        wait_for(said, 1)
        assert said[0].startswith(f"No sign of life from the feed at {wire.endpoint} for ")
        assert "is its publisher running, and is wire.endpoint what it bound?" in said[0]
        time.sleep(2.2)  # two more rounds of housekeeping
        assert len(said) == 1
        with FlowPublisher(wire.endpoint, wire.replay_endpoint, heartbeat_ms=20) as publisher:
            publisher.define(definition())
            wait_for(said, 2)
        assert said[1].startswith(f"The feed at {wire.endpoint} appeared after ")
        assert daemon.source.counters.absences == 1
    assert len(said) == 2
    reader = JournalReader(config.alerts.journal)
    told = [row.entry.body for row in reader.rows() if row.entry.kind == "feed"]
    reader.close()
    assert [msgspec.json.decode(body)["said"] for body in told] == said


def test_thresholds_that_do_not_fit_are_told_once_a_security(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = FlagRates(0.008)
    rates.take(decisions(np.ones(1_000, bool)))
    (found,) = rates.misfits()
    monkeypatch.setattr(Pipeline, "misfits", lambda self: {"GOOG": found})
    said: list[str] = []
    config = in_folder(Config(), tmp_path)
    with running(config, said):
        wait_for(said, 1)
        time.sleep(2.2)  # two more rounds of housekeeping
    assert [line.split(":")[0] for line in said] == ["Thresholds do not fit GOOG"]
    reader = JournalReader(config.alerts.journal)
    told = [row.entry.body for row in reader.rows() if row.entry.kind == "misfit"]
    reader.close()
    assert [msgspec.json.decode(body)["flags"] for body in told] == [found.flags]


def test_a_feed_that_is_there_is_not_missed(tmp_path: Path) -> None:
    config = in_folder(Config(), tmp_path)
    wire = msgspec.structs.replace(config.wire, silence_ms=1_500)
    said: list[str] = []
    with (
        FlowPublisher(wire.endpoint, wire.replay_endpoint, heartbeat_ms=20),
        running(msgspec.structs.replace(config, wire=wire), said) as daemon,
    ):
        time.sleep(3.2)
        assert daemon.source.counters.heartbeats > 0
    assert said == []
