"""The auction's price against a search over all prices, on books filled by hand."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.layout import I64_MAX
from kernels.sim_call import enter_call, find_cross, join_book, trade_auction
from kernels.sim_state import BUY, CALLED, NOBODY, NOTHING, ORDERS, SECURITY, SELL

Order = tuple[int, int, int]  # side, tick, size


def called(orders: list[Order]) -> Any:
    """Return a security that has collected these orders, each of an account of its own."""
    m = np.zeros(1, SECURITY)[0]
    m["orders"]["next"] = np.append(np.arange(1, ORDERS), -1)
    for name in ("head", "tail"):
        m["levels"][name] = -1
    for name in ("pool_head", "pool_tail", "call_head", "call_tail", "places"):
        m[name] = -1
    m["due"] = I64_MAX
    m["next_id"] = 1
    m["tick"] = 1
    m["random"] = 12345
    m["best"][BUY], m["best"][SELL] = 100, 101
    m["low"], m["high"] = 100, 101
    m["phase"] = CALLED
    for i, (side, tick, size) in enumerate(orders):
        enter_call(m, np.int64(side), np.int64(tick), np.int64(size), np.int64(i), NOBODY, NOTHING)
    return m


def paired(orders: list[Order], price: int) -> int:
    bought = sum(size for side, tick, size in orders if side == BUY and tick >= price)
    return min(bought, sum(size for side, tick, size in orders if side == SELL and tick <= price))


def test_an_auction_by_hand() -> None:
    # Bids 300 at 103, 100 at 101; asks 200 at 99, 150 at 102. At 99 to 101: min(400, 200) = 200;
    # at 102 and 103: min(300, 350) = 300, 50 left over; nearest to 100 of the two is 102.
    m = called([(0, 103, 300), (0, 101, 100), (1, 99, 200), (1, 102, 150)])
    assert find_cross(m) == 300
    assert m["cross"] == 102
    m["count"] = 0
    assert trade_auction(m)
    rows = m["out"][: m["count"]]
    assert rows["size"].tolist() == [200, 100]
    assert rows["price"].tolist() == [102, 102]
    assert rows["order_id"].tolist() == [1, 1]
    assert rows["contra_order_id"].tolist() == [3, 4]
    join_book(m)
    assert m["best"].tolist() == [101, 102]
    assert m["called"] == 0


def test_an_auction_where_nothing_meets_trades_nothing() -> None:
    m = called([(0, 98, 300), (1, 103, 200)])
    assert find_cross(m) == 0
    m["count"] = 0
    assert trade_auction(m)
    assert m["count"] == 0


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(80, 120), st.integers(1, 500)), max_size=30)
)
def test_no_price_would_have_traded_more(orders: list[Order]) -> None:
    m = called(orders)
    most = max((paired(orders, price) for price in range(79, 122)), default=0)
    assert find_cross(m) == most
    m["count"] = 0
    assert trade_auction(m)
    rows = m["out"][: m["count"]]
    assert rows["size"].sum() == most
    if most:
        assert set(rows["price"].tolist()) == {int(m["cross"])}
        surplus = {
            p: abs(
                sum(z for s, t, z in orders if s == BUY and t >= p)
                - sum(z for s, t, z in orders if s == SELL and t <= p)
            )
            for p in range(79, 122)
            if paired(orders, p) == most
        }
        assert surplus[int(m["cross"])] == min(surplus.values())
