"""The weights that ship: normaliser, fit, calibration, in that order, from simulated days alone.

Days are apart by role: the normaliser's, the training days, the validation days and the
calibration days never meet. No label is read after the fit.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import msgspec
import numpy as np

from darkpool_watch.detect.calibration import Calibration
from darkpool_watch.detect.fit import fit_calibration
from darkpool_watch.errors import ConfigError
from darkpool_watch.features.catalog import FEATURES, FINGERPRINT
from darkpool_watch.features.frames import WARMING
from darkpool_watch.features.normaliser import Normaliser
from darkpool_watch.model.checkpoint import add_arrays, load_arrays, load_model
from darkpool_watch.model.config import shape_of
from darkpool_watch.pipeline import WARMING_FRAMES
from darkpool_watch.sim.market import SimConfig
from darkpool_watch.train.fit import Fitted, fit
from darkpool_watch.train.loop import TrainConfig
from darkpool_watch.train.scoring import scores_of
from darkpool_watch.train.simulated import SimulatedSource, simulate_frames
from darkpool_watch.train.usual import fit_normaliser

SEED: Final = 101
SESSION_S: Final = 23_400.0  # s, 09:30 to 16:00
NORMALISER_DAY, TRAINING_DAY, VALIDATION_DAY, CALIBRATION_DAY = 0, 5, 60, 70
HIDDEN_TOGETHER: Final = ("quotes", "depth", "dark", "accounts")  # what some feeds lack


class ReleasePlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How large a release is."""

    securities: int = 20
    campaigns_per_hour: float = 3.0  # of all typologies, a security
    lookalikes_per_hour: float = 6.0
    normaliser_days: Annotated[int, msgspec.Meta(ge=1, le=TRAINING_DAY)] = 3
    validation_securities: int = 6
    calibration_securities: int = 10
    calibration_days: int = 2
    day_s: float = SESSION_S


def feature_groups() -> tuple[tuple[int, ...], ...]:
    """Return the features that vanish together on a feed without quotes, depth, pools, accounts."""
    return tuple(
        tuple(i for i, feature in enumerate(FEATURES) if need in feature.needs)
        for need in HIDDEN_TOGETHER
    )


def train_release(
    profile: str,
    out: Path,
    *,
    config: TrainConfig,
    plan: ReleasePlan | None = None,
    say: Callable[[str], None] = print,
) -> Fitted:
    """Train, calibrate and write the checkpoint of `profile` to `out`.

    Called again with the same arguments it resumes; the calibration is always made anew.
    """
    plan = plan or ReleasePlan()
    market = SimConfig(
        seed=SEED,
        securities=plan.securities,
        seconds=plan.day_s,
        campaigns_per_hour=plan.campaigns_per_hour,
        lookalikes_per_hour=plan.lookalikes_per_hour,
    )
    replace = msgspec.structs.replace
    say("Fitting the normaliser ...")
    normaliser = fit_normaliser(
        [replace(market, day=NORMALISER_DAY + n) for n in range(plan.normaliser_days)]
    )
    classes = normaliser.without_securities()  # nobody else's security is one of these
    held_out = replace(market, seed=SEED + 1, securities=plan.validation_securities)
    say("Training ...")
    fitted = fit(
        SimulatedSource(market, normaliser, first_day=TRAINING_DAY),
        SimulatedSource(held_out, classes, first_day=VALIDATION_DAY),
        shape_of(profile),
        out,
        config=replace(config, groups=feature_groups()),
        catalog=FINGERPRINT,
        arrays=classes.to_arrays(),
        validation_sequences=plan.validation_securities,
        notes={"plan": msgspec.json.encode(plan).decode(), "market_seed": str(SEED)},
    )
    say("Calibrating on days without campaigns ...")
    calibrate(out, plan, say=say)
    return fitted


def calibrate(
    path: Path, plan: ReleasePlan | None = None, *, say: Callable[[str], None] = print
) -> Calibration:
    """Fit thresholds on simulated days without campaigns and store them in the checkpoint."""
    plan = plan or ReleasePlan()
    model, _ = load_model(path, catalog=FINGERPRINT)
    normaliser = Normaliser.from_arrays(
        {f"normaliser.{name}": array for name, array in load_arrays(path, "normaliser").items()}
    )
    scores, conditions, status = [], [], []
    for n in range(plan.calibration_days):
        market = SimConfig(
            seed=SEED + 2,
            day=CALIBRATION_DAY + n,
            securities=plan.calibration_securities,
            seconds=plan.day_s,
            lookalikes_per_hour=plan.lookalikes_per_hour,
        )
        day = simulate_frames(market, normaliser)
        for security in range(plan.calibration_securities):
            mine = np.flatnonzero(day.security == security)
            scores.append(
                scores_of(
                    model,
                    day.sequence(security),
                    security=n * plan.calibration_securities + security,
                )
            )
            conditions.append(day.conditions[mine])
            cold = np.arange(len(mine)) < WARMING_FRAMES
            status.append(cold * np.uint8(WARMING))
        say(f"  scored day {n + 1} of {plan.calibration_days}: {sum(map(len, scores)):,} frames")
    if not scores:
        raise ConfigError("Calibration needs at least one day: set calibration_days")
    calibration = fit_calibration(
        np.concatenate(scores), np.concatenate(conditions), status=np.concatenate(status)
    )
    add_arrays(path, calibration.to_arrays())
    return calibration
