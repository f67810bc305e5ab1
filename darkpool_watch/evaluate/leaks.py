"""All rules against leaks on freshly simulated tapes, each with its figure, interval and bound."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from darkpool_watch.evaluate.alarms import judge_alarms, judge_trivial
from darkpool_watch.evaluate.cells import scores_of_cells
from darkpool_watch.evaluate.controls import judge_fitting, judge_hard_negatives, judge_shuffled
from darkpool_watch.evaluate.difficulty import judge_difficulty, steps_of_difficulty
from darkpool_watch.evaluate.finding import Finding
from darkpool_watch.evaluate.gate import Markets, play_markets
from darkpool_watch.evaluate.invariance import (
    features_by_stages,
    jittered,
    judge_invariance,
    judge_truncation,
    judge_untouched,
    renamed,
)
from darkpool_watch.evaluate.manipulators import (
    join_populations,
    judge_manipulators,
    population_of,
)
from darkpool_watch.evaluate.messages import messages_of
from darkpool_watch.evaluate.models import Rows, Trees
from darkpool_watch.evaluate.nuisance import judge_nuisances
from darkpool_watch.evaluate.placebo import judge_placebo
from darkpool_watch.evaluate.placement import join_places, judge_placement, places_of
from darkpool_watch.evaluate.plans import (
    CALM_DAY,
    FITTED,
    JUDGED,
    PLACED_PER_HOUR,
    LeakPlan,
)
from darkpool_watch.evaluate.resent import placebo_day
from darkpool_watch.evaluate.sample import join, play_day, turned
from darkpool_watch.features.normaliser import Normaliser
from darkpool_watch.sim.frames import Stages
from darkpool_watch.sim.market import Simulator
from darkpool_watch.typologies import MODEL_TYPOLOGIES
from kernels.sim_labels import ACTIVE

Tick = Callable[[], None]

RULES: Final = {
    "1": "nuisance fields",
    "2": "placebo",
    "3": "other names and clock digits",
    "4": "manipulators are ordinary accounts",
    "5": "hard negatives",
    "6": "truncation",
    "7": "fits see no label",
    "8": "times and securities",
    "9": "trivial typologies",
    "10": "too good to be true",
    "11": "nothing before the first message",
    "12": "shuffled labels",
}


def steps_of_leaks(plan: LeakPlan) -> int:
    """Return how often `tick` is called by `run_leaks`."""
    days = len(plan.fitted_days) + len(plan.judged_days)
    scored = 1 + days + steps_of_difficulty(len(MODEL_TYPOLOGIES))
    placebos = len(plan.placebo_fitted_days) + len(plan.placebo_judged_days)
    return 4 * len(plan.heard_days) + 2 + len(plan.placed_days) + scored + placebos + 6


def run_leaks(plan: LeakPlan, tick: Tick = lambda: None) -> dict[str, Finding]:
    """Return what every rule finds, by its number; `tick` is called after each step."""
    found = dict(_messages(plan, tick))
    markets = play_markets(plan, tick)
    found |= dict(_scored(plan, markets, tick))
    found["2"] = _placebo(plan, markets, tick)
    tick()
    for number, rule in (
        ("3", _invariance),
        ("6", _truncation),
        ("7", _fitting),
        ("11", _untouched),
        ("12", _shuffled),
    ):
        found[number] = rule(plan, markets)
        tick()
    return {number: found[number] for number in RULES}


def _messages(plan: LeakPlan, tick: Tick) -> Iterator[tuple[str, Finding]]:
    """Yield the rules that look at messages alone."""
    tables, people = [], []
    for seed in (FITTED, JUDGED):
        parts, crowd = [], []
        for i, day in enumerate(plan.heard_days):
            table = messages_of(Simulator(plan.config(seed, day)))
            table["cluster"] += i * plan.securities
            parts.append(table)
            tick()
            crowd.append(population_of(Simulator(plan.whole_day(seed, day))))
            tick()
        tables.append(np.concatenate(parts))
        people.append(join_populations(crowd))
    yield "1", judge_nuisances(*tables, draws=plan.draws)
    tick()
    yield "4", judge_manipulators(*people, draws=plan.draws)
    tick()
    places = []
    for day in plan.placed_days:
        config = plan.whole_day(JUDGED, day, PLACED_PER_HOUR)
        places.append(places_of(Simulator(config)))
        tick()
    yield "8", judge_placement(join_places(places))


def _scored(plan: LeakPlan, markets: Markets, tick: Tick) -> Iterator[tuple[str, Finding]]:
    """Yield the rules that look at what trees reach."""
    difficulty = judge_difficulty(
        markets.train,
        markets.test,
        rounds=plan.rounds,
        own_rounds=plan.own_rounds,
        draws=plan.draws,
        tick=tick,
    )
    yield "5", judge_hard_negatives(markets.test, difficulty.score, draws=plan.draws)
    yield "9", judge_trivial(difficulty.rows[1:])
    yield "10", judge_alarms(difficulty.rows[1:])


def _placebo(plan: LeakPlan, markets: Markets, tick: Tick) -> Finding:
    sides = []
    for seed, days in ((FITTED, plan.placebo_fitted_days), (JUDGED, plan.placebo_judged_days)):
        parts = []
        for day in days:
            parts.append(placebo_day(plan.placebo(seed, day), markets.normaliser))
            tick()
        sides.append(join(parts))
    return judge_placebo(*sides, rounds=plan.rounds, draws=plan.draws)


def _invariance(plan: LeakPlan, markets: Markets) -> Finding:
    rows = Rows(markets.train)
    trees = Trees(rows.values, rows.active, rows.weight, rounds=plan.rounds)
    config = plan.small(JUDGED, plan.judged_days[0])
    accounts, change = renamed(Simulator(config).accounts())
    judged = []
    for changes in ({}, {"change": change, "accounts": accounts}, {"change": jittered()}):
        sample = play_day(config, markets.normaliser, recent=True, **changes)
        judged.append((sample.cells, scores_of_cells(sample.cells, trees.score(sample.values))))
    plain, names, clocks = judged
    return judge_invariance(plain, {"other ids": names, "other digits": clocks}, draws=plan.draws)


def _truncation(plan: LeakPlan, markets: Markets) -> Finding:
    config = msgspec.structs.replace(
        plan.small(JUDGED, plan.judged_days[-1]), securities=4, seconds=900.0, typologies=("SPOOF",)
    )
    simulator = Simulator(config)
    events = np.concatenate([block for block, _ in simulator.blocks()])
    return judge_truncation(features_by_stages(simulator, markets.normaliser, 1_024), events)


def _fitting(plan: LeakPlan, markets: Markets) -> Finding:
    """Fit the normaliser and a bar on labelled rows; what is fitted must not know the labels."""
    raw, zone = _raw_rows(plan, markets)

    def fit(rows: NDArray[np.floating], _: NDArray[np.integer]) -> NDArray[np.floating]:
        half_hour = np.zeros(len(rows), np.int64)
        fitted = Normaliser.fit(rows, half_hour, ["equity"], half_hour)
        bar = np.nanquantile(rows, 0.992, axis=0)
        return np.concatenate([fitted.median[0, 0], fitted.scale[0, 0], bar])

    fitting = {(FITTED, CALM_DAY), *((FITTED, day) for day in plan.fitted_days)}
    return judge_fitting(fit, raw, zone, fitting, {(JUDGED, day) for day in plan.judged_days})


def _raw_rows(plan: LeakPlan, markets: Markets) -> tuple[NDArray[np.floating], NDArray[np.integer]]:
    """Return raw rows (K, 240) of a small fitted tape, and the zone of the record behind each."""
    simulator = Simulator(plan.small(FITTED, plan.fitted_days[0]))
    raw: list[NDArray[Any]] = []
    zone: list[NDArray[np.integer]] = []
    for block in Stages(simulator, markets.normaliser).play():
        raw.append(block.frames.raw.copy())
        zone.append(block.labels["zone"][block.frames.arrival - block.first])
    return np.concatenate(raw), np.concatenate(zone)


def _untouched(plan: LeakPlan, markets: Markets) -> Finding:
    config = plan.small(JUDGED, plan.judged_days[0])
    simulator = Simulator(config)
    calm = Simulator(msgspec.structs.replace(config, campaigns_per_hour=0.0))
    events, without = (np.concatenate([e for e, _ in one.blocks()]) for one in (simulator, calm))
    return judge_untouched(events, without, simulator.campaigns)


def _shuffled(plan: LeakPlan, markets: Markets) -> Finding:
    sides = [
        turned(play_day(plan.small(seed, days[0]), markets.normaliser, labels_from=3), seed)
        for seed, days in ((FITTED, plan.fitted_days), (JUDGED, plan.judged_days))
    ]
    assert all((side.cells["zone"] == ACTIVE).any() for side in sides)
    return judge_shuffled(*sides, draws=plan.draws)
