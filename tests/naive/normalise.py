"""The normaliser, one feature at a time, in the steps of its description."""

import math

BLEND = 5_000
BOUND = 8.0


class Feature:
    """One feature of one security: what is usual, and the day so far."""

    def __init__(self, median: float, scale: float, scaling: str, own_history: bool) -> None:
        self.median, self.scale, self.scaling = median, scale, scaling
        self.own_history = own_history
        self.day_median, self.day_mad, self.count = median, scale / 1.4826, 0

    def scaled(self, x: float) -> float:
        if self.scaling == "log1p":
            return math.log1p(max(x, 0.0))
        return math.asinh(x) if self.scaling == "asinh" else x

    def normalised(self, raw: float) -> tuple[float, int]:
        """Return (value, undefined) against what was known before, then learn."""
        if math.isnan(raw):
            return 0.0, 1
        x = self.scaled(raw)
        weight = 0 if self.own_history else self.count / (self.count + BLEND)
        day_scale = max(1.4826 * self.day_mad, 0.1 * self.scale)
        centre = (1 - weight) * self.median + weight * self.day_median
        spread = (1 - weight) * self.scale + weight * day_scale
        value = min(max((x - centre) / spread, -BOUND), BOUND)
        self.learn(x)
        return value, 0

    def learn(self, x: float) -> None:
        step = self.day_mad * (4 / (self.count + 4) + 0.002)
        off = x - self.day_median
        further = abs(off) - self.day_mad
        self.day_median += math.copysign(min(abs(off), step), off)
        self.day_mad += math.copysign(min(abs(further), step / 2), further)
        self.count += 1
