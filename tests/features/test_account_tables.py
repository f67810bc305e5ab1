"""The bounded tables at and beyond their capacity: who stays, and that the sums still agree."""

import numpy as np
import pytest

from kernels.account_layout import (
    BUDGET_BYTES,
    BY_MESSAGES,
    BY_NOTIONAL,
    BYTES,
    COUPLED,
    EPOCH_NS,
    FILLED,
    LEVEL_SETS,
    LEVEL_WAYS,
    NET_LEVELS,
    NOTIONAL_SEATS,
    PAIRS,
    RECIPROCAL,
    SEATS,
    SQUARES,
)
from kernels.account_seats import find_seat
from kernels.accounts import LAYERING, RECIPROCITY, REFERENCE_GAMING, SPOOF_COUPLING
from kernels.layout import ADD, ASK, BID, CANCEL, EXECUTE
from tests.features.account_cases import (
    BEST_ASK,
    BEST_BID,
    MINE,
    MS,
    START,
    TICK,
    S,
    add,
    cancel,
    fill,
    naive,
    observation,
    play,
    state,
    value,
    written,
)


def crowd(size: int, accounts: int, seed: int, gap_ns: float = 2e6) -> np.ndarray:
    """Return consistent random flow of many accounts: orders near the touch, cancels, fills."""
    rng = np.random.default_rng(seed)
    out = np.concatenate([observation()] * size)
    out["ts"] = START + np.cumsum(rng.exponential(gap_ns, size).astype(np.int64))
    out["kind"] = rng.choice([ADD, CANCEL, EXECUTE], size, p=[0.5, 0.3, 0.2])
    out["side"] = rng.integers(BID, ASK + 1, size)
    out["account"] = 1 + np.minimum(accounts - 1, rng.pareto(0.6, size) * 5)
    out["contra_account"] = np.where(out["kind"] == EXECUTE, rng.permutation(out["account"]), 0)
    out["group"], out["contra_group"] = out["account"], out["contra_account"]
    away = TICK * rng.integers(0, 6, size)
    out["price"] = np.where(out["side"] == BID, BEST_BID - away, BEST_ASK + away)
    quantity = 100 * rng.integers(1, 10, size)
    out["order_size"] = quantity
    for name, kind in (("added", ADD), ("removed", CANCEL), ("traded", EXECUTE)):
        out[name] = np.where(out["kind"] == kind, quantity, 0)
    out["dark"] = rng.random(size) < 0.3
    return out


def each(rows: np.ndarray) -> list[np.ndarray]:
    return [rows[i : i + 1] for i in range(len(rows))]


def test_the_accounts_of_a_security_fit_their_budget() -> None:
    assert BYTES <= BUDGET_BYTES == 64 * 1024
    assert state(3).tables.nbytes == 3 * BYTES


# Seats -------------------------------------------------------------------------------------------


def check_invariants(a: np.void) -> None:
    """Assert that index, levels and running sums agree with what they stand for."""
    seated = int(a["seated"])
    accounts = a["accounts"][:seated]
    assert len(set(accounts.tolist())) == seated
    assert [find_seat(a, int(account)) for account in accounts] == list(range(seated))
    assert np.count_nonzero(a["index"]) == seated
    owners = a["levels"]["owner"][a["levels"]["owner"] > 0].astype(int) - 1
    held = np.bincount(owners >> 1, minlength=SEATS)
    np.testing.assert_array_equal(a["held"], held)
    for k in range(4):
        cancelled_bid, cancelled_ask, bought, sold = a["counters"][k, :4].astype(float)
        coupled = np.minimum(cancelled_bid, sold) + np.minimum(cancelled_ask, bought)
        volume = bought + sold
        total = a["sums"][k, FILLED]
        scale = max(total, a["weight"][k])  # of one share now: less is undefined in a row
        assert a["sums"][k, COUPLED] == pytest.approx(coupled.sum(), abs=1e-9 * scale)
        assert a["sums"][k, SQUARES] == pytest.approx((volume**2).sum(), abs=1e-9 * scale**2)
        assert volume.sum() <= total * (1 + 1e-5) + 1e-9 * scale
        both = 2 * a["pairs"][k].min(axis=0).astype(float).sum()
        assert a["sums"][k, RECIPROCAL] == pytest.approx(both, abs=1e-9 * scale)
        net = np.zeros(SEATS)
        for level in a["levels"][a["levels"]["owner"] > 0]:
            owner = int(level["owner"]) - 1
            age = int(a["weighed"]) - int(level["since"])
            net[owner >> 1] += (-1) ** owner * 2.0 ** (-age / (EPOCH_NS[k] / 64))
        now = a["counters"][k, NET_LEVELS] / a["weight"][k]
        np.testing.assert_allclose(now, net, atol=1e-5)


