"""The episodes of rule 2: what accounts sent while a placebo re-sent for them, or did not.

A placebo and a control are planned alike and told apart by a coin, `mode`. Both are told here by
the accounts' messages in the planned span alone, so that nothing but the coin differs.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkpool_watch.evaluate.cells import cells_of
from darkpool_watch.evaluate.placebo import against_controls
from darkpool_watch.evaluate.sample import CAMPAIGN, Sample
from darkpool_watch.features.normaliser import Normaliser
from darkpool_watch.sim.frames import Change, Stages
from darkpool_watch.sim.labels import LABEL, Campaign, label_events
from darkpool_watch.sim.market import SimConfig, Simulator
from darkpool_watch.sim.population import security_of
from darkpool_watch.typologies import MODEL_TYPOLOGIES
from kernels.sim_cast import PLACEBO


def placebo_day(
    config: SimConfig, normaliser: Normaliser, *, change: Change | None = None
) -> Sample:
    """Return one simulated day's episodes, re-sent ones active and controls clean.

    Only the frames of these are kept. `change` is shown to the stages in place of the events.
    """
    simulator = Simulator(config)
    values, arrivals, kept = [], [], []
    for block in Stages(simulator, normaliser).play(change):
        frames = block.frames
        values.append(np.where(frames.mask > 0, np.nan, frames.values).astype(np.float16))
        arrivals.append(frames.arrival.copy())
        kept.append(block.events[["ts_event", "instrument_id", "account", "contra_account"]])
    events = np.concatenate(kept)
    security = (security_of(events["instrument_id"]) - 1).astype(np.int32)
    placebos = simulator.planned[simulator.planned["code"] == PLACEBO]
    labels = _labels(events, security, placebos)
    alike = np.full(len(events), -1, np.int8)
    table = np.zeros(len(placebos), CAMPAIGN)
    table["cluster"], table["stealth"] = placebos["security"], 1.0
    cells = cells_of(security, np.concatenate(arrivals), labels, alike)
    whole = Sample(
        np.concatenate(values),
        cells[cells["frame"] >= 0],
        table,
        np.zeros(len(MODEL_TYPOLOGIES), np.int64),
        config.securities,
    )
    found = against_controls(whole, placebos["mode"] == 1)
    used, found.cells["frame"] = np.unique(found.cells["frame"], return_inverse=True)
    return found._replace(values=found.values[used])


def _labels(
    events: NDArray[np.void],  # (N,) of one day, in order
    security: NDArray[np.int32],  # (N,) rows
    placebos: NDArray[np.void],  # (M,) AGENT
) -> NDArray[np.void]:
    """Return (N,) LABEL as of campaigns that are active from their first message on."""
    labels = np.zeros(len(events), LABEL)
    for s in np.unique(security):
        here = np.flatnonzero(security == s)
        own = events[here]
        episodes = [
            episode
            for number in np.flatnonzero(placebos["security"] == s).tolist()
            if (episode := _episode(number, placebos[number], own)) is not None
        ]
        ids = np.full(len(here), s + 1)
        labels[here] = label_events(own["ts_event"], ids, episodes)
    return labels


def _episode(number: int, placebo: Any, events: NDArray[np.void]) -> Campaign | None:
    """Return what a placebo's accounts sent in its span; None where that is nothing."""
    ts = events["ts_event"]
    begins = int(placebo["planned"])
    low, high = np.searchsorted(ts, [begins, begins + int(placebo["span"])])
    accounts = placebo["accounts"][: placebo["members"]]
    span = events[low:high]
    mine = np.isin(span["account"], accounts) | np.isin(span["contra_account"], accounts)
    times = tuple(span["ts_event"][mine].tolist())
    if not times:
        return None
    first = MODEL_TYPOLOGIES[0]
    return Campaign(
        id=number,
        typology=first.code,
        number=0,
        symbol="",
        security_id=int(placebo["security"]) + 1,
        accounts=tuple(accounts.tolist()),
        start=times[0],
        evidence=times[0],
        end=times[-1],
        stealth=1.0,
        messages=times,
    )
