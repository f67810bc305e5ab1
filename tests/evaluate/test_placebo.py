"""Rule 2's judge: episodes that differ in nothing pass, a trace of the injector is found."""

import numpy as np

from darkpool_watch.evaluate.placebo import against_controls, judge_placebo
from darkpool_watch.evaluate.sample import Sample
from kernels.sim_labels import ACTIVE, CLEAN
from tests.evaluate.samples import made


def drawn(seed: int, trace: float) -> Sample:
    """Return episodes of which every other one was re-sent and bears a trace of so many sd."""
    sample = made(seed, signal=0.6, clusters=180, frames=400)
    resent = np.random.default_rng([seed, 1]).random(len(sample.campaigns)) < 0.5
    found = against_controls(sample, resent)
    mine = found.cells["frame"][found.cells["zone"] == ACTIVE]
    values = found.values.copy()
    values[mine, 90] += np.float16(trace)
    return found._replace(values=values)


def test_episodes_that_differ_in_nothing_pass() -> None:
    train, test = drawn(1, 0.0), drawn(2, 0.0)
    assert set(test.cells["zone"].tolist()) == {ACTIVE, CLEAN}
    found = judge_placebo(train, test, rounds=15, draws=200)
    assert found.met, found
    assert found.n >= 1_000


def test_a_trace_of_the_injector_is_found() -> None:
    found = judge_placebo(drawn(1, 0.5), drawn(2, 0.5), rounds=15, draws=200)
    assert not found.met
    assert found.figure > 0.53


def test_too_few_episodes_are_not_judged() -> None:
    sample = made(3, signal=0.0, clusters=20)
    resent = np.arange(len(sample.campaigns)) % 2 == 0
    few = against_controls(sample, resent)
    found = judge_placebo(few, few, rounds=2, draws=50)
    assert found.n < 1_000
    assert not found.met
