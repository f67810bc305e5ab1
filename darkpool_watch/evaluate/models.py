"""The judges that rules and gate use: boosted trees and logistic regression, the same every run."""

from typing import Any, Final

import lightgbm
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from darkpool_watch.evaluate.cells import weights_of_cells
from darkpool_watch.evaluate.sample import Sample
from kernels.sim_labels import ACTIVE, CLEAN

Floats = NDArray[np.float64]

_THREADS: Final = 2  # however many, the trees are the same: LightGBM is told to be deterministic
# Few columns a tree and much regularisation: frames of one campaign are alike, and trees that see
# all of them learn campaigns by heart.
TREES: Final[dict[str, Any]] = {
    "objective": "binary",
    "learning_rate": 0.12,
    "num_leaves": 31,
    "min_data_in_leaf": 200,
    "lambda_l2": 20.0,
    "feature_fraction": 0.1,
    "bagging_fraction": 0.5,
    "bagging_freq": 1,
    "max_bin": 63,
    "seed": 1,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": _THREADS,
    "verbose": -1,
}
# Changes for a search that must not miss one telling value of one field.
SHARP: Final[dict[str, Any]] = {
    "num_leaves": 31,
    "min_data_in_leaf": 100,
    "lambda_l2": 5.0,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.5,
}
CELLS_A_CAMPAIGN: Final = 150
CLEAN_CELLS: Final = 250_000  # as many as are fitted on; more are much alike
_AT_ONCE: Final = 65_536  # rows turned to float32 at a time


class Rows:
    """Labelled frames to fit on: the scored active and clean cells of a sample.

    Of each campaign at most `CELLS_A_CAMPAIGN`, drawn by chance, bear the weight of all: frames of
    one campaign are much alike. Of clean cells so do at most `clean`.
    """

    def __init__(self, sample: Sample, *, seed: int = 0, clean: int = CLEAN_CELLS) -> None:
        cells = sample.cells
        weight = weights_of_cells(cells)
        used = (weight > 0) & (cells["frame"] >= 0)
        active = np.flatnonzero(used & (cells["zone"] == ACTIVE))
        campaign = cells["campaign"][active]
        order = np.lexsort((np.random.default_rng(seed).random(len(active)), campaign))
        ordered = campaign[order]
        first = np.searchsorted(ordered, ordered, "left")
        count = np.searchsorted(ordered, ordered, "right") - first
        over = np.arange(len(order)) - first >= CELLS_A_CAMPAIGN
        weight[active[order]] *= np.maximum(count / CELLS_A_CAMPAIGN, 1.0)
        used[active[order[over]]] = False
        plain = np.flatnonzero(used & (cells["zone"] == CLEAN))
        if len(plain) > clean:
            weight[plain] *= len(plain) / clean
            left_out = np.random.default_rng(seed + 1).permutation(len(plain))[clean:]
            used[plain[left_out]] = False
        cells = sample.cells[used]
        self.values = sample.values[cells["frame"]].astype(np.float32)
        self.active = cells["zone"] == ACTIVE
        self.weight = weight[used] * (used.sum() / max(weight[used].sum(), 1e-12))


class Trees:
    """Boosted trees; undefined values are a branch of their own."""

    def __init__(
        self,
        values: NDArray[np.floating],  # (N, F)
        active: NDArray[np.bool_],  # (N,)
        weight: Floats | None = None,  # (N,)
        *,
        rounds: int = 200,
        **changes: Any,
    ) -> None:
        data = lightgbm.Dataset(values, active.astype(np.int8), weight=weight)
        self._booster = lightgbm.train({**TREES, **changes}, data, rounds)

    def score(self, values: NDArray[np.floating]) -> Floats:
        """Return (N,) log-odds of rows (N, F)."""
        parts = [
            self._booster.predict(
                values[i : i + _AT_ONCE].astype(np.float32), raw_score=True, num_threads=_THREADS
            )
            for i in range(0, len(values), _AT_ONCE)
        ]
        return np.concatenate(parts) if parts else np.zeros(0)


class Logistic:
    """Logistic regression on values clipped to [-8, 8] and scaled, undefined ones 0."""

    def __init__(
        self, values: NDArray[np.floating], active: NDArray[np.bool_], weight: Floats | None = None
    ) -> None:
        filled = np.nan_to_num(np.asarray(values, np.float32))
        self._scale = filled.std(axis=0) + 1e-6
        self._model = LogisticRegression(C=0.1, max_iter=200, tol=1e-3)
        self._model.fit(filled / self._scale, active, sample_weight=weight)

    def score(self, values: NDArray[np.floating]) -> Floats:
        """Return (N,) log-odds of rows (N, F)."""
        parts = [
            self._model.decision_function(
                np.nan_to_num(values[i : i + _AT_ONCE].astype(np.float32)) / self._scale
            )
            for i in range(0, len(values), _AT_ONCE)
        ]
        return np.concatenate(parts) if parts else np.zeros(0)
