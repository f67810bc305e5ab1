"""How a security's last frames were: what boosted trees see of the past, beside the frame itself.

Boosted trees with these columns are the bar that a sequence model has to clear, so the gate judges
with them as well: most campaigns show in how features move together, not in one frame.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from darkpool_watch.features.catalog import NAMES
from kernels.layout import FEATURES

SPANS: Final = (8, 32)  # frames, the newest included; powers of two
COLUMNS: Final = FEATURES * (1 + 2 * len(SPANS)) + 1
COLUMN_NAMES: Final = (
    *NAMES,
    *(f"{kind} of {span} {name}" for span in SPANS for kind in ("mean", "max") for name in NAMES),
    "gap",
)
_SHORTEST_S: Final = 1e-6

Rows = NDArray[np.float16]


def with_recent(
    values: Rows,  # (K, 240) normalised, NaN where undefined, in order of time
    security: NDArray[np.integer],  # (K,) dense rows
    ts: NDArray[np.int64],  # (K,) ns
    kept: NDArray[np.bool_] | None = None,  # (K,) the frames wanted; None = all
) -> Rows:
    """Return (N, 1201): each frame kept, then mean and maximum of its security's last 8 and 32
    frames, and log10 of the seconds since the one before.

    A mean or maximum is over what is defined, NaN where nothing is; a security's first frames have
    only themselves, and the very first has no gap. Frames that are not kept count all the same.
    Cost: about 8 us a frame, 2.4 kB a frame kept.
    """
    wanted = np.ones(len(values), bool) if kept is None else kept
    place = np.cumsum(wanted) - 1
    out = np.full((int(wanted.sum()), COLUMNS), np.nan, np.float16)
    for s in np.unique(security):
        mine = np.flatnonzero(security == s)
        chosen = wanted[mine]
        rows = place[mine[chosen]]
        frames = values[mine].astype(np.float32)
        out[rows, :FEATURES] = values[mine[chosen]]
        column = FEATURES
        for span in SPANS:
            for summary in (_means, _maxima):
                out[rows, column : column + FEATURES] = summary(frames, span)[chosen]
                column += FEATURES
        gap = np.diff(ts[mine]) / 1e9
        later = np.append(False, chosen[1:])
        out[place[mine[later]], -1] = np.log10(np.maximum(gap, _SHORTEST_S))[chosen[1:]]
    return out


def _means(frames: NDArray[np.float32], span: int) -> NDArray[np.float32]:
    """Return (K, F) the mean of what is defined among the last `span` rows."""
    known = np.isfinite(frames)
    total = np.cumsum(np.where(known, frames, 0.0), axis=0, dtype=np.float64)
    count = np.cumsum(known, axis=0, dtype=np.int32)
    total[span:] -= total[:-span].copy()
    count[span:] -= count[:-span].copy()
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)


def _maxima(frames: NDArray[np.float32], span: int) -> NDArray[np.float32]:
    """Return (K, F) the largest of what is defined among the last `span` rows, by doubling."""
    most = frames
    reach = 1
    while reach < span:
        most = np.concatenate([most[:reach], np.fmax(most[reach:], most[:-reach])])
        reach *= 2
    return most
