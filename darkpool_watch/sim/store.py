"""A simulation on disk: a folder of tapes with their labels, and what truly happened each day."""

import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from darkpool_watch.errors import TapeError
from darkpool_watch.sim.generator import generator_hash
from darkpool_watch.sim.labels import LABEL
from darkpool_watch.sim.market import SimConfig, Simulator
from darkpool_watch.sim.matrix import pairings
from darkpool_watch.sim.tally import Tally
from darkpool_watch.sim.venue import truth_of
from darkpool_watch.sim.views import View, ViewName, view_of
from darkpool_watch.tape.folder import TAPE_SUFFIX, Manifest, PartFolder
from darkpool_watch.tape.parquet import write_parquet, write_table
from darkpool_watch.tape.reference import COUNTERPARTIES, write_counterparties
from darkpool_watch.tape.tape import Tape
from darkpool_watch.units import NS_PER_S

PART_EVENTS: Final = 1_000_000  # 96 MB of events while they wait to be written
_BLOCK: Final = 65_536

Rows = NDArray[np.void]


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """All that decides the bytes of a folder of tapes, beside the generator."""

    days: tuple[SimConfig, ...]
    view: ViewName
    part_events: int
    records: int | None


def write_tapes(
    folder: Path,
    days: tuple[SimConfig, ...],
    *,
    view: ViewName = "venue",
    part_events: int = PART_EVENTS,
    records: int | None = None,
    tally: Tally | None = None,
    progress: Callable[[float], None] = lambda _: None,
) -> Manifest:
    """Simulate days into a folder, in bounded memory, and return its manifest.

    Each day becomes tapes of at most `part_events` records, a file of LABEL rows beside each, and
    one of what was injected; the pools' counterparty matrix goes before them. With `records` the
    set ends after so many; `tally` counts them. `progress` is told how many seconds of tape have
    been simulated. An interrupted run goes on where it stopped: what is whole is simulated again
    but not written. Who is seen in `view` is settled by the first part.

    Raises TapeError where the folder holds something else or the disk refuses.
    """
    recipe = Recipe(days=days, view=view, part_events=part_events, records=records)
    store = PartFolder(
        folder, kind="tapes", maker=generator_hash(), recipe=msgspec.json.encode(recipe)
    )
    if store.wanted(COUNTERPARTIES):
        matrix = pairings()
        store.add(COUNTERPARTIES, len(matrix), partial(write_counterparties, matrix))
    done = 0.0
    left = sys.maxsize if records is None else records
    seen: View | None = None
    for config in days:
        if left == 0:
            break
        simulator = Simulator(config)
        for number, (events, labels) in enumerate(_parts(simulator, part_events, left)):
            stem = f"day-{config.day:03d}-part-{number:03d}"
            if seen is None:
                seen = view_of(view, simulator.accounts(), events, seed=config.seed)
            _write_part(store, stem, simulator, events, labels, seen)
            left -= len(events)
            if tally is not None:
                tally.add(events, labels)
            progress(done + (int(events["ts_event"][-1]) - simulator.begins) / NS_PER_S)
        truth = msgspec.json.encode(truth_of(simulator))
        name = f"day-{config.day:03d}.truth.json"
        if store.wanted(name):
            store.add(name, 1, partial(_write_bytes, truth))
        if tally is not None:
            tally.add_day(simulator.campaigns, simulator.lookalikes)
        done += config.seconds
        progress(done)
    progress(sum(config.seconds for config in days))  # fewer may have been enough for `records`
    store.finish()
    return store.manifest


def _parts(simulator: Simulator, part_events: int, most: int) -> Iterator[tuple[Rows, Rows]]:
    """Yield the tape's first `most` records in parts of at most `part_events`."""
    held: list[tuple[Rows, Rows]] = []
    count = 0
    for events, labels in simulator.blocks(min(_BLOCK, part_events)):
        events, labels = events[:most], labels[:most]
        most -= len(events)
        while len(events):
            room = part_events - count
            held.append((events[:room], labels[:room]))
            count += len(held[-1][0])
            events, labels = events[room:], labels[room:]
            if count == part_events:
                yield _joined(held)
                held, count = [], 0
        if most == 0:
            break
    if held:
        yield _joined(held)


def _joined(held: list[tuple[Rows, Rows]]) -> tuple[Rows, Rows]:
    return np.concatenate([e for e, _ in held]), np.concatenate([z for _, z in held])


def _write_part(
    store: PartFolder, stem: str, simulator: Simulator, events: Rows, labels: Rows, view: View
) -> None:
    tape, beside = stem + TAPE_SUFFIX, f"{stem}.labels.parquet"
    if store.wanted(tape):
        shown = Tape(
            label=stem,
            format="simulated",
            events=view.apply(events),
            definitions=tuple(simulator.definitions()),
            accounts=tuple(view.records(simulator.accounts())),
        )
        store.add(tape, len(events), lambda path: write_parquet(shown, path))
    if store.wanted(beside):
        store.add(beside, len(events), lambda path: write_labels(labels, path))


def write_labels(labels: Rows, path: Path) -> None:
    """Write LABEL rows to parquet, a column a field; TapeError where the disk refuses."""
    write_table(pl.DataFrame({name: labels[name] for name in LABEL.names or ()}), path)


def read_labels(path: Path) -> Rows:
    """Return the LABEL rows at `path`.

    Raises TapeError for a damaged file or another table.
    """
    try:
        table = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as err:
        raise TapeError(f"Cannot read labels {path}: {str(err).splitlines()[0]}") from err
    if tuple(table.columns) != LABEL.names:
        raise TapeError(
            f"{path} has columns {', '.join(table.columns)}, needed {', '.join(LABEL.names or ())}"
        )
    labels = np.zeros(len(table), LABEL)
    for name in LABEL.names or ():
        labels[name] = table[name].to_numpy()
    return labels


def _write_bytes(content: bytes, path: Path) -> None:
    path.write_bytes(content)
