"""A simulated day through the production books, windows and sampler, without a model."""

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
    """One block of the tape, what it did to the market and the frames it owed.

    `observations` and `frames` are views, valid until the next block.
    """

    first: int  # arrival of its first event
    events: NDArray[np.void]  # (N,) EVENT
    labels: NDArray[np.void]  # (N,) LABEL
    senders: NDArray[np.int32]  # (N,) place among its security's agents of who sent it; -1 = nobody
    observations: NDArray[np.void]  # (N,) OBSERVATION
    frames: Frames


class Stages:
    """Books, windows and sampler that know a simulator's listings and accounts, and no event.

    Attributes:
        symbols: by security row.
        seen: events so far.
    """

    def __init__(
        self,
        simulator: Simulator,
        normaliser: Normaliser,
        *,
        accounts: list[AccountRecord] | None = None,
        strangers: frozenset[int] = frozenset(),
    ) -> None:
        """`accounts` stands in for the simulator's own records.

        Securities whose rows are in `strangers` are defined without their symbol, so that they have
        no history of their own.
        """
        settings = Config()
        listings = Listings(settings.market)
        self.simulator = simulator
        self.extractor = Extractor(settings.features, simulator.config.securities, normaliser)
        self.symbols: dict[int, str] = {}
        self.seen = 0
        self._market = Market(settings.market, listings)
        for definition in simulator.definitions():
            listings.define(definition)
            security = listings.security_row(definition.security_id)
            self.symbols[security] = definition.symbol
            own = () if security in strangers else (definition.symbol,)
            self.extractor.define(
                security,
                tick=definition.tick,
                session_open_ns=definition.session_open_ns,
                session_close_ns=definition.session_close_ns,
                names=(*own, definition.class_),
            )
        for account in simulator.accounts() if accounts is None else accounts:
            listings.account(account)

    def take(self, events: NDArray[np.void]) -> tuple[NDArray[np.void], Frames]:
        """Return the observations and frames of a block, which the next block overwrites."""
        observations = self._market.observe(events, self.seen)
        self.seen += len(events)
        return observations, self.extractor.extract(observations)

    def play(self, change: Change | None = None) -> Iterator[Played]:
        """Yield the blocks of the simulator's tape with the frames of the nominal schedule.

        `change` is shown each block's events first and returns what the stages see in their place,
        in the same order.
        """
        for events, labels, senders in self.simulator.stretches():
            first = self.seen
            shown = events if change is None else change(events)
            yield Played(first, shown, labels, senders, *self.take(shown))
