"""The reference set: as many records as Cao et al. (2024) report, and as many of them anomalous.

Their data is not public. Of its table 5 this set reproduces the number of records (2,543,678) and
the share of anomalies (5.7%). The 128 features a record that the table names contradict table 3 of
the same paper, whose groups sum to 240; here they are 240.

Source: Cao, Zheng, Liu & Li (2024), JKLST 3(4), 320-329, tables 3 and 5.
"""

from typing import Final

from darkpool_watch.sim.market import SimConfig
from darkpool_watch.sim.population import SESSION_S
from darkpool_watch.typologies import MODEL_TYPOLOGIES

RECORDS: Final = 2_543_678
PREVALENCE: Final = 0.057
SECURITIES: Final = 4
_DAYS: Final = 8  # more than enough; the tape is cut at RECORDS
_SEED: Final = 57
# A security. At these 5.62% of the records are active. Campaigns are few, and drawn anew for any
# other rate, so that the share jumps between 4% and 7% from one rate to the next.
CAMPAIGNS_PER_HOUR: Final = 1.44
LOOKALIKES_PER_HOUR: Final = 1.3


def reference_days() -> tuple[SimConfig, ...]:
    """Return the days whose first `RECORDS` records are the reference set."""
    return tuple(
        SimConfig(
            seed=_SEED,
            day=day,
            securities=SECURITIES,
            seconds=float(SESSION_S),
            accounts=128,
            typologies=tuple(one.code for one in MODEL_TYPOLOGIES),
            campaigns_per_hour=CAMPAIGNS_PER_HOUR,
            lookalikes_per_hour=LOOKALIKES_PER_HOUR,
            regime="normal",
        )
        for day in range(_DAYS)
    )
