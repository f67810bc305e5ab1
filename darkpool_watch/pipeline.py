"""Stages 2 to 5 wired in order: the one path that live flow and recorded tapes both take.

`absorb` shows every event to books, rules and features at once; `score` takes what the scheduler
hands out, one step of the engine at a time. This is the only place that stamps time between the
stages: no stage times, logs or configures itself.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from darkpool_watch.alerts.build import known_price
from darkpool_watch.alerts.record import Alert, Evidence, Provenance
from darkpool_watch.alerts.rules import RuleGroups, RuleHit
from darkpool_watch.bundle import Bundle
from darkpool_watch.config import Config
from darkpool_watch.detect.breaches import Breach, feed_breach, feed_group
from darkpool_watch.detect.detector import Detector
from darkpool_watch.detect.flag_rates import FlagRates, Misfit
from darkpool_watch.detect.rules import Rules
from darkpool_watch.digest import MultisetDigest
from darkpool_watch.errors import MarketError
from darkpool_watch.evidence import EvidenceRing
from darkpool_watch.features.extractor import Extractor
from darkpool_watch.features.frames import STALE, WARMING, Frames
from darkpool_watch.market.counterparties import Reference
from darkpool_watch.market.listings import Listings
from darkpool_watch.market.state import Market
from darkpool_watch.schedule import Due, Scheduler
from darkpool_watch.stamps import Samples
from darkpool_watch.telling import Desk, Teller
from darkpool_watch.units import NS_PER_S
from darkpool_watch.wire.batch import Batch, Notice, NoticeKind
from darkpool_watch.wire.events import AccountRecord, Definition
from darkpool_watch.wire.schedule import CONFLATED, SCHEDULE

WARMING_FRAMES = 128  # frames after a reset whose scores rest on an unfilled history
SOUND, FROM_NEXT = -1, -2  # no session is stale; the one of the next frame is

OnScored = Callable[[npt.NDArray[np.void]], None]


@dataclass
class Counts:
    """Totals since the start."""

    events: int = 0
    frames_due: int = 0
    frames_scored: int = 0
    flags: int = 0
    rule_hits: int = 0
    alerts: int = 0  # openings
    updates: int = 0  # alert records: openings included
    resets: int = 0
    refused: int = 0  # definitions and accounts that contradict what is known
    by_typology: dict[str, int] = field(default_factory=dict)  # openings


@dataclass
class Latencies:
    """ns between stages; `decision_age` is from an event's capture stamp to its decision."""

    absorb: Samples = field(default_factory=Samples)  # a block through books, rules, features
    step: Samples = field(default_factory=Samples)  # one step of the engine
    decide: Samples = field(default_factory=Samples)  # thresholds, alerts, journal, publication
    decision_age: Samples = field(default_factory=Samples)
    alert_age: Samples = field(default_factory=Samples)  # to the published alert


