"""Latency samples between stages: a fixed ring of the newest, so that memory stays flat."""

import numpy as np
import numpy.typing as npt

KEPT = 65_536


class Samples:
    """The newest durations of one kind, in ns."""

    def __init__(self, kept: int = KEPT) -> None:
        self.count = 0
        self._ring = np.zeros(kept, np.int64)

    def add(self, duration_ns: int) -> None:
        """Take one duration in."""
        self._ring[self.count % len(self._ring)] = duration_ns
        self.count += 1

    def extend(self, durations_ns: npt.NDArray[np.int64]) -> None:
        """Take several durations in."""
        at = np.arange(self.count, self.count + len(durations_ns)) % len(self._ring)
        self._ring[at] = durations_ns
        self.count += len(durations_ns)

    def values(self) -> npt.NDArray[np.int64]:
        """Return the kept durations, in no order."""
        return self._ring[: min(self.count, len(self._ring))]

    def percentile_ms(self, percent: float) -> float:
        """Return a percentile of the kept durations in ms; NaN when there are none."""
        values = self.values()
        return float(np.percentile(values, percent)) / 1e6 if len(values) else float("nan")
