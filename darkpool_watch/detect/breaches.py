"""What a hit of a rule means, in the words and measures of an alert."""

import math
from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np

from darkpool_watch.market.listings import ListingInfo
from darkpool_watch.units import NS_PER_MS, UNDEFINED_PRICE, from_price
from darkpool_watch.wire.batch import Notice, NoticeKind
from kernels.layout import BID, DARK_TRADE, HIDDEN_TRADE
from kernels.rule_rows import (
    AWAY_ORDER,
    AWAY_TRADE,
    BETTER_PASSED,
    CLOCK_DRIFT,
    DUPLICATE_ORDERS,
    FORBIDDEN_PAIR,
    LATE_EVENT,
    OLDER_PASSED,
    OUTSIDE_NBBO,
    SAME_ACCOUNT,
    SAME_OWNER,
    SUB_PENNY,
    UNRELIABLE_TIME,
)

TRADE_WORDS: Final = {DARK_TRADE: "dark", HIDDEN_TRADE: "hidden"}
WIDE_TICKS: Final = 10  # a trade-through by more than this many ticks is of high severity
PPM_A_PERCENT: Final = 10_000


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


class Told(NamedTuple):
    """The part of a breach that its reason decides."""

    rule: str
    group: str
    reason: str
    severity: str
    measure: float = math.nan
    unit: str = ""


def breach_of(hit: np.void, info: ListingInfo) -> Breach:
    """Tell a HIT row in words; `info` is its listing."""
    told = _TELL[int(hit["reason"])](hit, info)
    return Breach(
        rule=told.rule,
        reason=told.reason,
        security=int(hit["security"]),
        ts=int(hit["ts"]),
        arrival=int(hit["arrival"]),
        group=told.group,
        severity=told.severity,
        measure=told.measure,
        unit=told.unit,
    )


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


def _outside_nbbo(hit: np.void, info: ListingInfo) -> Told:
    ticks = int(hit["margin"]) / info.tick
    side = "bid" if hit["reference"] == hit["bid"] else "offer"
    kind = TRADE_WORDS.get(int(hit["trade"]), "displayed")
    return Told(
        "TRADE-THROUGH",
        "outside-nbbo",
        f"{kind} trade on {info.venue} at {_shown(hit['price'])}, beyond the "
        f"national best {side} of {_shown(hit['reference'])}",
        "high" if ticks > WIDE_TICKS else "medium",
        ticks,
        "ticks",
    )


def _clock_drift(hit: np.void, info: ListingInfo) -> Told:
    reason = f"clocks of {info.venue} and ours are apart"
    return Told("DATA", "clock-drift", reason, "low", int(hit["margin"]) / NS_PER_MS, "ms")


def _late(hit: np.void, info: ListingInfo) -> Told:
    reason = f"an event of {info.venue} came late"
    return Told("DATA", "late", reason, "low", int(hit["margin"]) / NS_PER_MS, "ms")


def _bad_time(hit: np.void, info: ListingInfo) -> Told:
    return Told("DATA", "bad-time", f"{info.venue} disowns its own timestamps", "low")


def _away(hit: np.void, info: ListingInfo) -> Told:
    trade = hit["reason"] == AWAY_TRADE
    what = "trade" if trade else f"order to {_verb(hit)}"
    return Told(
        "ERROR",
        "away-trade" if trade else "away-order",
        f"{what} on {info.venue} at {_shown(hit['price'])}, far from the market at "
        f"{_shown(hit['reference'])}",
        "high" if trade else "medium",
        int(hit["margin"]) / PPM_A_PERCENT,
        "%",
    )


def _duplicates(hit: np.void, info: ListingInfo) -> Told:
    return Told(
        "ERROR",
        "duplicate-orders",
        f"the same order to {_verb(hit)} {int(hit['size'])} at {_shown(hit['price'])} was entered "
        f"again and again by one account on {info.venue}",
        "medium",
        float(hit["margin"]),
        "orders at once",
    )


def _forbidden_pair(hit: np.void, info: ListingInfo) -> Told:
    return Told(
        "SEGMENT",
        "forbidden-pair",
        f"segments {int(hit['segment'])} and {int(hit['contra_segment'])} traded with each other "
        f"on {info.venue}, which the counterparty matrix forbade then",
        "medium",
        float(hit["margin"]),
        info.size_unit + "s",
    )


def _same_account(hit: np.void, info: ListingInfo) -> Told:
    known = "" if hit["owner"] else " (its owner is unknown, so only the account itself is linked)"
    reason = f"one account on both sides of a trade on {info.venue}{known}"
    return Told("WASH", "same-account", reason, "high", float(hit["margin"]), info.size_unit + "s")


def _same_owner(hit: np.void, info: ListingInfo) -> Told:
    reason = f"two accounts of one owner traded with each other on {info.venue}"
    return Told("WASH", "same-owner", reason, "medium", float(hit["margin"]), info.size_unit + "s")


def _older_passed(hit: np.void, info: ListingInfo) -> Told:
    return Told(
        "PRIORITY",
        "older-passed",
        f"order {int(hit['order_id'])} filled on {info.venue} at {_shown(hit['price'])} while "
        f"order {int(hit['passed_id'])} with the better claim at that price rested untouched",
        "medium",
        int(hit["margin"]) / NS_PER_MS,
        "ms at rest",
    )


def _better_passed(hit: np.void, info: ListingInfo) -> Told:
    return Told(
        "PRIORITY",
        "better-passed",
        f"order {int(hit['order_id'])} filled on {info.venue} at {_shown(hit['price'])} while "
        f"order {int(hit['passed_id'])} at the better price of {_shown(hit['reference'])} rested "
        "untouched",
        "medium",
        int(hit["margin"]) / info.tick,
        "ticks",
    )


def _sub_penny(hit: np.void, info: ListingInfo) -> Told:
    return Told(
        "PRIORITY",
        "sub-penny",
        f"price of {_shown(hit['price'])} on {info.venue}, where prices step by "
        f"{_shown(hit['reference'])}",
        "low",
        int(hit["margin"]) / info.tick,
        "ticks",
    )


_TELL: Final[dict[int, Callable[[np.void, ListingInfo], Told]]] = {
    OUTSIDE_NBBO: _outside_nbbo,
    CLOCK_DRIFT: _clock_drift,
    LATE_EVENT: _late,
    UNRELIABLE_TIME: _bad_time,
    AWAY_ORDER: _away,
    AWAY_TRADE: _away,
    DUPLICATE_ORDERS: _duplicates,
    FORBIDDEN_PAIR: _forbidden_pair,
    SAME_ACCOUNT: _same_account,
    SAME_OWNER: _same_owner,
    OLDER_PASSED: _older_passed,
    BETTER_PASSED: _better_passed,
    SUB_PENNY: _sub_penny,
}


def _verb(hit: np.void) -> str:
    return "buy" if hit["side"] == BID else "sell"


def _shown(price: int) -> str:
    return "none" if price == UNDEFINED_PRICE else f"{from_price(int(price)):.6g}"
