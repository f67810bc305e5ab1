"""Feature kernels beside their naive twins: one security, 240 messages of a random market.

    python -m pytest bench/test_bench_features.py --benchmark-enable --benchmark-only

Each result is asserted against its twin's after the timing.
"""

import math
from typing import Any

import numpy as np
import pytest

from kernels.held import find_starts, hold
from kernels.jit import lean_kernel
from kernels.layout import FEATURES
from kernels.normalise import normalise
from kernels.price import accumulate_price, write_price
from kernels.tempo import accumulate_tempo, write_tempo
from kernels.volume import accumulate_volume, write_volume
from kernels.windows import admit, totals
from tests.features.test_normaliser import state
from tests.features.window_cases import Runner, naive_row, random_market
from tests.naive.normalise import Feature
from tests.naive.windows import plain

N = 240


@lean_kernel
def run(observations, st, rows):
    """Take all observations and write price, volume and time features after each."""
    for n in range(observations.shape[0]):
        o = observations[n]
        admit(o, 0, st)
        accumulate_price(o, 0, st)
        accumulate_volume(o, 0, st)
        accumulate_tempo(o, 0, st)
        hold(o, 0, st)
        totals(0, st)
        find_starts(0, st)
        write_price(0, o["ts"], st, rows[n])
        write_volume(0, st, rows[n])
        write_tempo(0, o["ts"], st, rows[n])


@pytest.fixture(scope="module")
def market() -> np.ndarray:
    return random_market(9, N)


def fresh(market: np.ndarray) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return (market, Runner().st, np.full((len(market), FEATURES), math.nan)), {}


def test_rows_of_112_by_kernel(benchmark: Any, market: np.ndarray) -> None:
    run(*fresh(market[:1])[0])
    kept: list[np.ndarray] = []

    def setup() -> tuple[tuple[Any, ...], dict[str, Any]]:
        out = fresh(market)
        kept[:] = [out[0][2]]
        return out

    benchmark.pedantic(run, setup=setup, rounds=50)
    past = plain(market)
    naive = naive_row(past, past[-1]["ts"])
    np.testing.assert_allclose(kept[0][-1, :112], naive, rtol=1e-7, atol=1e-7)


def test_rows_of_112_by_naive_twin(benchmark: Any, market: np.ndarray) -> None:
    past = plain(market)

    def every_row() -> np.ndarray:
        return np.array([naive_row(past[: i + 1], past[i]["ts"]) for i in range(N)])

    rows = benchmark.pedantic(every_row, rounds=1)
    out = fresh(market)[0]
    run(*out)
    np.testing.assert_allclose(rows, out[2][:, :112], rtol=1e-7, atol=1e-7)


RAW = np.random.default_rng(0).normal(0, 2, FEATURES)


def test_normalise_by_kernel(benchmark: Any) -> None:
    st = state(np.zeros(FEATURES), np.ones(FEATURES))
    values, mask = np.zeros(FEATURES, np.float32), np.zeros(FEATURES, np.uint8)
    benchmark(normalise, 0, RAW, st, values, mask)
    assert not mask.any()


def test_normalise_by_naive_twin(benchmark: Any) -> None:
    twins = [Feature(0.0, 1.0, "none", False) for _ in range(FEATURES)]
    out = benchmark(lambda: [twin.normalised(x) for twin, x in zip(twins, RAW, strict=True)])
    assert len(out) == FEATURES
