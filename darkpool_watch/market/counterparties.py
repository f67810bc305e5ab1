"""The counterparty matrix: which segments may not meet, on which venue, from when on."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from darkpool_watch.errors import MarketError
from darkpool_watch.market.accounts import AccountInfo
from kernels.people import PAIRING

Rows = npt.NDArray[np.void]


class Pairing(NamedTuple):
    """Whether two segments may meet from a time on, in either direction."""

    segment: int
    contra_segment: int
    allowed: bool
    valid_from_ns: int = 0
    venue: str = ""  # MIC; empty = every venue that has no line of its own for the two


class Counterparties:
    """The lines of the matrix; one without any says that everyone may meet everyone.

    Attributes:
        venues: MIC -> number, from 1 on; 0 stands for every venue.
        rows: (P,) PAIRING, in the order that kernels search.
    """

    def __init__(self, pairings: Iterable[Pairing] = ()) -> None:
        """Raises MarketError for two lines that say different things of one time."""
        pairings = list(pairings)
        named = sorted({one.venue for one in pairings if one.venue})
        self.venues = {venue: number for number, venue in enumerate(named, 1)}
        self.rows: Rows = np.zeros(len(pairings), PAIRING)
        for row, one in zip(self.rows, pairings, strict=True):
            row["valid_from"] = one.valid_from_ns
            row["venue"] = self.venues.get(one.venue, 0)
            row["low"], row["high"] = sorted((one.segment, one.contra_segment))
            row["allowed"] = one.allowed
        self.rows = self.rows[np.argsort(self.rows, order=("venue", "low", "high", "valid_from"))]
        keys = self.rows[["venue", "low", "high", "valid_from"]]
        twice = np.flatnonzero(keys[1:] == keys[:-1])
        if len(twice):
            row = self.rows[twice[0]]
            venue = named[row["venue"] - 1] if row["venue"] else "every venue"
            raise MarketError(
                f"Segments {row['low']} and {row['high']} on {venue} have two lines from "
                f"{row['valid_from']} ns on: needed one a time; delete the one that is wrong"
            )


class Reference(NamedTuple):
    """Reference data from files: what is known before the feed says anything."""

    accounts: tuple[AccountInfo, ...] = ()
    counterparties: Counterparties | None = None  # None: nobody said who may meet whom
