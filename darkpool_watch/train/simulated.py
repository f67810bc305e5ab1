"""Simulated days as training sequences, through the production books, windows and sampler."""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from darkpool_watch.config import Config
from darkpool_watch.features.extractor import Extractor
from darkpool_watch.features.normaliser import HALF_HOURS, Normaliser
from darkpool_watch.market.listings import Listings
from darkpool_watch.market.state import Market
from darkpool_watch.sim.market import SimConfig, Simulator
from darkpool_watch.train.dataset import Sequence, pack
from darkpool_watch.units import NS_PER_S

HALF_HOUR_NS = 1_800 * NS_PER_S


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


def frame_blocks(
    simulator: Simulator, normaliser: Normaliser, *, keep_raw: bool = False
) -> Iterator[DayFrames]:
    """Simulate one day and yield its frames under the nominal schedule, a stretch at a time."""
    settings = Config()
    listings = Listings(settings.market)
    market = Market(settings.market, listings)
    extractor = Extractor(settings.features, simulator.config.securities, normaliser)
    for definition in simulator.definitions():
        listings.define(definition)
        extractor.define(
            listings.security_row(definition.security_id),
            tick=definition.tick,
            session_open_ns=definition.session_open_ns,
            session_close_ns=definition.session_close_ns,
            names=(definition.symbol, definition.class_),
        )
    for account in simulator.accounts():
        listings.account(account)
    arrival = 0
    for events, labels in simulator.blocks():
        frames = extractor.extract(market.observe(events, arrival))
        rows = frames.arrival - arrival
        arrival += len(events)
        packed = pack(frames.values, frames.mask, frames.ts, frames.trigger)
        half_hour = (packed.ts - simulator.opens) // HALF_HOUR_NS
        yield DayFrames(
            frames.security.copy(),
            packed.ts.copy(),
            packed.trigger.copy(),
            packed.values,
            packed.mask,
            frames.conditions.copy(),
            labels["zone"][rows],
            labels["typology"][rows],
            np.clip(half_hour, 0, HALF_HOURS - 1),
            frames.raw[: None if keep_raw else 0].copy(),
        )


def joined(parts: list[DayFrames]) -> DayFrames:
    """Return stretches as one."""
    return DayFrames._make(np.concatenate(column) for column in zip(*parts, strict=True))


def simulate_frames(
    config: SimConfig, normaliser: Normaliser, *, keep_raw: bool = False
) -> DayFrames:
    """Simulate one day and return its frames under the nominal schedule.

    Cost: about 1 GiB a million frames while it runs, twice that with raw rows.
    """
    return joined(list(frame_blocks(Simulator(config), normaliser, keep_raw=keep_raw)))


def fit_normaliser(config: SimConfig) -> Normaliser:
    """Return the normaliser of a simulated day with no campaigns: one class, `equity`."""
    calm = msgspec.structs.replace(config, campaigns_per_hour=0.0, plan=())
    day = simulate_frames(calm, Normaliser.default(), keep_raw=True)
    return Normaliser.fit(day.raw, day.half_hour, ["equity"], np.zeros(len(day.ts), np.int64))


class SimulatedSource:
    """Security-days without end: number n is security n % S of day first_day + n // S.

    The whole of a day is simulated at once and kept until the next one is asked for.
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
            self._day = (day, simulate_frames(config, self.normaliser))
        return self._day[1]
