"""The desk's end of the world: alerts on a PUB socket, replayed from the journal on a ROUTER."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
import zmq

from darkpool_watch.alerts.journal import Journal, JournalReader
from darkpool_watch.alerts.protocol import (
    ALERT,
    END,
    HEARTBEAT,
    HEARTBEAT_TOPIC,
    MAX_BYTES,
    MAX_PREFIXES,
    MAX_REPLAY,
    REPLAY_QUEUE,
    AlertHeader,
    ReplayEnd,
    decode_request,
    encode_header,
)
from darkpool_watch.config import AlertConfig
from darkpool_watch.errors import JournalError
from darkpool_watch.units import NS_PER_MS
from darkpool_watch.wire import sockets

_SERVICE_MS = 50  # how soon the replay service sees that it should stop
_CLOSE_MS = 500  # what is queued may leave for this long when the publisher closes
_MAX_SEQUENCE = (1 << 63) - 1


class AlertPublisher:
    """Publishes alerts that are already in the journal.

    `publish` and `heartbeat` belong to one thread and never wait: a subscriber that does not read
    loses alerts past the high-water mark, sees the gap in their sequence, and asks for the replay.
    A second thread answers replay requests from the journal with a connection of its own.

    Raises ConfigError when an endpoint cannot be bound.
    """

    def __init__(
        self,
        config: AlertConfig,
        journal: Journal,
        *,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.identity = journal.identity
        self.next_sequence = journal.alert_sequence + 1
        self.published = 0
        self._clock_ns = clock_ns
        self._heartbeat_ns = config.heartbeat_ms * NS_PER_MS
        self._last_ns = clock_ns()
        self._context: zmq.Context[Any] = zmq.Context()
        self._socket: zmq.Socket[Any] = self._context.socket(zmq.PUB)
        sockets.limit(self._socket, high_water_mark=config.high_water_mark, max_bytes=MAX_BYTES)
        self.replay: ReplayService | None = None
        try:
            self.endpoint = sockets.bind(self._socket, config.endpoint)
            if config.replay_endpoint:
                self.replay = ReplayService(self._context, config, journal.path, journal.identity)
        except BaseException:
            self.close()
            raise

    def publish(self, topic: bytes, sequence: int, body: bytes) -> None:
        """Send one alert, `body` being its JSON as journalled."""
        header = encode_header(AlertHeader(ALERT, self.identity, sequence))
        self._socket.send_multipart((topic, header, body), copy=True)
        self.next_sequence = sequence + 1
        self.published += 1
        self._last_ns = self._clock_ns()

    def heartbeat(self, *, force: bool = False) -> bool:
        """Tell the next sequence when nothing has been sent for a while; return whether it did."""
        now = self._clock_ns()
        if not force and now - self._last_ns < self._heartbeat_ns:
            return False
        header = encode_header(AlertHeader(HEARTBEAT, self.identity, self.next_sequence))
        self._socket.send_multipart((HEARTBEAT_TOPIC, header, b""))
        self._last_ns = now
        return True

    def close(self) -> None:
        """Stop the replay service and close the sockets; queued alerts get half a second."""
        if self.replay is not None:
            self.replay.close()
        self._socket.close(linger=_CLOSE_MS)
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


class ReplayService:
    """A thread that answers replay requests from the journal."""

    def __init__(
        self, context: "zmq.Context[Any]", config: AlertConfig, path: Path, identity: str
    ) -> None:
        self.answered = 0  # requests
        self.replayed = 0  # alerts
        self.bad_requests = 0
        self._identity = identity
        self._path = path
        self._reader: JournalReader | None = None
        self._socket: zmq.Socket[Any] = context.socket(zmq.ROUTER)
        sockets.limit(self._socket, high_water_mark=REPLAY_QUEUE, max_bytes=MAX_BYTES)
        try:
            self.endpoint = sockets.bind(self._socket, config.replay_endpoint)
        except BaseException:
            self._socket.close(linger=0)
            raise
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="alert-replay", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop the thread and close its socket and connection."""
        self._stop.set()
        self._thread.join()

    def _serve(self) -> None:
        try:
            while not self._stop.is_set():
                if self._socket.poll(_SERVICE_MS):
                    parts = self._socket.recv_multipart()
                    self._answer(parts[0], parts[1:])
        finally:
            self._socket.close(linger=_CLOSE_MS)
            if self._reader is not None:
                self._reader.close()

    def _answer(self, peer: bytes, parts: list[bytes]) -> None:
        try:
            if len(parts) != 1:
                raise msgspec.DecodeError(f"{len(parts)} parts, needed 1")
            request = decode_request(parts[0])
            if request.first < 1 or len(request.prefixes) > MAX_PREFIXES:
                raise msgspec.DecodeError("first below 1 or too many prefixes")
        except msgspec.DecodeError as err:
            self.bad_requests += 1
            self._end(peer, ReplayEnd(0, 0, f"Replay request not understood: {err}"))
            return
        prefixes = tuple(request.prefixes) or (b"",)
        last = min(request.last, _MAX_SEQUENCE) if request.last > 0 else _MAX_SEQUENCE
        try:
            if self._reader is None:
                self._reader = JournalReader(self._path)
            rows = self._reader.alerts(min(request.first, _MAX_SEQUENCE), last, MAX_REPLAY)
        except JournalError as err:
            self._end(peer, ReplayEnd(request.token, request.first, str(err)))
            return
        following = request.first
        for row in rows:
            assert row.entry.alert_sequence is not None
            assert row.entry.topic is not None
            following = row.entry.alert_sequence + 1
            topic = row.entry.topic.encode("ascii")
            if topic.startswith(prefixes):
                header = AlertHeader(ALERT, self._identity, row.entry.alert_sequence, True)
                self._send(peer, topic, encode_header(header), row.entry.body)
                self.replayed += 1
        self._end(peer, ReplayEnd(request.token, following))
        self.answered += 1

    def _end(self, peer: bytes, end: ReplayEnd) -> None:
        header = encode_header(AlertHeader(END, self._identity, end.next, True))
        self._send(peer, b"", header, encode_header(end))

    def _send(self, *parts: bytes) -> None:
        # A peer that asks and does not read fills its own queue; the service goes on.
        try:
            self._socket.send_multipart(parts, flags=zmq.NOBLOCK)
        except zmq.Again:
            return
