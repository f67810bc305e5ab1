"""Malformed frames: what each is counted as, what it says, and that the rest survives."""

import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from darkpool_watch.config import WireConfig
from darkpool_watch.wire.events import Heartbeat
from darkpool_watch.wire.frame import encode
from darkpool_watch.wire.intake import Intake
from darkpool_watch.wire.quarantine import Quarantine, read_quarantine
from darkpool_watch.wire.rows import Rows
from kernels.layout import (
    ADD,
    DARK,
    EXECUTE,
    LEVEL,
    REPLACE,
    TRADE,
    UNDEFINED_PRICE,
)
from kernels.validate import EARLIEST, LATEST
from tests.wire.rows import T0, account, add_rows, definition

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


GOOD = frame(add_rows(10, first=11), 11)
MSGPACK = frame(add_rows(10, first=11), 11, encoding="msgpack")
NOISE = random.Random(7).randbytes(200)
NEXT = Heartbeat(next_sequence=11, oldest_sequence=1)

FRAMES: dict[str, tuple[Parts, str, str]] = {
    "unknown version": (
        with_header(GOOD, version=2),
        "version",
        "Frame version 2, this reader knows 1: upgrade whichever is older",
    ),
    "unknown version of another shape": (
        [GOOD[0], pack([9, {"all": "new"}]), GOOD[2]],
        "version",
        "Frame version 9, this reader knows 1: upgrade whichever is older",
    ),
    "short body": (
        [*GOOD[:2], GOOD[2][:-1]],
        "short_body",
        "Packed body of 959 bytes, needed 960 for 10 rows of 96",
    ),
    "empty body": (
        [*GOOD[:2], b""],
        "short_body",
        "Packed body of 0 bytes, needed 960 for 10 rows of 96",
    ),
    "long body": (
        [*GOOD[:2], GOOD[2] + b"\0" * 96],
        "long_body",
        "Packed body of 1056 bytes, needed 960 for 10 rows of 96",
    ),
    "forged count, packed": (
        with_header(GOOD, count=200),
        "short_body",
        "Packed body of 960 bytes, needed 19200 for 200 rows of 96",
    ),
    "forged count, msgpack": (
        with_header(MSGPACK, count=200),
        "forged_count",
        "Body of 10 messages, header counts 200",
    ),
    "zero count": (with_header(GOOD, count=0), "count", "Header count 0, needed 1 to 256"),
    "negative count": (with_header(GOOD, count=-1), "count", "Header count -1, needed 1 to 256"),
    "count above 256": (with_header(GOOD, count=257), "count", "Header count 257, needed 1 to 256"),
    "count of the size of memory": (
        with_header(GOOD, count=1 << 63),
        "count",
        "Header count 9223372036854775808, needed 1 to 256",
    ),
    "array that claims four billion events": (
        [*MSGPACK[:2], b"\xdd\xff\xff\xff\xff"],
        "body",
        "Body of 5 bytes (events): Input data was truncated",
    ),
    "nested bomb in the body": (
        [*MSGPACK[:2], nested(100_000)],
        "body",
        "Body of 100001 bytes (events): maximum recursion depth exceeded while deserializing "
        "an object",
    ),
    "nested bomb in the header": (
        [GOOD[0], nested(100_000), GOOD[2]],
        "header",
        "Header of 100001 bytes: Expected `array` of at least length 9, got 1",
    ),
    "noise for a header": (
        [GOOD[0], NOISE, GOOD[2]],
        "header",
        "Header of 200 bytes: Expected `array`, got `int`",
    ),
    "noise for a msgpack body": (
        [*MSGPACK[:2], NOISE],
        "body",
        "Body of 200 bytes (events): Expected `array`, got `int`",
    ),
    "header of no bytes": (
        [GOOD[0], b"", GOOD[2]],
        "header",
        "Header of 0 bytes: Input data was truncated",
    ),
    "header of a map": (
        [GOOD[0], pack({"version": 1}), GOOD[2]],
        "header",
        "Header of 10 bytes: Expected `array`, got `object`",
    ),
    "header too short": (
        [GOOD[0], pack([1, 5, 1, "XNAS"]), GOOD[2]],
        "header",
        "Header of 9 bytes: Expected `array` of at least length 9, got 4",
    ),
    "text where a count belongs": (
        with_header(GOOD, count="ten"),
        "header",
        "Header of 37 bytes: Expected `int`, got `str` - at `$[5]`",
    ),
    "wrong session type": (
        with_header(GOOD, session="five"),
        "header",
        "Header of 38 bytes: Expected `int`, got `str` - at `$[1]`",
    ),
    "negative session": (
        with_header(GOOD, session=-5),
        "session",
        "Header session -5, needed 0 to 2**62",
    ),
    "wrong encoding name": (
        with_header(GOOD, encoding="pickle"),
        "encoding",
        "Header encoding 'pickle', needed 'packed' or 'msgpack'",
    ),
    "unknown kind of frame": (
        with_header(GOOD, kind="orders"),
        "kind",
        "Header kind 'orders', needed 'events', 'definitions', 'accounts' or 'heartbeat'",
    ),
    "no venue": (
        with_header(GOOD, venue=""),
        "venue",
        "Header venue of 0 characters, needed 1 to 64",
    ),
    "venue that is no text": (
        [GOOD[0], GOOD[1].replace(b"XNAS", b"\x80NAS"), GOOD[2]],
        "header",
        "Header of 34 bytes: 'utf-8' codec can't decode byte 0x80 in position 0: "
        "invalid start byte",
    ),
    "endless venue": (
        with_header(GOOD, venue="X" * 100_000),
        "venue",
        "Header venue of 100000 characters, needed 1 to 64",
    ),
    "channel out of range": (
        with_header(GOOD, channel=65_536),
        "channel",
        "Header channel 65536, needed 0 to 65535",
    ),
    "sequence below the first": (
        with_header(GOOD, first=0),
        "sequence",
        "Header first_sequence 0, needed 1 to 2**62",
    ),
    "sequence beyond all days": (
        with_header(GOOD, first=1 << 62),
        "sequence",
        "Header first_sequence 4611686018427387904, needed 1 to 2**62",
    ),
    "sequence that leaps": (
        frame(add_rows(10, first=1 << 40), 1 << 40),
        "jump",
        "Sequence 1099511627776 of XNAS/1 leaps 1099511627765 ahead of 11",
    ),
    "topic of another channel": (
        [b"flow.XNAS.2.", *GOOD[1:]],
        "topic",
        "Topic b'flow.XNAS.2.', header says b'flow.XNAS.1.'",
    ),
    "topic without its last dot": (
        [b"flow.XNAS.1", *GOOD[1:]],
        "topic",
        "Topic b'flow.XNAS.1', header says b'flow.XNAS.1.'",
    ),
    "missing parts": (GOOD[:2], "parts", "Frame of 2 parts, needed 3: topic, header, body"),
    "extra parts": (
        [*GOOD, b"more"],
        "parts",
        "Frame of 4 parts, needed 3: topic, header, body",
    ),
    "giant frame": (
        [*GOOD[:2], b"\0" * 2_000_000],
        "giant",
        "Frame of 2000046 bytes, at most 1048576 (wire.max_frame_bytes)",
    ),
    "heartbeat that counts": (
        with_header(frame(NEXT, 11), count=3),
        "count",
        "Heartbeat counts 3 messages, needed 0",
    ),
    "heartbeat that contradicts itself": (
        frame(NEXT, 12),
        "sequence",
        "Heartbeat body says next is 11, its header 12",
    ),
    "heartbeat of noise": (
        [*frame(NEXT, 11)[:2], b"\xc1\xc1"],
        "body",
        "Body of 2 bytes (heartbeat): MessagePack data is malformed: invalid opcode '\\xc1' "
        "(byte 0)",
    ),
    "definitions that are no array": (
        [*frame([definition()], 11)[:2], pack("none")],
        "body",
        "Body of 5 bytes (definitions): Expected `array`, got `str`",
    ),
}


