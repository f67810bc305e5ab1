"""Who trades what: securities with their habits, and the persistent accounts that trade them."""

from datetime import UTC, datetime, timedelta
from statistics import NormalDist
from typing import Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from darkpool_watch.units import NS_PER_S
from kernels.sim_state import (
    ADD_BEHIND,
    ADD_INSIDE,
    ADD_TOUCH,
    BROKER,
    DARK_PROBE,
    DARK_REST,
    HIDDEN_TRADE,
    INFORMED,
    LISTINGS,
    MARKET,
    NOISE,
    POOLS,
    REQUOTE,
    TYPES,
)

TICK: Final = 10_000_000  # 0.01 of the currency, in 1e-9
SESSION_S: Final = 23_400  # 6.5 h
CHANGING_DAYS: Final = 40  # days over which account records change
_CHANGING: Final = 0.12  # share of accounts whose record changes once
HALF_SESSION_S: Final = 12_600  # 3.5 h
FEED_VENUE: Final = "SIMX"  # one channel carries every listing, so that its order is the tape's
LIT_VENUE: Final = "SLIT"
DARK_VENUES: Final = ("SDRK", "SDK2")

BARRED: Final = ((INFORMED, NOISE), (NOISE, INFORMED))  # segments that never meet in a pool
_CLASS_SHARES: Final = (0.14, 0.34, 0.10, 0.42)
# Share of each type of message that each class of account sends.
_SENDERS: Final = {
    ADD_TOUCH: (0.50, 0.30, 0.05, 0.15),
    ADD_INSIDE: (0.55, 0.30, 0.05, 0.10),
    ADD_BEHIND: (0.40, 0.30, 0.05, 0.25),
    MARKET: (0.08, 0.45, 0.20, 0.27),
    HIDDEN_TRADE: (0.15, 0.55, 0.15, 0.15),
    REQUOTE: (0.60, 0.30, 0.05, 0.05),
    DARK_REST: (0.05, 0.70, 0.12, 0.13),
    DARK_PROBE: (0.20, 0.50, 0.18, 0.12),
}


# Who may act in the campaigns of one side of the corpus, as bounds of a share of affiliate groups.
Side = Literal["any", "train", "validate", "test"]
_SIDES: Final[dict[Side, tuple[float, float]]] = {
    "any": (0.0, 1.0),
    "train": (0.0, 0.5),
    "validate": (0.5, 0.7),
    "test": (0.7, 1.0),
}


class Account(msgspec.Struct, frozen=True):
    """One participant; its id is its place in the population plus 1."""

    account: int
    kind: int  # MAKER_CLASS, BROKER, INFORMED, NOISE
    owner: int
    group: int  # affiliate group
    capacity: str  # principal or agency
    segment: int


class Security(msgspec.Struct, frozen=True):
    """One security's habits."""

    symbol: str
    price_ticks: int
    rate: float  # messages/s, mean over the session
    lot: float  # scale of sizes
    spread: float  # usual spread, ticks
    sigma: float  # of the fundamental, ticks a square-root second
    lags_ns: tuple[float, ...]  # median age of each pool's reference


