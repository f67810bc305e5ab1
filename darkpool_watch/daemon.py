"""The running daemon: source, pipeline and desk, from the first socket to a clean stop."""

import gc
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

import msgspec

from darkpool_watch import __version__
from darkpool_watch.alerts.desk import AlertDesk
from darkpool_watch.alerts.journal import Journal
from darkpool_watch.alerts.publisher import AlertPublisher
from darkpool_watch.alerts.record import Alert
from darkpool_watch.bundle import Bundle, open_bundle
from darkpool_watch.config import Config
from darkpool_watch.pipeline import Pipeline
from darkpool_watch.schedule import Conflating, Nominal, Scheduler
from darkpool_watch.tape.reference import read_reference, told_of
from darkpool_watch.warmup import warm_up
from darkpool_watch.wire.presence import FeedWatch
from darkpool_watch.wire.schedule import ScheduleWriter, schedule_path
from darkpool_watch.wire.source import FrameSource, ZmqSource

SWITCH_S = 1e-4  # s: with Python's default of 5 ms a thread beside a kernel step makes it look 6 ms
IDLE_MS = 20  # ms waited for flow when nothing is owed
IDLE_S = 1.0  # s between housekeeping runs
CHECKPOINT_S = 30.0  # s that the journal's checkpoint may be put off under load


class Daemon:
    """Owns every socket and file of one run; `run` returns when `stop` is set. Close it after.

    Raises ConfigError, CheckpointError, JournalError or WireError, each with its next step, before
    the first event is taken. `say` is given the sentences that an operator should see, `on_alert`
    every alert record once it is published: it must return at once.
    """

    def __init__(
        self,
        config: Config,
        *,
        bundle: Bundle | None = None,
        source: FrameSource | None = None,
        say: Callable[[str], None] = lambda _: None,
        on_alert: Callable[[Alert], None] = lambda _: None,
    ) -> None:
        self.config = config
        self.stop = threading.Event()
        self._say = say
        self._misfits: set[str] = set()  # symbols told of
        reference = read_reference(config.reference)
        for sentence in told_of(config.reference, reference):
            say(sentence)
        bundle = bundle or open_bundle(config)
        self.trained = bundle.trained
        with ExitStack() as opened:  # what is open is closed again where the next cannot be
            # Before what takes minutes: a second daemon, or a port in use, is refused at once.
            self.journal = Journal(Path(config.alerts.journal), busy_ms=config.alerts.busy_ms)
            opened.callback(self.journal.close)
            self.publisher = AlertPublisher(config.alerts, self.journal)
            opened.callback(self.publisher.close)
            warm_up(config)
            self.desk = AlertDesk(self.journal, self.publisher, on_alert=on_alert)
            zmq_source = ZmqSource(config.wire) if source is None else None
            self.source: FrameSource = source or zmq_source  # type: ignore[assignment]
            opened.callback(self.source.close)
            capture = zmq_source.capture if zmq_source is not None else None
            self.capture_path = capture.path if capture is not None else None
            self._schedule: ScheduleWriter | None = None
            if capture is not None:
                self._schedule = ScheduleWriter(schedule_path(capture.path))
                opened.callback(self._schedule.close)
            self._conflate = config.model.conflate
            scheduler: Scheduler = Conflating() if self._conflate else Nominal()
            self.pipeline = Pipeline(
                config,
                bundle,
                scheduler,
                self.desk,
                reference=reference,
                on_schedule=self._schedule.append if self._schedule is not None else None,
            )
            self._opened = opened.pop_all()

    def run(self, on_idle: Callable[[], None] = lambda: None) -> None:
        """Take flow until `stop` is set, then drain and settle; the sockets stay open.

        `on_idle` is called about once a second from this thread.
        """
        self._note("start", {"version": __version__, "config": msgspec.to_builtins(self.config)})
        switch_s = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_S)
        gc.collect()
        gc.freeze()
        gc.disable()
        try:
            self._loop(on_idle)
            self._absorb(0)
            self.pipeline.finish()
        finally:
            gc.enable()
            gc.unfreeze()
            sys.setswitchinterval(switch_s)
            self._note("stop", msgspec.to_builtins(self.pipeline.counts))

    def _loop(self, on_idle: Callable[[], None]) -> None:
        pipeline = self.pipeline
        next_idle = quiet = time.monotonic()
        watch = FeedWatch(self.config.wire, self.source.counters, time.monotonic_ns())
        owed = 0
        while not self.stop.is_set():
            self._absorb(0 if owed else IDLE_MS)
            owed = pipeline.score()
            now = time.monotonic()
            if now >= next_idle:
                next_idle = now + IDLE_S
                # A checkpoint syncs the disk: while frames wait it is put off, not for ever.
                if not owed or now - quiet > CHECKPOINT_S:
                    quiet = now
                    gc.collect(1)
                    self.desk.idle()
                else:
                    self.publisher.heartbeat()
                if self._schedule is not None:
                    self._schedule.flush()
                if sentence := watch.look(time.monotonic_ns()):
                    self._note("feed", {"said": sentence})
                    self._say(sentence)
                self._tell_misfits()
                on_idle()

    def _tell_misfits(self) -> None:
        """Tell, once a security, whose thresholds do not fit its flow."""
        for symbol, found in self.pipeline.misfits().items():
            if symbol not in self._misfits:
                self._misfits.add(symbol)
                self._note("misfit", found)
                self._say(found.sentence(symbol))

    def _absorb(self, timeout_ms: int) -> None:
        for batch in self.source.poll(timeout_ms):
            self.pipeline.absorb(batch)
            if not self._conflate:
                self.pipeline.drain()

    def close(self) -> None:
        """Close every socket and file, the rest also where one of them fails."""
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _note(self, kind: str, body: object) -> None:
        self.desk.note(kind, msgspec.json.encode(body))


def stop_on_signals(daemon: Daemon) -> None:
    """Let SIGINT and SIGTERM end the run cleanly."""

    def handle(number: int, frame: FrameType | None) -> None:
        daemon.stop.set()

    signal.signal(signal.SIGINT, handle)
    signal.signal(signal.SIGTERM, handle)
