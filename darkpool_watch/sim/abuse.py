"""What is injected: campaigns, their look-alikes and breaches, drawn before the tape starts.

Times follow the session's activity and securities their message rates, as the background does;
who acts is nearly any account, so that manipulators also trade normally and nobody looks like one.
"""

from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from darkpool_watch.errors import ConfigError
from darkpool_watch.sim.casting import Casting
from darkpool_watch.sim.parameters import log_uniform, settle
from darkpool_watch.sim.population import SESSION_S, Account, Security
from darkpool_watch.typologies import MODEL_TYPOLOGIES
from darkpool_watch.units import NS_PER_S
from kernels.sim_cast import AGENT, CLOSE, ERROR_DUPLICATE, LOOKALIKE, PLACEBO, TRADE_THROUGH

CODES: Final = {one.code: index for index, one in enumerate(MODEL_TYPOLOGIES)}
LOOKALIKES: Final = (
    "two-sided quoter",
    "inventory skew",
    "stop and reverse",
    "algorithm restart",
    "agency cross",
    "index rebalance",
    "parent-order router",
    "minimum-quantity algorithm",
    "pre-existing hedge",
    "volatility chaser",
    "genuine quote",
    "parent execution",
    "hedge for the close",
)  # in the order of MODEL_TYPOLOGIES
BREACHES: Final = (
    "trade-through",
    "priority",
    "sub-penny",
    "segment",
    "error-price",
    "error-duplicate",
    "self-match",
)
_PLACEBO_S: Final = (5.0, 60.0)  # how long a placebo re-sends
_LAST_TRADE_S: Final = (0.3, 12.0)  # before the close


class CampaignPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One campaign asked for by name; what is left out is drawn."""

    typology: str  # code, one of CODES
    security: int  # row, from 0
    start_s: float  # s after the start of the tape; CLOSE goes by the session's close instead
    stealth: float | None = None


class Planner:
    """Draws agents for one tape; every kind of agent has its own stream of random numbers."""

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
        self.casting = Casting(people, chances, allowed)
        self.begins = begins
        self.seconds = seconds
        opens, closes = session
        self.close_s = (closes - begins) / NS_PER_S  # of the tape
        grid = np.linspace(0.0, seconds, 513)
        x = 2.0 * np.clip(((begins - opens) / NS_PER_S + grid) / SESSION_S, 0.0, 1.0) - 1.0
        rate = 0.5 + 1.5 * x * x
        steps = np.concatenate([[0.0], np.cumsum((rate[1:] + rate[:-1]) / 2)])
        self.grid, self.cumulative = grid, steps / steps[-1]

    def check_close(self, codes: list[int]) -> None:
        """Raise ConfigError where the close is marked on a tape that does not reach it."""
        if any(code % LOOKALIKE == CLOSE for code in codes) and self.seconds < self.close_s:
            raise ConfigError(
                f"CLOSE needs a tape that reaches the session's close, {self.close_s:g} s after "
                f"its start, was {self.seconds:g} s long: lengthen `seconds`, or leave CLOSE out"
            )

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
        self.check_close(codes)
        rates = np.array([one.rate for one in self.securities])
        shares = np.cumsum(rates) / rates.sum()
        # One draw in each of as many equal parts: the times of few agents, too, follow the flow.
        when = (rng.permutation(count) + rng.random(count)) / count
        where = (rng.permutation(count) + rng.random(count)) / count
        rows = []
        for i in range(count):
            s = min(int(np.searchsorted(shares, where[i])), len(rates) - 1)
            at = float(np.interp(when[i], self.cumulative, self.grid))
            latest = max(1.0, self.seconds - min(30.0, 0.5 * self.seconds))
            hidden = log_uniform(rng, *stealth)
            code = codes[i % len(codes)]
            rows.append(self.agent(rng, code, s, min(max(at, 1.0), latest), hidden))
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
            stealth = log_uniform(rng, 0.5, 2.0) if plan.stealth is None else plan.stealth
            code = CODES[plan.typology]
            self.check_close([code])
            rows.append(self.agent(rng, code, plan.security, plan.start_s, stealth))
        return self.sorted(rows)

    def breaches(
        self, rng: np.random.Generator, count: int, kinds: tuple[str, ...]
    ) -> NDArray[np.void]:
        """Return agents that each break a rule once, the kinds in equal parts."""
        rows = []
        for i in range(count):
            kind = kinds[i % len(kinds)]
            if kind not in BREACHES:
                raise ConfigError(
                    f"Expected violations among {', '.join(BREACHES)}, was {kind!r}: "
                    "the simulator cannot break that rule"
                )
            s = int(rng.integers(len(self.securities)))
            code = TRADE_THROUGH + BREACHES.index(kind)
            row = self._row(rng, code, s, float(rng.uniform(0.05, 0.95)) * self.seconds, 1.0)
            row["distance"] = rng.integers(3, 9)
            row["mode"] = rng.integers(2)
            row["side"] = rng.integers(2)
            row["size"] = 100 * rng.integers(1, 10)
            row["target"] = rng.integers(2, 4) if code == ERROR_DUPLICATE else 1
            chosen = self.casting.opponents(rng, s, barred=kind == "segment")
            row["members"] = len(chosen)
            row["accounts"][: len(chosen)] = chosen
            rows.append(row)
        return self.sorted(rows)

    @staticmethod
    def sorted(rows: list[Any]) -> NDArray[np.void]:
        """Return rows as one array in order of their planned start."""
        table = np.array(rows, AGENT) if rows else np.zeros(0, AGENT)
        return table[np.argsort(table["planned"], kind="stable")]

    def _row(self, rng: np.random.Generator, code: int, s: int, at_s: float, stealth: float) -> Any:
        """Return an AGENT row that has done nothing yet."""
        row = np.zeros(1, AGENT)[0]
        row["planned"] = self.begins + int(at_s * NS_PER_S)
        row["start"] = row["evidence"] = row["end"] = -1
        row["random"] = rng.integers(1 << 32, 1 << 62)
        row["security"], row["code"], row["stealth"] = s, code, stealth
        row["campaign"] = row["labelled"] = -1
        row["orders"] = -1
        return row

    def agent(
        self, rng: np.random.Generator, code: int, s: int, at_s: float, stealth: float
    ) -> Any:
        """Return the AGENT row of a campaign, look-alike or placebo, its parameters drawn."""
        if code == PLACEBO:
            return self._placebo(rng, s, at_s)
        row = self._row(rng, code, s, at_s, stealth)
        room = 0.6 * max(2.0, self.seconds - at_s)  # s that the planned cycles may take
        closes = code % LOOKALIKE == CLOSE
        if closes:
            room = max(1.0, self.close_s - _LAST_TRADE_S[1] - 1.0)
        settle(rng, row, self.securities[s].lot, room)
        if closes:
            first, latest = _LAST_TRADE_S
            before = log_uniform(rng, first, max(first, min(latest, 0.2 * self.close_s)))
            last = max(self.close_s - before, 0.0)
            row["span"] = min(int(row["span"]), int(0.9 * last * NS_PER_S))
            row["planned"] = self.begins + int(last * NS_PER_S) - row["span"]
            row["gives_up"] = self.begins + int((self.close_s - 0.05) * NS_PER_S)
        chosen, row["client"] = self.casting.cast(rng, s, code)
        row["members"] = len(chosen)
        row["accounts"][: len(chosen)] = chosen
        return row

    def _placebo(self, rng: np.random.Generator, s: int, at_s: float) -> Any:
        """Return a placebo's row; every other one, by chance, is a control (`mode` 0).

        Busy accounts are cast, so that there are orders to re-send.
        """
        row = self._row(rng, PLACEBO, s, at_s, 1.0)
        row["span"] = log_uniform(rng, *_PLACEBO_S) * NS_PER_S
        row["mode"] = rng.integers(2)
        row["proof"] = -1
        chosen, _ = self.casting.cast(rng, s, PLACEBO)
        row["members"] = len(chosen)
        row["accounts"][: len(chosen)] = chosen
        return row
