"""The arrays in which a security's days become its history, and where names give it one."""

from typing import Final

import numpy as np
import numpy.typing as npt

from darkpool_watch.features.normaliser import HALF_HOURS, Normaliser
from kernels.classes import MEASURED, MEASURES, measured
from kernels.history import (
    ASSIGNED,
    CLASSIFIED,
    DAY,
    FLOWS,
    FROM,
    NAMED,
    NOT_YET,
    OWN_ROW,
    PLACE,
    ROW,
    SINCE,
    UNTIL,
    HistoryState,
)
from kernels.layout import FEATURES
from kernels.profile import A1, A2, A_FLOW, DAYS, MU, give_profile, start_profile

BYTES: Final = (  # a security
    8 * PLACE
    + 4 * (HALF_HOURS + 1) * 2 * FEATURES
    + 8 * HALF_HOURS * FLOWS * DAYS
    + 4 * FEATURES
    + 8 * MEASURED
)


def history_state(normaliser: Normaliser, securities: int) -> HistoryState:
    """Return the history of securities about which nothing is known but what was fitted."""
    half_hours = normaliser.median.shape[1]
    place = np.zeros((securities, PLACE), np.int64)
    place[:, [UNTIL, FROM, SINCE]] = NOT_YET
    return HistoryState(
        normaliser.median,
        normaliser.scale,
        normaliser.profile,
        normaliser.bounds,
        normaliser.classes,
        place,
        np.full((securities, half_hours + 1, 2, FEATURES), np.nan, np.float32),
        np.full((securities, half_hours, FLOWS, DAYS), np.nan),
        np.zeros((securities, FEATURES), np.float32),
        np.zeros((securities, MEASURED)),
    )


def name_security(
    s: int, row: int, own: bool, h: HistoryState, profile: npt.NDArray[np.float64]
) -> None:
    """Let a security start from the history row of its name, and forget any other.

    A row of its own stands for all of the days that are remembered, so that the days to come
    replace it one by one. A class other than the first is kept; the first is what is not known.
    """
    place = h.place[s]
    place[[ROW, NAMED, OWN_ROW, ASSIGNED]] = row, row, own, own or row > 0
    place[[DAY, CLASSIFIED]] = 0
    h.own[s], h.flows[s] = np.nan, np.nan
    start_profile(s, profile)
    if not own:
        return
    for statistic, fitted in enumerate((h.median[row], h.scale[row])):
        h.own[s, :-1, statistic] = fitted
        h.own[s, -1, statistic] = np.median(fitted, axis=0)
    given = h.profile[row]
    give_profile(given[0], s, profile)
    for k, column in enumerate(A_FLOW):
        share = 1.0 - given[:, A1] - given[:, A2] if column == MU else 1.0
        h.flows[s, :, k, :] = (given[:, column] / share)[:, None]


def measures_of(h: HistoryState, s: int) -> npt.NDArray[np.float64]:
    """Return mean midpoint (currency), mean spread (ticks) and messages/s of the first minutes.

    All NaN while the security is being measured, or where its name told its class.
    """
    place = h.place[s]
    if place[CLASSIFIED] <= 0:
        return np.full(MEASURES, np.nan)
    watched = place[CLASSIFIED] - place[SINCE]
    return np.array([measured(which, watched, h.measured[s]) for which in range(MEASURES)])
