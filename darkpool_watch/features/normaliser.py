"""What is usual for each feature: fitted on training days, carried in the checkpoint.

Statistics stand in rows of half-hours: a row for each class of securities (terciles of price,
spread and message rate, where training days were enough for one), and one for each security that
has a history of its own. Row 0 is the class of a security about which nothing is known; a security
there is put into its class once its first minutes are measured (`kernels.classes`).
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from darkpool_watch.errors import CheckpointError
from darkpool_watch.features.catalog import FINGERPRINT, check_fingerprint, scaled_by
from kernels.classes import CLASSES, MEASURES
from kernels.layout import FEATURES
from kernels.profile import IN_USE

HALF_HOURS: Final = 13  # a session of 6.5 hours; later ones use the last
SIGMA: Final = 1.4826
LEAST_ROWS: Final = 200  # defined values that a half-hour needs for statistics of its own
LEAST_SCALE: Final = 1e-3  # of features that hardly ever move

Floats = npt.NDArray[np.float32]


def scaled(raw: npt.ArrayLike) -> Floats:
    """Return raw rows (K, 240) as the normaliser sees them: ln(1 + x), asinh(x) or x."""
    out = np.array(raw, np.float32)
    log1p, asinh = scaled_by("log1p"), scaled_by("asinh")
    out[:, log1p] = np.log1p(np.maximum(out[:, log1p], 0.0))
    out[:, asinh] = np.arcsinh(out[:, asinh])
    return out


class Normaliser:
    """Median and spread of scaled features, and usual reference statistics, by history row.

    `median` and `scale` are (C, H, 240) float32, `profile` (C, H, 12) float64 with the columns of
    `kernels.profile`, NaN where the day itself must tell; (C, 12) is the same all day. `rows` maps
    class and security names to history rows; `own` is the set of names that are securities.
    `bounds` (3, 2) are the terciles of price, spread and rate, NaN where there is one class;
    `classes` (27,) int64 the history row of each class.
    """

    def __init__(
        self,
        median: Floats,
        scale: Floats,
        profile: npt.NDArray[np.float64] | None = None,
        rows: Mapping[str, int] | None = None,
        own: frozenset[str] = frozenset(),
        bounds: npt.NDArray[np.float64] | None = None,
        classes: npt.NDArray[np.int64] | None = None,
    ) -> None:
        shape = median.shape
        if median.ndim != 3 or shape[2] != FEATURES or scale.shape != shape:
            raise CheckpointError(
                f"Normaliser expects median and scale (C, H, {FEATURES}), "
                f"was {shape} and {scale.shape}: the checkpoint is damaged, fetch it again"
            )
        if not (np.isfinite(median).all() and np.isfinite(scale).all() and (scale > 0).all()):
            raise CheckpointError(
                "Normaliser expects finite medians and scales above 0: refit it on training days"
            )
        self.median = np.ascontiguousarray(median, np.float32)
        self.scale = np.ascontiguousarray(scale, np.float32)
        self.profile = _by_half_hour(profile, shape)
        self.rows = dict(rows or {})
        self.own = own
        self.bounds = np.array(np.full((MEASURES, 2), np.nan) if bounds is None else bounds)
        self.classes = np.array(np.zeros(CLASSES, np.int64) if classes is None else classes)
        if self.bounds.shape != (MEASURES, 2) or self.classes.shape != (CLASSES,):
            raise CheckpointError(
                f"Normaliser expects bounds ({MEASURES}, 2) and classes ({CLASSES},), was "
                f"{self.bounds.shape} and {self.classes.shape}: the checkpoint is damaged, fetch "
                "it again"
            )
        if not ((self.classes >= 0) & (self.classes < shape[0])).all():
            raise CheckpointError(
                f"Normaliser expects classes among its {shape[0]} rows, was "
                f"{self.classes.min()} to {self.classes.max()}: refit it on training days"
            )

    @classmethod
    def default(cls) -> "Normaliser":
        """Return one class of median 0 and spread 1, so that everything runs without training."""
        shape = (1, HALF_HOURS, FEATURES)
        return cls(np.zeros(shape, np.float32), np.ones(shape, np.float32))

    @classmethod
    def fit(
        cls,
        raw: npt.ArrayLike,  # (K, 240) raw rows of training days, NaN = undefined
        half_hour: npt.ArrayLike,  # (K,) half-hour of the session of each row
        names: list[str],  # (C,) classes and securities; the first is the default class
        row: npt.ArrayLike,  # (K,) or (K, M) indices in names of each row
        *,
        own: frozenset[str] = frozenset(),
        profile: npt.NDArray[np.float64] | None = None,
        bounds: npt.NDArray[np.float64] | None = None,
        classes: npt.NDArray[np.int64] | None = None,
    ) -> "Normaliser":
        """Return the medians and spreads of training rows.

        A raw row may enter several history rows: `row` is then (K, M), -1 where there are fewer.
        A half-hour with fewer than 200 defined values takes its row's whole day, and that the
        whole of the data; a feature that never was defined gets 0 and 1.
        """
        values = scaled(raw)
        buckets = np.minimum(np.asarray(half_hour), HALF_HOURS - 1)
        of = np.asarray(row).reshape(len(values), -1)
        median = np.zeros((len(names), HALF_HOURS, FEATURES), np.float32)
        scale = np.ones_like(median)
        overall = _statistics(values, np.zeros(FEATURES, np.float32), np.ones(FEATURES, np.float32))
        for c in range(len(names)):
            mine = (of == c).any(axis=1)
            day = _statistics(values[mine], *overall)
            for h in range(HALF_HOURS):
                median[c, h], scale[c, h] = _statistics(values[mine & (buckets == h)], *day)
        rows = {name: c for c, name in enumerate(names)}
        return cls(median, scale, profile, rows, own, bounds, classes)

    def without_securities(self) -> "Normaliser":
        """Return the classes alone, for securities that only share names with the trained ones."""
        named = [row for name, row in self.rows.items() if name not in self.own]
        last = max([0, *self.classes.tolist(), *named])
        if any(self.rows[name] <= last for name in self.own):
            raise CheckpointError("Normaliser expects rows of securities after those of classes")
        rows = {name: row for name, row in self.rows.items() if name not in self.own}
        kept = slice(last + 1)
        return Normaliser(
            self.median[kept], self.scale[kept], self.profile[kept], rows,
            bounds=self.bounds, classes=self.classes,
        )  # fmt: skip

    def row_of(self, *names: str) -> tuple[int, bool]:
        """Return (row, own) of the first name that has one: the security's, then its class's."""
        for name in names:
            if name in self.rows:
                return self.rows[name], name in self.own
        return 0, False

    def to_arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return everything as arrays for a checkpoint."""
        names = sorted(self.rows, key=self.rows.__getitem__)
        return {
            "normaliser.median": self.median,
            "normaliser.scale": self.scale,
            "normaliser.profile": self.profile,
            "normaliser.names": _bytes("\n".join(names)),
            "normaliser.rows": np.array([self.rows[n] for n in names], np.int64),
            "normaliser.own": np.array([n in self.own for n in names], np.uint8),
            "normaliser.bounds": self.bounds,
            "normaliser.classes": self.classes,
            "normaliser.catalog": _bytes(FINGERPRINT),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[np.generic]]) -> "Normaliser":
        """Return the normaliser of a checkpoint's arrays; without bounds it has one class.

        Raises CheckpointError for another catalogue or arrays that do not fit.
        """
        try:
            check_fingerprint(_text(arrays["normaliser.catalog"]), "Normaliser")
            names = [n for n in _text(arrays["normaliser.names"]).split("\n") if n]
            rows = dict(zip(names, map(int, arrays["normaliser.rows"]), strict=True))
            flags = arrays["normaliser.own"]
            own = frozenset(n for n, is_own in zip(names, flags, strict=True) if is_own)
            classed = "normaliser.bounds" in arrays
            return cls(
                arrays["normaliser.median"].astype(np.float32),
                arrays["normaliser.scale"].astype(np.float32),
                arrays["normaliser.profile"].astype(np.float64),
                rows,
                own,
                arrays["normaliser.bounds"].astype(np.float64) if classed else None,
                arrays["normaliser.classes"].astype(np.int64) if classed else None,
            )
        except (KeyError, ValueError) as err:
            raise CheckpointError(
                f"Normaliser arrays do not fit: {err}; the checkpoint is damaged, fetch it again"
            ) from err


