"""What a publisher can still send again: the newest frames of one channel, bounded in bytes."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

Parts = Sequence[bytes]


class Held(NamedTuple):
    """The answer to a replay request."""

    frames: list[Parts]  # that hold a message asked for, in order
    missing: int  # messages from the first asked for that are no longer held


class ReplayRing:
    """Frames by sequence, the oldest dropped when `max_bytes` are exceeded.

    The newest frame is always held. Cost: O(log n) to find, O(1) amortised to add.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.bytes = 0
        self.next_sequence = 1  # one past the newest
        self._firsts: list[int] = []  # with `_frames`, live from `_head` on
        self._frames: list[Parts] = []
        self._head = 0

    @property
    def oldest_sequence(self) -> int:
        """Return the first sequence still held; the next one where nothing is."""
        return self._firsts[self._head] if self._head < len(self._firsts) else self.next_sequence

    def append(self, first: int, count: int, parts: Parts) -> None:
        """Hold a frame that begins at `first`, which follows on the newest."""
        self._firsts.append(first)
        self._frames.append(parts)
        self.next_sequence = first + count
        self.bytes += sum(map(len, parts))
        while self.bytes > self.max_bytes and self._head < len(self._frames) - 1:
            self.bytes -= sum(map(len, self._frames[self._head]))
            self._frames[self._head] = ()
            self._head += 1
        if self._head > 1_024 and self._head * 2 > len(self._frames):
            del self._firsts[: self._head], self._frames[: self._head]
            self._head = 0

    def find(self, first: int, count: int) -> Held:
        """Return the frames that hold messages first .. first + count - 1."""
        end = first + count
        oldest = self.oldest_sequence
        missing = max(0, min(end, oldest) - first)
        start = max(bisect_right(self._firsts, max(first, oldest), lo=self._head) - 1, self._head)
        stop = start
        while stop < len(self._firsts) and self._firsts[stop] < end:
            stop += 1
        held = oldest < end and first < self.next_sequence
        return Held(self._frames[start:stop] if held else [], missing)
