"""The block kernel against its plain-Python twin, after every event."""

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from darkpool_watch.config import MarketConfig
from darkpool_watch.market.state import Market
from kernels.layout import OBSERVATION, UNDEFINED_PRICE
from tests.market.streams import ACCOUNTS, DEFINITIONS, event_streams, market, random_stream
from tests.naive.observe import NaiveMarket

# The twin adds the same products in another order.
ROUNDED = ("ofi_integrated", "depth_imbalance")


def assert_same(got: np.void, wanted: dict[str, Any], at: int) -> None:
    for name in OBSERVATION.names:
        value, want = got[name], wanted[name]
        if isinstance(want, float) and math.isnan(want):
            assert np.isnan(value), (at, name, value)
        elif name in ROUNDED:
            assert value == pytest.approx(want, rel=1e-9, abs=1e-9), (at, name)
        else:
            assert value == want, (at, name, value, want)


def assert_books_equal(held: Market, twin: NaiveMarket) -> None:
    for row, book in enumerate(twin.books):
        got = held.book_levels(row, 40)
        for side in (1, 2):
            wanted = book.levels(side)
            assert got[side - 1, : len(wanted)].tolist() == [list(level) for level in wanted]
            assert (got[side - 1, len(wanted) :] == [UNDEFINED_PRICE, 0]).all()


@given(events=event_streams)
@settings(deadline=None, max_examples=150)
def test_observations_equal_the_twin_after_every_event(events: np.ndarray) -> None:
    held, twin = market(), NaiveMarket(DEFINITIONS, ACCOUNTS)
    for i in range(len(events)):
        wanted = twin.observe(events[i], i)
        got = held.observe(events[i : i + 1], i)[0]
        assert_same(got, wanted, i)
        assert_books_equal(held, twin)
        assert held.live_orders() == sum(len(book.orders) for book in twin.books)
    assert held.counted() == twin.counters


def test_observations_equal_the_twin_over_a_long_stream() -> None:
    events = random_stream(seed=1, count=6_000)
    held, twin = market(), NaiveMarket(DEFINITIONS, ACCOUNTS)
    got = held.observe(events, 0)
    for i in range(len(events)):
        assert_same(got[i], twin.observe(events[i], i), i)
    assert_books_equal(held, twin)
    assert held.counted() == twin.counters


def observed(events: np.ndarray, block: int, config: MarketConfig | None = None) -> bytes:
    held = market(config)
    parts = [held.observe(events[i : i + block], i).tobytes() for i in range(0, len(events), block)]
    return b"".join(parts)


def test_block_size_does_not_change_a_bit() -> None:
    events = random_stream(seed=2, count=9_000)
    whole = observed(events, 4096)
    for block in (1, 7, 256):
        assert observed(events, block) == whole


def test_initial_capacity_does_not_change_a_bit() -> None:
    events = random_stream(seed=3, count=9_000, order_ids=20_000)
    roomy = MarketConfig(securities=64, listings=64, orders=65_536, levels=512)
    tiny = MarketConfig(securities=1, listings=1, orders=1, levels=1)
    assert observed(events, 256, tiny) == observed(events, 256, roomy)


@given(events=event_streams)
@settings(deadline=None, max_examples=60)
def test_any_stream_cut_anywhere_gives_the_same_bits(events: np.ndarray) -> None:
    assert observed(events, 1, MarketConfig(orders=1, levels=1)) == observed(events, 60)


def test_a_snapshot_resumes_bit_for_bit() -> None:
    events = random_stream(seed=4, count=3_000)
    whole = market()
    wanted = whole.observe(events, 0)[1_500:].copy()
    first = market()
    first.observe(events[:1_500], 0)
    second = market(MarketConfig(orders=1, levels=1))
    second.restore(first.snapshot())
    assert second.observe(events[1_500:], 1_500).tobytes() == wanted.tobytes()
    assert second.counted() == whole.counted()


def test_read_only_and_strided_events_are_copied() -> None:
    events = random_stream(seed=5, count=200)
    wanted = market().observe(events[::2].copy(), 0).tobytes()
    assert market().observe(events[::2], 0).tobytes() == wanted
    frozen = events[::2].copy()
    frozen.flags.writeable = False
    assert market().observe(frozen, 0).tobytes() == wanted


PLAIN = """
import hashlib
from darkpool_watch.config import DetectConfig
from darkpool_watch.detect.rules import Rules
from tests.market.streams import market, random_stream
events, held = random_stream(6, 1_500), market()
rules = Rules(DetectConfig(clock_error_ns=1_000), held.listings)
seen = held.observe(events, 0)
hits = rules.check(events, seen)
assert len(hits) > 10
print(hashlib.sha256(seen.tobytes() + hits.tobytes()).hexdigest())
"""


def test_uncompiled_kernels_give_the_same_bits() -> None:
    digests = [
        subprocess.run(
            [sys.executable, "-W", "error", "-c", PLAIN],
            cwd=Path(__file__).parents[2],
            env={**os.environ, "NUMBA_DISABLE_JIT": flag},
            capture_output=True,
            text=True,
            check=True,
            timeout=240,
        ).stdout
        for flag in ("0", "1")
    ]
    assert digests[0] == digests[1] != ""
