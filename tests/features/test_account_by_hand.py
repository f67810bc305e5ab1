"""One case a family worked by hand, and the ways it can be undefined or not apply."""

import math

import numpy as np
import pytest

from kernels.accounts import (
    ACCOUNT_CONCENTRATION,
    FILL_TO_CANCEL,
    LAYERING,
    LINKED_LEAD,
    PINGING,
    RECIPROCITY,
    REFERENCE_GAMING,
    SPOOF_COUPLING,
    new_account_state,
)
from kernels.layout import ADD, ASK, BID, CLEAR, IOC, QUOTE, REPLACE, TRADE
from tests.features.account_cases import (
    BEST_ASK,
    BEST_BID,
    MINE,
    MS,
    STALE_NS,
    START,
    TICK,
    S,
    add,
    cancel,
    fill,
    observation,
    play,
    state,
    value,
    written,
)

MID2 = BEST_BID + BEST_ASK


# Undefined ---------------------------------------------------------------------------------------


def test_all_families_are_nan_without_a_known_account() -> None:
    st = state()
    play(st, observation(0, ADD, side=BID, price=BEST_BID, added=100), fill(MS, 0, 0, BID))
    assert np.isnan(written(st, START + MS)[MINE]).all()
    assert st.tables[0]["seated"] == 0


def test_families_are_undefined_once_nothing_was_seen_for_a_window() -> None:
    st = state()
    play(st, add(0, 7, BID, 1))
    assert value(st, LAYERING, 0, 100 * MS) == pytest.approx(0.1 / 4)
    assert math.isnan(value(st, LAYERING, 0, 100 * MS + 1))
    assert value(st, LAYERING, 3, 60 * S) == pytest.approx(0.1 / 4)
    assert math.isnan(value(st, SPOOF_COUPLING, 3, 0))


def test_an_unknown_profile_makes_nothing_tiny_large_or_stale() -> None:
    st = new_account_state(1)
    play(
        st,
        fill(0, 7, 0, ASK, 100),
        cancel(MS, 7, BID, 1, 10_000),
        observation(2 * MS, ADD, account=7, side=BID, dark=1, added=1),
        cancel(3 * MS, 7, BID, 1, 1, dark=1, age=MS),
        fill(4 * MS, 7, 0, BID, dark=1, reference_age=10 * S),
    )
    assert math.isnan(value(st, FILL_TO_CANCEL, 3, 4 * MS))
    assert value(st, PINGING, 3, 4 * MS) == 0.0
    assert value(st, REFERENCE_GAMING, 3, 4 * MS) == 0.0


# Layering ----------------------------------------------------------------------------------------


def test_layering_of_four_bid_levels_and_one_ask_level() -> None:
    st = state()
    play(st, *[add(0, 7, BID, n) for n in (1, 2, 3, 4)], add(0, 7, ASK, 1))
    play(st, add(0, 7, BID, 4))  # a second order at a held level adds nothing
    for k in range(4):
        assert value(st, LAYERING, k, 0) == pytest.approx((4 - 1) / 10)
    # One half-life of the shortest window later two levels go: (2/2 - 1/2) / 10.
    play(st, cancel(50 * MS, 7, BID, 1), cancel(50 * MS, 7, BID, 2))
    assert value(st, LAYERING, 0, 50 * MS) == pytest.approx(0.05)
    # The level with two orders is held until the second goes: (1/2 - 1/2), then (0 - 1/2).
    play(st, cancel(50 * MS, 7, BID, 4), cancel(50 * MS, 7, BID, 3))
    assert value(st, LAYERING, 0, 50 * MS) == pytest.approx(0.0, abs=1e-7)
    play(st, cancel(50 * MS, 7, BID, 4))
    assert value(st, LAYERING, 0, 50 * MS) == pytest.approx(0.05)


def test_layering_takes_the_largest_account_and_is_capped_at_one() -> None:
    st = state()
    play(st, *[add(0, 7, BID, n) for n in range(3)], *[add(0, 8, ASK, n) for n in range(5)])
    assert value(st, LAYERING, 1, 0) == pytest.approx(0.5)
    play(st, *[add(0, 9, BID, n) for n in range(14)])
    assert value(st, LAYERING, 1, 0) == 1.0


