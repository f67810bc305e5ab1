"""Numbering of one channel: order, duplicates, holes, their repair and their loss.

No sockets and no clock: frames and the time come in, released frames and notices come out, so
every case of loss is a test of plain calls.
"""

import heapq
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from darkpool_watch.wire.batch import Notice, NoticeKind
from darkpool_watch.wire.counters import Counters
from darkpool_watch.wire.frame import Frame

MAX_JUMP: Final = 1 << 24  # messages; a frame further ahead must be confirmed by the next one
MAX_HELD: Final = 16_384  # frames a channel holds back before it gives its oldest hole up
RETIRED: Final = 8  # ended sessions whose late frames are recognised


class Released(NamedTuple):
    """A frame that may be handled now; its first `skip` numbers were handled before."""

    frame: Frame
    skip: int
    recv_ns: int


Output = Released | Notice


@dataclass(slots=True)
class Gap:
    """A run of messages found missing at once."""

    first: int
    count: int
    missing: int  # of them, neither come nor given up
    lost: int = 0


class Hole(NamedTuple):
    """What is still missing of a gap: messages first .. end - 1."""

    first: int
    end: int
    deadline_ns: int  # monotonic ns; lost from then on
    gap: Gap


@dataclass(slots=True)
class Channel:
    """The numbering of one (venue, channel) within its present session."""

    venue: str
    number: int
    session: int
    expected: int  # the next sequence to release
    tail: int  # one past the highest sequence seen
    heard_ns: int  # monotonic ns of the last sign of life
    counters: Counters
    repair_ns: int
    joining_ns: int = 0  # monotonic ns until which nothing is released; 0 = not joining
    silent: bool = False
    ended: int = 0  # the sequence at which the publisher said that it had ended; 0 = it goes on
    suspect: int = -1  # where a frame would continue that jumped too far ahead
    events: int = 0  # messages released
    lost: int = 0
    pushed: int = 0  # frames ever held
    retired: deque[int] = field(default_factory=lambda: deque(maxlen=RETIRED))
    holes: deque[Hole] = field(default_factory=deque)
    held: list[tuple[int, int, int, Frame]] = field(default_factory=list)  # heap: first sequence,
    # number that keeps frames from being compared, recv_ns, frame
    wanted: list[tuple[int, int]] = field(default_factory=list)  # holes to ask for: first, count

    def accept(self, frame: Frame, now_ns: int, recv_ns: int) -> Iterator[Output]:
        """Yield what `frame` lets go: itself, frames held for it, notices."""
        first = frame.header.first_sequence
        count = frame.header.count
        if first == self.expected and first == self.tail and not self.joining_ns:
            self.expected = self.tail = first + count
            self.events += count
            yield Released(frame, 0, recv_ns)
            return
        end = first + count
        if end <= self.expected:
            self._duplicate(count)
            return
        if first > self.tail:
            self._open_hole(first, now_ns)
        yield from self._fill(frame, first, end, recv_ns)
        if len(self.held) > MAX_HELD:
            yield from self.abandon()

    def leaps(self, first: int, end: int) -> bool:
        """Return whether `first` is too far ahead to be believed on one frame's word."""
        if first - self.tail <= MAX_JUMP or 0 <= first - self.suspect <= MAX_JUMP <= self.suspect:
            return False
        self.suspect = end
        return True

    def expect(self, next_sequence: int, now_ns: int) -> None:
        """Note that a heartbeat said `next_sequence` comes next: what is below it has been sent."""
        if next_sequence > self.tail:
            self._open_hole(next_sequence, now_ns)

    def unavailable(self, first: int, count: int, now_ns: int) -> Iterator[Output]:
        """Yield what follows from the publisher no longer holding `count` messages from `first`."""
        end = first + count
        holes: deque[Hole] = deque()
        for hole in self.holes:
            low, high = max(first, hole.first), min(end, hole.end)
            pieces = (
                (hole.first, min(low, hole.end), hole.deadline_ns),
                (low, high, now_ns),  # lost as soon as what is before it is settled
                (max(high, hole.first), hole.end, hole.deadline_ns),
            )
            if low >= high:
                holes.append(hole)
            else:
                holes.extend(Hole(*piece, hole.gap) for piece in pieces if piece[0] < piece[1])
        self.holes = holes
        yield from self.tick(now_ns)

    def tick(self, now_ns: int) -> Iterator[Output]:
        """Yield what the passing of time lets go: holes past their deadline, the end of joining."""
        if self.joining_ns and now_ns >= self.joining_ns:
            yield from self.joined()
        while self.holes and not self.joining_ns and self.holes[0].deadline_ns <= now_ns:
            yield self._give_up(self.holes.popleft())
            yield from self.drain()

    def joined(self) -> Iterator[Output]:
        """Yield what was held while the publisher's definitions were awaited."""
        self.joining_ns = 0
        yield from self.drain()

    def abandon(self) -> Iterator[Output]:
        """Yield everything held and give every hole up: the session ended, or too much is held."""
        self.joining_ns = 0
        yield from self.drain()
        while self.holes:
            yield self._give_up(self.holes.popleft())
            yield from self.drain()

    def drain(self) -> Iterator[Output]:
        """Yield held frames that are next in order."""
        while self.held and not self.joining_ns and self.held[0][0] <= self.expected:
            first, _, recv_ns, frame = heapq.heappop(self.held)
            end = first + frame.header.count
            skip = self.expected - first
            if end <= self.expected:
                self._duplicate(frame.header.count)
                continue
            self.expected = end
            self.events += end - first - skip
            yield Released(frame, skip, recv_ns)

    def next_deadline(self) -> int:
        """Return the monotonic ns at which `tick` has something to do; 0 = never."""
        if self.joining_ns:
            return self.joining_ns
        return self.holes[0].deadline_ns if self.holes else 0

    def notice(self, kind: NoticeKind, first: int, count: int = 0) -> Notice:
        """Return a notice about this channel."""
        return Notice(kind, self.venue, self.number, self.session, first, count)

    def _fill(self, frame: Frame, first: int, end: int, recv_ns: int) -> Iterator[Output]:
        """Hold `frame`, take it out of the holes, and yield what became next in order."""
        fresh = end > self.tail
        self.tail = max(self.tail, end)
        repaired: list[Gap] = []
        if self.holes:
            holes: deque[Hole] = deque()
            for hole in self.holes:
                come = min(end, hole.end) - max(first, hole.first)
                if come <= 0:
                    holes.append(hole)
                    continue
                fresh = True
                self.counters.repaired += come
                hole.gap.missing -= come
                if hole.gap.missing == 0 and hole.gap.lost == 0:
                    repaired.append(hole.gap)
                if hole.first < first:
                    holes.append(hole._replace(end=first))
                if end < hole.end:
                    holes.append(hole._replace(first=end))
            self.holes = holes
        if not fresh:
            self._duplicate(end - first)
            return
        heapq.heappush(self.held, (first, self.pushed, recv_ns, frame))
        self.pushed += 1
        for gap in repaired:
            yield self.notice(NoticeKind.REPAIRED, gap.first, gap.count)
        yield from self.drain()

    def _open_hole(self, end: int, now_ns: int) -> None:
        count = end - self.tail
        gap = Gap(self.tail, count, count)
        self.holes.append(Hole(self.tail, end, now_ns + self.repair_ns, gap))
        self.wanted.append((self.tail, count))
        self.counters.gaps += 1
        self.tail = end

    def _give_up(self, hole: Hole) -> Notice:
        count = hole.end - hole.first
        hole.gap.missing -= count
        hole.gap.lost += count
        self.counters.lost += count
        self.lost += count
        self.expected = max(self.expected, hole.end)
        return self.notice(NoticeKind.LOST, hole.first, count)

    def _duplicate(self, count: int) -> None:
        self.counters.duplicates += 1
        self.counters.duplicate_events += count
