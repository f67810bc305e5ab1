"""Estimators behind the stylised facts: arrays in, one number out, NaN where it is not defined."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

TAIL_SHARE: Final = 0.05  # of all returns, those the Hill estimator calls the tail
_LEAST_TAIL: Final = 20
_SIZE_BINS: Final = 20
_LEAST_VALUES: Final = 200
_EXPONENTS: Final = np.linspace(0.0, 2.0, 401)

Series = NDArray[np.float64]


def autocorrelation(values: Series, lag: int) -> float:
    """Return the autocorrelation at `lag`; NaN where there are too few values or none varies."""
    if len(values) <= lag + 1 or np.ptp(values) == 0.0:
        return float("nan")
    centred = values - values.mean()
    return float((centred[lag:] * centred[:-lag]).mean() / centred.var())


def fano(ts: NDArray[np.int64], begins: int, width: int, windows: int) -> float:
    """Return variance over mean of the counts in `windows` windows of `width` ns from `begins`.

    NaN below 10 windows or without events.
    """
    inside = ts[(ts >= begins) & (ts < begins + width * windows)]
    if windows < 10 or len(inside) == 0:
        return float("nan")
    counts = np.bincount((inside - begins) // width, minlength=windows)
    return float(counts.var() / counts.mean())


def hill(returns: Series) -> float:
    """Return the tail index of |returns|, from the k = 5% largest of them; NaN below k = 20.

    Its standard error is the index over the root of k.

    Source: Hill (1975), Annals of Statistics 3(5).
    """
    sizes = np.sort(np.abs(returns))[::-1]
    k = int(TAIL_SHARE * len(sizes))
    if k < _LEAST_TAIL or sizes[k] == 0.0:
        return float("nan")
    excess = float(np.log(sizes[:k] / sizes[k]).mean())
    return 1.0 / excess if excess > 0.0 else float("nan")


def r_squared(x: Series, y: Series) -> float:
    """Return the share of y's variance that a line in x explains; NaN where either is constant."""
    if len(x) < 10 or np.ptp(x) == 0.0 or np.ptp(y) == 0.0:
        return float("nan")
    return float(np.corrcoef(x, y)[0, 1] ** 2)


def impact_exponent(size: Series, response: Series) -> float:
    """Return b of response = c * size^b, c > 0, fitted over bins of equally many values.

    Bins are of size, weighted by their values; least squares on the responses themselves, so a
    bin whose mean is negative is used too. NaN below 200 values, 5 bins, or where no c > 0 fits.
    At either end of [0, 2] the fit has not converged.
    """
    if len(size) < _LEAST_VALUES:
        return float("nan")
    edges = np.unique(np.quantile(size, np.linspace(0.0, 1.0, _SIZE_BINS + 1)))
    if len(edges) < 6:
        return float("nan")
    place = np.clip(np.searchsorted(edges, size, side="right") - 1, 0, len(edges) - 2)
    count = np.bincount(place).astype(np.float64)
    used = count > 0
    count = count[used]
    x = np.bincount(place, size)[used] / count
    y = np.bincount(place, response)[used] / count
    powers = (x / x.mean())[:, None] ** _EXPONENTS
    scale = (count * y) @ powers / (count @ powers**2)
    error = count @ (y[:, None] - scale * powers) ** 2
    error[scale <= 0.0] = np.inf
    best = int(np.argmin(error))
    return float(_EXPONENTS[best]) if np.isfinite(error[best]) else float("nan")