def test_layering_releases_filled_moved_and_cleared_levels() -> None:
    st = state()
    play(st, *[add(0, 7, BID, n) for n in range(3)])
    play(st, fill(0, 7, 0, BID, order_left=0))  # at the best bid, all of it
    assert value(st, LAYERING, 2, 0) == pytest.approx(0.2)
    play(st, fill(0, 7, 0, BID, price=BEST_BID - TICK, order_left=50))  # half of it: still held
    assert value(st, LAYERING, 2, 0) == pytest.approx(0.2)
    moved = {"removed": 100, "added": 100, "order_size": 100, "side": BID}
    there = {"old_price": BEST_BID - TICK, "price": BEST_BID - 2 * TICK}  # onto the other level
    play(st, observation(0, REPLACE, account=7, **moved, **there))
    assert value(st, LAYERING, 2, 0) == pytest.approx(0.1)
    play(st, observation(0, CLEAR))
    assert value(st, LAYERING, 2, 0) == 0.0


def test_layering_is_exactly_zero_once_nothing_is_held() -> None:
    st = state()
    play(st, *[add(13 * n * n * MS, 7, BID, n) for n in range(8)])
    play(st, *[cancel(S, 7, BID, n) for n in (7, 2, 5, 0, 3, 6, 1, 4)])
    for k in (1, 2, 3):
        assert value(st, LAYERING, k, S) == 0.0  # float32 sums would leave 1e-7


@pytest.mark.parametrize("fields", [{"dark": 1}, {"flags": IOC}, {"price": BEST_ASK}])
def test_layering_ignores_orders_that_do_not_rest_in_view(fields: dict) -> None:
    st = state()
    order = {"account": 7, "side": BID, "price": BEST_BID, "added": 100}
    play(st, observation(0, ADD, **(order | fields)))
    assert value(st, LAYERING, 1, 0) == 0.0


# Spoofing ----------------------------------------------------------------------------------------


def test_spoof_coupling_of_bids_cancelled_before_a_sale() -> None:
    st = state()
    play(st, cancel(0, 7, BID, 1, 900), fill(5 * S, 7, 0, ASK, 300))
    # 60 s window, half-life 30 s: min(900 * 2^(-1/6), 300) / 300 = 1.
    assert value(st, SPOOF_COUPLING, 3, 5 * S) == pytest.approx(1.0)
    # 10 s window, half-life 5 s: min(450, 300) / 300 = 1; 1 s window: 900 * 2^-10 / 300.
    assert value(st, SPOOF_COUPLING, 2, 5 * S) == pytest.approx(1.0)
    assert value(st, SPOOF_COUPLING, 1, 5 * S) == pytest.approx(900 / 1024 / 300)
    # Another account buys 100 from a third: 300 / (300 + 100 + 100).
    play(st, fill(5 * S, 8, 9, BID, 100))
    assert value(st, SPOOF_COUPLING, 3, 5 * S) == pytest.approx(0.6)


@pytest.mark.parametrize(
    "row", [cancel(0, 7, ASK, 1, 900), cancel(0, 8, BID, 1, 900), cancel(0, 7, BID, 1, 900, dark=1)]
)
def test_spoof_coupling_wants_the_same_account_the_other_side_and_a_lit_cancel(row) -> None:
    st = state()
    play(st, row, fill(0, 7, 0, ASK, 300))
    assert value(st, SPOOF_COUPLING, 3, 0) == 0.0


def test_fill_to_cancel_is_minus_the_mean_log_delay() -> None:
    st = state()
    play(st, fill(0, 9, 7, BID, 100), cancel(100 * MS, 7, BID, 2, 500))  # 7 sold, pulls bids
    assert value(st, FILL_TO_CANCEL, 0, 100 * MS) == pytest.approx(-math.log(0.1))
    play(st, cancel(S, 7, BID, 3, 500))
    # 1 s window, half-life 0.5 s: weights 2^-1.8 and 1 of ln 0.1 and ln 1.
    share = 2**-1.8
    assert value(st, FILL_TO_CANCEL, 1, S) == pytest.approx(-share * math.log(0.1) / (share + 1))
    assert math.isnan(value(st, FILL_TO_CANCEL, 0, S))  # a delay of 1 s is beyond 0.1 s


@pytest.mark.parametrize(
    "row", [cancel(MS, 7, BID, 1, 499), cancel(MS, 7, ASK, 1, 500), cancel(MS, 8, BID, 1, 500)]
)
def test_fill_to_cancel_wants_a_large_opposite_cancel_of_the_same_account(row) -> None:
    st = state()
    play(st, fill(0, 0, 7, BID, 100), row)
    assert math.isnan(value(st, FILL_TO_CANCEL, 3, MS))


def test_fill_to_cancel_at_one_instant_counts_as_a_microsecond() -> None:
    st = state()
    play(st, fill(0, 0, 7, BID, 100), cancel(0, 7, BID, 1, 500))
    assert value(st, FILL_TO_CANCEL, 0, 0) == pytest.approx(-math.log(1e-6))


