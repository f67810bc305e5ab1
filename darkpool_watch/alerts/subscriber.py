"""A desk's client: alerts in order, gaps noticed and filled from the replay socket."""

import itertools
import time
from types import TracebackType
from typing import Any, NamedTuple, Self

import msgspec
import zmq

from darkpool_watch.alerts.protocol import (
    ALERT,
    ALERTS,
    END,
    HEARTBEAT,
    HEARTBEAT_TOPIC,
    MAX_BYTES,
    REPLAY_QUEUE,
    AlertHeader,
    ReplayRequest,
    decode_end,
    decode_header,
    encode_header,
)
from darkpool_watch.alerts.record import Alert, decode
from darkpool_watch.wire import sockets


class Received(NamedTuple):
    """One alert as it arrived."""

    sequence: int
    topic: bytes
    alert: Alert
    replayed: bool


class AlertSubscriber:
    """Receives the alerts whose topics start with one of `prefixes`, each once, in order.

    `first` is the sequence to begin with, from the journal where it lies in the past; None begins
    with the next one published. Sequences count all alerts of a daemon, so a gap shows at once
    without prefixes, and at the next heartbeat with them. What a replay does not bring within
    `patience_ms` is counted in `lost`.
    """

    def __init__(
        self,
        endpoint: str,
        replay_endpoint: str = "",
        *,
        prefixes: tuple[bytes, ...] = (),
        first: int | None = None,
        high_water_mark: int = 10_000,
        patience_ms: int = 1_000,
    ) -> None:
        self.gaps = 0
        self.lost = 0  # alerts that neither socket brought
        self.malformed = 0
        self.journal = ""
        self.next_sequence = first  # everything before it is settled
        self._prefixes = prefixes
        self._patience_ms = patience_ms
        self._tokens = itertools.count(1)
        self._early: dict[int, Received] = {}  # with prefixes: delivered beyond next_sequence
        self._context: zmq.Context[Any] = zmq.Context()
        self._socket: zmq.Socket[Any] = self._context.socket(zmq.SUB)
        sockets.limit(self._socket, high_water_mark=high_water_mark, max_bytes=MAX_BYTES)
        for prefix in (*(prefixes or (ALERTS,)), HEARTBEAT_TOPIC):
            self._socket.subscribe(prefix)
        sockets.connect(self._socket, endpoint)
        self._replay: zmq.Socket[Any] | None = None
        if replay_endpoint:
            self._replay = self._context.socket(zmq.DEALER)
            sockets.limit(self._replay, high_water_mark=REPLAY_QUEUE, max_bytes=MAX_BYTES)
            sockets.connect(self._replay, replay_endpoint)

    def catch_up(self) -> list[Received]:
        """Return everything the journal holds from `next_sequence` on, without waiting for news."""
        if self.next_sequence is None:
            return []
        return self._fetch(self.next_sequence, None)

    def poll(self, timeout_ms: int) -> list[Received]:
        """Return what arrived within `timeout_ms`: at once when something waits, maybe nothing."""
        received: list[Received] = []
        if not self._socket.poll(timeout_ms):
            return received
        while True:
            try:
                parts = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return received
            try:
                topic, head, body = parts
                header = decode_header(head)
                received += self._take(topic, header, body)
            except (ValueError, msgspec.DecodeError):
                self.malformed += 1

    def close(self) -> None:
        """Close the sockets."""
        self._socket.close(linger=0)
        if self._replay is not None:
            self._replay.close(linger=0)
        self._context.term()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _take(self, topic: bytes, header: AlertHeader, body: bytes) -> list[Received]:
        """Return what a live message makes deliverable."""
        if header.journal != self.journal:
            if self.journal:  # the daemon came back with another journal: its own numbers
                self.next_sequence = 1
                self._early.clear()
            self.journal = header.journal
        if self.next_sequence is None:
            self.next_sequence = header.sequence
        if header.kind == HEARTBEAT:
            if header.sequence <= self.next_sequence:
                return []
            return self._settle(header.sequence)
        if header.kind != ALERT or header.sequence < self.next_sequence:
            return []
        news = Received(header.sequence, topic, decode(body), header.replayed)
        if self._prefixes:
            if header.sequence in self._early:
                return []
            self._early[header.sequence] = news
            if header.sequence == self.next_sequence:
                self._forget(header.sequence + 1)
            return [news]
        missed = self._settle(header.sequence) if header.sequence > self.next_sequence else []
        self.next_sequence = header.sequence + 1
        return [*missed, news]

    def _settle(self, before: int) -> list[Received]:
        """Return what was missed of [next_sequence, before)."""
        assert self.next_sequence is not None
        first = self.next_sequence
        if not self._prefixes:
            self.gaps += 1
        missed = self._fetch(first, before - 1)
        if not self._prefixes:
            self.lost += before - first - len(missed)
        elif missed:
            self.gaps += 1
        self._forget(before)
        return missed

    def _forget(self, before: int) -> None:
        self.next_sequence = before
        for sequence in [s for s in self._early if s < before]:
            del self._early[sequence]

    def _fetch(self, first: int, last: int | None) -> list[Received]:
        """Return alerts `first` to `last` (None: the newest) that the journal has and we do not."""
        found: list[Received] = []
        if self._replay is None:
            return found
        deadline = time.monotonic() + self._patience_ms / 1_000
        while last is None or first <= last:
            token = next(self._tokens)
            request = ReplayRequest(token, first, last or 0, list(self._prefixes))
            self._replay.send(encode_header(request))
            answer = self._answer(token, deadline)
            if answer is None:
                break
            batch, following = answer
            found += [news for news in batch if news.sequence not in self._early]
            if following <= first:
                break
            first = following
            if last is None:
                self._forget(first)
        return found

    def _answer(self, token: int, deadline: float) -> tuple[list[Received], int] | None:
        """Return the alerts answering a request and where to go on; None when time ran out."""
        assert self._replay is not None
        batch: list[Received] = []
        while True:
            left_ms = round((deadline - time.monotonic()) * 1_000)
            if left_ms <= 0 or not self._replay.poll(left_ms):
                return None
            topic, head, body = self._replay.recv_multipart()
            header = decode_header(head)
            if header.kind == END:
                end = decode_end(body)
                if end.token == token:
                    return batch, end.next
                batch.clear()  # the end of an answer that was given up before
            else:
                batch.append(Received(header.sequence, topic, decode(body), True))