def _statistics(values: Floats, median: Floats, scale: Floats) -> tuple[Floats, Floats]:
    """Return median and 1.4826 MAD a column; those given where too few values are defined."""
    median, scale = median.copy(), scale.copy()
    for j in np.flatnonzero(np.sum(~np.isnan(values), axis=0) >= LEAST_ROWS):
        column = values[:, j]
        column = column[~np.isnan(column)]
        median[j] = np.median(column)
        spread = SIGMA * float(np.median(np.abs(column - median[j])))
        # A feature that mostly stands still has no deviation in the median: take the mean one.
        scale[j] = spread if spread > LEAST_SCALE else max(float(np.std(column)), LEAST_SCALE)
    return median, scale


def _by_half_hour(
    profile: npt.NDArray[np.float64] | None, shape: tuple[int, ...]
) -> npt.NDArray[np.float64]:
    """Return a profile as (C, H, 12), writable and contiguous as kernels take it."""
    if profile is None:
        return np.full((*shape[:2], IN_USE), np.nan)
    if profile.shape == (shape[0], IN_USE):
        profile = np.repeat(profile[:, None], shape[1], axis=1)
    if profile.shape != (*shape[:2], IN_USE):
        raise CheckpointError(
            f"Normaliser expects a profile ({shape[0]}, {shape[1]}, {IN_USE}), was "
            f"{profile.shape}: the checkpoint is damaged, fetch it again"
        )
    return np.array(profile, np.float64, order="C")


def _bytes(text: str) -> npt.NDArray[np.uint8]:
    return np.frombuffer(text.encode(), np.uint8).copy()


def _text(array: npt.NDArray[np.generic]) -> str:
    return array.tobytes().decode()
