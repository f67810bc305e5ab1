"""How days become history, one feature of one security, in the steps of its description."""

import statistics

from tests.naive.normalise import Feature

LEAST = 1_000
DAY = -1


class Days(Feature):
    """A feature over days: what is usual by half-hour is the class's until own days are known."""

    def __init__(self, medians: list[float], scales: list[float], scaling: str) -> None:
        super().__init__(medians[0], scales[0], scaling, own_history=False)
        self.of_class = list(zip(medians, scales, strict=True))
        self.own: dict[int, tuple[float, float]] = {}
        self.half_hour = 0
        self.before = 0

    def usual(self, half_hour: int) -> tuple[float, float]:
        for known in (half_hour, DAY):
            if known in self.own:
                return self.own[known]
        return self.of_class[half_hour]

    def open_day(self) -> None:
        """Take the day so far into history and start another."""
        self.close(self.half_hour)
        if self.count >= LEAST:
            self.keep(DAY)
        self.day_median, scale = self.usual(0)
        self.day_mad = scale / 1.4826
        self.count = self.before = 0
        self.half_hour = -1

    def at(self, half_hour: int) -> None:
        """Let a half-hour be the one in use."""
        if half_hour != self.half_hour:
            self.close(self.half_hour)
        self.half_hour = half_hour
        self.median, self.scale = self.usual(half_hour)
        self.own_history = half_hour in self.own or DAY in self.own

    def close(self, half_hour: int) -> None:
        if half_hour >= 0 and self.count - self.before >= LEAST:
            self.keep(half_hour)
        self.before = self.count

    def keep(self, where: int) -> None:
        least = 0.1 * self.of_class[where][1]
        today = (self.day_median, max(1.4826 * self.day_mad, least))
        old = self.own.get(where)
        if old is not None:
            today = tuple(a + (b - a) / 5 for a, b in zip(old, today, strict=True))
        self.own[where] = today


def median_of(days: list[float]) -> float:
    """Return the median of the days that are known, NaN where none is."""
    known = [x for x in days if x == x]
    return statistics.median(known) if known else float("nan")
