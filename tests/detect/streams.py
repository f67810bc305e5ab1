"""Synthetic scored frames with known statistics, for tests of thresholds and episodes."""

from typing import NamedTuple

import numpy as np
from numpy.lib.recfunctions import repack_fields
from numpy.typing import NDArray

from darkpool_watch.model.scores import SCORE

DAY_NS = 86_400 * 10**9
OPEN_NS = 14 * 3600 * 10**9 + 30 * 60 * 10**9


class Stream(NamedTuple):
    """Scored frames in arrival order."""

    scores: NDArray[np.void]  # (N,) SCORE
    conditions: NDArray[np.float32]  # (N, 10)
    status: NDArray[np.uint8]  # (N,)
    market: NDArray[np.float64]  # (N,) volatility of the market, what really moves the scores


def bits(rows: NDArray[np.void] | np.void) -> bytes:
    """Return the bytes of every field of `rows`, without the padding between them."""
    return repack_fields(np.atleast_1d(rows)).tobytes()


def benign(
    seed: int,
    days: int = 2,
    securities: int = 4,
    hours: float = 6.5,
    frame_s: float = 1.0,
    start_day: int = 0,
) -> Stream:
    """Return a benign stream whose location, scale and own activity follow market volatility.

    Volatility is piecewise constant over spells of 20 minutes (0, 1 or 2). Anomaly is normal,
    novelty and latent log-normal; all are slightly dependent through a shared factor.
    """
    rng = np.random.default_rng(seed)
    per_day = int(hours * 3600 / frame_s)
    parts = []
    for day in range(start_day, start_day + days):
        spells = rng.integers(0, 3, int(np.ceil(hours * 3)) + 1)
        for security in range(securities):
            offsets = np.sort(rng.uniform(0.0, hours * 3600, per_day))
            market = spells[(offsets // 1200).astype(int)].astype(float)
            parts.append((day, security, offsets, market))
    day = np.concatenate([np.full(len(p[2]), p[0]) for p in parts])
    security = np.concatenate([np.full(len(p[2]), p[1]) for p in parts])
    seconds = np.concatenate([p[2] for p in parts])
    market = np.concatenate([p[3] for p in parts])
    ts = day * DAY_NS + OPEN_NS + (seconds * 1e9).astype(np.int64)
    order = np.argsort(ts, kind="stable")
    day, security, seconds, market, ts = (a[order] for a in (day, security, seconds, market, ts))
    n = len(ts)
    scores = np.zeros(n, SCORE)
    scores["security"], scores["ts"], scores["arrival"] = security, ts, np.arange(n) * 3
    shared = rng.normal(size=n)
    scale = 1.0 + 0.5 * market

    def noise() -> NDArray[np.float64]:
        return 0.4 * shared + np.sqrt(1 - 0.16) * rng.normal(size=n)

    scores["anomaly"] = -4.0 + 0.8 * market + scale * noise()
    scores["novelty"] = np.sinh(1.0 + 0.3 * market + 0.2 * scale * noise())
    scores["latent"] = np.sinh(2.0 + 0.2 * noise())
    scores["typology"] = rng.normal(size=(n, 13))
    scores["modality"] = scores["ranges"] = 0.25
    conditions = np.zeros((n, 10), np.float32)
    peers = market[:, None] + 0.2 * rng.normal(size=(n, 5))
    conditions[:, :5] = peers
    conditions[:, 5:9] = peers.mean(axis=1, keepdims=True) + 0.5 * rng.normal(size=(n, 4))
    conditions[:, 9] = seconds / (hours * 3600)
    return Stream(scores, conditions, np.zeros(n, np.uint8), market)
