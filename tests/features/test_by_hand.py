"""Price, volume and time features on a few messages small enough to work out on paper.

All times fall into one 1 s window, whose panes of 62.5 ms start at START; prices are in ticks of
0.01 around 100.00.
"""

import math

import numpy as np
import pytest

from darkpool_watch.features.catalog import NAMES
from kernels.layout import (
    ADD,
    DARK_TRADE,
    EXECUTE,
    HIDDEN_TRADE,
    I64_MAX,
    LIT_TRADE,
    OBSERVATION,
    TRADE,
)
from tests.features.window_cases import START, Runner
from tests.naive.price import TICK
from tests.naive.volume import DARK_RATE, LIT_RATE

MS = 1_000_000
PAR = 100_000_000_000
UNKNOWN = (I64_MAX, I64_MAX)


class Story:
    """Tells observations one by one; `quotes` in ticks from par, as (bid, ask)."""

    def __init__(self) -> None:
        self.runner, self.now, self.quotes = Runner(), START, UNKNOWN

    def tell(self, ms: float, quotes: tuple[int, int] | None = None, **fields: object) -> None:
        o = np.zeros(1, OBSERVATION)[0]
        before = self.quotes
        if quotes is not None:
            self.quotes = (PAR + TICK * quotes[0], PAR + TICK * quotes[1])
        o["ts"] = self.now = START + int(ms * MS)
        o["kind"], o["price"], o["reference_age"] = ADD, I64_MAX, -1
        o["depth5"] = o["depth_imbalance"] = math.nan
        (o["bid0"], o["ask0"]), (o["bid"], o["ask"]) = before, self.quotes
        o["mid2_before"] = I64_MAX if before == UNKNOWN else sum(before)
        o["mid2"] = I64_MAX if self.quotes == UNKNOWN else sum(self.quotes)
        o["quoted"], o["nbbo_changed"] = self.quotes != UNKNOWN, self.quotes != before
        o["bid_size"] = o["ask_size"] = 100
        for name, value in fields.items():
            o[name] = value
        self.runner.observe(o)

    def trade(self, ms: float, ticks: float, size: int, d: int, what: int = LIT_TRADE) -> None:
        self.tell(
            ms, kind=TRADE if what == DARK_TRADE else EXECUTE, trade=what, traded=size, aggressor=d,
            price=PAR + int(TICK * ticks), dark=what == DARK_TRADE,
        )  # fmt: skip

    def feature(self, name: str, at_ms: float | None = None) -> float:
        now = self.now if at_ms is None else START + int(at_ms * MS)
        return float(self.runner.write(now)[NAMES.index(name)])


def test_held_spread_and_midpoint_are_weighted_by_time() -> None:
    story = Story()
    story.tell(0, (0, 2))  # spread 2 for 300 ms, m = par + 1 tick
    story.tell(300, (0, 6))  # spread 6 for 100 ms, m = par + 3 ticks
    story.tell(400, (2, 6))  # spread 4, m = par + 4 ticks
    # (2 * 300 + 6 * 100) / 400 = 3; variance (1 * 300 + 9 * 100) / 400 = 3
    assert story.feature("quoted_spread_1s") == pytest.approx(3.0)
    assert story.feature("spread_z_1s") == pytest.approx((4 - 3) / math.sqrt(3))
    # mean m = par + (1 * 300 + 3 * 100) / 400 = par + 1.5 ticks; par is 10,000 ticks
    assert story.feature("mid_displacement_1s") == pytest.approx(1e4 * (10_004 / 10_001.5 - 1))


def test_returns_at_mid_changes() -> None:
    story = Story()
    story.tell(0, (-1, 1))
    story.tell(10, (0, 2))  # up one tick
    story.tell(20, (-1, 1))  # down one tick: a reversal
    r1, r2 = math.log(10_001 / 10_000), math.log(10_000 / 10_001)
    squares = r1**2 + r2**2
    assert story.feature("realised_volatility_1s") == pytest.approx(1e4 * math.sqrt(squares))
    # one pair: (pi / 2) r^2 / 2 r^2 = pi / 4
    assert story.feature("jump_share_1s") == pytest.approx(1 - math.pi / 4)
    assert story.feature("semivariance_skew_1s") == pytest.approx(0, abs=1e-9)
    assert story.feature("mid_changes_1s") == pytest.approx(math.log(3))
    assert story.feature("mid_reversals_1s") == pytest.approx(1 / 2)
    assert story.feature("mid_range_1s") == pytest.approx(1)
    assert story.feature("range_position_1s") == pytest.approx(0)


def test_price_impact_takes_the_midpoint_one_tau_after_the_trades_pane() -> None:
    story = Story()
    story.tell(0, (-1, 1))
    story.trade(10, 1, 100, 1)  # pane 0 of 1 s: matures at 1,000 ms
    story.tell(500, (0, 2))  # m = par + 1 tick, held at 1,000 ms
    assert math.isnan(story.feature("price_impact_1s", 999))
    assert story.feature("price_impact_1s", 1_000) == pytest.approx(1e4 * 1 / 10_000)
    story.tell(1_200, (5, 7))  # too late to matter
    assert story.feature("price_impact_1s") == pytest.approx(1.0)
    # the trade bought at the ask, one tick over m- = par: 2 * 1 tick
    assert story.feature("effective_spread_10s") == pytest.approx(2.0)


