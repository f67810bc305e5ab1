"""Recorded tapes that stand in for a simulator, so that a leak can be planted in them."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from darkpool_watch.sim.market import SimConfig, Simulator

Rows = NDArray[np.void]


class RecordedTape:
    """Plays the blocks of a simulator again without simulating; the rest it asks the simulator."""

    def __init__(self, config: SimConfig) -> None:
        self.simulator = Simulator(config)
        self._blocks = [(e.copy(), labels.copy()) for e, labels in self.simulator.blocks()]

    def __getattr__(self, name: str) -> object:
        return getattr(self.simulator, name)

    def blocks(self) -> Iterator[tuple[Rows, Rows]]:
        yield from self._blocks

    @property
    def events(self) -> Rows:
        return np.concatenate([events for events, _ in self._blocks])

    @property
    def labels(self) -> Rows:
        return np.concatenate([labels for _, labels in self._blocks])
