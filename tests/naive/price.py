"""The 16 price families recomputed from raw observations, one plain function a family."""

import itertools
import math

from kernels.layout import DARK_TRADE, HIDDEN_TRADE, I64_MAX, LIT_TRADE
from tests.naive.windows import (
    NAN,
    Observation,
    View,
    held_before,
    midpoint,
    pieces,
    ratio,
    time_mean,
    view,
)

TICK = 10_000_000


def microprice(o: Observation | None) -> float:
    if o is None:
        return NAN
    if o["quoted"] and o["bid_size"] + o["ask_size"] > 0:
        weighted = o["ask"] * o["bid_size"] + o["bid"] * o["ask_size"]
        return weighted / (o["bid_size"] + o["ask_size"])
    return midpoint(o)


def spread(o: Observation) -> float:
    return (o["ask"] - o["bid"]) / TICK if o["quoted"] else NAN


def returns(observations: list[Observation]) -> list[tuple[int, float]]:
    """Return (ts, r) of every mid change between known midpoints."""
    return [
        (o["ts"], math.log(o["mid2"] / o["mid2_before"]))
        for o in observations
        if o["mid2"] != o["mid2_before"] and I64_MAX not in (o["mid2"], o["mid2_before"])
    ]


def returns_inside(v: View) -> list[float]:
    return [r for ts, r in returns(v.past) if ts >= v.start]


def pairs_inside(v: View) -> list[tuple[float, float]]:
    """Return (r-1, r) for the mid changes of the window that have one before them."""
    every = returns(v.past)
    return [(before, r) for (_, before), (ts, r) in itertools.pairwise(every) if ts >= v.start]


def is_known(v: View) -> bool:
    return bool(v.past) and (v.past[-1]["mid2"] != I64_MAX or len(returns_inside(v)) > 0)


def mid_displacement(v: View) -> float:
    m = midpoint(v.past[-1]) if v.past else NAN
    if math.isnan(m):
        return NAN
    mean = time_mean(v, midpoint)
    return 0.0 if math.isnan(mean) else 1e4 * (m / mean - 1)


def realised_volatility(v: View) -> float:
    return 1e4 * math.sqrt(math.fsum(r * r for r in returns_inside(v))) if is_known(v) else NAN


def jump_share(v: View) -> float:
    squares = math.fsum(r * r for r in returns_inside(v))
    bipower = math.fsum(abs(r * before) for before, r in pairs_inside(v))
    return 1 - min(1, math.pi / 2 * bipower / squares) if squares else NAN


def semivariance_skew(v: View) -> float:
    r = returns_inside(v)
    up = math.fsum(x * x for x in r if x > 0)
    down = math.fsum(x * x for x in r if x < 0)
    return ratio(up - down, up + down)


def quoted_spread(v: View) -> float:
    return time_mean(v, spread)


def spread_z(v: View) -> float:
    held = pieces(v, spread)
    if not held or not v.past[-1]["quoted"]:
        return NAN
    time = sum(dt for dt, _ in held)
    mean = math.fsum(dt * x for dt, x in held) / time
    sd = math.sqrt(math.fsum(dt * (x - mean) ** 2 for dt, x in held) / time)
    return (spread(v.past[-1]) - mean) / sd if sd > 1e-6 else NAN


def lit_trades(observations: list[Observation]) -> list[Observation]:
    return [o for o in observations if o["trade"] in (LIT_TRADE, HIDDEN_TRADE)]


def effective_spread(v: View) -> float:
    paid = []
    for o in lit_trades(v.inside):
        if o["aggressor"] and I64_MAX not in (o["bid0"], o["ask0"], o["mid2_before"]):
            mid = o["mid2_before"] / 2
            paid.append(1e4 * 2 * o["aggressor"] * (o["price"] - mid) / mid)
    return ratio(math.fsum(paid), len(paid))


