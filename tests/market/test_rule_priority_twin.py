"""PRIORITY against its twins."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from darkpool_watch.market.accounts import AccountInfo
from darkpool_watch.market.counterparties import Pairing
from kernels.layout import (
    ADD,
    BAD_TIME,
    BID,
    CANCEL,
    CONDITIONAL,
    EXECUTE,
    HIDDEN,
    IOC,
    LEVEL,
    MIDPOINT_PEG,
    ONE_CLOCK,
    REPLACE,
)
from kernels.rule_rows import BETTER_PASSED, OLDER_PASSED, SUB_PENNY
from tests.market.queue_cases import queued_stream
from tests.market.rule_cases import (
    MS,
    POOL,
    XNAS,
    Played,
    joined,
    pairing_lists,
    record_lists,
)
from tests.market.streams import OPEN, event, event_streams
from tests.naive.rule_priority import priority_breaches, sub_pennies


def assert_like_twin(
    events: np.ndarray,
    records: list[AccountInfo] = (),
    pairings: list[Pairing] = (),
    **config: Any,
) -> tuple[int, int]:
    played = Played(events, records=records, pairings=pairings, **config)
    seen = played.observations
    wanted = priority_breaches(events, seen, played.infos, played.config, played.records, pairings)
    hits = played.of(OLDER_PASSED, BETTER_PASSED)
    assert {int(h["arrival"]): int(h["passed_id"]) for h in hits} == wanted
    assert len(hits) == len(wanted)
    off = sub_pennies(events, seen, played.infos)
    hits = played.of(SUB_PENNY)
    assert {int(h["arrival"]): int(h["margin"]) for h in hits} == off
    assert len(hits) == len(off)
    return len(wanted), len(off)


_MODES = st.sampled_from(["time", "time", "size", "class", "price", "unchecked"])


@given(
    events=event_streams,
    records=record_lists,
    pairings=pairing_lists,
    mode=_MODES,
    nameless=st.booleans(),
    keeps=st.booleans(),
    error=st.sampled_from([0, 1_000, MS]),
)
@settings(deadline=None, max_examples=200)
def test_hits_equal_the_twins_on_any_stream(
    events: np.ndarray,
    records: list[AccountInfo],
    pairings: list[Pairing],
    mode: str,
    nameless: bool,
    keeps: bool,
    error: int,
) -> None:
    assert_like_twin(
        events,
        records,
        pairings,
        queue_priority={"XNAS": mode, "DARK/GOOG": mode},
        queue_without_accounts=nameless,
        size_down_keeps_place=keeps,
        queue_error_ns=error,
    )


_QUEUED = st.lists(
    st.tuples(
        st.sampled_from([ADD, ADD, ADD, ADD, EXECUTE, EXECUTE, CANCEL, REPLACE, LEVEL]),
        st.sampled_from([XNAS, POOL]),
        st.integers(1, 8),  # order id
        st.integers(0, 9),  # contra order id
        st.integers(0, 2),  # price: only three levels
        st.integers(1, 4),  # size
        st.sampled_from([0, 0, 0, 2]),  # minimum
        st.sampled_from([0, 0, 0, 0, HIDDEN, MIDPOINT_PEG, CONDITIONAL, IOC, BAD_TIME]),
        st.sampled_from([0, 1, 1_001, MS]),
        st.integers(1, 4),  # account
    ),
    min_size=1,
    max_size=30,
)


@given(
    drawn=_QUEUED,
    records=record_lists,
    pairings=pairing_lists,
    mode=_MODES,
    keeps=st.booleans(),
)
@settings(deadline=None, max_examples=300)
def test_hits_equal_the_twins_on_crowded_queues(
    drawn: list[tuple[int, ...]],
    records: list[AccountInfo],
    pairings: list[Pairing],
    mode: str,
    keeps: bool,
) -> None:
    rows = []
    at = 0
    for kind, listing, order_id, contra, price, size, least, flags, gap, account in drawn:
        at += gap
        known = {} if kind == EXECUTE or (listing == POOL and price == 0) else {"price": 98 + price}
        rows.append(
            event(
                kind,
                instrument_id=listing,
                order_id=order_id,
                contra_order_id=contra,
                side=BID,
                size=size,
                aux_size=least,
                flags=flags | ONE_CLOCK,
                at=at,
                account=account,
                contra_account=1 + account % 4,
                **known,
            )
        )
    assert_like_twin(
        joined(rows),
        records,
        pairings,
        queue_priority={"XNAS": mode, "DARK": mode},
        size_down_keeps_place=keeps,
    )


def test_a_long_stream_has_hits_and_block_size_does_not_change_them() -> None:
    events = queued_stream(seed=6, count=6_000)
    odd = (events["kind"] == ADD) & (events["size"] % 20 == 0)
    events["price"][odd] += 1_000_000
    passed, off = assert_like_twin(events)
    assert passed > 50
    assert off > 50
    whole = Played(events)
    for block in (1, 7, 256):
        again = Played(events, block=block)
        assert again.hits.tobytes() == whole.hits.tobytes()
        assert again.counted() == whole.counted()


def test_on_a_long_stream_the_matrix_excuses_some_hits_and_not_all() -> None:
    events = queued_stream(seed=6, count=6_000)
    changes = OPEN + 3 * 10**9
    segments = [1, 2, 1, 2]
    records = [
        AccountInfo(account, owner=account, segment=segment, valid_from_ns=OPEN)
        for account, segment in enumerate(segments, 1)
    ]
    apart = [Pairing(2, 1, False, venue="XNAS"), Pairing(1, 2, True, changes, "XNAS")]
    without, _ = assert_like_twin(events, records)
    some, _ = assert_like_twin(events, records, apart)
    most, _ = assert_like_twin(events, records, apart[:1])
    assert 20 < most < some < without
