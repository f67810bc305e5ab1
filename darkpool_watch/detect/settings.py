"""The detection section of the config as rows that kernels read, and its hash."""

import hashlib

import msgspec
import numpy as np
from numpy.typing import NDArray

from darkpool_watch.config import DetectConfig
from darkpool_watch.typologies import KIN_GROUPS, MODEL_TYPOLOGIES
from darkpool_watch.units import NS_PER_S
from kernels.episode import KINS, NOVELTY_KIN, RULES
from kernels.tail import tail_quantile
from kernels.threshold import HEADS, REGIMES, SETTINGS

KIN_NAMES = (*KIN_GROUPS, "novelty")
assert len(KIN_NAMES) == KINS
assert KIN_NAMES[NOVELTY_KIN] == "novelty"

# How long an episode has to be supported after it opened, in s, by what its pattern takes to show:
# a cycle of quotes in seconds, a series of prints in a minute.
HINDSIGHT_S = {
    "SPOOF": 5,
    "LAYER": 5,
    "FLIP": 2,
    "STUFF": 5,
    "WASH": 60,
    "PAINT": 60,
    "PING": 10,
    "SIZE": 20,
    "FRONT": 60,
    "STALE": 2,
    "NBBO": 5,
    "IGNITE": 30,
    "CLOSE": 60,
}
UNCLASSIFIED_HINDSIGHT_S = 10


def config_hash(config: DetectConfig) -> str:
    """Return 16 hex digits of the detection section."""
    return hashlib.sha256(msgspec.json.encode(config, order="sorted")).hexdigest()[:16]


def settings_of(config: DetectConfig, calibration: NDArray[np.void]) -> NDArray[np.void]:
    """Return the (1,) SETTINGS of `config`, with the flag's z of each head in `calibration`."""
    settings = np.zeros(1, SETTINGS)
    flag_y = -np.log(config.flag_p)
    settings["flag_y"] = flag_y
    for h in range(HEADS):
        for r in range(REGIMES):
            tail = calibration["tails"][0, h, r]
            settings["flag_z"][0, h, r] = tail_quantile(tail, flag_y)
    settings["half_life_ns"] = config.tracker_half_life_s * NS_PER_S
    settings["warmup_ns"] = round(config.warmup_s * NS_PER_S)
    return settings


def rules_of(config: DetectConfig, calibration: NDArray[np.void]) -> NDArray[np.void]:
    """Return the (1,) RULES of `config`; h from the config where given, else the calibration."""
    rules = np.zeros(1, RULES)
    rules["decay_ns"] = config.evidence_decay_s * NS_PER_S
    rules["drift"] = config.evidence_drift
    h = config.evidence_threshold
    rules["evidence"] = calibration["evidence"][0] if h is None else h
    rules["cooldown_ns"] = round(config.cooldown_s * NS_PER_S)
    windows = [HINDSIGHT_S[t.code] for t in MODEL_TYPOLOGIES]
    rules["hindsight_ns"] = np.array([*windows, UNCLASSIFIED_HINDSIGHT_S]) * NS_PER_S
    rules["kin"] = [KIN_GROUPS.index(t.kin) for t in MODEL_TYPOLOGIES]
    rules["confirm_exceedances"] = config.confirm_exceedances
    return rules
