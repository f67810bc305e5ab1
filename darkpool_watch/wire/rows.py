"""Msgpack events to EVENT rows and back."""

import re
import struct
from collections.abc import Sequence
from operator import itemgetter
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from darkpool_watch.wire.events import EVENT_TYPES, UNDECODABLE, AnyEvent
from kernels.layout import EVENT, KINDS

Rows = NDArray[np.void]  # (N,) EVENT


class RowFault(NamedTuple):
    """One row that was left out of its frame."""

    row: int  # its place in the frame
    reason: str  # name of its counter
    message: str


_COLUMNS: Final = AnyEvent.__args__[0].__struct_fields__
_DTYPES: Final = [EVENT[name] for name in _COLUMNS]
_PACKED: Final = np.dtype(list(zip(_COLUMNS, _DTYPES, strict=True)))
_CODES: Final = {"i8": "q", "u8": "Q", "u4": "I", "u2": "H", "u1": "B"}
_row: Final = struct.Struct("<" + "".join(_CODES[dtype.str[1:]] for dtype in _DTYPES))
assert _row.size == _PACKED.itemsize
_pack: Final = _row.pack

_wire_order: Final = itemgetter(*map(EVENT.names.index, ("kind", *_COLUMNS)))
_KIND_OF: Final = {cls: kind for kind, cls in enumerate(EVENT_TYPES)}
_astuple: Final = msgspec.structs.astuple
_encoder: Final = msgspec.msgpack.Encoder()
_events: Final = msgspec.msgpack.Decoder(list[AnyEvent])
_event: Final = msgspec.msgpack.Decoder(AnyEvent)
_raws: Final = msgspec.msgpack.Decoder(list[msgspec.Raw])

# Which counter a column's values belong to.
_REASON_OF: Final = {
    "ts_event": "row_time",
    "ts_recv": "row_time",
    "ts_ref": "row_reference",
    "side": "row_side",
    "flags": "row_flags",
    "price": "row_price",
    "aux_price": "row_price",
    "size": "row_size",
    "aux_size": "row_size",
}
_PLACE: Final = re.compile(r"\$\[(\d+)\]")


def pack_events(rows: Rows) -> bytes:
    """Return EVENT rows as a msgpack body.

    An array-like Struct is its tag and its fields, so tuples in that order are the same bytes.
    """
    return _encoder.encode([_wire_order(row) for row in rows.tolist()])


def unpack_events(body: bytes) -> tuple[Rows, NDArray[np.int64] | None, list[RowFault]]:
    """Return the rows of a msgpack body, their places where some are missing, and what was wrong.

    The caller sets `sequence`, which the body does not carry.
    Raises one of UNDECODABLE when the body as a whole is no array.

    Cost: about 0.6 us an event; a frame with a bad record is decoded again, record by record.
    """
    try:
        events: Sequence[AnyEvent] = _events.decode(body)
    except (msgspec.ValidationError, UnicodeDecodeError):
        return _unpack_sound(body)
    return _to_rows(events), None, []


def _unpack_sound(body: bytes) -> tuple[Rows, NDArray[np.int64], list[RowFault]]:
    """Decode record by record and leave out those that do not decode."""
    events: list[AnyEvent] = []
    places: list[int] = []
    faults: list[RowFault] = []
    for place, raw in enumerate(_raws.decode(body)):
        try:
            events.append(_event.decode(raw))
            places.append(place)
        except UNDECODABLE as err:
            faults.append(RowFault(place, _reason(str(err)), f"Row {place}: {err}"))
    return _to_rows(events), np.array(places, dtype=np.int64), faults


def _to_rows(events: Sequence[AnyEvent]) -> Rows:
    """Return Structs as rows, `sequence` left for the caller to set.

    Packing each Struct's tuple and splitting the join into columns is the fastest of six ways
    tried; filling the structured array from tuples takes twice as long.
    """
    rows = np.empty(len(events), EVENT)
    packed = np.frombuffer(b"".join([_pack(*_astuple(event)) for event in events]), _PACKED)
    for name in _COLUMNS:
        rows[name] = packed[name]
    rows["kind"] = [_KIND_OF[type(event)] for event in events]
    return rows


def _reason(message: str) -> str:
    """Return the counter of a record that msgspec refused with `message`."""
    if message.startswith("Invalid value"):
        return "row_kind"
    place = _PLACE.search(message)
    if place is None or ", got " in message:
        return "row_type"
    column = int(place[1]) - 1  # the tag is element 0
    return _REASON_OF.get(_COLUMNS[column], "row_id") if column >= 0 else "row_kind"


assert len(EVENT_TYPES) == KINDS
