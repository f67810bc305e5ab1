"""Frames: topic, header and body, in the two encodings that give the same rows.

    topic   flow.<venue>.<channel>.            escaped, ends in a dot
    header  msgpack array, `Header`
    body    packed: EVENT rows back to back; msgpack: an array of events, definitions or accounts

Sequences number the messages of one (venue, channel, session) from 1. A frame of events,
definitions or accounts takes `count` numbers; a heartbeat takes none and carries the next. A frame
numbered 0 is outside the sequence: the publisher's answer to who asks for its definitions.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeVar

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from darkpool_watch.errors import WireError
from darkpool_watch.wire.events import UNDECODABLE, AccountRecord, Definition, Heartbeat
from darkpool_watch.wire.rows import RowFault, Rows, pack_events, unpack_events
from darkpool_watch.wire.topic import flow_topic
from kernels.layout import EVENT
from kernels.validate import FAULTS, check_rows

VERSION: Final = 1
FRAME_EVENTS: Final = 256  # messages a frame at most
MAX_FRAME_BYTES: Final = 1_048_576
MAX_SEQUENCE: Final = 1 << 62
MAX_VENUE: Final = 64  # characters
ROW_BYTES: Final = EVENT.itemsize

# Names of the counters of rows that the kernel leaves out, indexed by its fault codes.
ROW_REASONS: Final = (
    "",
    "row_kind",
    "row_side",
    "row_flags",
    "row_sequence",
    "row_time",
    "row_size",
    "row_price",
    "row_reference",
)
assert len(ROW_REASONS) == FAULTS


class Header(Struct, frozen=True, gc=False, array_like=True):
    """What a frame says about itself."""

    version: int
    session: int  # one run of the publisher; its start in ns UTC by custom
    channel: int  # 0..65535
    venue: str
    first_sequence: int
    count: int  # messages in the body; 0 for a heartbeat
    sent_ns: int  # ns UTC, the publisher's clock
    encoding: str  # packed or msgpack
    kind: str  # events, definitions, accounts or heartbeat


class _Version(Struct, array_like=True):
    """The one element of a header whose place never changes."""

    version: int


class Frame(NamedTuple):
    """A decoded frame: one of `events`, `definitions`, `accounts`, `heartbeat` is filled."""

    header: Header
    parts: Sequence[bytes]  # as they came
    events: Rows | None  # (<= count,) EVENT, our own writable copy; bad rows left out
    definitions: tuple[Definition, ...]
    accounts: tuple[AccountRecord, ...]
    heartbeat: Heartbeat | None
    faults: Sequence[RowFault]  # the messages that were left out


_header_encoder: Final = msgspec.msgpack.Encoder()
_header: Final = msgspec.msgpack.Decoder(Header)
_version: Final = msgspec.msgpack.Decoder(_Version)
_heartbeat: Final = msgspec.msgpack.Decoder(Heartbeat)
_raws: Final = msgspec.msgpack.Decoder(list[msgspec.Raw])
_definition: Final = msgspec.msgpack.Decoder(Definition)
_account: Final = msgspec.msgpack.Decoder(AccountRecord)

T = TypeVar("T", Definition, AccountRecord)
Payload = Rows | Sequence[Definition] | Sequence[AccountRecord] | Heartbeat


def encode(
    payload: Payload,
    *,
    venue: str,
    channel: int,
    session: int,
    first_sequence: int,
    sent_ns: int,
    encoding: str = "packed",
) -> list[bytes]:
    """Return the three parts of a frame of at most 256 messages.

    Events go out numbered from `first_sequence`, whatever their own `sequence` says. Raises
    WireError when the payload is empty or too long, or the encoding unknown.
    """
    if isinstance(payload, Heartbeat):
        kind, count, body = "heartbeat", 0, _header_encoder.encode(payload)
    elif isinstance(payload, np.ndarray):
        kind, count = "events", len(payload)
        body = _encode_events(payload, first_sequence, encoding)
    else:
        kind = "definitions" if isinstance(next(iter(payload), None), Definition) else "accounts"
        count, body = len(payload), _header_encoder.encode(payload)
    if kind != "heartbeat" and not 1 <= count <= FRAME_EVENTS:
        raise WireError(f"Frame of {count} messages, needed 1 to {FRAME_EVENTS}", reason="count")
    header = Header(
        VERSION, session, channel, venue, first_sequence, count, sent_ns, encoding, kind
    )
    return [flow_topic(venue, channel), _header_encoder.encode(header), body]


def _encode_events(rows: Rows, first: int, encoding: str) -> bytes:
    if rows.dtype != EVENT:
        raise WireError(f"Rows of dtype {rows.dtype}, needed EVENT", reason="body")
    if encoding == "msgpack":
        return pack_events(rows)
    if encoding != "packed":
        raise WireError(f"Encoding {encoding!r}, needed 'packed' or 'msgpack'", reason="encoding")
    numbered = np.frombuffer(bytearray(rows.tobytes()), EVENT)
    numbered["sequence"] = _sequences(first, len(rows))
    return numbered.tobytes()


def decode(parts: Sequence[bytes], *, max_bytes: int = MAX_FRAME_BYTES) -> Frame:
    """Return the frame in `parts`, its bad rows left out and told in `faults`.

    Raises WireError, its `reason` the counter's name, when the frame as a whole is malformed.
    Cost: about 8 us for 256 packed rows, 0.6 us an event of msgpack.
    """
    if len(parts) != 3:
        raise WireError(
            f"Frame of {len(parts)} parts, needed 3: topic, header, body", reason="parts"
        )
    topic, header_bytes, body = parts
    size = len(topic) + len(header_bytes) + len(body)
    if size > max_bytes:
        raise WireError(
            f"Frame of {size} bytes, at most {max_bytes} (wire.max_frame_bytes)", reason="giant"
        )
    header = _decode_header(header_bytes)
    if topic != flow_topic(header.venue, header.channel):
        expected = flow_topic(header.venue, header.channel)
        raise WireError(f"Topic {topic[:96]!r}, header says {expected!r}", reason="topic")
    match header.kind:
        case "events":
            rows, faults = decode_events(header, body)
            return Frame(header, parts, rows, (), (), None, faults)
        case "heartbeat":
            return Frame(header, parts, None, (), (), _decode_heartbeat(header, body), ())
        case "definitions":
            definitions, faults = _decode_records(header, body, _definition, "definition")
            return Frame(header, parts, None, definitions, (), None, faults)
        case _:
            accounts, faults = _decode_records(header, body, _account, "account")
            return Frame(header, parts, None, (), accounts, None, faults)


def warm_up() -> None:
    """Decode one frame of each encoding, so that nothing compiles when the first one arrives."""
    rows = np.zeros(1, EVENT)
    for encoding in ("packed", "msgpack"):
        decode(
            encode(
                rows,
                venue="WARM",
                channel=0,
                session=0,
                first_sequence=1,
                sent_ns=0,
                encoding=encoding,
            )
        )


def _decode_header(raw: bytes) -> Header:
    """Return a header whose every value is possible."""
    try:
        header = _header.decode(raw)
    except UNDECODABLE as err:
        raise _header_error(raw, err) from err
    if header.version != VERSION:
        raise _version_error(header.version)
    first, count = header.first_sequence, header.count
    if not 0 <= header.session < MAX_SEQUENCE:
        raise WireError(f"Header session {header.session}, needed 0 to 2**62", reason="session")
    if not 0 < len(header.venue) <= MAX_VENUE:
        raise WireError(
            f"Header venue of {len(header.venue)} characters, needed 1 to {MAX_VENUE}",
            reason="venue",
        )
    if not 0 <= header.channel <= 0xFFFF:
        raise WireError(f"Header channel {header.channel}, needed 0 to 65535", reason="channel")
    if header.encoding not in ("packed", "msgpack"):
        raise WireError(
            f"Header encoding {header.encoding[:32]!r}, needed 'packed' or 'msgpack'",
            reason="encoding",
        )
    if header.kind not in ("events", "definitions", "accounts", "heartbeat"):
        raise WireError(
            f"Header kind {header.kind[:32]!r}, needed 'events', 'definitions', 'accounts' "
            "or 'heartbeat'",
            reason="kind",
        )
    least = 0 if header.kind in ("definitions", "accounts") else 1
    if not least <= first < MAX_SEQUENCE:
        raise WireError(
            f"Header first_sequence {first}, needed {least} to 2**62", reason="sequence"
        )
    if header.kind == "heartbeat":
        if count != 0:
            raise WireError(f"Heartbeat counts {count} messages, needed 0", reason="count")
    elif not 1 <= count <= FRAME_EVENTS:
        raise WireError(f"Header count {count}, needed 1 to {FRAME_EVENTS}", reason="count")
    return header


def _header_error(raw: bytes, err: Exception) -> WireError:
    """Say what is wrong with a header that does not decode: its version, if that can be read."""
    try:
        version = _version.decode(raw).version
    except UNDECODABLE:
        version = VERSION
    if version != VERSION:
        return _version_error(version)
    return WireError(f"Header of {len(raw)} bytes: {err}", reason="header")


def _version_error(version: int) -> WireError:
    return WireError(
        f"Frame version {version}, this reader knows {VERSION}: upgrade whichever is older",
        reason="version",
    )


def decode_events(header: Header, body: bytes) -> tuple[Rows, Sequence[RowFault]]:
    """Return our own copy of the sound rows of a body of events, and what was wrong with others."""
    places: NDArray[np.int64] | None = None
    faults: list[RowFault] = []
    count = header.count
    if header.encoding == "packed":
        if len(body) != count * ROW_BYTES:
            raise WireError(
                f"Packed body of {len(body)} bytes, needed {count * ROW_BYTES} for {count} rows "
                f"of {ROW_BYTES}",
                reason="short_body" if len(body) < count * ROW_BYTES else "long_body",
            )
        # A bytearray is one writable copy; `copy()` of a structured array takes 15 times longer.
        rows = np.frombuffer(bytearray(body), EVENT)
    else:
        try:
            rows, places, faults = unpack_events(body)
        except UNDECODABLE as err:
            raise _body_error(header, body, err) from err
        _check_count(header, len(rows) + len(faults))
        rows["sequence"] = _sequences(header.first_sequence, len(rows))
    codes = np.empty(len(rows), np.uint8)
    if check_rows(rows, header.first_sequence, codes) or faults:
        if places is None:
            places = np.arange(len(rows))
        faults = sorted([*faults, *_row_faults(rows, codes, places)])
        rows["sequence"] = _sequences(header.first_sequence, header.count)[places]
        rows = rows[codes == 0]
    return rows, faults


def _sequences(first: int, count: int) -> NDArray[np.uint64]:
    return np.arange(first, first + count, dtype=np.uint64)


def _row_faults(rows: Rows, codes: NDArray[np.uint8], places: NDArray[np.int64]) -> list[RowFault]:
    """Describe the rows that the kernel refused."""
    found = []
    for i in np.flatnonzero(codes):
        row, place, reason = rows[i], int(places[i]), ROW_REASONS[codes[i]]
        found.append(RowFault(place, reason, f"Row {place}: {_describe(row, reason)}"))
    return found


def _describe(row: np.void, reason: str) -> str:
    """Return what a refused row holds and what was needed."""
    kind = row["kind"]
    match reason:
        case "row_kind":
            return f"kind {kind}, needed 0 to 8"
        case "row_side":
            return f"side {row['side']} of kind {kind}, needed 1 or 2 (0 where the kind allows it)"
        case "row_flags":
            return f"flags {row['flags']:#06x}, bits above 13 have no meaning"
        case "row_sequence":
            return f"sequence {row['sequence']} is not its place in the frame"
        case "row_time":
            return (
                f"ts_event {row['ts_event']}, ts_recv {row['ts_recv']}, "
                "needed ns UTC from 1990 to 2199"
            )
        case "row_size":
            return (
                f"size {row['size']}, aux_size {row['aux_size']} of kind {kind}, "
                "needed below 2**53 and above 0 where something is entered or traded"
            )
        case "row_price":
            return (
                f"price {row['price']}, aux_price {row['aux_price']} of kind {kind}, "
                "needed above 0 and below 2**62, or undefined where the kind allows it"
            )
        case _:
            return (
                f"reference price {row['aux_price']} of time {row['ts_ref']}, "
                "needed above 0 and from 1990 to 2199, or undefined"
            )


def _decode_heartbeat(header: Header, body: bytes) -> Heartbeat:
    try:
        heartbeat = _heartbeat.decode(body)
    except UNDECODABLE as err:
        raise _body_error(header, body, err) from err
    if heartbeat.next_sequence != header.first_sequence:
        raise WireError(
            f"Heartbeat body says next is {heartbeat.next_sequence}, "
            f"its header {header.first_sequence}",
            reason="sequence",
        )
    return heartbeat


def _decode_records(
    header: Header, body: bytes, decoder: msgspec.msgpack.Decoder[T], what: str
) -> tuple[tuple[T, ...], list[RowFault]]:
    """Return the sound records of a body of definitions or accounts."""
    records: list[T] = []
    faults: list[RowFault] = []
    try:
        raws = _raws.decode(body)
    except UNDECODABLE as err:
        raise _body_error(header, body, err) from err
    _check_count(header, len(raws))
    for place, raw in enumerate(raws):
        try:
            records.append(decoder.decode(raw))
        except UNDECODABLE as err:
            faults.append(RowFault(place, f"row_{what}", f"Row {place}: {err}"))
    return tuple(records), faults


def _check_count(header: Header, found: int) -> None:
    if found != header.count:
        raise WireError(
            f"Body of {found} messages, header counts {header.count}", reason="forged_count"
        )


def _body_error(header: Header, body: bytes, err: Exception) -> WireError:
    return WireError(f"Body of {len(body)} bytes ({header.kind}): {err}", reason="body")
