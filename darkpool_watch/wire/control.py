"""Messages on the replay socket: what a subscriber asks and a publisher answers.

Each is one message part. Replayed frames come back as the three parts that were published.
"""

from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from darkpool_watch.wire.events import Text

Sequence = Annotated[int, Meta(ge=0, lt=1 << 62)]
ChannelNumber = Annotated[int, Meta(ge=0, le=0xFFFF)]


class Replay(Struct, frozen=True, array_like=True, tag="replay"):
    """Send messages first .. first + count - 1 of a channel again."""

    venue: Text
    channel: ChannelNumber
    session: Sequence
    first: Sequence
    count: Sequence


class Reference(Struct, frozen=True, array_like=True, tag="reference"):
    """Send all definitions and accounts as they are now, then `ReferenceEnd`."""

    request: Sequence


class Position(Struct, frozen=True, array_like=True):
    """How far a subscriber has handled one channel."""

    venue: Text
    channel: ChannelNumber
    session: Sequence
    next_sequence: Sequence


class Acknowledge(Struct, frozen=True, array_like=True, tag="ack"):
    """The subscriber is alive and has handled these channels so far."""

    positions: list[Position]


class Unavailable(Struct, frozen=True, array_like=True, tag="unavailable"):
    """Messages first .. first + count - 1 are no longer held and will not come."""

    venue: Text
    channel: ChannelNumber
    session: Sequence
    first: Sequence
    count: Sequence


class ReferenceEnd(Struct, frozen=True, array_like=True, tag="reference_end"):
    """All definitions and accounts have been sent."""

    request: Sequence
    credit: Sequence  # frames that may be outstanding; 0 = the publisher waits for nobody


Request = Replay | Reference | Acknowledge
Reply = Unavailable | ReferenceEnd

_encoder: Final = msgspec.msgpack.Encoder()
encode: Final = _encoder.encode
decode_request: Final = msgspec.msgpack.Decoder[Request](Request).decode
decode_reply: Final = msgspec.msgpack.Decoder[Reply](Reply).decode
