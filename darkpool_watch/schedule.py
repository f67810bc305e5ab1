"""Which of the frames that are due get scored, and in which order.

Features and rules see every event; only model frames may wait, and a newer frame of a security
may replace an unscored older one. That choice is what load decides, so it is an object of its own:
`Nominal` scores every frame, `Conflating` keeps the newest, `Recorded` repeats a live day.
"""

from collections import deque
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from darkpool_watch.errors import ReplayError
from darkpool_watch.features.frames import Frames
from darkpool_watch.wire.schedule import CONFLATED
from kernels.layout import OBSERVATION, ON_STRIDE


class Due(NamedTuple):
    """Frames to be scored in one step: distinct securities, in order."""

    frames: Frames  # (B, ...) arrays, copied
    observations: npt.NDArray[np.void]  # (B,) OBSERVATION of the event behind each frame
    sent_ns: npt.NDArray[np.int64]  # (M,) capture stamps of all informative events it settles
    conflated: npt.NDArray[np.bool_]  # (B,) whether the frame replaced an unscored one


class Scheduler(Protocol):
    """Takes frames as they fall due and hands out what to score next."""

    conflated: int  # frames replaced unscored so far

    def push(
        self,
        frames: Frames,
        observations: npt.NDArray[np.void],
        sent_ns: npt.NDArray[np.int64],
    ) -> None:
        """Take K due frames with the observations and capture stamps (K,) of their events."""

    def take(self, limit: int) -> Due | None:
        """Return at most `limit` frames of distinct securities; None when nothing waits."""

    def forget(self, security: int) -> None:
        """Drop what waits for a security whose state is reset."""


def select(frames: Frames, rows: npt.NDArray[np.integer]) -> Frames:
    """Return the frames at `rows`, copied."""
    return Frames(*(column[rows] for column in frames))


class Nominal:
    """Every frame is scored: the schedule of a daemon that is never late.

    A pure function of each security's own events, whatever the block size.
    """

    def __init__(self) -> None:
        self.conflated = 0
        self._frames: Frames | None = None
        self._observations: npt.NDArray[np.void] | None = None
        self._sent_ns: npt.NDArray[np.int64] = np.empty(0, np.int64)
        self._left: npt.NDArray[np.intp] = np.empty(0, np.intp)

    def push(
        self,
        frames: Frames,
        observations: npt.NDArray[np.void],
        sent_ns: npt.NDArray[np.int64],
    ) -> None:
        if len(self._left):
            raise ReplayError(f"{len(self._left)} frames were due and unscored: drain before push")
        self._frames, self._observations, self._sent_ns = frames, observations, sent_ns
        self._left = self._owed(frames)

    def take(self, limit: int) -> Due | None:
        if not len(self._left) or self._frames is None or self._observations is None:
            return None
        # The earliest waiting frame of each security; a batch never holds two of one security.
        _, first = np.unique(self._frames.security[self._left], return_index=True)
        chosen = np.sort(first)[:limit]
        rows = self._left[chosen]
        self._left = np.delete(self._left, chosen)
        frames = select(self._frames, rows)
        informative = rows[frames.trigger != ON_STRIDE]
        fresh = np.zeros(len(rows), np.bool_)
        return Due(frames, self._observations[rows], self._sent_ns[informative], fresh)

    def forget(self, security: int) -> None:
        if self._frames is not None:
            self._left = self._left[self._frames.security[self._left] != security]

    def _owed(self, frames: Frames) -> npt.NDArray[np.intp]:
        return np.arange(len(frames.security))


