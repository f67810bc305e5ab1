"""Each order-flow family on a few messages small enough to work out on paper.

All fall into one 1 s window (level 1), whose panes of 62.5 ms start at START.
"""

import math

import numpy as np
import pytest

from darkpool_watch.features.families_flow import FAMILIES
from kernels.layout import (
    ADD,
    ASK,
    BID,
    CANCEL,
    DARK_TRADE,
    EXECUTE,
    HIDDEN_TRADE,
    LIT_TRADE,
    REPLACE,
)
from tests.features.flow_cases import REFERENCE, TICK, Runner, observations
from tests.naive.flow import flow_row, plain

MS = 1_000_000
LEVEL = 1


def add(ms: float, size: int = 100, distance: int = 0, side: int = BID, **more) -> dict:
    sign = 1 if side == BID else -1
    return {
        "ts": int(ms * MS), "kind": ADD, "side": side, "added": size, "distance": distance,
        "flow_sign": sign, **more,
    }  # fmt: skip


def cancel(ms: float, size: int = 100, side: int = BID, age: int = -1, **more) -> dict:
    sign = -1 if side == BID else 1
    return {
        "ts": int(ms * MS), "kind": CANCEL, "side": side, "removed": size, "age": age,
        "order_size": size, "flow_sign": sign, **more,
    }  # fmt: skip


def replace(ms: float, removed: int, added: int) -> dict:
    return {"ts": int(ms * MS), "kind": REPLACE, "side": BID, "removed": removed, "added": added}


def trade(ms: float, size: int, d: int, what: int = LIT_TRADE, **more) -> dict:
    return {
        "ts": int(ms * MS), "kind": EXECUTE, "side": BID, "trade": what, "traded": size,
        "aggressor": d, "flow_sign": d, "dark": what == DARK_TRADE, **more,
    }  # fmt: skip


def book(ms: float, **more) -> dict:
    return {"ts": int(ms * MS), "kind": ADD, "side": BID, **more}


def quote(ms: float, bid_size: int, ask_size: int) -> dict:
    return book(ms, quoted=1, bid_size=bid_size, ask_size=ask_size)


DEPTHS = [
    # Touch depths 100 and 60, mean 80; the dark message's 1,000 does not count.
    book(0, touch_depth=100.0, ofi_touch=30.0, ofi_deep=40.0, ofi_integrated=24.0),
    book(1, touch_depth=60.0, ofi_touch=-10.0),
    book(2, touch_depth=1000.0, dark=1),
]