@pytest.mark.parametrize(("accounts", "gap_ns"), [(600, 2e6), (600, 5e8), (40, 5e7)])
def test_sums_and_index_agree_beyond_capacity(accounts: int, gap_ns: float) -> None:
    st = state()
    for i, row in enumerate(each(crowd(4_000, accounts, 11, gap_ns))):
        play(st, row)
        if i % 200 == 199:
            check_invariants(st.tables[0])
    assert (st.tables[0]["accounts_evicted"] > 100) == (accounts > SEATS)


class Seats:
    """The rule of `account_seats` over a plain list, with exact counts."""

    def __init__(self) -> None:
        self.rows: list[dict] = []
        self.evicted: list[int] = []

    def message(self, account: int, notional: int) -> None:
        row = next((r for r in self.rows if r["account"] == account), None)
        if row is None:
            row = {"account": account, "messages": 0, "notional": 0}
            if len(self.rows) < SEATS:
                row["large"] = len(self.rows) >= SEATS - NOTIONAL_SEATS
                self.rows.append(row)
            else:
                at = self.rows.index(self.weakest())
                self.evicted.append(self.rows[at]["account"])
                row["large"] = False
                self.rows[at] = row
        row["messages"] += 1
        row["notional"] += notional

    def weakest(self) -> dict:
        while True:
            quiet = min((r for r in self.rows if not r["large"]), key=lambda r: r["messages"])
            small = min((r for r in self.rows if r["large"]), key=lambda r: r["notional"])
            if quiet["notional"] <= small["notional"]:
                return quiet
            quiet["large"], small["large"] = True, False


def test_seats_equal_an_exact_bounded_twin() -> None:
    rng = np.random.default_rng(5)
    accounts = 1 + np.minimum(799, rng.pareto(0.5, 6_000) * 10).astype(int)
    sizes = rng.integers(1, 50, 6_000)
    st, twin = state(), Seats()
    ts = -START % EPOCH_NS[3]  # weights are 1: at a price of 1.00 the ranks are exact integers
    for account, size in zip(accounts, sizes, strict=True):
        play(st, observation(ts, ADD, account=account, price=10**9, added=size))
        twin.message(int(account), int(size))
    a = st.tables[0]
    assert len(twin.evicted) == a["accounts_evicted"] > 300
    assert a["accounts"].tolist() == [row["account"] for row in twin.rows]
    assert a["pool"].tolist() == [row["large"] for row in twin.rows]
    assert a["ranks"][BY_MESSAGES].tolist() == [row["messages"] for row in twin.rows]
    assert a["ranks"][BY_NOTIONAL].tolist() == [row["notional"] for row in twin.rows]