def test_dark_prints_have_a_place_in_the_spread_and_a_markout() -> None:
    story = Story()
    story.tell(0, (-2, 2))
    story.trade(10, 1, 100, 1, DARK_TRADE)  # 2 * 1 / 4
    story.trade(20, 0, 100, -1, DARK_TRADE)  # at m
    assert story.feature("dark_location_1s") == pytest.approx(0.25)
    story.tell(100, (0, 4))  # m = par + 2 ticks
    # bought at par + 1: +1 tick; sold at par: -2 ticks; mean -0.5 ticks of 10,000
    assert story.feature("dark_markout_1s", 1_000) == pytest.approx(-0.5)


def test_roll_spread_of_a_bid_ask_bounce() -> None:
    story = Story()
    story.tell(0, (-1, 1))
    for i in range(6):
        story.trade(10 + i, 1 if i % 2 else -1, 100, 1)
    # moves +2 -2 +2 -2 +2: pairs (2, -2) (-2, 2) (2, -2) (-2, 2), covariance -4; 2 * 2
    assert story.feature("roll_spread_1s") == pytest.approx(4.0)


def test_microprice_drift_needs_a_window_that_began_after_the_first_quote() -> None:
    story = Story()
    story.tell(0, (-1, 1))
    story.tell(10, (-1, 1), bid_size=300)  # mu = par + 0.5 ticks
    assert math.isnan(story.feature("microprice_drift_1s"))
    # 100 ms later both are held; after 1,063 ms the window starts at 125 ms
    assert story.feature("microprice_drift_1s", 1_063) == pytest.approx(0)
    story.tell(1_063, (1, 3))
    drift = 1e4 * math.log(10_002 / 10_000.5)
    assert story.feature("microprice_drift_1s") == pytest.approx(drift)


def test_volumes() -> None:
    story = Story()
    story.tell(0, (-1, 1))
    story.trade(10, 1, 100, 1)
    story.trade(20, 0, 50, -1, HIDDEN_TRADE)
    story.trade(30, 0, 200, 0, DARK_TRADE)
    story.trade(70, 1, 100, 1)  # pane 1
    assert story.feature("lit_volume_1s") == pytest.approx(math.log(1 + 250 / LIT_RATE))
    assert story.feature("dark_volume_1s") == pytest.approx(math.log(1 + 200 / DARK_RATE))
    assert story.feature("dark_share_1s") == pytest.approx(200 / 450)
    assert story.feature("hidden_share_1s") == pytest.approx(1 / 3)
    assert story.feature("trade_size_1s") == pytest.approx(math.log(112.5 / 100))
    # bins of q / P50: 1, 1/2, 2, 1: shares 1/2, 1/4, 1/4
    entropy = 0.5 * math.log(2) + 0.5 * math.log(4)
    assert story.feature("size_entropy_1s") == pytest.approx(entropy / math.log(8))
    # pane 0: |100 - 50|, pane 1: |100|; the unsigned print counts in neither
    assert story.feature("vpin_1s") == pytest.approx(150 / 250)


def test_depth_ratio_is_a_mean_over_events() -> None:
    story = Story()
    story.tell(0, (-1, 1), depth5=1_000.0)
    story.tell(10, depth5=3_000.0)
    story.tell(20)
    assert story.feature("depth_ratio_1s") == pytest.approx(math.log(2_000 / 2_000))


def test_gaps_of_4_2_and_half_a_millisecond() -> None:
    story = Story()
    for ms in (0, 4, 6, 6.5):
        story.tell(ms)
    gaps = [4.0, 2.0, 0.5]
    sd, mean = np.std(gaps), np.mean(gaps)
    assert story.feature("burstiness_1s") == pytest.approx((sd - mean) / (sd + mean))
    assert story.feature("short_gaps") == pytest.approx(1 / 3)
    assert story.feature("event_age") == pytest.approx(math.log10(0.0005))
    # two pairs of log gaps lie on a falling or rising line
    assert abs(story.feature("gap_memory")) == pytest.approx(1)


def test_an_empty_window_is_undefined_but_for_counts() -> None:
    row = Runner().write(START)
    defined = {NAMES[j] for j in range(112) if not math.isnan(row[j])}
    volumes = {
        f"{side}_volume_{w}" for side in ("lit", "dark") for w in ("100ms", "1s", "10s", "60s")
    }
    session = {name for name in NAMES if name.startswith("session_")}
    assert defined == volumes | session | {"phase_recency"}


def test_one_event_alone() -> None:
    story = Story()
    story.tell(0, (-1, 1))
    assert story.feature("realised_volatility_1s") == 0
    assert story.feature("mid_displacement_1s") == 0
    assert story.feature("mid_range_1s") == 0
    for name in ("quoted_spread_1s", "jump_share_1s", "range_position_1s", "event_age", "vpin_1s"):
        assert math.isnan(story.feature(name)), name
