"""Frames: both encodings, round trips, and bytes that mean nothing."""

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkpool_watch.errors import WireError
from darkpool_watch.wire import control
from darkpool_watch.wire.events import (
    EVENT_TYPES,
    UNDECODABLE,
    Add,
    AnyEvent,
    Flag,
    Heartbeat,
    Kind,
    Side,
)
from darkpool_watch.wire.frame import Header, decode, encode
from darkpool_watch.wire.rows import Rows
from darkpool_watch.wire.topic import escape, flow_topic, parts_of, topic_of
from kernels import layout
from kernels.layout import EVENT
from tests.naive.validate import naive_fault
from tests.wire.rows import T0, account, add_rows, definition

UNSIGNED = {"u1": 8, "u2": 16, "u4": 32, "u8": 64}


def number_of(column: str) -> st.SearchStrategy[int]:
    """Return every value a column can hold, those that are sound preferred."""
    kind = EVENT[column].str[1:]
    limits = (0, 2 ** UNSIGNED[kind] - 1) if kind in UNSIGNED else (-(2**63), 2**63 - 1)
    sound = {
        "kind": st.integers(0, 8),
        "side": st.integers(1, 2),
        "flags": st.integers(0, layout.ALL_FLAGS),
        "price": st.integers(1, 10**15),
        "aux_price": st.integers(1, 10**15),
        "size": st.integers(1, 2**53 - 1),
        "aux_size": st.integers(0, 2**53 - 1),
    }.get(column, st.integers(T0, T0 + 10**15) if column.startswith("ts_") else st.nothing())
    return sound | sound | sound | st.integers(*limits)


ROW = st.fixed_dictionaries({name: number_of(name) for name in EVENT.names})


@st.composite
def row_blocks(draw: st.DrawFn) -> Rows:
    drawn = draw(st.lists(ROW, min_size=1, max_size=6))
    rows = np.zeros(len(drawn), EVENT)
    for i, row in enumerate(drawn):
        for name, value in row.items():
            rows[name][i] = value
    return rows


def frame(payload: Any, first: int = 1, **changes: Any) -> list[bytes]:
    values = {"venue": "XNAS", "channel": 1, "session": 5, "sent_ns": T0, **changes}
    return encode(payload, first_sequence=first, **values)


@settings(deadline=None, max_examples=200)
@given(row_blocks(), st.integers(1, (1 << 62) - 300))
def test_both_encodings_give_the_same_rows_and_refuse_the_same(rows: Rows, first: int) -> None:
    numbered = rows.copy()
    numbered["sequence"] = np.arange(first, first + len(rows), dtype=np.uint64)
    sound = [i for i, row in enumerate(numbered) if not naive_fault(row, first + i)]
    packed = decode(frame(rows, first))
    assert packed.events is not None
    assert packed.events.tobytes() == numbered[sound].tobytes()
    assert packed.events.flags.writeable
    assert packed.events.flags.c_contiguous
    encodable = [i for i in range(len(rows)) if rows["kind"][i] < layout.KINDS]
    if len(encodable) == len(rows):
        other = decode(frame(rows, first, encoding="msgpack"))
        assert other.events is not None
        assert other.events.tobytes() == packed.events.tobytes()
        assert [f.reason for f in other.faults] == [f.reason for f in packed.faults]
        assert [f.row for f in other.faults] == [f.row for f in packed.faults]


@settings(deadline=None, max_examples=300)
@given(st.lists(st.binary(max_size=200), max_size=5))
def test_random_parts_never_crash(parts: list[bytes]) -> None:
    with pytest.raises(WireError) as caught:
        decode(parts)
    assert caught.value.reason
    assert str(caught.value)


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from(["packed", "msgpack", "definitions", "accounts", "heartbeat"]),
    st.integers(0, 2),
    st.data(),
)
def test_a_flipped_frame_never_crashes(what: str, part: int, data: st.DataObject) -> None:
    payload: Any = {
        "definitions": [definition(1), definition(2)],
        "accounts": [account(1)],
        "heartbeat": Heartbeat(next_sequence=1, oldest_sequence=1),
    }.get(what, add_rows(4))
    encoding = what if what in ("packed", "msgpack") else "packed"
    parts = frame(payload, encoding=encoding)
    spoiled = bytearray(parts[part])
    for _ in range(data.draw(st.integers(1, 4))):
        spoiled[data.draw(st.integers(0, len(spoiled) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(spoiled)))
    parts[part] = bytes(spoiled[: cut if data.draw(st.booleans()) else None])
    try:
        found = decode(parts)
    except WireError:
        return
    assert found.header.count <= 256


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=200))
def test_random_control_messages_are_refused_or_read(part: bytes) -> None:
    for read in (control.decode_request, control.decode_reply):
        try:
            read(part)
        except UNDECODABLE:
            continue


