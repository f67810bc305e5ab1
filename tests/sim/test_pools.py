import numpy as np

from kernels.layout import (
    ADD,
    AUCTION,
    CANCEL,
    CONDITIONAL,
    DARK,
    EXECUTE,
    FIRM_UP,
    REPLACE,
    TRADE,
)
from kernels.sim_cast import WASH
from tests.sim.conftest import Tape


def matched(tape: Tape) -> np.ndarray:
    """Return which records are trades of one owner with itself, auctions apart."""
    owner = np.zeros(len(tape.simulator.people) + 1, int)
    owner[1:] = [one.owner for one in tape.simulator.people]
    events = tape.events
    traded = np.isin(events["kind"], (EXECUTE, TRADE)) & (events["flags"] & AUCTION == 0)
    return traded & (owner[events["account"]] == owner[events["contra_account"]])


def test_only_wash_traders_and_breaches_trade_within_an_owner(busy: Tape, quiet: Tape) -> None:
    assert not matched(quiet).any()
    events, security = busy.events[matched(busy)], busy.security[matched(busy)]
    accounts = events["account"] != events["contra_account"]
    senders = busy.senders[matched(busy)]
    assert (senders >= 0).all()
    planned = busy.simulator.planned
    codes = [
        planned[planned["security"] == s - 1]["code"][a]
        for s, a in zip(security[accounts], senders[accounts], strict=True)
    ]
    assert set(codes) == {WASH}
    assert len(codes) > 10


def test_conditional_orders_trade_only_once_firmed_up(quiet: Tape) -> None:
    events = quiet.events
    conditional = (events["flags"] & CONDITIONAL) > 0
    entered = set(events["order_id"][conditional & (events["kind"] == ADD)].tolist())
    firmed = events[(events["flags"] & FIRM_UP) > 0]
    assert len(entered) > 50
    assert len(firmed) > 10
    assert (firmed["kind"] == REPLACE).all()
    assert set(firmed["order_id"].tolist()) <= entered
    traded = events[events["kind"] == EXECUTE]
    named = set(traded["order_id"].tolist()) | set(traded["contra_order_id"].tolist())
    assert not named & entered
    assert named & set(firmed["contra_order_id"].tolist()), "no firmed-up order ever traded"
    dropped = events[conditional & (events["kind"] == CANCEL)]
    assert set(dropped["order_id"].tolist()) <= entered
    assert len(set(firmed["order_id"].tolist()) & set(dropped["order_id"].tolist())) == 0


def test_blocks_are_large_prints_between_two_accounts(quiet: Tape) -> None:
    blocks = quiet.events[quiet.events["kind"] == TRADE]
    assert len(blocks) >= 1
    assert ((blocks["flags"] & DARK) > 0).all()
    assert (blocks["size"] >= 5_000).all()
    assert (blocks["account"] != blocks["contra_account"]).all()
    assert (blocks["price"] == blocks["aux_price"]).all()


def test_some_securities_have_a_second_pool_whose_reference_is_older(quiet: Tape) -> None:
    prints = quiet.events[(quiet.events["flags"] & DARK > 0) & (quiet.events["kind"] == EXECUTE)]
    place = (prints["instrument_id"] - 1) % 3
    age = prints["ts_event"] - prints["ts_ref"]
    pools = [len(one.lags_ns) for one in quiet.simulator.securities]
    assert set(pools) == {1, 2}
    assert set(place.tolist()) == {1, 2}
    assert age.min() >= 0
    assert age.max() <= 5_000_000
    assert np.median(age[place == 2]) > np.median(age[place == 1]) > 0
