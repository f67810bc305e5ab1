"""The rules on every event, and on what the wire noticed: breaches in order, in plain values."""

import math
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from darkpool_watch.config import DetectConfig
from darkpool_watch.market.listings import Listings
from darkpool_watch.units import NS_PER_MS, UNDEFINED_PRICE, from_price
from darkpool_watch.wire.batch import Notice, NoticeKind
from kernels.layout import DARK_TRADE, HIDDEN_TRADE
from kernels.rules import (
    CLOCK_DRIFT,
    FEED,
    HIT,
    HITS_AN_EVENT,
    LATE_EVENT,
    LOWEST,
    NBBO_ROW,
    NEVER,
    RING,
    RULE_COUNTERS,
    SUSPECTS,
    TRADE_THROUGH,
    WATCH,
    RuleState,
    check_rules,
    settle_rules,
)

Rows = npt.NDArray[np.void]

TRADE_WORDS: Final = {DARK_TRADE: "dark", HIDDEN_TRADE: "hidden"}
WIDE_TICKS: Final = 10  # a trade-through by more than this many ticks is of high severity


class Breach(NamedTuple):
    """One breach of one rule, as an alert wants it told."""

    rule: str  # typology code
    reason: str  # part of a sentence
    security: int  # dense row; -1: a feed
    ts: int  # ns of event time
    arrival: int
    group: str  # a reason's name; of a feed VENUE/reason, see `feed_group`
    severity: str
    measure: float  # how bad, in `unit`; NaN = not measured
    unit: str


class Rules:
    """Holds every event against the rules.

    Attributes:
        counters: (len(RULE_COUNTERS),) int64, named by `kernels.rules.RULE_COUNTERS`.
    """

    def __init__(self, config: DetectConfig, listings: Listings) -> None:
        self._listings = listings
        self.counters = np.zeros(len(RULE_COUNTERS), np.int64)
        self._state = RuleState(
            ring=np.zeros((0, RING), NBBO_ROW),
            waiting=np.zeros((0, SUSPECTS), HIT),
            watches=np.zeros(0, WATCH),
            feeds=np.zeros(0, FEED),
            bounds=np.array(
                [
                    config.clock_error_ns,
                    config.clock_drift_ns,
                    config.late_ns,
                    config.data_repeat_ns,
                ],
                np.int64,
            ),
            counters=self.counters,
        )
        self._hits: Rows = np.zeros(0, HIT)
        self._grow()

    def check(self, events: Rows, observations: Rows) -> Rows:
        """Return the HIT rows (H,) that EVENT rows (N,) and their observations lead to.

        The result is a view that the next call overwrites.
        """
        self._grow()
        self._make_room(HITS_AN_EVENT * len(events))
        if not (events.flags.writeable and events.flags.c_contiguous):
            events = events.copy()
        found = check_rules(events, observations, len(events), self._state, self._hits)
        return self._hits[:found]

    def settle(self) -> Rows:
        """Return the hits that still waited for the clock when the stream ended."""
        self._make_room(0)
        return self._hits[: settle_rules(self._state, self._hits)]

    def reset(self, security: int) -> None:
        """Forget a security's NBBOs and suspects: lost messages made them doubtful."""
        self._grow()
        _blank_watch(self._state.watches[security : security + 1], self._halted(security))

    def breach(self, hit: np.void) -> Breach:
        """Tell a hit in words."""
        row = int(hit["listing"])
        common = {
            "security": int(hit["security"]),
            "ts": int(hit["ts"]),
            "arrival": int(hit["arrival"]),
        }
        margin = int(hit["margin"])
        if hit["rule"] == TRADE_THROUGH:
            info = self._listings.infos[row]
            ticks = margin / info.tick
            side = "bid" if hit["reference"] == hit["bid"] else "offer"
            kind = TRADE_WORDS.get(int(hit["trade"]), "displayed")
            return Breach(
                rule="TRADE-THROUGH",
                reason=f"{kind} trade on {info.venue} at {_shown(hit['price'])}, beyond the "
                f"national best {side} of {_shown(hit['reference'])}",
                group="outside-nbbo",
                severity="high" if ticks > WIDE_TICKS else "medium",
                measure=ticks,
                unit="ticks",
                **common,
            )
        venue = self._listings.infos[row].venue
        group, words = {
            CLOCK_DRIFT: ("clock-drift", f"clocks of {venue} and ours are apart"),
            LATE_EVENT: ("late", f"an event of {venue} came late"),
        }.get(int(hit["reason"]), ("bad-time", f"{venue} disowns its own timestamps"))
        return Breach(
            rule="DATA",
            reason=words,
            group=group,
            severity="low",
            measure=margin / NS_PER_MS if margin else math.nan,
            unit="ms" if margin else "",
            **common,
        )

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """Return copies of all state."""
        return {name: getattr(self._state, name).copy() for name in _SAVED}

    def restore(self, arrays: dict[str, npt.NDArray[Any]]) -> None:
        """Put back what `snapshot` returned, into rules over the same definitions."""
        self._grow()
        for name in _SAVED:
            held = getattr(self._state, name)
            held[: len(arrays[name])] = arrays[name]

    def _halted(self, security: int) -> int:
        rows = self._listings.listing_rows["security"][: len(self._listings.infos)]
        return int(self._state.feeds["halted"][: len(rows)][rows == security].sum())

    def _make_room(self, hits: int) -> None:
        needed = hits + SUSPECTS * len(self._state.watches)
        if needed > len(self._hits):
            self._hits = np.zeros(2 * needed, HIT)

    def _grow(self) -> None:
        state = self._state
        more = len(self._listings.security_rows) - len(state.watches)
        if more > 0:
            fresh = np.zeros(more, WATCH)
            _blank_watch(fresh, 0)
            state = state._replace(
                ring=np.concatenate([state.ring, np.zeros((more, RING), NBBO_ROW)]),
                waiting=np.concatenate([state.waiting, np.zeros((more, SUSPECTS), HIT)]),
                watches=np.concatenate([state.watches, fresh]),
            )
        more = len(self._listings.listing_rows) - len(state.feeds)
        if more > 0:
            feeds = np.zeros(more, FEED)
            feeds["told"] = NEVER
            state = state._replace(feeds=np.concatenate([state.feeds, feeds]))
        self._state = state


