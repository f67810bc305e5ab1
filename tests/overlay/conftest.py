"""One simulated and one real tape with abuse laid over them, for all tests here."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from darkpool_watch.overlay.inject import InjectConfig, Overlaid, inject
from darkpool_watch.sim.market import SimConfig, Simulator
from darkpool_watch.tape.detect import open_tape
from darkpool_watch.tape.tape import Tape
from kernels.layout import DARK, LEVEL
from tests.naive.overlay import OverlaidBook

MANY = InjectConfig(seed=5, campaigns_per_hour=40.0)
REAL = InjectConfig(seed=7, campaigns_per_hour=6.0)


@pytest.fixture(scope="session")
def recorded() -> Tape:
    """Return a simulated tape as a recorded one: two clocks, a pool, ids without gaps."""
    simulator = Simulator(SimConfig(seed=9, securities=2, seconds=1_200.0, lookalikes_per_hour=0.0))
    events = np.concatenate([block for block, _ in simulator.blocks()])
    return Tape(
        "sim", "parquet", events, tuple(simulator.definitions()), tuple(simulator.accounts())
    )


@pytest.fixture(scope="session")
def overlaid(recorded: Tape) -> Overlaid:
    return inject(recorded, MANY)


@lru_cache(maxsize=2)
def real(path: Path) -> tuple[Tape, Overlaid]:
    tape = open_tape(path)
    return tape, inject(tape, REAL)


def own_of(done: Overlaid) -> Any:
    """Return (N,) bool: records of campaigns and look-alikes."""
    own = np.zeros(len(done.tape.events), bool)
    for one in (*done.truth.campaigns, *done.truth.lookalikes):
        own[np.array(one.sequences) - 1] = True
    return own


def without_sequence(events: Any) -> bytes:
    """Return the bytes of EVENT rows but for their numbers."""
    rows = events.copy()
    rows["sequence"] = 0
    return bytes(rows.tobytes())


def check_legal(done: Overlaid, original: Tape, levels: int) -> None:
    """Apply every record of every lit listing to a plain book that refuses what is not legal."""
    used = {int(x) for name in ("order_id", "contra_order_id") for x in original.events[name]}
    own = own_of(done)
    lit = (done.tape.events["flags"] & DARK) == 0
    for listing in np.unique(done.tape.events["instrument_id"][lit]):
        book = OverlaidBook(set(used), levels)
        here = lit & (done.tape.events["instrument_id"] == listing)
        for event, mine in zip(done.tape.events[here], own[here].tolist(), strict=True):
            book.apply(event, mine)
        assert book.own == {}, "an own order was left behind"


def shown_levels(tape: Tape, depth: int) -> int:
    """Return the levels that a tape shows, where it corrects its depth."""
    return depth if (tape.events["kind"] == LEVEL).any() else 0
