"""Any tape, simulated or recorded, as the lit messages of each security that its books show."""

from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from darkpool_watch.config import MarketConfig
from darkpool_watch.market.listings import Listings
from darkpool_watch.market.state import Market
from darkpool_watch.wire.events import Definition
from kernels.layout import DARK_TRADE, UNDEFINED_PRICE
from kernels.witness import WITNESS

LEVELS: Final = 5  # the fewest that the real books were recorded to: all are compared at these
HALF_HOUR_NS: Final = 1_800 * 1_000_000_000


class Flow(NamedTuple):
    """One security on one day.

    Its rows are the messages of its busiest lit listing, and the trades of all its listings.
    """

    label: str
    rows: NDArray[np.void]  # (N,) WITNESS
    opens: int  # ns, the session
    closes: int
    begins: int  # ns, the tape
    ends: int
    pools: bool  # whether any of its listings is dark

    @property
    def lit(self) -> NDArray[np.void]:
        """Messages of the lit book, executions included."""
        shown: NDArray[np.void] = self.rows[self.rows["trade"] != DARK_TRADE]
        return shown

    def half_hours(self) -> list[tuple[int, int]]:
        """Return begin and end, ns, of the session's half hours that the tape covers whole."""
        return [
            (begin, begin + HALF_HOUR_NS)
            for begin in range(self.opens, self.closes - HALF_HOUR_NS + 1, HALF_HOUR_NS)
            if self.begins <= begin and begin + HALF_HOUR_NS <= self.ends
        ]

    @property
    def whole(self) -> bool:
        """Whether the tape covers the session from its first half hour to its last."""
        count = (self.closes - self.opens) // HALF_HOUR_NS
        return 0 < count == len(self.half_hours())


class FlowReader:
    """Takes a tape block by block; memory is that of what is shown, about 80 bytes a message."""

    def __init__(self, definitions: Iterable[Definition], levels: int = LEVELS) -> None:
        self.definitions = tuple(definitions)
        self.levels = levels
        config = MarketConfig()
        self._listings = Listings(config)
        for definition in self.definitions:
            self._listings.define(definition)
        self._market = Market(config, self._listings)
        self._parts: list[list[NDArray[np.void]]] = [[] for _ in self._listings.securities]

    def add(self, events: NDArray[np.void]) -> None:
        """Take the next EVENT rows (n,) of the tape."""
        rows = self._market.witness(events, self.levels)
        order = np.argsort(rows["security"], kind="stable")
        ends = np.searchsorted(rows["security"][order], np.arange(len(self._parts)), side="right")
        for parts, mine in zip(self._parts, np.split(order, ends[:-1]), strict=True):
            if len(mine):
                parts.append(rows[mine])

    def flows(self, begins: int | None = None, ends: int | None = None) -> list[Flow]:
        """Return each security's flow; the tape spans [begins, ends), its sessions by default."""
        found = []
        for security_id in dict.fromkeys(one.security_id for one in self.definitions):
            mine = [one for one in self.definitions if one.security_id == security_id]
            parts = self._parts[self._listings.security_row(security_id)]
            opens, closes = mine[0].session_open_ns, mine[0].session_close_ns
            found.append(
                Flow(
                    label=mine[0].symbol,
                    rows=_one_book(np.concatenate([np.zeros(0, WITNESS), *parts])),
                    opens=opens,
                    closes=closes,
                    begins=opens if begins is None else begins,
                    ends=closes if ends is None else ends,
                    pools=any(one.dark for one in mine),
                )
            )
        return found


def _one_book(rows: NDArray[np.void]) -> NDArray[np.void]:
    """Leave out the messages of all lit listings but the busiest; a recorded tape is of one."""
    lit = rows["trade"] != DARK_TRADE
    if not lit.any():
        return rows
    busiest = np.bincount(rows["listing"][lit]).argmax()
    kept: NDArray[np.void] = rows[~lit | (rows["listing"] == busiest)]
    return kept


def mids(flow: Flow, step_ns: int) -> NDArray[np.float64]:
    """Return the midpoint at the session's open and every `step_ns` to its close, (K,), in 1e-9.

    NaN before the first quote and outside the tape.
    """
    rows = flow.rows
    quoted = (rows["bid"] != UNDEFINED_PRICE) & (rows["ask"] != UNDEFINED_PRICE)
    grid = np.arange(flow.opens, flow.closes + 1, step_ns)
    if not quoted.any():
        return np.full(len(grid), np.nan)
    mid = (rows["bid"][quoted].astype(np.float64) + rows["ask"][quoted]) / 2
    place = np.searchsorted(rows["ts"][quoted], grid, side="right") - 1
    known = (place >= 0) & (grid >= flow.begins) & (grid <= flow.ends)
    return np.where(known, mid[np.maximum(place, 0)], np.nan)
