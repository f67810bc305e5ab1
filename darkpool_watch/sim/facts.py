"""Stylised facts of order flow, measured alike on simulated and real tapes.

Both come as a `Flow`: the same books cut to the same levels. A fact of the half hour is measured
in each half hour of the session and the median taken; a fact of the day needs the whole session.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from darkpool_watch.sim.estimators import autocorrelation, fano, hill, impact_exponent, r_squared
from darkpool_watch.sim.flow import HALF_HOUR_NS, Flow, mids
from darkpool_watch.units import NS_PER_MS, NS_PER_S
from kernels.layout import ADD, CANCEL, DARK_TRADE, LIT_TRADE

_SHORTEST_NS: Final = 1_000  # a gap of no length counts as 1 us, so that its logarithm exists
_LEAST_MESSAGES: Final = 100  # of a half hour that is measured
STEP_NS: Final = 10 * NS_PER_S  # of returns and of OFI
_NAN: Final = float("nan")


class Fact(NamedTuple):
    """One stylised fact and its band."""

    low: float
    high: float
    label: str  # for a figure
    day: bool = False  # measured over the whole session, not by half hours
    each: bool = False  # every security is held to the band, not their median


FACTS: Final = {
    "cancels_to_adds": Fact(0.75, 0.98, "Cancels per add"),
    "gap_cv2": Fact(3.0, 30.0, "CV² of gaps"),
    "gaps_under_1ms": Fact(0.30, 0.70, "Share of gaps under 1 ms"),
    "log_gap_autocorrelation": Fact(0.2, 0.6, "Autocorrelation of log gaps, lag 1"),
    "fano_1s": Fact(10.0, 60.0, "Fano factor, 1 s"),
    "fano_10s": Fact(20.0, 120.0, "Fano factor, 10 s"),
    "fano_30s": Fact(25.0, 150.0, "Fano factor, 30 s"),
    "median_life_ms": Fact(30.0, 1_000.0, "Median life of cancelled orders, ms"),
    "lives_under_500ms": Fact(0.40, 0.80, "Share of such lives under 500 ms"),
    "trade_sign_1": Fact(0.4, 0.8, "Trade-sign autocorrelation, lag 1"),
    "trade_sign_5": Fact(0.15, 0.5, "Trade-sign autocorrelation, lag 5"),
    "trade_sign_20": Fact(0.0, 0.2, "Trade-sign autocorrelation, lag 20"),
    "ofi_r2_10s": Fact(0.4, 0.7, "R² of return on OFI, 10 s"),
    "return_tail_index": Fact(2.5, 4.5, "Tail index of 10 s returns", day=True),
    "abs_return_1min": Fact(0.05, 0.4, "Autocorrelation of |r|, lags 10 s to 1 min", day=True),
    "abs_return_10min": Fact(0.02, 0.3, "Autocorrelation of |r|, lags 5 to 10 min", day=True),
    "impact_exponent": Fact(0.2, 0.9, "Exponent of impact in net volume, 10 s", day=True),
    "volume_u": Fact(1.2, 5.0, "Volume, first and last half hour to midday", day=True),
    "dark_share": Fact(0.12, 0.40, "Dark share of volume"),
    "events_per_s": Fact(0.3, 20.0, "Lit messages per s", each=True),
    "events_per_s_median": Fact(5.0, 20.0, "Lit messages per s, median"),
}


def facts(flow: Flow) -> dict[str, float]:
    """Return the stylised facts of one security and day; NaN where one cannot be measured."""
    halves = half_hours(flow)
    found = dict.fromkeys(FACTS, _NAN)
    for name in halves[0] if halves else ():
        values = [half[name] for half in halves]
        if np.isfinite(values).any():
            found[name] = float(np.nanmedian(values))
    lit = flow.lit
    found["dark_share"] = _dark_share(flow)
    rate = len(lit) * NS_PER_S / max(1, flow.ends - flow.begins)
    found["events_per_s"] = found["events_per_s_median"] = rate
    return found | (_of_the_day(flow, lit, mids(flow, STEP_NS)) if flow.whole else {})


def half_hours(flow: Flow) -> list[dict[str, float]]:
    """Return the facts of every half hour of the session that the tape covers and that is busy."""
    lit = flow.lit
    mid = mids(flow, STEP_NS)
    found = []
    for begin, end in flow.half_hours():
        first, last = np.searchsorted(lit["ts"], [begin, end])
        if last - first >= _LEAST_MESSAGES:
            part = lit[first:last]
            ofi = _ofi(part, mid, begin, flow.opens)
            found.append({**_messages(part, begin, end), "ofi_r2_10s": ofi})
    return found


def _messages(lit: NDArray[np.void], begin: int, end: int) -> dict[str, float]:
    """Return the facts of the messages (n,) of one half hour."""
    kind = lit["kind"]
    gaps = np.diff(lit["ts"])
    shown = lit[(lit["trade"] == LIT_TRADE) & (lit["aggressor"] != 0)]
    signs = shown["aggressor"].astype(np.float64)
    lived = lives(lit)
    known = len(lived) > 0
    return {
        "cancels_to_adds": float((kind == CANCEL).sum() / max(1, (kind == ADD).sum())),
        "gap_cv2": float(gaps.var() / max(1.0, gaps.mean()) ** 2),
        "gaps_under_1ms": float((gaps < NS_PER_MS).mean()),
        "log_gap_autocorrelation": autocorrelation(
            np.log(np.maximum(gaps, _SHORTEST_NS).astype(np.float64)), 1
        ),
        **{
            f"fano_{s}s": fano(lit["ts"], begin, s * NS_PER_S, (end - begin) // (s * NS_PER_S))
            for s in (1, 10, 30)
        },
        "median_life_ms": float(np.median(lived)) / NS_PER_MS if known else _NAN,
        "lives_under_500ms": float((lived < 500 * NS_PER_MS).mean()) if known else _NAN,
        **{f"trade_sign_{lag}": autocorrelation(signs, lag) for lag in (1, 5, 20)},
    }


def lives(lit: NDArray[np.void]) -> NDArray[np.int64]:
    """Return the lives in ns of withdrawn orders whose entry is among the messages."""
    adds = lit[(lit["kind"] == ADD) & (lit["order_id"] > 0)]
    gone = lit[(lit["kind"] == CANCEL) & (lit["order_id"] > 0)]
    order = np.argsort(adds["order_id"], kind="stable")
    ids = adds["order_id"][order]
    place = np.searchsorted(ids, gone["order_id"])
    found = place < len(ids)
    found[found] = ids[place[found]] == gone["order_id"][found]
    lived: NDArray[np.int64] = gone["ts"][found] - adds["ts"][order][place[found]]
    return lived[lived >= 0]


def _ofi(lit: NDArray[np.void], mid: NDArray[np.float64], begin: int, opens: int) -> float:
    """Return R² of the midpoint's change on order-flow imbalance at the touch, over 10 s.

    `mid` is on the day's grid from `opens`; messages (n,) are of the half hour from `begin`.

    Source: Cont, Kukanov & Stoikov (2014), J. Financial Econometrics 12(1), half-hour regressions.
    """
    first, windows = (begin - opens) // STEP_NS, HALF_HOUR_NS // STEP_NS
    change = np.diff(mid[first : first + windows + 1])
    place = (lit["ts"] - begin) // STEP_NS
    known = np.isfinite(change)
    imbalance = np.bincount(place, lit["ofi"], windows).astype(np.float64)
    return r_squared(imbalance[known], change[known])


def _dark_share(flow: Flow) -> float:
    """Return the share of traded quantity that pools print; NaN without a pool."""
    volume = flow.rows["size"].astype(np.float64) * (flow.rows["trade"] > 0)
    if not flow.pools or volume.sum() == 0.0:
        return _NAN
    return float(volume[flow.rows["trade"] == DARK_TRADE].sum() / volume.sum())


def _of_the_day(flow: Flow, lit: NDArray[np.void], mid: NDArray[np.float64]) -> dict[str, float]:
    """Return the facts that need the whole session."""
    returns = np.diff(np.log(mid))
    known = returns[np.isfinite(returns)]
    memory = [autocorrelation(np.abs(known), lag) for lag in range(1, 61)]
    return {
        "return_tail_index": hill(known),
        "abs_return_1min": float(np.mean(memory[:6])),
        "abs_return_10min": float(np.mean(memory[29:])),
        "impact_exponent": impact_exponent(*net_flow(lit, returns, flow.opens)),
        "volume_u": _volume_u(flow, lit),
    }


def net_flow(
    lit: NDArray[np.void], returns: NDArray[np.float64], opens: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return size of the net aggressive volume and response of the midpoint, each (K,), by 10 s.

    The response is one of `returns`, the log changes from `opens` on, positive in the direction of
    the volume; windows without net volume are left out. A single order's impact would say little:
    on real books those who take choose their size by what the touch shows, and what they move
    hardly depends on it.
    """
    trades = lit[lit["trade"] > 0]
    place = (trades["ts"] - opens) // STEP_NS
    inside = (place >= 0) & (place < len(returns))
    signed = trades["aggressor"].astype(np.float64) * trades["size"]
    net = np.bincount(place[inside], signed[inside], len(returns))
    known = np.isfinite(returns) & (net != 0.0)
    return np.abs(net[known]), np.sign(net[known]) * returns[known]


def _volume_u(flow: Flow, lit: NDArray[np.void]) -> float:
    """Return traded lit volume of the first and last half hour over that of a middle one.

    The middle is the session without its first and last third.
    """
    halves = flow.half_hours()
    edges = np.array([begin for begin, _ in halves] + [halves[-1][1]])
    places = np.searchsorted(edges, lit["ts"], side="right") - 1
    inside = (places >= 0) & (places < len(halves))
    size = lit["size"].astype(np.float64) * (lit["trade"] > 0)
    volume = np.bincount(places[inside], size[inside], len(halves))
    third = len(halves) // 3
    middle = volume[third : len(halves) - third].mean()
    return float((volume[0] + volume[-1]) / 2 / middle) if middle > 0.0 else _NAN


def outside(measured: dict[str, float]) -> list[str]:
    """Return which of the measured facts lie outside their bands; an undefined one counts."""
    return [n for n, value in measured.items() if not FACTS[n].low <= value <= FACTS[n].high]