@pytest.mark.parametrize("name", FRAMES)
def test_a_malformed_frame_is_counted_told_and_passed_over(name: str, tmp_path: Path) -> None:
    parts, reason, message = FRAMES[name]
    with Quarantine(tmp_path / "bad.quarantine", 10_000_000) as quarantine:
        feed = Feed(quarantine)
        feed.send(frame(add_rows(10), 1))
        feed.send(parts)
        feed.send(frame(add_rows(10, first=11), 11))
    assert feed.intake.refusals[-1].message == message
    assert feed.counts() == {reason: 1}
    assert feed.sequences == list(range(1, 21))
    (kept,) = read_quarantine(quarantine.path)
    assert (kept.reason, kept.message) == (reason, message)
    assert kept.parts == [part[:65_536] for part in parts]
    assert kept.sizes == [len(part) for part in parts]


def spoil(column: str, value: int, **others: int) -> Callable[[Rows], None]:
    """Return what sets columns of the third row."""

    def change(rows: Rows) -> None:
        for name, number in {column: value, **others}.items():
            rows[name][2] = number

    return change


SIZE_RULE = "needed below 2**53 and above 0 where something is entered or traded"
PRICE_RULE = "needed above 0 and below 2**62, or undefined where the kind allows it"
TIME_RULE = "needed ns UTC from 1990 to 2199"
PRICE3 = 100_130_000_000  # of the third row

