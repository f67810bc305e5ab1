"""Commit, then publish: the one way from an alert to a desk."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from darkpool_watch.alerts.journal import Entry, Journal
from darkpool_watch.alerts.record import Alert, encode, seal, stamp

KEPT = 65_536  # commit latencies kept for percentiles


class Publisher(Protocol):
    """What the desk needs of a publisher."""

    def publish(self, topic: bytes, sequence: int, body: bytes) -> None:
        """Send one alert that is in the journal."""

    def heartbeat(self, *, force: bool = False) -> bool:
        """Tell the next sequence when it is time."""


class AlertDesk:
    """Numbers, seals, journals and publishes alerts, in that order.

    `clock_ns` gives wall-clock ns UTC for the commit stamp. When the journal fails, JournalError
    passes through and nothing of that call is published. `on_alert` is told each record after it
    was published.
    """

    def __init__(
        self,
        journal: Journal,
        publisher: Publisher | None,
        *,
        actor: str = "daemon",
        on_alert: Callable[[Alert], None] = lambda _: None,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.journal = journal
        self.publisher = publisher
        self.actor = actor
        self.raised = 0  # records, openings included
        self.opened = 0
        self._on_alert = on_alert
        self._clock_ns = clock_ns
        self._previous: dict[str, str] = {}
        self._commits: deque[int] = deque(maxlen=KEPT)

    def submit(self, alerts: Sequence[Alert]) -> list[Alert]:
        """Commit `alerts` in one transaction, publish them, and return them as published.

        Sequence, supersedes, hashes and commit stamp are set here.
        """
        if not alerts:
            return []
        sequence = self.journal.alert_sequence
        previous: dict[str, str] = {}
        entries: list[Entry] = []
        done: list[Alert] = []
        commit_ns = self._clock_ns()
        for alert in alerts:
            sequence += 1
            name = alert.alert_id
            before = previous.get(name, self._previous.get(name, ""))
            sealed = stamp(seal(alert, before), sequence, commit_ns)
            previous[name] = sealed.content_hash
            done.append(sealed)
            entries.append(
                Entry(
                    "alert" if sealed.number == 0 else "update",
                    self.actor,
                    commit_ns,
                    encode(sealed),
                    sequence,
                    name,
                    sealed.topic.decode("ascii"),
                )
            )
        began = time.perf_counter_ns()
        self.journal.append(entries)
        self._commits.append(time.perf_counter_ns() - began)
        self._previous.update(previous)
        for sealed, entry in zip(done, entries, strict=True):
            if self.publisher is not None:
                self.publisher.publish(sealed.topic, sealed.sequence, entry.body)
            if sealed.state in ("closed", "retracted"):
                self._previous.pop(sealed.alert_id, None)
            self._on_alert(sealed)
        self.raised += len(done)
        self.opened += sum(alert.number == 0 for alert in done)
        return done

    def note(self, kind: str, body: bytes) -> None:
        """Journal what is no alert: start, stop, config, gap or note."""
        self.journal.append([Entry(kind, self.actor, self._clock_ns(), body)])

    def idle(self) -> None:
        """Do what may wait for a quiet moment: checkpoint the journal, send a heartbeat."""
        self.journal.checkpoint()
        if self.publisher is not None:
            self.publisher.heartbeat()

    @property
    def commit_ns(self) -> NDArray[np.int64]:
        """How long the last commits took, ns, up to 65,536 of them."""
        return np.array(self._commits, np.int64)
