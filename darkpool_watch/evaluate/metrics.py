"""The figures that a curve gives. All take any number of draws at once; NaN is undefined."""

import numpy as np
from numpy.typing import NDArray

from darkpool_watch.evaluate.cells import PREVALENCE
from darkpool_watch.evaluate.curve import Curve
from kernels.sim_labels import CLEAN

Floats = NDArray[np.float64]


def average_precision(curve: Curve, prevalence: float = PREVALENCE) -> Floats:
    """Return the area under the precision-recall steps, (...), 0..1.

    Precision is that of a tape where `prevalence` of the records are active; a score that knows
    nothing has an area of `prevalence`.
    """
    hits = prevalence * np.cumsum(curve.gain, axis=-1)
    with np.errstate(invalid="ignore"):
        precision = hits / (hits + (1.0 - prevalence) * curve.at)
    # A step that finds nothing, before anything is found and with no false alarm, is 0 / 0.
    area: Floats = np.where(curve.gain == 0.0, 0.0, curve.gain * precision).sum(axis=-1)
    return area


def recall_at(curve: Curve, rate: float) -> Floats:
    """Return the recall, (...), of the lowest bar that flags at most `rate` of clean records."""
    recall = np.cumsum(curve.gain, axis=-1)
    allowed = np.where(np.isnan(curve.at), np.nan, np.where(curve.at <= rate, recall, 0.0))
    if allowed.shape[-1] == 0:
        return np.full(allowed.shape[:-1], np.nan)
    best: Floats = allowed.max(axis=-1)
    return best


def auroc(curve: Curve) -> Floats:
    """Return the chance, (...), that an active record scores above a clean one; ties count half."""
    area: Floats = (curve.gain * (1.0 - 0.5 * (curve.at + curve.above))).sum(axis=-1)
    return area if curve.gain.shape[-1] else np.full(area.shape, np.nan)


def bar_of(cells: NDArray[np.void], score: Floats, rate: float) -> float:
    """Return the lowest bar, in the unit of `score` (C,), that flags at most `rate` of clean ones.

    A score at the bar is flagged; inf where nothing may be.
    """
    clean = cells["zone"] == CLEAN
    bars, at = np.unique(score[clean], return_inverse=True)
    records = np.bincount(at, weights=cells["records"][clean], minlength=len(bars))
    flagged = np.cumsum(records[::-1])[::-1] / max(records.sum(), 1.0)
    over = np.flatnonzero(flagged > rate)  # these bars are too low
    if not len(over):
        return float(bars[0]) if len(bars) else float("inf")
    return float(np.nextafter(bars[over[-1]], np.inf))
