"""The seam between the pipeline and whatever computes scores. Needs no torch."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

State = Mapping[str, NDArray[np.generic]]  # a snapshot: named arrays


class Engine(Protocol):
    """One streaming model: O(1) work and memory a frame, one stream per security.

    A frame's score has the same bits whatever batch it travels in and wherever in it, because
    every batch is padded to `batch` rows.
    """

    name: str  # "torch", "cpu", "cuda"
    batch: int  # most frames a step takes

    def step(
        self,
        security: NDArray[np.int32],
        ts: NDArray[np.int64],
        trigger: NDArray[np.uint8],
        values: NDArray[np.float32],
        mask: NDArray[np.uint8],
    ) -> NDArray[np.void]:
        """Advance B streams by one frame each and return their scores, SCORE (B,).

        security (B,) dense rows, all different, B <= batch; ts (B,) ns; trigger (B,) why the frame
        was owed; values (B, F) normalised, 0 where undefined; mask (B, F) 1 where undefined.
        `arrival` of the scores is -1: the caller knows it.
        """
        ...

    def reset(self, security: int) -> None:
        """Forget a security's stream, after lost data or at session open."""
        ...

    def grow(self, securities: int) -> None:
        """Make room for that many securities; streams are kept, never fewer than before."""
        ...

    def snapshot(self) -> State:
        """Return a copy of all streams."""
        ...

    def restore(self, state: State) -> None:
        """Put back a snapshot taken from an engine of the same shape; CheckpointError if not."""
        ...