ROWS: dict[str, tuple[Callable[[Rows], None], str, str]] = {
    "kind out of range": (spoil("kind", 9), "row_kind", "Row 2: kind 9, needed 0 to 8"),
    "kind 255": (spoil("kind", 255), "row_kind", "Row 2: kind 255, needed 0 to 8"),
    "side out of range": (
        spoil("side", 3),
        "row_side",
        "Row 2: side 3 of kind 0, needed 1 or 2 (0 where the kind allows it)",
    ),
    "an order without a side": (
        spoil("side", 0),
        "row_side",
        "Row 2: side 0 of kind 0, needed 1 or 2 (0 where the kind allows it)",
    ),
    "flags without a meaning": (
        spoil("flags", 1 << 14),
        "row_flags",
        "Row 2: flags 0x4000, bits above 13 have no meaning",
    ),
    "size 0 of an order": (
        spoil("size", 0),
        "row_size",
        f"Row 2: size 0, aux_size 0 of kind 0, {SIZE_RULE}",
    ),
    "size 2**53": (
        spoil("size", 1 << 53),
        "row_size",
        f"Row 2: size 9007199254740992, aux_size 0 of kind 0, {SIZE_RULE}",
    ),
    "minimum quantity 2**64 - 1": (
        spoil("aux_size", (1 << 64) - 1),
        "row_size",
        f"Row 2: size 106, aux_size 18446744073709551615 of kind 0, {SIZE_RULE}",
    ),
    "execution of nothing": (
        spoil("kind", EXECUTE, size=0),
        "row_size",
        f"Row 2: size 0, aux_size 0 of kind 3, {SIZE_RULE}",
    ),
    "negative price": (
        spoil("price", -5),
        "row_price",
        f"Row 2: price -5, aux_price {UNDEFINED_PRICE} of kind 0, {PRICE_RULE}",
    ),
    "price 0": (
        spoil("price", 0, kind=REPLACE),
        "row_price",
        f"Row 2: price 0, aux_price {UNDEFINED_PRICE} of kind 2, {PRICE_RULE}",
    ),
    "price whose double overflows": (
        spoil("price", 1 << 62),
        "row_price",
        f"Row 2: price {1 << 62}, aux_price {UNDEFINED_PRICE} of kind 0, {PRICE_RULE}",
    ),
    "trade at no price": (
        spoil("price", UNDEFINED_PRICE, kind=TRADE),
        "row_price",
        f"Row 2: price {UNDEFINED_PRICE}, aux_price {UNDEFINED_PRICE} of kind 4, {PRICE_RULE}",
    ),
    "level at no price": (
        spoil("price", UNDEFINED_PRICE, kind=LEVEL),
        "row_price",
        f"Row 2: price {UNDEFINED_PRICE}, aux_price {UNDEFINED_PRICE} of kind 6, {PRICE_RULE}",
    ),
    "time before 1990": (
        spoil("ts_event", EARLIEST - 1),
        "row_time",
        f"Row 2: ts_event 631151999999999999, ts_recv {T0 + 13_500}, {TIME_RULE}",
    ),
    "time 2200": (
        spoil("ts_recv", LATEST),
        "row_time",
        f"Row 2: ts_event {T0 + 13_000}, ts_recv 7258118400000000000, {TIME_RULE}",
    ),
    "time 0": (
        spoil("ts_event", 0),
        "row_time",
        f"Row 2: ts_event 0, ts_recv {T0 + 13_500}, {TIME_RULE}",
    ),
    "dark print at reference 0": (
        spoil("aux_price", 0, kind=EXECUTE, flags=DARK),
        "row_reference",
        f"Row 2: reference price 0 of time {UNDEFINED_PRICE}, "
        "needed above 0 and from 1990 to 2199, or undefined",
    ),
}


