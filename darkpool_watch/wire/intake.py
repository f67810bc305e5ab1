"""Everything between a socket and a batch: decoding, quarantine, numbering, capture.

Whatever way a frame came (subscription, replay, a test's list), it passes here.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from darkpool_watch.config import WireConfig
from darkpool_watch.errors import WireError
from darkpool_watch.units import NS_PER_MS
from darkpool_watch.wire import control
from darkpool_watch.wire.batch import Batch, Notice, NoticeKind
from darkpool_watch.wire.capture import CaptureWriter
from darkpool_watch.wire.counters import Counters
from darkpool_watch.wire.events import UNDECODABLE
from darkpool_watch.wire.frame import Frame, Header, decode
from darkpool_watch.wire.quarantine import Quarantine
from darkpool_watch.wire.release import batch_of, batch_of_notice
from darkpool_watch.wire.sequencer import Channel, Output, Released
from darkpool_watch.wire.topic import flow_topic

MAX_CHANNELS: Final = 1_024  # a forged frame must not make the daemon grow
RECENT: Final = 64  # refusals kept to be shown


class Refusal(NamedTuple):
    """A frame, or one message of a frame, that was not handled."""

    reason: str  # name of its counter
    message: str


class Pending(NamedTuple):
    """A request for the replay socket, worth sending until its deadline."""

    request: control.Request
    deadline_ns: int  # monotonic ns


class Intake:
    """Turns raw frames into batches, channel by channel.

    `requesting` says whether a replay socket exists: without one a gap is lost once `repair_ms` are
    over, and nobody is asked for definitions. `positions` are the sequences at which a restarted
    daemon goes on, by (venue, channel, session). Times are given by the caller: `now_ns` monotonic,
    `recv_ns` UTC.
    """

    def __init__(
        self,
        config: WireConfig,
        *,
        requesting: bool,
        capture: CaptureWriter | None = None,
        quarantine: Quarantine | None = None,
        positions: dict[tuple[str, int, int], int] | None = None,
    ) -> None:
        self.config = config
        self.counters = Counters()
        self.channels: dict[tuple[str, int], Channel] = {}
        self._by_topic: dict[bytes, Channel] = {}
        self.refusals: deque[Refusal] = deque(maxlen=RECENT)
        self.pending: list[Pending] = []
        self.wake_ns = 0  # monotonic ns before which `tick` has nothing to do
        self.credit = 0  # frames the publisher lets be outstanding; 0 = it waits for nobody
        self._requesting = requesting
        self._capture = capture
        self._quarantine = quarantine
        self._positions = positions or {}
        self._requests = 0
        self._awaiting: dict[int, Channel] = {}  # who waits for the end of which reference request
        self._batches: list[Batch] = []

    def accept(self, parts: Sequence[bytes], now_ns: int, recv_ns: int) -> None:
        """Take one frame in; what it lets go is in `take`."""
        counters = self.counters
        counters.frames += 1
        counters.frame_bytes += sum(map(len, parts))
        try:
            frame = decode(parts, max_bytes=self.config.max_frame_bytes)
            if frame.faults:
                self._refuse_rows(frame, recv_ns)
            self._sequence(frame, now_ns, recv_ns)
        except WireError as err:
            self.refuse(parts, err.reason, str(err), recv_ns)
            return
        if frame.faults:
            self._tell_malformed(parts[0], len(frame.faults), recv_ns)

    def accept_reply(self, part: bytes, now_ns: int, recv_ns: int) -> None:
        """Take in a message of the replay socket that is no frame."""
        try:
            reply = control.decode_reply(part)
        except UNDECODABLE as err:
            self.counters.frames += 1
            self.refuse([part], "reply", f"Reply of {len(part)} bytes: {err}", recv_ns)
            return
        if isinstance(reply, control.Unavailable):
            channel = self.channels.get((reply.venue, reply.channel))
            if channel is not None and channel.session == reply.session:
                self.wake_ns = 0
                self._emit(channel.unavailable(reply.first, reply.count, now_ns), recv_ns)
            return
        self.credit = reply.credit
        waiting = self._awaiting.pop(reply.request, None)
        if waiting is not None and waiting.joining_ns:
            self.wake_ns = 0
            self._emit(waiting.joined(), recv_ns)

    def tick(self, now_ns: int, recv_ns: int) -> None:
        """Let time pass: give up what is overdue, notice who is silent."""
        if now_ns < self.wake_ns:
            return
        silence_ns = self.config.silence_ms * NS_PER_MS
        wake_ns = now_ns + silence_ns
        for channel in self.channels.values():
            deadline = channel.next_deadline()
            if deadline and deadline <= now_ns:
                self._emit(channel.tick(now_ns), recv_ns)
                deadline = channel.next_deadline()
            if deadline:
                wake_ns = min(wake_ns, deadline)
            if channel.silent or channel.ended:
                continue
            if now_ns - channel.heard_ns >= silence_ns:
                channel.silent = True
                self.counters.silences += 1
                self._emit([channel.notice(NoticeKind.SILENT, channel.expected)], recv_ns)
            else:
                wake_ns = min(wake_ns, channel.heard_ns + silence_ns)
        self.wake_ns = wake_ns

    def ask_reference(self, now_ns: int, channel: Channel | None = None) -> None:
        """Ask the publisher for its definitions and accounts, `channel` waiting for their end."""
        self._requests += 1
        if channel is not None:
            self._awaiting = {n: c for n, c in self._awaiting.items() if c.joining_ns}
            self._awaiting[self._requests] = channel
        deadline = now_ns + self.config.join_ms * NS_PER_MS
        self.pending.append(Pending(control.Reference(self._requests), deadline))

    def take(self) -> list[Batch]:
        """Return what has been released since the last call, in order."""
        batches, self._batches = self._batches, []
        return batches

    def positions(self) -> dict[tuple[str, int, int], int]:
        """Return the next sequence of each (venue, channel, session): where a restart goes on."""
        return {
            (channel.venue, channel.number, channel.session): channel.expected
            for channel in self.channels.values()
        }

    def refuse(self, parts: Sequence[bytes], reason: str, message: str, recv_ns: int) -> None:
        """Count, remember, quarantine and tell what cannot be handled."""
        self.counters.malformed[reason] += 1
        self.refusals.append(Refusal(reason, message))
        self._keep(parts, reason, message, recv_ns)
        self._tell_malformed(parts[0] if parts else b"", 1, recv_ns)

    def _tell_malformed(self, topic: bytes, messages: int, recv_ns: int) -> None:
        """Hand on, and capture, that messages were kept out: a replay must tell it too.

        What a broken header says is not believed; the topic names a channel where one is known.
        """
        channel = self._by_topic.get(topic)
        if channel is None:
            notice = Notice(NoticeKind.MALFORMED, "", 0, 0, 0, messages)
        else:
            notice = channel.notice(NoticeKind.MALFORMED, channel.expected, messages)
        self._emit([notice], recv_ns)

    def _refuse_rows(self, frame: Frame, recv_ns: int) -> None:
        for fault in frame.faults:
            self.counters.malformed[fault.reason] += 1
            self.refusals.append(Refusal(fault.reason, fault.message))
        first = frame.faults[0]
        self._keep(frame.parts, first.reason, first.message, recv_ns)

    def _keep(self, parts: Sequence[bytes], reason: str, message: str, recv_ns: int) -> None:
        if self._quarantine is None:
            return
        if self._quarantine.keep(parts, reason, message, recv_ns):
            self.counters.quarantined += 1
        else:
            self.counters.quarantine_full += 1

    def _sequence(self, frame: Frame, now_ns: int, recv_ns: int) -> None:
        """Hand a sound frame to its channel."""
        header = frame.header
        channel = self.channels.get((header.venue, header.channel))
        if header.first_sequence == 0:
            self._emit([Released(frame, 0, recv_ns)], recv_ns)
            return
        if channel is None:
            channel = self._open(header, now_ns)
        elif header.session != channel.session:
            if header.session in channel.retired:
                self.counters.stale_sessions += 1
                return
            channel = self._change_session(channel, header, now_ns, recv_ns)
        first = header.first_sequence
        if channel.leaps(first, first + header.count):
            raise WireError(
                f"Sequence {first} of {header.venue}/{header.channel} leaps "
                f"{first - channel.tail} ahead of {channel.tail}",
                reason="jump",
            )
        channel.heard_ns = now_ns
        if channel.silent:
            channel.silent = False
            self._emit([channel.notice(NoticeKind.HEARD, channel.expected)], recv_ns)
        if frame.heartbeat is not None:
            self.counters.heartbeats += 1
            channel.expect(first, now_ns)
            if frame.heartbeat.end and not channel.ended:
                self._emit([channel.notice(NoticeKind.ENDED, first)], recv_ns)
            channel.ended = first if frame.heartbeat.end else 0
        else:
            if first + header.count > channel.ended:  # else a repair of what came before the end
                channel.ended = 0
            self._emit(channel.accept(frame, now_ns, recv_ns), recv_ns)
        if channel.wanted:
            self.wake_ns = min(self.wake_ns, channel.next_deadline())
            self._ask_repair(channel, now_ns)

    def _open(self, header: Header, now_ns: int) -> Channel:
        """Return the state of a channel that speaks for the first time."""
        if len(self.channels) >= MAX_CHANNELS:
            raise WireError(
                f"Channel {header.venue}/{header.channel} would be number {MAX_CHANNELS + 1}, "
                f"at most {MAX_CHANNELS}",
                reason="channels",
            )
        start = 1 if self.config.join == "start" else header.first_sequence
        start = self._positions.get((header.venue, header.channel, header.session), start)
        return self._begin(header, start, now_ns)

    def _begin(self, header: Header, start: int, now_ns: int) -> Channel:
        channel = Channel(
            header.venue,
            header.channel,
            header.session,
            expected=start,
            tail=start,
            heard_ns=now_ns,
            counters=self.counters,
            repair_ns=self.config.repair_ms * NS_PER_MS,
        )
        self.channels[header.venue, header.channel] = channel
        self._by_topic[flow_topic(header.venue, header.channel)] = channel
        self.wake_ns = 0
        if self._requesting:
            channel.joining_ns = now_ns + self.config.join_ms * NS_PER_MS
            self.ask_reference(now_ns, channel)
        return channel

    def _change_session(self, old: Channel, header: Header, now_ns: int, recv_ns: int) -> Channel:
        """Settle what the old session still owed and begin the new one at its first message."""
        self._emit(old.abandon(), recv_ns)
        channel = self._begin(header, 1, now_ns)
        channel.retired = old.retired
        channel.retired.append(old.session)
        self.counters.sessions += 1
        self._emit([channel.notice(NoticeKind.SESSION, old.session)], recv_ns)
        return channel

    def _ask_repair(self, channel: Channel, now_ns: int) -> None:
        if self._requesting:
            deadline = now_ns + channel.repair_ns
            for first, count in channel.wanted:
                request = control.Replay(
                    channel.venue, channel.number, channel.session, first, count
                )
                self.pending.append(Pending(request, deadline))
        channel.wanted.clear()

    def _emit(self, outputs: Iterable[Output], recv_ns: int) -> None:
        """Capture what was released and turn it into batches."""
        counters = self.counters
        for output in outputs:
            if isinstance(output, Notice):
                batch = batch_of_notice(output, recv_ns)
            else:
                batch = batch_of(output)
            if self._capture is not None:
                self._capture.append(output, batch.recv_ns)
            counters.definitions += len(batch.definitions)
            counters.accounts += len(batch.accounts)
            if batch.events is not None:
                counters.events += len(batch.events)
            self._batches.append(batch)
