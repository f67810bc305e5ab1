"""Where batches come from: a live publisher, or a list. Both ends have the same two methods."""

import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self

import numpy as np
import zmq

from darkpool_watch.config import WireConfig
from darkpool_watch.units import NS_PER_MS
from darkpool_watch.wire import control
from darkpool_watch.wire.batch import Batch
from darkpool_watch.wire.capture import CaptureWriter, capture_path
from darkpool_watch.wire.counters import Counters
from darkpool_watch.wire.events import AccountRecord, Definition
from darkpool_watch.wire.frame import FRAME_EVENTS, warm_up
from darkpool_watch.wire.intake import Intake
from darkpool_watch.wire.link import Link
from darkpool_watch.wire.quarantine import Quarantine
from darkpool_watch.wire.rows import Rows

BURST: Final = 64  # frames a poll takes from one socket at most
CREDIT_BURST: Final = 4  # the same where the publisher waits to hear that they were handled
_MOST_PARTS: Final = 8  # of one message that are kept; a frame has three
_ALIVE_MS: Final = 500  # an idle subscriber tells a waiting publisher this often that it is there


class FrameSource(Protocol):
    """Stage 1 as the pipeline sees it."""

    counters: Counters

    def poll(self, timeout_ms: int) -> list[Batch]:
        """Return what has arrived, in order; wait at most `timeout_ms` for the first of it.

        Asking again says that everything returned before has been handled.
        """
        ...

    def close(self) -> None:
        """Release what the source holds."""
        ...


class ListSource:
    """Gives batches from memory, `per_poll` a call: the source of tests and of replayed tapes."""

    def __init__(self, batches: Iterable[Batch], *, per_poll: int = 1) -> None:
        self.counters = Counters()
        self.exhausted = False
        self._batches = iter(batches)
        self._per_poll = per_poll

    def poll(self, timeout_ms: int) -> list[Batch]:
        """Return the next batches; an empty list once there are none."""
        found = list(islice(self._batches, self._per_poll))
        self.exhausted = len(found) < self._per_poll
        for batch in found:
            self.counters.frames += 1
            self.counters.events += 0 if batch.events is None else len(batch.events)
            self.counters.definitions += len(batch.definitions)
            self.counters.accounts += len(batch.accounts)
        return found

    def close(self) -> None:
        """Do nothing: memory needs no release."""


def batches_of(
    events: Rows,  # (N,) EVENT
    *,
    definitions: Sequence[Definition] = (),
    accounts: Sequence[AccountRecord] = (),
    size: int = FRAME_EVENTS,
    venue: str = "",
    channel: int = 0,
    recv_ns: int = 0,
) -> Iterator[Batch]:
    """Yield reference data first, then `events` in batches of `size`, as a source would."""
    if definitions or accounts:
        yield Batch(None, tuple(definitions), tuple(accounts), (), recv_ns, venue, channel)
    for start in range(0, len(events), size):
        rows = np.frombuffer(bytearray(events[start : start + size].tobytes()), events.dtype)
        yield Batch(rows, (), (), (), recv_ns, venue, channel)


