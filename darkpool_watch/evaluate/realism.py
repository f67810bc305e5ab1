"""How real the simulated market is: stylised facts beside real tapes, and what trees can tell."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from darkpool_watch.errors import ConfigError, TapeError
from darkpool_watch.evaluate.discriminator import Verdict, discriminate
from darkpool_watch.evaluate.windows import windows
from darkpool_watch.sim.facts import FACTS, facts, half_hours
from darkpool_watch.sim.flow import LEVELS, Flow, FlowReader
from darkpool_watch.sim.market import SimConfig, Simulator
from darkpool_watch.tape.detect import open_tape

# Whole days with every message of a lit equity book near the touch, for which the bands hold. Books
# of coins, thin books and files without orders say nothing of these facts and are left out.
REAL: Final = ("lobster/*.zip", "*.zip")
NO_POOL: Final = "the real tapes are of one lit exchange and print no pool"
_WARM: Final = SimConfig(securities=1, seconds=2.0)

Say = Callable[[str], None]
Advance = Callable[[int], None]


class FactResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """One stylised fact of the simulator beside the real tapes."""

    simulated: float | None  # median of the securities
    real: float | None  # median of the tapes
    low: float
    high: float
    met: bool  # the median lies in the band, or every security where the band is for each
    simulated_range: tuple[float, float] | None = None  # 10% and 90% of the securities
    share_met: float | None = None  # of the securities
    real_tapes: dict[str, float] = {}
    real_share_met: float | None = None  # of the half hours of the real tapes
    note: str = ""


class Realism(msgspec.Struct, frozen=True):
    """What `darkpool-watch simulate --facts` ends with."""

    facts: dict[str, FactResult]
    events_per_s: float  # generated on one core, labels included, by the wall clock
    discriminator_auroc: float | None
    discriminator: Verdict | None
    events_per_cpu_s: float  # the same by this process's own time
    events: int
    tape: SimConfig
    levels: int  # of every book that are compared
    real: tuple[str, ...]


class Measured(msgspec.Struct, frozen=True):
    """Facts of every security and tape, for a figure."""

    simulated: dict[str, dict[str, float]]  # security -> fact -> value
    real: dict[str, dict[str, float]]
    halves: dict[str, list[dict[str, float]]]  # real tape -> facts of its half hours
    result: Realism


def simulated_flows(config: SimConfig, advance: Advance) -> tuple[list[Flow], int, float, float]:
    """Return the flows of a simulated tape, its events, and wall and CPU s of generating them."""
    for _ in Simulator(_WARM).blocks():
        pass  # compiles before the clocks start
    simulator = Simulator(config)
    reader = FlowReader(simulator.definitions())
    blocks = simulator.blocks(max_events=1 << 16)
    events, wall, cpu = 0, 0.0, 0.0
    while True:
        began, began_cpu = time.perf_counter(), time.process_time()
        block = next(blocks, None)
        wall += time.perf_counter() - began
        cpu += time.process_time() - began_cpu
        if block is None:
            return reader.flows(simulator.begins, simulator.ends), events, wall, cpu
        events += len(block[0])
        reader.add(block[0])
        advance(int((int(block[0]["ts_event"][-1]) - simulator.begins) / 1e9))


def real_flows(folder: Path, say: Say) -> list[Flow]:
    """Return the flows of the real days in a folder of recordings.

    A file that cannot be read, or that shows no orders, is told and passed over.
    """
    if not folder.is_dir():
        raise ConfigError(
            f"Expected a folder of real tapes, was {folder}: name one with --real or "
            "DARKPOOL_WATCH_DATA, or leave both out"
        )
    found: list[Flow] = []
    for path in sorted({path for pattern in REAL for path in folder.glob(pattern)}):
        try:
            tape = open_tape(path)
        except TapeError as err:
            say(f"Passed over {path.name}: {err}")
            continue
        reader = FlowReader(tape.definitions)
        for block in tape.blocks(1 << 16):
            reader.add(block)
        whole = [flow for flow in reader.flows() if flow.whole and len(flow.rows)]
        if not whole:
            say(f"Passed over {path.name}: it does not cover a whole session")
        found += whole
    return found


def measure(
    config: SimConfig,
    real: Sequence[Flow],
    *,
    advance: Advance = lambda _: None,
    say: Say = lambda _: None,
) -> Measured:
    """Simulate a tape, measure it beside real days, and let the trees tell them apart."""
    flows, events, wall, cpu = simulated_flows(config, advance)
    simulated = {flow.label: facts(flow) for flow in flows}
    tapes = {flow.label: facts(flow) for flow in real}
    halves = {flow.label: half_hours(flow) for flow in real}
    verdict = None
    if len(real) > 1:
        verdict = discriminate(
            [windows(flow) for flow in real], [windows(flow) for flow in flows], progress=say
        )
    result = Realism(
        facts=compare(simulated, tapes, halves),
        events_per_s=round(events / max(wall, 1e-9)),
        discriminator_auroc=None if verdict is None else verdict.auroc,
        discriminator=verdict,
        events_per_cpu_s=round(events / max(cpu, 1e-9)),
        events=events,
        tape=config,
        levels=LEVELS,
        real=tuple(tapes),
    )
    return Measured(simulated, tapes, halves, result)


def compare(
    simulated: dict[str, dict[str, float]],
    real: dict[str, dict[str, float]],
    halves: dict[str, list[dict[str, float]]],
) -> dict[str, FactResult]:
    """Return every fact beside its band; what cannot be measured is null and not met."""
    found = {}
    for name, fact in FACTS.items():
        ours = np.array([one[name] for one in simulated.values()])
        ours = ours[np.isfinite(ours)]
        tapes = {label: one[name] for label, one in real.items() if np.isfinite(one[name])}
        inside = (ours >= fact.low) & (ours <= fact.high)
        parts = np.array([one[name] for part in halves.values() for one in part if name in one])
        parts = parts[np.isfinite(parts)]
        middle = float(np.median(ours)) if len(ours) else None
        met = bool(inside.all()) if fact.each else middle is not None
        if met and not fact.each and middle is not None:
            met = fact.low <= middle <= fact.high
        note = ""
        if not len(ours):
            note = "not measured: the simulated tape is too short for it"
        elif real and not tapes:
            note = NO_POOL if name == "dark_share" else "not measured on the real tapes"
        found[name] = FactResult(
            simulated=middle,
            real=float(np.median(list(tapes.values()))) if tapes else None,
            low=fact.low,
            high=fact.high,
            met=met and len(ours) > 0,
            simulated_range=(
                (float(np.quantile(ours, 0.1)), float(np.quantile(ours, 0.9)))
                if len(ours)
                else None
            ),
            share_met=float(inside.mean()) if len(ours) else None,
            real_tapes=tapes,
            real_share_met=(
                float(((parts >= fact.low) & (parts <= fact.high)).mean()) if len(parts) else None
            ),
            note=note,
        )
    return found
