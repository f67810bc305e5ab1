"""Cells made by hand and by chance for the tests of the metrics."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkpool_watch.evaluate.cells import CELL
from kernels.sim_labels import ACTIVE, CLEAN, ECHO, ONSET

Cells = NDArray[np.void]


def cells(*rows: tuple[int, int, int, int, int]) -> Cells:
    """Return cells of (records, cluster, campaign, zone, typology); frame i belongs to cell i."""
    out = np.zeros(len(rows), CELL)
    out["alike"] = -1
    out["frame"] = np.arange(len(rows))
    for i, row in enumerate(rows):
        for name, value in zip(
            ("records", "cluster", "campaign", "zone", "typology"), row, strict=True
        ):
            out[name][i] = value
    return out


def chance(seed: int, clusters: int = 12, count: int = 600, grain: int = 40) -> tuple[Any, Any]:
    """Return cells of three typologies in every zone, and scores that know a little, with ties."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        cluster = int(rng.integers(clusters))
        zone = int(rng.choice([CLEAN, ACTIVE, ONSET, ECHO], p=[0.6, 0.25, 0.1, 0.05]))
        campaign = -1 if zone == CLEAN else 3 * cluster + int(rng.integers(3))
        typology = -1 if zone == CLEAN else campaign % 3
        rows.append((int(rng.integers(1, 9)), cluster, campaign, zone, typology))
    found = cells(*rows)
    score = rng.normal(0.0, 1.0, count) + 0.7 * (found["zone"] == ACTIVE)
    return found, np.round(score * grain / 4) / grain * 4
