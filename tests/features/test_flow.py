"""Order flow against its naive twin, over windows, silences, pane edges and late events."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkpool_watch.config import MarketConfig
from darkpool_watch.market.listings import Listings
from darkpool_watch.market.state import Market
from darkpool_watch.tape.detect import open_tape
from tests.data import AAPL, needs_data
from tests.features.flow_cases import REFERENCE, Runner, random_flow, times
from tests.naive.flow import FAMILIES, PANE_NS, flow_row, plain

COLUMNS = [base + k for base in FAMILIES for k in range(4)]


def assert_equal(row: np.ndarray, naive: np.ndarray) -> None:
    """Held imbalances are kept to 2^-24; all else agrees to rounding."""
    for base, family in FAMILIES.items():
        close = 1e-7 if base in (132, 136) else 1e-9
        np.testing.assert_allclose(
            row[base : base + 4],
            naive[base : base + 4],
            rtol=1e-9,
            atol=close,
            err_msg=family.__name__,
        )


def edges_between(after: int, before: int) -> list[int]:
    """Return up to 20 times in [after, before): the next edges of each level, and 1 ns either side.

    The first edge, those that push the event out of its window, and the last before the next event.
    """
    found = {after}
    for pane in PANE_NS:
        first = pane * (after // pane + 1)
        for edge in (first, first + 15 * pane, (before - 1) // pane * pane):
            found.update((edge - 1, edge, edge + 1))
    return sorted(t for t in found if after <= t < before)


@settings(deadline=None, max_examples=25)
@given(times(25), st.integers(0, 2**32))
def test_flow_equals_its_twin_after_every_event_and_at_edges(ts: np.ndarray, seed: int) -> None:
    flow = random_flow(ts, seed)
    past = plain(flow)
    runner = Runner()
    for i in range(len(past)):
        runner.observe(flow[i])
        now = past[i]["ts"]
        until = past[i + 1]["ts"] if i + 1 < len(past) else now + 70_000_000_000
        nows = edges_between(now, until)
        for at in [now, *nows[1 + i % 5 :: 5]]:
            assert_equal(runner.write(at), flow_row(past[: i + 1], at, REFERENCE))


@pytest.mark.parametrize("silence_s", [0.1, 1.0, 10.0, 60.0, 3600.0])
@pytest.mark.parametrize("offset_ns", [-1, 0, 1])
def test_flow_equals_its_twin_after_a_silence(silence_s: float, offset_ns: int) -> None:
    rng = np.random.default_rng(7)
    before = 34_200_000_000_000 + np.cumsum(rng.integers(0, 40_000_000, 40))
    after = before[-1] + int(silence_s * 1e9) + offset_ns + np.cumsum(rng.integers(0, 9_000_000, 8))
    flow = random_flow(np.concatenate([before, after]), 11)
    past = plain(flow)
    runner = Runner()
    for i in range(len(past)):
        runner.observe(flow[i])
        if i >= 38:
            now = past[i]["ts"]
            assert_equal(runner.write(now), flow_row(past[: i + 1], now, REFERENCE))


@pytest.mark.parametrize("level", range(4))
def test_flow_equals_its_twin_at_every_edge_of_a_level(level: int) -> None:
    """Events fall on, just before and just after each of 40 edges in a row."""
    pane = PANE_NS[level]
    edges = 34_200_000_000_000 + pane * np.arange(40)
    flow = random_flow(np.sort(np.concatenate([edges - 1, edges, edges + 1])), 5 + level)
    past = plain(flow)
    runner = Runner()
    for i in range(len(past)):
        runner.observe(flow[i])
        if i % 4 == 0 or i > 110:
            now = past[i]["ts"]
            assert_equal(runner.write(now), flow_row(past[: i + 1], now, REFERENCE))


@needs_data
def test_flow_equals_its_twin_on_a_real_tape() -> None:
    """The first 999 messages of AAPL, through the market stage."""
    tape = open_tape(AAPL)
    listings = Listings(MarketConfig())
    for definition in tape.definitions:
        listings.define(definition)
    flow = Market(MarketConfig(), listings).observe(tape.events, 0)
    past = plain(flow)
    runner = Runner()
    for i in range(len(past)):
        runner.observe(flow[i])
        if i % 40 == 39:
            now = past[i]["ts"]
            assert_equal(runner.write(now), flow_row(past[: i + 1], now, REFERENCE))
    assert len(past) > 999
    assert not np.isnan(runner.write(now)[[*range(112, 127), *range(132, 192)]]).all()


def test_rows_do_not_depend_on_rows_written_before() -> None:
    """Bit for bit: writing is a reading."""
    flow = random_flow(34_200_000_000_000 + np.arange(300) * 7_000_000, 3)
    often, once = Runner(), Runner()
    for o in flow:
        often.observe(o)
        often.write(often.clock)
        once.observe(o)
    left, right = often.write(often.clock), once.write(once.clock)
    assert left[COLUMNS].tobytes() == right[COLUMNS].tobytes()


UNCOMPILED = """
import numpy as np
from tests.features.flow_cases import Runner, random_flow
flow = random_flow(34_200_000_000_000 + np.arange(200) * 23_000_000, 21)
print(Runner().run(flow).tobytes().hex())
"""


def test_flow_means_the_same_where_nothing_is_compiled() -> None:
    flow = random_flow(34_200_000_000_000 + np.arange(200) * 23_000_000, 21)
    printed = subprocess.run(
        [sys.executable, "-W", "error", "-c", UNCOMPILED],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    uncompiled = np.frombuffer(bytes.fromhex(printed))
    np.testing.assert_allclose(Runner().run(flow), uncompiled, rtol=1e-12)


def test_flow_writes_its_columns_and_no_others() -> None:
    flow = random_flow(34_200_000_000_000 + np.arange(400) * 3_000_000, 9)
    row = Runner().run(flow)
    others = np.setdiff1d(np.arange(240), COLUMNS)
    assert np.isnan(row[others]).all()
    # All of the 1.2 s lies in one pane of the coarsest level, so its kyle_lambda has no variance.
    assert np.flatnonzero(np.isnan(row[COLUMNS])).tolist() == [COLUMNS.index(215)]
