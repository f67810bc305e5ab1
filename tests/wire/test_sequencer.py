"""One channel's numbering, with a clock of the test's own."""

from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from darkpool_watch.wire.batch import Notice, NoticeKind
from darkpool_watch.wire.counters import Counters
from darkpool_watch.wire.frame import Frame, Header
from darkpool_watch.wire.sequencer import MAX_HELD, Channel, Output

MS = 1_000_000


def bare(first: int, count: int) -> Frame:
    """Return a frame without a body: numbering looks at the header alone."""
    header = Header(1, 5, 1, "XNAS", first, count, 0, "packed", "events")
    return Frame(header, (), None, (), (), None, ())


class Bench:
    """A channel that expects sequence 1, and what came out of it."""

    def __init__(self) -> None:
        self.counters = Counters()
        self.channel = Channel(
            "XNAS", 1, 5, expected=1, tail=1, heard_ns=0, counters=self.counters, repair_ns=20 * MS
        )
        self.released: list[int] = []
        self.notices: list[tuple[str, int, int]] = []

    def take(self, outputs: Iterable[Output]) -> None:
        for output in outputs:
            if isinstance(output, Notice):
                self.notices.append((output.kind.value, output.first, output.count))
            else:
                header = output.frame.header
                first = header.first_sequence
                self.released.extend(range(first + output.skip, first + header.count))

    def frame(self, first: int, count: int, now_ms: int = 0) -> None:
        self.take(self.channel.accept(bare(first, count), now_ms * MS, 0))

    def tick(self, now_ms: int) -> None:
        self.take(self.channel.tick(now_ms * MS))


def test_frames_in_order_pass_through() -> None:
    bench = Bench()
    bench.frame(1, 5)
    bench.frame(6, 5)
    assert bench.released == list(range(1, 11))
    assert bench.counters.gaps == 0


def test_a_gap_holds_what_follows_until_it_is_repaired() -> None:
    bench = Bench()
    bench.frame(1, 5)
    bench.frame(11, 5)
    bench.frame(16, 5)
    assert bench.released == [1, 2, 3, 4, 5]
    assert bench.channel.wanted == [(6, 5)]
    bench.frame(6, 5)
    assert bench.released == list(range(1, 21))
    assert bench.notices == [("repaired", 6, 5)]
    assert (bench.counters.gaps, bench.counters.repaired, bench.counters.lost) == (1, 5, 0)


def test_a_gap_is_lost_at_its_deadline_and_not_before() -> None:
    bench = Bench()
    bench.frame(1, 5, now_ms=0)
    bench.frame(11, 5, now_ms=100)
    assert bench.channel.next_deadline() == 120 * MS
    bench.tick(119)
    assert bench.released == [1, 2, 3, 4, 5]
    bench.tick(120)
    assert bench.notices == [("lost", 6, 5)]
    assert bench.released == [*range(1, 6), *range(11, 16)]
    bench.frame(6, 5, now_ms=130)  # too late
    assert bench.counters.duplicates == 1
    assert bench.released == [*range(1, 6), *range(11, 16)]


def test_a_partly_repaired_gap_loses_only_the_rest() -> None:
    bench = Bench()
    bench.frame(1, 1)
    bench.frame(11, 5)
    bench.frame(4, 3)
    assert bench.released == [1]
    bench.tick(20)
    assert bench.notices == [("lost", 2, 2), ("lost", 7, 4)]
    assert bench.released == [1, 4, 5, 6, *range(11, 16)]
    assert (bench.counters.repaired, bench.counters.lost) == (3, 6)


def test_what_the_publisher_no_longer_has_is_lost_at_once_and_in_order() -> None:
    bench = Bench()
    bench.frame(1, 1)
    bench.frame(11, 5)
    bench.take(bench.channel.unavailable(2, 4, 1 * MS))
    assert bench.notices == [("lost", 2, 4)]
    assert bench.released == [1]
    bench.frame(6, 5)
    assert bench.released == [1, *range(6, 16)]
    assert bench.notices == [("lost", 2, 4)]  # the gap as a whole was not repaired


