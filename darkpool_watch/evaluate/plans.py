"""How large the tapes are that rules and gate are run on: the default and the quick one.

The judges learn from as many campaigns as the detectors will: at least 150 of a typology by
default, as in the corpus, and 100 in the quick plan. Fewer starve the trees, and the gate would
measure the fit rather than the market. What is judged is as dense as a day that detectors will see.
"""

from typing import Final

import msgspec

from darkpool_watch.sim.abuse import CODES
from darkpool_watch.sim.market import SimConfig
from darkpool_watch.sim.population import SESSION_S

FITTED: Final = 81  # seed of the market that is fitted on
JUDGED: Final = 82  # of the one that is judged: no security, account or day is in both
CALM_DAY: Final = 0  # of the fitted market: its normaliser
DESK_PER_HOUR: Final = 2.0  # campaigns a security and hour at which manipulators are looked at
PLACED_PER_HOUR: Final = 8.0  # at which starts are, so that there are enough of them


class LeakPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes; days are business days of a seed."""

    securities: int
    seconds: float  # of a tape, up to the session's close
    per_hour: float  # campaigns a security and hour, and as many look-alikes
    judged_per_hour: float  # the same of the market that the gate judges: about a real day's
    fitted_days: tuple[int, ...]
    judged_days: tuple[int, ...]
    fitted_thin: int
    judged_thin: int
    heard_days: tuple[int, ...]  # of both seeds: messages and accounts are looked at, not frames
    placed_days: tuple[int, ...]  # whole sessions on which starts are compared with the background
    placebos_per_hour: float  # and controls, a security
    placebo_fitted_days: tuple[int, ...]
    placebo_judged_days: tuple[int, ...]
    small_securities: int  # of the tapes of the rules that play one several times
    small_seconds: float
    rounds: int  # of boosted trees
    own_rounds: int
    draws: int

    def judged(self, day: int) -> SimConfig:
        """Return the tape of a day that is judged.

        Look-alikes are clean: more of them than on a day as the detectors will see it, and the bar
        that 0.8% of clean records pass would be theirs alone.
        """
        return msgspec.structs.replace(
            self.config(JUDGED, day),
            campaigns_per_hour=self.judged_per_hour,
            lookalikes_per_hour=self.judged_per_hour,
        )

    def config(self, seed: int, day: int) -> SimConfig:
        """Return the tape of a day."""
        return SimConfig(
            seed=seed,
            day=day,
            securities=self.securities,
            seconds=self.seconds,
            start_s=SESSION_S - self.seconds,
            campaigns_per_hour=self.per_hour,
            lookalikes_per_hour=self.per_hour,
            typologies=tuple(CODES),
        )

    def whole_day(self, seed: int, day: int, per_hour: float = DESK_PER_HOUR) -> SimConfig:
        """Return the tape of a whole session, with about as many campaigns as the reference set."""
        return msgspec.structs.replace(
            self.config(seed, day),
            seconds=float(SESSION_S),
            start_s=0.0,
            campaigns_per_hour=per_hour,
            lookalikes_per_hour=per_hour,
        )

    def placebo(self, seed: int, day: int) -> SimConfig:
        """Return the tape of a day on which the background alone trades, part of it re-sent."""
        return msgspec.structs.replace(
            self.config(seed, day),
            campaigns_per_hour=0.0,
            lookalikes_per_hour=0.0,
            placebos_per_hour=self.placebos_per_hour,
        )

    def small(self, seed: int, day: int) -> SimConfig:
        """Return the tape of the rules that play one several times."""
        return msgspec.structs.replace(
            self.config(seed, day),
            securities=self.small_securities,
            seconds=self.small_seconds,
            start_s=SESSION_S - self.small_seconds,
        )


DEFAULT: Final = LeakPlan(
    securities=20,
    seconds=float(SESSION_S),
    per_hour=4.0,
    judged_per_hour=DESK_PER_HOUR,
    fitted_days=(1, 2, 3, 4),
    judged_days=(11, 12, 13),
    fitted_thin=10,
    judged_thin=6,
    heard_days=tuple(range(1, 7)),
    placed_days=(11, 12),
    placebos_per_hour=30.0,
    placebo_fitted_days=(1,),
    placebo_judged_days=(11,),
    small_securities=8,
    small_seconds=14_400.0,
    rounds=120,
    own_rounds=40,
    draws=2_000,
)
QUICK: Final = LeakPlan(
    securities=13,  # so that a day has as many campaigns of every typology
    seconds=5_400.0,
    per_hour=8.0,
    judged_per_hour=DESK_PER_HOUR,
    fitted_days=tuple(range(1, 11)),
    judged_days=tuple(range(11, 20)),
    fitted_thin=3,
    judged_thin=4,
    heard_days=tuple(range(1, 9)),
    placed_days=(11, 12),
    placebos_per_hour=120.0,
    placebo_fitted_days=(1, 2),
    placebo_judged_days=(11, 12),
    small_securities=8,
    small_seconds=5_400.0,
    rounds=90,
    own_rounds=25,
    draws=500,
)
