"""What is injected: campaigns and their look-alikes, drawn before the tape starts.

Parameters are continuous and overlap between campaigns and look-alikes. Times follow the
session's activity and securities their message rates, as the background does.
"""

from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from darkpool_watch.errors import ConfigError
from darkpool_watch.sim.population import SESSION_S, Account, Security
from darkpool_watch.typologies import MODEL_TYPOLOGIES
from darkpool_watch.units import NS_PER_MS, NS_PER_S
from kernels.sim_cast import (
    AGENT,
    FLIP,
    LAYER,
    PING,
    QUOTER,
    RESTARTER,
    REVERSER,
    SPOOF,
    STUFF,
    SWEEPER,
    VIOLATION,
)
from kernels.sim_state import DARK_PROBE

CODES: Final = {"SPOOF": SPOOF, "LAYER": LAYER, "FLIP": FLIP, "STUFF": STUFF, "PING": PING}
LOOKALIKES: Final = {SPOOF: QUOTER, LAYER: QUOTER, FLIP: REVERSER, STUFF: RESTARTER, PING: SWEEPER}
NAMES: Final = {
    QUOTER: "two-sided quoter",
    REVERSER: "stop and reverse",
    RESTARTER: "algorithm restart",
    SWEEPER: "parent-order router",
}
for _code, _index in CODES.items():
    assert MODEL_TYPOLOGIES[_index].code == _code

_LONGEST_PAUSE_S: Final = 20.0


class CampaignPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One campaign asked for by name; what is left out is drawn."""

    typology: str  # code, one of CODES
    security: int  # row, from 0
    start_s: float  # s after the start of the tape
    stealth: float | None = None


def _log(rng: np.random.Generator, low: float, high: float) -> float:
    """Return a log-uniform number in [low, high]."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


