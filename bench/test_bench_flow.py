"""What the order-flow kernels cost beside their twin: `pytest --benchmark-enable` on this file."""

from typing import Any

import numpy as np

from kernels.flow import accumulate_flow, write_flow
from kernels.jit import hot_kernel
from kernels.slots import ADDS
from tests.features.flow_cases import REFERENCE, START, Runner, random_flow
from tests.naive.flow import flow_row, plain

EVENTS = 2_000


@hot_kernel
def accumulate_block(observations, st):
    for n in range(observations.shape[0]):
        accumulate_flow(observations[n], 0, st)


@hot_kernel
def write_rows(count, now, st, row):
    for _ in range(count):
        write_flow(0, now, st, row)


def loaded(size: int = EVENTS) -> tuple[np.ndarray, Runner]:
    """Return a stream of 100 events/s, and a runner that took it."""
    flow = random_flow(START + np.arange(size) * 10_000_000, 17)
    runner = Runner()
    runner.run(flow)
    return flow, runner


def test_accumulating_events(benchmark: Any) -> None:
    flow, runner = loaded()
    runner.st.f[0, ADDS] = 0.0
    benchmark.extra_info["events"] = EVENTS
    benchmark(accumulate_block, flow, runner.st)
    assert runner.st.f[0, ADDS] >= 500


def test_writing_rows(benchmark: Any) -> None:
    _, runner = loaded()
    row = np.full(240, np.nan)
    benchmark.extra_info["rows"] = 1_000
    benchmark(write_rows, 1_000, runner.clock, runner.st, row)
    np.testing.assert_array_equal(row, runner.write(runner.clock))


def test_the_twin_writing_once(benchmark: Any) -> None:
    flow, runner = loaded(300)
    past = plain(flow)
    row = benchmark(flow_row, past, runner.clock, REFERENCE)
    np.testing.assert_allclose(runner.write(runner.clock), row, rtol=1e-7, atol=1e-7)
