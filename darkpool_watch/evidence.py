"""What a desk is shown beside an alert: the security's own last events, in order.

A bounded ring of the newest observations of the whole feed. It is read only when an alert is
written, so its price on the hot path is one block copy.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kernels.layout import EVENT, OBSERVATION

KEPT = 65_536  # events of the whole feed
SHOWN = 16  # newest events of the security in an alert
PAST_NS = 60_000_000_000  # ns: older events are no evidence of a decision


class Evidence(NamedTuple):
    """The security's newest events up to a decision, oldest first."""

    events: npt.NDArray[np.void]  # (E,) EVENT
    observations: npt.NDArray[np.void]  # (E,) OBSERVATION


class EvidenceRing:
    """The newest events of the feed with their observations."""

    def __init__(self, kept: int = KEPT) -> None:
        self._events = np.zeros(kept, EVENT)
        self._observations = np.zeros(kept, OBSERVATION)
        self._observations["arrival"] = -1
        self._at = 0

    def push(
        self,
        events: npt.NDArray[np.void],
        observations: npt.NDArray[np.void],
    ) -> None:
        """Keep a block of EVENT (N,) and OBSERVATION (N,) rows."""
        kept = len(self._events)
        if len(events) > kept:
            events, observations = events[-kept:], observations[-kept:]
        first = min(len(events), kept - self._at)
        for ring, rows in ((self._events, events), (self._observations, observations)):
            ring[self._at : self._at + first] = rows[:first]
            ring[: len(rows) - first] = rows[first:]
        self._at = (self._at + len(events)) % kept

    def of(self, security: int, arrival: int) -> Evidence:
        """Return the security's newest events that arrived no later than `arrival`."""
        seen = self._observations
        mine = np.flatnonzero((seen["security"] == security) & (seen["arrival"] <= arrival))
        mine = mine[(seen["arrival"][mine] >= 0)]
        mine = mine[np.argsort(seen["arrival"][mine])][-SHOWN:]
        if len(mine):
            mine = mine[seen["ts"][mine] >= seen["ts"][mine[-1]] - PAST_NS]
        return Evidence(self._events[mine], seen[mine])
