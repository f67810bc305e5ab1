"""Plays a tape onto ZeroMQ: paced by its own clock, at a multiple of it, or flat out."""

import time
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from darkpool_watch.tape.tape import Tape
from darkpool_watch.units import NS_PER_S
from darkpool_watch.wire.frame import FRAME_EVENTS
from darkpool_watch.wire.publisher import FlowPublisher

LONGEST_SLEEP_S: Final = 0.2  # so that a stop is noticed
SOONEST_NS: Final = 1_000_000  # ns of wall time: events closer than this may share a frame

Events = npt.NDArray[np.void]


def publish_tape(
    tape: Tape,
    publisher: FlowPublisher,
    *,
    speed: float = 0.0,
    progress: Callable[[int], None] = lambda _: None,
    stopped: Callable[[], bool] = lambda: False,
) -> int:
    """Publish a tape and return how many events went out.

    `speed` is a multiple of the tape's own clock; 0 is flat out. `progress` is told the number of
    events after each frame.
    """
    # One channel, whatever the venues: a tape has one order, and separate channels would lose it.
    publisher.define(*tape.definitions)
    if tape.accounts:
        publisher.account(*tape.accounts)
    sent = 0
    for block in paced(tape.blocks(), speed, stopped):
        publisher.send(block)
        sent += len(block)
        progress(sent)
    return sent


def paced(
    blocks: Iterator[Events], speed: float, stopped: Callable[[], bool] = lambda: False
) -> Iterator[Events]:
    """Yield frames of at most 256 events, each when its first event's time has come.

    The schedule is fixed at the first event: a late frame does not push the rest back.
    """
    start_ns = time.monotonic_ns()
    first_ts: int | None = None
    for block in blocks:
        at = 0
        while at < len(block):
            if stopped():
                return
            ts = block["ts_event"]
            if first_ts is None:
                first_ts = int(ts[at])
            if speed <= 0:
                end = min(at + FRAME_EVENTS, len(block))
            else:
                due_ns = start_ns + int((int(ts[at]) - first_ts) / speed)
                while (wait_s := (due_ns - time.monotonic_ns()) / NS_PER_S) > 0:
                    if stopped():
                        return
                    time.sleep(min(wait_s, LONGEST_SLEEP_S))
                # What is due by now, or within a millisecond, travels in one frame.
                now = first_ts + int((time.monotonic_ns() - start_ns + SOONEST_NS) * speed)
                end = at + 1
                while end < len(block) and end - at < FRAME_EVENTS and int(ts[end]) <= now:
                    end += 1
            yield block[at:end]
            at = end
