"""Stylised facts of order flow, measured alike on simulated and real events.

Bands: what real half hours of large US equities show, widened to what differs between them.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from darkpool_watch.units import NS_PER_S
from kernels.layout import ADD, ASK, CANCEL, DARK, EXECUTE, HIDDEN

BANDS: Final = {
    "cancels_to_adds": (0.75, 0.98),
    "gap_cv2": (3.0, 30.0),
    "gaps_under_1ms": (0.30, 0.70),
    "log_gap_autocorrelation": (0.2, 0.6),
    "fano_1s": (10.0, 60.0),
    "fano_10s": (20.0, 120.0),
    "fano_30s": (25.0, 150.0),
    "median_life_ms": (30.0, 1_000.0),
    "lives_under_500ms": (0.40, 0.80),
    "trade_sign_1": (0.4, 0.8),
    "trade_sign_5": (0.15, 0.5),
    "trade_sign_20": (0.0, 0.2),
    "dark_share": (0.12, 0.40),
    "events_per_s": (0.3, 20.0),
}
_SHORTEST_NS: Final = 1_000  # a gap of no length counts as 1 us, so that its logarithm exists


def autocorrelation(values: NDArray[np.float64], lag: int) -> float:
    """Return the autocorrelation at `lag`; NaN where there are too few values or none varies."""
    if len(values) <= lag + 1 or np.ptp(values) == 0.0:
        return float("nan")
    centred = values - values.mean()
    return float((centred[lag:] * centred[:-lag]).mean() / centred.var())


def facts(events: NDArray[np.void], seconds: float) -> dict[str, float]:
    """Return the stylised facts of one security's events, (N,) EVENT in event-time order.

    Gaps and Fano factors are of the lit messages, trades of visible lit executions; the dark share
    is of traded quantity. NaN where a fact cannot be measured.
    """
    dark = (events["flags"] & DARK) > 0
    lit = events[~dark]
    kind = lit["kind"]
    gaps = np.diff(lit["ts_event"])
    traded = events["kind"] == EXECUTE
    shown = lit[(kind == EXECUTE) & ((lit["flags"] & HIDDEN) == 0)]
    signs = np.where(shown["side"] == ASK, 1.0, -1.0)
    lives = _lives(lit)
    size = events["size"].astype(np.float64)
    some = len(gaps) > 2
    return {
        "cancels_to_adds": float((kind == CANCEL).sum() / max(1, (kind == ADD).sum())),
        "gap_cv2": float(gaps.var() / gaps.mean() ** 2) if some else float("nan"),
        "gaps_under_1ms": float((gaps < 1_000_000).mean()) if some else float("nan"),
        "log_gap_autocorrelation": autocorrelation(
            np.log(np.maximum(gaps, _SHORTEST_NS).astype(np.float64)), 1
        ),
        **{f"fano_{width}s": _fano(lit["ts_event"], width, seconds) for width in (1, 10, 30)},
        "median_life_ms": float(np.median(lives)) / 1e6 if len(lives) else float("nan"),
        "lives_under_500ms": float((lives < 5e8).mean()) if len(lives) else float("nan"),
        **{f"trade_sign_{lag}": autocorrelation(signs, lag) for lag in (1, 5, 20)},
        "dark_share": float(size[traded & dark].sum() / max(1.0, size[traded].sum())),
        "events_per_s": len(events) / seconds,
    }


def _fano(ts: NDArray[np.int64], width: int, seconds: float) -> float:
    """Return variance over mean of the counts in windows of `width` s; NaN below 10 windows
    or without events."""
    windows = int(seconds // width)
    if windows < 10 or len(ts) == 0:
        return float("nan")
    counts = np.bincount((ts - ts[0]) // (width * NS_PER_S), minlength=windows)[:windows]
    return float(counts.var() / counts.mean())


def _lives(lit: NDArray[np.void]) -> NDArray[np.int64]:
    """Return the lives of cancelled orders, in ns, of those whose entry is among the events."""
    entered = {
        int(order): int(ts)
        for order, ts in zip(
            lit["order_id"][lit["kind"] == ADD], lit["ts_event"][lit["kind"] == ADD], strict=True
        )
    }
    gone = lit[lit["kind"] == CANCEL]
    return np.array(
        [
            int(ts) - entered[int(order)]
            for order, ts in zip(gone["order_id"], gone["ts_event"], strict=True)
            if int(order) in entered
        ],
        np.int64,
    )


def outside(measured: dict[str, float]) -> list[str]:
    """Return the names of facts outside their bands; what could not be measured counts."""
    return [name for name, (low, high) in BANDS.items() if not low <= measured[name] <= high]
