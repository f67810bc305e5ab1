"""How far a security's day lies from what is usual for it: a sign to retrain, not an alert."""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from kernels.history import LEAST_VALUES
from kernels.normalise import (
    LIVE_COUNT,
    LIVE_MEDIAN,
    USUAL_MEDIAN,
    USUAL_SCALE,
    NormaliserState,
)

LEAST: Final = float(LEAST_VALUES)


class Drift(NamedTuple):
    """The day's tracked medians beside history at the half-hour in use, in history's scales."""

    by_feature: npt.NDArray[np.float32]  # (240,) signed; NaN before 1,000 values today
    summary: float  # median of their sizes; NaN where no feature has one


def drift_of(st: NormaliserState, security: int) -> Drift:
    """Return the drift of one security, in plain values that no later event changes."""
    usual, live = st.usual[security], st.live[security]
    by_feature = (live[LIVE_MEDIAN] - usual[USUAL_MEDIAN]) / usual[USUAL_SCALE]
    by_feature[live[LIVE_COUNT] < LEAST] = np.nan
    known = by_feature[~np.isnan(by_feature)]
    return Drift(by_feature, float(np.median(np.abs(known))) if len(known) else float("nan"))
