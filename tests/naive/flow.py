"""The order-flow families recomputed from raw observations, one plain function a family.

Each function takes a `Window` and follows the formula of its family word for word: no panes, no
running state. Times are made monotone first, as the windows do with late events.
"""

import math
from typing import NamedTuple

import numpy as np

from kernels.layout import (
    ADD,
    ASK,
    BID,
    CANCEL,
    DARK_TRADE,
    I64_MAX,
    LEVEL,
    NO_TRADE,
    REPLACE,
)

PANES = 16
PANE_NS = (6_250_000, 62_500_000, 625_000_000, 3_750_000_000)
NO_DISTANCE = np.iinfo(np.int32).min
NAN = math.nan


class Reference(NamedTuple):
    """What the formulas take from the security's profile."""

    p50: float  # median order size, size units
    p90: float  # size from which an order is large
    tick: float  # 1e-9 currency
    mu: float  # Hawkes baseline, events/s
    a: tuple[float, float]  # branching ratios of the two kernels
    b: tuple[float, float]  # decay rates of the two kernels, 1/s


class Window(NamedTuple):
    """One window of one security, with the past that lags and held values need."""

    past: list[dict]  # observations by field: everything up to now, times monotone
    inside: list[dict]  # the last of them, those not before `start`
    start: int  # ns, edge of the oldest pane
    now: int  # ns
    pane: int  # ns, width of a pane
    reference: Reference


def plain(observations: np.ndarray) -> list[dict]:
    """Return OBSERVATION rows as dicts of Python numbers, times made monotone."""
    names, clock, rows = observations.dtype.names, None, []
    for values in observations.tolist():
        row = dict(zip(names, values, strict=True))
        clock = row["ts"] if clock is None else max(clock, row["ts"])
        rows.append({**row, "ts": clock})
    return rows


