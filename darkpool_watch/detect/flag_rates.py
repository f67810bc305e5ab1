"""Whether flags come as often as asked: a calibration that does not fit its flow shows here first.

A frame is flagged where its p-value is at most `flag_p`, so of ordinary flow that share is flagged.
Frames near one another are alike, so chance is judged by spans of 30 s, not as if frames were
independent, in two ways. However flags cluster within a span, a span has five times the rate asked
with a chance of at most one in five (Markov's inequality), so too many such spans tell soon. Over
many spans the standard error of a ratio over clusters tells of lesser differences, either way.

Source: Cochran (1977), Sampling Techniques, 3rd ed., section 9A.7, for the second.
"""

import math
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from darkpool_watch.units import NS_PER_S, counted

SPAN_NS: Final = 30 * NS_PER_S
LEAST_SPANS: Final = 10  # of a security, before anything is said
LEAST_FRAMES: Final = 200
MULTIPLE: Final = 5  # of the rate asked: a span with as many flags is one of many
CHANCE: Final = 1e-4  # of so many such spans at most, to be told of
MANY_SPANS: Final = 30  # from here on the error of the ratio can be trusted
ERRORS: Final = 5.0  # standard errors away from what was asked
FACTOR: Final = 2.0  # and so many times more or fewer


class Misfit(msgspec.Struct, frozen=True, kw_only=True):
    """One security whose flags come too often or too seldom."""

    security: int  # dense row
    frames: int  # with a p-value
    flags: int
    asked: float  # share of frames
    rate: float
    error: float  # standard error of the rate
    spans: int  # of 30 s
    spans_over: int  # of those, with five times the rate asked or more
    calibrated: bool  # by the checkpoint, not by a warm-up on its own first minutes

    def sentence(self, symbol: str) -> str:
        """Say it to a person."""
        fitted = "the checkpoint's calibration" if self.calibrated else "the warm-up"
        often = "often" if self.rate > self.asked else "seldom"
        frames = counted(self.frames, "frame")
        return (
            f"Thresholds do not fit {symbol}: {self.flags:,} of {frames} are flagged, "
            f"{self.rate:.2%} (standard error {self.error:.2%}) where detect.flag_p asks "
            f"{self.asked:.2%}, five times that or more in {self.spans_over:,} of {self.spans:,} "
            "spans of 30 s. Unless all of it is unusual, "
            f"{fitted} is of other flow and its "
            f"model alerts come too {often}: do not rely on their p-values"
        )


@dataclass(slots=True)
class _Tally:
    """Sums over a security's finished spans, and the span that goes on."""

    span: int = -1
    frames: int = 0  # of the span
    flags: int = 0
    spans: int = 0
    n: int = 0
    f: int = 0
    nn: int = 0
    nf: int = 0
    ff: int = 0
    over: int = 0  # spans with MULTIPLE times the rate asked
    calibrated: bool = False

    def close(self, asked: float) -> None:
        if self.frames:
            self.over += self.flags >= MULTIPLE * asked * self.frames
            self.spans += 1
            self.n += self.frames
            self.f += self.flags
            self.nn += self.frames * self.frames
            self.nf += self.frames * self.flags
            self.ff += self.flags * self.flags
        self.frames = self.flags = 0


class FlagRates:
    """Counts flags of each security over spans of its own event time."""

    def __init__(self, asked: float) -> None:
        self._asked = asked
        self._tallies: dict[int, _Tally] = {}

    def take(
        self,
        decisions: npt.NDArray[np.void],  # (B,) DECISION
    ) -> None:
        """Count decided frames; those without a p-value are left out."""
        for row in decisions[np.isfinite(decisions["p"])]:
            tally = self._tallies.setdefault(int(row["security"]), _Tally())
            span = int(row["ts"]) // SPAN_NS
            if span != tally.span:
                tally.close(self._asked)
                tally.span = span
            tally.frames += 1
            tally.flags += bool(row["flag"])
            tally.calibrated = bool(row["calibrated"])

    def misfits(self) -> list[Misfit]:
        """Return the securities whose rate, over finished spans, is beyond what chance allows."""
        found = []
        for security, tally in sorted(self._tallies.items()):
            if tally.spans < LEAST_SPANS or tally.n < LEAST_FRAMES:
                continue
            asked, rate = self._asked, tally.f / tally.n
            scatter = max(tally.ff - 2 * rate * tally.nf + rate * rate * tally.nn, 0.0)
            clustered = math.sqrt(scatter * tally.spans / (tally.spans - 1)) / tally.n
            # Without a single flag nothing scatters: then as if frames were independent.
            error = max(clustered, math.sqrt(asked * (1.0 - asked) / tally.n))
            far = rate > FACTOR * asked or rate < asked / FACTOR
            differs = tally.spans >= MANY_SPANS and far and abs(rate - asked) > ERRORS * error
            if differs or _chance_of(tally.over, tally.spans) < CHANCE:
                found.append(
                    Misfit(
                        security=security,
                        frames=tally.n,
                        flags=tally.f,
                        asked=asked,
                        rate=rate,
                        error=error,
                        spans=tally.spans,
                        spans_over=tally.over,
                        calibrated=tally.calibrated,
                    )
                )
        return found


def _chance_of(over: int, spans: int) -> float:
    """Return the largest chance of `over` or more spans of five times the rate asked."""
    one = 1.0 / MULTIPLE
    if over <= one * spans:
        return 1.0
    # In logarithms: a day has more spans than a float has binomial coefficients.
    log = [
        math.lgamma(spans + 1)
        - math.lgamma(k + 1)
        - math.lgamma(spans - k + 1)
        + k * math.log(one)
        + (spans - k) * math.log1p(-one)
        for k in range(over, spans + 1)
    ]
    return math.fsum(map(math.exp, log))
