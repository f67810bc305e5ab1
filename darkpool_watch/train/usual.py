"""What is usual, fitted on simulated days without campaigns: by class, and by security.

Each security-day is measured as a stranger would be, by the production kernels, and enters three
history rows: that of all, that of its class, and that of its security. Terciles are those of the
security-days; a class that saw too few of them is that of all.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from darkpool_watch.errors import ConfigError
from darkpool_watch.features.normaliser import HALF_HOURS, Normaliser
from darkpool_watch.sim.frames import Stages
from darkpool_watch.sim.market import SimConfig, Simulator
from darkpool_watch.train.simulated import HALF_HOUR_NS
from darkpool_watch.units import NS_PER_S
from kernels.classes import CLASSES, MEASURES, TERCILES
from kernels.hawkes import HAWKES_PARAMETERS, fit
from kernels.history import FLOWS, LEAST_WATCHED_S
from kernels.layout import DARK_TRADE, LEVEL, NO_TRADE
from kernels.profile import A1, A2, A_FLOW, IN_USE, MU, P10, P50, P90, PRIOR, REFERENCE_P95

EVERY: Final = 16  # one frame in so many is kept
LEAST_SECURITY_DAYS: Final = 4  # of a class that has statistics of its own
HAWKES_EVENTS: Final = 20_000  # from the middle of a day
HAWKES_STEPS: Final = 300  # EM is slow: after 60 the slower kernel was still on its way
HAWKES_STARTS: Final = (PRIOR[MU:], (1.0, 0.3, 50.0, 0.3, 0.5))  # the best of these is taken
SIZES: Final = (P10, P50, P90, REFERENCE_P95)

Floats = npt.NDArray[np.float64]


class SecurityDay(NamedTuple):
    """What one security's day tells."""

    symbol: str
    measures: Floats  # (3,) price, spread, rate of its first minutes; NaN = never measured
    raw: npt.NDArray[np.float32]  # (K, 240) every 16th raw row
    half_hour: npt.NDArray[np.int64]  # (K,)
    flows: Floats  # (H, 4) kernels.profile A_FLOW; NaN where less than half was watched
    sizes: Floats  # (4,) P10, P50, P90 of order sizes; P95 of reference ages, ns
    hawkes: Floats  # (5,) MU, A1, B1, A2, B2; NaN with too few messages


def fit_normaliser(days: Sequence[SimConfig]) -> Normaliser:
    """Return the normaliser of simulated days, their campaigns left out.

    The first row is `equity`, all there is; rows of classes and of securities follow.
    """
    found = [one for config in days for one in security_days(config)]
    if not found:
        raise ConfigError("The normaliser needs at least one day: set normaliser_days")
    bounds = terciles(np.array([one.measures for one in found]))
    cells = np.array([cell_of(one.measures, bounds) for one in found])
    large = [c for c in range(CLASSES) if np.sum(cells == c) >= LEAST_SECURITY_DAYS]
    classes = np.zeros(CLASSES, np.int64)
    classes[large] = 1 + np.arange(len(large))
    symbols = sorted({one.symbol for one in found})
    names = ["equity", *(f"tercile {c // 9}{c // 3 % 3}{c % 3}" for c in large), *symbols]
    rows = np.array(
        [
            (0, classes[cell] if cell >= 0 and classes[cell] > 0 else -1, names.index(one.symbol))
            for one, cell in zip(found, cells, strict=True)
        ]
    )
    return Normaliser.fit(
        np.concatenate([one.raw for one in found]),
        np.concatenate([one.half_hour for one in found]),
        names,
        np.repeat(rows, [len(one.raw) for one in found], axis=0),
        own=frozenset(symbols),
        profile=np.array(
            [
                profile_of([one for one, of in zip(found, rows, strict=True) if c in of])
                for c in range(len(names))
            ]
        ),
        bounds=bounds,
        classes=classes,
    )


def terciles(measures: Floats) -> Floats:
    """Return (3, 2) bounds that cut the measures (N, 3) of security-days into three equal parts."""
    known = measures[~np.isnan(measures).any(axis=1)]
    if len(known) < TERCILES:
        return np.full((MEASURES, 2), np.nan)
    bounds: Floats = np.quantile(known, [1 / 3, 2 / 3], axis=0).T.copy()
    return bounds


def cell_of(measures: Floats, bounds: Floats) -> int:
    """Return the class 9 price + 3 spread + rate; -1 of a security-day without measures."""
    if np.isnan(measures).any():
        return -1
    price, spread, rate = (measures[:, None] >= bounds).sum(axis=1).tolist()
    return int(9 * price + 3 * spread + rate)


def profile_of(days: Sequence[SecurityDay]) -> Floats:
    """Return the reference statistics (H, 12) of security-days: medians, by half-hour for flows."""
    profile = np.full((HALF_HOURS, IN_USE), np.nan)
    profile[:, SIZES] = _median(np.array([one.sizes for one in days]))
    profile[:, MU : MU + HAWKES_PARAMETERS] = _median(np.array([one.hawkes for one in days]))
    flows = _median(np.array([one.flows for one in days]))
    for k, column in enumerate(A_FLOW):
        alone = 1.0 - profile[:, A1] - profile[:, A2] if column == MU else 1.0
        profile[:, column] = flows[:, k] * alone
    return profile


