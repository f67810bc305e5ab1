"""The simulated market: a tape of lit and dark order flow with accounts, abuse and labels.

Each security runs on its own in Numba; here their events are put in one order, numbered and
labelled, a stretch of time at a time, so memory is bounded whatever the length.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from darkpool_watch.config import NonNegative, PositiveFloat, Section
from darkpool_watch.errors import ConfigError
from darkpool_watch.sim import population
from darkpool_watch.sim.abuse import BREACHES, CODES, LOOKALIKES, CampaignPlan, Planner
from darkpool_watch.sim.labels import LABEL, Campaign
from darkpool_watch.sim.population import DARK_VENUES, LIT_VENUE, TICK, security_of
from darkpool_watch.sim.regimes import ASKED, Day, Regime, from_log, is_half_day
from darkpool_watch.sim.scripts import ScriptPlanner
from darkpool_watch.sim.world import build_markets
from darkpool_watch.typologies import MODEL_TYPOLOGIES
from darkpool_watch.units import NS_PER_S
from darkpool_watch.wire.events import AccountRecord, Definition
from kernels.layout import EVENT
from kernels.sim_cast import LOOKALIKE, PLACEBO, VIOLATION
from kernels.sim_labels import label_rows
from kernels.sim_run import advance, open_security, stamp
from kernels.sim_state import LISTINGS, STREAM

_CHUNK_EVENTS: Final = 16_384  # events aimed at in one stretch of time
_LEAST_MANIPULATORS: Final = 4  # as many as one campaign may need
_STREAMS: Final = {
    "campaigns": 11,
    "lookalikes": 12,
    "violations": 13,
    "latency": 14,
    "placebos": 15,
}


class SimConfig(Section, frozen=True, kw_only=True):
    """One tape: a function of these values alone."""

    seed: NonNegative = 7
    day: NonNegative = 0  # business day, 0 = 2026-01-05
    securities: Annotated[int, Meta(ge=1, le=4096)] = 4
    seconds: Annotated[float, Meta(gt=0, le=86_400)] = 60.0  # length of the tape
    start_s: Annotated[float, Meta(ge=-1_800, le=23_400)] = (
        0.0  # its start, s after the open; < 0: auction
    )
    regime: str = "drawn"  # by (seed, day), or one of sim.regimes.ASKED, on this tape
    rate_scale: PositiveFloat = 1.0  # of real message rates; their median is 6/s a security
    dark_share: Annotated[float, Meta(ge=0.02, le=0.8)] = 0.25  # of traded volume, about
    accounts: Annotated[int, Meta(ge=8, le=1024)] = 64
    campaigns_per_hour: Annotated[float, Meta(ge=0)] = 0.0  # of all typologies, a security
    typologies: tuple[str, ...] = ("SPOOF", "PING")  # in equal parts
    stealth: tuple[PositiveFloat, PositiveFloat] = (0.5, 2.0)  # log-uniform; higher hides more
    plan: tuple[CampaignPlan, ...] = ()  # campaigns asked for by name, beside the drawn ones
    lookalikes_per_hour: Annotated[float, Meta(ge=0)] = 6.0  # of all kinds, a security
    injector: Literal["agents", "scripts"] = "agents"  # two hands that share no code
    manipulators: population.Side = "any"  # whose accounts act; those of two sides never meet
    placebos_per_hour: Annotated[float, Meta(ge=0)] = 0.0  # and controls, a security
    violations: NonNegative = 0  # breaches of rules, on the whole tape
    violation_kinds: tuple[str, ...] = ("trade-through",)  # in equal parts, of BREACHES


class Lookalike(msgspec.Struct, frozen=True):
    """One benign episode that looks like a typology."""

    id: int  # row among its security's agents
    kind: str
    typology: str  # code of what it looks like
    security_id: int
    accounts: tuple[int, ...]
    start: int  # ns, first own message
    end: int  # ns, last own message


class Violation(msgspec.Struct, frozen=True):
    """One breach of a rule as it happened."""

    id: int
    kind: str  # one of BREACHES
    security_id: int
    ts: int  # ns, the message that breaks the rule
    price: int  # 1e-9 currency
    orders: tuple[int, ...]  # ids of the orders concerned


class Simulator:
    """Plays one tape; `blocks` starts it anew each time and gives the same bytes."""

    def __init__(self, config: SimConfig) -> None:
        check(config)
        self.config = config
        half = is_half_day(config.seed, config.day, config.regime)
        self.opens, self.closes = population.session(config.day, half)
        self.begins = self.opens + int(config.start_s * NS_PER_S)
        self.ends = self.begins + int(config.seconds * NS_PER_S)
        self.securities = population.securities(config.seed, config.securities, config.rate_scale)
        self.people = population.accounts(config.seed, config.accounts, config.day)
        self.chances = population.chances(config.seed, self.people, config.securities)
        self.day = Day(
            config.seed,
            config.day,
            config.regime,
            (self.opens, self.closes),
            (self.begins, self.ends),
            config.securities,
        )
        self._plan()
        self._own: dict[int, list[NDArray[np.int64]]] = {}
        self._markets = build_markets(self)

    def _plan(self) -> None:
        """Draw the agents: look-alikes and violations first, so that campaigns move no row."""
        config = self.config
        allowed = population.on_side(config.seed, config.accounts, config.manipulators)
        if allowed.sum() < _LEAST_MANIPULATORS:
            raise ConfigError(
                f"Expected {_LEAST_MANIPULATORS} accounts that may act on side "
                f"`{config.manipulators}`, was {allowed.sum()} of {config.accounts}: raise "
                "`accounts`"
            )
        scene = (
            self.securities,
            self.people,
            self.chances,
            allowed,
            (self.opens, self.closes),
            self.begins,
            config.seconds,
        )
        breaker = Planner(*scene)
        planner = ScriptPlanner(*scene) if config.injector == "scripts" else breaker
        codes = [CODES[code] for code in config.typologies]
        alike = [code + LOOKALIKE for code in codes]
        drawn = planner.schedule(
            self._rng("campaigns"), config.campaigns_per_hour, codes, config.stealth
        )
        asked = planner.explicit(self._rng("campaigns"), config.plan)
        campaigns = breaker.sorted([*drawn, *asked])
        benign = [
            planner.schedule(
                self._rng("lookalikes"), config.lookalikes_per_hour, alike, (0.5, 2.0)
            ),
            breaker.breaches(self._rng("violations"), config.violations, config.violation_kinds),
            breaker.schedule(
                self._rng("placebos"), config.placebos_per_hour, [PLACEBO], (1.0, 1.0)
            ),
        ]
        campaigns["campaign"] = np.arange(len(campaigns))
        self.planned = np.concatenate([*benign, campaigns])

    def _rng(self, name: str) -> np.random.Generator:
        return np.random.default_rng([self.config.seed, self.config.day, _STREAMS[name]])

    def definitions(self) -> list[Definition]:
        """Return the listings: for each security a lit book and one or two midpoint pools."""
        return [
            Definition(
                instrument_id=LISTINGS * s + 1 + place,
                security_id=s + 1,
                symbol=one.symbol,
                venue=(LIT_VENUE, *DARK_VENUES)[place],
                dark=place > 0,
                tick=TICK,
                size_unit="share",
                currency="USD",
                session_open_ns=self.opens,
                session_close_ns=self.closes,
                class_="equity",
            )
            for s, one in enumerate(self.securities)
            for place in range(1 + len(one.lags_ns))
        ]

    def accounts(self) -> list[AccountRecord]:
        """Return the participants' records up to this day, the older of an account first."""
        config = self.config
        first = population.accounts(config.seed, config.accounts)
        epoch = population.session(0)[0]
        found = [_record(one, epoch) for one in first]
        dates = population.changed_on(config.seed, config.accounts)
        for before, now, day in zip(first, self.people, dates.tolist(), strict=True):
            if before != now:
                found.append(_record(now, population.session(day)[0]))
        return found

    def _cast(self) -> list[tuple[int, Any]]:
        """Return all agents that have sent a message: place in their security, AGENT row."""
        rows = [(a, m["agents"][a]) for m in self._markets for a in range(int(m["casts"]))]
        return [(a, row) for a, row in rows if row["start"] >= 0]

    @property
    def campaigns(self) -> list[Campaign]:
        """Campaigns that have begun by now; all of them once `blocks` is exhausted."""
        found = [
            Campaign(
                id=int(row["campaign"]),
                typology=MODEL_TYPOLOGIES[row["code"]].code,
                number=int(row["code"]),
                symbol=self.securities[row["security"]].symbol,
                security_id=int(row["security"]) + 1,
                accounts=_members(row),
                start=int(row["start"]),
                evidence=int(row["evidence"]),
                end=int(row["end"]) if row["done"] else self.ends,
                stealth=float(row["stealth"]),
                client=int(row["client"]),
                messages=tuple(
                    int(ts) for part in self._own.get(int(row["campaign"]), []) for ts in part
                ),
            )
            for _, row in self._cast()
            if row["campaign"] >= 0
        ]
        return sorted(found, key=lambda one: one.id)

    @property
    def lookalikes(self) -> list[Lookalike]:
        """Benign look-alikes that have begun by now."""
        return [
            Lookalike(
                id=place,
                kind=LOOKALIKES[int(row["code"]) - LOOKALIKE],
                typology=MODEL_TYPOLOGIES[int(row["code"]) - LOOKALIKE].code,
                security_id=int(row["security"]) + 1,
                accounts=_members(row),
                start=int(row["start"]),
                end=int(row["end"]) if row["done"] else self.ends,
            )
            for place, row in self._cast()
            if LOOKALIKE <= row["code"] < VIOLATION
        ]

    @property
    def violations(self) -> list[Violation]:
        """Breaches of rules that have happened by now, in order of their time."""
        found = sorted(
            (row for _, row in self._cast() if row["code"] >= VIOLATION and row["evidence"] >= 0),
            key=lambda row: (row["evidence"], row["security"]),
        )
        return [
            Violation(
                id=number,
                kind=BREACHES[int(row["code"]) - VIOLATION],
                security_id=int(row["security"]) + 1,
                ts=int(row["evidence"]),
                price=int(row["large"]),
                orders=tuple(int(one) for one in row["named"] if one > 0),
            )
            for number, row in enumerate(found)
        ]

    @property
    def regimes(self) -> list[Regime]:
        """Regimes, halts and auctions; those that the flow brought about, as far as it has come."""
        found = list(self.day.market)
        for s, (plan, m) in enumerate(zip(self.day.plans, self._markets, strict=True)):
            found += plan.regimes
            ends = min(self.ends, int(m["clock"]) + 1)
            found += from_log(s + 1, m["log"][: m["logged"]], plan, ends)
        return found

    def blocks(
        self, max_events: int = 4096, chunk_events: int = _CHUNK_EVENTS
    ) -> Iterator[tuple[NDArray[np.void], NDArray[np.void]]]:
        """Yield (events EVENT (n,), labels LABEL (n,)), n <= max_events, in event-time order.

        Neither `max_events` nor `chunk_events` (the events simulated at a time) changes a byte.
        """
        for events, labels, _ in self.stretches(chunk_events):
            for i in range(0, len(events), max_events):
                yield events[i : i + max_events], labels[i : i + max_events]

    def stretches(
        self, chunk_events: int = _CHUNK_EVENTS
    ) -> Iterator[tuple[NDArray[np.void], NDArray[np.void], NDArray[np.int32]]]:
        """Yield what `blocks` does in stretches as simulated, with the agent behind each message.

        The third array is the agent's place in its security, -1 where the message is nobody's.
        """
        markets = self._markets = build_markets(self)
        self._own = {}
        self._campaign_of = np.array([m["agents"]["campaign"] for m in markets])
        feed = np.array([0, 1], np.int64)  # newest receive time, next sequence
        latency = np.zeros(1, STREAM)
        latency["random"] = self._rng("latency").integers(1 << 32, 1 << 62)
        rate = sum(one.rate for one in self.securities)
        step = int(min(max(chunk_events / rate, 0.02), 60.0) * NS_PER_S)
        events = np.zeros(2 * chunk_events, EVENT)
        senders = np.zeros(2 * chunk_events, np.int32)
        for s in range(len(markets)):
            open_security(markets[s])
        until = self.begins + NS_PER_S  # no book opens longer than a second
        while True:
            until = min(until, self.ends)
            count = advance(markets, until, events, senders, 0)
            while count < 0:
                events = np.append(events, np.zeros_like(events))
                senders = np.append(senders, np.zeros_like(senders))
                count = advance(markets, until, events, senders, -1 - count)
            order = np.argsort(events["ts_event"][:count], kind="stable")
            stretch, sent_by = events[order], senders[order]
            yield stretch, self._finish(stretch, sent_by, feed, latency[0]), sent_by
            if until == self.ends:
                return
            until += step

    def _finish(
        self,
        events: NDArray[np.void],
        senders: NDArray[np.int32],
        feed: NDArray[np.int64],
        latency: Any,
    ) -> NDArray[np.void]:
        """Number and stamp a stretch of the tape; return its labels."""
        stamp(events, feed, latency)
        labels = np.zeros(len(events), LABEL)
        rows = (security_of(events["instrument_id"]) - 1).astype(np.int32)
        ts = np.ascontiguousarray(events["ts_event"])
        label_rows(ts, rows, senders, self._markets, labels)
        own = np.where(labels["own"] > 0, self._campaign_of[rows, senders], -1)
        for c in np.unique(own[own >= 0]):
            self._own.setdefault(int(c), []).append(ts[own == c])
        return labels


