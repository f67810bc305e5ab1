"""One busy tape for all tests of the simulator: it is simulated once."""

from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from darkpool_watch.sim.abuse import BREACHES, CODES
from darkpool_watch.sim.labels import Campaign
from darkpool_watch.sim.market import Lookalike, SimConfig, Simulator
from darkpool_watch.sim.population import BARRED, SESSION_S, TICK, security_of
from tests.naive.sim_book import NaiveMarket


class Tape(NamedTuple):
    simulator: Simulator
    events: NDArray[np.void]
    labels: NDArray[np.void]
    senders: NDArray[np.int32]  # place of the agent in its security; -1 = nobody's message

    @property
    def security(self) -> NDArray[np.integer]:
        """Security id of each record."""
        return security_of(self.events["instrument_id"])

    def own(self, who: Campaign | Lookalike) -> NDArray[np.void]:
        """Return the messages of a campaign or look-alike."""
        place = who.id
        if isinstance(who, Campaign):
            planned = self.simulator.planned
            cast = planned[planned["security"] == who.security_id - 1]
            place = int(np.flatnonzero(cast["campaign"] == who.id)[0])
        return self.events[(self.security == who.security_id) & (self.senders == place)]


def record(config: SimConfig, **kwargs: int) -> Tape:
    simulator = Simulator(config)
    stretches = list(simulator.stretches(**kwargs))
    return Tape(simulator, *(np.concatenate(parts) for parts in zip(*stretches, strict=True)))


def in_blocks(config: SimConfig, **kwargs: int) -> tuple[bytes, bytes]:
    """Return the bytes of a tape's events and labels, played in blocks."""
    blocks = list(Simulator(config).blocks(**kwargs))
    return b"".join(e.tobytes() for e, _ in blocks), b"".join(lab.tobytes() for _, lab in blocks)


BUSY = SimConfig(
    seed=3,
    securities=6,
    seconds=1_800.0,
    start_s=SESSION_S - 1_800.0,  # up to the close
    campaigns_per_hour=26.0,
    lookalikes_per_hour=26.0,
    typologies=tuple(CODES),
    violations=21,
    violation_kinds=BREACHES,
    regime="normal",
)


@pytest.fixture(scope="session")
def busy() -> Tape:
    """The last half hour of six securities with every kind of agent and breach."""
    return record(BUSY)


@pytest.fixture(scope="session")
def quiet() -> Tape:
    """Half an hour of eight securities without campaigns."""
    return record(
        SimConfig(seed=5, securities=8, seconds=1_800.0, start_s=5_400.0, regime="normal")
    )


def legal(tape: Tape) -> dict[int, NaiveMarket]:
    """Return a plain-Python market of each security that has found every event legal."""
    markets = {}
    segments = {one.account: one.segment for one in tape.simulator.people}
    owners = {one.account: one.owner for one in tape.simulator.people}
    for s in range(1, tape.simulator.config.securities + 1):
        market = markets[s] = NaiveMarket(TICK, segments, BARRED, owners)
        for event in tape.events[tape.security == s]:
            market.apply(event)
    return markets


@pytest.fixture(scope="session")
def books(busy: Tape) -> dict[int, NaiveMarket]:
    """Return the plain-Python markets of the busy tape."""
    return legal(busy)
