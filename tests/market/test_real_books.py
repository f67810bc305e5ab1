"""Books from real messages, equal to every row of the exchange's own book file."""

import hashlib
import threading
import time
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from darkpool_watch.config import MarketConfig, WireConfig
from darkpool_watch.market.listings import Listings
from darkpool_watch.market.state import Market
from darkpool_watch.replay.publish import publish_tape
from darkpool_watch.tape.lobster import LobsterTape, read_lobster
from darkpool_watch.wire.publisher import FlowPublisher
from darkpool_watch.wire.source import ZmqSource
from kernels.book import copy_levels
from kernels.jit import kernel
from kernels.layout import HIDDEN_TRADE, LIT_TRADE, UNDEFINED_PRICE
from kernels.observe import observe
from tests.data import AMZN, GOOG, needs_data

pytestmark = needs_data
PRICE_STEP = 100_000  # LOBSTER prices are x10,000
ABSENT = 9_999_999_999


@kernel
def first_difference(events, row_end, book, market, out, levels):
    """Return the first book row that differs; -1 = none, -2 = a table was full."""
    done = 0
    for m in range(book.shape[0]):
        while done < row_end[m]:
            _, reason = observe(events[done : done + 1], 0, done, market, out)
            if reason != 0:
                return -2
            done += 1
        copy_levels(market.levels, market.sides, 0, levels)
        for level in range(book.shape[1]):
            for side in range(2):
                price = book[m, level, 2 - 2 * side]
                size = book[m, level, 3 - 2 * side]
                wanted = UNDEFINED_PRICE if abs(price) == ABSENT else price * PRICE_STEP
                if levels[side, level, 0] != wanted or levels[side, level, 1] != size:
                    return m
    return -1


@lru_cache(maxsize=1)
def tape_of(path: Path) -> LobsterTape:
    return read_lobster(path)


def market_of(tape: LobsterTape, **config: int) -> Market:
    listings = Listings()
    for definition in tape.definitions:
        listings.define(definition)
    return Market(MarketConfig(**config), listings)


@pytest.mark.parametrize(("path", "rows", "depth"), [(GOOG, 147_916, 10), (AMZN, 155_935, 5)])
def test_every_row_of_the_book_file(path: Path, rows: int, depth: int) -> None:
    tape = tape_of(path)
    assert tape.book is not None
    assert tape.row_end is not None
    assert tape.book.shape == (rows, depth, 4)
    held = market_of(tape)
    levels = np.empty((2, depth, 2), np.int64)
    out = held.observe(tape.events[:0], 0).base
    assert first_difference(tape.events, tape.row_end, tape.book, held.state, out, levels) == -1
    # A book file that differs in one share of its last row's deepest level is told apart.
    wrong = tape.book.copy()
    wrong[-1, -1, 1] += 1
    held = market_of(tape)
    at = first_difference(tape.events, tape.row_end, wrong, held.state, out, levels)
    assert at == rows - 1


def received_over_zeromq(tape: LobsterTape, folder: Path) -> np.ndarray:
    """Return the events as a subscriber gets them from a publisher, ipc, packed frames."""
    config = WireConfig(
        endpoint=f"ipc://{folder}/flow", replay_endpoint=f"ipc://{folder}/replay", join="start"
    )
    parts: list[np.ndarray] = []
    count = 0
    with FlowPublisher(
        config.endpoint, config.replay_endpoint, venue="XNAS", credit=64
    ) as publisher:
        sender = threading.Thread(target=publish_tape, args=(tape, publisher), daemon=True)
        with ZmqSource(config) as source:
            sender.start()
            ends = time.monotonic() + 120.0
            while count < len(tape.events) and time.monotonic() < ends:
                for batch in source.poll(100):
                    if batch.events is not None:
                        parts.append(batch.events)
                        count += len(batch.events)
            source.poll(0)  # the last frames are handled
            sender.join()
            assert source.counters.lost == source.counters.refused_rows == 0
    return np.concatenate(parts)


@pytest.mark.parametrize(("path", "depth"), [(GOOG, 10), (AMZN, 5)])
def test_every_row_of_the_book_file_over_the_wire(path: Path, depth: int, tmp_path: Path) -> None:
    tape = tape_of(path)
    events = received_over_zeromq(tape, tmp_path)
    assert len(events) == len(tape.events)
    held = market_of(tape)
    levels = np.empty((2, depth, 2), np.int64)
    out = held.observe(events[:0], 0).base
    assert first_difference(events, tape.row_end, tape.book, held.state, out, levels) == -1


def test_the_goog_day_has_its_published_counts() -> None:
    tape = tape_of(GOOG)
    held = market_of(tape)
    trades = np.concatenate([held.observe(block, 0)["trade"].copy() for block in tape.blocks()])
    assert (trades == HIDDEN_TRADE).sum() == 3_913
    assert (trades == LIT_TRADE).sum() == 7_765
    counted = held.counted()
    assert counted["unknown_orders"] == 3_363
    assert counted["duplicate_orders"] == counted["oversized"] == counted["crossed"] == 0
    assert counted["late"] == 0
    assert counted["sessions"] == 1


def test_capacity_and_block_size_do_not_change_a_bit_of_a_real_day() -> None:
    tape = tape_of(GOOG)
    days = []
    for block, config in ((4096, {}), (256, {"orders": 1, "levels": 1}), (7, {"orders": 1})):
        held = market_of(tape, **config)
        digest = hashlib.sha256()
        for start in range(0, len(tape.events), block):
            digest.update(held.observe(tape.events[start : start + block], start))
        days.append(digest.hexdigest())
    assert days[0] == days[1] == days[2]