class Recorded(Nominal):
    """The frames that a live day scored, from its schedule file; the rest were conflated.

    Attributes:
        named: frames of the schedule.
        matched: of those, the ones that came up again so far.
    """

    def __init__(
        self,
        schedule: npt.NDArray[np.void],  # (N,) SCHEDULE, one row a scored frame
    ) -> None:
        super().__init__()
        schedule = schedule[np.argsort(schedule["arrival"], kind="stable")]
        self._scored = schedule["arrival"].copy()  # contiguous, to be searched
        self._replaced = (schedule["flags"] & CONFLATED) != 0
        self.named = len(schedule)
        self.matched = 0

    def take(self, limit: int) -> Due | None:
        due = super().take(limit)
        if due is None:
            return None
        # An alert says when its frame had replaced another, so the replay must say it too.
        place = np.searchsorted(self._scored, due.frames.arrival)
        return due._replace(conflated=self._replaced[place])

    def _owed(self, frames: Frames) -> npt.NDArray[np.intp]:
        first = np.searchsorted(self._scored, frames.arrival, "left")
        owed = np.flatnonzero(np.searchsorted(self._scored, frames.arrival, "right") > first)
        self.matched += len(owed)
        self.conflated += len(frames.arrival) - len(owed)
        return owed

    def finish(self, held: int | None = None) -> None:
        """Raise ReplayError unless every frame of the schedule came up again.

        `held` is how many events an unfinished capture holds: frames of later ones are not missed.
        """
        due = self.named if held is None else int(np.searchsorted(self._scored, held))
        if self.matched != due:
            within = "" if held is None else f" among the {held:,} events that the capture holds"
            raise ReplayError(
                f"The schedule names {due:,} frames{within}, the capture gave {self.matched:,} of "
                "them: they are not of one day, config and release"
            )


class Conflating:
    """One waiting frame a security, the newest, at the place in the queue of the oldest."""

    def __init__(self) -> None:
        self.conflated = 0
        self._queue: deque[int] = deque()
        self._held: Frames | None = None  # one row a security
        self._observations: npt.NDArray[np.void] = np.zeros(0, OBSERVATION)
        self._waits: npt.NDArray[np.bool_] = np.zeros(0, np.bool_)
        self._replaced: npt.NDArray[np.bool_] = np.zeros(0, np.bool_)
        # Capture stamps of informative events not yet in a score, with their securities.
        self._owed: list[tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]] = []

    def push(
        self,
        frames: Frames,
        observations: npt.NDArray[np.void],
        sent_ns: npt.NDArray[np.int64],
    ) -> None:
        if not len(frames.security):
            return
        held = self._room_for(frames)
        named, first, counts = np.unique(frames.security, return_index=True, return_counts=True)
        _, last = np.unique(frames.security[::-1], return_index=True)
        newest = len(frames.security) - 1 - last
        fresh = ~self._waits[named]
        self._queue.extend(named[fresh][np.argsort(first[fresh])].tolist())
        self.conflated += len(frames.security) - int(fresh.sum())
        self._replaced[named] = ~fresh | (counts > 1)
        self._waits[named] = True
        columns: tuple[npt.NDArray[Any], ...] = frames
        for slots, column in zip(held, columns, strict=True):
            slots[named] = column[newest]
        self._observations[named] = observations[newest]
        informative = frames.trigger != ON_STRIDE
        self._owed.append((frames.security[informative], sent_ns[informative]))

    def take(self, limit: int) -> Due | None:
        if not self._queue or self._held is None:
            return None
        chosen = np.array([self._queue.popleft() for _ in range(min(limit, len(self._queue)))])
        self._waits[chosen] = False
        return Due(
            select(self._held, chosen),
            self._observations[chosen],
            self._settle(chosen),
            self._replaced[chosen],
        )

    def forget(self, security: int) -> None:
        if security < len(self._waits) and self._waits[security]:
            self._waits[security] = False
            self._queue.remove(security)
            self._settle(np.array([security]))

    def _settle(self, chosen: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
        """Return the stamps owed to `chosen` securities and keep the others."""
        securities = np.concatenate([s for s, _ in self._owed])
        stamps = np.concatenate([ns for _, ns in self._owed])
        mine = np.isin(securities, chosen)
        self._owed = [(securities[~mine], stamps[~mine])]
        return stamps[mine]

    def _room_for(self, frames: Frames) -> tuple[npt.NDArray[Any], ...]:
        needed = int(frames.security.max()) + 1
        have = len(self._waits)
        if self._held is None or needed > have:
            more = max(needed, 2 * have) - have
            held = []
            columns: tuple[npt.NDArray[Any], ...] = frames
            for k, column in enumerate(columns):
                slots = np.zeros((have + more, *column.shape[1:]), column.dtype)
                if self._held is not None:
                    slots[:have] = self._held[k]
                held.append(slots)
            self._held = Frames._make(held)
            self._observations = np.concatenate([self._observations, np.zeros(more, OBSERVATION)])
            self._waits = np.concatenate([self._waits, np.zeros(more, np.bool_)])
            self._replaced = np.concatenate([self._replaced, np.zeros(more, np.bool_)])
        return self._held
