"""Who acts: ordinary active accounts, with the affiliates, owners or strangers a role asks for."""

import numpy as np
from numpy.typing import NDArray

from darkpool_watch.sim.population import BARRED, Account
from kernels.sim_cast import (
    FRONT,
    LOOKALIKE,
    PAINT,
    PING,
    PLACEBO,
    REBALANCER,
    SIZE,
    STALE,
    WASH,
)
from kernels.sim_state import DARK_PROBE

_SINGLE = (0.55, 0.25, 0.12, 0.08)  # odds of 1 to 4 colluding accounts
_RING = (0.0, 0.55, 0.27, 0.18)
# How much likelier busy accounts act: not at all, or their ordinary flow would tell them; but in
# proportion for a breach, which takes two that meet anyway, and for a placebo, which needs orders
# to re-send.
_ANYBODY = 0.0
_BUSY = 1.0
_AFFINITY = 6.0  # how much likelier an affiliate joins than another as active


class Casting:
    """Draws the accounts of agents from a population with its habits."""

    def __init__(
        self,
        people: list[Account],
        chances: NDArray[np.float64],  # (S, TYPES, A)
        allowed: NDArray[np.bool_],  # (A,) who may act
    ) -> None:
        self.chances = chances
        self.allowed = allowed
        self.owner = np.array([one.owner for one in people])
        self.group = np.array([one.group for one in people])
        self.segment = np.array([one.segment for one in people])

    def _activity(self, s: int, dark: bool, steep: float) -> NDArray[np.float64]:
        """Return (A,) how likely each account acts in a security."""
        busy = self.chances[s].mean(axis=0)
        if dark:
            busy = 0.5 * busy + 0.5 * self.chances[s, DARK_PROBE]
        weight: NDArray[np.float64] = self.allowed * busy**steep
        return weight

    @staticmethod
    def _pick(
        rng: np.random.Generator, weight: NDArray[np.float64], count: int
    ) -> NDArray[np.intp]:
        """Return up to `count` different rows in proportion to their weights."""
        count = min(count, int((weight > 0.0).sum()))
        return rng.choice(len(weight), count, replace=False, p=weight / weight.sum())

    def cast(self, rng: np.random.Generator, s: int, code: int) -> tuple[list[int], int]:
        """Return the accounts of an agent, 1 to 4 ids, and the client it leads (0 = none)."""
        typology = code % LOOKALIKE
        steep = _BUSY if code == PLACEBO else _ANYBODY
        weight = self._activity(s, typology in (PING, SIZE, STALE), steep)
        odds = _RING if typology in (WASH, PAINT) else _SINGLE
        count = int(rng.choice([1, 2, 3, 4], p=odds))
        if code == PAINT:
            count = 2
        elif code == REBALANCER:
            count = max(3, count)
        if typology == FRONT:
            return self._affiliates(rng, weight, count)
        if code == WASH:
            return self._ring(rng, weight, count), 0
        first = int(self._pick(rng, weight, 1)[0])
        if typology in (WASH, PAINT):
            weight = weight * (self.owner != self.owner[first])
        else:
            weight = weight * np.where(self.group == self.group[first], _AFFINITY, 1.0)
        weight[first] = 0.0
        others = self._pick(rng, weight, count - 1)
        return [first + 1, *(int(one) + 1 for one in others)], 0

    def _ring(self, rng: np.random.Generator, weight: NDArray[np.float64], count: int) -> list[int]:
        """Return accounts of one owner, at times of one group, where there are enough."""
        key = self.owner if rng.random() < 0.7 else self.group
        sizes = np.array([(key == one).sum() for one in key])
        several = weight * (sizes >= 2)
        first = int(self._pick(rng, several if several.sum() > 0.0 else weight, 1)[0])
        linked = weight * (key == key[first])
        linked[first] = 0.0
        if linked.sum() == 0.0:
            linked = weight.copy()
            linked[first] = 0.0
        return [first + 1, *(int(one) + 1 for one in self._pick(rng, linked, count - 1))]

    def _affiliates(
        self, rng: np.random.Generator, weight: NDArray[np.float64], count: int
    ) -> tuple[list[int], int]:
        """Return accounts of one affiliate group, and another of the group as the client.

        Whoever has an affiliate may act, of whatever class: were it brokers alone, being one would
        tell a manipulator.
        """
        sizes = np.array([(self.group == one).sum() for one in self.group])
        several = weight * (sizes >= 2)
        first = int(self._pick(rng, several if several.sum() > 0.0 else weight, 1)[0])
        linked = weight * (self.group == self.group[first])
        linked[first] = 0.0
        if linked.sum() == 0.0:
            linked = weight.copy()
            linked[first] = 0.0
        client, *others = self._pick(rng, linked, count)
        return [first + 1, *(int(one) + 1 for one in others)], int(client) + 1

    def opponents(self, rng: np.random.Generator, s: int, barred: bool) -> list[int]:
        """Return two accounts of different owners whose segments may, or must not, meet."""
        weight = self._activity(s, True, _BUSY)
        for first in self._pick(rng, weight, len(weight)):
            wanted = np.array([(self.segment[first], one) in BARRED for one in self.segment])
            rest = weight * (wanted == barred) * (self.owner != self.owner[first])
            if rest.sum() > 0.0:
                return [int(first) + 1, int(self._pick(rng, rest, 1)[0]) + 1]
        first, second = self._pick(rng, weight, 2)
        return [int(first) + 1, int(second) + 1]