class ZmqSource:
    """Subscribes to a publisher, repairs what is missing, captures what it hands on.

    One thread owns it. On opening, and whenever a channel or session is new, it asks the replay
    socket for all definitions and holds that channel until they are there, `join_ms` at most.
    `positions` says where a restarted daemon goes on: next sequence by (venue, channel, session).

    Raises ConfigError when an endpoint is impossible, WireError when capture or quarantine cannot
    be written.
    """

    def __init__(
        self, config: WireConfig, *, positions: dict[tuple[str, int, int], int] | None = None
    ) -> None:
        self.config = config
        warm_up()
        started = time.time_ns()
        self.capture = (
            CaptureWriter(capture_path(Path(config.capture), started)) if config.capture else None
        )
        self.quarantine = (
            Quarantine(
                Path(config.quarantine) / f"{started}.quarantine", config.quarantine_max_bytes
            )
            if config.quarantine
            else None
        )
        self.intake = Intake(
            config,
            requesting=bool(config.replay_endpoint),
            capture=self.capture,
            quarantine=self.quarantine,
            positions=positions,
        )
        self.counters = self.intake.counters
        self._context: zmq.Context[Any] = zmq.Context()
        self._poller = zmq.Poller()
        try:
            self._flow = self._link(zmq.SUB, config.endpoint)
            self._replay = (
                self._link(zmq.DEALER, config.replay_endpoint) if config.replay_endpoint else None
            )
        except BaseException:
            self._context.destroy(linger=0)
            if self.capture is not None:
                self.capture.close()
            raise
        self._links = [link for link in (self._flow, self._replay) if link is not None]
        self._acknowledged: dict[tuple[str, int], tuple[int, int]] = {}
        self._acknowledged_ns = 0
        if self._replay is not None:
            self.intake.ask_reference(time.monotonic_ns())

    def _link(self, kind: int, endpoint: str) -> Link:
        return Link(self._context, self._poller, kind, endpoint, self.config)

    def poll(self, timeout_ms: int) -> list[Batch]:
        """Return what has arrived, in order; wait at most `timeout_ms` for the first of it.

        Asking again says that everything returned before has been handled: that is what a
        publisher with flow control waits for.
        """
        intake = self.intake
        self._acknowledge()
        end_ns = time.monotonic_ns() + timeout_ms * NS_PER_MS
        while True:
            now_ns = time.monotonic_ns()
            self._ask(now_ns)
            wake_ns = min(end_ns, max(intake.wake_ns, now_ns))
            for link in self._links:
                wake_ns = min(wake_ns, link.next_deadline() or wake_ns)
            if intake.pending:  # no connection yet: look again soon
                wake_ns = min(wake_ns, now_ns + NS_PER_MS)
            wait_ms = max(0, -((now_ns - wake_ns) // NS_PER_MS))
            ready = {socket for socket, _ in self._poller.poll(wait_ms)}
            for link in self._links:
                if link.socket in ready:
                    self._drain(link.socket)
            now_ns = time.monotonic_ns()
            for link in self._links:
                if link.monitor in ready or link.next_deadline():
                    self._watch(link, now_ns)
            intake.tick(now_ns, time.time_ns())
            batches = intake.take()
            if batches or now_ns >= end_ns:
                self._ask(now_ns)
                return batches

    def positions(self) -> dict[tuple[str, int, int], int]:
        """Return where a restarted source would go on, everything handed on being handled."""
        return self.intake.positions()

    def _drain(self, socket: "zmq.Socket[Any]") -> None:
        """Take a burst of the messages that wait on `socket`."""
        intake = self.intake
        for _ in range(CREDIT_BURST if intake.credit else BURST):
            try:
                parts = [socket.recv(zmq.NOBLOCK)]
            except zmq.Again:
                return
            while socket.get(zmq.RCVMORE):
                part = socket.recv()
                if len(parts) < _MOST_PARTS:
                    parts.append(part)
            now_ns, recv_ns = time.monotonic_ns(), time.time_ns()
            if len(parts) == 1 and self._replay is not None and socket is self._replay.socket:
                intake.accept_reply(parts[0], now_ns, recv_ns)
            else:
                intake.accept(parts, now_ns, recv_ns)

    def _watch(self, link: Link, now_ns: int) -> None:
        """Open a link again that ZeroMQ has given up."""
        if link.watch(now_ns):
            self.counters.reopened += 1
            self._acknowledged.clear()

    def _ask(self, now_ns: int) -> None:
        """Send pending requests; keep those that no connection takes until they are overdue."""
        intake = self.intake
        if not intake.pending or self._replay is None:
            return
        kept = []
        for pending in intake.pending:
            try:
                self._replay.socket.send(control.encode(pending.request), zmq.NOBLOCK)
                self.counters.requests += 1
            except zmq.Again:
                if now_ns < pending.deadline_ns:
                    kept.append(pending)
                else:
                    self.counters.requests_failed += 1
        intake.pending = kept

    def _acknowledge(self) -> None:
        """Tell a publisher that waits how far everything handed on has been handled."""
        if not self.intake.credit or self._replay is None:
            return
        now_ns = time.monotonic_ns()
        positions = []
        for key, channel in self.intake.channels.items():
            place = (channel.session, channel.expected)
            if self._acknowledged.get(key) != place:
                self._acknowledged[key] = place
                positions.append(control.Position(*key, *place))
        if not positions and now_ns - self._acknowledged_ns < _ALIVE_MS * NS_PER_MS:
            return
        try:
            self._replay.socket.send(control.encode(control.Acknowledge(positions)), zmq.NOBLOCK)
            self._acknowledged_ns = now_ns
        except zmq.Again:
            self._acknowledged.clear()  # say it again once there is a connection

    def close(self) -> None:
        """Close the sockets and complete the capture file."""
        for link in self._links:
            link.close()
        self._context.term()
        if self.quarantine is not None:
            self.quarantine.close()
        if self.capture is not None:
            self.capture.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
