"""What kind of day it is: regimes of the market and of each security, halts, auctions, half days.

All of it is drawn from (seed, day) before the tape starts, but for the pauses that price limits
bring, which the kernels log as they happen.
"""

from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from darkpool_watch.units import NS_PER_S
from kernels.layout import I64_MAX
from kernels.sim_state import (
    CALLED,
    FREEZE,
    FROZEN,
    LOG,
    OPEN,
    OPEN_CALL,
    SET_REGIME,
    SHOCK,
    SHUT,
    STAGE,
    STAGES,
    UNCROSS,
    UNCROSS_LAST,
)

CLOSING_CALL_S: Final = 300  # from the close on, orders of the closing auction are collected
HALT_CALL_S: Final = 60  # the same, at the end of a halt
MOODS: Final = {"quiet": (0.6, 0.6), "normal": (1.0, 1.0), "volatile": (1.9, 1.5)}
ASKED: Final = ("drawn", *MOODS, "news", "crash", "halt", "half day")
_MOOD_SHARES: Final = (0.25, 0.52, 0.23)
_HALF_DAYS: Final = 0.03  # share of days
_CRASH_DAYS: Final = 0.04
_NEWS_A_DAY: Final = 0.6  # of a security
_HALTED_NEWS: Final = 0.15  # share of news before which the venue halts
_NEWS: Final = (2.4, 2.2)  # volatility and pace at first
_CRASH: Final = (3.0, 2.5)


class Regime(msgspec.Struct, frozen=True):
    """One stretch of time; `security_id` 0 is the whole market."""

    security_id: int
    start: int  # ns
    end: int  # ns
    name: str


class Plan(NamedTuple):
    """A security's day: its stages in order of time, and the regimes that they mean."""

    stages: NDArray[np.void]  # (n,) STAGE
    regimes: list[Regime]


def is_half_day(seed: int, day: int, asked: str) -> bool:
    """Return whether the session ends early."""
    if asked != "drawn":
        return asked == "half day"
    return bool(np.random.default_rng([seed, day, 26]).random() < _HALF_DAYS)


def mood_of(seed: int, day: int, asked: str) -> str:
    """Return how the whole market feels that day."""
    if asked in MOODS:
        return asked
    if asked != "drawn":
        return "normal"
    rng = np.random.default_rng([seed, day, 25])
    return str(rng.choice(list(MOODS), p=_MOOD_SHARES))


