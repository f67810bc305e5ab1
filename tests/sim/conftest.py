"""One busy tape for all tests of the simulator: it is simulated once."""

from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from darkpool_watch.sim.market import SimConfig, Simulator
from darkpool_watch.sim.population import TICK, security_of
from tests.naive.sim_book import NaiveMarket


class Tape(NamedTuple):
    simulator: Simulator
    events: NDArray[np.void]
    labels: NDArray[np.void]

    @property
    def security(self) -> NDArray[np.integer]:
        """Security id of each record."""
        return security_of(self.events["instrument_id"])


def record(config: SimConfig, **kwargs: int) -> Tape:
    simulator = Simulator(config)
    blocks = list(simulator.blocks(**kwargs))
    return Tape(
        simulator,
        np.concatenate([events for events, _ in blocks]),
        np.concatenate([labels for _, labels in blocks]),
    )


BUSY = SimConfig(
    seed=3,
    securities=8,
    seconds=1_800.0,
    start_s=5_400.0,
    campaigns_per_hour=12.0,
    lookalikes_per_hour=12.0,
    typologies=("SPOOF", "LAYER", "FLIP", "STUFF", "PING"),
    violations=6,
    regime="normal",
)


@pytest.fixture(scope="session")
def busy() -> Tape:
    """Half an hour of eight securities with every kind of agent."""
    return record(BUSY)


@pytest.fixture(scope="session")
def quiet() -> Tape:
    """Half an hour of eight securities without campaigns."""
    return record(
        SimConfig(seed=5, securities=8, seconds=1_800.0, start_s=5_400.0, regime="normal")
    )


@pytest.fixture(scope="session")
def books(busy: Tape) -> dict[int, NaiveMarket]:
    """Return a plain-Python market of each security that has found every event legal."""
    markets = {}
    for s in range(1, busy.simulator.config.securities + 1):
        market = markets[s] = NaiveMarket(TICK)
        for event in busy.events[busy.security == s]:
            market.apply(event)
    return markets
