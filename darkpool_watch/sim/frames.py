"""A simulated tape through the production books, windows and sampler, without a model."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from darkpool_watch.config import Config
from darkpool_watch.features.extractor import Extractor
from darkpool_watch.features.frames import Frames
from darkpool_watch.features.normaliser import Normaliser
from darkpool_watch.market.listings import Listings
from darkpool_watch.market.state import Market
from darkpool_watch.sim.market import Simulator
from darkpool_watch.wire.events import AccountRecord

Change = Callable[[NDArray[np.void]], NDArray[np.void]]


class Played(NamedTuple):
    """One block of the tape and the frames it owed."""

    events: NDArray[np.void]  # (N,) EVENT
    labels: NDArray[np.void]  # (N,) LABEL
    frames: Frames  # views, valid until the next block
    senders: NDArray[np.int32]  # (N,) place among its security's agents of who sent it; -1 = nobody


class Stages:
    """Books, windows and sampler that know a simulator's listings and accounts, and no event."""

    def __init__(
        self,
        simulator: Simulator,
        normaliser: Normaliser,
        accounts: list[AccountRecord] | None = None,
    ) -> None:
        settings = Config()
        listings = Listings(settings.market)
        self._market = Market(settings.market, listings)
        self._extractor = Extractor(settings.features, simulator.config.securities, normaliser)
        for definition in simulator.definitions():
            listings.define(definition)
            self._extractor.define(
                listings.security_row(definition.security_id),
                tick=definition.tick,
                session_open_ns=definition.session_open_ns,
                session_close_ns=definition.session_close_ns,
                names=(definition.symbol, definition.class_),
            )
        for account in simulator.accounts() if accounts is None else accounts:
            listings.account(account)
        self.seen = 0  # events

    def take(self, events: NDArray[np.void]) -> Frames:
        """Return the frames that a block owes, which the next block overwrites."""
        frames = self._extractor.extract(self._market.observe(events, self.seen))
        self.seen += len(events)
        return frames


def play(
    simulator: Simulator,
    normaliser: Normaliser,
    *,
    change: Change | None = None,
    accounts: list[AccountRecord] | None = None,
) -> Iterator[Played]:
    """Yield the blocks of a simulator's tape with the frames of the nominal schedule.

    `change` is shown each block's events first and returns what the stages see in their place, in
    the same order; `accounts` stands in for the simulator's own records.
    """
    stages = Stages(simulator, normaliser, accounts)
    for events, labels, senders in simulator.stretches():
        shown = events if change is None else change(events)
        frames = stages.take(shown)
        yield Played(shown, labels, frames, senders)
