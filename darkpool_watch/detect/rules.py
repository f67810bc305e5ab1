"""The rules on every event, with what they remember: breaches in order, in plain values."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from darkpool_watch.config import DetectConfig
from darkpool_watch.detect.breaches import Breach, breach_of
from darkpool_watch.detect.queues import Queues
from darkpool_watch.market.counterparties import Counterparties
from darkpool_watch.market.listings import Listings
from darkpool_watch.units import NS_PER_MS, NS_PER_S, PRICE_SCALE, UNDEFINED_PRICE
from kernels.people import PeopleState
from kernels.rule_priority import BY_CLASS, BY_PRICE, BY_SIZE, BY_TIME, UNCHECKED
from kernels.rule_rows import (
    BETTER_PASSED,
    BUCKETS,
    FEED,
    HIT,
    HITS_AN_EVENT,
    LOWEST,
    NBBO_ROW,
    NEVER,
    OLDER_PASSED,
    RECENT,
    RECENT_ORDER,
    RING,
    RULE_COUNTERS,
    SETTINGS,
    SUSPECTS,
    WATCH,
    RuleState,
)
from kernels.rules import check_rules, settle_rules

Rows = npt.NDArray[np.void]

PRIORITIES: Final = {
    "time": BY_TIME,
    "size": BY_SIZE,
    "class": BY_CLASS,
    "price": BY_PRICE,
    "unchecked": UNCHECKED,
}
PPM: Final = 1_000_000


class Rules:
    """Holds every event against the rules.

    Without a counterparty matrix nobody knows whom a pool keeps apart, so no fill of a pool is held
    against its queue: what PRIORITY would say of it is counted and left out.

    Attributes:
        unjudged: fills of pools that PRIORITY would have told of, had it known the matrix.
        counters: (len(RULE_COUNTERS),) int64, named by `kernels.rule_rows.RULE_COUNTERS`.
    """

    def __init__(
        self,
        config: DetectConfig,
        listings: Listings,
        counterparties: Counterparties | None = None,
    ) -> None:
        self._listings = listings
        self._matrix_known = counterparties is not None
        self._counterparties = counterparties or Counterparties()
        self.unjudged = 0
        self._priority = config.queue_priority
        self.counters = np.zeros(len(RULE_COUNTERS), np.int64)
        self._state = RuleState(
            ring=np.zeros((0, RING), NBBO_ROW),
            waiting=np.zeros((0, SUSPECTS), HIT),
            passed=np.zeros((0, SUSPECTS), HIT),
            watches=np.zeros(0, WATCH),
            recent=np.zeros((0, RECENT), RECENT_ORDER),
            buckets=np.zeros((0, BUCKETS), np.int64),
            feeds=np.zeros(0, FEED),
            settings=settings_of(config),
            counters=self.counters,
        )
        self._queues = Queues(config.queue_levels)
        self._people = self._known_people()
        self._known = listings.history.version
        self._defined = -1
        self._hits: Rows = np.zeros(0, HIT)
        self._follow()

    def check(self, events: Rows, observations: Rows) -> Rows:
        """Return the HIT rows (H,) that EVENT rows (N,) and their observations lead to.

        The result is a view that the next call overwrites.
        """
        self._follow()
        self._make_room(HITS_AN_EVENT * len(events))
        self._queues.make_room(len(events))
        if not (events.flags.writeable and events.flags.c_contiguous):
            events = events.copy()
        found = check_rules(
            events,
            observations,
            len(events),
            self._state,
            self._queues.state,
            self._people,
            self._hits,
        )
        return self._judged(self._hits[:found])

    def settle(self) -> Rows:
        """Return the hits that still waited for the clock when the stream ended."""
        self._make_room(0)
        return self._judged(self._hits[: settle_rules(self._state, self._hits)])

    def reset(self, security: int) -> None:
        """Forget a security's NBBOs, suspects and queues: lost messages made them doubtful."""
        self._follow()
        _blank_watch(self._state.watches[security : security + 1], self._halted(security))
        self._state.buckets[security] = -1
        listings = self._listings.listing_rows["security"][: len(self._listings.infos)]
        for row in np.flatnonzero(listings == security).tolist():
            self._queues.forget(row)

    def breach(self, hit: np.void) -> Breach:
        """Tell a hit in words."""
        return breach_of(hit, self._listings.infos[int(hit["listing"])])

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """Return copies of all state; accounts and the matrix are told again by their sources."""
        own = {name: getattr(self._state, name).copy() for name in _SAVED}
        return {**own, **self._queues.snapshot()}

    def restore(self, arrays: dict[str, npt.NDArray[Any]]) -> None:
        """Put back what `snapshot` returned, into rules over the same definitions."""
        self._follow()
        for name in _SAVED:
            held = getattr(self._state, name)
            held[: len(arrays[name])] = arrays[name]
        self._queues.restore(arrays)

    def _judged(self, hits: Rows) -> Rows:
        """Return the hits without those that rest on a matrix that nobody gave."""
        if self._matrix_known or not len(hits):
            return hits
        passed = np.isin(hits["reason"], (OLDER_PASSED, BETTER_PASSED))
        left_out = passed & (self._state.feeds["dark"][hits["listing"]] != 0)
        self.unjudged += int(left_out.sum())
        judged: Rows = hits[~left_out]
        return judged

    def _halted(self, security: int) -> int:
        rows = self._listings.listing_rows["security"][: len(self._listings.infos)]
        return int(self._state.feeds["halted"][: len(rows)][rows == security].sum())

    def _make_room(self, hits: int) -> None:
        needed = hits + 2 * SUSPECTS * len(self._state.watches)
        if needed > len(self._hits):
            self._hits = np.zeros(2 * needed, HIT)

    def _follow(self) -> None:
        """Take up listings, securities and accounts that came since the last call."""
        listings = self._listings
        if self._defined != listings.defined:
            self._grow()
            self._defined = listings.defined
            for feed, info in zip(self._state.feeds, listings.infos, strict=False):
                feed["tick"] = info.tick
                feed["dark"] = info.dark
                feed["opens"] = info.session_open_ns
                feed["length"] = info.session_close_ns - info.session_open_ns
                feed["venue"] = self._counterparties.venues.get(info.venue, 0)
                ranked = self._priority.get(f"{info.venue}/{info.symbol}")
                feed["priority"] = PRIORITIES[ranked or self._priority.get(info.venue, "time")]
        if self._known != listings.history.version:
            self._known = listings.history.version
            self._people = self._known_people()

    def _known_people(self) -> PeopleState:
        return PeopleState(*self._listings.history.table(), self._counterparties.rows)

    def _grow(self) -> None:
        state = self._state
        more = len(self._listings.security_rows) - len(state.watches)
        if more > 0:
            fresh = np.zeros(more, WATCH)
            _blank_watch(fresh, 0)
            empty = np.full((more, BUCKETS), -1, np.int64)
            state = state._replace(
                ring=np.concatenate([state.ring, np.zeros((more, RING), NBBO_ROW)]),
                waiting=np.concatenate([state.waiting, np.zeros((more, SUSPECTS), HIT)]),
                passed=np.concatenate([state.passed, np.zeros((more, SUSPECTS), HIT)]),
                watches=np.concatenate([state.watches, fresh]),
                recent=np.concatenate([state.recent, np.zeros((more, RECENT), RECENT_ORDER)]),
                buckets=np.concatenate([state.buckets, empty]),
            )
        more = len(self._listings.listing_rows) - len(state.feeds)
        if more > 0:
            feeds = np.zeros(more, FEED)
            feeds["told"] = NEVER
            state = state._replace(feeds=np.concatenate([state.feeds, feeds]))
        self._queues.grow(len(state.feeds))
        self._state = state


