from typing import Any

import numpy as np
import pytest

from darkpool_watch.errors import ConfigError
from darkpool_watch.sim.market import SimConfig, Simulator
from darkpool_watch.sim.regimes import is_half_day, mood_of
from kernels.layout import ADD, AUCTION, CANCEL, CLEAR, DARK, EXECUTE, HALT, HIDDEN, STATUS
from tests.sim.conftest import Tape, legal, record

S = 1_000_000_000


def named(tape: Tape, name: str) -> list[Any]:
    return [one for one in tape.simulator.regimes if one.name == name]


def within(tape: Tape, regime: Any) -> Any:
    """Return the security's events of a regime, its first message included."""
    ts = tape.events["ts_event"]
    return tape.events[
        (tape.security == regime.security_id) & (ts >= regime.start) & (ts < regime.end)
    ]


@pytest.fixture(scope="module")
def morning() -> Tape:
    """Two minutes before an open and five after it."""
    return record(SimConfig(seed=9, securities=3, seconds=420.0, start_s=-120.0, regime="normal"))


@pytest.fixture(scope="module")
def noon() -> Tape:
    """The end of a half day, its closing auction included."""
    return record(
        SimConfig(seed=9, securities=3, seconds=700.0, start_s=12_400.0, regime="half day")
    )


@pytest.fixture(scope="module")
def halted() -> Tape:
    """Half an hour in which trading stops and opens again."""
    return record(
        SimConfig(
            seed=4,
            securities=2,
            seconds=1_800.0,
            start_s=3_600.0,
            regime="halt",
            campaigns_per_hour=30.0,
        )
    )


def test_an_opening_auction_trades_all_it_can_at_one_price(morning: Tape) -> None:
    for market, one in zip(legal(morning).values(), named(morning, "opening auction"), strict=True):
        assert [one.start, one.end] == [morning.simulator.begins, morning.simulator.opens]
        (auction,) = market.auctions
        assert auction[1] > 0
        assert market.phase == "open"
        rows = within(morning, one)
        assert np.isin(rows["kind"], [ADD, CANCEL, STATUS]).all(), "orders matched before the open"
        told = rows[(rows["kind"] == STATUS) & (rows["size"] > 0)]
        assert len(told), "no indicative price"
        assert abs(int(told["price"][-1]) - auction[0]) <= 0.02 * auction[0]


def test_a_half_day_ends_early_with_an_auction_and_empty_books(noon: Tape) -> None:
    opens, closes = noon.simulator.opens, noon.simulator.closes
    assert closes - opens == 12_600 * S
    assert {one.session_close_ns for one in noon.simulator.definitions()} == {closes}
    assert len(named(noon, "half day")) == 1
    for market, one in zip(legal(noon).values(), named(noon, "closing auction"), strict=True):
        assert market.phase == "closed"
        assert market.auctions[0][1] > 0
        assert [one.start, one.end] == [closes, closes + 300 * S]
    last = noon.events[noon.events["ts_event"] >= closes + 300 * S]
    assert set(last["kind"].tolist()) == {EXECUTE, CANCEL, STATUS, CLEAR} - (
        set() if (last["kind"] == CANCEL).any() else {CANCEL}
    )
    assert (last["ts_event"] == closes + 300 * S).all(), "something happened after the close"
    assert (last["kind"] == CLEAR).sum() == len(noon.simulator.definitions())


def test_nothing_trades_in_a_halt_and_an_auction_ends_it(halted: Tape) -> None:
    markets = legal(halted)
    halts, calls = named(halted, "halt"), named(halted, "reopening auction")
    assert len(halts) == len(calls) == 2
    for market, halt, call in zip(markets.values(), halts, calls, strict=True):
        assert halt.end == call.start
        assert market.phase == "open"
        frozen = within(halted, halt)
        assert set(frozen["kind"].tolist()) <= {CANCEL, STATUS}
        lit = (frozen["flags"] & DARK) == 0
        assert frozen["kind"][lit][0] == STATUS
        assert frozen["flags"][lit][0] == HALT
        collected = within(halted, call)
        assert (collected["kind"] != EXECUTE).all()
        entered = collected[collected["kind"] == ADD]
        assert ((entered["flags"] & AUCTION) > 0).all()


def test_agents_wait_for_a_halt_to_end(halted: Tape) -> None:
    own = halted.labels["own"] > 0
    assert own.any()
    for one in (*named(halted, "halt"), *named(halted, "reopening auction")):
        ts = halted.events["ts_event"]
        inside = (halted.security == one.security_id) & (ts > one.start) & (ts < one.end)
        assert not (own & inside).any()


def test_a_crash_moves_every_price_and_no_trade_leaves_its_limits() -> None:
    tape = record(SimConfig(seed=5, securities=4, seconds=3_600.0, start_s=3_600.0, regime="crash"))
    (crash,) = named(tape, "crash")
    turn = crash.start + (crash.end - crash.start) // 3
    for s in range(1, 5):
        events = tape.events[tape.security == s]
        shown = (events["kind"] == EXECUTE) & ((events["flags"] & (DARK | HIDDEN | AUCTION)) == 0)
        ts, price = events["ts_event"][shown], events["price"][shown].astype(np.float64)
        before = price[ts < crash.start].mean()
        low = price[(ts > crash.start) & (ts < crash.end)].min()
        assert low < 0.975 * before
        assert before / low < 1.3
        assert ts[price.argmin()] > turn - (crash.end - crash.start) // 4
        # Limits: 5% around a reference that may be five minutes old, here at most 1% + 5% off it.
        for i in range(200, len(price), 50):
            recent = price[(ts > ts[i] - 600 * S) & (ts <= ts[i])]
            assert 0.93 * recent.min() <= price[i] <= 1.07 * recent.max()


def test_regimes_are_drawn_by_seed_and_day() -> None:
    moods = {mood_of(7, day, "drawn") for day in range(40)}
    assert moods == {"quiet", "normal", "volatile"}
    halves = sum(is_half_day(7, day, "drawn") for day in range(400))
    assert 3 <= halves <= 30
    config = SimConfig(seed=1, securities=20)
    first, again = Simulator(config).day, Simulator(config).day
    assert [p.regimes for p in first.plans] == [p.regimes for p in again.plans]
    assert mood_of(7, 3, "volatile") == "volatile"


def test_a_volatile_day_is_busier_than_a_quiet_one() -> None:
    counts = {
        name: len(record(SimConfig(seed=2, seconds=900.0, start_s=3_600.0, regime=name)).events)
        for name in ("quiet", "normal", "volatile")
    }
    assert counts["quiet"] < counts["normal"] < counts["volatile"]


def test_an_unknown_regime_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"a regime among drawn, quiet, .*'panic'"):
        Simulator(SimConfig(regime="panic"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"securities": 0}, r">= 1.*securities"),
        ({"seconds": 0.0}, r"seconds"),
        ({"seconds": float("inf")}, r"seconds"),
        ({"dark_share": 1.5}, r"dark_share"),
        ({"start_s": -9_999.0}, r"start_s"),
        ({"stealth": (2.0, 1.0)}, r"low, high"),
    ],
)
def test_impossible_markets_are_refused_in_one_sentence(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        Simulator(SimConfig(**change))
    assert "\n" not in str(caught.value)