def test_a_later_gap_that_is_unavailable_waits_for_the_earlier_one() -> None:
    bench = Bench()
    bench.frame(1, 1)
    bench.frame(4, 1)  # 2, 3 missing
    bench.frame(7, 1)  # 5, 6 missing
    bench.take(bench.channel.unavailable(5, 2, 1 * MS))
    assert bench.released == [1]
    bench.frame(2, 2, now_ms=2)
    bench.tick(2)
    assert bench.notices == [("repaired", 2, 2), ("lost", 5, 2)]
    assert bench.released == [1, 2, 3, 4, 7]


def test_a_heartbeat_reveals_a_lost_tail() -> None:
    bench = Bench()
    bench.frame(1, 5)
    bench.channel.expect(6, 0)
    assert bench.channel.wanted == []
    bench.channel.expect(9, 0)
    assert bench.channel.wanted == [(6, 3)]
    bench.tick(20)
    assert bench.notices == [("lost", 6, 3)]


def test_an_overlapping_frame_gives_only_what_is_new() -> None:
    bench = Bench()
    bench.frame(1, 5)
    bench.frame(4, 5)
    assert bench.released == list(range(1, 9))


def test_a_held_frame_that_comes_twice_is_a_duplicate() -> None:
    bench = Bench()
    bench.frame(1, 1)
    bench.frame(5, 2)
    bench.frame(5, 2)
    assert bench.counters.duplicates == 1
    bench.frame(2, 3)
    assert bench.released == [1, 2, 3, 4, 5, 6]


def test_while_joining_nothing_is_released_until_its_end() -> None:
    bench = Bench()
    bench.channel.joining_ns = 50 * MS
    bench.frame(1, 2)
    bench.frame(3, 2)
    bench.tick(49)
    assert bench.released == []
    bench.tick(50)
    assert bench.released == [1, 2, 3, 4]


def test_the_end_of_a_session_settles_every_gap() -> None:
    bench = Bench()
    bench.frame(3, 2)
    bench.frame(7, 2)
    bench.take(bench.channel.abandon())
    assert bench.notices == [("lost", 1, 2), ("lost", 5, 2)]
    assert bench.released == [3, 4, 7, 8]


def test_too_much_held_gives_the_gaps_up() -> None:
    bench = Bench()
    for first in range(2, MAX_HELD + 2):
        bench.frame(first, 1)
    assert bench.released == []
    bench.frame(MAX_HELD + 2, 1)
    assert bench.notices == [("lost", 1, 1)]
    assert bench.released == list(range(2, MAX_HELD + 3))
    assert not bench.channel.held


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_any_order_drops_and_repeats_release_each_number_once_and_in_order(
    data: st.DataObject,
) -> None:
    sizes = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=12))
    frames, first = [], 1
    for size in sizes:
        frames.append((first, size))
        first += size
    end = first
    bench = Bench()
    for now_ms, (first, size) in enumerate(
        data.draw(st.lists(st.sampled_from(frames), max_size=30))
    ):
        bench.frame(first, size, now_ms)
        if data.draw(st.integers(0, 4)) == 0:
            low = data.draw(st.integers(1, end))
            bench.take(bench.channel.unavailable(low, data.draw(st.integers(1, 5)), now_ms * MS))
        bench.tick(now_ms)
    bench.channel.expect(end, 40 * MS)
    bench.tick(1_000)
    lost = [n for kind, at, count in bench.notices if kind == "lost" for n in range(at, at + count)]
    assert bench.released == sorted(set(bench.released))
    assert sorted(bench.released + lost) == list(range(1, end))
    assert bench.counters.lost == len(lost)
    assert not bench.channel.held
    assert bench.channel.expected == bench.channel.tail == end
    assert all(kind in list(NoticeKind) for kind, _, _ in bench.notices)
