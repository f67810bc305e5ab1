"""Two small markets for all tests of the rules: they are simulated once."""

import msgspec
import pytest

from darkpool_watch.sim.abuse import CODES
from darkpool_watch.sim.market import SimConfig
from tests.evaluate.tapes import RecordedTape

SMALL = SimConfig(
    seed=21,
    securities=12,
    seconds=1_800.0,
    start_s=21_600.0,  # the last half hour, so that the close can be marked
    campaigns_per_hour=24.0,
    lookalikes_per_hour=24.0,
    typologies=tuple(CODES),
    regime="normal",  # whatever day was drawn, the tape reaches the close
)

# Long and as sparse as a real day, so that campaigns have clean flow of their kind beside them.
LONG = msgspec.structs.replace(
    SMALL,
    seed=23,
    securities=20,
    seconds=7_200.0,
    start_s=16_200.0,
    campaigns_per_hour=4.0,
    lookalikes_per_hour=4.0,
)


@pytest.fixture(scope="session")
def long_markets() -> tuple[RecordedTape, RecordedTape]:
    """Two hours of twenty securities with about 160 campaigns, twice: nothing is in both."""
    return RecordedTape(LONG), RecordedTape(msgspec.structs.replace(LONG, seed=24, day=9))


@pytest.fixture(scope="session")
def market() -> RecordedTape:
    """Half an hour of twelve securities with about 144 campaigns."""
    return RecordedTape(SMALL)


@pytest.fixture(scope="session")
def other_market() -> RecordedTape:
    """The same of other securities, accounts and day."""
    return RecordedTape(msgspec.structs.replace(SMALL, seed=22, day=9))