def security_days(config: SimConfig) -> list[SecurityDay]:
    """Return what each security of a simulated day tells, its campaigns left out."""
    calm = msgspec.structs.replace(config, campaigns_per_hour=0.0, plan=())
    simulator = Simulator(calm)
    stages = Stages(simulator, Normaliser.default())
    count, opens = config.securities, simulator.opens
    raw: list[list[npt.NDArray[np.float32]]] = [[] for _ in range(count)]
    half_hours: list[list[npt.NDArray[np.int64]]] = [[] for _ in range(count)]
    times: list[list[npt.NDArray[np.int64]]] = [[] for _ in range(count)]
    frames_of = np.zeros(count, np.int64)
    sums = np.zeros((count, HALF_HOURS, FLOWS + 1))
    for block in stages.play():
        observations, frames = block.observations, block.frames
        _add_flows(observations, opens, sums)
        for s in range(count):
            messages = (observations["security"] == s) & (observations["kind"] != LEVEL)
            times[s].append(observations["ts"][messages])
            mine = np.flatnonzero(frames.security == s)
            kept = mine[(frames_of[s] + np.arange(len(mine))) % EVERY == 0]
            frames_of[s] += len(mine)
            raw[s].append(frames.raw[kept])
            half_hours[s].append(_half_hours(frames.ts[kept], opens))
    begins = opens + np.arange(HALF_HOURS) * HALF_HOUR_NS
    ends = np.minimum(begins + HALF_HOUR_NS, simulator.ends)
    watched = (ends - np.maximum(begins, simulator.begins)) / NS_PER_S
    profiles = stages.extractor.snapshot()["profile"]
    return [
        SecurityDay(
            stages.symbols[s],
            stages.extractor.measures(s),
            np.concatenate(raw[s]),
            np.concatenate(half_hours[s]),
            _flows(sums[s], watched),
            profiles[s, SIZES],
            fit_hawkes(np.concatenate(times[s])),
        )
        for s in range(count)
    ]


def fit_hawkes(times: npt.NDArray[np.int64]) -> Floats:
    """Return MU, A1, B1, A2, B2 of the middle of a day's messages; NaN with too few."""
    if len(times) < HAWKES_EVENTS // 100:
        return np.full(HAWKES_PARAMETERS, np.nan)
    start = max(0, (len(times) - HAWKES_EVENTS) // 2)
    stretch = times[start : start + HAWKES_EVENTS].copy()
    best, found = -np.inf, np.full(HAWKES_PARAMETERS, np.nan)
    for guess in HAWKES_STARTS:
        parameters = np.array(guess)
        loglik = fit(stretch, int(stretch[-1]), HAWKES_STEPS, parameters)
        if loglik > best:
            best, found = loglik, parameters
    return found


def _add_flows(observations: npt.NDArray[np.void], opens: int, sums: Floats) -> None:
    """Add a block to (S, H, 5): lit, dark, depth, messages, observations that know the depth."""
    at = (observations["security"], _half_hours(observations["ts"], opens))
    trade, traded = observations["trade"], observations["traded"]
    depth = observations["depth5"]
    known = depth > 0.0
    np.add.at(sums[..., 0], at, np.where((trade != NO_TRADE) & (trade != DARK_TRADE), traded, 0))
    np.add.at(sums[..., 1], at, np.where(trade == DARK_TRADE, traded, 0))
    np.add.at(sums[..., 2], at, np.where(known, depth, 0.0))
    np.add.at(sums[..., 3], at, observations["kind"] != LEVEL)
    np.add.at(sums[..., 4], at, known)


def _flows(sums: Floats, watched: Floats) -> Floats:
    """Return (H, 4) flows a second, and mean depth; NaN where nothing, or too little, was seen."""
    with np.errstate(invalid="ignore", divide="ignore"):
        flows = sums[:, :FLOWS] / watched[:, None]
        flows[:, 2] = sums[:, 2] / sums[:, 4]
    flows[(watched < LEAST_WATCHED_S)[:, None] | ~(flows > 0.0)] = np.nan
    return flows


def _half_hours(ts: npt.NDArray[np.int64], opens: int) -> npt.NDArray[np.int64]:
    return np.clip((ts - opens) // HALF_HOUR_NS, 0, HALF_HOURS - 1)


def _median(values: Floats) -> Floats:
    """Return the median over the first axis of what is not NaN; NaN where all is."""
    known = np.sum(~np.isnan(values), axis=0)
    ordered = np.sort(values, axis=0)  # NaN last
    lower = np.take_along_axis(ordered, np.maximum((known - 1) // 2, 0)[None], axis=0)[0]
    upper = np.take_along_axis(ordered, np.minimum(known // 2, len(values) - 1)[None], axis=0)[0]
    median: Floats = np.where(known > 0, 0.5 * (lower + upper), np.nan)
    return median
