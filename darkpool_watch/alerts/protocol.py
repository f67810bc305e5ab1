"""What travels beside an alert: its header, and the request that replays it.

An alert is three parts: topic, header, body. The header is msgpack, the body JSON, the very bytes
that the journal holds.
"""

from typing import Final

import msgspec

ALERT, HEARTBEAT, END = "alert", "heartbeat", "end"
ALERTS: Final = b"alert."  # the prefix of every alert's topic
HEARTBEAT_TOPIC: Final = b"heartbeat.alert."
MAX_REPLAY: Final = 256  # alerts that one request is answered with; ask again for more
REPLAY_QUEUE: Final = 4 * MAX_REPLAY  # messages; an answer must fit, or a part of it is dropped
MAX_PREFIXES: Final = 64
MAX_BYTES: Final = 1 << 20  # of one message part


class AlertHeader(msgspec.Struct, frozen=True, array_like=True):
    """Second part of every message."""

    kind: str  # alert, heartbeat or end
    journal: str  # identity of the journal that numbers them
    sequence: int  # alert: its own; heartbeat, end: the next one
    replayed: bool = False


class ReplayRequest(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Ask for alerts `first` to `last`, both included, whose topic starts with a prefix."""

    token: int  # comes back in the end marker, so that a late answer is told from a new one
    first: int
    last: int  # 0 = the newest
    prefixes: list[bytes] = []  # none = all


class ReplayEnd(msgspec.Struct, frozen=True, array_like=True):
    """Last message of an answer; `next` is where to ask again, past what was looked through."""

    token: int
    next: int
    error: str = ""


encode_header = msgspec.msgpack.Encoder().encode
decode_header = msgspec.msgpack.Decoder(AlertHeader).decode
decode_request = msgspec.msgpack.Decoder(ReplayRequest).decode
decode_end = msgspec.msgpack.Decoder(ReplayEnd).decode
