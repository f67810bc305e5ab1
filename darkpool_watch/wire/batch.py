"""What stage 1 hands on: batches of events and reference data, and notices about the feed."""

from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct

from darkpool_watch.wire.events import AccountRecord, Definition
from darkpool_watch.wire.rows import Rows


class NoticeKind(StrEnum):
    """What happened to a channel."""

    LOST = "lost"  # messages first .. first + count - 1 will never come: its securities are stale
    REPAIRED = "repaired"  # messages first .. first + count - 1 were missing and came after all
    SILENT = "silent"  # neither frame nor heartbeat for silence_ms
    HEARD = "heard"  # a silent channel spoke again
    SESSION = "session"  # the publisher started anew; the channel's books are void
    ENDED = "ended"  # the publisher said that nothing more will come: no silence from here on
    MALFORMED = "malformed"  # messages were kept out; a frame refused whole counts as one


class Notice(Struct, frozen=True, array_like=True):
    """One thing that happened to one channel; an empty venue where no channel can be named."""

    kind: NoticeKind
    venue: str
    channel: int
    session: int
    first: int  # LOST, REPAIRED: first sequence; SESSION: the old session; else the next sequence
    count: int  # LOST, REPAIRED, MALFORMED: messages; else 0


class Batch(NamedTuple):
    """One frame or one notice, in arrival order.

    `venue` and `channel` are the header's: a channel's securities are those that it defined, which
    is how a notice reaches them.
    """

    events: Rows | None  # (N,) EVENT, writable, C-contiguous, ours alone; None where there are none
    definitions: tuple[Definition, ...]
    accounts: tuple[AccountRecord, ...]
    notices: tuple[Notice, ...]
    recv_ns: int  # ns UTC, when the frame or notice reached this process
    venue: str = ""
    channel: int = 0
