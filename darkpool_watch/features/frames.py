"""A block of frames: what the feature stage hands to the model, and all that explains it."""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

# Bits of `status`.
STALE: Final = 1  # the security's feed lost data in this session
WARMING: Final = 2  # too few frames since a reset

CONDITIONS: Final = (
    "peer_volatility",
    "peer_message_rate",
    "peer_lit_volume",
    "peer_dark_volume",
    "peer_spread",
    "own_volatility",
    "own_message_rate",
    "own_volume",
    "own_spread",
    "session_fraction",
)


class Frames(NamedTuple):
    """K frames in the order of the events that owed them.

    The arrays are views of the extractor's buffers: the next `extract` overwrites them, so a
    caller that keeps frames copies them.
    """

    arrival: npt.NDArray[np.int64]  # (K,) daemon-wide index of the event that owed the frame
    ts: npt.NDArray[np.int64]  # (K,) ns, event time
    security: npt.NDArray[np.int32]  # (K,) dense row
    trigger: npt.NDArray[np.uint8]  # (K,) kernels.layout ON_TRADE .. ON_STRIDE
    status: npt.NDArray[np.uint8]  # (K,) bits STALE, WARMING; 0 until the caller sets them
    values: npt.NDArray[np.float32]  # (K, 240) normalised, -8..8, 0 where undefined
    mask: npt.NDArray[np.uint8]  # (K, 240) 1 = undefined
    conditions: npt.NDArray[np.float32]  # (K, 10) in the order of CONDITIONS
    raw: npt.NDArray[np.float32]  # (K, 240) before scaling, NaN = undefined

    def copy(self) -> "Frames":
        """Return frames that own their memory."""
        return Frames._make(part.copy() for part in self)
