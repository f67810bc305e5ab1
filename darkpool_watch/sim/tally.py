"""What a set of records is like: the characteristics that papers print of their data."""

from collections import Counter
from collections.abc import Iterable

import msgspec
import numpy as np
from numpy.typing import NDArray

from darkpool_watch.sim.labels import Campaign
from darkpool_watch.sim.market import Lookalike
from kernels.layout import DARK, EXECUTE, FEATURES, TRADE
from kernels.sim_labels import ACTIVE, ECHO, ONSET


class Characteristics(msgspec.Struct, frozen=True):
    """The characteristics of a set of records."""

    records: int
    anomalies: int  # records in the zone `active`
    prevalence: float
    onset: float  # shares of records that carry no loss and no record metric
    echo: float
    days: int
    securities: int
    features: int  # a record
    dark_share: float  # of traded quantity
    campaigns: dict[str, int]  # complete ones, by typology
    lookalikes: dict[str, int]  # by kind


class Tally:
    """Counts the records of a set as they go by."""

    def __init__(self) -> None:
        self._zones = np.zeros(ECHO + 1, np.int64)
        self._traded = np.zeros(2)  # lit, dark
        self._campaigns: Counter[str] = Counter()
        self._lookalikes: Counter[str] = Counter()
        self._days = 0

    def add(self, events: NDArray[np.void], labels: NDArray[np.void]) -> None:
        """Count records EVENT (N,) with their LABEL rows (N,)."""
        self._zones += np.bincount(labels["zone"], minlength=ECHO + 1)
        trades = np.isin(events["kind"], (EXECUTE, TRADE))
        dark = (events["flags"][trades] & DARK) > 0
        self._traded += np.bincount(dark, weights=events["size"][trades], minlength=2)

    def add_day(self, campaigns: Iterable[Campaign], lookalikes: Iterable[Lookalike]) -> None:
        """Count what was injected on a day that is over."""
        self._days += 1
        self._campaigns.update(one.typology for one in campaigns if one.complete)
        self._lookalikes.update(one.kind for one in lookalikes)

    def characteristics(self, securities: int) -> Characteristics:
        """Return what the records counted so far are like."""
        records = int(self._zones.sum())
        share = self._zones / max(records, 1)
        return Characteristics(
            records=records,
            anomalies=int(self._zones[ACTIVE]),
            prevalence=float(share[ACTIVE]),
            onset=float(share[ONSET]),
            echo=float(share[ECHO]),
            days=self._days,
            securities=securities,
            features=FEATURES,
            dark_share=float(self._traded[1] / max(self._traded.sum(), 1.0)),
            campaigns=dict(sorted(self._campaigns.items())),
            lookalikes=dict(sorted(self._lookalikes.items())),
        )
