"""A toy market in which abuse shows: one family jumps while a campaign is active."""

from collections.abc import Iterator

import numpy as np

from darkpool_watch.train.dataset import Sequence, Source, pack
from tests.model.builders import TINY

FEATURES = TINY.features


def day(number: int, frames: int = 200, *, labels: bool = True) -> Sequence:
    """Return security-day `number`, always the same."""
    rng = np.random.default_rng([number, 11])
    values = np.zeros((frames, FEATURES), np.float32)
    for t in range(1, frames):  # mean-reverting, so that the next change can be predicted
        values[t] = 0.5 * values[t - 1] + 0.5 * rng.standard_normal(FEATURES)
    zone, typology = np.zeros(frames, np.uint8), np.full(frames, -1, np.int8)
    start = int(rng.integers(20, frames - 60))
    zone[start : start + 8], zone[start + 8 : start + 28] = 2, 1
    zone[start + 28 : start + 38] = 3
    typology[start + 8 : start + 28] = kind = rng.choice([0, 6])
    values[start + 8 : start + 28, :4] += 2.5 if kind else -2.5
    mask = (rng.random(values.shape) < 0.1).astype(np.uint8)
    ts = np.cumsum(rng.integers(10**6, 10**9, frames))
    trigger = rng.integers(0, 6, frames).astype(np.uint8)
    if not labels:
        return pack(values, mask, ts, trigger)
    return pack(values, mask, ts, trigger, zone, typology)


def source(first_day: int = 0, days: int = 10**6, *, labels: bool = True) -> Source:
    """Return a source of `days` toy days from `first_day` on."""

    def days_from(number: int) -> Iterator[Sequence]:
        for n in range(number, days):
            yield day(first_day + n, 150 + 37 * (n % 4), labels=labels)

    return days_from
