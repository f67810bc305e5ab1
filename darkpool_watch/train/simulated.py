"""Simulated days as training sequences, through the production books, windows and sampler."""

from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from darkpool_watch.features.normaliser import HALF_HOURS, Normaliser
from darkpool_watch.sim.frames import Stages
from darkpool_watch.sim.market import SimConfig, Simulator
from darkpool_watch.train.dataset import Sequence, pack
from darkpool_watch.units import NS_PER_S

HALF_HOUR_NS = 1_800 * NS_PER_S
STRANGE_SHARE: Final = 0.2  # of training security-days
STRANGERS: Final = 17  # stream of random numbers


class DayFrames(NamedTuple):
    """All nominal frames of one simulated day, in arrival order."""

    security: npt.NDArray[np.int32]  # (K,) dense row
    ts: npt.NDArray[np.int64]  # (K,) ns
    trigger: npt.NDArray[np.uint8]  # (K,)
    values: npt.NDArray[np.float16]  # (K, 240) normalised
    mask: npt.NDArray[np.uint8]  # (K, 30) packed bits, 1 = undefined
    conditions: npt.NDArray[np.float32]  # (K, 10)
    zone: npt.NDArray[np.uint8]  # (K,)
    typology: npt.NDArray[np.int8]  # (K,)
    half_hour: npt.NDArray[np.int64]  # (K,) of the session
    raw: npt.NDArray[np.float32]  # (K, 240) before scaling; (0, 240) unless asked for

    def sequence(self, security: int) -> Sequence:
        """Return the frames of one security as a training sequence."""
        mine = self.security == security
        return Sequence(
            self.values[mine],
            self.mask[mine],
            self.ts[mine],
            self.trigger[mine],
            self.zone[mine],
            self.typology[mine],
        )


def frame_blocks(stages: Stages, *, keep_raw: bool = False) -> Iterator[DayFrames]:
    """Yield the frames of a day under the nominal schedule, a stretch at a time."""
    opens = stages.simulator.opens
    for block in stages.play():
        frames = block.frames
        record = frames.arrival - block.first
        packed = pack(frames.values, frames.mask, frames.ts, frames.trigger)
        yield DayFrames(
            frames.security.copy(),
            packed.ts.copy(),
            packed.trigger.copy(),
            packed.values,
            packed.mask,
            frames.conditions.copy(),
            block.labels["zone"][record],
            block.labels["typology"][record],
            np.clip((packed.ts - opens) // HALF_HOUR_NS, 0, HALF_HOURS - 1),
            frames.raw[: None if keep_raw else 0].copy(),
        )


def joined(parts: list[DayFrames]) -> DayFrames:
    """Return stretches as one."""
    return DayFrames._make(np.concatenate(column) for column in zip(*parts, strict=True))


def simulate_frames(
    config: SimConfig,
    normaliser: Normaliser,
    *,
    keep_raw: bool = False,
    strangers: frozenset[int] = frozenset(),
) -> DayFrames:
    """Simulate one day and return its frames under the nominal schedule.

    Cost: about 1 GiB a million frames while it runs, twice that with raw rows.
    """
    stages = Stages(Simulator(config), normaliser, strangers=strangers)
    return joined(list(frame_blocks(stages, keep_raw=keep_raw)))


def strangers_of(config: SimConfig) -> frozenset[int]:
    """Return the securities, about a fifth, that train on this day as if they had no history."""
    rng = np.random.default_rng([config.seed, config.day, STRANGERS])
    return frozenset(np.flatnonzero(rng.random(config.securities) < STRANGE_SHARE).tolist())


class SimulatedSource:
    """Security-days without end: number n is security n % S of day first_day + n // S.

    A fifth of them run without history. The whole of a day is simulated at once and kept until the
    next one is asked for.
    """

    def __init__(self, config: SimConfig, normaliser: Normaliser, *, first_day: int) -> None:
        self.config = config
        self.normaliser = normaliser
        self.first_day = first_day
        self._day: tuple[int, DayFrames] | None = None

    def __call__(self, number: int) -> Iterator[Sequence]:
        """Yield security-day `number` and those after it."""
        while True:
            day, security = divmod(number, self.config.securities)
            yield self.frames(self.first_day + day).sequence(security)
            number += 1

    def frames(self, day: int) -> DayFrames:
        """Return all frames of a day."""
        if self._day is None or self._day[0] != day:
            config = msgspec.structs.replace(self.config, day=day)
            strangers = strangers_of(config)
            self._day = (day, simulate_frames(config, self.normaliser, strangers=strangers))
        return self._day[1]
