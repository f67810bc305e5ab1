"""Publisher and source over real sockets, ipc and tcp."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zmq

from darkpool_watch.config import WireConfig
from darkpool_watch.errors import WireError
from darkpool_watch.wire import control
from darkpool_watch.wire.batch import Batch, Notice, NoticeKind
from darkpool_watch.wire.frame import encode
from darkpool_watch.wire.publisher import FlowPublisher
from darkpool_watch.wire.source import ZmqSource
from kernels.validate import check_rows
from tests.wire.rows import T0, account, add_rows, definition

DEADLINE_S = 60.0


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


def test_withheld_frames_are_repaired_without_loss(endpoints: tuple[str, str]) -> None:
    rows = add_rows(4_000)
    with (
        FlowPublisher(
            *endpoints,
            frame_events=50,
            heartbeat_ms=50,
            credit=16,
            withhold=lambda header: header.kind == "events" and header.first_sequence % 7 == 1,
        ) as publisher,
        ZmqSource(wire_config(publisher)) as source,
    ):
        received = Received()
        with in_thread(lambda: publisher.send(rows)):
            receive(source, received, lambda: len(received.sequences()) >= 4_000)
        assert received.events().tobytes() == rows.tobytes()
        assert publisher.withheld == 12  # of 80 frames, 1 + 50 k with 50 k a multiple of 7
        assert source.counters.repaired == 12 * 50
        assert source.counters.lost == 0
        repaired = received.notices(NoticeKind.REPAIRED)
        assert sum(notice.count for notice in repaired) == 600
        assert not received.notices(NoticeKind.LOST)


def test_a_withheld_tail_is_repaired_after_the_next_heartbeat(endpoints: tuple[str, str]) -> None:
    rows = add_rows(20)
    with (
        FlowPublisher(
            *endpoints,
            frame_events=10,
            heartbeat_ms=20,
            withhold=lambda header: header.first_sequence == 11 and header.kind == "events",
        ) as publisher,
        ZmqSource(wire_config(publisher)) as source,
    ):
        received = Received()
        receive(source, received, lambda: source.counters.heartbeats > 0)
        publisher.send(rows)
        receive(source, received, lambda: len(received.sequences()) >= 20)
        assert received.events().tobytes() == rows.tobytes()


def test_what_left_the_replay_ring_is_lost_and_holds_only_its_channel(
    endpoints: tuple[str, str],
) -> None:
    frame = 10 * 96 + 64
    with (
        FlowPublisher(
            *endpoints,
            frame_events=10,
            heartbeat_ms=20,
            ring_bytes=3 * frame,
            withhold=lambda header: header.channel == 1 and 11 <= header.first_sequence <= 101,
        ) as publisher,
        ZmqSource(wire_config(publisher)) as source,
    ):
        received = Received()
        # One event apiece, so that both channels are known before anything is withheld.
        publisher.send(add_rows(10), channel=1)
        publisher.send(add_rows(10), channel=2)
        receive(
            source,
            received,
            lambda: len(received.sequences(1)) == 10 and len(received.sequences(2)) == 10,
        )
        publisher.send(add_rows(190, first=11), channel=1)
        publisher.send(add_rows(190, first=11), channel=2)
        receive(
            source,
            received,
            lambda: len(received.sequences(1)) >= 100 and len(received.sequences(2)) >= 200,
        )
        assert received.sequences(2) == list(range(1, 201))
        assert received.sequences(1) == [*range(1, 11), *range(111, 201)]
        (lost,) = received.notices(NoticeKind.LOST)
        assert (lost.venue, lost.channel, lost.first, lost.count) == ("SIMX", 1, 11, 100)
        assert source.counters.lost == 100


def test_a_gap_is_lost_after_repair_ms_where_nobody_replays(endpoints: tuple[str, str]) -> None:
    with FlowPublisher(
        *endpoints, frame_events=10, withhold=lambda header: header.first_sequence == 11
    ) as publisher:
        config = WireConfig(endpoint=publisher.endpoint, replay_endpoint="", repair_ms=30)
        with ZmqSource(config) as source:
            received = Received()

            def connected() -> bool:
                publisher.heartbeat()
                return source.counters.heartbeats > 0

            receive(source, received, connected)
            publisher.send(add_rows(30))
            receive(source, received, lambda: len(received.sequences()) >= 20)
            assert received.sequences() == [*range(1, 11), *range(21, 31)]
            assert [(n.first, n.count) for n in received.notices(NoticeKind.LOST)] == [(11, 10)]


def test_a_restarted_publisher_is_a_new_session(endpoints: tuple[str, str]) -> None:
    first = FlowPublisher(*endpoints, credit=4, session=1_000)
    addresses = first.endpoint, first.replay_endpoint
    received = Received()
    with ZmqSource(wire_config(first)) as source:
        with first:
            first.define(definition(7))
            with in_thread(lambda: first.send(add_rows(100))):
                receive(source, received, lambda: len(received.sequences()) >= 100)
        with FlowPublisher(*addresses, credit=4, session=900) as second:
            second.define(definition(8))
            with in_thread(lambda: second.send(add_rows(50))):
                receive(source, received, lambda: len(received.sequences()) >= 150)
        assert received.sequences() == [*range(2, 102), *range(2, 52)]
        (change,) = received.notices(NoticeKind.SESSION)
        assert (change.session, change.first) == (900, 1_000)
        assert {7, 8} <= set(received.definitions())
        assert source.counters.sessions == 1
        assert source.counters.lost == 0


def test_a_late_joiner_gets_definitions_before_events(endpoints: tuple[str, str]) -> None:
    with FlowPublisher(*endpoints, heartbeat_ms=20) as publisher:
        publisher.define(definition(7), definition(8))
        publisher.account(account(3), account(4))
        publisher.send(add_rows(500))
        with ZmqSource(wire_config(publisher, join="now")) as source:
            received = Received()
            receive(source, received, lambda: source.counters.heartbeats > 0)
            publisher.send(add_rows(10, first=505))
            receive(source, received, lambda: len(received.sequences()) >= 10)
            assert received.sequences() == list(range(505, 515))
            carrying = [i for i, b in enumerate(received.batches) if b.events is not None]
            before = received.batches[: carrying[0]]
            assert {d.instrument_id for b in before for d in b.definitions} == {7, 8}
            assert {a.account for b in before for a in b.accounts} == {3, 4}
            assert source.counters.lost == 0


def test_who_joins_at_the_start_gets_the_session_from_the_ring(endpoints: tuple[str, str]) -> None:
    rows = add_rows(700)
    with FlowPublisher(*endpoints, heartbeat_ms=20) as publisher:
        publisher.send(rows)
        with ZmqSource(wire_config(publisher)) as source:
            received = Received()
            receive(source, received, lambda: len(received.sequences()) >= 700)
            assert received.events().tobytes() == rows.tobytes()


def test_a_restarted_daemon_goes_on_at_its_position(endpoints: tuple[str, str]) -> None:
    with FlowPublisher(*endpoints, heartbeat_ms=20, session=77) as publisher:
        publisher.send(add_rows(300))
        positions = {("SIMX", 0, 77): 251}
        with ZmqSource(wire_config(publisher, join="now"), positions=positions) as source:
            received = Received()
            receive(source, received, lambda: len(received.sequences()) >= 50)
            assert received.sequences() == list(range(251, 301))


def test_a_publisher_with_credit_is_never_further_ahead(endpoints: tuple[str, str]) -> None:
    with (
        FlowPublisher(*endpoints, frame_events=10, credit=5) as publisher,
        ZmqSource(wire_config(publisher)) as source,
    ):
        received = Received()
        most_unhandled = 0
        with in_thread(lambda: publisher.send(add_rows(2_000))):
            while len(received.sequences()) < 2_000:
                handled = source.counters.frames - source.counters.heartbeats
                batches = source.poll(100)
                came = source.counters.frames - source.counters.heartbeats
                most_unhandled = max(most_unhandled, came - handled)
                received.batches.extend(batches)
        assert received.sequences() == list(range(1, 2_001))
        assert 1 <= publisher.most_outstanding <= 5
        assert most_unhandled <= 5
        assert source.counters.gaps <= 1  # nothing is dropped; the join itself may find one


def test_without_a_subscriber_a_publisher_with_credit_gives_up(endpoints: tuple[str, str]) -> None:
    with (
        FlowPublisher(*endpoints, credit=2, patience_s=0.05) as publisher,
        pytest.raises(WireError, match=r"^No subscriber of .* acknowledged anything for 0\.05 s"),
    ):
        publisher.send(add_rows(1))


def test_a_silent_channel_is_told_once_and_heard_again(endpoints: tuple[str, str]) -> None:
    with (
        FlowPublisher(*endpoints, heartbeat_ms=60_000) as publisher,
        ZmqSource(wire_config(publisher, silence_ms=400, join="now")) as source,
    ):
        received = Received()

        def connected() -> bool:
            publisher.heartbeat()
            return source.counters.heartbeats > 0

        receive(source, received, connected)
        receive(source, received, lambda: bool(received.notices(NoticeKind.SILENT)))
        received.batches.extend(source.poll(600))
        assert len(received.notices(NoticeKind.SILENT)) == 1
        publisher.send(add_rows(1))
        receive(source, received, lambda: len(received.sequences()) >= 1)
        assert [n.kind for n in received.notices()] == [NoticeKind.SILENT, NoticeKind.HEARD]


def test_a_part_above_the_limit_costs_its_sender_the_connection_only(
    endpoints: tuple[str, str],
) -> None:
    with (
        FlowPublisher(*endpoints, frame_events=256, heartbeat_ms=20) as publisher,
        ZmqSource(wire_config(publisher, max_frame_bytes=8_192)) as source,
    ):
        received = Received()
        receive(source, received, lambda: source.counters.heartbeats > 0)
        publisher.send(add_rows(50))
        receive(source, received, lambda: len(received.sequences()) >= 50)
        with publisher._changed:
            publisher._pub.send_multipart([b"flow.SIMX.0.", b"x", b"\0" * 1_000_000])
        publisher.send(add_rows(50, first=51))
        receive(source, received, lambda: len(received.sequences()) >= 100)
        assert received.sequences() == list(range(1, 101))
        assert source.counters.reopened >= 1
        assert source.counters.lost == 0


def test_a_subscriber_that_falls_behind_is_repaired_from_the_ring(
    endpoints: tuple[str, str],
) -> None:
    rows = add_rows(60_000)
    with (
        FlowPublisher(*endpoints, high_water_mark=4, heartbeat_ms=20) as publisher,
        ZmqSource(wire_config(publisher, high_water_mark=4)) as source,
    ):
        received = Received()
        receive(source, received, lambda: source.counters.heartbeats > 0)
        publisher.send(rows)  # nobody reads meanwhile: PUB drops what its queue does not take
        receive(source, received, lambda: source.counters.events >= 60_000)
        assert received.events().tobytes() == rows.tobytes()
        assert source.counters.repaired > 0


def test_a_publisher_answers_noise_with_patience_and_strangers_with_the_truth(
    endpoints: tuple[str, str],
) -> None:
    with (
        FlowPublisher(*endpoints, session=5) as publisher,
        zmq.Context() as context,
        context.socket(zmq.DEALER) as stranger,
    ):
        publisher.send(add_rows(3))
        stranger.connect(publisher.replay_endpoint)
        stranger.send(b"\xc1noise")
        stranger.send(b"")
        stranger.send_multipart([b"too", b"many"])
        stranger.send(control.encode(control.Replay("SIMX", 0, 4, 1, 3)))  # another session
        stranger.send(control.encode(control.Replay("XXXX", 9, 5, 1, 3)))  # another channel
        stranger.send(control.encode(control.Replay("SIMX", 0, 5, 1, 3)))
        answers = []
        while len(answers) < 3:
            assert stranger.poll(20_000)
            answers.append(stranger.recv_multipart())
        assert control.decode_reply(answers[0][0]) == control.Unavailable("SIMX", 0, 4, 1, 3)
        assert control.decode_reply(answers[1][0]) == control.Unavailable("XXXX", 9, 5, 1, 3)
        assert len(answers[2]) == 3
    assert publisher.bad_requests == 3
    assert publisher.replayed == 1


def test_decoding_is_compiled_before_the_socket_opens(tmp_path: Path) -> None:
    config = WireConfig(endpoint=f"ipc://{tmp_path}/flow", replay_endpoint="")
    with ZmqSource(config) as source:
        assert source.poll(0) == []
        assert source.positions() == {}
        compiled = len(check_rows.signatures)
        assert compiled > 0
        for channel, encoding in enumerate(("packed", "msgpack")):
            parts = encode(
                add_rows(3),
                venue="X",
                channel=channel,
                session=1,
                first_sequence=1,
                sent_ns=T0,
                encoding=encoding,
            )
            source.intake.accept(parts, 0, T0)
        assert source.counters.events == 6
        assert len(check_rows.signatures) == compiled
