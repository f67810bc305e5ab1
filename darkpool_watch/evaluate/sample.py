"""Simulated days as what is judged: frames of 240 features, and the cells of all their records."""

from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from darkpool_watch.evaluate.cells import CELL, cells_of
from darkpool_watch.evaluate.recent import with_recent
from darkpool_watch.features.normaliser import HALF_HOURS, Normaliser
from darkpool_watch.sim.abuse import CODES
from darkpool_watch.sim.frames import Change, Stages
from darkpool_watch.sim.labels import label_events
from darkpool_watch.sim.market import SimConfig, Simulator
from darkpool_watch.sim.population import security_of
from darkpool_watch.typologies import MODEL_TYPOLOGIES
from darkpool_watch.units import NS_PER_S
from darkpool_watch.wire.events import AccountRecord
from kernels.sim_labels import ACTIVE, CLEAN, RECENT_NS

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

    values: NDArray[np.float16]  # (K, 240) normalised frames, NaN where undefined; or (K, 1201)
    cells: NDArray[np.void]  # (C,) CELL
    campaigns: NDArray[np.void]  # (M,) CAMPAIGN: what a cell's `campaign` is a row of
    alikes: NDArray[np.int64]  # (13,) look-alike episodes by the typology they look like
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
    labels_from: int = 0,
    recent: bool = False,
) -> Sample:
    """Return one simulated day; with `recent` its frames bear their past (`evaluate.recent`).

    With `labels_from` above 0 each security bears the labels of the one so many rows before it.

    With `thin` above 1, of the frames all of whose records are clean one in `thin`, by chance, is
    kept, and its records count so many times: memory is saved where there is most of a kind. Frames
    of onset and echo alone are left out.
    """
    simulator = Simulator(config)
    rng = np.random.default_rng([config.seed, config.day, thin])
    values, arrivals, labels, security, ts, senders = [], [], [], [], [], []
    frame_security, frame_ts = [], []
    for block in Stages(simulator, normaliser, accounts=accounts).play(change):
        frames = block.frames
        values.append(np.where(frames.mask > 0, np.nan, frames.values).astype(np.float16))
        arrivals.append(frames.arrival.copy())
        frame_security.append(frames.security.copy())
        frame_ts.append(frames.ts.copy())
        labels.append(block.labels)
        security.append((security_of(block.events["instrument_id"]) - 1).astype(np.int32))
        ts.append(block.events["ts_event"].copy())
        senders.append(block.senders)
    rows = np.concatenate(security)
    alike = _alike(simulator, rows, np.concatenate(ts), np.concatenate(senders))
    told = np.concatenate(labels)
    if labels_from > 0:
        lender = (rows - labels_from) % config.securities + 1
        told = label_events(np.concatenate(ts), lender, simulator.campaigns)
    cells = cells_of(rows, np.concatenate(arrivals), told, alike)
    all_values = np.concatenate(values)
    kept = np.ones(len(all_values), bool)
    if thin > 1:
        cells, kept = _thinned(cells, len(all_values), thin, rng)
    if recent:
        past = np.concatenate(frame_security), np.concatenate(frame_ts)
        kept_values = with_recent(all_values, *past, kept)
    else:
        kept_values = all_values[kept]
    like = [one.typology for one in simulator.lookalikes]
    episodes = np.array([like.count(one.code) for one in MODEL_TYPOLOGIES])
    return Sample(kept_values, cells, _campaigns(simulator), episodes, config.securities)


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
    senders: NDArray[np.int32],  # (N,)
) -> NDArray[np.int8]:
    """Return (N,) the typology that a benign agent with a message in the last 5 s looks like."""
    alike = np.full(len(ts), -1, np.int8)
    sent = np.flatnonzero(senders >= 0)
    benign = simulator.lookalikes
    for s in range(simulator.config.securities):
        mine = np.flatnonzero(security == s)
        own = sent[security[sent] == s]
        for one in (one for one in benign if one.security_id == s + 1):
            messages = ts[own[senders[own] == one.id]]
            low, high = np.searchsorted(ts[mine], [messages[0], messages[-1] + RECENT_NS])
            reach = mine[low:high]
            newest = messages[np.searchsorted(messages, ts[reach], side="right") - 1]
            alike[reach[newest > ts[reach] - RECENT_NS]] = CODES[one.typology]
    return alike


def _thinned(
    cells: NDArray[np.void], frames: int, thin: int, rng: np.random.Generator
) -> tuple[NDArray[np.void], NDArray[np.bool_]]:
    """Return the cells left, frames renumbered, and which frames are kept.

    Cells of onset and echo stay and lose a frame that nothing else needs, for no figure reads it.
    """
    scored = cells["frame"] >= 0
    judged = scored & np.isin(cells["zone"], (ACTIVE, CLEAN))
    plain = np.zeros(frames, bool)
    plain[cells["frame"][judged]] = True
    keep = plain.copy()
    plain[cells["frame"][scored & (cells["zone"] != CLEAN)]] = False
    keep &= ~plain | (rng.integers(thin, size=frames) == 0)
    left = cells[~judged | keep[cells["frame"]]].copy()
    scored = (left["frame"] >= 0) & keep[left["frame"]]
    left["records"] *= np.where(scored & plain[left["frame"]], thin, 1)
    left["frame"] = np.where(scored, (np.cumsum(keep) - 1)[left["frame"]], -1)
    return left, keep


def join(parts: list[Sample]) -> Sample:
    """Return several days as one sample; their frames, campaigns and clusters are renumbered."""
    cells, frames, campaigns, clusters = [], 0, 0, 0
    tables = []
    for part in parts:
        moved = part.cells.copy()
        moved["frame"] += np.where(moved["frame"] >= 0, frames, 0).astype(np.int32)
        moved["campaign"] += np.where(moved["campaign"] >= 0, campaigns, 0).astype(np.int32)
        moved["cluster"] += clusters
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
        np.sum([part.alikes for part in parts], axis=0),
        clusters,
    )


def turned(sample: Sample, seed: int = 0) -> Sample:
    """Return a sample whose labels lie elsewhere on the tape: turned round within each security.

    Each security's go a quarter to three quarters of its cells on, by chance. They stay as long, as
    many and as clustered, and no longer tell the time: closes are marked at the close, and a tape
    begins without campaigns. The sample has to hold every frame, for thinning goes by the labels.
    """
    rng = np.random.default_rng(seed)
    cells = sample.cells.copy()
    for cluster in np.unique(cells["cluster"]):
        mine = np.flatnonzero(cells["cluster"] == cluster)
        on = int(len(mine) * rng.uniform(0.25, 0.75))
        for name in ("zone", "campaign", "typology"):
            cells[name][mine] = np.roll(cells[name][mine], on)
    return sample._replace(cells=cells)


def fit_on_calm_day(config: SimConfig) -> Normaliser:
    """Return the normaliser of a day without campaigns, so that no label can enter it."""
    simulator = Simulator(msgspec.structs.replace(config, campaigns_per_hour=0.0, plan=()))
    raw: list[NDArray[Any]] = []
    ts: list[NDArray[np.int64]] = []
    for block in Stages(simulator, Normaliser.default()).play():
        raw.append(block.frames.raw.copy())
        ts.append(block.frames.ts.copy())
    half_hour = (np.concatenate(ts) - simulator.opens) // HALF_HOUR_NS
    half_hour = np.clip(half_hour, 0, HALF_HOURS - 1)
    return Normaliser.fit(np.concatenate(raw), half_hour, ["equity"], np.zeros_like(half_hour))
