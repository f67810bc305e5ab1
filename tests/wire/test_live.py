"""Publisher and source over real sockets, ipc and tcp."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from darkpool_watch.config import WireConfig
from darkpool_watch.wire.batch import Batch, Notice, NoticeKind
from darkpool_watch.wire.publisher import FlowPublisher
from darkpool_watch.wire.source import ZmqSource
from tests.wire.rows import add_rows

DEADLINE_S = 20.0


@pytest.fixture(params=["ipc", "tcp"])
def endpoints(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    if request.param == "ipc":
        return f"ipc://{tmp_path}/flow", f"ipc://{tmp_path}/replay"
    return "tcp://127.0.0.1:*", "tcp://127.0.0.1:*"


def wire_config(publisher: FlowPublisher, **changes: Any) -> WireConfig:
    """Return a config for `publisher` whose repair outlasts a busy test machine."""
    values = {"repair_ms": 10_000, "join_ms": 10_000, "join": "start", **changes}
    return WireConfig(
        endpoint=publisher.endpoint, replay_endpoint=publisher.replay_endpoint, **values
    )


class Received:
    """What a source has given, sorted by what it is."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []

    def sequences(self, channel: int = 0) -> list[int]:
        return [
            int(sequence)
            for batch in self.batches
            if batch.events is not None and batch.channel == channel
            for sequence in batch.events["sequence"]
        ]

    def events(self) -> np.ndarray[Any, Any]:
        return np.concatenate([b.events for b in self.batches if b.events is not None])

    def notices(self, kind: NoticeKind | None = None) -> list[Notice]:
        found = [notice for batch in self.batches for notice in batch.notices]
        return [notice for notice in found if kind is None or notice.kind == kind]

    def definitions(self) -> list[int]:
        return [d.instrument_id for batch in self.batches for d in batch.definitions]


def receive(source: ZmqSource, received: Received, until: Callable[[], bool]) -> None:
    """Poll until `until` holds; fail when that takes too long."""
    deadline = time.monotonic() + DEADLINE_S
    while not until():
        assert time.monotonic() < deadline, f"{source.counters} {received.notices()}"
        received.batches.extend(source.poll(20))


@contextmanager
def in_thread(call: Callable[[], object]) -> Iterator[None]:
    """Run `call` beside the block, and raise here what it raised."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as err:
            errors.append(err)

    thread = threading.Thread(target=run)
    thread.start()
    yield
    thread.join(DEADLINE_S)
    assert not thread.is_alive()
    if errors:
        raise errors[0]


@pytest.mark.parametrize("encoding", ["packed", "msgpack"])
def test_what_is_published_arrives_in_order(endpoints: tuple[str, str], encoding: str) -> None:
    rows = add_rows(1_000)
    with (
        FlowPublisher(*endpoints, encoding=encoding, credit=8) as publisher,
        ZmqSource(wire_config(publisher)) as source,
    ):
        received = Received()
        with in_thread(lambda: publisher.send(rows)):
            receive(source, received, lambda: len(received.sequences()) >= 1_000)
        assert received.events().tobytes() == rows.tobytes()
        assert source.counters.events == 1_000
        assert source.counters.lost == 0
        assert source.counters.refused_frames == 0
