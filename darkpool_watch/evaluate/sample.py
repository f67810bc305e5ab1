"""Simulated days as what is judged: frames of 240 features, and the cells of all their records."""

from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from darkpool_watch.evaluate.cells import CELL, cells_of
from darkpool_watch.features.normaliser import HALF_HOURS, Normaliser
from darkpool_watch.sim.frames import Change, play
from darkpool_watch.sim.market import SimConfig, Simulator
from darkpool_watch.units import NS_PER_S
from darkpool_watch.wire.events import AccountRecord
from kernels.layout import FEATURES
from kernels.sim_labels import CLEAN, RECENT_NS

HALF_HOUR_NS: Final = 1_800 * NS_PER_S

CAMPAIGN: Final = np.dtype(
    [
        ("typology", "i1"),  # index in MODEL_TYPOLOGIES; -1 = planned, but the tape ended first
        ("cluster", "<i4"),  # security-day
        ("stealth", "<f4"),
    ]
)


class Sample(NamedTuple):
    """Days played and labelled."""

    values: NDArray[np.float16]  # (K, 240) normalised frames, NaN where undefined
    cells: NDArray[np.void]  # (C,) CELL
    campaigns: NDArray[np.void]  # (M,) CAMPAIGN: what a cell's `campaign` is a row of
    alikes: tuple[str, ...]  # kinds of look-alike: what a cell's `alike` is an index of
    clusters: int

    def select(self, cells: NDArray[np.bool_]) -> "Sample":
        """Return the sample with some of its cells; frames and campaigns stay."""
        return self._replace(cells=self.cells[cells])


def play_day(
    config: SimConfig,
    normaliser: Normaliser,
    *,
    thin: int = 1,
    change: Change | None = None,
    accounts: list[AccountRecord] | None = None,
) -> Sample:
    """Return one simulated day.

    With `thin` above 1, of the frames all of whose records are clean one in `thin`, by chance, is
    kept, and its records count so many times: memory is saved where there is most of a kind.
    """
    simulator = Simulator(config)
    rng = np.random.default_rng([config.seed, config.day, thin])
    values, arrivals, labels, security, ts = [], [], [], [], []
    for block in play(simulator, normaliser, change=change, accounts=accounts):
        frames = block.frames
        values.append(np.where(frames.mask > 0, np.nan, frames.values).astype(np.float16))
        arrivals.append(frames.arrival.copy())
        labels.append(block.labels)
        security.append((block.events["instrument_id"].astype(np.int32) - 1) >> 1)
        ts.append(block.events["ts_event"].copy())
    rows = np.concatenate(security)
    alikes, alike = _alike(simulator, rows, np.concatenate(ts))
    cells = cells_of(rows, np.concatenate(arrivals), np.concatenate(labels), alike)
    frames_kept = np.concatenate(values) if values else np.zeros((0, FEATURES), np.float16)
    if thin > 1:
        cells, kept = _thinned(cells, len(frames_kept), thin, rng)
        frames_kept = frames_kept[kept]
    return Sample(frames_kept, cells, _campaigns(simulator), alikes, config.securities)


def _campaigns(simulator: Simulator) -> NDArray[np.void]:
    """Return the campaigns' rows in order of their ids."""
    planned = int((simulator.planned["campaign"] >= 0).sum())
    table = np.zeros(planned, CAMPAIGN)
    table["typology"] = -1
    for one in simulator.campaigns:
        table[one.id] = (one.number, one.security_id - 1, one.stealth)
    return table


def _alike(
    simulator: Simulator,
    security: NDArray[np.int32],  # (N,) rows
    ts: NDArray[np.int64],  # (N,) ns, in order
) -> tuple[tuple[str, ...], NDArray[np.int8]]:
    """Return the kinds of look-alike, and (N,) whose episode each record lies in, or its 5 s."""
    found = simulator.lookalikes
    kinds = tuple(sorted({one.kind for one in found}))
    alike = np.full(len(ts), -1, np.int8)
    for one in found:
        start, stop = np.searchsorted(ts, [one.start, one.end + RECENT_NS])
        mine = security[start:stop] == one.security_id - 1
        alike[start:stop][mine] = kinds.index(one.kind)
    return kinds, alike


def _thinned(
    cells: NDArray[np.void], frames: int, thin: int, rng: np.random.Generator
) -> tuple[NDArray[np.void], NDArray[np.intp]]:
    """Return the cells left, frames renumbered, and the rows of the frames kept."""
    scored = cells["frame"] >= 0
    plain = np.ones(frames, bool)
    plain[cells["frame"][scored & (cells["zone"] != CLEAN)]] = False
    keep = ~plain | (rng.integers(thin, size=frames) == 0)
    left = cells[~scored | keep[cells["frame"]]].copy()
    scored = left["frame"] >= 0
    left["records"] *= np.where(scored & plain[left["frame"]], thin, 1)
    left["frame"][scored] = (np.cumsum(keep) - 1)[left["frame"][scored]]
    return left, np.flatnonzero(keep)


def join(parts: list[Sample]) -> Sample:
    """Return several days as one sample; their frames, campaigns and clusters are renumbered."""
    kinds = tuple(sorted({kind for part in parts for kind in part.alikes}))
    cells, frames, campaigns, clusters = [], 0, 0, 0
    tables = []
    for part in parts:
        moved = part.cells.copy()
        moved["frame"] += np.where(moved["frame"] >= 0, frames, 0).astype(np.int32)
        moved["campaign"] += np.where(moved["campaign"] >= 0, campaigns, 0).astype(np.int32)
        moved["cluster"] += clusters
        names = np.array([kinds.index(kind) for kind in part.alikes] or [-1], np.int8)
        moved["alike"] = np.where(moved["alike"] >= 0, names[moved["alike"]], -1)
        table = part.campaigns.copy()
        table["cluster"] += clusters
        cells.append(moved)
        tables.append(table)
        frames += len(part.values)
        campaigns += len(part.campaigns)
        clusters += part.clusters
    return Sample(
        np.concatenate([part.values for part in parts]),
        np.concatenate(cells) if cells else np.zeros(0, CELL),
        np.concatenate(tables),
        kinds,
        clusters,
    )


def fit_on_calm_day(config: SimConfig) -> Normaliser:
    """Return the normaliser of a day without campaigns, so that no label can enter it."""
    simulator = Simulator(msgspec.structs.replace(config, campaigns_per_hour=0.0, plan=()))
    raw: list[NDArray[Any]] = []
    ts: list[NDArray[np.int64]] = []
    for block in play(simulator, Normaliser.default()):
        raw.append(block.frames.raw.copy())
        ts.append(block.frames.ts.copy())
    half_hour = (np.concatenate(ts) - simulator.opens) // HALF_HOUR_NS
    half_hour = np.clip(half_hour, 0, HALF_HOURS - 1)
    return Normaliser.fit(np.concatenate(raw), half_hour, ["equity"], np.zeros_like(half_hour))
