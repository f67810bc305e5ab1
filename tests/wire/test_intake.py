"""Joining, sessions, replies and noise at the intake, with a clock of the test's own."""

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from darkpool_watch.config import WireConfig
from darkpool_watch.wire import control
from darkpool_watch.wire.batch import Batch, Notice, NoticeKind
from darkpool_watch.wire.events import Heartbeat
from darkpool_watch.wire.frame import encode
from darkpool_watch.wire.intake import Intake
from tests.wire.rows import T0, add_rows, definition

MS = 1_000_000


def frame(payload: Any, first: int, session: int = 5, channel: int = 1) -> list[bytes]:
    return encode(
        payload, venue="XNAS", channel=channel, session=session, first_sequence=first, sent_ns=T0
    )


def sequences(batches: list[Batch]) -> list[int]:
    return [int(n) for b in batches if b.events is not None for n in b.events["sequence"]]


def kinds(batches: list[Batch]) -> list[str]:
    return [notice.kind.value for batch in batches for notice in batch.notices]


class Clocked:
    """An intake with a replay socket that a test plays."""

    def __init__(self, **changes: Any) -> None:
        self.intake = Intake(WireConfig(repair_ms=20, join_ms=200, **changes), requesting=True)

    def send(self, parts: list[bytes], at_ms: int = 0) -> list[Batch]:
        self.intake.accept(parts, at_ms * MS, T0 + at_ms * MS)
        return self.intake.take()

    def reply(self, message: control.Reply, at_ms: int = 0) -> list[Batch]:
        self.intake.accept_reply(control.encode(message), at_ms * MS, T0 + at_ms * MS)
        return self.intake.take()

    def tick(self, at_ms: int) -> list[Batch]:
        self.intake.tick(at_ms * MS, T0 + at_ms * MS)
        return self.intake.take()

    def requests(self) -> list[control.Request]:
        found = [pending.request for pending in self.intake.pending]
        self.intake.pending.clear()
        return found


def test_a_new_channel_waits_for_its_definitions() -> None:
    clocked = Clocked()
    assert clocked.send(frame(add_rows(5, first=40), 40)) == []
    (request,) = clocked.requests()
    assert isinstance(request, control.Reference)
    (told,) = clocked.send(frame([definition()], 0))
    assert told.definitions == (definition(),)
    released = clocked.reply(control.ReferenceEnd(request.request, 0))
    assert sequences(released) == [40, 41, 42, 43, 44]
    assert sequences(clocked.send(frame(add_rows(1, first=45), 45))) == [45]


def test_a_new_channel_waits_no_longer_than_join_ms() -> None:
    clocked = Clocked()
    clocked.send(frame(add_rows(5), 1))
    assert clocked.tick(199) == []
    assert sequences(clocked.tick(200)) == [1, 2, 3, 4, 5]
    assert clocked.reply(control.ReferenceEnd(1, 0), 210) == []  # late, and harmless


def test_channels_wait_for_themselves_alone() -> None:
    clocked = Clocked()
    clocked.send(frame(add_rows(1), 1, channel=1))
    (first,) = clocked.requests()
    clocked.send(frame(add_rows(1), 1, channel=2))
    assert isinstance(first, control.Reference)
    batches = clocked.reply(control.ReferenceEnd(first.request, 0))
    assert [batch.channel for batch in batches] == [1]


def test_a_gap_is_asked_for_once_and_by_its_own_numbers() -> None:
    clocked = Clocked()
    clocked.send(frame(add_rows(1), 1))
    clocked.tick(200)
    clocked.requests()
    clocked.send(frame(add_rows(1, first=5), 5), 201)
    clocked.send(frame(add_rows(1, first=6), 6), 202)
    assert clocked.requests() == [control.Replay("XNAS", 1, 5, 2, 3)]
    lost = clocked.reply(control.Unavailable("XNAS", 1, 5, 2, 3), 203)
    assert kinds(lost) == ["lost"]
    assert sequences(lost) == [5, 6]


def test_news_of_another_session_or_channel_changes_nothing() -> None:
    clocked = Clocked()
    clocked.send(frame(add_rows(1), 1))
    clocked.tick(200)
    clocked.send(frame(add_rows(1, first=5), 5), 201)
    assert clocked.reply(control.Unavailable("XNAS", 1, 4, 2, 3), 202) == []
    assert clocked.reply(control.Unavailable("XNAS", 9, 5, 2, 3), 202) == []


def test_frames_of_an_ended_session_are_dropped_and_counted() -> None:
    clocked = Clocked()
    clocked.send(frame(add_rows(3), 1, session=5))
    clocked.tick(200)
    changed = clocked.send(frame(add_rows(2), 1, session=6), 201)
    assert kinds(changed) == ["session"]
    assert clocked.send(frame(add_rows(1, first=4), 4, session=5), 202) == []
    assert clocked.intake.counters.stale_sessions == 1
    assert sequences(clocked.tick(500)) == [1, 2]


def test_a_session_change_loses_what_the_old_one_still_owed() -> None:
    clocked = Clocked()
    clocked.send(frame(add_rows(1), 1, session=5))
    clocked.tick(200)
    clocked.send(frame(add_rows(2, first=8), 8, session=5), 201)
    settled = clocked.send(frame(add_rows(1), 1, session=6), 202)
    assert kinds(settled) == ["lost", "session"]
    assert sequences(settled) == [8, 9]
    assert clocked.intake.counters.lost == 6


