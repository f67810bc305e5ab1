"""Plans of scripted campaigns: another hand than `sim/abuse.py`, with laws of its own.

What detection learns of one injector it should find in the other. So nothing is shared but the
market, the common record of who acts and the definitions: parameters are gamma, beta and geometric
where the other's are log-uniform, starts come from the session's rate by thinning, and who acts is
drawn evenly among those that trade the security at all.
"""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from darkpool_watch.errors import ConfigError
from darkpool_watch.sim.assembly import assemble
from darkpool_watch.sim.plays import PLAYS
from darkpool_watch.sim.population import SESSION_S, Account, Security
from darkpool_watch.typologies import MODEL_TYPOLOGIES
from darkpool_watch.units import NS_PER_S
from kernels import sim_code as code
from kernels.sim_cast import (
    AGENT,
    CLOSE,
    CROSSER,
    FLIP,
    FRONT,
    IGNITE,
    LAYER,
    LOOKALIKE,
    NBBO,
    PAINT,
    PING,
    SIZE,
    SPOOF,
    STALE,
    STUFF,
    WASH,
)

PROGRAM, BEGINS = assemble(PLAYS)
_NUMBER: Final = {one.code: number for number, one in enumerate(MODEL_TYPOLOGIES)}


class Asked(Protocol):
    """A campaign asked for by name, as `SimConfig.plan` has it."""

    @property
    def typology(self) -> str: ...
    @property
    def security(self) -> int: ...
    @property
    def start_s(self) -> float: ...
    @property
    def stealth(self) -> float | None: ...


class Pace(NamedTuple):
    """How fast a typology goes: means in s, and the cycles it means to take."""

    span: float
    pause: float
    cycles: float
    reaction: float = 0.2


_PACES: Final = {
    SPOOF: Pace(4.0, 4.0, 4.0),
    LAYER: Pace(4.0, 4.0, 4.0),
    FLIP: Pace(2.5, 3.0, 4.0),
    STUFF: Pace(2.0, 4.0, 1.6),
    WASH: Pace(3.0, 25.0, 6.0),
    PAINT: Pace(3.0, 20.0, 7.0),
    PING: Pace(2.5, 4.0, 2.5),
    SIZE: Pace(3.0, 8.0, 1.6),
    FRONT: Pace(3.0, 25.0, 4.0),
    STALE: Pace(2.0, 3.0, 3.0, 0.0005),
    NBBO: Pace(1.5, 5.0, 4.0),
    IGNITE: Pace(2.0, 15.0, 1.4),
    CLOSE: Pace(2.0, 5.0, 1.0),
}


