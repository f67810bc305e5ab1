"""All rules run on tiny tapes, each with its figure, and the command prints them as one line."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from darkpool_watch.cli import generator
from darkpool_watch.evaluate import gate as gate_module
from darkpool_watch.evaluate import leaks as leaks_module
from darkpool_watch.evaluate import plans
from darkpool_watch.evaluate.difficulty import judge_difficulty
from darkpool_watch.evaluate.finding import Finding
from darkpool_watch.evaluate.gate import Gate, play_markets, run_gate, steps_of_gate
from darkpool_watch.evaluate.leaks import RULES, run_leaks, steps_of_leaks

TINY = msgspec.structs.replace(
    plans.QUICK,
    securities=4,
    seconds=1_200.0,
    per_hour=40.0,
    judged_per_hour=40.0,
    fitted_days=(1,),
    judged_days=(11,),
    fitted_thin=2,
    judged_thin=2,
    heard_days=(1,),
    placed_days=(11,),
    placebo_fitted_days=(1,),
    placebo_judged_days=(11,),
    small_securities=4,
    small_seconds=900.0,
    rounds=10,
    own_rounds=3,
    draws=50,
)


class Counter:
    def __init__(self) -> None:
        self.ticks = 0

    def __call__(self) -> None:
        self.ticks += 1


class Once:
    """A step that both commands take with the same values: taken once, told twice."""

    def __init__(self, step: Callable[..., Any]) -> None:
        self.step, self.taken = step, {}

    def __call__(self, *args: Any, tick: Callable[[], None], **kwargs: Any) -> Any:
        count = Counter()
        key = (*map(id, args), *kwargs.items())
        if key not in self.taken:
            self.taken[key] = self.step(*args, tick=count, **kwargs), count.ticks
        found, ticks = self.taken[key]
        for _ in range(ticks):
            tick()
        return found


@pytest.fixture(scope="module")
def both() -> tuple[tuple[dict[str, Finding], int], tuple[Gate, int]]:
    """Rules and gate of one plan: its markets are played and judged once for both."""
    markets, difficulty = Once(play_markets), Once(judge_difficulty)
    told = []
    with pytest.MonkeyPatch.context() as patch:
        for module in (leaks_module, gate_module):
            patch.setattr(module, "play_markets", lambda plan, tick: markets(plan, tick=tick))
            patch.setattr(module, "judge_difficulty", difficulty)
        for run in (run_leaks, run_gate):
            count = Counter()
            told.append((run(TINY, count), count.ticks))
    assert [len(once.taken) for once in (markets, difficulty)] == [1, 1]
    return told[0], told[1]


@pytest.fixture(scope="module")
def leaks(both: tuple[Any, Any]) -> tuple[dict[str, Finding], int]:
    return both[0]


@pytest.fixture(scope="module")
def gate(both: tuple[Any, Any]) -> tuple[Gate, int]:
    return both[1]


def test_every_rule_has_its_figure_interval_and_bound(
    leaks: tuple[dict[str, Finding], int],
) -> None:
    found, ticks = leaks
    assert list(found) == list(RULES)
    assert ticks == steps_of_leaks(TINY)
    for number, one in found.items():
        assert one.n > 0, number
        assert one.low <= one.figure <= one.high, number
        assert one.bound[0] <= one.bound[1], number
        assert one.says, number


@pytest.mark.parametrize("rule", ["3", "6", "7", "11"])
def test_rules_that_need_no_large_tape_are_met_by_the_simulator(
    leaks: tuple[dict[str, Finding], int], rule: str
) -> None:
    assert leaks[0][rule].met, leaks[0][rule]


def test_the_gate_tells_all_typologies(gate: tuple[Gate, int]) -> None:
    found, ticks = gate
    assert ticks == steps_of_gate(TINY)
    assert set(found.gate) == {"single", "logistic", "trees"}
    assert found.typologies[0].typology == "ALL"
    assert len(found.typologies) >= 12
    assert sum(found.zones.values()) == pytest.approx(1.0)


@pytest.mark.parametrize("option", ["leaks", "gate"])
def test_the_last_line_printed_is_one_json_object(
    option: str,
    leaks: tuple[dict[str, Finding], int],
    gate: tuple[Gate, int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("darkpool_watch.evaluate.leaks.run_leaks", lambda *_: leaks[0])
    monkeypatch.setattr("darkpool_watch.evaluate.gate.run_gate", lambda *_: gate[0])
    show: dict[str, Callable[..., bool]] = {
        "leaks": generator.show_leaks,
        "gate": generator.show_gate,
    }
    for quiet in (True, False):
        met = show[option](quick=True, quiet=quiet)
        lines = capsys.readouterr().out.splitlines()
        told = json.loads(lines[-1])
        rules = told if option == "leaks" else told["gate"]
        assert met == all(one["met"] for one in rules.values())
        for one in rules.values():
            assert set(one) >= {"figure", "low", "high", "bound", "met", "n"}
        assert (len(lines) == 1) == quiet
