"""Released frames and notices as batches: one way for the live source and the capture reader."""

import numpy as np

from darkpool_watch.wire.batch import Batch, Notice
from darkpool_watch.wire.sequencer import Released


def batch_of(released: Released) -> Batch:
    """Return what a released frame hands on."""
    frame, skip, recv_ns = released
    header = frame.header
    events = frame.events
    if events is not None:
        if skip:
            events = events[events["sequence"] >= np.uint64(header.first_sequence + skip)]
        if not len(events):
            events = None
    # Reference data may be told twice; what was skipped of it says the same again.
    return Batch(
        events,
        frame.definitions,
        frame.accounts,
        (),
        recv_ns,
        header.venue,
        header.channel,
    )


def batch_of_notice(notice: Notice, recv_ns: int) -> Batch:
    """Return a batch that carries one notice."""
    return Batch(None, (), (), (notice,), recv_ns, notice.venue, notice.channel)