class Planner:
    """Draws agents for one tape; every kind of agent has its own stream of random numbers."""

    def __init__(
        self,
        securities: list[Security],
        people: list[Account],
        chances: NDArray[np.float64],  # (S, TYPES, A)
        opens: int,  # ns, session open
        begins: int,  # ns, start of the tape
        seconds: float,  # its length
    ) -> None:
        self.securities = securities
        self.people = people
        self.chances = chances
        self.begins = begins
        self.seconds = seconds
        grid = np.linspace(0.0, seconds, 513)
        x = 2.0 * np.clip(((begins - opens) / NS_PER_S + grid) / SESSION_S, 0.0, 1.0) - 1.0
        rate = 0.5 + 1.5 * x * x
        steps = np.concatenate([[0.0], np.cumsum((rate[1:] + rate[:-1]) / 2)])
        self.grid, self.cumulative = grid, steps / steps[-1]

    def schedule(
        self,
        rng: np.random.Generator,
        per_hour: float,
        codes: list[int],
        stealth: tuple[float, float],
    ) -> NDArray[np.void]:
        """Return agents in order of their start, on average `per_hour` a security and hour."""
        count = int(np.floor(per_hour * self.seconds / 3600 * len(self.securities) + rng.random()))
        if count == 0 or not codes:
            return np.zeros(0, AGENT)
        rates = np.array([one.rate for one in self.securities])
        rows = []
        for i in range(count):
            s = int(rng.choice(len(rates), p=rates / rates.sum()))
            at = float(np.interp(rng.uniform(0.0, 1.0), self.cumulative, self.grid))
            latest = max(1.0, self.seconds - min(30.0, 0.5 * self.seconds))
            code = codes[i % len(codes)]
            rows.append(self.agent(rng, code, s, min(max(at, 1.0), latest), _log(rng, *stealth)))
        return self.sorted(rows)

    def explicit(
        self, rng: np.random.Generator, plans: tuple[CampaignPlan, ...]
    ) -> NDArray[np.void]:
        """Return the agents of campaigns asked for by name."""
        rows = []
        for plan in plans:
            if plan.typology not in CODES:
                raise ConfigError(
                    f"Expected a campaign of {', '.join(CODES)}, was {plan.typology!r}: "
                    "the simulator has no agent for it"
                )
            if not 0 <= plan.security < len(self.securities):
                raise ConfigError(
                    f"Expected a campaign's security below {len(self.securities)}, "
                    f"was {plan.security}: raise `securities`, or name another row"
                )
            stealth = _log(rng, 0.5, 2.0) if plan.stealth is None else plan.stealth
            code = CODES[plan.typology]
            rows.append(self.agent(rng, code, plan.security, plan.start_s, stealth))
        return self.sorted(rows)

    def violations(self, rng: np.random.Generator, count: int) -> NDArray[np.void]:
        """Return agents that each print once outside the NBBO, by 3 to 8 ticks."""
        rows = []
        for _ in range(count):
            s = int(rng.integers(len(self.securities)))
            at = float(rng.uniform(0.05, 0.95)) * self.seconds
            row = self.agent(rng, VIOLATION, s, at, 1.0)
            row["distance"] = rng.integers(3, 9)
            row["mode"] = rng.integers(2)
            row["size"] = 100 * rng.integers(1, 10)
            row["members"] = 2
            rows.append(row)
        return self.sorted(rows)

    @staticmethod
    def sorted(rows: list[Any]) -> NDArray[np.void]:
        """Return rows as one array in order of their planned start."""
        table = np.array(rows, AGENT) if rows else np.zeros(0, AGENT)
        return table[np.argsort(table["planned"], kind="stable")]

    def agent(
        self, rng: np.random.Generator, code: int, s: int, at_s: float, stealth: float
    ) -> Any:
        """Return one AGENT row, its parameters drawn."""
        row = np.zeros(1, AGENT)[0]
        lot = self.securities[s].lot
        row["planned"] = self.begins + int(at_s * NS_PER_S)
        row["start"] = row["evidence"] = row["end"] = -1
        row["random"] = rng.integers(1 << 32, 1 << 62)
        row["security"], row["code"], row["stealth"] = s, code, stealth
        row["campaign"] = row["labelled"] = -1
        row["orders"] = -1
        members = int(rng.choice([1, 2, 3, 4], p=[0.55, 0.25, 0.12, 0.08]))
        if code in (QUOTER, RESTARTER):
            members = int(rng.choice([1, 2]))
        chosen = self._accounts(rng, s, code, 2 if code == VIOLATION else members)
        row["members"] = len(chosen)
        row["accounts"][: len(chosen)] = chosen
        row["side"] = rng.integers(2)
        row["mode"] = rng.integers(2)
        room = 0.6 * max(2.0, self.seconds - at_s)  # s that the planned cycles may take
        cycles = int(_log(rng, 1.0, 13.0))
        span = min(_log(rng, 0.02, 30.0), room / 2)
        pause = min(_log(rng, 0.3, _LONGEST_PAUSE_S), room / 2)
        row["reaction"] = int(min(_log(rng, 5.0, 800.0) * stealth, 2_500) * NS_PER_MS)
        row["size"] = int(100 * lot * rng.integers(1, 6))
        row["ratio"] = np.clip(_log(rng, 2.0, 25.0) / stealth, 1.2, 25.0)
        row["distance"] = rng.integers(0, 4)
        row["layers"] = 1 if rng.random() < 0.6 else 2
        row["target"] = 1
        if code == LAYER:
            row["layers"] = rng.integers(3, 11)
        elif code == QUOTER:
            row["layers"] = rng.choice([1, 2, 3, 4], p=[0.5, 0.2, 0.2, 0.1])
            cycles = int(_log(rng, 2.0, 16.0))
        elif code in (STUFF, RESTARTER):
            low, high = (215, 600) if code == STUFF else (40, 190)
            span = min(_log(rng, 0.1, 10.0), room / 2)
            row["target"] = int(_log(rng, low, high))
            cycles = int(_log(rng, 1.0, 4.0))
        elif code in (PING, SWEEPER):
            cycles, span = self._probing(rng, row, code, room)
            row["reaction"] = int(min(_log(rng, 5.0, 350.0) * stealth, 480.0) * NS_PER_MS)
        cycles = max(1, min(cycles, int(room / (span + pause))))
        row["cycles"], row["span"], row["pause"] = cycles, int(span * 1e9), int(pause * 1e9)
        if code == SWEEPER:
            row["cycles"] = row["target"]
            row["pause"] = int(span / row["target"] * 1e9)
        return row

    def _probing(
        self, rng: np.random.Generator, row: Any, code: int, room: float
    ) -> tuple[int, float]:
        """Set what probing takes; return cycles and the span of one, in s."""
        whole = min(_log(rng, 1.0, 600.0), room)
        cycles = int(_log(rng, 1.0, 5.0)) if code == PING else 1
        row["target"] = max(3, int(_log(rng, 4.0, 50.0) / cycles))
        lot = self.securities[row["security"]].lot
        row["size"] = max(1, int(_log(rng, 5.0 if code == PING else 20.0, 400.0) * lot))
        row["ratio"] = np.clip(_log(rng, 3.0, 40.0) / row["stealth"], 1.5, 40.0)
        row["layers"] = rng.integers(1, 4)
        return cycles, whole / cycles

    def _accounts(self, rng: np.random.Generator, s: int, code: int, count: int) -> list[int]:
        """Return who acts: one active account, then affiliates of it or others like it."""
        busy = self.chances[s].mean(axis=0)
        if code in (PING, SWEEPER):
            busy = 0.5 * busy + 0.5 * self.chances[s, DARK_PROBE]
        weight = busy**1.5
        first = int(rng.choice(len(busy), p=weight / weight.sum()))
        group = self.people[first].group
        friends = np.array([one.group == group for one in self.people])
        weight = weight * np.where(friends, 30.0, 1.0)
        weight[first] = 0.0
        count = min(count, len(busy))
        others = rng.choice(len(busy), count - 1, replace=False, p=weight / weight.sum())
        return [first + 1, *(int(one) + 1 for one in others)]