def test_five_thousand_sybils_do_not_push_out_a_spoofer() -> None:
    st = state()
    spoofer = 77
    play(st, *[add(n * MS, spoofer, BID, n, 5_000) for n in range(10)])
    rng = np.random.default_rng(3)
    for n in range(15_000):  # three small orders each, within five seconds
        sybil = 1_000 + int(rng.integers(0, 5_000))
        play(st, add(10 * MS + n * MS // 3, sybil, ASK if n & 1 else BID, n % 5, 100))
    a = st.tables[0]
    assert a["accounts_evicted"] > 4_000
    assert find_seat(a, spoofer) >= 0
    now = 5_011 * MS
    # Its ten levels are still counted: 10 * 2^(-5 / 30) / 10 in the longest window.
    assert value(st, LAYERING, 3, now) == pytest.approx(2 ** (-5 / 30), abs=0.005)
    play(st, fill(now, spoofer, 0, ASK, 500))
    play(st, *[cancel(now, spoofer, BID, n, 5_000) for n in range(10)])
    assert value(st, SPOOF_COUPLING, 2, now) == pytest.approx(1.0)
    assert a["held"][find_seat(a, spoofer)] == 0


def test_single_messages_cost_busy_accounts_one_seat() -> None:
    st = state()
    for n in range(5):
        play(st, *[add(n, 1 + account, BID, 1, 100) for account in range(SEATS)])
    play(st, *[add(5, 10_000 + n, BID, 1, 1) for n in range(2_000)])
    stayed = set(range(1, SEATS + 1)) & set(st.tables[0]["accounts"].tolist())
    assert len(stayed) == SEATS - 1


def test_both_sides_of_a_trade_are_seated_in_a_full_table() -> None:
    st = state()
    for _ in range(3):
        play(st, *[add(0, 1 + account, BID, 1, 100) for account in range(SEATS)])
    for n in range(50):
        play(st, fill(n, 2_000 + 2 * n, 2_001 + 2 * n, BID, 100))
        seats = [find_seat(st.tables[0], 2_000 + 2 * n + side) for side in (0, 1)]
        assert min(seats) >= 0
        assert seats[0] != seats[1]
    check_invariants(st.tables[0])


# Levels, pairs, moves, groups --------------------------------------------------------------------


def test_small_orders_do_not_hide_large_levels() -> None:
    st = state()
    play(st, *[add(0, 7, BID, n, 5_000) for n in range(10)])
    play(st, *[add(MS, 100 + n % 100, BID, n // 100, 10) for n in range(3_000)])
    a = st.tables[0]
    assert a["levels_passed_over"] > 1_000
    assert np.count_nonzero(a["levels"]["owner"]) == LEVEL_SETS * LEVEL_WAYS
    assert a["held"][find_seat(a, 7)] == 10


def test_levels_older_than_two_minutes_make_room() -> None:
    st = state()
    play(st, *[add(0, 100 + n % 200, BID, n // 200, 5_000) for n in range(4_000)])
    play(st, *[add(121 * S, 7, ASK, n, 1) for n in range(10)])
    a = st.tables[0]
    assert a["held"][find_seat(a, 7)] == 10
    assert value(st, LAYERING, 0, 121 * S) == pytest.approx(1.0)


def test_the_largest_pairs_stay() -> None:
    st = state()
    large = [(2 * n + 1, 2 * n + 2) for n in range(PAIRS)]
    play(st, *[fill(0, i, j, BID, 1_000) for i, j in large])
    play(st, *[fill(0, 1_000 + n, 2_000 + n, BID, 999) for n in range(100)])
    a = st.tables[0]
    assert a["pairs_passed_over"] == 100
    assert list(zip(a["pair_low"].tolist(), a["pair_high"].tolist(), strict=True)) == large
    play(st, fill(0, 501, 502, BID, 1_001))  # takes the place of the first of the least
    assert (a["pair_low"][0], a["pair_high"][0]) == (501, 502)
    play(st, fill(0, 501, 502, ASK, 1_001))
    total = PAIRS * 1_000 + 99_900 + 2 * 1_001
    assert value(st, RECIPROCITY, 3, 0) == pytest.approx(2 * 1_001 / total)
    # A minute later the old pairs weigh a quarter, and a smaller trade gets in.
    play(st, fill(60 * S, 601, 602, BID, 300))
    assert a["pairs_evicted"] == 2


def test_a_filled_move_outlives_a_flood_of_other_moves() -> None:
    st = state()
    mid2 = BEST_BID + BEST_ASK
    up = {"nbbo_changed": 1, "mid2_before": mid2, "side": BID}
    play(st, observation(0, ADD, account=7, mid2=mid2 + 8 * TICK, **up))
    play(st, fill(MS, 0, 7, BID, 400, dark=1))
    for n in range(500):
        up["mid2_before"] = mid2 + 6 * TICK
        play(st, observation(2 * MS + n, ADD, account=100 + n, mid2=mid2 + 7 * TICK, **up))
    assert st.tables[0]["moves_evicted"] > 400
    play(st, observation(3 * MS, CANCEL, nbbo_changed=1, mid2_before=mid2 + 7 * TICK, mid2=mid2))
    assert st.tables[0]["standing"] == 0
    assert value(st, REFERENCE_GAMING, 3, 3 * MS) == pytest.approx(1.0)


# Reading, epochs, sessions -----------------------------------------------------------------------


def test_writing_rows_never_changes_later_values() -> None:
    quiet, busy = state(), state()
    rng = np.random.default_rng(9)
    for row in each(crowd(3_000, 400, 21, 5e7)):
        play(quiet, row)
        play(busy, row)
        for later in rng.integers(0, 10**10, rng.integers(0, 3)):
            written(busy, int(row["ts"][0] + later))
    assert quiet.tables.tobytes() == busy.tables.tobytes()


def test_securities_do_not_touch_each_other() -> None:
    both, alone = state(2), state()
    for row, other in zip(each(crowd(500, 50, 1)), each(crowd(500, 50, 2)), strict=True):
        play(both, row, s=1)
        play(both, other, s=0)
        play(alone, row)
    assert both.tables[1].tobytes() == alone.tables[0].tobytes()


def test_an_epoch_begins_without_a_jump() -> None:
    st, twin = state(), naive()
    border = START  # a multiple of every window's epoch
    assert all(border % epoch == 0 for epoch in EPOCH_NS[:2])
    rows = [add(-1, 7, BID, 1), fill(-1, 7, 8, ASK, 300), cancel(-1, 7, BID, 2, 900)]
    for row in [*rows, fill(0, 7, 8, BID, 100), add(1, 7, BID, 3), cancel(1, 7, BID, 1)]:
        before = st.tables[0]["landmark"].copy()
        play(st, row)
        twin.see(row[0])
        now = int(row["ts"][0])
        np.testing.assert_allclose(written(st, now)[MINE], twin.row(now)[MINE], rtol=1e-5)
        assert (st.tables[0]["landmark"][0] > before[0]) == (row is rows[0] or now == border)


def test_a_new_session_starts_from_nothing() -> None:
    st, fresh = state(), state()
    play(st, *each(crowd(500, 50, 1)))
    row = add(10 * S, 7, BID, 1, session=1)
    play(st, row)
    play(fresh, row)
    assert st.tables[0]["entered"] == 0
    np.testing.assert_array_equal(
        written(st, START + 10 * S)[MINE], written(fresh, START + 10 * S)[MINE]
    )
