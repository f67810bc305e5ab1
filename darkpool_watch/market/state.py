"""The market as the daemon knows it: orders, books, quotes; one observation an event.

The kernels do the work on arrays that never grow while they run; this class owns the arrays and
grows them between calls, which changes no result.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from darkpool_watch.config import MarketConfig
from darkpool_watch.errors import MarketError
from darkpool_watch.market.listings import Listings
from darkpool_watch.units import UNDEFINED_PRICE
from kernels.book import copy_levels
from kernels.layout import CLEAR, EVENT, OBSERVATION, ONE_CLOCK
from kernels.market_rows import (
    COUNTERS,
    DEPTH,
    DONE,
    LEVEL_ROW,
    NEEDS_EPOCHS,
    NEEDS_ORDERS,
    NO_KEY,
    ORDER,
    SIDE_ROW,
    MarketState,
)
from kernels.observe import observe
from kernels.orders import count_live, move_orders
from kernels.witness import WITNESS, witness

Rows = npt.NDArray[np.void]

NO_EPOCH = -1
IMBALANCE_WEIGHTS = np.exp(-np.arange(DEPTH) / 2)


class Market:
    """State of every listing and security.

    Attributes:
        listings: the registry; define into it at any time between calls.
        counters: (len(COUNTERS),) int64, named by `kernels.market_rows.COUNTERS`.
    """

    def __init__(self, config: MarketConfig, listings: Listings) -> None:
        self.listings = listings
        self._levels_a_side = config.levels
        self.counters = np.zeros(len(COUNTERS), np.int64)
        self._orders: Rows = _blank_orders(config.orders)
        self._levels: Rows = np.zeros(0, LEVEL_ROW)
        self._levels_used = 0
        self._sides: Rows = np.zeros((0, 2), SIDE_ROW)
        self._depth: Rows = _blank_depth(0)
        self._scratch: Rows = np.zeros(DEPTH, LEVEL_ROW)
        self._table = np.zeros(1, np.int64)
        self._weights = np.array([config.ofi_weights, IMBALANCE_WEIGHTS])
        self._bounds = np.array([config.clock_lead_ns, config.resting_ns], np.int64)
        self._observations: Rows = np.zeros(4096, OBSERVATION)
        self._placed = 0  # listing rows that have their place in the arena
        self._version = -1
        self.state = self._follow()

    def observe(self, events: Rows, arrival: int) -> Rows:
        """Apply EVENT rows (N,) in order and return their observations (N,).

        The result is a view that the next call overwrites. `arrival` is the daemon-wide index of
        the first event. Events that are read-only or strided are copied first.
        """
        if events.dtype != EVENT or events.ndim != 1:
            raise MarketError(f"Expected a row of EVENT, was {events.dtype} {events.shape}")
        if not (events.flags.writeable and events.flags.c_contiguous):
            events = events.copy()
        if len(events) > len(self._observations):
            self._observations = np.zeros(1 << (len(events) - 1).bit_length(), OBSERVATION)
        if self._version != self.listings.version:
            self.state = self._follow()
        out = self._observations
        done, reason = observe(events, 0, arrival, self.state, out)
        while reason != DONE:
            self._make_room(int(reason), self.listings.row(int(events[done]["instrument_id"])))
            done, reason = observe(events, done, arrival, self.state, out)
        return out[: len(events)]

    def witness(self, events: Rows, levels: int) -> Rows:
        """Apply EVENT rows (N,) in order and return what a level-`levels` file shows, WITNESS (M,).

        For comparing tapes that were recorded to different depths.
        """
        events = np.require(events, EVENT, ["C", "W"])
        out: Rows = np.zeros(2 * len(events), WITNESS)
        kept = np.zeros(1, np.int64)
        scratch: Rows = np.zeros(1, OBSERVATION)
        if self._version != self.listings.version:
            self.state = self._follow()
        done, reason = witness(events, 0, self.state, levels, scratch, out, kept)
        while reason != DONE:
            self._make_room(int(reason), self.listings.row(int(events[done]["instrument_id"])))
            done, reason = witness(events, done, self.state, levels, scratch, out, kept)
        return out[: kept[0]]

    def clear(self, listing: int) -> None:
        """Void a listing's orders, levels and QUOTE, as a CLEAR event at this moment would.

        For a venue that started anew without saying CLEAR. Counted as such an event.
        """
        row = self.listings.listing_rows[listing]
        event = np.zeros(1, EVENT)
        event["kind"], event["flags"] = CLEAR, ONE_CLOCK
        event["instrument_id"] = row["instrument_id"]
        event["ts_event"] = self.listings.security_rows[row["security"]]["clock"]
        self.observe(event, 0)

    def book_levels(self, listing: int, levels: int) -> npt.NDArray[np.int64]:
        """Return the listing's best levels, (2, levels, 2) int64: side, level, (price, size).

        Bid first; UNDEFINED_PRICE and 0 where the side has fewer.
        """
        out = np.empty((2, levels, 2), np.int64)
        copy_levels(self._levels, self._sides, listing, out)
        return out

    def consolidated_levels(self, security: int) -> npt.NDArray[np.int64]:
        """Return the security's depth over its lit books, (2, 5, 2) int64 as `book_levels`."""
        rows = self._depth[security]
        out = np.empty((2, DEPTH, 2), np.int64)
        shown = rows["key"] != NO_KEY
        sign = np.array([[1], [-1]])
        out[:, :, 0] = np.where(shown, np.where(shown, rows["key"], 0) * sign, UNDEFINED_PRICE)
        out[:, :, 1] = rows["size"]
        return out

    def counted(self) -> dict[str, int]:
        """Return the counters by name."""
        return dict(zip(COUNTERS, self.counters.tolist(), strict=True))

    def live_orders(self) -> int:
        """Return how many orders rest. Cost: a pass over the order table."""
        return int(count_live(self._orders, self.listings.listing_rows))

    def memory(self) -> dict[str, int]:
        """Return bytes held, by what holds them, and the share of one security and one order.

        `per_security` leaves out orders and observations, which are shared by all.
        """
        held = {
            "orders": self._orders.nbytes,
            "levels": self._levels.nbytes,
            "listings": self.listings.listing_rows.nbytes + self._sides.nbytes,
            "securities": self.listings.security_rows.nbytes + self._depth.nbytes,
            "ids": self.listings.instruments.nbytes + self.listings.groups.nbytes,
            "observations": self._observations.nbytes,
        }
        held["total"] = sum(held.values())
        securities = max(1, len(self.listings.securities))
        sides = self._sides[: self._placed]
        used = (
            int(sides["capacity"].sum()) * LEVEL_ROW.itemsize
            + self._placed * (self.listings.listing_rows.itemsize + 2 * SIDE_ROW.itemsize)
            + securities * self.listings.security_rows.itemsize
            + securities * 2 * DEPTH * LEVEL_ROW.itemsize
        )
        held["per_security"] = used // securities
        held["per_order"] = ORDER.itemsize
        return held

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """Return copies of all state but names, accounts and config."""
        self.state = self._follow()
        return {
            **self.listings.snapshot(),
            "counters": self.counters.copy(),
            "orders": self._orders.copy(),
            "levels": self._levels[: self._levels_used].copy(),
            "sides": self._sides[: self._placed].copy(),
            "depth": self._depth[: len(self.listings.securities)].copy(),
            "table": self._table.copy(),
        }

    def restore(self, arrays: dict[str, npt.NDArray[Any]]) -> None:
        """Put back what `snapshot` returned, into a market with the same definitions."""
        self.listings.restore(arrays)
        self.state = self._follow()
        self.counters[:] = arrays["counters"]
        self._orders = arrays["orders"].copy()
        self._levels = arrays["levels"].copy()
        self._levels_used = len(self._levels)
        self._sides[: len(arrays["sides"])] = arrays["sides"]
        self._depth[: len(arrays["depth"])] = arrays["depth"]
        self._table[:] = arrays["table"]
        self.state = self._bundle()

    def _follow(self) -> MarketState:
        """Give listings and securities defined since the last call their place."""
        listings = self.listings
        more = len(listings.listing_rows) - len(self._sides)
        if more > 0:
            self._sides = np.concatenate([self._sides, np.zeros((more, 2), SIDE_ROW)])
        more = len(listings.security_rows) - len(self._depth)
        if more > 0:
            self._depth = np.concatenate([self._depth, _blank_depth(more)])
        for row in range(self._placed, len(listings.infos)):
            if not listings.infos[row].dark:
                for side in range(2):
                    self._place(row, side, self._levels_a_side)
        self._placed = len(listings.infos)
        self._version = listings.version
        return self._bundle()

    def _bundle(self) -> MarketState:
        return MarketState(
            instruments=self.listings.instruments,
            groups=self.listings.groups,
            listings=self.listings.listing_rows,
            securities=self.listings.security_rows,
            orders=self._orders,
            levels=self._levels,
            sides=self._sides,
            depth=self._depth,
            scratch=self._scratch,
            table=self._table,
            counters=self.counters,
            weights=self._weights,
            bounds=self._bounds,
        )

    def _make_room(self, reason: int, row: int) -> None:
        if reason == NEEDS_EPOCHS:
            # The CLEAR that needs a new epoch ends all of the listing's orders anyway.
            self.listings.listing_rows[row]["epoch"] = NO_EPOCH
            self._rebuild_orders()
        elif reason == NEEDS_ORDERS:
            self._rebuild_orders()
        else:
            for side in range(2):
                held = self._sides[row, side]
                if held["count"] >= held["capacity"]:
                    self._place(row, side, 2 * int(held["capacity"]))
        self.state = self._bundle()

    def _rebuild_orders(self) -> None:
        """Drop cleared orders, and double the table where the live ones fill a third of it."""
        old = self._orders
        live = count_live(old, self.listings.listing_rows)
        self._orders = _blank_orders(len(old) * (2 if 3 * live > len(old) else 1))
        move_orders(old, self._orders, self.listings.listing_rows, self._table)

    def _place(self, row: int, side: int, capacity: int) -> None:
        """Move one side of a book to the end of the arena, with room for `capacity` levels."""
        held = self._sides[row, side]
        start, count = int(held["offset"]), int(held["count"])
        end = self._levels_used + capacity
        if end > len(self._levels):
            longer: Rows = np.zeros(max(end, 2 * len(self._levels)), LEVEL_ROW)
            longer[: self._levels_used] = self._levels[: self._levels_used]
            self._levels = longer
        self._levels[self._levels_used : self._levels_used + count] = self._levels[
            start : start + count
        ]
        held["offset"], held["capacity"] = self._levels_used, capacity
        self._levels_used = end


def _blank_orders(least: int) -> Rows:
    return np.zeros(1 << max(3, (least - 1).bit_length()), ORDER)


def _blank_depth(count: int) -> Rows:
    rows = np.zeros((count, 2, DEPTH), LEVEL_ROW)
    rows["key"] = NO_KEY
    return rows
