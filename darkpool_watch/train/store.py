"""Feature frames on disk: a folder of parts in float16, as training reads them."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from darkpool_watch.errors import TapeError
from darkpool_watch.features.catalog import FINGERPRINT
from darkpool_watch.features.normaliser import Normaliser
from darkpool_watch.sim.frames import Stages
from darkpool_watch.sim.generator import generator_hash
from darkpool_watch.sim.market import SimConfig, Simulator
from darkpool_watch.tape.folder import Manifest, PartFolder
from darkpool_watch.train.simulated import DayFrames, frame_blocks, joined
from darkpool_watch.units import NS_PER_S

PART_FRAMES: Final = 250_000  # 130 MB while they wait to be written
SUFFIX: Final = ".frames.safetensors"


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """All that decides the bytes of a folder of frames, beside the generator."""

    days: tuple[SimConfig, ...]
    catalog: str
    part_frames: int


def write_frames(
    folder: Path,
    days: tuple[SimConfig, ...],
    normaliser: Normaliser | None = None,
    *,
    part_frames: int = PART_FRAMES,
    progress: Callable[[float], None] = lambda _: None,
) -> Manifest:
    """Simulate days into a folder of DayFrames, in bounded memory, and return its manifest.

    Without a normaliser values are scaled and bounded alone. `progress` is told how many seconds of
    tape have been simulated. An interrupted run goes on where it stopped.

    Raises TapeError where the folder holds something else or the disk refuses.
    """
    recipe = Recipe(days=days, catalog=FINGERPRINT, part_frames=part_frames)
    store = PartFolder(
        folder, kind="frames", maker=generator_hash(), recipe=msgspec.json.encode(recipe)
    )
    done = 0.0
    for config in days:
        stages = Stages(Simulator(config), normaliser or Normaliser.default())
        for number, frames in enumerate(_parts(frame_blocks(stages), part_frames)):
            name = f"day-{config.day:03d}-part-{number:03d}{SUFFIX}"
            if store.wanted(name):
                store.add(name, len(frames.ts), partial(_write, frames))
            progress(done + (int(frames.ts[-1]) - stages.simulator.begins) / NS_PER_S)
        done += config.seconds
        progress(done)
    store.finish()
    return store.manifest


def read_frames(path: Path) -> DayFrames:
    """Return the frames of one part; TapeError where it cannot be read."""
    try:
        return DayFrames(**load_file(path))
    except (OSError, SafetensorError, TypeError) as err:
        raise TapeError(f"Cannot read frames {path}: {err}") from err


def _parts(blocks: Iterator[DayFrames], part_frames: int) -> Iterator[DayFrames]:
    held: list[DayFrames] = []
    count = 0
    for block in blocks:
        while len(block.ts):
            room = part_frames - count
            head = DayFrames._make(column[:room] for column in block)
            block = DayFrames._make(column[room:] for column in block)
            held.append(head)
            count += len(head.ts)
            if count == part_frames:
                yield joined(held)
                held, count = [], 0
    if held:
        yield joined(held)


def _write(frames: DayFrames, path: Path) -> None:
    try:
        save_file(frames._asdict(), path)
    except SafetensorError as err:
        raise TapeError(str(err)) from err
