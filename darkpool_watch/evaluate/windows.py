"""Windows of order flow as statistics without unit, for telling real tapes from simulated ones.

A window is a number of lit messages of one security, so that its rate is not among its statistics.
Times are in mean gaps of the window, distances and moves in its mean spread, depth in its mean
size; round and odd lots are counted as such. Accounts, pools and depth beyond the common levels are
what real tapes lack: none enters. Order ids only join an order's entry to its end.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from darkpool_watch.sim.flow import HALF_HOUR_NS, Flow
from kernels.layout import ADD, BID, CANCEL, EXECUTE, HIDDEN_TRADE, LIT_TRADE, UNDEFINED_PRICE
from kernels.market_rows import NO_DISTANCE

MESSAGES: Final = 256  # of a window
_KINDS: Final = (ADD, CANCEL, EXECUTE)
_KIND_NAMES: Final = ("add", "cancel", "trade")
_FEW: Final = 8  # of which no statistic is taken

Matrix = NDArray[np.float64]
Names = dict[str, Matrix]


class Windows(NamedTuple):
    """The windows of one security and day."""

    label: str
    names: tuple[str, ...]  # family.statistic
    values: Matrix  # (W, F)
    half_hour: NDArray[np.int64]  # (W,) of the session


def windows(flow: Flow) -> Windows:
    """Return the whole windows within the session, in order."""
    lit = flow.lit
    lit = lit[(lit["ts"] >= flow.opens) & (lit["ts"] < flow.closes)]
    count = len(lit) // MESSAGES
    rows = lit[: count * MESSAGES].reshape(count, MESSAGES)
    table = {**_times(rows), **_kinds(rows), **_lives(rows), **_sizes(rows), **_prices(rows)}
    values = np.stack(list(table.values()), axis=1) if table else np.zeros((count, 0))
    half_hour = (rows["ts"][:, 0] - flow.opens) // HALF_HOUR_NS
    return Windows(flow.label, tuple(table), values, half_hour)


def _mean(values: Matrix, where: NDArray[np.bool_]) -> Matrix:
    """Return means (W,) of values (W, M) where `where`; NaN of fewer than 8."""
    count = where.sum(axis=1)
    total = np.where(where, values, 0.0).sum(axis=1)
    return np.where(count >= _FEW, total / np.maximum(count, 1), np.nan)


def _share(yes: NDArray[np.bool_], where: NDArray[np.bool_]) -> Matrix:
    return _mean(yes.astype(np.float64), where)


def _correlation(x: Matrix, y: Matrix, where: NDArray[np.bool_]) -> Matrix:
    """Return correlations (W,) of x and y (W, M) where `where`; NaN where either is constant."""
    mx, my = _mean(x, where)[:, None], _mean(y, where)[:, None]
    xx, yy = _mean((x - mx) ** 2, where), _mean((y - my) ** 2, where)
    both = xx * yy
    xy = _mean((x - mx) * (y - my), where)
    return np.where(both > 0.0, xy / np.sqrt(np.where(both > 0.0, both, 1.0)), np.nan)


def _times(rows: NDArray[np.void]) -> Names:
    gaps = np.diff(rows["ts"], axis=1).astype(np.float64)
    mean = np.maximum(gaps.mean(axis=1, keepdims=True), 1.0)
    unit = gaps / mean
    logs = np.log(np.maximum(unit, 1e-6))
    every = np.ones_like(gaps, dtype=bool)
    found = {
        "time.gap_variation": unit.std(axis=1),
        "time.same_time": (gaps == 0).mean(axis=1),
        "time.log_gap_spread": logs.std(axis=1),
        "time.log_gap_skew": ((logs - logs.mean(axis=1, keepdims=True)) ** 3).mean(axis=1)
        / np.maximum(logs.std(axis=1), 1e-9) ** 3,
    }
    for share in (1e-4, 1e-3, 1e-2, 1e-1):
        found[f"time.gaps_under_{share:g}"] = (unit < share).mean(axis=1)
    for lag in (1, 2, 5):
        found[f"time.log_gap_memory_{lag}"] = _correlation(
            logs[:, lag:], logs[:, :-lag], every[:, lag:]
        )
    blocks = np.stack([part.sum(axis=1) for part in np.array_split(unit, 8, axis=1)], axis=1)
    found["time.drift_of_rate"] = np.log(np.maximum(blocks, 1e-9)).std(axis=1)
    return found


def _kinds(rows: NDArray[np.void]) -> Names:
    kind, side = rows["kind"], rows["side"]
    found = {
        f"kind.{name}": (kind == code).mean(axis=1)
        for name, code in zip(_KIND_NAMES, _KINDS, strict=True)
    }
    found["kind.hidden_trade"] = (rows["trade"] == HIDDEN_TRADE).mean(axis=1)
    for a, name in zip(_KINDS, _KIND_NAMES, strict=True):
        for b, then in zip(_KINDS, _KIND_NAMES, strict=True):
            found[f"kind.{name}_then_{then}"] = _share(kind[:, 1:] == b, kind[:, :-1] == a)
    known = (side[:, 1:] > 0) & (side[:, :-1] > 0)
    found["kind.same_side"] = _share(side[:, 1:] == side[:, :-1], known)
    signs = rows["aggressor"].astype(np.float64)
    trades = (rows["trade"] == LIT_TRADE) & (signs != 0)
    found["kind.trade_signs"] = np.abs(_mean(signs, trades))
    found["kind.trades_in_a_row"] = _share(trades[:, 1:], trades[:, :-1])
    same = (rows["ts"][:, 1:] == rows["ts"][:, :-1]) & trades[:, 1:]
    found["kind.trades_at_one_time"] = _share(same, trades[:, 1:])
    return found


def _lives(rows: NDArray[np.void]) -> Names:
    """Return statistics of orders entered and withdrawn within the window."""
    ids = rows["order_id"]
    order = np.argsort(ids, axis=1, kind="stable")
    by_id = np.take_along_axis(rows, order, axis=1)
    pairs = (
        (by_id["order_id"][:, 1:] == by_id["order_id"][:, :-1])
        & (by_id["order_id"][:, 1:] > 0)
        & (by_id["kind"][:, :-1] == ADD)
    )
    gone = pairs & (by_id["kind"][:, 1:] == CANCEL)
    hit = pairs & (by_id["kind"][:, 1:] == EXECUTE)
    steps = np.diff(order, axis=1).astype(np.float64)
    span = np.maximum(np.ptp(rows["ts"], axis=1), 1)[:, None] / MESSAGES
    lived = np.diff(by_id["ts"], axis=1) / span
    adds = np.maximum((rows["kind"] == ADD).sum(axis=1), 1)
    return {
        "life.withdrawn_within": gone.sum(axis=1) / adds,
        "life.hit_within": hit.sum(axis=1) / adds,
        "life.messages": _mean(np.log(np.maximum(steps, 1.0)), gone),
        "life.next_message": _share(steps == 1, gone),
        "life.log_time": _mean(np.log(np.maximum(lived, 1e-6)), gone),
        "life.under_0.01": _share(lived < 1e-2, gone),
        "life.under_1": _share(lived < 1.0, gone),
    }


def _sizes(rows: NDArray[np.void]) -> Names:
    size = rows["size"].astype(np.float64)
    adds, trades = rows["kind"] == ADD, rows["trade"] == LIT_TRADE
    logs = np.log(np.maximum(size, 1.0))
    spread = np.sqrt(np.maximum(_mean(logs**2, adds) - _mean(logs, adds) ** 2, 0.0))
    return {
        "size.add_100": _share(size == 100, adds),
        "size.add_odd": _share(size % 100 > 0, adds),
        "size.add_log_spread": spread,
        "size.trade_100": _share(size == 100, trades),
        "size.trade_odd": _share(size % 100 > 0, trades),
        "size.trade_to_add": _mean(logs, trades) - _mean(logs, adds),
        "size.repeated": _share(size[:, 1:] == size[:, :-1], adds[:, 1:] & adds[:, :-1]),
    }


def _prices(rows: NDArray[np.void]) -> Names:
    bid, ask = rows["bid"].astype(np.float64), rows["ask"].astype(np.float64)
    quoted = (rows["bid"] != UNDEFINED_PRICE) & (rows["ask"] != UNDEFINED_PRICE)
    mid, width = (bid + ask) / 2, ask - bid
    usual = _mean(width, quoted)
    usual = np.where(usual > 0.0, usual, np.nan)[:, None]
    own = np.where(rows["side"] == BID, bid, ask)
    behind = np.abs(rows["price"] - own) / usual  # of the touch after the message
    known = quoted & (rows["distance"] != NO_DISTANCE) & (rows["price"] != UNDEFINED_PRICE)
    adds = known & (rows["kind"] == ADD)
    gone = known & (rows["kind"] == CANCEL)
    distance = rows["distance"]
    both = quoted[:, 1:] & quoted[:, :-1]
    moves = np.where(both, np.diff(mid, axis=1), 0.0) / usual
    moved = both & (moves != 0.0)
    ups = np.sign(moves)
    depth = rows["bid_size"].astype(np.float64) + rows["ask_size"]
    lean = (rows["bid_size"].astype(np.float64) - rows["ask_size"]) / np.maximum(depth, 1.0)
    total = np.maximum(np.abs(moves).sum(axis=1), 1e-12)
    size = np.maximum(_mean(rows["size"].astype(np.float64), rows["kind"] == ADD), 1.0)[:, None]
    ofi = rows["ofi"][:, 1:].astype(np.float64)
    return {
        "price.add_improves": _share(distance < 0, adds),
        "price.add_at_touch": _share(distance == 0, adds),
        "price.add_behind": _mean(behind, adds),
        "price.cancel_at_touch": _share(distance == 0, gone),
        "price.cancel_behind": _mean(behind, gone),
        "price.spread_variation": np.sqrt(_mean((width / usual - 1.0) ** 2, quoted)),
        "price.moves": _share(moved, both),
        "price.move_size": _mean(np.abs(moves), moved),
        "price.efficiency": np.abs(moves.sum(axis=1)) / total,
        "price.reversals": _share(ups[:, 1:] * ups[:, :-1] < 0, moved[:, 1:] & moved[:, :-1]),
        "price.touch_depth": _mean(np.log(np.maximum(depth / 2 / size, 1e-3)), quoted),
        "price.lean": _mean(np.abs(lean), quoted),
        "price.lean_to_move": _correlation(lean[:, :-1], ups, moved),
        "price.ofi_to_move": _correlation(ofi, moves, both),
    }
