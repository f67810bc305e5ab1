import zipfile
from pathlib import Path

import numpy as np
import pytest

from darkpool_watch.errors import TapeError
from darkpool_watch.tape.detect import open_tape
from darkpool_watch.tape.lobster import LobsterTape, read_lobster
from kernels import layout
from tests.data import AAPL, AMZN, GOOG, needs_data

MESSAGES = """34200.000000001,1,11,100,1000000,1
34200.5,1,12,50,1000200,-1
34201.25,2,11,40,1000000,1
34202.0,4,12,50,1000200,-1
34203.0,5,0,7,1000100,-1
34204.0,3,11,60,1000000,1
"""
NAME = "TEST_2012-06-21_34200000_57600000_message_2.csv"
BOOK_NAME = NAME.replace("_message_", "_orderbook_")
# ask price, ask size, bid price, bid size, two levels; 9999999999 marks an empty place.
BOOK = """1000300,10,1000000,100,9999999999,0,-9999999999,0
1000200,50,1000000,100,1000300,10,-9999999999,0
1000200,50,1000000,60,1000300,10,-9999999999,0
1000300,10,1000000,60,1000400,5,-9999999999,0
1000300,10,1000000,60,1000400,5,-9999999999,0
1000300,10,999900,30,1000400,5,-9999999999,0
"""


@pytest.fixture
def tape(tmp_path: Path) -> LobsterTape:
    (tmp_path / NAME).write_text(MESSAGES)
    (tmp_path / BOOK_NAME).write_text(BOOK)
    return read_lobster(tmp_path / NAME)


def test_times_are_nanoseconds_of_the_files_day(tape: LobsterTape) -> None:
    # 2012-06-21 00:00 in New York is 04:00 UTC, 1340251200 s; 34,200 s after it the market opens.
    assert tape.events["ts_event"][0] == (1_340_251_200 + 34_200) * 10**9 + 1
    assert tape.definitions[0].session_open_ns == (1_340_251_200 + 34_200) * 10**9


def test_levels_appear_where_the_book_file_reveals_depth(tape: LobsterTape) -> None:
    levels = tape.events[tape.events["kind"] == layout.LEVEL]
    # Row 1 reveals the ask of 100.03, row 4 that of 100.04, row 6 the bid of 99.99.
    assert [(e["side"], e["price"], e["size"]) for e in levels] == [
        (layout.ASK, 100_030_000_000, 10),
        (layout.ASK, 100_040_000_000, 5),
        (layout.BID, 99_990_000_000, 30),
    ]
    assert tape.row_end is not None
    assert tape.row_end.tolist() == [2, 3, 4, 6, 7, 9]


def test_a_hidden_execution_has_no_order_id_and_its_flag(tape: LobsterTape) -> None:
    hidden = tape.events[tape.events["flags"] & layout.HIDDEN > 0]
    assert hidden["order_id"].tolist() == [0]
    assert hidden["kind"].tolist() == [layout.EXECUTE]