# Linked accounts and concentration ---------------------------------------------------------------


def test_linked_lead_of_an_affiliates_purchase() -> None:
    st = state()
    play(
        st,
        fill(0, 0, 7, ASK, 100, contra_group=3),  # 7 of group 3 buys lit
        fill(500 * MS, 0, 8, ASK, 200, dark=1, contra_group=3),  # its affiliate buys dark
        fill(500 * MS, 5, 6, BID, 600, dark=1),  # others
    )
    assert value(st, LINKED_LEAD, 0, 500 * MS) == 0.0  # 0.5 s is beyond 0.1 s
    for k in (1, 2, 3):
        assert value(st, LINKED_LEAD, k, 500 * MS) == pytest.approx(200 / 800)


def test_linked_lead_wants_the_same_side() -> None:
    st = state()
    play(st, fill(0, 0, 7, ASK, 100), fill(MS, 0, 7, BID, 200, dark=1))  # bought lit, sold dark
    assert value(st, LINKED_LEAD, 3, MS) == 0.0


def test_account_concentration_is_the_herfindahl_index() -> None:
    st = state()
    play(st, fill(0, 7, 8, BID, 300), fill(0, 7, 9, BID, 100))
    # 7 fills 400, 8 fills 300, 9 fills 100 of 800.
    expected = (400**2 + 300**2 + 100**2) / 800**2
    assert value(st, ACCOUNT_CONCENTRATION, 2, 0) == pytest.approx(expected)
    play(st, observation(0, TRADE, account=4, traded=800))  # a print with one known side
    expected = (800**2 + 400**2 + 300**2 + 100**2) / 1600**2
    assert value(st, ACCOUNT_CONCENTRATION, 2, 0) == pytest.approx(expected)


def test_reciprocity_of_a_pair_and_a_self_match() -> None:
    st = state()
    play(
        st,
        fill(0, 7, 8, BID, 300),  # 7 buys 300 from 8
        observation(0, TRADE, account=8, contra_account=7, traded=200),  # 8 buys 200 from 7
        fill(0, 5, 6, BID, 100, group=2, contra_group=2),  # within one group
    )
    assert value(st, RECIPROCITY, 1, 0) == pytest.approx((2 * 200 + 100) / 600)
    play(st, fill(0, 7, 0, BID, 1_000))  # no pair: the other side is unknown
    assert value(st, RECIPROCITY, 1, 0) == pytest.approx((2 * 200 + 100) / 600)


# Dark orders -------------------------------------------------------------------------------------


def dark_order(ts: int, life: int, size: int, **fields) -> list:
    entry = {"account": 7, "side": BID, "dark": 1, "added": size, "order_size": size} | fields
    return [
        observation(ts, ADD, **entry),
        cancel(ts + life, 7, BID, 0, size, dark=1, age=life),
    ]


def test_pinging_of_three_probes_in_four_orders() -> None:
    st = state()
    play(
        st,
        *dark_order(0, 0, 50),  # tiny
        *dark_order(0, 0, 400, flags=IOC),
        *dark_order(0, 0, 400, min_quantity=400),
        *dark_order(0, 0, 400),  # neither
    )
    assert value(st, PINGING, 2, 0) == pytest.approx(math.log(5) * 3 / 4)
    # One half-life later n = 2 and p = 1.5: ln 3 * 3 / 4.
    assert value(st, PINGING, 2, 5 * S) == pytest.approx(math.log(3) * 3 / 4)


def test_pinging_ignores_orders_that_lived_or_were_filled() -> None:
    st = state()
    play(st, *dark_order(0, 50 * MS, 50))
    play(st, observation(60 * MS, ADD, account=7, side=BID, dark=1, added=50))
    play(st, cancel(70 * MS, 7, BID, 0, 30, dark=1, age=10 * MS, order_size=50))  # 20 were filled
    assert value(st, PINGING, 3, 70 * MS) == 0.0
    play(st, *dark_order(80 * MS, 50 * MS - 1, 50))
    assert value(st, PINGING, 3, 130 * MS) > 0.0


def test_pinging_is_nan_without_a_dark_order() -> None:
    st = state()
    play(st, add(0, 7, BID, 1))
    assert math.isnan(value(st, PINGING, 3, 0))


def moved(ts: int, account: int, ticks_before: int, ticks_after: int, **fields) -> np.ndarray:
    """Return an event of `account` that takes mid2 between two distances from MID2, in ticks."""
    mids = {"mid2_before": MID2 + ticks_before * TICK, "mid2": MID2 + ticks_after * TICK}
    order = {"kind": ADD, "account": account, "side": BID, "nbbo_changed": 1}
    return observation(ts, **(order | mids | fields))