def session(day: int, half: bool = False) -> tuple[int, int]:
    """Return open and close of business day `day` (0 = 2026-01-05), ns UTC."""
    date = datetime(2026, 1, 5, 14, 30, tzinfo=UTC) + timedelta(days=7 * (day // 5) + day % 5)
    opens = int(date.timestamp()) * NS_PER_S
    return opens, opens + (HALF_SESSION_S if half else SESSION_S) * NS_PER_S


def security_of(instrument_id: NDArray[np.integer]) -> NDArray[np.integer]:
    """Return the security id, from 1, of each listing."""
    found: NDArray[np.integer] = (instrument_id - 1) // LISTINGS + 1
    return found


def securities(seed: int, count: int, scale: float) -> list[Security]:
    """Return the securities of a seed, the same on every day; median rate 6/s times `scale`."""
    rng = np.random.default_rng([seed, 1])
    ranks = (rng.permutation(count) + rng.uniform(0.3, 0.7, count)) / count
    found = []
    for i in range(count):
        rate = 6.0 * np.exp(0.75 * NormalDist().inv_cdf(float(ranks[i])))
        price = int(np.exp(rng.uniform(np.log(2_000), np.log(40_000))))
        found.append(
            Security(
                symbol=f"SIM{i:03d}",
                price_ticks=price,
                rate=float(np.clip(rate, 0.3, 10.0)) * scale,
                lot=float(rng.choice([1.0, 2.0, 3.0])) if price < 8_000 else 1.0,
                spread=float(np.clip(price * rng.uniform(1e-4, 3e-4), 1.0, 6.0)),
                sigma=price * 0.015 / np.sqrt(SESSION_S),
                lags_ns=_lags(seed, i),
            )
        )
    return found


def _lags(seed: int, security: int) -> tuple[float, ...]:
    """Return the lags of a security's pools: half of the securities have a second, slower one."""
    rng = np.random.default_rng([seed, 5, security])
    fast = float(np.exp(rng.uniform(np.log(3e5), np.log(1.5e6))))
    slow = float(np.exp(rng.uniform(np.log(1.2e6), np.log(4e6))))
    return (fast, slow)[: POOLS if rng.random() < 0.5 else 1]


def accounts(seed: int, count: int, day: int = 0) -> list[Account]:
    """Return the accounts of a seed as of a day; owners hold one to three of a class.

    Ids and classes are the same on every day; what `changed_on` dates changes with its day.
    """
    first = _first_accounts(seed, count)
    people = list(first)
    for i, changes in enumerate(changed_on(seed, count)):
        if 0 < changes <= day:
            rng = np.random.default_rng([seed, 6, i])
            old = people[i]
            if rng.random() < 0.5:
                people[i] = msgspec.structs.replace(old, segment=(old.segment + 1) % 4)
            else:
                other = first[int(rng.integers(count))]
                people[i] = msgspec.structs.replace(old, group=other.group)
    return people


def changed_on(seed: int, count: int) -> NDArray[np.int64]:
    """Return (count,) the day from whose open an account's record is another one; 0 = never."""
    rng = np.random.default_rng([seed, 7])
    days = rng.integers(1, CHANGING_DAYS, count)
    return np.where(rng.random(count) < _CHANGING, days, 0)


def _first_accounts(seed: int, count: int) -> list[Account]:
    """Return the accounts as of day 0."""
    rng = np.random.default_rng([seed, 2])
    bounds = np.cumsum(_CLASS_SHARES) * count
    kinds = np.searchsorted(bounds, np.arange(count) + 0.5)
    rng.shuffle(kinds)
    owner_of = np.zeros(count, dtype=int)
    owner = 0
    for kind in range(4):
        rows = np.flatnonzero(kinds == kind)
        while len(rows):
            owner += 1
            size = int(rng.choice([1, 2, 3], p=[0.6, 0.25, 0.15]))
            owner_of[rows[:size]] = owner
            rows = rows[size:]
    group_of = {o: o if rng.random() < 0.8 else max(1, o - 1) for o in range(1, owner + 1)}
    return [
        Account(
            account=i + 1,
            kind=int(kinds[i]),
            owner=int(owner_of[i]),
            group=group_of[int(owner_of[i])],
            capacity="agency" if kinds[i] == BROKER else "principal",
            segment=int(kinds[i]) if rng.random() < 0.8 else int(rng.integers(4)),
        )
        for i in range(count)
    ]


def on_side(seed: int, count: int, side: Side) -> NDArray[np.bool_]:
    """Return (count,) which accounts may act on a side: whole affiliate groups of the first day."""
    groups = [one.group for one in accounts(seed, count)]
    draws = np.random.default_rng([seed, 8]).random(max(groups) + 1)[groups]
    low, high = _SIDES[side]
    allowed: NDArray[np.bool_] = (low <= draws) & (draws < high)
    return allowed


def chances(seed: int, people: list[Account], count: int) -> NDArray[np.float64]:
    """Return (count, TYPES, A) the share of each account in each type of message, by security.

    Within a class some accounts send several times what others do; which ones differs by security.
    """
    rng = np.random.default_rng([seed, 3])
    kinds = np.array([one.kind for one in people])
    shares = np.zeros((count, TYPES, len(people)))
    overall = rng.lognormal(0.0, 0.4, len(people))
    for s in range(count):
        weight = overall * rng.lognormal(0.0, 0.5, len(people))
        for kind in range(4):
            rows = kinds == kind
            if rows.any():
                part = weight * rows / (weight * rows).sum()
                for mark, senders in _SENDERS.items():
                    shares[s, mark] += senders[kind] * part
    normal: NDArray[np.float64] = shares / shares.sum(axis=2, keepdims=True)
    return normal