class Pipeline:
    """Everything between the wire and the desk, for one process.

    `reference` is what files say of accounts before the feed does. `on_schedule` is told the
    SCHEDULE rows of each step, in the order of scoring.
    """

    def __init__(
        self,
        config: Config,
        bundle: Bundle,
        scheduler: Scheduler,
        desk: Desk,
        *,
        reference: Reference | None = None,
        on_schedule: OnScored | None = None,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.config = config
        self.counts = Counts()
        self.latencies = Latencies()
        self.scores_digest = MultisetDigest()
        self.alerts_digest = MultisetDigest()
        self.scheduler = scheduler
        self.listings = Listings(config.market)
        self.market = Market(config.market, self.listings)
        self.engine = bundle.engine
        securities = config.market.securities
        self.extractor = Extractor(config.features, securities, bundle.normaliser)
        self.detector = Detector(config.detect, bundle.calibration, securities)
        self.flag_rates = FlagRates(config.detect.flag_p)
        reference = reference or Reference()
        for account in reference.accounts:
            self.listings.account(account)
        self.rules = Rules(config.detect, self.listings, reference.counterparties)
        self._groups = RuleGroups(round(config.alerts.rule_cooldown_s * NS_PER_S))
        self._newest_ts = 0  # ns of event time, of the newest event handled
        self._settled_s = 0  # s of event time up to which silence has been judged
        self._evidence = EvidenceRing()
        provenance = Provenance(
            engine=bundle.engine.name,
            model_hash=bundle.model_hash[:32],
            config_hash=self.detector.config_hash,
            catalogue=bundle.catalogue,
        )
        self._teller = Teller(self.listings, self._evidence, provenance, desk, clock_ns)
        self._on_schedule = on_schedule
        self._clock_ns = clock_ns
        self._capacity = 0
        self._session = np.zeros(0, np.int64)
        self._warm = np.zeros(0, np.int64)  # frames scored since the last reset
        self._stale_in = np.zeros(0, np.int64)  # the session that lost messages
        self._lit: set[int] = set()  # securities that a lit listing has defined
        self._listings_of: dict[tuple[str, int], set[int]] = {}  # rows, by venue and channel
        self._grow(securities)

    # What comes in.

    def absorb(self, batch: Batch) -> None:
        """Show one batch to every stage before the model, and queue the frames it owes."""
        for definition in batch.definitions:
            self._define(definition, batch)
        for account in batch.accounts:
            self._account(account, batch)
        for notice in batch.notices:
            self._heed(notice)
        if batch.events is None:
            return
        began = time.perf_counter_ns()
        events = batch.events
        observations = self.market.observe(events, self.counts.events)
        self._evidence.push(events, observations)
        self._apply_rules(events, observations)
        frames = self.extractor.extract(observations)
        rows = frames.arrival - self.counts.events
        self.counts.events += len(events)
        self.counts.frames_due += len(rows)
        if len(rows):
            self._mark_stale(frames, observations["session"][rows])
            self.scheduler.push(frames, observations[rows], events["ts_recv"][rows])
        self.latencies.absorb.add(time.perf_counter_ns() - began)

    def _apply_rules(
        self, events: npt.NDArray[np.void], observations: npt.NDArray[np.void]
    ) -> None:
        # The time of an event that belongs to no listing is nobody's clock.
        self._newest_ts = int(
            np.max(observations["ts"], initial=self._newest_ts, where=observations["security"] >= 0)
        )
        for hit in self.rules.check(events, observations):
            self._breach(self.rules.breach(hit), hit)

    def _breach(self, breach: Breach, hit: np.void | None) -> None:
        """Group one breach with its like and tell the desk what comes of it."""
        self.counts.rule_hits += 1
        updates = self._groups.hit(
            RuleHit(**breach._asdict(), evidence=() if hit is None else (evidence_of(hit),))
        )
        if updates:
            self._count(self._teller.rules(updates, hit))

    def _mark_stale(self, frames: Frames, sessions: npt.NDArray[np.int32]) -> None:
        """Set STALE on frames until the session ends in which messages were lost."""
        held = self._stale_in[frames.security]
        if (held == SOUND).all():
            return
        first = np.flatnonzero(held == FROM_NEXT)[::-1]  # of a security's frames the first wins
        self._stale_in[frames.security[first]] = sessions[first]
        stale = self._stale_in[frames.security] == sessions
        np.bitwise_or(frames.status, stale * np.uint8(STALE), out=frames.status)

    def _define(self, definition: Definition, batch: Batch) -> None:
        try:
            row = self.listings.define(definition)
        except MarketError as err:
            self._refuse(err, batch)
            return
        security = self.listings.security_row(definition.security_id)
        self._grow(len(self.listings.securities))
        info = self.listings.infos[row]
        if not info.dark or security not in self._lit:
            self.extractor.define(
                security,
                tick=info.tick,
                session_open_ns=info.session_open_ns,
                session_close_ns=info.session_close_ns,
                names=(info.symbol, info.class_),
            )
        if not info.dark:
            self._lit.add(security)
        self._listings_of.setdefault((batch.venue, batch.channel), set()).add(row)

    def _account(self, account: AccountRecord, batch: Batch) -> None:
        try:
            self.listings.account(account)
        except MarketError as err:
            self._refuse(err, batch)

    def _refuse(self, err: MarketError, batch: Batch) -> None:
        """Go on without a record that contradicts what is known, and tell the desk."""
        self.counts.refused += 1
        reason = f"reference data was refused ({err})"
        ts, arrival = self._newest_ts, self.counts.events
        group = feed_group(batch.venue, "reference")
        breach = Breach("DATA", reason, -1, ts, arrival, group, "medium", math.nan, "")
        self._breach(breach, None)

    def _heed(self, notice: Notice) -> None:
        """Tell what the wire noticed; after a loss the channel's securities start anew."""
        breach = feed_breach(notice, self._newest_ts, self.counts.events)
        if breach is not None:
            self._breach(breach, None)
        if notice.kind not in (NoticeKind.LOST, NoticeKind.SESSION):
            return
        lost = notice.kind is NoticeKind.LOST
        rows = sorted(self._listings_of.get((notice.venue, notice.channel), ()))
        for security in np.unique(self.listings.listing_rows["security"][rows]).tolist():
            self.scheduler.forget(security)
            self.extractor.reset(security)
            self.rules.reset(security)
            self._reset(security)
            self._stale_in[security] = FROM_NEXT if lost else SOUND
        if not lost:
            for row in rows:
                self.market.clear(row)

    def _reset(self, security: int) -> None:
        self.engine.reset(security)
        self._warm[security] = 0
        self.counts.resets += 1

    def _grow(self, securities: int) -> None:
        if securities <= self._capacity:
            return
        capacity = max(securities, 2 * self._capacity)
        more = capacity - self._capacity
        self.extractor.grow(capacity)
        self.engine.grow(capacity)
        self.detector.grow(capacity)
        self._session = np.concatenate([self._session, np.full(more, -1)])
        self._warm = np.concatenate([self._warm, np.zeros(more, np.int64)])
        self._stale_in = np.concatenate([self._stale_in, np.full(more, SOUND)])
        self._capacity = capacity

    # What goes out.

    def score(self) -> int:
        """Score one step's worth of waiting frames; return how many.

        With nothing left to score, what event time alone ends is told.
        """
        due = self.scheduler.take(self.engine.batch)
        if due is None:
            self._end_quiet()
            return 0
        frames = due.frames
        self._open_sessions(due)
        warming = self._warm[frames.security] < WARMING_FRAMES
        np.bitwise_or(frames.status, warming * np.uint8(WARMING), out=frames.status)
        self._warm[frames.security] += 1
        began = time.perf_counter_ns()
        scores = self.engine.step(
            frames.security, frames.ts, frames.trigger, frames.values, frames.mask
        )
        stepped = time.perf_counter_ns()
        scores["arrival"] = frames.arrival
        self.scores_digest.add_rows(scores)
        if self._on_schedule is not None:
            self._on_schedule(_schedule_rows(due))
        decisions = self.detector.decide_many(scores, frames.conditions, frames.status)
        self.flag_rates.take(decisions)
        decided_ns = self._clock_ns()
        self._tell(due)
        self.latencies.step.add(stepped - began)
        self.latencies.decide.add(time.perf_counter_ns() - stepped)
        self.latencies.decision_age.extend(decided_ns - due.sent_ns)
        self.counts.frames_scored += len(scores)
        self.counts.flags += int(decisions["flag"].sum())
        return len(scores)

    def drain(self) -> None:
        """Score until nothing waits."""
        while self.score():
            pass

    def finish(self) -> None:
        """Score what waits and settle every open episode, as at the end of the day."""
        self.drain()
        for hit in self.rules.settle():
            self._breach(self.rules.breach(hit), hit)
        self._count(self._teller.rules(self._groups.finish(), None))
        self._count(self._teller.episodes(self.detector.finish(), {}))

    def misfits(self) -> dict[str, Misfit]:
        """Return, by symbol, the securities that are not flagged as often as was asked."""
        known = self.listings.securities
        return {known[found.security].symbol: found for found in self.flag_rates.misfits()}

    def _end_quiet(self) -> None:
        """Judge and close the episodes of securities that fell silent, once an event second.

        The content of what is told does not depend on when this runs, only how early it is told:
        no event older than `late_ns` is expected any more.
        """
        horizon = self._newest_ts - self.config.detect.late_ns
        if horizon // NS_PER_S <= self._settled_s:
            return
        self._settled_s = horizon // NS_PER_S
        for security in self._groups.open_securities():
            self._count(self._teller.rules(self._groups.advance(security, horizon), None))
        for security in self.detector.open_securities():
            self.detector.advance(security, horizon)
        self._count(self._teller.episodes(self.detector.drain(), {}))

    def _open_sessions(self, due: Due) -> None:
        """Start securities anew whose session changed since their last frame."""
        sessions = due.observations["session"]
        securities = due.frames.security
        for row in np.flatnonzero(sessions != self._session[securities]):
            security = int(securities[row])
            if self._session[security] >= 0:
                self._reset(security)
                self.detector.roll(security)
            self._session[security] = sessions[row]

    def _tell(self, due: Due) -> None:
        updates = self.detector.drain()
        if not updates:
            return
        seen = {int(s): o for s, o in zip(due.frames.security, due.observations, strict=True)}
        conflated = frozenset(due.frames.security[due.conflated].tolist())
        told = self._teller.episodes(updates, seen, conflated)
        self._count(told)
        if any(alert.state == "opened" for alert in told) and len(due.sent_ns):
            self.latencies.alert_age.add(self._clock_ns() - int(due.sent_ns.max()))

    def _count(self, alerts: list[Alert]) -> None:
        counts = self.counts
        for alert in alerts:
            self.alerts_digest.add(bytes.fromhex(alert.content_hash))
            counts.updates += 1
            if alert.number == 0:
                counts.alerts += 1
                counts.by_typology[alert.typology] = counts.by_typology.get(alert.typology, 0) + 1


def evidence_of(hit: np.void) -> Evidence:
    """Return the event behind a HIT row as an alert cites it."""
    return Evidence(
        arrival=int(hit["arrival"]),
        ts_event=int(hit["ts"]),
        sequence=int(hit["sequence"]),
        order_id=int(hit["order_id"]),
        contra_order_id=int(hit["contra_order_id"]),
        price=known_price(int(hit["price"])),
        size=int(hit["size"]),
    )


def _schedule_rows(due: Due) -> npt.NDArray[np.void]:
    rows = np.zeros(len(due.frames.security), SCHEDULE)
    rows["arrival"] = due.frames.arrival
    rows["ts"] = due.frames.ts
    rows["security"] = due.frames.security
    rows["flags"] = due.conflated * np.uint8(CONFLATED)
    return rows