@pytest.mark.parametrize("encoding", ["packed", "msgpack"])
def test_events_are_numbered_by_their_place(encoding: str) -> None:
    rows = add_rows(3, first=900)
    found = decode(frame(rows, 40, encoding=encoding)).events
    assert found is not None
    assert found["sequence"].tolist() == [40, 41, 42]
    assert rows["sequence"].tolist() == [900, 901, 902]


def test_a_decoded_frame_does_not_share_memory_with_its_bytes() -> None:
    parts = frame(add_rows(2))
    body = bytes(parts[2])
    found = decode(parts).events
    assert found is not None
    found["price"] = 1
    assert parts[2] == body


def test_a_publisher_in_another_language_may_leave_the_end_of_an_event_out() -> None:
    parts = frame(add_rows(1), encoding="msgpack")
    status = [layout.STATUS, T0, T0, 7]
    parts[2] = msgspec.msgpack.encode([status])
    found = decode(parts).events
    assert found is not None
    (row,) = found
    assert (row["kind"], row["instrument_id"], row["sequence"]) == (layout.STATUS, 7, 1)
    assert row["price"] == row["aux_price"] == row["ts_ref"] == layout.UNDEFINED_PRICE
    assert row["size"] == row["order_id"] == row["flags"] == 0


def test_a_msgpack_body_is_the_tagged_structs_of_its_events() -> None:
    rows = add_rows(2)
    body = msgspec.msgpack.decode(frame(rows, encoding="msgpack")[2], type=list[AnyEvent])
    first = Add(T0 + 1_000, T0 + 1_500, 7, 1, 100_010_000_000, 101, 1)
    assert body[0] == first
    assert msgspec.msgpack.encode(body) == frame(rows, encoding="msgpack")[2]


def test_definitions_accounts_and_heartbeats_come_back_as_they_went() -> None:
    definitions = [definition(1), definition(2)]
    assert decode(frame(definitions)).definitions == tuple(definitions)
    accounts = [account(4), account(5)]
    assert decode(frame(accounts)).accounts == tuple(accounts)
    beat = Heartbeat(next_sequence=7, oldest_sequence=2)
    assert decode(frame(beat, 7)).heartbeat == beat


def test_a_header_is_an_array_in_the_order_of_the_page() -> None:
    parts = frame(add_rows(2), 9)
    assert msgspec.msgpack.decode(parts[1]) == [
        1, 5, 1, "XNAS", 9, 2, T0, "packed", "events",
    ]  # fmt: skip
    assert Header.__struct_fields__[:2] == ("version", "session")


@pytest.mark.parametrize(
    ("payload", "changes", "message"),
    [
        (add_rows(257), {}, "Frame of 257 messages, needed 1 to 256"),
        (add_rows(0), {}, "Frame of 0 messages, needed 1 to 256"),
        ([], {}, "Frame of 0 messages, needed 1 to 256"),
        (add_rows(1), {"encoding": "json"}, "Encoding 'json', needed 'packed' or 'msgpack'"),
        (np.zeros(1, np.int64), {}, "Rows of dtype int64, needed EVENT"),
    ],
)
def test_what_cannot_be_a_frame_is_not_encoded(
    payload: Any, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(WireError) as caught:
        frame(payload, **changes)
    assert str(caught.value) == message


def test_enums_mirror_the_layout() -> None:
    assert [kind.name for kind in Kind] == [cls.__name__.upper() for cls in EVENT_TYPES]
    assert all(getattr(layout, kind.name) == kind for kind in Kind)
    assert [side.value for side in Side] == [layout.SIDE_NONE, layout.BID, layout.ASK]
    assert all(getattr(layout, flag.name or "") == flag for flag in Flag)
    assert sum(Flag) == layout.ALL_FLAGS


def test_topics_end_in_a_dot_and_escape_their_parts() -> None:
    assert flow_topic("XNAS", 1) == b"flow.XNAS.1."
    assert flow_topic("X.Y %", 10) == b"flow.X%2EY%20%25.10."
    assert topic_of("alert", "high", "BRK.B") == b"alert.high.BRK%2EB."
    assert not flow_topic("XNAS", 10).startswith(flow_topic("XNAS", 1))


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=4))
def test_a_topic_gives_its_parts_back(parts: list[str]) -> None:
    topic = topic_of(*parts)
    assert parts_of(topic) == parts
    assert topic.count(b".") == len(parts)
    assert all(b"." not in escape(part).encode() for part in parts)
