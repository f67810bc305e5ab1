"""Bad rows and records: each is left out and told, and the rest of its frame is kept."""

import struct
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest

from darkpool_watch.wire.batch import NoticeKind
from darkpool_watch.wire.rows import Rows
from kernels.layout import ADD, DARK, EXECUTE, LEVEL, REPLACE, TRADE, UNDEFINED_PRICE
from kernels.validate import EARLIEST, LATEST
from tests.wire.feed import Feed, frame, nested, pack
from tests.wire.rows import T0, account, add_rows, definition

MSGPACK = frame(add_rows(10, first=11), 11, encoding="msgpack")


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
    batch, told = feed.intake.take()
    assert [n.kind for n in told.notices] == [NoticeKind.MALFORMED]
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
    batch, told = feed.intake.take()
    assert [n.kind for n in told.notices] == [NoticeKind.MALFORMED]
    assert [a.account for a in batch.accounts] == [2]
    assert feed.intake.refusals[-1].message == (
        "Row 0: Invalid enum value 'both' - at `$.capacity`"
    )
    assert feed.counts() == {"row_account": 1}


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