_SAVED: Final = (
    "ring",
    "waiting",
    "passed",
    "watches",
    "recent",
    "buckets",
    "feeds",
    "counters",
)


def settings_of(config: DetectConfig) -> Rows:
    """Return the (1,) SETTINGS of a config."""
    settings = np.zeros(1, SETTINGS)
    for name, value in {
        "clock_error": config.clock_error_ns,
        "drift": config.clock_drift_ns,
        "lateness": config.late_ns,
        "repeat": config.data_repeat_ns,
        "low_price": round(config.error_low_price * PRICE_SCALE),
        "high_price": round(config.error_high_price * PRICE_SCALE),
        "band_low": round(config.error_band_low * PPM),
        "band_middle": round(config.error_band_middle * PPM),
        "band_high": round(config.error_band_high * PPM),
        "edge": round(config.error_edge_s * NS_PER_S),
        "least_ticks": config.error_least_ticks,
        "wide_spread": round(config.error_wide_spread * PPM),
        "stale": round(config.error_stale_s * NS_PER_S),
        "duplicate_span": round(config.duplicate_ms * NS_PER_MS),
        "duplicate_orders": config.duplicate_orders,
        "queue_error": config.queue_error_ns,
        "passive": config.error_passive,
        "keeps_place": config.size_down_keeps_place,
        "nameless": config.queue_without_accounts,
    }.items():
        settings[name] = value
    return settings


def _blank_watch(rows: Rows, halted: int) -> None:
    rows["old_end"] = NEVER
    rows["old_bid"] = UNDEFINED_PRICE
    rows["old_ask"] = LOWEST
    rows["pushed"] = 0
    rows["last_trade"] = UNDEFINED_PRICE
    rows["last_trade_ts"] = NEVER
    rows["entered"] = 0
    rows["session"] = 0
    rows["suspects"] = 0
    rows["passed"] = 0
    rows["halted"] = halted
