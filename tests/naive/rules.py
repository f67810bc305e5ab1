"""The rules decided afterwards, with the whole day's NBBOs at hand."""

from collections import defaultdict
from typing import Any

import numpy as np

from kernels.layout import (
    AUCTION,
    BAD_TIME,
    EXEMPT,
    HALT,
    ISO,
    NO_TRADE,
    ONE_CLOCK,
    STATUS,
    UNDEFINED_PRICE,
)

NONE = UNDEFINED_PRICE
Nbbo = tuple[int, int, int]  # held from ts on, bid, ask


def held_within(known: list[Nbbo], later: list[Nbbo], first: int, last: int) -> list[Nbbo] | None:
    """NBBOs held in [first, last], those known at the trade's arrival and those that came later.

    None where none was known to hold at `first`.
    """
    before = [nbbo for nbbo in known if nbbo[0] <= first]
    if not before:
        return None
    within = [nbbo for nbbo in known if first < nbbo[0] <= last]
    return [before[-1], *within, *(nbbo for nbbo in later if nbbo[0] <= last)]


def outside(nbbo: Nbbo, price: int) -> bool:
    _, bid, ask = nbbo
    if bid != NONE and ask != NONE and bid >= ask:
        return False
    return (bid != NONE and price < bid) or (ask != NONE and price > ask)


def trade_throughs(events: np.ndarray, observations: np.ndarray, error: int) -> dict[int, int]:
    """Arrival -> margin of every trade outside all NBBOs within the clock error."""
    history: dict[int, list[Nbbo]] = defaultdict(list)
    halted: dict[int, set[int]] = defaultdict(set)
    trades = []
    for e, o in zip(events, observations, strict=True):
        s = int(o["security"])
        if s < 0:
            continue
        exempt = int(o["flags"]) & (ISO | EXEMPT | AUCTION | BAD_TIME)
        if o["trade"] != NO_TRADE and not exempt and not halted[s] and o["price"] != NONE:
            ts = min(int(o["ts"]), int(e["ts_event"]))
            trades.append((s, int(o["arrival"]), ts, int(o["price"]), len(history[s])))
        if o["nbbo_changed"]:
            history[s].append((int(o["ts"]), int(o["bid"]), int(o["ask"])))
        if o["kind"] == STATUS:
            change = halted[s].add if o["flags"] & HALT else halted[s].discard
            change(int(o["listing"]))
    found = {}
    for s, arrival, ts, price, arrived in trades:
        known, later = history[s][:arrived], history[s][arrived:]
        held = held_within(known, later, ts - error, ts + error)
        if held is not None and all(outside(nbbo, price) for nbbo in held):
            _, bid, ask = [nbbo for nbbo in known if nbbo[0] <= ts][-1]
            found[arrival] = price - ask if ask != NONE and price > ask else bid - price
    return found


def data_breaches(
    events: np.ndarray, observations: np.ndarray, drift: int, late: int, repeat: int
) -> list[tuple[int, str, int]]:
    """(arrival, reason, ns) of every breach of DATA that is told."""
    told: dict[tuple[int, str], int] = {}
    found = []
    for e, o in zip(events, observations, strict=True):
        if o["security"] < 0:
            continue
        reasons: list[tuple[str, Any]] = []
        apart = abs(int(e["ts_recv"]) - int(e["ts_event"]))
        behind = int(o["ts"]) - int(e["ts_event"])
        if e["flags"] & BAD_TIME:
            reasons.append(("unreliable", 0))
        else:
            if not e["flags"] & ONE_CLOCK and apart > drift:
                reasons.append(("drift", apart))
            if o["late"] and behind > late:
                reasons.append(("late", behind))
        for reason, measure in reasons:
            key = (int(o["listing"]), reason)
            if key not in told or int(o["ts"]) - told[key] >= repeat:
                told[key] = int(o["ts"])
                found.append((int(o["arrival"]), reason, int(measure)))
    return found
