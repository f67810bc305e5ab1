"""How far one feature alone gets: average precision of each of the 240, in both directions.

Values are float16, so there are at most 65,536 distinct ones: a count by value replaces a sort, and
every typology's curve comes out of one pass.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from darkpool_watch.evaluate.cells import campaign_shares
from darkpool_watch.evaluate.curve import Curve
from darkpool_watch.evaluate.metrics import average_precision
from darkpool_watch.evaluate.sample import Sample
from darkpool_watch.features.catalog import NAMES
from darkpool_watch.typologies import MODEL_TYPOLOGIES
from kernels.layout import FEATURES
from kernels.sim_labels import ACTIVE, CLEAN

ALL: Final = -1  # in place of a typology: the mean over all
_VALUES: Final = 1 << 16

Floats = NDArray[np.float64]


class Single(NamedTuple):
    """One feature as a score."""

    feature: int
    sign: int  # 1: high values are suspicious, -1: low ones
    ap: float  # on the sample it was chosen by

    @property
    def name(self) -> str:
        """What it is called, with its direction."""
        return f"{'+' if self.sign > 0 else '-'}{NAMES[self.feature]}"

    def score(self, sample: Sample) -> Floats:
        """Return (K,) its value in each frame, 0 where undefined."""
        column = sample.values[:, self.feature].astype(np.float64)
        scores: Floats = self.sign * np.nan_to_num(column)
        return scores


def best_singles(sample: Sample) -> dict[int, Single]:
    """Return for each typology with campaigns, and for ALL, the feature of the highest AP."""
    numbers, positive, clean = _frame_weights(sample)
    best: dict[int, Single] = {}
    for f in range(FEATURES):
        code = ordered_codes(sample.values[:, f])
        negative = np.bincount(code, weights=clean, minlength=_VALUES).astype(float)
        found = np.zeros((len(numbers), _VALUES))
        for i, (rows, share) in enumerate(positive):
            found[i] = np.bincount(code[rows], weights=share, minlength=_VALUES)
        for sign in (1, -1):
            curve = _curve(found[:, ::-sign], negative[::-sign])
            area = average_precision(curve)
            for t, ap in zip((*numbers, ALL), area.tolist(), strict=True):
                if t not in best or ap > best[t].ap:
                    best[t] = Single(f, sign, ap)
    return best


def ordered_codes(values: NDArray[np.float16]) -> NDArray[np.uint16]:
    """Return codes that order as the values do; NaN counts as 0."""
    filled = np.nan_to_num(values, nan=0.0) + np.float16(0.0)  # -0 becomes 0
    bits = filled.view(np.uint16)
    codes: NDArray[np.uint16] = np.where(bits >> 15, ~bits, bits | 0x8000).astype(np.uint16)
    return codes


def _frame_weights(
    sample: Sample,
) -> tuple[list[int], list[tuple[NDArray[np.intp], Floats]], Floats]:
    """Return typologies, their (frames, shares of recall), and (K,) clean records by frame."""
    cells = sample.cells[sample.cells["frame"] >= 0]
    active, clean = cells[cells["zone"] == ACTIVE], cells[cells["zone"] == CLEAN]
    numbers = [t for t in range(len(MODEL_TYPOLOGIES)) if (active["typology"] == t).any()]
    positive = []
    for t in numbers:
        mine = active[active["typology"] == t]
        share, campaign = campaign_shares(mine)
        positive.append((mine["frame"].astype(np.intp), share / (campaign.max() + 1)))
    records = np.bincount(
        clean["frame"], weights=clean["records"], minlength=len(sample.values)
    ).astype(float)
    return numbers, positive, records


def _curve(found: Floats, negative: Floats) -> Curve:
    """Return the curves of typologies (T, V) and of their mean, values from suspicious down."""
    gain = np.vstack([found, found.mean(axis=0, keepdims=True)])
    used = np.flatnonzero(gain[-1] > 0)
    at = np.cumsum(negative) / max(negative.sum(), 1.0)
    above = at - negative / max(negative.sum(), 1.0)
    return Curve(gain[:, used], at[used], above[used])
