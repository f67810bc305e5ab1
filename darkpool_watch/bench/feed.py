"""A bursty feed in a process of its own: every event leaves at its intended time, come what may."""

import time

import msgspec
import numpy as np
import numpy.typing as npt

from darkpool_watch.sim.market import SimConfig, Simulator
from darkpool_watch.units import NS_PER_S
from darkpool_watch.wire.events import AccountRecord, Definition
from darkpool_watch.wire.frame import FRAME_EVENTS
from darkpool_watch.wire.publisher import FlowPublisher

START_S = 1.0  # s between the first subscriber's sign of life and the first event
SPIN_NS = 200_000  # ns before a send in which the feed no longer sleeps


class Flow(msgspec.Struct, frozen=True):
    """A stretch of simulated flow and who is in it."""

    events: npt.NDArray[np.void]  # (N,) EVENT
    definitions: tuple[Definition, ...]
    accounts: tuple[AccountRecord, ...]


def simulated_flow(securities: int, events: int, seed: int = 11) -> Flow:
    """Return about `events` events over `securities`, at real rates and burstiness."""
    config = SimConfig(
        seed=seed,
        securities=securities,
        seconds=max(60.0, 1.5 * events / (6.0 * securities)),
        start_s=1_800.0,
        campaigns_per_hour=4.0,
    )
    simulator = Simulator(config)
    blocks: list[npt.NDArray[np.void]] = []
    count = 0
    for block, _ in simulator.blocks():
        blocks.append(block.copy())
        count += len(block)
        if count >= events:
            break
    return Flow(
        np.concatenate(blocks)[:events],
        tuple(simulator.definitions()),
        tuple(simulator.accounts()),
    )


def feed(endpoint: str, replay_endpoint: str, securities: int, rate: float, seconds: float) -> None:
    """Publish simulated flow at `rate` events/s on average, open loop, for `seconds`.

    Both stamps of an event are its intended send time, ns UTC, so that an age counted from
    `ts_recv` includes whatever the sender was late by. Bursts keep their shape: the simulated
    clock is scaled as a whole.
    """
    flow = simulated_flow(securities, round(rate * seconds))
    events = flow.events
    offsets = events["ts_event"] - events["ts_event"][0]
    scale = len(events) / rate * NS_PER_S / max(int(offsets[-1]), 1)
    offsets = (offsets * scale).astype(np.int64)
    with FlowPublisher(endpoint, replay_endpoint, venue="BENCH", credit=1 << 20) as publisher:
        publisher.wait_for_subscriber(120.0)
        start_ns = time.time_ns() + int(START_S * NS_PER_S)
        shift = start_ns - int(events["ts_event"][0])
        publisher.define(
            *(
                msgspec.structs.replace(
                    d,
                    session_open_ns=d.session_open_ns + shift,
                    session_close_ns=d.session_close_ns + shift,
                )
                for d in flow.definitions
            )
        )
        publisher.account(*flow.accounts)
        events["ts_event"] = events["ts_recv"] = start_ns + offsets
        dark = events["ts_ref"] != np.iinfo(np.int64).max
        events["ts_ref"][dark] = np.minimum(
            events["ts_ref"][dark] + shift, events["ts_event"][dark]
        )
        _send_on_time(publisher, events)
        time.sleep(1.0)


def _send_on_time(publisher: FlowPublisher, events: npt.NDArray[np.void]) -> None:
    due = events["ts_recv"]
    at = 0
    while at < len(events):
        wait_ns = int(due[at]) - time.time_ns()
        if wait_ns > SPIN_NS:
            time.sleep((wait_ns - SPIN_NS) / NS_PER_S)
            continue
        if wait_ns > 0:
            continue
        end = int(np.searchsorted(due[at : at + FRAME_EVENTS], time.time_ns(), "right")) + at
        end = max(end, at + 1)
        publisher.send(events[at:end])
        at = end