def sale(ts: int, account: int, size: int, **fields) -> np.ndarray:
    return fill(ts, 0, account, BID, size, dark=1, **fields)


def test_reference_gaming_of_a_move_that_reverts() -> None:
    st = state()
    play(
        st,
        moved(0, 7, 0, 4, group=3),
        sale(200 * MS, 8, 400, contra_group=3),  # an affiliate sells at the raised midpoint
        sale(200 * MS, 5, 600),
    )
    assert value(st, REFERENCE_GAMING, 2, 200 * MS) == 0.0  # nothing looks ahead
    play(st, moved(400 * MS, 0, 4, 3, kind=QUOTE))
    assert value(st, REFERENCE_GAMING, 2, 400 * MS) == 0.0  # reverted by a quarter
    play(st, moved(500 * MS, 7, 3, 2, group=3))
    assert math.isnan(value(st, REFERENCE_GAMING, 0, 500 * MS))  # no dark fill in 0.1 s
    for k in (1, 2, 3):
        assert value(st, REFERENCE_GAMING, k, 500 * MS) == pytest.approx(400 / 1000)


def test_reference_gaming_wants_the_reversion_within_the_window() -> None:
    st = state()
    play(st, moved(0, 7, 0, 4), sale(S, 7, 400), moved(3 * S, 0, 4, 0))
    assert math.isnan(value(st, REFERENCE_GAMING, 1, 3 * S))
    play(st, sale(3 * S, 5, 400))
    assert value(st, REFERENCE_GAMING, 1, 3 * S) == 0.0
    early = 2 ** (-2 / 5)  # weight in the 10 s window of the fill 2 s ago
    assert value(st, REFERENCE_GAMING, 2, 3 * S) == pytest.approx(early / (early + 1))


def test_reference_gaming_wants_the_side_that_profits_and_a_standing_move() -> None:
    st = state()
    play(st, moved(0, 7, 0, 4), fill(MS, 0, 7, ASK, 400, dark=1), moved(2 * MS, 0, 4, 0))
    assert value(st, REFERENCE_GAMING, 3, 2 * MS) == 0.0  # bought at the raised midpoint
    play(st, sale(3 * MS, 7, 400), moved(4 * MS, 0, 0, -2))
    assert value(st, REFERENCE_GAMING, 3, 4 * MS) == 0.0  # sold after it was over


def test_reference_gaming_of_steps_that_add_up() -> None:
    st = state()
    play(st, moved(0, 7, 0, 2), moved(MS, 7, 2, 6), sale(2 * MS, 7, 100))
    play(st, moved(3 * MS, 0, 6, 4))  # by a third of the way from 0 to 6
    assert value(st, REFERENCE_GAMING, 3, 3 * MS) == 0.0
    play(st, moved(4 * MS, 0, 4, 3))
    assert value(st, REFERENCE_GAMING, 3, 4 * MS) == pytest.approx(1.0)


def test_undoing_its_own_move_is_no_new_move() -> None:
    st = state()
    play(st, moved(0, 7, 0, 4), moved(MS, 7, 4, 0))
    assert st.tables[0]["standing"] == 0
    play(st, moved(2 * MS, 7, 0, -4))
    assert st.tables[0]["standing"] == 1


def test_reference_gaming_counts_stale_references_at_once() -> None:
    st = state()
    play(
        st,
        fill(0, 7, 0, BID, 300, dark=1, reference_age=STALE_NS + 1),
        fill(0, 7, 0, BID, 500, dark=1, reference_age=STALE_NS),
        fill(0, 7, 0, BID, 200, dark=1),
    )
    assert value(st, REFERENCE_GAMING, 0, 0) == pytest.approx(0.3)


def test_a_stale_fill_in_a_move_counts_once() -> None:
    st = state()
    play(st, moved(0, 7, 0, 4), sale(MS, 7, 300, reference_age=STALE_NS + 1), sale(MS, 5, 700))
    play(st, moved(2 * MS, 0, 4, 0))
    assert value(st, REFERENCE_GAMING, 3, 2 * MS) == pytest.approx(0.3)


def test_fills_wait_for_the_reversion_across_an_epoch() -> None:
    st = state()  # START begins an epoch of the shortest windows
    play(st, moved(-20 * MS, 7, 0, 4), sale(-10 * MS, 7, 400), sale(-10 * MS, 5, 600))
    play(st, add(0, 9, BID, 1), moved(10 * MS, 0, 4, 0))
    for k in range(4):
        assert value(st, REFERENCE_GAMING, k, 10 * MS) == pytest.approx(0.4)
