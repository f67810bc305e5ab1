"""ERROR in fractions and plain lists, with every order's end known by following them all."""

from collections import defaultdict
from fractions import Fraction

import numpy as np

from darkpool_watch.config import DetectConfig
from darkpool_watch.market.listings import ListingInfo
from kernels.layout import (
    ADD,
    ASK,
    AUCTION,
    BAD_TIME,
    BID,
    HALT,
    MIDPOINT_PEG,
    NO_TRADE,
    REPLACE,
    SIDE_NONE,
    STATUS,
    UNDEFINED_PRICE,
)
from tests.naive.rule_priority import Book

NONE = UNDEFINED_PRICE
DAY = 86_400 * 10**9


def share(value: float) -> Fraction:
    """A share of the config, in whole millionths."""
    return Fraction(round(value * 10**6), 10**6)


def factor(info: ListingInfo, ts: int, edge: int) -> int:
    length = info.session_close_ns - info.session_open_ns
    if length == 0:
        return 1
    phase = (ts - info.session_open_ns) % DAY
    if phase > length:
        return 0
    return 2 if phase < edge or length - phase < edge else 1


def sound(bid: int, ask: int, config: DetectConfig) -> bool:
    if NONE in (bid, ask) or bid >= ask or bid <= 0:
        return False
    return ask - bid <= (bid + ask) // 2 * share(config.error_wide_spread)


def within(
    price: int, reference: Fraction, info: ListingInfo, times: int, side: int, config: DetectConfig
) -> bool:
    part = share(config.error_band_middle)
    if reference <= round(config.error_low_price * 10**9):
        part = share(config.error_band_low)
    elif reference > round(config.error_high_price * 10**9):
        part = share(config.error_band_high)
    # Twice the band in whole units, as prices are.
    band = times * max(int(2 * reference * part), 2 * config.error_least_ticks * info.tick)
    above = 2 * price - 2 * reference
    if side == BID and not config.error_passive:
        return above <= band
    if side == ASK and not config.error_passive:
        return -above <= band
    return abs(above) <= band


def away(
    events: np.ndarray,
    observations: np.ndarray,
    infos: list[ListingInfo],
    config: DetectConfig,
) -> dict[tuple[int, str], int]:
    """(arrival, "order" or "trade") -> reference of every price too far from the market."""
    history: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    last: dict[int, tuple[int, int, int]] = {}  # session, ts, price
    halted: dict[int, set[int]] = defaultdict(set)
    found = {}
    for e, o in zip(events, observations, strict=True):
        s = int(o["security"])
        if s < 0:
            continue
        info = infos[int(o["listing"])]
        flags, price, side = int(o["flags"]), int(o["price"]), int(o["side"])
        what = ""
        if price != NONE and not flags & AUCTION and not halted[s]:
            entry = o["kind"] in (ADD, REPLACE) and not o["dark"] and not flags & MIDPOINT_PEG
            if entry and side != SIDE_NONE:
                what = "order"
            elif o["trade"] != NO_TRADE:
                what, side = "trade", SIDE_NONE
        ts = int(o["ts"]) if flags & BAD_TIME else min(int(o["ts"]), int(e["ts_event"]))
        times = factor(info, ts, round(config.error_edge_s * 10**9))
        if what and times and not flags & BAD_TIME:
            known = history[s]
            newest_first = known[::-1]
            since = [
                n
                for n, (began, _, _) in enumerate(newest_first)
                if began <= ts - config.clock_error_ns
            ]
            held = newest_first[: since[0] + 1] if since else None
            if newest_first and sound(*newest_first[0][1:], config):
                references = (
                    [Fraction(b + a, 2) if sound(b, a, config) else None for _, b, a in held]
                    if held is not None
                    else [None]
                )
            elif (
                s in last
                and last[s][0] == o["session"]
                and ts - last[s][1] <= round(config.error_stale_s * 10**9)
            ):
                references = [Fraction(last[s][2])]
            else:
                references = [None]
            if all(
                r is not None and not within(price, r, info, times, side, config)
                for r in references
            ):
                assert references[0] is not None
                found[int(o["arrival"]), what] = int(references[0])
        if o["trade"] != NO_TRADE and price != NONE and not flags & AUCTION:
            last[s] = (int(o["session"]), int(o["ts"]), price)
        if o["nbbo_changed"]:
            history[s].append((int(o["ts"]), int(o["bid"]), int(o["ask"])))
        if o["kind"] == STATUS:
            change = halted[s].add if flags & HALT else halted[s].discard
            change(int(o["listing"]))
    return found


def duplicates(
    events: np.ndarray, observations: np.ndarray, infos: list[ListingInfo], config: DetectConfig
) -> dict[int, int]:
    """Arrival -> how many equal orders of the account rest then, itself among them."""
    entered: dict[tuple[int, ...], list[tuple[int, int, int]]] = defaultdict(list)
    book = Book(infos, config)
    found = {}
    for e, o in zip(events, observations, strict=True):
        if o["security"] < 0:
            continue
        listing = int(o["listing"])
        if o["kind"] in (ADD, REPLACE) and o["account"] and o["side"] != SIDE_NONE:
            names = ("security", "account", "side", "price", "added")
            key = tuple(int(o[name]) for name in names)
            alike = 1
            for ts, where, order_id in reversed(entered[key]):
                if int(o["ts"]) - ts > round(config.duplicate_ms * 10**6):
                    break
                alike += book.find(where, order_id) is not None
            if alike >= config.duplicate_orders:
                found[int(o["arrival"])] = config.duplicate_orders
            own = "contra_order_id" if o["kind"] == REPLACE else "order_id"
            entered[key].append((int(o["ts"]), listing, int(e[own])))
        book.follow(e, o)
    return found
