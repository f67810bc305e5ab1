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
    rows: NDArray[np.int64]  # (K,) place in the block of the event behind each frame
    first: int  # records before this block


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
    for account in simulator.accounts() if accounts is None else accounts:
        listings.account(account)
    first = 0
    for events, labels in simulator.blocks():
        shown = events if change is None else change(events)
        frames = extractor.extract(market.observe(shown, first))
        yield Played(shown, labels, frames, frames.arrival - first, first)
        first += len(events)