class ScriptPlanner:
    """Draws scripted campaigns and look-alikes of one tape."""

    def __init__(
        self,
        securities: list[Security],
        people: list[Account],
        chances: NDArray[np.float64],  # (S, TYPES, A)
        allowed: NDArray[np.bool_],  # (A,) who may act
        session: tuple[int, int],  # ns, open and close
        begins: int,  # ns, start of the tape
        seconds: float,  # its length
    ) -> None:
        self.securities = securities
        self.people = people
        self.chances = chances
        self.allowed = allowed
        self.opens, self.closes = session
        self.begins = begins
        self.seconds = seconds

    def schedule(
        self,
        rng: np.random.Generator,
        per_hour: float,
        codes: list[int],
        stealth: tuple[float, float],
    ) -> NDArray[np.void]:
        """Return agents in order of their start, on average `per_hour` a security and hour."""
        expected = per_hour * self.seconds / 3600.0 * len(self.securities)
        rates = np.array([one.rate for one in self.securities])
        rows = []
        for i in range(int(expected + rng.random()) if codes else 0):
            s = int(np.searchsorted(np.cumsum(rates) / rates.sum(), rng.random()))
            low, high = stealth
            hiding = low + (high - low) * float(rng.beta(1.2, 2.0))
            rows.append(self._agent(rng, codes[i % len(codes)], s, self._start(rng), hiding))
        return self._ordered(rows)

    def explicit(self, rng: np.random.Generator, plans: Iterable[Asked]) -> NDArray[np.void]:
        """Return the agents of campaigns asked for by name.

        Raises ConfigError for an unknown typology or security.
        """
        rows = []
        for plan in plans:
            if plan.typology not in _NUMBER or not 0 <= plan.security < len(self.securities):
                raise ConfigError(
                    f"Expected a campaign of {', '.join(_NUMBER)} in a security below "
                    f"{len(self.securities)}, was {plan.typology!r} in {plan.security}"
                )
            hiding = 0.5 + 1.5 * float(rng.beta(1.2, 2.0)) if plan.stealth is None else plan.stealth
            number = _NUMBER[plan.typology]
            rows.append(self._agent(rng, number, plan.security, plan.start_s, hiding))
        return self._ordered(rows)

    @staticmethod
    def _ordered(rows: list[Any]) -> NDArray[np.void]:
        table = np.array(rows, AGENT) if rows else np.zeros(0, AGENT)
        return table[np.argsort(table["planned"], kind="stable")]

    def _start(self, rng: np.random.Generator) -> float:
        """Return a start in s, more often where the session is busy, by thinning."""
        offset = (self.begins - self.opens) / NS_PER_S
        latest = self.seconds - min(60.0, 0.5 * self.seconds)
        while True:
            at = float(rng.uniform(0.5, max(1.0, latest)))
            place = 2.0 * min(1.0, (offset + at) / SESSION_S) - 1.0
            if rng.random() * 2.0 <= 0.5 + 1.5 * place * place:
                return at

    def _agent(
        self, rng: np.random.Generator, kind: int, s: int, at_s: float, stealth: float
    ) -> Any:
        """Return the AGENT row of a script, its registers drawn."""
        row = np.zeros(1, AGENT)[0]
        typology = kind % LOOKALIKE
        pace = _PACES[typology]
        lot = 100.0 * self.securities[s].lot
        row["start"] = row["evidence"] = row["end"] = row["campaign"] = row["labelled"] = -1
        row["orders"] = -1
        row["random"] = rng.integers(1 << 32, 1 << 62)
        row["security"], row["code"], row["stealth"] = s, kind, stealth
        r = row["registers"]
        r[code.IP] = BEGINS[kind]
        r[code.SIDE] = rng.integers(2)
        r[code.SIZE] = lot * (1.0 + rng.gamma(1.5, 1.2))
        ratio = 1.5 + 14.0 * rng.beta(1.3, 2.6) / stealth
        r[code.BIG] = r[code.SIZE] * ratio
        r[code.SPAN] = pace.span * rng.gamma(1.5, 1.0 / 1.5) * NS_PER_S + 2e7
        r[code.PAUSE] = pace.pause * rng.gamma(2.0, 0.5) * NS_PER_S + 3e8
        r[code.CYCLES] = rng.geometric(1.0 / pace.cycles)
        r[code.LAYERS] = 3 + rng.binomial(7, 0.35) if typology == LAYER else rng.integers(1, 3)
        r[code.TARGET] = 2 + rng.poisson(2.0)
        r[code.AWAY] = rng.gamma(2.0, 1.0)
        r[code.PART] = r[code.BIG] / r[code.LAYERS]
        row["reaction"] = int((pace.reaction * stealth * rng.gamma(2.0, 0.5) + 5e-5) * NS_PER_S)
        self._adjust(rng, row, kind, lot)
        until_s = at_s + min(0.9 * (self.seconds - at_s), 3_600.0)
        if typology == CLOSE:
            at_s, until_s = self._close(rng, row)
        row["planned"] = self.begins + int(at_s * NS_PER_S)
        row["deadline"] = self.begins + int(until_s * NS_PER_S)
        chosen = self._accounts(rng, s, kind)
        row["members"] = len(chosen)
        row["accounts"][: len(chosen)] = chosen
        return row

    def _adjust(self, rng: np.random.Generator, row: Any, kind: int, lot: float) -> None:
        """Give some typologies their own sizes and counts."""
        r = row["registers"]
        typology = kind % LOOKALIKE
        if typology == STUFF:
            # A restart stays below the 200 messages of a burst, its last cancels included.
            r[code.TARGET] = 230 + rng.poisson(90.0) if kind == STUFF else 40 + rng.poisson(60.0)
            r[code.PART] = r[code.SPAN] / r[code.TARGET]
        elif typology == PING:
            r[code.PART] = 1.0 + lot * rng.beta(1.2, 4.0)
        elif typology == SIZE:
            r[code.BIG] = lot * (4.0 + rng.gamma(2.0, 6.0))
            r[code.TARGET] = 3 + rng.poisson(1.5)
        elif typology == IGNITE:
            r[code.SIZE] *= 2.0 + rng.gamma(2.0, 1.5) / row["stealth"]
            r[code.BIG] = r[code.SIZE]

    def _close(self, rng: np.random.Generator, row: Any) -> tuple[float, float]:
        """Return when marking the close begins and when its last trade is due, in s."""
        close_s = (self.closes - self.begins) / NS_PER_S
        if self.seconds < close_s:
            raise ConfigError(
                f"CLOSE needs a tape that reaches the session's close, {close_s:g} s after its "
                f"start, was {self.seconds:g} s long: lengthen `seconds`, or leave CLOSE out"
            )
        last = close_s - min(1.0 + 8.0 * float(rng.beta(1.0, 2.0)), 0.1 * close_s)
        length = min(0.8 * last, 60.0 + 840.0 * float(rng.beta(1.0, 2.0)))
        row["registers"][code.TARGET] = 25  # attempts at the last trade
        row["registers"][code.PART] = length / (3 + rng.poisson(6.0)) * NS_PER_S
        return last - length, last

    def _accounts(self, rng: np.random.Generator, s: int, kind: int) -> list[int]:
        """Return who acts, ids: evenly among those that trade the security at all."""
        share = self.chances[s].mean(axis=0)
        active = np.flatnonzero(self.allowed & (share >= np.median(share[self.allowed])))
        owner = np.array([one.owner for one in self.people])
        group = np.array([one.group for one in self.people])
        first = int(rng.choice(active))
        others = np.setdiff1d(np.arange(len(share)), [first])
        if kind == WASH:
            several = [i for i in active if (owner == owner[i]).sum() > 1]
            first = int(rng.choice(several or active))
            linked = np.flatnonzero((owner == owner[first]) & (np.arange(len(share)) != first))
            others = linked if len(linked) else np.setdiff1d(active, [first])
        elif kind in (PAINT, CROSSER):
            others = np.flatnonzero(owner != owner[first])
        elif kind == FRONT:
            linked = others[group[others] == group[first]]
            others = linked if len(linked) else others
        else:
            others = np.intersect1d(active, others)
        others = others[self.allowed[others]]
        count = 1 + int(rng.binomial(3, 0.2))
        if kind in (WASH, PAINT, CROSSER, FRONT):
            count = 2
        count = min(count, 1 + len(others))
        return [first + 1, *(rng.choice(others, count - 1, replace=False) + 1).tolist()]
