"""What every reader returns: reference data and events in arrival order."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from darkpool_watch.wire.events import AccountRecord, Definition
from kernels.layout import EVENT

Events = npt.NDArray[np.void]


@dataclass(frozen=True)
class Tape:
    """One recorded tape, held in memory.

    Attributes:
        label: what to call the tape, its file's name.
        format: the format it was read from.
        events: (N,) EVENT rows in arrival order, sequences from 1 without gaps.
        definitions: one for each listing that the events name.
        accounts: what the tape knows of its participants; empty for most.
        skipped: rows the format holds that are no order flow, by reason.
    """

    label: str
    format: str
    events: Events
    definitions: tuple[Definition, ...]
    accounts: tuple[AccountRecord, ...] = ()
    skipped: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.events.dtype != EVENT:
            raise TypeError(f"Tape events must be EVENT rows, were {self.events.dtype}")

    def blocks(self, max_events: int = 4096) -> Iterator[Events]:
        """Yield the events in blocks of at most `max_events`, as views."""
        for start in range(0, len(self.events), max_events):
            yield self.events[start : start + max_events]
