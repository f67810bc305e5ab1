"""A venue's end of the wire: numbers, publishes, keeps and replays order flow."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import msgspec
import numpy as np
import zmq

from darkpool_watch.errors import WireError
from darkpool_watch.units import NS_PER_MS, NS_PER_S
from darkpool_watch.wire import control, sockets
from darkpool_watch.wire.credit import CreditLedger
from darkpool_watch.wire.events import UNDECODABLE, AccountRecord, Definition, Heartbeat
from darkpool_watch.wire.frame import FRAME_EVENTS, MAX_FRAME_BYTES, Header, Payload, encode
from darkpool_watch.wire.ring import ReplayRing
from darkpool_watch.wire.rows import Rows

Messages = Rows | Sequence[Definition] | Sequence[AccountRecord]
Withhold = Callable[[Header], bool]

_SERVICE_MS: Final = 20  # the replay service looks after heartbeats this often at least
_CLOSE_MS: Final = 2_000  # what is queued may leave for this long when the publisher closes
_REPLAY_FRAMES: Final = 100_000  # of repairs that may wait for one subscriber
_RECORDS_A_FRAME: Final = 128  # definitions or accounts

_header: Final = msgspec.msgpack.Decoder(Header)


@dataclass(slots=True)
class _Channel:
    """One numbered stream."""

    venue: str
    number: int
    ring: ReplayRing
    next_sequence: int = 1
    heartbeat_ns: int = 0  # monotonic ns of the last one


class FlowPublisher:
    """Publishes order flow on a PUB socket and replays it from a ROUTER socket.

    One thread calls `send`, `define` and `account`; a second one, its own, answers replay requests
    and sends heartbeats. `venue` and `channel` are the stream that calls name nothing else for.

    With `credit` > 0 the publisher waits: for a first subscriber, and so that no subscriber has
    more than `credit` frames of events still to handle; reference data waits for nobody. A
    subscriber that says nothing for `patience_s` is no longer waited for; where none is left for as
    long, `send` raises WireError.

    `ring_bytes` bounds what each channel can replay. `withhold` is a fault for tests: frames for
    which it says True are numbered and kept for replay, but not published.
    """

    def __init__(
        self,
        endpoint: str,
        replay_endpoint: str,
        *,
        venue: str = "SIMX",
        channel: int = 0,
        session: int | None = None,
        encoding: str = "packed",
        frame_events: int = FRAME_EVENTS,
        heartbeat_ms: int = 1_000,
        ring_bytes: int = 64 << 20,
        credit: int = 0,
        patience_s: float = 10.0,
        high_water_mark: int = 100_000,
        max_frame_bytes: int = MAX_FRAME_BYTES,
        withhold: Withhold | None = None,
    ) -> None:
        self.session = time.time_ns() if session is None else session
        self.encoding = encoding
        self.credit = credit
        self.withheld = 0  # frames
        self.replayed = 0  # frames
        self.bad_requests = 0
        self.replays_dropped = 0  # frames that a subscriber's full queue did not take
        self._ended = False
        self._default = (venue, channel)
        self._frame_events = min(frame_events, FRAME_EVENTS)
        self._heartbeat_ns = heartbeat_ms * NS_PER_MS
        self._ring_bytes = ring_bytes
        self._patience_s = patience_s
        self._withhold = withhold
        self._channels: dict[tuple[str, int], _Channel] = {}
        self._definitions: dict[int, tuple[tuple[str, int], Definition]] = {}
        self._accounts: dict[tuple[int, int], tuple[tuple[str, int], AccountRecord]] = {}
        self._ledger = CreditLedger(self.session, int(patience_s * NS_PER_S))
        self._changed = threading.Condition()  # guards everything above and the PUB socket
        self._context: zmq.Context[Any] = zmq.Context()
        self._pub: zmq.Socket[Any] = self._context.socket(zmq.PUB)
        self._router: zmq.Socket[Any] = self._context.socket(zmq.ROUTER)
        self._router.set(zmq.ROUTER_MANDATORY, 1)
        sockets.limit(self._pub, high_water_mark=high_water_mark, max_bytes=max_frame_bytes)
        sockets.limit(self._router, high_water_mark=_REPLAY_FRAMES, max_bytes=max_frame_bytes)
        try:
            self.endpoint = sockets.bind(self._pub, endpoint)
            self.replay_endpoint = sockets.bind(self._router, replay_endpoint)
        except Exception:
            self._context.destroy(linger=0)
            raise
        self._stop = threading.Event()
        self._channel(*self._default)
        self._service = threading.Thread(target=self._serve, name="flow-replay", daemon=True)
        self._service.start()

    # What the venue calls.

    def send(self, events: Rows, *, venue: str | None = None, channel: int | None = None) -> int:
        """Publish `events` (N,) EVENT in frames of at most 256; return the next sequence.

        Their `sequence` is set on the wire, not in the array. Raises WireError where `credit` is
        set and no subscriber is left.
        """
        stream = self._stream(venue, channel)
        for start in range(0, len(events), self._frame_events):
            self._publish(stream, events[start : start + self._frame_events])
        return stream.next_sequence

    def define(
        self, *definitions: Definition, venue: str | None = None, channel: int | None = None
    ) -> None:
        """Publish definitions and keep them for whoever asks later; a newer one replaces an older.

        Define a listing on the channel that carries its events, so that a loss on the channel
        reaches its security.
        """
        stream = self._stream(venue, channel)
        with self._changed:
            for definition in definitions:
                key = (stream.venue, stream.number)
                self._definitions[definition.instrument_id] = (key, definition)
        for start in range(0, len(definitions), _RECORDS_A_FRAME):
            self._publish(stream, definitions[start : start + _RECORDS_A_FRAME])

    def account(
        self, *records: AccountRecord, venue: str | None = None, channel: int | None = None
    ) -> None:
        """Publish account records and keep them for whoever asks later."""
        stream = self._stream(venue, channel)
        with self._changed:
            for record in records:
                key = (stream.venue, stream.number)
                self._accounts[record.account, record.valid_from_ns] = (key, record)
        for start in range(0, len(records), _RECORDS_A_FRAME):
            self._publish(stream, records[start : start + _RECORDS_A_FRAME])

    def heartbeat(self) -> None:
        """Send a heartbeat on every channel now, beside those of the clock."""
        with self._changed:
            for stream in self._channels.values():
                self._send_heartbeat(stream)

    def finish(self) -> None:
        """Tell every subscriber that nothing more will come, so that silence is no fault.

        Repairs are still answered until `close`. What is sent after all takes it back.
        """
        with self._changed:
            self._ended = True
            self.heartbeat()

    def wait_for_subscriber(self, timeout_s: float) -> bool:
        """Wait until a subscriber acknowledges; return whether one has. Needs `credit`."""
        with self._changed:
            return self._changed.wait_for(lambda: self._ledger.subscribers > 0, timeout_s)

    def wait_handled(self, timeout_s: float) -> bool:
        """Wait until subscribers have handled all that was sent; return whether they have.

        Needs `credit`.
        """
        with self._changed:
            return self._changed.wait_for(
                lambda: self._ledger.subscribers > 0 and self._ledger.outstanding == 0, timeout_s
            )

    @property
    def outstanding(self) -> int:
        """Return how many frames the slowest subscriber has still to handle. Needs `credit`."""
        return self._ledger.outstanding

    @property
    def most_outstanding(self) -> int:
        """Return the most frames that were ever outstanding at once. Needs `credit`."""
        return self._ledger.most_outstanding

    def close(self, *, finished: bool = True) -> None:
        """Stop the service and close both sockets; what is queued may leave for two seconds.

        `finished` says that all was sent that should be: else the end is a silence like any other.
        """
        if finished:
            self.finish()
        self._stop.set()
        self._service.join()
        self._pub.close(linger=_CLOSE_MS)
        self._router.close(linger=0)
        self._context.term()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close(finished=kind is None)

    # Publishing.

    def _stream(self, venue: str | None, channel: int | None) -> _Channel:
        return self._channel(
            self._default[0] if venue is None else venue,
            self._default[1] if channel is None else channel,
        )

    def _channel(self, venue: str, number: int) -> _Channel:
        key = (venue, number)
        if key not in self._channels:
            with self._changed:
                self._channels[key] = _Channel(venue, number, ReplayRing(self._ring_bytes))
        return self._channels[key]

    def _encode(self, stream: _Channel, payload: Payload, first: int) -> list[bytes]:
        return encode(
            payload,
            venue=stream.venue,
            channel=stream.number,
            session=self.session,
            first_sequence=first,
            sent_ns=time.time_ns(),
            encoding=self.encoding,
        )

    def _publish(self, stream: _Channel, payload: Messages) -> None:
        first, count = stream.next_sequence, len(payload)
        credited = self.credit > 0 and isinstance(payload, np.ndarray)
        if credited:
            self._await_credit()
        parts = self._encode(stream, payload, first)
        withheld = self._withhold is not None and self._withhold(_header.decode(parts[1]))
        with self._changed:
            self._ended = False
            stream.ring.append(first, count, parts)
            stream.next_sequence = first + count
            if credited:
                self._ledger.sent((stream.venue, stream.number), first + count)
            if withheld:
                self.withheld += 1
            else:
                self._pub.send_multipart(parts)

    def _await_credit(self) -> None:
        """Wait until a subscriber is there and has room for one more frame."""
        with self._changed:
            ledger = self._ledger
            while not self._changed.wait_for(
                lambda: ledger.subscribers > 0 and ledger.outstanding < self.credit,
                self._patience_s,
            ):
                if ledger.subscribers == 0:
                    raise WireError(
                        f"No subscriber of {self.endpoint} acknowledged anything for "
                        f"{self._patience_s:g} s: start one that knows {self.replay_endpoint}, or "
                        "publish without flow control",
                        reason="credit",
                    )

    def _send_heartbeat(self, stream: _Channel) -> None:
        beat = Heartbeat(stream.next_sequence, stream.ring.oldest_sequence, self._ended)
        self._pub.send_multipart(self._encode(stream, beat, stream.next_sequence))
        stream.heartbeat_ns = time.monotonic_ns()

    # The service thread.

    def _serve(self) -> None:
        while not self._stop.is_set():
            ready = self._router.poll(_SERVICE_MS)
            now_ns = time.monotonic_ns()
            self._beat(now_ns)
            if ready:
                self._answer_waiting(now_ns)

    def _beat(self, now_ns: int) -> None:
        """Send due heartbeats, and drop subscribers that have gone quiet."""
        with self._changed:
            interval = self._heartbeat_ns
            if self.credit:
                self._ledger.expire(now_ns)
                if self._ledger.subscribers == 0:
                    interval = _SERVICE_MS * NS_PER_MS  # let whoever connects speak up soon
                self._changed.notify_all()
            for stream in self._channels.values():
                if now_ns - stream.heartbeat_ns >= interval:
                    self._send_heartbeat(stream)

    def _answer_waiting(self, now_ns: int) -> None:
        while True:
            try:
                parts = self._router.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            try:
                if len(parts) != 2:
                    raise msgspec.ValidationError(f"{len(parts)} parts")
                request = control.decode_request(parts[1])
            except UNDECODABLE:
                self.bad_requests += 1
                continue
            self._answer(parts[0], request, now_ns)

    def _answer(self, peer: bytes, request: control.Request, now_ns: int) -> None:
        if isinstance(request, control.Acknowledge):
            with self._changed:
                self._ledger.acknowledged(peer, request.positions, now_ns)
                self._changed.notify_all()
        elif isinstance(request, control.Reference):
            self._send_to(peer, self._reference())
            end = control.ReferenceEnd(request.request, self.credit)
            self._send_to(peer, [[control.encode(end)]])
        else:
            self._replay(peer, request)

    def _replay(self, peer: bytes, request: control.Replay) -> None:
        """Send what is held of the messages asked for, the loss of the rest first."""
        frames: list[Sequence[bytes]] = []
        missing = request.count
        with self._changed:
            stream = self._channels.get((request.venue, request.channel))
            if stream is not None and request.session == self.session:
                frames, missing = stream.ring.find(request.first, request.count)
        if missing:
            lost = control.Unavailable(
                request.venue, request.channel, request.session, request.first, missing
            )
            self._send_to(peer, [[control.encode(lost)]])
        self.replayed += self._send_to(peer, frames)

    def _reference(self) -> list[list[bytes]]:
        """Return all definitions and accounts as frames outside the sequence."""
        with self._changed:
            told: list[tuple[tuple[str, int], Definition | AccountRecord]] = [
                *self._definitions.values(),
                *self._accounts.values(),
            ]
            streams = dict(self._channels)
        groups: dict[tuple[tuple[str, int], type], list[Any]] = {}
        for key, record in told:
            groups.setdefault((key, type(record)), []).append(record)
        return [
            self._encode(streams[key], group[start : start + _RECORDS_A_FRAME], 0)
            for (key, _), group in groups.items()
            for start in range(0, len(group), _RECORDS_A_FRAME)
        ]

    def _send_to(self, peer: bytes, messages: Iterable[Sequence[bytes]]) -> int:
        """Send messages to one subscriber; return how many its queue took."""
        sent = 0
        for message in messages:
            try:
                self._router.send_multipart([peer, *message], zmq.NOBLOCK)
                sent += 1
            except zmq.Again:
                self.replays_dropped += 1
            except zmq.ZMQError:  # it has gone
                with self._changed:
                    self._ledger.forget(peer)
                return sent
        return sent
