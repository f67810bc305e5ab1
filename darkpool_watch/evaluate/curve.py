"""Recall against false positives, for the tape as it is and for every draw of a bootstrap.

A step is a distinct score of some active cell, from the highest down: recall moves there alone, so
every figure is exact on the steps. A cluster's part in each step is tabled once; a draw is then a
weighted sum of clusters, and 2,000 draws are two matrix products.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from darkpool_watch.evaluate.cells import campaign_shares
from kernels.sim_labels import ACTIVE, CLEAN

Floats = NDArray[np.float64]
LEVELS: Final = 2_048  # steps that a bootstrap keeps apart


class Curve(NamedTuple):
    """What is flagged when the bar lies at each step, over any number of draws (...)."""

    gain: Floats  # (..., J) recall that step j adds; sums to 1, NaN where nothing is active
    at: Floats  # (..., J) share of clean records that score as high as step j or higher
    above: Floats  # (..., J) share that scores higher


class Steps(NamedTuple):
    """The clusters' parts in a curve."""

    cluster: NDArray[np.intp]  # (P,) cluster of each (cluster, typology) with a campaign
    typology: NDArray[np.intp]  # (P,)
    campaigns: Floats  # (P,) how many
    found: Floats  # (P, J) sum over them of the share of active records at step j
    at: Floats  # (K, J) clean records at step j or higher
    above: Floats  # (K, J)
    clean: Floats  # (K,) clean records

    def curve(
        self,
        times: Floats,  # (..., K) how often each cluster is counted
    ) -> Curve:
        """Return the curve of clusters counted so often."""
        part = times[..., self.cluster] * self.campaigns
        of = self.typology[:, None] == np.unique(self.typology)
        campaigns = part @ of.astype(float)  # (..., T)
        present = (campaigns > 0).sum(axis=-1, keepdims=True)
        with np.errstate(invalid="ignore", divide="ignore"):
            inverse = np.where(campaigns > 0, 1.0 / campaigns, 0.0) / present
            gain = (times[..., self.cluster] * (inverse @ of.T)) @ self.found
            clean = (times @ self.clean)[..., None]
            return Curve(gain, (times @ self.at) / clean, (times @ self.above) / clean)


def steps_of(
    cells: NDArray[np.void],  # (C,) CELL
    score: Floats,  # (C,) of each cell
    *,
    clusters: bool = True,
    most: int | None = None,
) -> Steps:
    """Return the parts of each cluster, or of all as one where `clusters` is False.

    With more than `most` steps, neighbours are joined into about `most` of equal count.
    """
    active, clean = cells["zone"] == ACTIVE, cells["zone"] == CLEAN
    number = cells["cluster"] if clusters else np.zeros(len(cells), np.int32)
    names = np.unique(number[active | clean])
    k = max(len(names), 1)
    bars = _bars(score[active], most)
    j = len(bars)

    # Steps run downwards; `bars` ascends. A clean cell lies at or above every bar up to its score.
    home = np.searchsorted(names, number[clean])
    records = cells["records"][clean].astype(float)
    at = _below(home, np.searchsorted(bars, score[clean], "right"), records, k, j)
    above = _below(home, np.searchsorted(bars, score[clean], "left"), records, k, j)

    mine = cells[active]
    share, campaign = campaign_shares(mine)
    key = np.searchsorted(names, number[active]) * 256 + mine["typology"]
    parts, part = np.unique(key, return_inverse=True)
    step = np.searchsorted(bars, score[active], "right") - 1
    found = np.bincount(part * max(j, 1) + step, weights=share, minlength=len(parts) * max(j, 1))
    pairs = np.unique(np.stack([part, campaign]), axis=1)[0] if len(mine) else np.zeros(0, int)
    return Steps(
        parts // 256,
        parts % 256,
        np.bincount(pairs, minlength=len(parts)).astype(float),
        found.reshape(len(parts), max(j, 1))[:, :j][:, ::-1].astype(float),
        at,
        above,
        np.bincount(home, weights=records, minlength=k).astype(float),
    )


def _bars(score: Floats, most: int | None) -> Floats:
    """Return the distinct scores in ascending order, at most about `most` of them."""
    bars = np.unique(score)
    if most is not None and len(bars) > most:
        places = np.linspace(0, len(score) - 1, most).astype(int)
        bars = np.unique(np.sort(score)[places])
    return bars


def _below(
    home: NDArray[np.intp], reached: NDArray[np.intp], records: Floats, k: int, j: int
) -> Floats:
    """Return (K, J) records of each cluster that reach each bar, from the highest bar down."""
    counts = np.bincount(home * (j + 1) + reached, weights=records, minlength=k * (j + 1))
    return np.cumsum(counts.reshape(k, j + 1)[:, ::-1].astype(float), axis=1)[:, :j]


def curve_of(cells: NDArray[np.void], score: Floats) -> Curve:
    """Return the exact curve of all cells, (J,) arrays."""
    return steps_of(cells, score, clusters=False).curve(np.ones(1))