def _record(one: population.Account, valid_from_ns: int) -> AccountRecord:
    """Return an account as it goes onto the wire."""
    return AccountRecord(
        account=one.account,
        owner=one.owner,
        group=one.group,
        capacity="agency" if one.capacity == "agency" else "principal",
        segment=one.segment,
        valid_from_ns=valid_from_ns,
    )


def check(config: "SimConfig") -> None:
    """Raise ConfigError, saying where, for values that no tape can have."""
    try:
        msgspec.convert(msgspec.to_builtins(config), SimConfig)
    except msgspec.ValidationError as err:
        raise ConfigError(f"The simulated market cannot be built: {err}") from err
    if not config.stealth[0] <= config.stealth[1]:
        raise ConfigError(f"Expected `stealth` as (low, high), was {config.stealth}: swap them")
    for code in config.typologies:
        if code not in CODES:
            raise ConfigError(
                f"Expected typologies among {', '.join(CODES)}, was {code!r}: "
                "the simulator has no agent for it"
            )
    if config.regime not in ASKED:
        raise ConfigError(
            f"Expected a regime among {', '.join(ASKED)}, was {config.regime!r}: "
            "the simulator has no such day"
        )


def _members(row: Any) -> tuple[int, ...]:
    """Return the accounts of an agent, without repetition."""
    return tuple(int(one) for one in row["accounts"][: row["members"]])
