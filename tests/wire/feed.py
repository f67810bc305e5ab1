"""A feed under test: an intake beside a good stream."""

from typing import Any

import msgspec

from darkpool_watch.config import WireConfig
from darkpool_watch.wire.frame import encode
from darkpool_watch.wire.intake import Intake
from darkpool_watch.wire.quarantine import Quarantine
from tests.wire.rows import T0

Parts = list[bytes]
pack = msgspec.msgpack.encode


def frame(payload: Any, first: int, **changes: Any) -> Parts:
    """Return the parts of a good frame of venue XNAS, channel 1, session 5."""
    values = {
        "venue": "XNAS",
        "channel": 1,
        "session": 5,
        "first_sequence": first,
        "sent_ns": T0,
        **changes,
    }
    return encode(payload, **values)


def with_header(parts: Parts, **changes: Any) -> Parts:
    """Return `parts` with some header elements replaced."""
    names = ["version", "session", "channel", "venue", "first", "count", "sent", "encoding", "kind"]
    header = msgspec.msgpack.decode(parts[1])
    for name, value in changes.items():
        header[names.index(name)] = value
    return [parts[0], pack(header), parts[2]]


def nested(depth: int) -> bytes:
    """Return msgpack of `depth` arrays within each other."""
    return b"\x91" * depth + b"\x01"


class Feed:
    """An intake beside a good stream: ten events, whatever the test sends, ten more."""

    def __init__(self, quarantine: Quarantine | None = None) -> None:
        config = WireConfig(repair_ms=20)
        self.intake = Intake(config, requesting=False, quarantine=quarantine)
        self.now_ns = 0
        self.sequences: list[int] = []

    def send(self, parts: Parts) -> None:
        self.now_ns += 1_000
        self.intake.accept(parts, self.now_ns, T0 + self.now_ns)
        self.collect()

    def wait(self, duration_ms: int) -> None:
        self.now_ns += duration_ms * 1_000_000
        self.intake.tick(self.now_ns, T0 + self.now_ns)
        self.collect()

    def collect(self) -> None:
        for batch in self.intake.take():
            if batch.events is not None:
                self.sequences.extend(batch.events["sequence"].tolist())

    def counts(self) -> dict[str, int]:
        return {k: v for k, v in self.intake.counters.malformed.items() if v}
