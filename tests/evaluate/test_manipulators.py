"""Rule 4: manipulators that look like everybody pass; those that do little else are found."""

import numpy as np
import pytest

from darkpool_watch.evaluate.manipulators import (
    TRAITS,
    Population,
    join_populations,
    judge_manipulators,
    population_of,
)
from tests.evaluate.tapes import RecordedTape


def people(seed: int, *, lean: float = 0.0, share: float = 0.05, count: int = 6_000) -> Population:
    """Return accounts of 40 securities; manipulators' traits lean by so many sd."""
    rng = np.random.default_rng(seed)
    manipulates = rng.random(count) < 0.2
    traits = rng.normal(size=(count, len(TRAITS))) + lean * manipulates[:, None]
    own = np.full(int(manipulates.sum()), share)
    return Population(traits, np.full(count, 100.0), rng.integers(40, size=count), manipulates, own)


def test_manipulators_like_everybody_pass() -> None:
    found = judge_manipulators(people(1), people(2), draws=200)
    assert found.met, found
    assert found.n > 1_000


@pytest.mark.parametrize(("lean", "share"), [(0.3, 0.05), (0.0, 0.3), (0.0, 0.6)])
def test_manipulators_that_trade_otherwise_or_do_little_else_are_found(
    lean: float, share: float
) -> None:
    found = judge_manipulators(people(3, lean=lean), people(4, lean=lean, share=share), draws=200)
    assert not found.met


def test_accounts_that_send_too_little_to_hide_in_are_not_compared() -> None:
    quiet = people(6)
    rest = np.where(quiet.manipulates, 100.0, np.where(np.arange(6_000) % 2, 100.0, 1.0))
    told = quiet._replace(messages=rest)
    told.traits[:, 0] = np.log(rest)
    found = judge_manipulators(told, told, draws=50)
    assert found.detail["ln messages alone"] == 0.5


def test_messages_of_a_tape_are_counted_as_by_hand(market: RecordedTape) -> None:
    found = population_of(market)
    campaigns = market.simulator.campaigns
    assert found.manipulates.sum() <= sum(len(c.accounts) for c in campaigns)
    assert len(found.own_share) == len({a for c in campaigns for a in c.accounts})
    assert (found.own_share < 1.0).all()
    events, labels = market.events, market.labels
    total = (events["account"] > 0).sum() + (
        (events["contra_account"] > 0) & (events["kind"] == 3)
    ).sum()
    assert found.messages.sum() < total
    assert found.messages.sum() > total - 2 * labels["own"].sum()
    two = join_populations([found, found])
    assert len(two.messages) == 2 * len(found.messages)
    assert len(np.unique(two.cluster)) == 2 * len(np.unique(found.cluster))


def test_accounts_made_for_a_campaign_alone_are_found(market: RecordedTape) -> None:
    found = population_of(market)
    fresh = found._replace(own_share=np.ones_like(found.own_share))
    judged = judge_manipulators(fresh, fresh, draws=50)
    assert not judged.met
    assert judged.detail["own share, median"] == 1.0


def test_the_simulator_s_manipulators_trade_like_everybody(
    long_markets: tuple[RecordedTape, RecordedTape],
) -> None:
    found = judge_manipulators(*(population_of(one) for one in long_markets), draws=200)
    # The bound holds for the figure; the interval of so few accounts is wider than it.
    assert found.figure <= 0.55, found
    assert float(found.detail["own share, median"]) <= 0.2
    assert float(found.detail["own share, largest"]) < 0.5
    assert found.n > 200