@pytest.mark.parametrize("encoding", ["packed", "msgpack"])
@pytest.mark.parametrize("name", ROWS)
def test_a_bad_row_does_not_cost_the_rest_of_its_frame(name: str, encoding: str) -> None:
    change, reason, message = ROWS[name]
    rows = add_rows(5, first=11)
    assert rows["price"][2] == PRICE3
    change(rows)
    kind = int(rows["kind"][2])
    if encoding == "msgpack" and reason == "row_kind":  # no Struct has such a tag
        rows["kind"][2] = ADD
        parts = frame(rows, 11, encoding=encoding)
        body = msgspec.msgpack.decode(parts[2])
        body[2][0] = kind
        parts[2] = pack(body)
        message = f"Row 2: Invalid value {kind} - at `$[0]`"
    else:
        parts = frame(rows, 11, encoding=encoding)
    feed = Feed()
    feed.send(frame(add_rows(10), 1))
    feed.send(parts)
    feed.send(frame(add_rows(5, first=16), 16))
    assert feed.intake.refusals[-1].message == message
    assert feed.counts() == {reason: 1}
    assert feed.sequences == [*range(1, 13), *range(14, 21)]
    assert feed.intake.counters.events == 19
    assert feed.intake.counters.refused_frames == 0
    assert feed.intake.counters.refused_rows == 1


def test_a_row_out_of_its_place_is_left_out() -> None:
    parts = frame(add_rows(5), 1)
    body = bytearray(parts[2])
    struct.pack_into("<Q", body, 2 * 96 + 24, 1)  # the third row says it is the first again
    feed = Feed()
    feed.send([*parts[:2], bytes(body)])
    assert feed.intake.refusals[-1].message == "Row 2: sequence 1 is not its place in the frame"
    assert feed.counts() == {"row_sequence": 1}
    assert feed.sequences == [1, 2, 4, 5]


RECORDS: dict[str, tuple[Any, str, str]] = {
    "text where a price belongs": (
        [ADD, T0, T0, 7, 1, "cheap", 100],
        "row_type",
        "Row 2: Expected `int`, got `str` - at `$[5]`",
    ),
    "a float for a size": (
        [ADD, T0, T0, 7, 1, 5, 100.5],
        "row_type",
        "Row 2: Expected `int`, got `float` - at `$[6]`",
    ),
    "no array": (5, "row_type", "Row 2: Expected `array`, got `int`"),
    "too few elements": (
        [ADD, T0],
        "row_type",
        "Row 2: Expected `array` of at least length 4, got 2",
    ),
    "side beyond a byte": (
        [ADD, T0, T0, 7, 256, 5, 100],
        "row_side",
        "Row 2: Expected `int` <= 255 - at `$[4]`",
    ),
    "negative size": (
        [ADD, T0, T0, 7, 1, 5, -100],
        "row_size",
        "Row 2: Expected `int` >= 0 - at `$[6]`",
    ),
    "instrument beyond 32 bits": (
        [ADD, T0, T0, 1 << 32, 1, 5, 100],
        "row_id",
        "Row 2: Expected `int` <= 4294967295 - at `$[3]`",
    ),
    "price beyond 63 bits": (
        [ADD, T0, T0, 7, 1, 1 << 63, 100],
        "row_price",
        "Row 2: Expected `int` <= 9223372036854775807 - at `$[5]`",
    ),
    "flags beyond 16 bits": (
        [ADD, T0, T0, 7, 1, 5, 100, 1, 1 << 16],
        "row_flags",
        "Row 2: Expected `int` <= 65535 - at `$[8]`",
    ),
    "a bomb for a price": (
        [ADD, T0, T0, 7, 1, msgspec.Raw(nested(500)), 100],
        "row_type",
        "Row 2: Expected `int`, got `array` - at `$[5]`",
    ),
}


@pytest.mark.parametrize("name", RECORDS)
def test_a_bad_msgpack_record_does_not_cost_the_rest_of_its_frame(name: str) -> None:
    record, reason, message = RECORDS[name]
    body: list[Any] = msgspec.msgpack.decode(MSGPACK[2])
    body[2] = record
    feed = Feed()
    feed.send(frame(add_rows(10), 1))
    feed.send([*MSGPACK[:2], pack(body)])
    feed.send(frame(add_rows(5, first=21), 21))
    assert feed.intake.refusals[-1].message == message
    assert feed.counts() == {reason: 1}
    assert feed.sequences == [*range(1, 13), *range(14, 26)]