def test_sequences_have_no_gap(tape: LobsterTape) -> None:
    assert tape.events["sequence"].tolist() == list(range(1, len(tape.events) + 1))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("34205.0,9,11,60,1000000,1", "line 7: `type` is 9, needed 1 to 7"),
        ("34205.0,1,11,sixty,1000000,1", "line 7: column `size` is 'sixty', needed a number"),
        ("34205.0,1,11,60,1000000", "line 7: 5 columns, needed 6"),
        ("34205.0,1,11,0,1000000,1", "line 7: `size` is 0, needed 1 to 2^53 - 1"),
        ("34205.0,1,11,-60,1000000,1", "line 7: `size` is -60, needed 1 to 2^53 - 1"),
        (
            "34205.0,1,11,99999999999999999999,1000000,1",
            "line 7: column `size` is 99999999999999999999, needed a number of at most 63 bits",
        ),
        ("34205.0,1,11,60,-5,1", "line 7: `price` is -5, needed 1 to 9999999998"),
        ("34205.0,1,11,60,1000000,3", "line 7: `direction` is 3, needed 1 or -1"),
        ("-1.0,1,11,60,1000000,1", "line 7: `time` is -1.0, needed 0 to 172,800 s"),
        ("nan,1,11,60,1000000,1", "line 7: `time` is nan, needed 0 to 172,800 s"),
        ("34205.0,1,,60,1000000,1", "line 7: column `order_id` is '', needed a number"),
        ("34205.0,1,-1,60,1000000,1", "line 7: `order_id` is -1, needed 0 or more"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / NAME
    path.write_text(MESSAGES + line + "\n")
    with pytest.raises(TapeError, match=message.replace("^", r"\^")):
        read_lobster(path)


def test_a_book_of_another_length_is_refused(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(MESSAGES)
    (tmp_path / BOOK_NAME).write_text(BOOK.rsplit("\n", 2)[0] + "\n")
    with pytest.raises(TapeError, match="has 5 rows, its message file 6: not a pair"):
        read_lobster(tmp_path / NAME)


@pytest.mark.parametrize(
    ("row", "found"),
    [("1000300,-10,1000000,100,9999999999,0,-9999999999,0", "line 1: needed prices of 1 to"),
     ("1000300,10,0,100,9999999999,0,-9999999999,0", "line 1: needed prices of 1 to")],
)  # fmt: skip
def test_a_book_of_impossible_prices_or_sizes_is_refused(
    tmp_path: Path, row: str, found: str
) -> None:
    (tmp_path / NAME).write_text(MESSAGES)
    (tmp_path / BOOK_NAME).write_text(row + "\n" + BOOK.split("\n", 1)[1])
    with pytest.raises(TapeError, match=found):
        read_lobster(tmp_path / NAME)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (NAME.replace("06-21", "13-45"), "its name says 2012-13-45, which is no date"),
        (NAME.replace("57600000", "34200000"), "the session ends before it begins"),
    ],
)
def test_an_impossible_name_is_refused(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / name).write_text(MESSAGES)
    with pytest.raises(TapeError, match=message):
        read_lobster(tmp_path / name)


def test_a_cross_has_a_negative_order_id_in_the_file_and_none_with_us(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(MESSAGES + "34205.0,6,-1,500,1000100,-1\n")
    cross = read_lobster(tmp_path / NAME).events[-1]
    assert (cross["kind"], cross["side"], cross["size"]) == (layout.TRADE, layout.SIDE_NONE, 500)
    assert cross["order_id"] == 0
    assert cross["flags"] & layout.AUCTION


def test_a_zip_is_told_from_its_content(tmp_path: Path, tape: LobsterTape) -> None:
    path = tmp_path / "day.dat"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(NAME, MESSAGES)
        archive.writestr(BOOK_NAME, BOOK)
    assert np.array_equal(open_tape(path).events, tape.events)


def test_seven_columns_read_as_six(tmp_path: Path, tape: LobsterTape) -> None:
    other = tmp_path / "seven" / NAME
    other.parent.mkdir()
    other.write_text(MESSAGES.replace("\n", ",MPID\n"))
    (other.parent / BOOK_NAME).write_text(BOOK)
    assert np.array_equal(read_lobster(other).events, tape.events)


@needs_data
@pytest.mark.parametrize(
    ("path", "counts"),
    [
        (GOOG, [0, 71_258, 19, 64_961, 7_765, 3_913, 0, 0]),
        (AMZN, None),
    ],
)
def test_real_day_has_the_published_counts(path: Path, counts: list[int] | None) -> None:
    tape = open_tape(path)
    assert isinstance(tape, LobsterTape)
    assert tape.counts is not None
    if counts is not None:
        assert tape.counts.tolist() == counts
    else:
        assert (tape.counts.sum(), tape.counts[5]) == (155_935, 2_445)
    messages = tape.events[tape.events["kind"] != layout.LEVEL]
    assert len(messages) == tape.counts.sum()


@needs_data
def test_head_of_a_gzipped_day_reads() -> None:
    tape = open_tape(AAPL)
    assert isinstance(tape, LobsterTape)
    assert tape.counts is not None
    assert tape.counts[5] == 61
