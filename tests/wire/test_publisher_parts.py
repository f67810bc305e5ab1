"""The replay ring, the credit ledger and the list source, without sockets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkpool_watch.wire.control import Position
from darkpool_watch.wire.credit import CreditLedger
from darkpool_watch.wire.ring import ReplayRing
from darkpool_watch.wire.source import ListSource, batches_of
from tests.wire.rows import add_rows, definition

KEY = ("XNAS", 1)


def place(next_sequence: int, session: int = 5) -> list[Position]:
    return [Position(*KEY, session, next_sequence)]


def test_a_ring_holds_the_newest_frames_within_its_bytes() -> None:
    ring = ReplayRing(max_bytes=30)
    assert (ring.oldest_sequence, ring.next_sequence) == (1, 1)
    for first in (1, 11, 21, 31):
        ring.append(first, 10, [b"%010d" % first])
    assert (ring.oldest_sequence, ring.next_sequence, ring.bytes) == (11, 41, 30)
    assert ring.find(1, 15) == ([[b"0000000011"]], 10)
    assert ring.find(1, 5) == ([], 5)
    assert ring.find(15, 10) == ([[b"0000000011"], [b"0000000021"]], 0)
    assert ring.find(31, 100) == ([[b"0000000031"]], 0)


def test_a_frame_larger_than_the_ring_is_still_held() -> None:
    ring = ReplayRing(max_bytes=5)
    ring.append(1, 1, [b"0123456789"])
    ring.append(2, 1, [b"0123456789"])
    assert ring.find(1, 2) == ([[b"0123456789"]], 1)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=3_000), st.data())
def test_a_ring_finds_what_a_list_would(counts: list[int], data: st.DataObject) -> None:
    ring = ReplayRing(max_bytes=400)
    frames, first = [], 1
    for count in counts:
        ring.append(first, count, [b"x" * 10])
        frames.append((first, count))
        first += count
    kept = frames[-40:]
    assert ring.oldest_sequence == kept[0][0]
    low, count = data.draw(st.integers(1, first)), data.draw(st.integers(1, 60))
    found = ring.find(low, count)
    assert len(found.frames) == sum(f < low + count and f + n > low for f, n in kept)
    assert found.missing == len(range(low, min(low + count, kept[0][0])))


def test_credit_follows_the_slowest_subscriber() -> None:
    ledger = CreditLedger(session=5, timeout_ns=100)
    ledger.acknowledged(b"a", place(1), 0)
    ledger.acknowledged(b"b", place(1), 0)
    for end in (11, 21, 31):
        ledger.sent(KEY, end)
    assert ledger.outstanding == 3
    ledger.acknowledged(b"a", place(31), 1)
    assert ledger.outstanding == 3
    ledger.acknowledged(b"b", place(15), 1)
    assert ledger.outstanding == 2
    ledger.acknowledged(b"b", place(11), 1)  # late news changes nothing
    ledger.acknowledged(b"b", place(31, session=4), 1)  # nor does another session's
    assert ledger.outstanding == 2
    ledger.forget(b"b")
    assert (ledger.outstanding, ledger.most_outstanding, ledger.subscribers) == (0, 3, 1)


def test_a_quiet_subscriber_is_no_longer_waited_for() -> None:
    ledger = CreditLedger(session=5, timeout_ns=100)
    ledger.acknowledged(b"a", place(1), 0)
    ledger.acknowledged(b"b", place(1), 50)
    ledger.sent(KEY, 11)
    ledger.acknowledged(b"b", place(11), 60)
    ledger.expire(99)
    assert ledger.outstanding == 1
    ledger.expire(100)
    assert (ledger.outstanding, ledger.expired, ledger.subscribers) == (0, 1, 1)


@pytest.mark.parametrize("per_poll", [1, 3, 100])
def test_a_list_source_gives_everything_in_order(per_poll: int) -> None:
    rows = add_rows(1_000)
    source = ListSource(
        batches_of(rows, definitions=[definition()], venue="XNAS"), per_poll=per_poll
    )
    found = []
    while not source.exhausted:
        batches = source.poll(0)
        assert len(batches) <= per_poll
        found += batches
    assert found[0].definitions == (definition(),)
    assert b"".join(b.events.tobytes() for b in found[1:] if b.events is not None) == rows.tobytes()
    assert [b.venue for b in found] == ["XNAS"] * 5
    assert (source.counters.events, source.counters.definitions) == (1_000, 1)
    assert source.poll(0) == []
    source.close()
