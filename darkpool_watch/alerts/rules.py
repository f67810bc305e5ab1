"""Rule hits grouped, so that a broken feed or a careless router does not flood the desk.

Hits of one rule and reason on one security, each within the cooldown of the one before, are one
alert. Every hit is counted; the desk hears of the first, of each doubling, and of the end.
"""

import math
from dataclasses import dataclass, field

import msgspec

from darkpool_watch.alerts.record import SEVERITIES, Evidence

KEPT_EVIDENCE = 16  # events named in an update; all are counted


class RuleHit(msgspec.Struct, frozen=True, kw_only=True):
    """One breach of one rule, in plain values."""

    rule: str  # typology code: TRADE-THROUGH, DATA, ...
    reason: str  # what happened, in words; part of a sentence
    security: int  # dense row; -1: a feed or venue without one
    ts: int  # ns of event time
    arrival: int
    group: str = ""  # what keeps alerts apart beside rule and security: a reason's name, a listing
    severity: str = "medium"
    measure: float = math.nan  # how bad, in `unit`; NaN = not measured
    unit: str = ""
    evidence: tuple[Evidence, ...] = ()


class RuleUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to a group of hits."""

    rule: str
    group: str
    reason: str
    security: int
    state: str  # opened, extended or closed
    number: int
    severity: str
    severity_at_opening: str
    ts: int  # ns of event time at which it happened
    arrival: int  # of the last hit
    opened_ts: int
    opened_arrival: int
    last_ts: int
    hits: int
    worst: float  # largest measure; NaN = none
    unit: str
    evidence: tuple[Evidence, ...]  # of the first hits and the last ones


@dataclass(slots=True)
class _Group:
    first: RuleHit
    last: RuleHit
    severity: str
    hits: int = 0
    told: int = 0  # hits at the last update
    number: int = 0  # updates so far
    worst: float = math.nan
    early: list[Evidence] = field(default_factory=list)
    late: list[Evidence] = field(default_factory=list)


class RuleGroups:
    """Groups hits by (rule, group, security) with a cooldown on event time."""

    def __init__(self, cooldown_ns: int) -> None:
        self.hits = 0
        self._cooldown_ns = cooldown_ns
        self._open: dict[tuple[str, str, int], _Group] = {}

    def hit(self, hit: RuleHit) -> list[RuleUpdate]:
        """Take one hit and return what it leads to: often nothing, at most an end and a start."""
        self.hits += 1
        key = (hit.rule, hit.group, hit.security)
        updates: list[RuleUpdate] = []
        group = self._open.get(key)
        if group is not None and hit.ts - group.last.ts > self._cooldown_ns:
            updates.append(self._close(key))
            group = None
        if group is None:
            group = self._open[key] = _Group(hit, hit, hit.severity)
        group.hits += 1
        if hit.ts >= group.last.ts:
            group.last = hit
        group.severity = max(group.severity, hit.severity, key=SEVERITIES.index)
        if not math.isnan(hit.measure):
            group.worst = hit.measure if math.isnan(group.worst) else max(group.worst, hit.measure)
        half = KEPT_EVIDENCE // 2
        room = half - len(group.early)
        group.early += hit.evidence[:room]
        group.late = [*group.late, *hit.evidence[room:]][-half:]
        if group.hits == 1 or group.hits >= 2 * group.told:
            group.told = group.hits
            updates.append(self._update(group, "opened" if group.hits == 1 else "extended", hit.ts))
        return updates

    def advance(self, security: int, ts: int) -> list[RuleUpdate]:
        """Return the ends that event time `ts` of a security brings.

        What is told does not depend on whether or when this is called, only how early.
        """
        ended = [
            key
            for key, group in self._open.items()
            if key[2] == security and ts - group.last.ts > self._cooldown_ns
        ]
        return [self._close(key) for key in ended]

    def open_securities(self) -> list[int]:
        """Return the securities (-1: feeds) with hits that still go on."""
        return sorted({key[2] for key in self._open})

    def finish(self) -> list[RuleUpdate]:
        """End every group, in the order of their ends."""
        updates = [self._close(key) for key in list(self._open)]
        return sorted(updates, key=lambda update: (update.ts, update.opened_arrival))

    def _close(self, key: tuple[str, str, int]) -> RuleUpdate:
        group = self._open.pop(key)
        return self._update(group, "closed", group.last.ts + self._cooldown_ns)

    def _update(self, group: _Group, state: str, ts: int) -> RuleUpdate:
        update = RuleUpdate(
            rule=group.first.rule,
            group=group.first.group,
            reason=group.last.reason,
            security=group.first.security,
            state=state,
            number=group.number,
            severity=group.severity,
            severity_at_opening=group.first.severity,
            ts=ts,
            arrival=group.last.arrival,
            opened_ts=group.first.ts,
            opened_arrival=group.first.arrival,
            last_ts=group.last.ts,
            hits=group.hits,
            worst=group.worst,
            unit=group.first.unit,
            evidence=(*group.early, *group.late),
        )
        group.number += 1
        return update
