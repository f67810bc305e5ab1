"""Plain twin of one security's threshold: dictionaries and lists, formulas in the paper's form."""

import math
from typing import Any

import numpy as np

from tests.naive.tail import cauchy, survival

STEP_S = 60.0


class Threshold:
    """Decides and learns for one calibrated security."""

    def __init__(self, calibration: Any, half_life_s: float, flag_p: float) -> None:
        self.calibration = calibration
        self.half_life_s = half_life_s
        self.flag_p = flag_p
        self.offset = [0.0, 0.0, 0.0]
        self.ts: int | None = None

    def standard(self, conditions: Any, j: int) -> float:
        value = float(conditions[j])
        if math.isnan(value):
            return 0.0
        c = self.calibration
        clipped = float(np.clip(value, c["low"][j], c["high"][j]))
        return (clipped - float(c["center"][j])) / float(c["spread"][j])

    def decide(self, score: Any, conditions: Any, status: int) -> dict[str, Any]:
        c = self.calibration
        exogenous = [1.0, *(self.standard(conditions, j) for j in range(5))]
        session = self.standard(conditions, 9)
        exogenous += [session, session**2]
        own = [0.0] * 4
        for j in range(4):
            if not math.isnan(float(conditions[5 + j])):
                expected = float(np.dot(c["own_mean"][j], exogenous))
                residual = self.standard(conditions, 5 + j) - expected
                own[j] = min(residual, float(c["own_cap"][j]))
        regime = sum(exogenous[1] > edge for edge in c["edges"])
        values = [
            float(score["anomaly"]),
            math.asinh(float(score["novelty"])),
            math.asinh(float(score["latent"])),
        ]
        surplus, p_values = [], []
        for h, value in enumerate(values):
            bound = float(c["iqr"][h])
            share = float(np.clip(np.dot(c["own_beta"][h], own), -bound, bound))
            location = float(np.dot(c["beta"][h], exogenous)) + share + self.offset[h]
            log_scale = float(np.clip(np.dot(c["gamma"][h][1:], exogenous[1:]), -1.4, 1.4))
            scale = math.exp(float(c["gamma"][h][0]) + log_scale)
            surplus.append(value - location)
            p_values.append(survival(c["tails"][h, regime], (value - location) / scale))
        combined = cauchy(p_values, [float(w) for w in c["weights"]])
        p = math.nan
        if not math.isnan(combined):
            p = survival(c["remap"], -math.log(combined))
            p = max(p, math.exp(-float(c["floor_y"])))
        self.learn(int(score["ts"]), surplus, status)
        return {"p": p, "head_p": p_values, "flag": p <= self.flag_p, "regime": regime}

    def learn(self, ts: int, surplus: list[float], status: int) -> None:
        """Half of a constant surplus is learnt in one half-life of event time."""
        step_s = 0.0 if self.ts is None else min(max((ts - self.ts) / 1e9, 0.0), STEP_S)
        self.ts = ts if self.ts is None else max(ts, self.ts)
        if status != 0 or step_s == 0.0:
            return
        gain = 1.0 - 0.5 ** (step_s / self.half_life_s)
        for h, by in enumerate(surplus):
            if math.isnan(by):
                continue
            bound = float(self.calibration["iqr"][h])
            moved = self.offset[h] + gain * float(np.clip(by, -bound, bound))
            self.offset[h] = float(np.clip(moved, -bound, bound))
