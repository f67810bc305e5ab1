"""Streams through the rules, for their tests: what hits they lead to under any config and data."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from darkpool_watch.config import DetectConfig
from darkpool_watch.detect.rules import Rules
from darkpool_watch.market.accounts import AccountInfo
from darkpool_watch.market.counterparties import Counterparties, Pairing
from kernels.rule_rows import HIT, RULE_COUNTERS
from tests.market.streams import ACCOUNTS, OPEN, market

MS = 1_000_000
XNAS, ARCX, POOL, COIN, BATS = 1, 2, 3, 4, 5  # instrument ids
VENUES = ["XNAS", "ARCX", "DARK", "BINA", "BATS"]  # by listing row


class Played:
    """A stream and what came of it: `hits`, `observations`, `rules`, `infos`."""

    def __init__(
        self,
        events: np.ndarray,
        *,
        records: list[AccountInfo] = (),
        pairings: list[Pairing] | None = (),
        block: int = 4096,
        **config: Any,
    ) -> None:
        self.config = DetectConfig(**config)
        held = market()
        for record in records:
            held.listings.account(record)
        self.infos = held.listings.infos
        self.records = [*ACCOUNTS, *records]
        matrix = None if pairings is None else Counterparties(pairings)
        self.rules = Rules(self.config, held.listings, matrix)
        hits, seen = [np.zeros(0, HIT)], [held.observe(events[:0], 0).copy()]
        for start in range(0, len(events), block):
            part = events[start : start + block]
            seen.append(held.observe(part, start).copy())
            hits.append(self.rules.check(part, seen[-1]).copy())
        hits.append(self.rules.settle().copy())
        self.hits = np.concatenate(hits)
        self.observations = np.concatenate(seen)

    def of(self, *reasons: int) -> np.ndarray:
        """Return the hits for these reasons."""
        return self.hits[np.isin(self.hits["reason"], reasons)]

    def counted(self) -> dict[str, int]:
        """Return the rules' counters by name."""
        return dict(zip(RULE_COUNTERS, self.rules.counters.tolist(), strict=True))


def joined(rows: list[np.ndarray]) -> np.ndarray:
    """Return rows as one stream, numbered as a feed numbers them."""
    events = np.concatenate(rows)
    events["sequence"] = np.arange(1, len(events) + 1)
    return events


DATES = [0, OPEN - 10**9, OPEN - MS, OPEN, OPEN + 400_000, OPEN + MS, OPEN + 10**9]
_records = st.lists(
    st.builds(
        AccountInfo,
        account=st.integers(1, 4),
        owner=st.integers(0, 2),
        group=st.just(0),
        capacity=st.sampled_from(["principal", "principal", "agency"]),
        segment=st.integers(0, 2),
        valid_from_ns=st.sampled_from(DATES),
        valid_to_ns=st.sampled_from([(1 << 63) - 1, (1 << 63) - 1, OPEN + 2 * MS]),
    ),
    max_size=8,
    unique_by=lambda one: (one.account, one.valid_from_ns),
)
# One a date, as a file has them: two of one date are one that was corrected.
record_lists = _records.map(
    lambda drawn: [
        one for one in drawn if not (one.account in (1, 2, 3) and one.valid_from_ns == 0)
    ]
)
pairing_lists = st.lists(
    st.builds(
        Pairing,
        segment=st.integers(0, 2),
        contra_segment=st.integers(0, 2),
        allowed=st.booleans(),
        valid_from_ns=st.sampled_from(DATES),
        venue=st.sampled_from(["", "", "XNAS", "DARK"]),
    ),
    max_size=8,
    unique_by=lambda one: (
        one.venue,
        frozenset((one.segment, one.contra_segment)),
        one.valid_from_ns,
    ),
)
