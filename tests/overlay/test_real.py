"""Abuse laid over the real days: legal to the row, and of the tape's own families."""

from pathlib import Path

import numpy as np
import pytest

from darkpool_watch.config import MarketConfig
from darkpool_watch.market.listings import Listings
from darkpool_watch.market.state import Market
from darkpool_watch.tape.tape import Tape
from kernels.layout import ADD
from tests.data import AMZN, GOOG, needs_data
from tests.overlay.conftest import check_legal, own_of, real, without_sequence

pytestmark = needs_data
DAYS = [(GOOG, 10), (AMZN, 5)]


def counted(tape: Tape) -> tuple[dict[str, int], np.ndarray]:
    """Return the market stage's counters and its book after the last event."""
    listings = Listings()
    for one in tape.definitions:
        listings.define(one)
    market = Market(MarketConfig(), listings)
    for block in tape.blocks():
        market.observe(block, 0)
    return market.counted(), market.book_levels(0, 20)


@pytest.mark.parametrize(("path", "levels"), DAYS)
def test_a_real_day_stays_as_it_was_under_what_is_laid_over(path: Path, levels: int) -> None:
    tape, done = real(path)
    own = own_of(done)
    assert own.sum() > 1_000
    assert without_sequence(done.tape.events[~own]) == without_sequence(tape.events)
    assert {c.typology for c in done.truth.campaigns} == {"SPOOF", "LAYER", "FLIP", "STUFF"}
    assert done.truth.missing == {}
    assert len(done.truth.campaigns) == len(done.truth.lookalikes) >= 35
    assert done.truth.appended_ids <= 0.001 * own.sum()
    check_legal(done, tape, levels)


@pytest.mark.parametrize(("path", "levels"), DAYS)
def test_the_market_stage_sees_no_fault_that_the_day_did_not_have(path: Path, levels: int) -> None:
    tape, done = real(path)
    before, book = counted(tape)
    after, same = counted(done.tape)
    assert after.pop("events") - before.pop("events") == own_of(done).sum()
    assert after == before
    assert np.array_equal(same, book)


def distance(own: np.ndarray, others: np.ndarray) -> float:
    """Return the Kolmogorov-Smirnov distance of two samples."""
    grid = np.unique(np.concatenate([own, others]))
    shares = [np.searchsorted(np.sort(one), grid, side="right") / len(one) for one in (own, others)]
    return float(np.abs(shares[0] - shares[1]).max())


@pytest.mark.parametrize(("path", "levels"), DAYS)
def test_own_orders_are_of_the_tapes_families(path: Path, levels: int) -> None:
    done = real(path)[1]
    own = own_of(done)
    added = done.tape.events["kind"] == ADD
    mine, others = (done.tape.events[added & which] for which in (own, ~own))
    assert set(mine["flags"].tolist()) == set(others["flags"].tolist())
    for name, digits in (
        ("ts_event", lambda e: e["ts_event"] % 1_000),
        ("order id", lambda e: e["order_id"] % 10),
        ("size", lambda e: e["size"] % 100),
        ("price", lambda e: e["price"] // 10_000_000 % 10),
    ):
        # With some 3,000 orders, distances of 0.025 come about once in twenty by chance alone.
        assert distance(digits(mine), digits(others)) < 0.08, name
    ids = done.tape.events["order_id"][added].astype(np.int64)
    backwards = np.diff(ids) < 0
    recorded = np.diff(others["order_id"].astype(np.int64)) < 0
    assert backwards.sum() <= 2 * recorded.sum() + 2 * done.truth.appended_ids
