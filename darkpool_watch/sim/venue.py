"""A simulated venue: its own process, playing a simulation onto the wire."""

import time

import msgspec
import numpy as np

from darkpool_watch.sim.market import SimConfig, Simulator
from darkpool_watch.sim.population import FEED_VENUE
from darkpool_watch.units import NS_PER_S
from darkpool_watch.wire.publisher import FlowPublisher

_LONGEST_WAIT_S = 0.25
_FLAT_OUT_EVENTS = 4_096
_PATIENCE_S = 60.0  # for an acknowledgement
_FIRST_PATIENCE_S = 900.0  # for a first subscriber, whose kernels may have to compile


def run_venue(
    config: SimConfig,
    endpoint: str,
    replay_endpoint: str,
    speed: float = 1.0,
    *,
    credit: int = 0,
    history_s: float = 0.0,
    linger_s: float = 0.0,
    truth: str = "",
) -> int:
    """Play a simulation onto a FlowPublisher and return how many events were sent.

    `speed` is a multiple of the tape's own clock, 0 = flat out. The tape's first `history_s` go
    out flat out whatever the speed: a past for whoever watches the rest. Definitions and accounts
    go before everything. With `credit` > 0 the venue waits for its first subscriber and is slowed
    by it; `linger_s` is how long it goes on answering replay requests after the last event. `truth`
    is a path that gets what happened, as JSON, when the tape has ended.

    It takes plain values only, so `multiprocessing` with the spawn method can start it.
    """
    simulator = Simulator(config)
    sent = 0
    with FlowPublisher(endpoint, replay_endpoint, venue=FEED_VENUE, credit=credit) as publisher:
        publisher.define(*simulator.definitions())
        publisher.account(*simulator.accounts())
        blocks = simulator.blocks(_FLAT_OUT_EVENTS)
        first = next(blocks, None)  # compiles before the clock starts
        if credit > 0:
            publisher.wait_for_subscriber(_FIRST_PATIENCE_S)
        live_from = simulator.begins + int(history_s * NS_PER_S)
        started: float | None = None
        while first is not None:
            events = first[0]
            past = len(events)
            if speed > 0.0:
                past = int(np.searchsorted(events["ts_event"], live_from))
            publisher.send(events[:past])
            if past < len(events):
                if started is None:
                    if credit > 0:
                        publisher.wait_handled(_PATIENCE_S)
                    started = time.monotonic()
                _send_paced(publisher, events[past:], live_from, started, speed)
            sent += len(events)
            first = next(blocks, None)
        if truth:
            with open(truth, "wb") as file:
                file.write(msgspec.json.encode(truth_of(simulator)))
        if credit > 0:
            publisher.wait_handled(_PATIENCE_S)
        time.sleep(linger_s)
    return sent


def truth_of(simulator: Simulator) -> dict[str, object]:
    """Return what was injected into the tape played so far, for JSON."""
    return {
        "campaigns": simulator.campaigns,
        "lookalikes": simulator.lookalikes,
        "violations": simulator.violations,
    }


def _send_paced(
    publisher: FlowPublisher, events: np.ndarray, begins: int, started: float, speed: float
) -> None:
    """Send events when their time has come; `started` is the monotonic time of `begins`."""
    ts = np.ascontiguousarray(events["ts_event"])
    i = 0
    while i < len(events):
        now = begins + int((time.monotonic() - started) * speed * NS_PER_S)
        due = int(np.searchsorted(ts, now, side="right"))
        if due > i:
            publisher.send(events[i:due])
            i = due
        else:
            wait = (int(ts[i]) - now) / (speed * NS_PER_S)
            time.sleep(min(max(wait, 0.0), _LONGEST_WAIT_S))