def matured(v: View, trades: list[Observation]) -> list[tuple[Observation, float]]:
    """Return the trades that matured in the window, each with the midpoint at that moment."""
    out = []
    for o in trades:
        edge = v.pane * (o["ts"] // v.pane + 16)
        panes_ago = (v.now - edge) // v.pane
        m = midpoint(held_before(v.past, edge))
        if 0 <= panes_ago < 16 and not math.isnan(m):
            out.append((o, m))
    return out


def signed(trades: list[Observation]) -> list[Observation]:
    return [o for o in trades if o["aggressor"] and o["mid2_before"] != I64_MAX]


def price_impact(v: View) -> float:
    moves = [
        1e4 * o["aggressor"] * (m - o["mid2_before"] / 2) / (o["mid2_before"] / 2)
        for o, m in matured(v, signed(lit_trades(v.past)))
    ]
    return ratio(math.fsum(moves), len(moves))


def dark_prints(observations: list[Observation]) -> list[Observation]:
    return [o for o in observations if o["trade"] == DARK_TRADE]


def dark_markout(v: View) -> float:
    worth = [
        1e4 * o["aggressor"] * (m - o["price"]) / (o["mid2_before"] / 2)
        for o, m in matured(v, signed(dark_prints(v.past)))
    ]
    return ratio(math.fsum(worth), len(worth))


def roll_spread(v: View) -> float:
    trades = lit_trades(v.past)
    pairs = [
        ((b["price"] - a["price"]) / TICK, (c["price"] - b["price"]) / TICK)
        for a, b, c in zip(trades[:-2], trades[1:-1], trades[2:], strict=True)
        if c["ts"] >= v.start
    ]
    if len(pairs) < 2:
        return NAN
    mean_x = math.fsum(x for x, _ in pairs) / len(pairs)
    mean_y = math.fsum(y for _, y in pairs) / len(pairs)
    covariance = math.fsum((x - mean_x) * (y - mean_y) for x, y in pairs) / len(pairs)
    return 2 * math.sqrt(max(0.0, -covariance))


def microprice_drift(v: View) -> float:
    if not v.past:
        return NAN
    return 1e4 * math.log(microprice(v.past[-1]) / microprice(held_before(v.past, v.start)))


def mids(v: View) -> list[int]:
    """Return 2 m of the window: the one held when it starts, and after each change."""
    first = held_before(v.past, v.start)
    path = [] if first is None else [first["mid2"]]
    path += [o["mid2"] for o in v.inside if o["mid2"] != o["mid2_before"]]
    return [mid2 for mid2 in path if mid2 != I64_MAX]


def mid_range(v: View) -> float:
    path = mids(v)
    return (max(path) - min(path)) / 2 / TICK if path else NAN


def range_position(v: View) -> float:
    path = mids(v)
    if not path or max(path) == min(path) or v.past[-1]["mid2"] == I64_MAX:
        return NAN
    return (v.past[-1]["mid2"] - min(path)) / (max(path) - min(path))


def mid_changes(v: View) -> float:
    return math.log(1 + len(returns_inside(v))) if is_known(v) else NAN


def mid_reversals(v: View) -> float:
    reversals = sum(before * r < 0 for before, r in pairs_inside(v))
    return ratio(reversals, len(returns_inside(v)))


def dark_location(v: View) -> float:
    places = [
        (2 * o["price"] - o["bid0"] - o["ask0"]) / (o["ask0"] - o["bid0"])
        for o in dark_prints(v.inside)
        if I64_MAX not in (o["bid0"], o["ask0"]) and o["ask0"] > o["bid0"]
    ]
    return ratio(math.fsum(places), len(places))


FAMILIES = {
    0: mid_displacement,
    4: realised_volatility,
    8: jump_share,
    12: semivariance_skew,
    16: quoted_spread,
    20: spread_z,
    24: effective_spread,
    28: price_impact,
    32: roll_spread,
    36: microprice_drift,
    40: mid_range,
    44: range_position,
    48: mid_changes,
    52: mid_reversals,
    56: dark_location,
    60: dark_markout,
}


def price_row(past: list[Observation], now: int) -> dict[int, float]:
    """Return features 0-63 of one security at `now`."""
    views = [view(past, now, level) for level in range(4)]
    return {base + k: f(views[k]) for base, f in FAMILIES.items() for k in range(4)}
