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


class Due(NamedTuple):
    """Frames to be scored in one step: distinct securities, in order."""

    frames: Frames  # (B, ...) arrays; views that hold until the next call
    observations: npt.NDArray[np.void]  # (B,) OBSERVATION of the event behind each frame


class Scheduler(Protocol):
    """Takes frames as they fall due and hands out what to score next."""

    conflated: int  # frames replaced unscored so far

    def push(self, frames: Frames, observations: npt.NDArray[np.void]) -> None:
        """Take K due frames with the observations of their events, in arrival order."""

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
        self._left: npt.NDArray[np.intp] = np.empty(0, np.intp)

    def push(self, frames: Frames, observations: npt.NDArray[np.void]) -> None:
        if len(self._left):
            raise ReplayError(f"{len(self._left)} frames were due and unscored: drain before push")
        self._frames, self._observations = frames, observations
        self._left = self._owed(frames)

    def take(self, limit: int) -> Due | None:
        if not len(self._left) or self._frames is None or self._observations is None:
            return None
        # The earliest waiting frame of each security; a batch never holds two of one security.
        _, first = np.unique(self._frames.security[self._left], return_index=True)
        chosen = np.sort(first)[:limit]
        rows = self._left[chosen]
        self._left = np.delete(self._left, chosen)
        return Due(select(self._frames, rows), self._observations[rows])

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


class Conflating:
    """One waiting frame a security, the newest, at the place in the queue of the oldest."""

    def __init__(self, securities: int) -> None:
        self.conflated = 0
        self._queue: deque[int] = deque()
        self._waiting: dict[int, tuple[Frames, npt.NDArray[np.void]]] = {}

    def push(self, frames: Frames, observations: npt.NDArray[np.void]) -> None:
        securities = frames.security
        # Only the newest of a block survives it; copy that one and count the rest.
        _, last = np.unique(securities[::-1], return_index=True)
        newest = np.sort(len(securities) - 1 - last)
        self.conflated += len(securities) - len(newest)
        for row in newest:
            security = int(securities[row])
            if security in self._waiting:
                self.conflated += 1
            else:
                self._queue.append(security)
            one = np.array([row])
            self._waiting[security] = (select(frames, one), observations[one])

    def take(self, limit: int) -> Due | None:
        if not self._queue:
            return None
        chosen = [self._waiting.pop(self._queue.popleft()) for _ in range(min(limit, len(self)))]
        frames = Frames(
            *(np.concatenate(column) for column in zip(*(f for f, _ in chosen), strict=True))
        )
        return Due(frames, np.concatenate([o for _, o in chosen]))

    def forget(self, security: int) -> None:
        if self._waiting.pop(security, None) is not None:
            self._queue.remove(security)

    def __len__(self) -> int:
        return len(self._queue)