def test_a_bad_definition_does_not_cost_the_rest_of_its_frame() -> None:
    parts = frame([definition(1), definition(2), definition(3)], 1)
    body = msgspec.msgpack.decode(parts[2])
    body[1]["tick"] = 0
    feed = Feed()
    feed.intake.accept([*parts[:2], pack(body)], 1, T0)
    (batch,) = feed.intake.take()
    assert [d.instrument_id for d in batch.definitions] == [1, 3]
    assert feed.intake.refusals[-1].message == "Row 1: Expected `int` >= 1 - at `$.tick`"
    assert feed.counts() == {"row_definition": 1}


def test_a_definition_whose_session_ends_before_it_opens_is_left_out() -> None:
    parts = frame([definition(1)], 1)
    body = msgspec.msgpack.decode(parts[2])
    body[0]["session_close_ns"] = body[0]["session_open_ns"] = 10
    feed = Feed()
    feed.intake.accept([*parts[:2], pack(body)], 1, T0)
    assert feed.intake.refusals[-1].message == (
        "Row 0: session_close_ns 10 is not after session_open_ns 10"
    )


def test_a_bad_account_does_not_cost_the_rest_of_its_frame() -> None:
    parts = frame([account(1), account(2)], 1)
    body = msgspec.msgpack.decode(parts[2])
    body[0]["capacity"] = "both"
    feed = Feed()
    feed.intake.accept([*parts[:2], pack(body)], 1, T0)
    (batch,) = feed.intake.take()
    assert [a.account for a in batch.accounts] == [2]
    assert feed.intake.refusals[-1].message == (
        "Row 0: Invalid enum value 'both' - at `$.capacity`"
    )
    assert feed.counts() == {"row_account": 1}


def test_a_sequence_going_backwards_is_a_duplicate() -> None:
    feed = Feed()
    feed.send(frame(add_rows(10), 1))
    feed.send(frame(add_rows(10, first=11), 11))
    feed.send(frame(add_rows(5, first=3), 3))
    feed.send(frame(add_rows(5, first=21), 21))
    assert feed.sequences == list(range(1, 26))
    assert feed.intake.counters.duplicates == 1
    assert feed.intake.counters.duplicate_events == 5


def test_a_leap_that_a_second_frame_confirms_is_a_loss() -> None:
    feed = Feed()
    feed.send(frame(add_rows(10), 1))
    far = 1 << 30
    feed.send(frame(add_rows(10, first=far), far))
    feed.send(frame(add_rows(10, first=far + 10), far + 10))
    feed.wait(20)
    assert feed.sequences == [*range(1, 11), *range(far + 10, far + 20)]
    assert feed.counts() == {"jump": 1}
    assert feed.intake.counters.lost == far + 10 - 11


def test_forged_channels_do_not_make_the_daemon_grow() -> None:
    feed = Feed()
    feed.send(frame(add_rows(10), 1))
    for channel in range(2, 1_100):
        feed.send(frame(add_rows(1), 1, channel=channel))
    assert len(feed.intake.channels) == 1_024
    assert feed.intake.refusals[-1].message == (
        "Channel XNAS/1099 would be number 1025, at most 1024"
    )
    feed.send(frame(add_rows(10, first=11), 11))
    assert feed.intake.channels["XNAS", 1].events == 20


def test_a_full_quarantine_only_counts(tmp_path: Path) -> None:
    with Quarantine(tmp_path / "bad.quarantine", 3_000) as quarantine:
        feed = Feed(quarantine)
        for _ in range(5):
            feed.send([*GOOD[:2], GOOD[2][:-1]])
    assert feed.intake.counters.quarantined == 2
    assert feed.intake.counters.quarantine_full == 3
    assert len(list(read_quarantine(quarantine.path))) == 2
    assert feed.counts() == {"short_body": 5}


def test_all_rows_bad_leave_no_events_but_their_numbers_are_used() -> None:
    rows = add_rows(5, first=11)
    rows["size"] = 0
    feed = Feed()
    feed.send(frame(add_rows(10), 1))
    feed.send(frame(rows, 11))
    feed.send(frame(add_rows(5, first=16), 16))
    assert feed.sequences == [*range(1, 11), *range(16, 21)]
    assert feed.counts() == {"row_size": 5}
    assert np.all(np.diff(feed.sequences) > 0)