CASES = {
    # (30 - 10) / 80
    "ofi_touch": (112, DEPTHS, 0.25),
    # 40 / 80
    "ofi_deep": (116, DEPTHS, 0.5),
    # 24 / 80
    "ofi_integrated": (120, DEPTHS, 0.3),
    # (300 - 100) / (300 + 100): the unsigned 500 and the dark 1,000 are left out
    "trade_imbalance_lit": (
        124,
        [
            trade(0, 300, 1),
            trade(1, 100, -1, HIDDEN_TRADE),
            trade(2, 500, 0),
            trade(3, 1000, 1, DARK_TRADE),
        ],
        0.5,
    ),
    # (100 - 300) / (100 + 300)
    "trade_imbalance_dark": (
        128,
        [trade(0, 100, 1, DARK_TRADE), trade(1, 300, -1, DARK_TRADE), trade(2, 900, 1)],
        -0.5,
    ),
    # +0.5 for 100 ms, unknown for 200 ms, -0.5 for 300 ms: (50 - 150) / 400
    "queue_imbalance": (
        132,
        [quote(0, 300, 100), book(100), quote(300, 100, 300), quote(600, 1, 1)],
        -0.25,
    ),
    # 0.8 for 200 ms, -0.4 for 600 ms: (160 - 240) / 800
    "depth_imbalance": (
        136,
        [book(0, depth_imbalance=0.8), book(200, depth_imbalance=-0.4), book(800)],
        -0.1,
    ),
    # 2 adds; a replace is not one
    "add_rate": (140, [add(0), add(1), replace(2, 5, 5)], math.log(3)),
    "cancel_rate": (144, [add(0), cancel(1), replace(2, 5, 5)], math.log(2)),
    # lit, hidden and dark alike
    "trade_rate": (
        148,
        [trade(0, 1, 1), trade(1, 1, -1, HIDDEN_TRADE), trade(2, 1, 0, DARK_TRADE)],
        math.log(4),
    ),
    "dark_message_rate": (152, [add(0, dark=1), trade(1, 1, 1, DARK_TRADE), add(2)], math.log(3)),
    # Lambda = 2 * 0.1 + 0.5 (1 - e^-10) + 0.25 (1 - e^-1) = 0.2 + 0.4999773 + 0.1580301
    #        = 0.8580074; (2 - 0.8580074) / sqrt(1.8580074) = 0.8377984
    "hawkes_surprise": (156, [add(0), add(100)], 0.8377984),
    # (100 + 80) / (400 + 50)
    "cancel_to_add": (160, [add(0, 400), replace(1, 100, 50), cancel(2, 80)], 0.4),
    # 50 / 10 = 5, capped
    "cancel_to_add capped": (160, [add(0, 10), cancel(1, 50)], 2.0),
    # only cancels: infinite, capped
    "cancel_to_add without adds": (160, [cancel(1, 50)], 2.0),
    # (3 adds + 1 cancel + 1 replace + 1) / (1 trade + 1)
    "order_to_trade": (
        164,
        [add(0), add(1), add(2), cancel(3), replace(4, 1, 1), trade(5, 1, 1)],
        math.log(3),
    ),
    # (2 - 1) / (3 + 1)
    "cancel_side": (168, [cancel(0), cancel(1), cancel(2, side=ASK)], 0.25),
    # 50 ms and 99.999999 ms are younger than 100 ms, 100 ms is not, the unknown does not count
    "fleeting_share": (
        172,
        [cancel(0, age=50 * MS), cancel(1, age=100 * MS - 1), cancel(2, age=100 * MS), cancel(3)],
        2 / 3,
    ),
    # (ln 1 s + ln 1 us, the floor) / 2; a partial cancel ends no life
    "order_life": (
        176,
        [cancel(0, age=1000 * MS), cancel(1, age=100), cancel(2, age=5, order_left=10)],
        math.log(1e-6) / 2,
    ),
    # large (>= 500) lived 2 s, small (<= 100) 0.5 s: ln 2 - ln 0.5; the 300 is neither
    "life_gap": (
        180,
        [cancel(0, 500, age=2000 * MS), cancel(1, 100, age=500 * MS), cancel(2, 300, age=7)],
        math.log(4),
    ),
    # 500 at 2 and 600 at 6 ticks of 2,000 in all: 7 ticks is too far, 400 too small
    "large_away": (184, [add(0, 500, 2), add(1, 600, 6), add(2, 500, 7), add(3, 400, 3)], 0.55),
    # (100 * 0 + 300 * 4 - 100 * 1) / 500; the dark order does not count
    "add_distance": (
        188,
        [add(0, 100, 0), add(1, 300, 4), add(2, 100, -1), add(3, 900, 9, dark=1)],
        2.2,
    ),
    # + + - + + -: grams ++-, +-+, -++, ++-: shares 1/2, 1/4, 1/4: 1.5 ln 2 / ln 8
    "sign_entropy": (
        204,
        [add(0), add(1), add(2, side=ASK), cancel(3, side=ASK), trade(4, 1, 1), cancel(5)],
        0.5,
    ),
    # + + - -, the unsigned one left out: (1 - 1 + 1) / 3
    "sign_autocorrelation": (
        208,
        [trade(0, 1, 1), trade(1, 1, 1), trade(2, 1, 0), trade(3, 1, -1), trade(4, 1, -1)],
        1 / 3,
    ),
    # Pane 0: +1 tick on +100; pane 1: -1 tick on -100; 14 panes of (0, 0), so both means are 0.
    # cov / var = (100 + 100) / (100^2 + 100^2) = 0.01 ticks a share, times P50 = 100
    "kyle_lambda": (
        212,
        [
            trade(0, 100, 1, mid2_before=1000 * TICK, mid2=1002 * TICK),
            trade(70, 100, -1, mid2_before=1002 * TICK, mid2=1000 * TICK),
        ],
        1.0,
    ),
    # 100 / (100 + 300)
    "dark_fill_ratio": (
        228,
        [add(0, 100, dark=1), add(1, 300, dark=1), add(2, 700), trade(3, 100, 1, DARK_TRADE)],
        0.25,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_family_equals_the_case_worked_by_hand(case: str) -> None:
    base, rows, expected = CASES[case]
    flow = observations(*rows)
    row = Runner().run(flow)
    assert row[base + LEVEL] == pytest.approx(expected, abs=1e-7)
    naive = flow_row(plain(flow), int(flow["ts"][-1]), REFERENCE)
    assert naive[base + LEVEL] == pytest.approx(expected, abs=1e-7)


def test_every_family_has_a_case() -> None:
    assert {f.base for f in FAMILIES} == {base for base, _, _ in CASES.values()}


# An empty window knows no flow, no order and no pair, but counts of nothing are 0, and held values
# and the expected number of events are known without events.
DEFINED_WITHOUT_EVENTS = {132, 136, 140, 144, 148, 152, 156, 164, 168}


def test_window_without_any_event_is_undefined_or_counts_zero() -> None:
    flow = observations(add(0), {**quote(1, 300, 100), "depth_imbalance": 0.25})
    runner = Runner()
    runner.run(flow)
    row = runner.write(int(flow["ts"][-1]) + 64_000_000_000)
    for family in FAMILIES:
        values = row[family.base : family.base + 4]
        assert np.isnan(values).all() == (family.base not in DEFINED_WITHOUT_EVENTS), family.name
        assert not np.isnan(values).any() or family.base not in DEFINED_WITHOUT_EVENTS, family.name
    assert np.all(row[132:136] == 0.5)
    assert np.all(row[136:140] == 0.25)
    assert np.all(row[[*range(140, 156), *range(164, 172)]] == 0.0)
    # mu = 2/s over whole windows of 60 s and less: fewer events than expected, by more the longer.
    assert np.all(np.diff(row[156:160]) < 0)


def test_window_of_one_event_has_no_pair_and_no_time() -> None:
    flow = observations(trade(0, 100, 1))
    row = Runner().run(flow)
    for base in (132, 136, 204, 208, 212):
        assert np.isnan(row[base : base + 4]).all(), base
    assert np.all(row[124:128] == 1.0)
    assert np.all(row[148:152] == math.log(2))
    # Nothing was expected yet: Lambda = 0, so (1 - 0) / sqrt(1).
    assert np.all(row[156:160] == 1.0)


def test_a_run_of_one_sign_has_entropy_0_and_correlation_1() -> None:
    row = Runner().run(observations(*(trade(i, 10, 1) for i in range(6))))
    assert np.all(row[204:208] == 0.0)
    assert np.all(row[208:212] == 1.0)


def test_all_grams_alike_have_entropy_1() -> None:
    # The de Bruijn sequence 0001011100 holds each of the 8 3-grams once.
    signs = [1 if c == "1" else -1 for c in "0001011100"]
    row = Runner().run(observations(*(trade(i, 10, d) for i, d in enumerate(signs))))
    assert row[204 + LEVEL] == pytest.approx(1.0, abs=1e-12)
