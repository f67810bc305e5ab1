"""Price, volume and time features against twins recomputed from raw observations."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkpool_watch.features.catalog import NAMES
from tests.features.window_cases import Runner, naive_row, random_market
from tests.naive.price import price_row
from tests.naive.volume import volume_row
from tests.naive.windows import PANE_NS, plain

ROOT = Path(__file__).parents[2]


def assert_equal(row: np.ndarray, naive: np.ndarray, now: int) -> None:
    """All agree to rounding; bp of a midpoint are differences of numbers near 1."""
    for j in range(len(row)):
        np.testing.assert_allclose(
            row[j], naive[j], rtol=1e-7, atol=1e-7, err_msg=f"{NAMES[j]} at {now}"
        )


def edges_between(after: int, before: int) -> list[int]:
    """Return the times in [after, before) at which a pane of some level opens or leaves a window.

    Of runs of edges only the first, those 15 to 17 and 31 to 33 panes on, and the last are kept.
    """
    found = {after}
    for pane in PANE_NS:
        first = after // pane + 1
        last = (before - 1) // pane
        for index in (first, first + 14, first + 15, first + 16, first + 31, first + 32, last):
            found.update((pane * index, pane * index - 1))
    return sorted(t for t in found if after <= t < before)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32), st.integers(1, 40))
def test_features_equal_their_twins_after_every_event(seed: int, n: int) -> None:
    market = random_market(seed, n)
    past = plain(market)
    runner = Runner()
    for i in range(n):
        runner.observe(market[i])
        now = past[i]["ts"]
        assert_equal(runner.write(now), naive_row(past[: i + 1], now), now)


@settings(deadline=None, max_examples=12)
@given(st.integers(0, 2**32))
def test_features_equal_their_twins_at_pane_edges_and_in_silence(seed: int) -> None:
    market = random_market(seed, 8)
    past = plain(market)
    runner = Runner()
    for i in range(len(past)):
        runner.observe(market[i])
        now = past[i]["ts"]
        until = past[i + 1]["ts"] if i + 1 < len(past) else now + 4_000_000_000_000
        for t in edges_between(now, max(until, now + 1)):
            assert_equal(runner.write(t), naive_row(past[: i + 1], t), t)


@pytest.mark.parametrize("silence", [10**8, 10**9, 10**10, 6 * 10**10, 36 * 10**11])
def test_a_silence_leaves_only_what_is_held(silence: int) -> None:
    market = random_market(5, 30)
    market["ts"] = np.maximum.accumulate(market["ts"])
    market["ts"][29] = market["ts"][28] + silence
    past = plain(market)
    runner = Runner()
    for o in market:
        runner.observe(o)
    now = past[-1]["ts"]
    assert_equal(runner.write(now), naive_row(past, now), now)


def test_reading_a_window_changes_nothing() -> None:
    market = random_market(11, 300)
    often, seldom = Runner(), Runner()
    for o in market:
        often.observe(o)
        seldom.observe(o)
        often.write(int(o["ts"]))
    now = int(market["ts"][-1])
    np.testing.assert_array_equal(often.write(now), seldom.write(now))


def test_windows_wrap_around_for_long() -> None:
    """3,000 events without a silence: the rings wrap 50 to 600 times, every stack turns over."""
    market = random_market(3, 3_000)
    rng = np.random.default_rng(0)
    market["ts"] = market["ts"][0] + np.cumsum(rng.integers(0, 120_000_000, len(market)))
    runner = Runner()
    past = plain(market)
    for i in range(len(market)):
        runner.observe(market[i])
        if i % 733 == 732:
            now = past[i]["ts"]
            recent = [o for o in past[: i + 1] if o["ts"] > now - 130_000_000_000]
            naive = {**price_row(recent, now), **volume_row(recent, now)}
            assert_equal(runner.write(now)[:96], np.array([naive[j] for j in range(96)]), now)


def test_windows_agree_without_the_compiler() -> None:
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.features.uncompiled_windows"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert result.returncode == 0, result.stderr
