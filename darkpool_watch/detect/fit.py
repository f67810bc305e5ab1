"""Fit a calibration to scored frames of calibration days.

Half of the days give location, scale and tails; the other half, scored with them, the remap of
the combined heads to uniform and the evidence an episode needs. No label is read.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from darkpool_watch.config import DetectConfig
from darkpool_watch.detect import gpd
from darkpool_watch.detect.calibration import Calibration, blank_record, identity_tail
from darkpool_watch.detect.detector import Detector
from darkpool_watch.errors import ConfigError
from darkpool_watch.units import NS_PER_S
from kernels.tail import KNOTS, TAIL
from kernels.threshold import (
    EXOGENOUS,
    OWN,
    REGIMES,
    design_rows,
)

BLOCK_NS = 60 * NS_PER_S  # one maximum of a security each: neighbours within a run are one event
MIN_BLOCKS = 150  # of either half; fewer could not carry a p-value of 0.008
REGIME_MAXIMA = 300  # a regime with fewer maxima above its threshold takes the pooled tail
DAY_NS = 86_400 * NS_PER_S
SPELL_NS = 600 * NS_PER_S  # where there is one day only, spells of this length alternate
SHRINKAGE_BLOCKS = 10.0  # ridge penalty, as if so many blocks had shown no effect
DESK_SECURITIES = 20
SESSION_NS = 23_400 * NS_PER_S  # a trading day of 6.5 hours
FALSE_EPISODES = 6.0  # a desk and day
CHUNK = 32_768  # frames decided at once


class Frames(NamedTuple):
    """Scored frames in arrival order, with the conditions they were scored under."""

    scores: NDArray[np.void]  # (N,) SCORE
    conditions: NDArray[np.float32]  # (N, 10)
    status: NDArray[np.uint8]  # (N,)
    block: NDArray[np.int64]  # (N,) dense id of (security, 60 s)

    def take(self, rows: NDArray[np.bool_]) -> "Frames":
        """Return the frames of a mask."""
        block = np.unique(self.block[rows], return_inverse=True)[1]
        return Frames(self.scores[rows], self.conditions[rows], self.status[rows], block)

    @property
    def securities(self) -> int:
        """One more than the largest dense row."""
        return int(self.scores["security"].max()) + 1

    @property
    def blocks(self) -> int:
        """Number of declustered blocks."""
        return int(self.block.max()) + 1 if len(self.block) else 0


def fit_calibration(
    scores: NDArray[np.void],
    conditions: NDArray[np.float32],
    ts: NDArray[np.int64] | None = None,
    security: NDArray[np.int32] | None = None,
    *,
    status: NDArray[np.uint8] | None = None,
    config: DetectConfig | None = None,
    false_episodes: float = FALSE_EPISODES,
) -> Calibration:
    """Return the calibration of `scores` (N,) SCORE under `conditions` (N, 10).

    Each security's frames are in arrival order; how securities interleave does not matter.

    `ts` (N,) ns and `security` (N,) default to the columns of `scores`; frames whose `status` is
    not 0 (stale, warming) are left out. Days (UTC) alternate between the two halves; a single
    day alternates in spells of ten minutes. `false_episodes` a desk of 20 securities and day is
    what the evidence threshold allows.

    Raises ConfigError when either half has fewer than 150 blocks of one security and minute.
    """
    config = config or DetectConfig()
    ts = scores["ts"] if ts is None else ts
    security = scores["security"] if security is None else security
    keep = np.isfinite(scores["anomaly"])
    if status is not None:
        keep &= status == 0
    scores = scores[keep].copy()
    ts, security = ts[keep], security[keep]
    scores["ts"], scores["security"] = ts, np.unique(security, return_inverse=True)[1]
    conditions = np.ascontiguousarray(conditions[keep], dtype=np.float32)
    minute = ts // BLOCK_NS
    key = scores["security"].astype(np.int64) * (np.int64(1) << 40) + (
        minute - minute.min(initial=0)
    )
    block = np.unique(key, return_inverse=True)[1]
    frames = Frames(scores, conditions, np.zeros(len(scores), np.uint8), block)
    fit_half = _first_half(ts)
    fitted, held = frames.take(fit_half), frames.take(~fit_half)
    found = min(fitted.blocks, held.blocks)
    if found < MIN_BLOCKS:
        raise ConfigError(
            f"Calibration needs at least {MIN_BLOCKS} minutes of one security in either half, "
            f"found {found}: give it more days or more securities"
        )
    record = blank_record(config)
    record["calibrated"] = 1
    _fit_conditions(record, fitted)
    _fit_heads(record, fitted)
    _fit_remap(record, held, config)
    record["evidence"] = _fit_evidence(record, held, config, false_episodes)
    return Calibration(record)


def _first_half(ts: NDArray[np.int64]) -> NDArray[np.bool_]:
    days = np.unique(ts // DAY_NS, return_inverse=True)[1]
    spell = days if len(days) and days.max() > 0 else ts // SPELL_NS
    return np.asarray(spell % 2 == 0)


def _fit_conditions(record: NDArray[np.void], frames: Frames) -> None:
    """Set how conditions are clipped and standardised, and what own ones follow from peers."""
    c = frames.conditions.astype(np.float64)
    for j in range(c.shape[1]):
        column = c[np.isfinite(c[:, j]), j]
        if len(column) == 0:
            continue
        low, q1, center, q3, high = np.quantile(column, [0.001, 0.25, 0.5, 0.75, 0.999])
        spread = (q3 - q1) / 1.349
        if not spread > 0.0:
            spread = float(column.std())
        record["center"][0, j], record["low"][0, j], record["high"][0, j] = center, low, high
        record["spread"][0, j] = spread if spread > 1e-9 else 1.0
    exogenous, own = _design(record, frames)
    penalty = SHRINKAGE_BLOCKS / frames.blocks
    for j in range(OWN):
        coefficients = _ridge(exogenous, own[:, j], penalty)
        record["own_mean"][0, j] = coefficients
        record["own_cap"][0, j] = np.quantile(own[:, j] - exogenous @ coefficients, 0.95)


def _design(
    record: NDArray[np.void], frames: Frames
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    exogenous = np.empty((len(frames.scores), EXOGENOUS))
    own = np.empty((len(frames.scores), OWN))
    design_rows(record, frames.conditions, exogenous, own)
    return exogenous, own


def _ridge(
    design: NDArray[np.float64],  # (N, K), the first column is 1
    target: NDArray[np.float64],  # (N,)
    penalty: float,
    weight: NDArray[np.float64] | None = None,  # (N,)
) -> NDArray[np.float64]:
    """Return the coefficients of a ridge regression whose first one is not shrunk."""
    weighted = design if weight is None else design * weight[:, None]
    total = len(target) if weight is None else float(weight.sum())
    gram = weighted.T @ design / total
    gram[np.diag_indices_from(gram)] += np.where(np.arange(len(gram)) == 0, 1e-12, penalty)
    return np.asarray(np.linalg.solve(gram, weighted.T @ target / total), np.float64)


def head_scores(scores: NDArray[np.void]) -> NDArray[np.float64]:
    """Return (3, N) the scores of the heads on the scale they are standardised on."""
    values = [scores["anomaly"], scores["novelty"], scores["latent"]]
    stacked = np.stack([v.astype(np.float64) for v in values])
    stacked[1:] = np.arcsinh(stacked[1:])
    stacked[~np.isfinite(stacked)] = np.nan
    return stacked


def _fit_heads(record: NDArray[np.void], frames: Frames) -> None:
    """Set location, scale and tails of each head; a head without scores says nothing."""
    exogenous, own = _design(record, frames)
    volatility = exogenous[:, 1]
    if volatility.std() > 0.0:
        record["edges"][0] = np.quantile(volatility, np.arange(1, REGIMES) / REGIMES)
    regime = np.searchsorted(record["edges"][0], volatility, side="left")
    penalty = SHRINKAGE_BLOCKS / frames.blocks
    for h, x in enumerate(head_scores(frames.scores)):
        here = np.isfinite(x)
        if here.sum() < MIN_BLOCKS:
            record["weights"][0, h] = 0.0
            continue
        z = _fit_location_scale(record[0], h, x[here], exogenous[here], own[here], penalty)
        block = frames.block[here]
        pooled = fit_tail(z, block)
        for r in range(REGIMES):
            member = regime[here] == r
            enough = len(np.unique(block[member])) >= 2 * REGIME_MAXIMA
            record["tails"][0, h, r] = fit_tail(z[member], block[member]) if enough else pooled


def _fit_location_scale(
    record: np.void,
    h: int,
    x: NDArray[np.float64],  # (N,)
    exogenous: NDArray[np.float64],  # (N, 8)
    own: NDArray[np.float64],  # (N, 4)
    penalty: float,
) -> NDArray[np.float64]:
    """Set beta, gamma, own_beta and iqr of head h and return its z (N,)."""
    design = np.hstack([exogenous, own])
    weight = np.ones(len(x))
    share = np.zeros(len(x))
    location = share
    log_scale = np.zeros(len(x))
    least = 1e-6 * max(1.0, abs(float(np.median(x))))  # a constant head: rounding is no news
    for _ in range(3):
        coefficients = _ridge(design, x, penalty, weight)
        record["beta"][h], record["own_beta"][h] = np.split(coefficients, [EXOGENOUS])
        location = exogenous @ coefficients[:EXOGENOUS]
        residual = x - location - own @ coefficients[EXOGENOUS:]
        spread = float(np.subtract(*np.quantile(residual, [0.75, 0.25])))
        record["iqr"][h] = max(spread, least)
        share = np.clip(own @ coefficients[EXOGENOUS:], -record["iqr"][h], record["iqr"][h])
        size = np.maximum(np.abs(x - location - share), 0.01 * record["iqr"][h])
        gamma = _ridge(exogenous, np.log(size), penalty)
        log_scale = np.clip(exogenous[:, 1:] @ gamma[1:], -1.4, 1.4)
        # The constant makes the residual's IQR that of a standard normal distribution.
        standard = (x - location - share) / np.exp(log_scale)
        spread = float(np.subtract(*np.quantile(standard, [0.75, 0.25])))
        gamma[0] = np.log(max(spread, least) / 1.349)
        record["gamma"][h] = gamma
        weight = np.exp(-2.0 * (log_scale - log_scale.mean()))
    # The tracker steps by the residual clipped to one IQR: centre that, or it would drift.
    bound = record["iqr"][h]
    for _ in range(30):
        shift = float(np.clip(x - location - share, -bound, bound).mean())
        location = location + shift
        record["beta"][h, 0] += shift
    return np.asarray((x - location - share) / np.exp(record["gamma"][h, 0] + log_scale))


def fit_tail(
    z: NDArray[np.float64],  # (N,)
    block: NDArray[np.int64],  # (N,)
) -> NDArray[np.void]:
    """Return the () TAIL of frames `z`: a table below, a generalised Pareto tail above.

    The tail's threshold is exceeded by a tenth of the block maxima, or by 300 of them where that
    is more, at most half. Its height is the share of frames beyond it, its form that of the
    maxima. A shape below 0 counts as 0: no end point is claimed from a finite sample.
    """
    maxima = np.full(int(block.max()) + 1, -np.inf)
    np.maximum.at(maxima, block, z)
    maxima = np.sort(maxima[np.isfinite(maxima)])
    count = min(max(REGIME_MAXIMA, len(maxima) // 10), len(maxima) // 2)
    threshold = maxima[-count - 1]
    excess = maxima[-count:] - threshold
    excess = excess[excess > 0.0]
    beyond = max(int((z > threshold).sum()), 1)
    tail = np.zeros((), TAIL)
    tail["y"] = np.linspace(0.0, np.log(len(z) / beyond), KNOTS)
    knots = np.quantile(z, -np.expm1(-tail["y"]))
    knots[-1] = threshold
    # Knots of an atom rise above it, so that its own p-value is P(Z >= z), the largest of them.
    least = 1e-9 * max(1.0, float(np.abs(knots).max()))
    for k in range(1, KNOTS):
        knots[k] = max(knots[k], knots[k - 1] + least)
    tail["z"] = knots
    if len(excess) < 10:
        tail["scale"] = float(excess.mean()) if len(excess) else least
        return tail
    fitted = gpd.fit(excess)
    shape = min(max(fitted.shape, 0.0), 0.5)
    tail["shape"] = shape
    tail["scale"] = fitted.scale if shape == fitted.shape else (1.0 - shape) * float(excess.mean())
    return tail


def _decided(
    record: NDArray[np.void], frames: Frames, config: DetectConfig
) -> list[NDArray[np.void]]:
    """Return the DECISION rows of `frames` under `record`, in chunks."""
    detector = Detector(config, Calibration(record), frames.securities)
    chunks = []
    for start in range(0, len(frames.scores), CHUNK):
        rows = slice(start, start + CHUNK)
        chunks.append(
            detector.decide_many(frames.scores[rows], frames.conditions[rows], frames.status[rows])
        )
        detector.drain()
    return chunks


def _fit_remap(record: NDArray[np.void], held: Frames, config: DetectConfig) -> None:
    """Set the remap that makes the combined p-value uniform on the held-out half."""
    record["remap"] = identity_tail()
    record["floor_y"] = np.log(held.blocks)
    combined = [chunk["combined"] for chunk in _decided(record, held, config)]
    record["remap"] = fit_tail(np.concatenate(combined), held.block)


def _fit_evidence(
    record: NDArray[np.void], held: Frames, config: DetectConfig, false_episodes: float
) -> float:
    """Return the smallest evidence at which the held-out half opens few enough episodes.

    Where the half is too short for one episode to be allowed, a quarter is added to the evidence
    at which none opens.
    """
    if config.evidence_threshold is not None:
        return config.evidence_threshold
    allowed = int(false_episodes * _desk_days(held))
    decisions = _decided(record, held, config)
    low, high = 4.0, 400.0
    while high - low > 0.1:
        middle = (low + high) / 2.0
        record["evidence"] = middle
        detector = Detector(config, Calibration(record), held.securities)
        if _episodes_opened(detector, decisions) <= allowed:
            high = middle
        else:
            low = middle
    return high if allowed else 1.25 * high


def _episodes_opened(detector: Detector, decisions: list[NDArray[np.void]]) -> int:
    opened = 0
    for chunk in decisions:
        detector.follow(chunk)
        opened += sum(update.state == "opened" for update in detector.drain())
    return opened


def _desk_days(frames: Frames) -> float:
    """Return how many days of 6.5 hours of a desk of 20 securities the frames cover."""
    return frames.blocks * BLOCK_NS / SESSION_NS / DESK_SECURITIES