_SAVED: Final = ("ring", "waiting", "watches", "feeds", "counters")


def feed_breach(notice: Notice, ts: int, arrival: int) -> Breach | None:
    """Tell what the wire noticed about a channel; None where it is no breach.

    `ts` and `arrival` are those of the newest event handled before the notice.
    """
    where = f"channel {notice.channel} of {notice.venue}" if notice.venue else "an unknown channel"
    if notice.kind is NoticeKind.LOST:
        reason, measure, unit = f"messages of {where} were lost", float(notice.count), "messages"
        severity = "high"
    elif notice.kind is NoticeKind.SILENT:
        reason, measure, unit = f"{where} is silent", math.nan, ""
        severity = "medium"
    elif notice.kind is NoticeKind.MALFORMED:
        reason, severity = f"malformed messages of {where} were kept out", "medium"
        measure, unit = float(notice.count), "messages"
    else:
        return None
    group = feed_group(notice.venue, notice.kind)
    return Breach("DATA", reason, -1, ts, arrival, group, severity, measure, unit)


def feed_group(venue: str, reason: str) -> str:
    """Return the group of a breach that no security has: one alert a venue and reason."""
    return f"{venue}/{reason}"


def venue_of(group: str) -> str:
    """Return the venue of a `feed_group`."""
    return group.rpartition("/")[0]


def _shown(price: int) -> str:
    return "none" if price == UNDEFINED_PRICE else f"{from_price(int(price)):.6g}"


def _blank_watch(rows: Rows, halted: int) -> None:
    rows["old_end"] = NEVER
    rows["old_bid"] = UNDEFINED_PRICE
    rows["old_ask"] = LOWEST
    rows["pushed"] = 0
    rows["suspects"] = 0
    rows["halted"] = halted
