"""SEGMENT and self-match by looking every instant up in plain lists of dated records."""

from collections.abc import Sequence

import numpy as np

from darkpool_watch.market.accounts import AccountInfo
from darkpool_watch.market.counterparties import Pairing
from kernels.layout import AUCTION, BAD_TIME, NO_TRADE


def record(records: list[AccountInfo], account: int, ts: int) -> AccountInfo | None:
    """The newest record of the account that had begun; None where it had ended."""
    begun = [one for one in records if one.account == account and one.valid_from_ns <= ts]
    if not begun:
        return None
    newest = max(begun, key=lambda one: one.valid_from_ns)
    return newest if newest.valid_to_ns > ts else None


def pairing(pairings: Sequence[Pairing], venue: str, pair: set[int], ts: int) -> Pairing | None:
    for asked in (venue, ""):
        begun = [
            one
            for one in pairings
            if one.venue == asked
            and {one.segment, one.contra_segment} == pair
            and one.valid_from_ns <= ts
        ]
        if begun:
            return max(begun, key=lambda one: one.valid_from_ns)
    return None


def meetings(
    events: np.ndarray,
    observations: np.ndarray,
    records: list[AccountInfo],
    pairings: list[Pairing],
    venues: list[str],
    error: int,
) -> tuple[dict[int, tuple[int, int]], dict[int, str]]:
    """Return ({arrival: forbidden segments}, {arrival: "account" or "owner"} of self-matches)."""
    forbidden, matched = {}, {}
    for e, o in zip(events, observations, strict=True):
        if o["security"] < 0 or o["trade"] == NO_TRADE or o["flags"] & AUCTION:
            continue
        a, b = int(o["account"]), int(o["contra_account"])
        if a == 0 or b == 0:
            continue
        ts = int(o["ts"]) if e["flags"] & BAD_TIME else min(int(o["ts"]), int(e["ts_event"]))
        held = [
            (record(records, account, ts - error), record(records, account, ts + error))
            for account in (a, b)
        ]
        steady = [early if early is later else None for early, later in held]
        mine, theirs = steady
        arrival = int(o["arrival"])
        if mine is not None and theirs is not None:
            venue = venues[int(o["listing"])]
            pair = {mine.segment, theirs.segment}
            rules = [pairing(pairings, venue, pair, at) for at in (ts - error, ts + error)]
            if rules[0] is rules[1] and rules[0] is not None and not rules[0].allowed:
                forbidden[arrival] = (mine.segment, theirs.segment)
        if any(one is not None and one.capacity == "agency" for one in steady):
            continue
        if a == b:
            if held[0][0] is held[0][1]:
                matched[arrival] = "account"
        elif mine is not None and theirs is not None and 0 != mine.owner == theirs.owner:
            matched[arrival] = "owner"
    return forbidden, matched
