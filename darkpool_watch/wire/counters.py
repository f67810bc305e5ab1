"""What stage 1 counts: plain integers, added to in place and read by telemetry and coverage."""

from dataclasses import dataclass, field
from typing import Final

# Why a whole frame was refused.
FRAME_REASONS: Final = (
    "parts",
    "giant",
    "header",
    "version",
    "session",
    "venue",
    "channel",
    "topic",
    "kind",
    "encoding",
    "count",
    "sequence",
    "short_body",
    "long_body",
    "forged_count",
    "body",
    "jump",  # a sequence so far ahead that only a second frame makes it believable
    "channels",  # more channels than a daemon keeps
    "reply",  # a reply of the replay socket that is neither frame nor known message
)

# Why one message of a frame was left out.
ROW_REASONS: Final = (
    "row_kind",
    "row_side",
    "row_flags",
    "row_sequence",
    "row_time",
    "row_size",
    "row_price",
    "row_reference",
    "row_id",
    "row_type",
    "row_definition",
    "row_account",
)


@dataclass(slots=True)
class Counters:
    """Totals since the source was opened."""

    frames: int = 0  # that came, malformed and duplicates included
    frame_bytes: int = 0
    events: int = 0  # handed on
    definitions: int = 0  # handed on
    accounts: int = 0  # handed on
    heartbeats: int = 0
    duplicates: int = 0  # frames whose every message had come before
    duplicate_events: int = 0
    gaps: int = 0  # holes found in a channel's numbering
    repaired: int = 0  # messages that were missing and came after all
    lost: int = 0  # messages given up
    requests: int = 0  # sent to the replay socket
    requests_failed: int = 0  # that no connection took
    reopened: int = 0  # connections that ZeroMQ had given up
    sessions: int = 0  # session changes
    stale_sessions: int = 0  # frames of a session that had ended
    silences: int = 0
    absences: int = 0  # 1 where nothing at all had come for silence_ms after the start
    quarantined: int = 0  # frames written to the quarantine file
    quarantine_full: int = 0  # malformed frames that no longer fitted it
    malformed: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys((*FRAME_REASONS, *ROW_REASONS), 0)
    )  # frames or rows, by reason

    @property
    def refused_frames(self) -> int:
        """Return how many frames were refused whole."""
        return sum(self.malformed[reason] for reason in FRAME_REASONS)

    @property
    def refused_rows(self) -> int:
        """Return how many messages were left out of frames that were otherwise kept."""
        return sum(self.malformed[reason] for reason in ROW_REASONS)
