"""The difficulty gate: before any neural training, abuse must be neither obvious nor hopeless.

The trees are those with history that detectors have to beat later (`recent`). The generator is
hardened, or softened, until all three figures hold; then its hash is frozen.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from darkpool_watch.evaluate.bootstrap import Interval
from darkpool_watch.evaluate.cells import zone_shares
from darkpool_watch.evaluate.difficulty import (
    Difficulty,
    Judged,
    judge_difficulty,
    steps_of_difficulty,
)
from darkpool_watch.evaluate.finding import Finding
from darkpool_watch.evaluate.plans import CALM_DAY, FITTED, LeakPlan
from darkpool_watch.evaluate.sample import Sample, fit_on_calm_day, join, play_day
from darkpool_watch.features.normaliser import Normaliser
from darkpool_watch.typologies import MODEL_TYPOLOGIES

MOST_SINGLE_AP: Final = 0.35
MOST_LOGISTIC_RECALL: Final = 0.6
TREES_RECALL: Final = (0.5, 0.9)
LEAST_CAMPAIGNS: Final = 25  # of a typology; fewer is not judged

Tick = Callable[[], None]


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """The three figures of the gate, and all figures by typology."""

    gate: dict[str, Finding]
    typologies: tuple[Judged, ...]  # ALL first
    zones: dict[str, float]  # share of all records by zone

    @property
    def met(self) -> bool:
        """Whether neural training may begin."""
        return all(one.met for one in self.gate.values())


class Markets(msgspec.Struct, frozen=True):
    """The fitted and the judged market as samples."""

    normaliser: Normaliser
    train: Sample
    test: Sample


def play_markets(plan: LeakPlan, tick: Tick = lambda: None) -> Markets:
    """Return the days of a plan, played; `tick` is called after each day."""
    calm = msgspec.structs.replace(
        plan.config(FITTED, CALM_DAY), securities=min(plan.securities, 8)
    )
    normaliser = fit_on_calm_day(calm)
    tick()
    sides = []
    for configs, thin in (
        ([plan.config(FITTED, day) for day in plan.fitted_days], plan.fitted_thin),
        ([plan.judged(day) for day in plan.judged_days], plan.judged_thin),
    ):
        parts = []
        for config in configs:
            parts.append(play_day(config, normaliser, thin=thin, recent=True))
            tick()
        sides.append(join(parts))
    return Markets(normaliser, *sides)


def steps_of_gate(plan: LeakPlan) -> int:
    """Return how often `tick` is called by `run_gate`."""
    days = 1 + len(plan.fitted_days) + len(plan.judged_days)
    return days + steps_of_difficulty(len(MODEL_TYPOLOGIES))


def run_gate(plan: LeakPlan, tick: Tick = lambda: None) -> Gate:
    """Play the plan's markets and hold them against the gate."""
    markets = play_markets(plan, tick)
    found = judge_difficulty(
        markets.train,
        markets.test,
        rounds=plan.rounds,
        own_rounds=plan.own_rounds,
        draws=plan.draws,
        tick=tick,
    )
    return hold_against_gate(found, markets.test)


def hold_against_gate(found: Difficulty, test: Sample) -> Gate:
    """Return the gate's verdict on what the judges reached."""
    whole = found.rows[0]
    shares = zone_shares(test.cells).tolist()
    return Gate(
        gate={
            "single": _within(
                whole.single_ap, (0.0, MOST_SINGLE_AP), whole, f"AP of {whole.single}"
            ),
            "logistic": _within(
                whole.logistic_recall,
                (0.0, MOST_LOGISTIC_RECALL),
                whole,
                "recall of logistic regression at 0.8% false positives",
            ),
            "trees": _within(
                whole.trees_recall,
                TREES_RECALL,
                whole,
                "recall of boosted trees at 0.8% false positives",
            ),
        },
        typologies=found.rows,
        zones=dict(zip(("clean", "active", "onset", "echo"), shares, strict=True)),
    )


def _within(one: Interval, bound: tuple[float, float], whole: Judged, says: str) -> Finding:
    return Finding(
        figure=one.figure,
        low=one.low,
        high=one.high,
        bound=bound,
        met=bound[0] <= one.figure <= bound[1],
        n=whole.campaigns,
        says=says,
    )
