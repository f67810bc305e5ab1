"""How a publisher ends, over real sockets: as it should, by failing, and killed."""

import subprocess
import sys
from pathlib import Path

import pytest

from darkpool_watch.config import WireConfig
from darkpool_watch.wire.batch import NoticeKind
from darkpool_watch.wire.publisher import FlowPublisher
from darkpool_watch.wire.source import ZmqSource
from tests.wire.rows import add_rows
from tests.wire.test_live import Received, receive, wire_config

ROOT = Path(__file__).parents[2]


@pytest.fixture
def endpoints(tmp_path: Path) -> tuple[str, str]:
    return f"ipc://{tmp_path}/flow", f"ipc://{tmp_path}/replay"


def test_a_publisher_that_ends_is_no_silence(endpoints: tuple[str, str]) -> None:
    publisher = FlowPublisher(*endpoints, heartbeat_ms=20)
    with ZmqSource(wire_config(publisher, silence_ms=300)) as source:
        received = Received()
        receive(source, received, lambda: source.counters.heartbeats > 0)
        publisher.send(add_rows(10))
        publisher.close()
        receive(source, received, lambda: bool(received.notices(NoticeKind.ENDED)))
        received.batches.extend(source.poll(900))
        assert received.sequences() == list(range(1, 11))
        assert [notice.kind for notice in received.notices()] == [NoticeKind.ENDED]
        assert source.counters.silences == 0


def test_a_publisher_that_fails_is_a_silence(endpoints: tuple[str, str]) -> None:
    publisher = FlowPublisher(*endpoints, heartbeat_ms=20)
    with ZmqSource(wire_config(publisher, silence_ms=300)) as source:
        received = Received()

        def fail_midway() -> None:
            with publisher:
                receive(source, received, lambda: source.counters.heartbeats > 0)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail_midway()
        receive(source, received, lambda: bool(received.notices()))
        assert [notice.kind for notice in received.notices()] == [NoticeKind.SILENT]


def test_a_killed_publisher_is_a_silence(tmp_path: Path) -> None:
    ends = f"ipc://{tmp_path}/flow", f"ipc://{tmp_path}/replay"
    code = (
        "import time\n"
        "from darkpool_watch.wire.publisher import FlowPublisher\n"
        f"with FlowPublisher(*{ends!r}, heartbeat_ms=20):\n"
        "    time.sleep(600)\n"
    )
    config = WireConfig(endpoint=ends[0], replay_endpoint=ends[1], silence_ms=300)
    with (
        subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) as process,
        ZmqSource(config) as source,
    ):
        received = Received()
        receive(source, received, lambda: source.counters.heartbeats > 0)
        process.kill()
        receive(source, received, lambda: bool(received.notices(NoticeKind.SILENT)))
        assert not received.notices(NoticeKind.ENDED)
