"""Samples made by chance: features that know as much about campaigns as they are told to."""

import numpy as np

from darkpool_watch.evaluate.cells import CELL
from darkpool_watch.evaluate.sample import CAMPAIGN, Sample
from kernels.sim_labels import ACTIVE, CLEAN

TYPOLOGIES = (0, 3, 6)


def made(
    seed: int, *, signal: float = 0.9, spread: int = 8, clusters: int = 12, frames: int = 250
) -> Sample:
    """Return a sample in which `spread` features of each typology lean by `signal` sd.

    A tenth of the frames of each cluster are active, in 6 campaigns of stealth 0.5 to 2.
    """
    rng = np.random.default_rng(seed)
    count = clusters * frames
    cells = np.zeros(count, CELL)
    cells["records"] = rng.integers(1, 5, count)
    cells["frame"] = np.arange(count)
    cells["cluster"] = np.repeat(np.arange(clusters), frames)
    cells["campaign"] = cells["typology"] = cells["alike"] = -1
    place = np.arange(count) % frames
    active = place < frames // 10
    number = place % 6
    campaigns = np.zeros(6 * clusters, CAMPAIGN)
    campaigns["typology"] = np.tile(np.repeat(TYPOLOGIES, 2), clusters)
    campaigns["cluster"] = np.repeat(np.arange(clusters), 6)
    campaigns["stealth"] = rng.uniform(0.5, 2.0, len(campaigns))
    cells["campaign"][active] = (6 * cells["cluster"] + number)[active]
    cells["typology"][active] = campaigns["typology"][cells["campaign"][active]]
    cells["zone"] = np.where(active, ACTIVE, CLEAN)
    values = rng.normal(size=(count, 240)).astype(np.float16)
    for i, t in enumerate(TYPOLOGIES):
        mine = cells["typology"] == t
        values[mine, 20 * i : 20 * i + spread] += np.float16(signal)
    values[rng.random(values.shape) < 0.02] = np.nan
    return Sample(values, cells, campaigns, np.zeros(13, np.int64), clusters)