class Day:
    """Plans the stages of every security of one day.

    Attributes:
        market: the regimes of the whole market.
        plans: one Plan a security.
    """

    def __init__(
        self,
        seed: int,
        day: int,
        asked: str,
        session: tuple[int, int],  # ns, open and close
        tape: tuple[int, int],  # ns, begin and end
        count: int,
    ) -> None:
        self.session, self.tape = session, tape
        self.mood = mood_of(seed, day, asked)
        opens, closes = session
        self.market = [Regime(0, opens, closes, self.mood)]
        if is_half_day(seed, day, asked):
            self.market.append(Regime(0, opens, closes, "half day"))
        rng = np.random.default_rng([seed, day, 22])
        crash = rng.random() < _CRASH_DAYS if asked == "drawn" else asked == "crash"
        # Regimes asked for happen on the tape, drawn ones at any time of the day.
        inside = session if asked == "drawn" else tape
        self._crash = self._crash_times(rng, inside) if crash else None
        if self._crash:
            self.market.append(Regime(0, self._crash[0], self._crash[2], "crash"))
        self.plans = [
            self._plan(np.random.default_rng([seed, day, 23, s]), s + 1, asked, inside)
            for s in range(count)
        ]

    def _crash_times(
        self, rng: np.random.Generator, inside: tuple[int, int]
    ) -> tuple[int, int, int]:
        """Return when the fall begins, turns, and is over."""
        length = inside[1] - inside[0]
        begins = inside[0] + int(rng.uniform(0.2, 0.6) * length)
        fall = min(int(rng.uniform(240, 600) * NS_PER_S), length // 5)
        return begins, begins + fall, begins + 3 * fall

    def _plan(
        self, rng: np.random.Generator, security_id: int, asked: str, inside: tuple[int, int]
    ) -> Plan:
        opens, closes = self.session
        rows: list[tuple[int, int, float, float, float]] = []
        regimes: list[Regime] = []
        calm = MOODS[self.mood]
        begins, ends = inside
        events = rng.poisson(_NEWS_A_DAY) if asked == "drawn" else int(asked in ("news", "halt"))
        for _ in range(min(int(events), 3)):
            at = begins + int(rng.uniform(0.25, 0.7) * (ends - begins))
            halted = asked == "halt" or (asked == "drawn" and rng.random() < _HALTED_NEWS)
            lasts = min(int(rng.uniform(600, 2_400) * NS_PER_S), (ends - begins) // 3)
            shock = float(rng.choice([-1, 1]) * np.exp(rng.uniform(np.log(2e-3), np.log(2e-2))))
            if halted:
                pause = min(int(rng.uniform(300, 1_800) * NS_PER_S), (ends - begins) // 5)
                rows.append((at, int(FREEZE), 0.0, 0.0, 0.0))
                call = min(HALT_CALL_S * NS_PER_S, pause // 2)
                rows.append((at + pause - call, int(OPEN_CALL), 0.0, 0.0, 0.0))
                rows.append((at + pause, int(UNCROSS), 0.0, 0.0, 0.0))
                shock_at, at = at + pause // 2, at + pause
            else:
                shock_at = at
            rows.append((shock_at, int(SHOCK), shock, 0.0, 0.0))
            rows += _fading(at, lasts, _NEWS, calm)
            regimes.append(Regime(security_id, at, at + lasts, "news"))
        if self._crash:
            first, turn, last = self._crash
            depth = float(rng.uniform(0.07, 0.16))
            rows.append((first, int(SET_REGIME), *_CRASH, _drift(-depth, turn - first)))
            rows.append((turn, int(SET_REGIME), *_CRASH, _drift(0.6 * depth, last - turn)))
            rows.append((last, int(SET_REGIME), *calm, 0.0))
        if self.tape[0] < opens:
            rows.append((opens, int(UNCROSS), 0.0, 0.0, 0.0))
        rows.append((closes, int(OPEN_CALL), 0.0, 0.0, 0.0))
        rows.append((closes + CLOSING_CALL_S * NS_PER_S, int(UNCROSS_LAST), 0.0, 0.0, 0.0))
        stages = np.array(rows, STAGE)
        return Plan(stages[np.argsort(stages["ts"], kind="stable")], regimes)

    def enter(self, market: Any, s: int) -> None:
        """Write a security's regime at the tape's begin and the stages that lie ahead."""
        plan, (begins, _) = self.plans[s].stages, self.tape
        market["volatility"], market["pace"] = MOODS[self.mood]
        market["phase"] = CALLED if begins < self.session[0] else OPEN
        market["stages"]["ts"] = I64_MAX
        ahead = plan[plan["ts"] >= begins]
        for row in plan[(plan["ts"] < begins) & (plan["code"] == SET_REGIME)]:
            market["volatility"], market["pace"] = row["value"], row["pace"]
            market["drift"] = row["drift"]
        # A tape that starts within a halt starts after it: there is no book yet to be halted.
        halts = np.isin(ahead["code"], [FREEZE, OPEN_CALL, UNCROSS])
        if len(ahead) and halts.any() and begins >= self.session[0]:
            first = int(np.flatnonzero(halts)[0])
            while (
                ahead["code"][first] in (OPEN_CALL, UNCROSS)
                and ahead["ts"][first] < (self.session[1])
            ):
                ahead = np.delete(ahead, first)
                halts = np.isin(ahead["code"], [FREEZE, OPEN_CALL, UNCROSS])
                if not halts[first:].any():
                    break
                first += int(np.flatnonzero(halts[first:])[0])
        assert len(ahead) <= STAGES - 16
        market["stages"][: len(ahead)] = ahead


def _drift(move: float, span_ns: int) -> float:
    """Return the drift in ln price a second of a move over a span."""
    return float(np.log1p(move) / (span_ns / NS_PER_S))


def _fading(
    at: int, lasts: int, first: tuple[float, float], calm: tuple[float, float]
) -> list[tuple[int, int, float, float, float]]:
    """Return the stages of a regime that wears off in four steps."""
    rows = []
    for step in range(5):
        left = 1.0 - step / 4
        values = [c * (1.0 + left * (f - 1.0)) for f, c in zip(first, calm, strict=True)]
        rows.append((at + step * lasts // 4, int(SET_REGIME), values[0], values[1], 0.0))
    return rows


def from_log(security_id: int, log: NDArray[np.void], planned: Plan, ends: int) -> list[Regime]:
    """Return the regimes of phases (n,) LOG as they happened: halts and auctions, until `ends`."""
    found = []
    closes = planned.stages["ts"][planned.stages["code"] == UNCROSS_LAST][0]
    for i, entry in enumerate(log):
        until = int(log[i + 1]["ts"]) if i + 1 < len(log) else ends
        start = int(entry["ts"])
        if entry["phase"] == FROZEN:
            found.append(Regime(security_id, start, until, "halt"))
        elif entry["phase"] == CALLED:
            name = "reopening auction"
            if i == 0:
                name = "opening auction"
            elif start >= closes - CLOSING_CALL_S * NS_PER_S:
                name = "closing auction"
            found.append(Regime(security_id, start, until, name))
        elif entry["phase"] == SHUT:
            found.append(Regime(security_id, start, until, "closed"))
    return found


assert LOG.names == ("ts", "phase")
