"""Events a second through decode, books, rules and features on one core, no model."""

import time
from collections.abc import Callable

import msgspec
import numpy as np
import numpy.typing as npt

from darkpool_watch.bench.feed import Flow, simulated_flow
from darkpool_watch.bench.machine import machine_line
from darkpool_watch.config import Config, FeatureConfig
from darkpool_watch.features.extractor import ACCOUNT_BUDGET, WINDOW_BUDGET
from darkpool_watch.features.frames import Frames
from darkpool_watch.pipeline import Pipeline
from darkpool_watch.schedule import Due
from darkpool_watch.warmup import NullDesk, null_bundle, warm_up
from darkpool_watch.wire.batch import Batch
from darkpool_watch.wire.frame import FRAME_EVENTS, decode, encode

SECURITIES = 50
EVENTS = 400_000
ROWS_PER_S = 2_000
TARGETS = {"packed": 1_000_000, "all_rows": 400_000, "msgpack": 300_000}


def run_throughput(*, seconds: float, say: Callable[[str], None]) -> None:
    """Run the three modes and print their figures, the last line one JSON object.

    packed: a row of 240 for every 500 of a security's events, so 2,000 rows a second of wall time
    at the target of 1,000,000 events/s. all_rows: every frame of the nominal schedule gets its row.
    msgpack: as all_rows, decoded from msgpack.
    """
    say(machine_line())
    flow = simulated_flow(SECURITIES, EVENTS)
    say(f"{len(flow.events):,} simulated events of {SECURITIES} securities")
    config = Config()
    warm_up(config)
    packed = _frames(flow.events, "packed")
    msgpack = _frames(flow.events, "msgpack")
    all_rows = _median(flow, packed, config, seconds)
    from_msgpack = _median(flow, msgpack, config, seconds)
    stride = round(TARGETS["packed"] / ROWS_PER_S)
    few_rows = _median(flow, packed, _sparse(config, stride), seconds)
    result = {
        "events": len(flow.events),
        "securities": SECURITIES,
        "events_per_s_packed": round(few_rows.rate),
        "rows_per_s_packed": round(few_rows.rows_per_s),
        "events_per_s_all_rows": round(all_rows.rate),
        "rows_per_event_all_rows": round(all_rows.rows_per_event, 3),
        "events_per_s_msgpack": round(from_msgpack.rate),
        "targets": TARGETS,
        "memory_per_security": _memory(flow, packed, config),
    }
    for name in ("events_per_s_packed", "events_per_s_all_rows", "events_per_s_msgpack"):
        say(f"{name:>24}  {result[name]:>12,}")
    print(msgspec.json.encode(result).decode())


class Rate(msgspec.Struct, frozen=True):
    """What one mode reached."""

    rate: float  # events/s
    rows_per_s: float
    rows_per_event: float


def _frames(events: npt.NDArray[np.void], encoding: str) -> list[list[bytes]]:
    return [
        encode(
            events[start : start + FRAME_EVENTS],
            venue="BENCH",
            channel=0,
            session=1,
            first_sequence=start + 1,
            sent_ns=0,
            encoding=encoding,
        )
        for start in range(0, len(events), FRAME_EVENTS)
    ]


def _sparse(config: Config, stride: int) -> Config:
    features = FeatureConfig(stride=stride, informative=False)
    return msgspec.structs.replace(config, features=features)


class _NoScheduler:
    """Takes frames and scores none: the stages before the model are measured alone."""

    conflated = 0

    def push(
        self,
        frames: Frames,
        observations: npt.NDArray[np.void],
        sent_ns: npt.NDArray[np.int64],
    ) -> None:
        """Forget the frames."""

    def take(self, limit: int) -> Due | None:
        """Return nothing."""
        return None

    def forget(self, security: int) -> None:
        """Have nothing to forget."""


def _pipeline(flow: Flow, config: Config) -> Pipeline:
    pipeline = Pipeline(config, null_bundle(), _NoScheduler(), NullDesk())
    pipeline.absorb(Batch(None, flow.definitions, flow.accounts, (), 0))
    return pipeline


def _median(flow: Flow, frames: list[list[bytes]], config: Config, seconds: float) -> Rate:
    """Return the median rate of whole passes over the frames, each in a new pipeline."""
    rates: list[float] = []
    ends = time.perf_counter() + seconds
    while not rates or time.perf_counter() < ends:
        pipeline = _pipeline(flow, config)
        began = time.perf_counter()
        for parts in frames:
            frame = decode(parts)
            pipeline.absorb(Batch(frame.events, (), (), (), 0))
        rates.append(len(flow.events) / (time.perf_counter() - began))
    rate = float(np.median(rates))
    rows = pipeline.counts.frames_due / pipeline.counts.events
    return Rate(rate, rate * rows, rows)


def _memory(flow: Flow, frames: list[list[bytes]], config: Config) -> dict[str, int]:
    """Return bytes a security by what holds them, beside its budget."""
    pipeline = _pipeline(flow, config)
    for parts in frames[: len(frames) // 4]:
        pipeline.absorb(Batch(decode(parts).events, (), (), (), 0))
    market = pipeline.market.memory()
    return {
        **pipeline.extractor.memory()._asdict(),
        "windows_budget": WINDOW_BUDGET,
        "accounts_budget": ACCOUNT_BUDGET,
        "market": market["per_security"],
        "per_order": market["per_order"],
    }
