import numpy as np
import pytest

from darkpool_watch.evaluate.windows import MESSAGES, Windows, windows
from darkpool_watch.sim.flow import HALF_HOUR_NS, Flow
from kernels.layout import ADD, ASK, BID, CANCEL, EXECUTE, LIT_TRADE
from kernels.witness import WITNESS

TICK = 10_000_000
MS = 1_000_000


def flow_of(rows: np.ndarray) -> Flow:
    return Flow("HAND", rows, 0, 13 * HALF_HOUR_NS, 0, 13 * HALF_HOUR_NS, False)


def quotes(count: int) -> np.ndarray:
    """Pairs of an add and its cancel 1 ms later, 4 ms apart; 100 shares, a spread of 2 ticks."""
    rows = np.zeros(count, WITNESS)
    rows["ts"] = np.arange(count) // 2 * 4 * MS + np.arange(count) % 2 * MS
    rows["kind"] = np.where(np.arange(count) % 2, CANCEL, ADD)
    rows["order_id"] = 1 + np.arange(count) // 2
    rows["side"] = np.where(np.arange(count) // 2 % 2, ASK, BID)
    rows["size"], rows["bid_size"], rows["ask_size"] = 100, 300, 100
    rows["bid"], rows["ask"] = 100 * TICK, 102 * TICK
    rows["price"] = np.where(rows["side"] == BID, 99, 102) * TICK
    rows["distance"] = np.where(rows["side"] == BID, 1, 0)
    return rows


def named(found: Windows, row: int = 0) -> dict[str, float]:
    return dict(zip(found.names, found.values[row].tolist(), strict=True))


def test_a_window_by_hand() -> None:
    one = named(windows(flow_of(quotes(MESSAGES))))
    assert one["kind.add"] == one["kind.cancel"] == 0.5
    assert one["kind.add_then_cancel"] == one["kind.cancel_then_add"] == 1.0
    assert one["kind.trade"] == 0.0
    # 128 gaps of 1 ms and 127 of 3 ms: the mean is 509 / 255, none is below a tenth of it.
    gaps = np.append(np.ones(128), np.full(127, 3.0))
    assert one["time.gap_variation"] == pytest.approx(gaps.std() / gaps.mean())
    assert one["time.gaps_under_0.1"] == one["time.same_time"] == 0.0
    assert one["time.log_gap_memory_1"] == pytest.approx(-1.0)
    # Every order is withdrawn by the next message; bids lie half a spread behind the touch.
    assert one["life.withdrawn_within"] == one["life.next_message"] == 1.0
    assert one["life.hit_within"] == 0.0
    assert one["price.add_at_touch"] == 0.5
    assert one["price.add_behind"] == pytest.approx(0.25)
    assert one["price.moves"] == one["price.spread_variation"] == 0.0
    assert one["price.lean"] == pytest.approx(0.5)  # 300 against 100
    assert one["price.touch_depth"] == pytest.approx(np.log(2.0))
    assert one["size.add_100"] == 1.0
    assert one["size.add_odd"] == one["size.add_log_spread"] == 0.0


def test_trades_of_a_window_by_hand() -> None:
    # The last 32 messages are buys of 150 in pairs of one time.
    rows = quotes(MESSAGES)
    last = rows[-32:]
    last["kind"], last["trade"], last["aggressor"], last["side"] = EXECUTE, LIT_TRADE, 1, ASK
    last["size"], last["order_id"] = 150, 0
    last["ts"][1::2] = last["ts"][::2]
    one = named(windows(flow_of(rows)))
    assert one["kind.trade"] == 32 / 256
    assert one["kind.trade_signs"] == 1.0
    assert one["kind.trades_in_a_row"] == 1.0
    assert one["kind.trades_at_one_time"] == 0.5
    assert one["size.trade_odd"] == 1.0
    assert one["size.trade_to_add"] == pytest.approx(np.log(1.5))


def test_rate_price_and_order_ids_change_no_statistic() -> None:
    rng = np.random.default_rng(1)
    rows = quotes(3 * MESSAGES)
    rows["ts"] += np.cumsum(rng.integers(0, 5 * MS, len(rows)))
    rows["bid"] -= rng.integers(0, 3, len(rows)) * TICK
    other = rows.copy()
    other["ts"] *= 3
    for name in ("bid", "ask", "price"):
        other[name] *= 7
    other["order_id"] = 2**50 - 3 * other["order_id"]
    here, there = windows(flow_of(rows)), windows(flow_of(other))
    assert np.allclose(here.values, there.values, equal_nan=True, rtol=1e-9)


def test_windows_are_whole_and_know_their_half_hour() -> None:
    rows = quotes(2 * MESSAGES + 5)
    rows["ts"][MESSAGES:] += HALF_HOUR_NS
    found = windows(flow_of(rows))
    assert found.half_hour.tolist() == [0, 1]
    assert found.values.shape == (2, len(found.names))
    assert len(set(found.names)) == len(found.names)
    assert windows(flow_of(rows[: MESSAGES - 1])).values.shape == (0, len(found.names))


def test_what_there_is_too_little_of_is_undefined() -> None:
    one = named(windows(flow_of(quotes(MESSAGES))))
    assert np.isnan(one["size.trade_odd"])
    assert np.isnan(one["price.move_size"])
    assert np.isnan(one["price.ofi_to_move"])
