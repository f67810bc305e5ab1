"""What an episode tells: one frozen update for each thing that happened to it."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from darkpool_watch.typologies import MODEL_TYPOLOGIES, UNCLASSIFIED
from kernels.episode import CLOSED, CONFIRMED, EXTENDED, OPENED, RETRACTED

STATES = {
    OPENED: "opened",
    EXTENDED: "extended",
    CONFIRMED: "confirmed",
    RETRACTED: "retracted",
    CLOSED: "closed",
}
# Evidence over what was needed to publish, at which an alert is of this severity.
SEVERITIES = ((4.0, "critical"), (2.0, "high"), (1.25, "medium"))


class EpisodeUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to an episode, on event time, with the decision it rests on.

    Scores, p-values, threshold and conditions are those of the frame that opened or last extended
    the episode; they stay as they were when time alone confirms, retracts or closes it.
    """

    state: str  # opened, extended, confirmed, retracted or closed
    number: int  # 0 for the opening, then 1, 2, ...
    security: int  # dense row
    kin: str  # kin group, or novelty
    typology: str  # code; UNCLASSIFIED for the novelty kin
    severity: str  # low, medium, high or critical
    severity_at_opening: str
    distribution: dict[str, float]  # typology code to share of the evidence, shares >= 0.01
    ts: int  # ns of event time at which it happened
    arrival: int  # of the last exceedance
    start_ts: int  # first frame of the excursion
    start_arrival: int
    opened_ts: int
    opened_arrival: int  # with security and kin the episode's identity
    last_ts: int  # last exceedance
    exceedances: int
    evidence: float  # largest S
    evidence_needed: float  # h
    p: float  # smallest claimed
    p_floor: float  # no p below this is claimed
    rank: float  # largest -ln p without the floor
    frame_arrival: int  # the frame the following rest on
    frame_ts: int
    scores: tuple[float, float, float]  # anomaly, novelty, latent; NaN where undefined
    head_p: tuple[float, float, float]
    threshold: tuple[float, float, float]  # score at which the head alone would flag
    location: tuple[float, float, float]
    scale: tuple[float, float, float]
    own_effect: tuple[float, float, float]
    offset: tuple[float, float, float]  # slow tracker
    regime: int
    conditions: tuple[float, ...]  # 10, the covariates; NaN where undefined
    flag_p: float
    state_hash: str  # of the threshold's state and config when it decided
    modality: tuple[float, float, float, float]
    ranges: tuple[float, float, float, float]
    status: int  # bits of the frame: 1 stale, 2 warming
    calibrated: bool
    calibration_hash: str
    config_hash: str


def severity_of(ratio: float) -> str:
    """Return the severity of evidence that is `ratio` times what it needed."""
    return next((name for least, name in SEVERITIES if ratio >= least), "low")


def distribution_of(mass: NDArray[np.float64]) -> dict[str, float]:
    """Return the shares of typologies in evidence-weighted probability `mass` (13,)."""
    total = float(mass.sum())
    if not total > 0.0:
        return {}
    shares = {
        t.code: round(float(m) / total, 4) for t, m in zip(MODEL_TYPOLOGIES, mass, strict=True)
    }
    return {code: share for code, share in shares.items() if share >= 0.01}


def typology_code(index: int) -> str:
    """Return the code of a typology's index; UNCLASSIFIED for -1."""
    return UNCLASSIFIED.code if index < 0 else MODEL_TYPOLOGIES[index].code