def test_positions_say_where_a_restart_goes_on() -> None:
    clocked = Clocked()
    clocked.send(frame(add_rows(3), 1))
    clocked.tick(200)
    positions = clocked.intake.positions()
    assert positions == {("XNAS", 1, 5): 4}
    again = Intake(WireConfig(repair_ms=20), requesting=False, positions=positions)
    again.accept(frame(add_rows(3), 1), 0, T0)
    again.accept(frame(add_rows(3, first=4), 4), 0, T0)
    assert sequences(again.take()) == [4, 5, 6]


def test_a_reply_of_noise_is_counted_and_told() -> None:
    clocked = Clocked()
    clocked.intake.accept_reply(b"\xc1noise", 0, T0)
    assert clocked.intake.counters.malformed["reply"] == 1
    assert clocked.intake.refusals[-1].message.startswith("Reply of 6 bytes: ")


JUNK = st.one_of(
    st.lists(st.binary(max_size=60), max_size=5),
    st.tuples(st.just(b"flow.XNAS.1."), st.binary(max_size=60), st.binary(max_size=60)).map(list),
    st.tuples(
        st.just(b"flow.XNAS.1."),
        st.lists(st.integers(-2, 300) | st.sampled_from(["XNAS", "packed", "events"]), max_size=10)
        .map(msgspec.msgpack.encode),
        st.binary(max_size=200),
    ).map(list),
)  # fmt: skip


@settings(deadline=None, max_examples=150)
@given(st.lists(JUNK, min_size=1, max_size=8))
def test_noise_between_good_frames_costs_none_of_them(junk: list[list[bytes]]) -> None:
    intake = Intake(WireConfig(), requesting=False)
    found: list[int] = []
    for i, parts in enumerate(junk):
        intake.accept(frame(add_rows(2, first=1 + 2 * i), 1 + 2 * i), i, T0)
        intake.accept(parts, i, T0)
        found += sequences(intake.take())
    assert found == list(range(1, 2 * len(junk) + 1))
    assert intake.counters.refused_frames == len(junk)
    assert len(intake.refusals) == len(junk)


def joined() -> Clocked:
    """Return an intake of one channel that has handled message 1 and goes on at 2."""
    clocked = Clocked(silence_ms=1_000)
    clocked.send(frame(add_rows(1), 1))
    clocked.tick(200)
    clocked.requests()
    return clocked


def test_a_channel_that_said_it_ended_is_not_silent() -> None:
    clocked = joined()
    told = clocked.send(frame(Heartbeat(2, 1, end=True), 2), 300)
    assert kinds(told) == ["ended"]
    assert clocked.send(frame(Heartbeat(2, 1, end=True), 2), 400) == []
    assert clocked.tick(60_000) == []
    assert clocked.intake.counters.silences == 0


def test_a_channel_that_only_stops_is_silent() -> None:
    clocked = joined()
    assert clocked.send(frame(Heartbeat(2, 1), 2), 300) == []
    assert kinds(clocked.tick(1_300)) == ["silent"]


def test_what_ended_is_repaired_and_stays_ended() -> None:
    clocked = joined()
    clocked.send(frame(Heartbeat(4, 1, end=True), 4), 300)
    assert clocked.requests() == [control.Replay("XNAS", 1, 5, 2, 2)]
    released = clocked.send(frame(add_rows(2, first=2), 2), 305)
    assert sequences(released) == [2, 3]
    assert clocked.tick(60_000) == []


def test_a_channel_that_goes_on_after_its_end_is_watched_again() -> None:
    for again in (frame(add_rows(1, first=2), 2), frame(Heartbeat(2, 1), 2)):
        clocked = joined()
        clocked.send(frame(Heartbeat(2, 1, end=True), 2), 300)
        clocked.send(again, 400)
        assert kinds(clocked.tick(1_500)) == ["silent"]


def test_heartbeats_of_two_and_three_elements_read_each_other() -> None:
    class Before(msgspec.Struct, array_like=True):
        next_sequence: int
        oldest_sequence: int

    clocked = joined()
    parts = frame(Heartbeat(2, 1), 2)
    parts[2] = msgspec.msgpack.encode(Before(2, 1))
    clocked.send(parts, 300)
    assert clocked.intake.counters.heartbeats == 1
    now = msgspec.msgpack.encode(Heartbeat(7, 3, end=True))
    assert msgspec.msgpack.decode(now, type=Before) == Before(7, 3)


def test_malformed_input_is_told_under_the_channel_that_its_topic_names() -> None:
    clocked = joined()
    noise = [b"flow.XNAS.1.", b"noise", b""]
    (known,) = clocked.send(noise, 300)
    (unknown,) = clocked.send([b"flow.XNAS.2.", *noise[1:]], 301)
    (reply,) = clocked.send([], 302)
    assert [n for b in (known, unknown, reply) for n in b.notices] == [
        Notice(NoticeKind.MALFORMED, "XNAS", 1, 5, 2, 1),
        Notice(NoticeKind.MALFORMED, "", 0, 0, 0, 1),
        Notice(NoticeKind.MALFORMED, "", 0, 0, 0, 1),
    ]


def test_bad_rows_are_told_by_their_number_after_the_rows_beside_them() -> None:
    clocked = joined()
    rows = add_rows(5, first=2)
    rows["size"][1:3] = 0
    events, told = clocked.send(frame(rows, 2), 300)
    assert sequences([events]) == [2, 5, 6]
    assert told.notices == (Notice(NoticeKind.MALFORMED, "XNAS", 1, 5, 7, 2),)
