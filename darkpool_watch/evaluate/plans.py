"""How large the tapes are that rules and gate are run on: the default and the quick one.

The judges learn from as many campaigns as the detectors will: at least 150 of a typology by
default, as in the corpus. Fewer starve the trees, and the gate would measure the fit rather than
the market; the quick plan's 50 therefore tell what is too plain better than what is too hidden.
"""

from typing import Final

import msgspec

from darkpool_watch.sim.abuse import CODES
from darkpool_watch.sim.market import SimConfig
from darkpool_watch.sim.population import SESSION_S

FITTED: Final = 31  # seed of the market that is fitted on
JUDGED: Final = 32  # of the one that is judged: no security, account or day is in both
CALM_DAY: Final = 0  # of the fitted market: its normaliser
DESK_PER_HOUR: Final = 2.0  # campaigns a security and hour at which manipulators are looked at
PLACED_PER_HOUR: Final = 8.0  # at which starts are, so that there are enough of them


class LeakPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes; days are business days of a seed."""

    securities: int
    seconds: float  # of a tape, up to the session's close
    per_hour: float  # campaigns a security and hour, and as many look-alikes
    fitted_days: tuple[int, ...]
    judged_days: tuple[int, ...]
    fitted_thin: int
    judged_thin: int
    placed_days: tuple[int, ...]  # whole sessions on which starts are compared with the background
    placebos_per_hour: float  # and controls, a security
    placebo_fitted_days: tuple[int, ...]
    placebo_judged_days: tuple[int, ...]
    small_securities: int  # of the tapes of the rules that play one several times
    small_seconds: float
    rounds: int  # of boosted trees
    own_rounds: int
    draws: int

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
            campaigns_per_hour=2.0 * self.per_hour,
        )


DEFAULT: Final = LeakPlan(
    securities=20,
    seconds=float(SESSION_S),
    per_hour=4.0,
    fitted_days=(1, 2, 3, 4),
    judged_days=(11, 12),
    fitted_thin=10,
    judged_thin=6,
    placed_days=(11, 12),
    placebos_per_hour=30.0,
    placebo_fitted_days=(1,),
    placebo_judged_days=(11,),
    small_securities=8,
    small_seconds=7_200.0,
    rounds=200,
    own_rounds=50,
    draws=2_000,
)
QUICK: Final = LeakPlan(
    securities=12,
    seconds=5_400.0,
    per_hour=6.0,
    fitted_days=(1, 2, 3, 4, 5, 6),
    judged_days=(11, 12, 13),
    fitted_thin=3,
    judged_thin=3,
    placed_days=(11, 12),
    placebos_per_hour=120.0,
    placebo_fitted_days=(1, 2),
    placebo_judged_days=(11, 12),
    small_securities=6,
    small_seconds=1_800.0,
    rounds=80,
    own_rounds=20,
    draws=500,
)
