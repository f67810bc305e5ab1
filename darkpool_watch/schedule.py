"""Which of the frames that are due get scored, and in which order.

Features and rules see every event; only model frames may wait, and a newer frame of a security
may replace an unscored older one. That choice is what load decides, so it is an object of its own:
`Nominal` scores every frame, `Conflating` keeps the newest, `Recorded` repeats a live day.
"""

from collections import deque
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from darkpool_watch.errors import ReplayError
from darkpool_watch.features.frames import Frames
from kernels.layout import ON_STRIDE


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


def select(frames: Frames, rows: npt.NDArray[np.intp]) -> Frames:
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
    """The frames that a live day scored, from its schedule file; the rest were conflated."""

    def __init__(
        self,
        arrivals: npt.NDArray[np.int64],  # arrival index of the event behind each scored frame
    ) -> None:
        super().__init__()
        self._scored = np.sort(arrivals)
        self._matched = 0

    def _owed(self, frames: Frames) -> npt.NDArray[np.intp]:
        owed = np.flatnonzero(np.isin(frames.arrival, self._scored, assume_unique=True))
        self._matched += len(owed)
        self.conflated += len(frames.arrival) - len(owed)
        return owed

    def finish(self) -> None:
        """Raise ReplayError unless every frame of the schedule came up again."""
        if self._matched != len(self._scored):
            raise ReplayError(
                f"The schedule names {len(self._scored)} frames, the capture gave "
                f"{self._matched} of them: they are not of one day, config and release"
            )


class _Waiting(NamedTuple):
    """One security's newest unscored frame, and the stamps of all events that wait on it."""

    frames: Frames  # (1, ...)
    observations: npt.NDArray[np.void]  # (1,)
    sent_ns: list[int]
    conflated: bool


class Conflating:
    """One waiting frame a security, the newest, at the place in the queue of the oldest."""

    def __init__(self) -> None:
        self.conflated = 0
        self._queue: deque[int] = deque()
        self._waiting: dict[int, _Waiting] = {}

    def push(
        self,
        frames: Frames,
        observations: npt.NDArray[np.void],
        sent_ns: npt.NDArray[np.int64],
    ) -> None:
        securities = frames.security
        # Only the newest of a block survives it: that one is copied, the others are counted.
        named, last = np.unique(securities[::-1], return_index=True)
        informative = frames.trigger != ON_STRIDE
        for at in np.argsort(-last, kind="stable"):
            security, row = int(named[at]), len(securities) - 1 - int(last[at])
            of_it = np.flatnonzero(securities == security)
            stamps: list[int] = sent_ns[of_it[informative[of_it]]].tolist()
            before = self._waiting.get(security)
            if before is None:
                self._queue.append(security)
            else:
                stamps = before.sent_ns + stamps
            replaced = len(of_it) - 1 + (before is not None)
            self.conflated += replaced
            one = np.array([row])
            self._waiting[security] = _Waiting(
                select(frames, one),
                observations[one],
                stamps,
                replaced > 0 or (before is not None and before.conflated),
            )

    def take(self, limit: int) -> Due | None:
        if not self._queue:
            return None
        chosen = [self._waiting.pop(self._queue.popleft()) for _ in range(min(limit, len(self)))]
        columns = zip(*(waiting.frames for waiting in chosen), strict=True)
        return Due(
            Frames(*(np.concatenate(column) for column in columns)),
            np.concatenate([waiting.observations for waiting in chosen]),
            np.array([ns for waiting in chosen for ns in waiting.sent_ns], np.int64),
            np.array([waiting.conflated for waiting in chosen]),
        )

    def forget(self, security: int) -> None:
        if self._waiting.pop(security, None) is not None:
            self._queue.remove(security)

    def __len__(self) -> int:
        return len(self._queue)
