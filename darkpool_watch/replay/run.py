"""A tape or a capture through the pipeline, as fast as it goes."""

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from darkpool_watch.alerts.record import Alert, seal
from darkpool_watch.bundle import Bundle, open_bundle
from darkpool_watch.config import Config
from darkpool_watch.detect.flag_rates import Misfit
from darkpool_watch.errors import ReplayError
from darkpool_watch.pipeline import Pipeline
from darkpool_watch.schedule import Nominal, Recorded, Scheduler
from darkpool_watch.tape.reference import read_reference, told_of
from darkpool_watch.tape.tape import Tape
from darkpool_watch.telling import Desk
from darkpool_watch.warmup import warm_up
from darkpool_watch.wire.batch import Batch
from darkpool_watch.wire.capture import SUFFIX, CaptureReader
from darkpool_watch.wire.schedule import read_schedule, schedule_path
from darkpool_watch.wire.source import batches_of

BLOCK = 4_096  # events; a block changes no bit, only how often Python runs


class ListDesk:
    """Seals alerts and keeps them: the desk of a replay without a journal."""

    def __init__(self) -> None:
        self.alerts: list[Alert] = []
        self._previous: dict[str, str] = {}

    def submit(self, alerts: list[Alert]) -> list[Alert]:
        """Seal alerts in order and keep them."""
        sealed = []
        for alert in alerts:
            done = seal(alert, self._previous.get(alert.alert_id, ""))
            self._previous[alert.alert_id] = done.content_hash
            sealed.append(done)
        self.alerts += sealed
        return sealed


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay ends with; the fields of its JSON line."""

    tape: str
    complete: bool  # False: a capture or its schedule lacks its end, `missing` says what
    missing: tuple[str, ...]  # sentences
    schedule: str
    model: str
    engine: str
    trained: bool  # False: random weights, whose scores and alerts mean nothing
    events: int
    frames: int  # scored
    frames_due: int
    flags: int
    misfits: dict[str, Misfit]  # by symbol: flagged more or less often than flag_p asks
    fills_not_judged: int  # of pools, by PRIORITY, for want of a counterparty matrix
    alerts: int  # opened, model and rules
    alert_records: int  # openings, and what became of them
    by_typology: dict[str, int]
    alerts_per_hour: float  # of event time
    hours: float  # of event time
    seconds: float
    events_per_s: float
    scores_digest: str
    alerts_digest: str


class Result(NamedTuple):
    """A finished replay."""

    summary: Summary
    alerts: list[Alert]  # empty when they went to a desk of the caller's


def replay_tape(
    tape: Tape,
    config: Config,
    *,
    bundle: Bundle | None = None,
    desk: Desk | None = None,
    limit: int | None = None,
    block: int = BLOCK,
    progress: Callable[[int], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
) -> Result:
    """Replay a tape under the nominal schedule: every frame is scored."""
    batches = _as_published(tape, limit, block)
    return run(batches, Nominal(), config, tape.label, bundle, desk, progress, say)


def _as_published(tape: Tape, limit: int | None, block: int) -> Iterator[Batch]:
    """Yield a tape's batches, numbered as `publish_tape` numbers them: reference data first.

    Alerts cite the feed's numbers, and must cite the same ones live and replayed.
    """
    following = 1 + len(tape.definitions) + len(tape.accounts)
    for batch in batches_of(
        tape.events[:limit], definitions=tape.definitions, accounts=tape.accounts, size=block
    ):
        if batch.events is not None:
            first, following = following, following + len(batch.events)
            batch.events["sequence"] = np.arange(first, following)
        yield batch


def replay_capture(
    path: Path,
    config: Config,
    *,
    recorded: bool = True,
    bundle: Bundle | None = None,
    desk: Desk | None = None,
    progress: Callable[[int], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
) -> Result:
    """Replay a capture, under the schedule that load made that day or the nominal one.

    Raises WireError for a damaged capture, ReplayError where schedule and capture do not fit.
    """
    if path.suffix != SUFFIX:
        raise ReplayError(f"{path} is no capture (*{SUFFIX}): replay a tape without --schedule")
    scheduler: Scheduler = Nominal()
    unfinished = ""
    if recorded:
        where = schedule_path(path)
        scored = read_schedule(where)
        scheduler = Recorded(scored.rows)
        if not scored.finished:
            last = int(scored.rows["arrival"].max(initial=-1)) + 1
            unfinished = (
                f"Schedule {where} is unfinished: it names {len(scored.rows):,} frames, the last "
                f"due at event {last:,}, and lacks its end, so which later ones were scored that "
                "day is not known, and none is"
            )
    capture = CaptureReader(path)
    return run(capture, scheduler, config, path.name, bundle, desk, progress, say, unfinished)


def run(
    batches: Iterable[Batch],
    scheduler: Scheduler,
    config: Config,
    label: str,
    bundle: Bundle | None = None,
    desk: Desk | None = None,
    progress: Callable[[int], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
    unfinished: str = "",
) -> Result:
    """Feed batches through a new pipeline and return what came of it.

    `unfinished` says what else than the batches is not whole; `say` is given the sentences that an
    operator should see. The clock starts with every kernel
    compiled and the model loaded, before the first batch.
    Raises ReplayError where the batches hold no event.
    """
    kept = ListDesk()
    reference = read_reference(config.reference)
    for sentence in told_of(config.reference, reference):
        say(sentence)
    bundle = bundle or open_bundle(config)
    pipeline = Pipeline(config, bundle, scheduler, desk or kept, reference=reference)
    warm_up(config)
    first_ts = last_ts = 0
    began = time.perf_counter()
    for batch in batches:
        pipeline.absorb(batch)
        pipeline.drain()
        if batch.events is not None:
            last_ts = max(last_ts, int(batch.events["ts_event"][-1]))
            first_ts = first_ts or int(batch.events["ts_event"][0])
            progress(pipeline.counts.events)
    pipeline.finish()
    seconds = time.perf_counter() - began
    counts = pipeline.counts
    cut = batches.missing() if isinstance(batches, CaptureReader) else ""
    if isinstance(scheduler, Recorded):
        scheduler.finish(counts.events if cut else None)
        if scheduler.named > scheduler.matched:
            cut += (
                f"; of the {scheduler.named:,} frames that its schedule names, "
                f"{scheduler.named - scheduler.matched:,} are of events that it lacks"
            )
    if counts.events == 0:
        raise ReplayError(
            f"{label} holds no events, so there is nothing to replay: check that it is the "
            "recording of a day on which the feed sent something" + (cut and f". {cut}")
        )
    hours = max(last_ts - first_ts, 0) / 3.6e12
    summary = Summary(
        tape=label,
        complete=not cut and not unfinished,
        missing=tuple(filter(None, (cut, unfinished))),
        schedule="recorded" if isinstance(scheduler, Recorded) else "nominal",
        model=config.model.profile,
        engine=bundle.engine.name,
        trained=bundle.trained,
        events=counts.events,
        frames=counts.frames_scored,
        frames_due=counts.frames_due,
        flags=counts.flags,
        misfits=pipeline.misfits(),
        fills_not_judged=pipeline.rules.unjudged,
        alerts=counts.alerts,
        alert_records=counts.updates,
        by_typology=dict(sorted(counts.by_typology.items())),
        alerts_per_hour=round(counts.alerts / hours, 2) if hours else 0.0,
        hours=round(hours, 4),
        seconds=round(seconds, 3),
        events_per_s=round(counts.events / seconds, 1) if seconds else 0.0,
        scores_digest=pipeline.scores_digest.hexdigest(),
        alerts_digest=pipeline.alerts_digest.hexdigest(),
    )
    return Result(summary, kept.alerts)
