import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.layout import I64_MAX
from kernels.sim_random import uniform
from kernels.sim_state import SECURITY, STREAM
from kernels.sim_timers import clear_timer, set_timer
from tests.naive import sim_random as naive


@settings(deadline=None)
@given(st.integers(1, (4294883355 << 32) - 2))
def test_uniform_equals_the_naive_twin(seed: int) -> None:
    stream = np.zeros(1, STREAM)
    stream["random"] = seed
    state = seed
    for _ in range(20):
        state, expected = naive.uniform(state)
        assert uniform(stream[0]) == expected
        assert int(stream[0]["random"]) == state
        assert 0.0 < expected < 1.0


def test_uniform_is_uniform() -> None:
    stream = np.zeros(1, STREAM)
    stream["random"] = 0x123456789ABCDEF
    numbers = np.array([uniform(stream[0]) for _ in range(20_000)])
    # Standard errors: 1 / sqrt(12 * 20,000) = 0.002 for the mean, 0.007 for the correlation.
    assert abs(numbers.mean() - 0.5) < 0.01
    assert abs(np.corrcoef(numbers[1:], numbers[:-1])[0, 1]) < 0.03
    assert np.histogram(numbers, 10, (0, 1))[0].min() > 1_800


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 20), st.one_of(st.none(), st.integers(0, 50)))))
def test_timers_equal_a_dictionary(moves: list[tuple[int, int | None]]) -> None:
    m = np.zeros(1, SECURITY)[0]
    m["places"] = -1
    m["due"] = I64_MAX
    due: dict[int, int] = {}
    for timer, ts in moves:
        if ts is None:
            clear_timer(m, timer)
            due.pop(timer, None)
        else:
            set_timer(m, timer, ts)
            due[timer] = ts
        assert m["armed"] == len(due)
        if due:
            first = min(due, key=lambda t: (due[t], t))
            assert m["heap"][0] == first
            assert m["due"][first] == due[first]
    for _ in range(len(due)):
        first = min(due, key=lambda t: (due[t], t))
        assert m["heap"][0] == first
        clear_timer(m, first)
        del due[first]
