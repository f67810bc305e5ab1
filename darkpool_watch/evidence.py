"""What a desk is shown beside an alert: the security's own last events, in order.

A bounded ring of the newest events of the whole feed. It is read only when an alert is written, so
its price on the hot path is one block copy.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from kernels.layout import EVENT

KEPT = 65_536  # events of the whole feed
SHOWN = 16  # newest events of the security in an alert
PAST_NS = 60_000_000_000  # ns: older events are no evidence of a decision
_BYTES: Final = np.dtype((np.void, EVENT.itemsize))  # copied whole, not field by field


class Evidence(NamedTuple):
    """The security's newest events up to a decision, oldest first."""

    events: npt.NDArray[np.void]  # (E,) EVENT
    arrivals: npt.NDArray[np.int64]  # (E,) daemon-wide indices


class EvidenceRing:
    """The newest events of the feed.

    Evidence reaches back over half of what is kept: what is shown of a decision is the same as long
    as it is asked for within the other half, whatever the block size and the scorer's lag.
    """

    def __init__(self, kept: int = KEPT) -> None:
        self._events = np.zeros(kept, EVENT)
        self._rows = self._events.view(_BYTES)
        self._arrival = np.full(kept, -1, np.int64)
        self._security = np.full(kept, -1, np.int32)
        self._ts = np.zeros(kept, np.int64)
        self._reach = kept // 2  # events of the feed before a decision
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
        columns: tuple[tuple[npt.NDArray[np.generic], npt.NDArray[np.generic]], ...] = (
            (self._rows, events.view(_BYTES)),
            (self._arrival, observations["arrival"]),
            (self._security, observations["security"]),
            (self._ts, observations["ts"]),
        )
        for ring, rows in columns:
            ring[self._at : self._at + first] = rows[:first]
            ring[: len(rows) - first] = rows[first:]
        self._at = (self._at + len(events)) % kept

    def of(self, security: int, arrival: int) -> Evidence:
        """Return the security's newest events that arrived no later than `arrival`."""
        mine = np.flatnonzero(self._security == security)
        back = arrival - self._arrival[mine]
        mine = mine[(back >= 0) & (back < self._reach)]
        mine = mine[np.argsort(self._arrival[mine])][-SHOWN:]
        if len(mine):
            mine = mine[self._ts[mine] >= self._ts[mine[-1]] - PAST_NS]
        return Evidence(self._events[mine], self._arrival[mine])