def window_of(past: list[dict], now: int, level: int, reference: Reference) -> Window:
    """Return the window of `level` at `now`; `past` is what had arrived by then."""
    pane = PANE_NS[level]
    start = pane * (now // pane - (PANES - 1))
    return Window(past, [o for o in past if o["ts"] >= start], start, now, pane, reference)


def ratio(above: float, below: float) -> float:
    return above / below if below else NAN


def touch_depth(w: Window) -> float:
    """Mean touch depth over the lit messages that know it (Cont, Kukanov & Stoikov's AD)."""
    depths = [o["touch_depth"] for o in w.inside if not o["dark"]]
    known = [x for x in depths if not math.isnan(x)]
    return math.fsum(known) / len(known) if known else NAN


def flow_over_depth(w: Window, field: str) -> float:
    return ratio(math.fsum(o[field] for o in w.inside), touch_depth(w))


def ofi_touch(w: Window) -> float:
    return flow_over_depth(w, "ofi_touch")


def ofi_deep(w: Window) -> float:
    return flow_over_depth(w, "ofi_deep")


def ofi_integrated(w: Window) -> float:
    return flow_over_depth(w, "ofi_integrated")


def signed_trades(w: Window) -> list:
    return [o for o in w.inside if o["trade"] != NO_TRADE and o["aggressor"] != 0]


def trade_imbalance(trades: list) -> float:
    signed = sum(o["aggressor"] * o["traded"] for o in trades)
    return ratio(signed, sum(o["traded"] for o in trades))


def trade_imbalance_lit(w: Window) -> float:
    return trade_imbalance([o for o in signed_trades(w) if o["trade"] != DARK_TRADE])


def trade_imbalance_dark(w: Window) -> float:
    return trade_imbalance([o for o in signed_trades(w) if o["trade"] == DARK_TRADE])


def time_weighted(w: Window, value) -> float:
    """Return the mean of a held value over the part of the window where it is known."""
    area = time = 0.0
    for i, o in enumerate(w.past):
        until = w.past[i + 1]["ts"] if i + 1 < len(w.past) else w.now
        held = until - max(o["ts"], w.start)
        x = value(o)
        if held > 0 and not math.isnan(x):
            area += held * x
            time += held
    return ratio(area, time)


def queue_imbalance(w: Window) -> float:
    def imbalance(o) -> float:
        bid, ask = o["bid_size"], o["ask_size"]
        return (bid - ask) / (bid + ask) if o["quoted"] and bid + ask > 0 else NAN

    return time_weighted(w, imbalance)


def depth_imbalance(w: Window) -> float:
    return time_weighted(w, lambda o: o["depth_imbalance"])


def count(w: Window, kind: int) -> int:
    return sum(o["kind"] == kind for o in w.inside)


def trades(w: Window) -> int:
    return sum(o["trade"] != NO_TRADE for o in w.inside)


def add_rate(w: Window) -> float:
    return math.log(1 + count(w, ADD))


def cancel_rate(w: Window) -> float:
    return math.log(1 + count(w, CANCEL))


def trade_rate(w: Window) -> float:
    return math.log(1 + trades(w))


def dark_message_rate(w: Window) -> float:
    return math.log(1 + sum(o["dark"] != 0 for o in w.inside))


def messages(observations: list[dict]) -> list[dict]:
    """All but the depth corrections that a tape's reader makes up."""
    return [o for o in observations if o["kind"] != LEVEL]


def compensator(w: Window) -> float:
    """Integrate mu + sum_i sum_j a_j b_j exp(-b_j (t - t_i)) over the window, term by term."""
    if len(w.past) == 0:
        return NAN
    r = w.reference
    start = max(w.start, w.past[0]["ts"])
    total = r.mu * (w.now - start) * 1e-9
    for a, b in zip(r.a, r.b, strict=True):
        for o in messages(w.past):
            from_s = (max(start, o["ts"]) - o["ts"]) * 1e-9
            to_s = (w.now - o["ts"]) * 1e-9
            total += a * (math.exp(-b * from_s) - math.exp(-b * to_s))
    return total


def hawkes_surprise(w: Window) -> float:
    expected = compensator(w)
    return (len(messages(w.inside)) - expected) / math.sqrt(expected + 1)


def cancel_to_add(w: Window) -> float:
    removed = sum(o["removed"] for o in w.inside)
    added = sum(o["added"] for o in w.inside)
    if added == 0:
        return 2.0 if removed else NAN
    return min(2.0, removed / added)


def order_to_trade(w: Window) -> float:
    orders = count(w, ADD) + count(w, CANCEL) + count(w, REPLACE)
    return math.log((orders + 1) / (trades(w) + 1))


def cancel_side(w: Window) -> float:
    sides = [o["side"] for o in w.inside if o["kind"] == CANCEL]
    bids, asks = sides.count(BID), sides.count(ASK)
    return (bids - asks) / (bids + asks + 1)


def ended(w: Window) -> list:
    """Orders of known age that a cancel left nothing of."""
    cancels = [o for o in w.inside if o["kind"] == CANCEL and o["age"] >= 0]
    return [o for o in cancels if o["order_left"] == 0]


def fleeting_share(w: Window) -> float:
    return ratio(sum(o["age"] < 100_000_000 for o in ended(w)), len(ended(w)))


def mean_ln_life(orders: list) -> float:
    lives = [math.log(max(o["age"] * 1e-9, 1e-6)) for o in orders]
    return ratio(math.fsum(lives), len(lives))


def order_life(w: Window) -> float:
    return mean_ln_life(ended(w))


def life_gap(w: Window) -> float:
    r = w.reference
    large = [o for o in ended(w) if o["order_size"] >= r.p90]
    small = [o for o in ended(w) if 0 < o["order_size"] <= r.p50]
    return mean_ln_life(large) - mean_ln_life(small)


def placed(w: Window) -> list:
    return [
        o for o in w.inside if not o["dark"] and o["added"] > 0 and o["distance"] != NO_DISTANCE
    ]


def large_away(w: Window) -> float:
    away = [o for o in placed(w) if o["added"] >= w.reference.p90 and 2 <= o["distance"] <= 6]
    return ratio(sum(o["added"] for o in away), sum(o["added"] for o in placed(w)))


def add_distance(w: Window) -> float:
    weighted = sum(o["added"] * o["distance"] for o in placed(w))
    return ratio(weighted, sum(o["added"] for o in placed(w)))


def sign_entropy(w: Window) -> float:
    signed = [(o["ts"], o["flow_sign"]) for o in w.past if o["flow_sign"] != 0]
    grams: dict[tuple[int, ...], int] = {}
    for i in range(2, len(signed)):
        if signed[i][0] >= w.start:
            gram = tuple(sign for _, sign in signed[i - 2 : i + 1])
            grams[gram] = grams.get(gram, 0) + 1
    total = sum(grams.values())
    if total == 0:
        return NAN
    return -math.fsum(n / total * math.log(n / total) for n in grams.values()) / math.log(8)


def sign_autocorrelation(w: Window) -> float:
    signs = [
        (o["ts"], o["aggressor"]) for o in w.past if o["trade"] != NO_TRADE and o["aggressor"] != 0
    ]
    products = [
        signs[i][1] * signs[i - 1][1] for i in range(1, len(signs)) if signs[i][0] >= w.start
    ]
    return ratio(sum(products), len(products))


def kyle_lambda(w: Window) -> float:
    """A sample is a pane in which something traded or the midpoint changed."""
    moves, volumes = [], []
    for pane in range(PANES):
        start = w.start + pane * w.pane
        inside = [o for o in w.inside if start <= o["ts"] < start + w.pane]
        known = [o for o in inside if I64_MAX not in (o["mid2_before"], o["mid2"])]
        if not any(o["trade"] != NO_TRADE or o["mid2"] != o["mid2_before"] for o in inside):
            continue
        moves.append(sum(o["mid2"] - o["mid2_before"] for o in known) / 2)
        volumes.append(sum(o["aggressor"] * o["traded"] for o in inside if o["trade"] != NO_TRADE))
    if not moves:
        return NAN
    mean_move, mean_volume = math.fsum(moves) / len(moves), math.fsum(volumes) / len(volumes)
    variance = math.fsum((v - mean_volume) ** 2 for v in volumes)
    covariance = math.fsum(
        (m - mean_move) * (v - mean_volume) for m, v in zip(moves, volumes, strict=True)
    )
    return ratio(covariance, variance) * w.reference.p50 / w.reference.tick


def dark_fill_ratio(w: Window) -> float:
    filled = sum(o["traded"] for o in w.inside if o["trade"] == DARK_TRADE)
    return ratio(filled, sum(o["added"] for o in w.inside if o["dark"]))


FAMILIES = {
    112: ofi_touch,
    116: ofi_deep,
    120: ofi_integrated,
    124: trade_imbalance_lit,
    128: trade_imbalance_dark,
    132: queue_imbalance,
    136: depth_imbalance,
    140: add_rate,
    144: cancel_rate,
    148: trade_rate,
    152: dark_message_rate,
    156: hawkes_surprise,
    160: cancel_to_add,
    164: order_to_trade,
    168: cancel_side,
    172: fleeting_share,
    176: order_life,
    180: life_gap,
    184: large_away,
    188: add_distance,
    204: sign_entropy,
    208: sign_autocorrelation,
    212: kyle_lambda,
    228: dark_fill_ratio,
}


def flow_row(past: list[dict], now: int, reference: Reference) -> np.ndarray:
    """Return the (240,) row of one security at `now`, NaN outside these families."""
    row = np.full(240, NAN)
    for level in range(len(PANE_NS)):
        w = window_of(past, now, level, reference)
        for base, family in FAMILIES.items():
            row[base + level] = family(w)
    return row
