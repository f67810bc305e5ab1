"""How the daemon starts where it cannot, and how it ends."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest

from darkpool_watch.alerts.verify import verify
from darkpool_watch.config import Config, in_folder
from darkpool_watch.daemon import Daemon
from darkpool_watch.errors import ConfigError
from darkpool_watch.warmup import null_bundle

ROOT = Path(__file__).parents[1]


def test_a_daemon_that_cannot_open_its_feed_leaves_nothing_open(tmp_path: Path) -> None:
    config = in_folder(Config(), tmp_path)
    wire = msgspec.structs.replace(config.wire, endpoint="pigeon://loft")
    with pytest.raises(ConfigError, match="pigeon://loft"):
        Daemon(msgspec.structs.replace(config, wire=wire), bundle=null_bundle())
    assert "alert-replay" not in {thread.name for thread in threading.enumerate()}


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
