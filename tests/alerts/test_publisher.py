"""Alerts over real sockets, from a real journal on disk."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import zmq

from darkpool_watch.alerts.desk import AlertDesk
from darkpool_watch.alerts.journal import Journal
from darkpool_watch.alerts.protocol import (
    MAX_REPLAY,
    ReplayRequest,
    decode_end,
    encode_header,
)
from darkpool_watch.alerts.publisher import AlertPublisher
from darkpool_watch.alerts.record import Alert
from darkpool_watch.alerts.subscriber import AlertSubscriber, Received
from darkpool_watch.config import AlertConfig
from darkpool_watch.errors import ConfigError
from tests.alerts.samples import episode, rule

PATIENCE_S = 60.0  # for what a busy machine may be slow to deliver


class Stand(NamedTuple):
    """A desk on real sockets."""

    config: AlertConfig
    journal: Journal
    publisher: AlertPublisher
    desk: AlertDesk

    def subscriber(self, **options: object) -> AlertSubscriber:
        """Return a connected subscriber that certainly receives what is published next."""
        subscriber = AlertSubscriber(
            self.publisher.endpoint,
            self.config.replay_endpoint,
            **{"patience_ms": 20_000, **options},
        )
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            self.publisher.heartbeat(force=True)
            if subscriber._socket.poll(20):
                return subscriber
        raise AssertionError(f"no heartbeat within {PATIENCE_S:g} s")


def make(folder: Path, **options: object) -> Stand:
    config = AlertConfig(
        endpoint=f"ipc://{folder}/alerts",
        replay_endpoint=f"ipc://{folder}/replay",
        journal=str(folder / "journal.db"),
        **options,
    )
    journal = Journal(config.journal)
    publisher = AlertPublisher(config, journal)
    return Stand(config, journal, publisher, AlertDesk(journal, publisher))


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    made = make(tmp_path)
    yield made
    made.publisher.close()
    made.journal.close()


def gather(subscriber: AlertSubscriber, count: int) -> list[Received]:
    """Poll until `count` alerts have come or patience has run out."""
    got: list[Received] = []
    deadline = time.monotonic() + PATIENCE_S
    while len(got) < count and time.monotonic() < deadline:
        got += subscriber.poll(50)
    return got


def test_alerts_arrive_in_order_and_whole(stand: Stand) -> None:
    with stand.subscriber() as subscriber:
        sent = stand.desk.submit([episode(opened=i) for i in range(50)])
        got = gather(subscriber, 50)
        assert [r.alert for r in got] == sent
        assert [r.sequence for r in got] == list(range(1, 51))
        assert not any(r.replayed for r in got)
        assert (subscriber.gaps, subscriber.lost, subscriber.malformed) == (0, 0, 0)


def test_a_topic_selects_severity_typology_venue_and_symbol(stand: Stand) -> None:
    with stand.subscriber(prefixes=(b"alert.medium.SPOOF.",)) as subscriber:
        stand.desk.submit([episode(opened=1), rule(1.0), episode(opened=2)])
        got = gather(subscriber, 2)
        assert [r.alert.typology for r in got] == ["SPOOF", "SPOOF"]
        assert [r.sequence for r in got] == [1, 3]
        stand.publisher.heartbeat(force=True)
        assert subscriber.poll(20_000) == []  # as soon as the heartbeat has come
        assert subscriber.next_sequence == 4
        assert subscriber.gaps == 0


def test_the_past_is_replayed_from_any_sequence(stand: Stand) -> None:
    sent = stand.desk.submit([episode(opened=i) for i in range(30)])
    with stand.subscriber(first=11) as subscriber:
        got = subscriber.catch_up()
        assert [r.alert for r in got] == sent[10:]
        assert all(r.replayed for r in got)
        more = stand.desk.submit([episode(opened=99)])
        assert [r.alert for r in gather(subscriber, 1)] == more
        assert subscriber.gaps == 0


def test_a_long_past_comes_in_several_answers(stand: Stand) -> None:
    count = 2 * MAX_REPLAY + 10
    stand.desk.submit([episode(opened=i) for i in range(count)])
    with stand.subscriber(first=1) as subscriber:
        assert [r.sequence for r in subscriber.catch_up()] == list(range(1, count + 1))
    assert stand.publisher.replay is not None
    assert stand.publisher.replay.answered >= 3


def hide(stand: Stand, alerts: list[Alert]) -> list[Alert]:
    """Journal alerts that no subscriber is sent: what a full queue loses."""
    stand.desk.publisher = None
    done = stand.desk.submit(alerts)
    stand.desk.publisher = stand.publisher
    return done


def test_a_gap_is_noticed_and_filled_before_the_alert_behind_it(stand: Stand) -> None:
    with stand.subscriber() as subscriber:
        first = stand.desk.submit([episode(opened=1)])
        hidden = hide(stand, [episode(opened=2), episode(opened=3)])
        last = stand.desk.submit([episode(opened=4)])
        got = gather(subscriber, 4)
        assert [r.alert for r in got] == [*first, *hidden, *last]
        assert [r.replayed for r in got] == [False, True, True, False]
        assert (subscriber.gaps, subscriber.lost) == (1, 0)


def test_a_heartbeat_shows_a_gap_at_the_end(stand: Stand) -> None:
    with stand.subscriber() as subscriber:
        stand.desk.submit([episode(opened=1)])
        assert len(gather(subscriber, 1)) == 1
        hidden = hide(stand, [episode(opened=2)])
        stand.publisher.next_sequence = 3
        stand.publisher.heartbeat(force=True)
        assert [r.alert for r in gather(subscriber, 1)] == hidden


def test_a_heartbeat_fills_a_filtered_gap_once(stand: Stand) -> None:
    with stand.subscriber(prefixes=(b"alert.medium.SPOOF.",)) as subscriber:
        stand.desk.submit([episode(opened=1), rule(1.0)])
        hide(stand, [episode(opened=2), rule(2.0)])
        stand.desk.submit([episode(opened=3)])
        assert [r.sequence for r in gather(subscriber, 2)] == [1, 5]
        stand.publisher.heartbeat(force=True)
        assert [r.sequence for r in gather(subscriber, 1)] == [3]
        stand.publisher.heartbeat(force=True)
        assert subscriber.poll(20_000) == []  # as soon as the heartbeat has come
        assert subscriber.gaps == 1


def test_a_gap_that_nobody_can_fill_is_counted(stand: Stand) -> None:
    with stand.subscriber(patience_ms=100) as subscriber:
        assert subscriber._replay is not None
        subscriber._replay.close()
        subscriber._replay = None
        stand.desk.submit([episode(opened=1)])
        hide(stand, [episode(opened=2), episode(opened=3)])
        stand.desk.submit([episode(opened=4)])
        assert [r.sequence for r in gather(subscriber, 2)] == [1, 4]
        assert (subscriber.gaps, subscriber.lost) == (1, 2)


def gather_beating(stand: Stand, subscriber: AlertSubscriber, count: int) -> list[Received]:
    """Gather while heartbeats go on, since a full queue may drop one like anything else."""
    got: list[Received] = []
    deadline = time.monotonic() + PATIENCE_S
    while len(got) < count and time.monotonic() < deadline:
        stand.publisher.heartbeat(force=True)
        got += subscriber.poll(50)
    return got


def test_a_subscriber_that_never_reads_delays_nobody(tmp_path: Path) -> None:
    stand = make(tmp_path, high_water_mark=10)
    sleeper = stand.subscriber(high_water_mark=10)
    reader = stand.subscriber(high_water_mark=10)
    got: list[Received] = []
    for i in range(2_000):  # hangs where the sleeper is waited for
        stand.desk.submit([episode(opened=i)])
        got += reader.poll(0)
    got += gather_beating(stand, reader, 2_000 - len(got))
    assert [r.sequence for r in got] == list(range(1, 2_001))
    # When it wakes up it finds the gap and gets everything, each once.
    woken = gather_beating(stand, sleeper, 2_000)
    assert [r.sequence for r in woken] == list(range(1, 2_001))
    assert sleeper.gaps >= 1
    for subscriber in (sleeper, reader):
        subscriber.close()
    stand.publisher.close()
    stand.journal.close()


def test_a_restarted_daemon_goes_on_numbering(tmp_path: Path) -> None:
    stand = make(tmp_path)
    stand.desk.submit([episode(opened=i) for i in range(5)])
    stand.publisher.close()
    stand.journal.close()
    stand = make(tmp_path)
    assert stand.publisher.next_sequence == 6
    with stand.subscriber(first=4) as subscriber:
        stand.desk.submit([episode(opened=9)])
        assert [r.sequence for r in gather(subscriber, 3)] == [4, 5, 6]
    stand.publisher.close()
    stand.journal.close()


def test_another_journal_starts_the_subscriber_anew(tmp_path: Path) -> None:
    stand = make(tmp_path)
    with stand.subscriber() as subscriber:
        stand.desk.submit([episode(opened=i) for i in range(5)])
        assert len(gather(subscriber, 5)) == 5
        stand.publisher.close()
        stand.journal.close()
        for file in tmp_path.glob("journal.db*"):
            file.unlink()
        stand = make(tmp_path)
        deadline = time.monotonic() + PATIENCE_S
        while subscriber.journal != stand.journal.identity and time.monotonic() < deadline:
            stand.publisher.heartbeat(force=True)
            assert subscriber.poll(20) == []
        stand.desk.submit([episode(opened=50)])
        assert [r.sequence for r in gather(subscriber, 1)] == [1]
    stand.publisher.close()
    stand.journal.close()


@pytest.mark.parametrize(
    "parts",
    [
        [b""],
        [b"\xff\xff\xff"],
        [b"\x93\x01\xa1x\x03"],
        [encode_header(ReplayRequest(1, 0, 5))],
        [encode_header(ReplayRequest(1, -(2**60), 5))],
        [encode_header(ReplayRequest(1, 1, 5, [b"a"] * 1_000))],
        [b"a", b"b", b"c"],
        [b"\x81" * 1_000],
    ],
)
def test_a_malformed_replay_request_is_answered_and_survived(
    stand: Stand, parts: list[bytes]
) -> None:
    stand.desk.submit([episode()])
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    socket = context.socket(zmq.DEALER)
    socket.connect(stand.config.replay_endpoint)
    socket.send_multipart(parts)
    assert socket.poll(20_000)
    end = decode_end(socket.recv_multipart()[2])
    assert end.error.startswith("Replay request not understood")
    assert stand.publisher.replay is not None
    assert stand.publisher.replay.bad_requests == 1
    socket.send(encode_header(ReplayRequest(7, 1, 2**63)))
    assert socket.poll(20_000)
    socket.recv_multipart()
    assert decode_end(socket.recv_multipart()[2]).token == 7
    socket.close(linger=0)
    context.term()


def test_a_broken_message_is_counted_by_the_subscriber(stand: Stand) -> None:
    with stand.subscriber() as subscriber:
        stand.publisher._socket.send_multipart((b"alert.x.", b"\xff", b"{}"))
        stand.publisher._socket.send_multipart((b"alert.x.",))
        stand.desk.submit([episode(opened=1)])
        assert [r.sequence for r in gather(subscriber, 1)] == [1]
        assert subscriber.malformed == 2


def test_heartbeats_come_only_after_silence(tmp_path: Path) -> None:
    now = 0
    config = AlertConfig(
        endpoint=f"ipc://{tmp_path}/alerts",
        replay_endpoint="",
        journal=str(tmp_path / "j.db"),
        heartbeat_ms=100,
    )
    journal = Journal(config.journal)
    with AlertPublisher(config, journal, clock_ns=lambda: now) as publisher:
        assert publisher.replay is None
        assert not publisher.heartbeat()
        now = 100_000_000
        assert publisher.heartbeat()
        assert not publisher.heartbeat()
    journal.close()


def test_a_public_address_is_refused(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.db")
    for changes in (
        {"endpoint": "tcp://0.0.0.0:5999"},
        {"endpoint": f"ipc://{tmp_path}/a", "replay_endpoint": "tcp://0.0.0.0:5999"},
    ):
        config = AlertConfig(journal=str(tmp_path / "j.db"), **changes)
        with pytest.raises(ConfigError, match=r"Refusing to bind tcp://0\.0\.0\.0:5999"):
            AlertPublisher(config, journal)
    journal.close()


def test_tcp_carries_alerts_too(tmp_path: Path) -> None:
    config = AlertConfig(
        endpoint="tcp://127.0.0.1:*",
        replay_endpoint="tcp://127.0.0.1:*",
        journal=str(tmp_path / "j.db"),
    )
    journal = Journal(config.journal)
    publisher = AlertPublisher(config, journal)
    desk = AlertDesk(journal, publisher)
    assert publisher.replay is not None
    sent = desk.submit([episode(opened=i) for i in range(3)])
    with AlertSubscriber(publisher.endpoint, publisher.replay.endpoint, first=1) as subscriber:
        assert [r.alert for r in subscriber.catch_up()] == sent
    publisher.close()
    journal.close()
