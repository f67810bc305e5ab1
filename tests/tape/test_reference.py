"""Reference files: read with their dates, or refused with the row that is wrong."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from darkpool_watch.config import ReferenceConfig
from darkpool_watch.errors import TapeError
from darkpool_watch.market.accounts import AccountHistory, AccountInfo
from darkpool_watch.market.counterparties import Counterparties, Pairing
from darkpool_watch.tape.reference import (
    COUNTERPARTIES,
    beside,
    read_accounts,
    read_counterparties,
    read_reference,
    told_of,
    write_counterparties,
)
from kernels.layout import I64_MAX

ROW = {
    "account": 5,
    "owner": 2,
    "group": 0,
    "capacity": "principal",
    "segment": 1,
    "valid_from_ns": 100,
    "valid_to_ns": None,
}


def written(folder: Path, *changes: dict[str, Any], without: str = "") -> Path:
    path = folder / "accounts.parquet"
    frame = pl.DataFrame([{**ROW, **change} for change in changes], infer_schema_length=None)
    frame.drop([without] if without else []).write_parquet(path)
    return path


def test_accounts_are_read_by_account_and_date(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        {"valid_from_ns": 300, "segment": 4},
        {"valid_to_ns": 250},
        {"account": 4, "capacity": "agency"},
    )
    assert read_accounts(path) == (
        AccountInfo(4, 2, 0, "agency", 1, 100, I64_MAX),
        AccountInfo(5, 2, 0, "principal", 1, 100, 250),
        AccountInfo(5, 2, 0, "principal", 4, 300, I64_MAX),
    )
    bare = written(tmp_path, {}, without="valid_to_ns")
    assert read_accounts(bare)[0].valid_to_ns == I64_MAX


def test_a_record_without_an_end_holds_until_the_next_one(tmp_path: Path) -> None:
    history = AccountHistory()
    for record in read_accounts(written(tmp_path, {}, {"valid_from_ns": 300, "segment": 4})):
        history.add(record)
    segments = [getattr(history.at(5, ts), "segment", None) for ts in (99, 100, 299, 300, 10**18)]
    assert segments == [None, 1, 1, 4, 4]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (({"valid_to_ns": 400}, {"valid_from_ns": 300}), "two records of account 5 hold from 300"),
        (({}, {}), "two records of account 5 hold from 100 ns on"),
        (({"capacity": "both"},), r"row 1: capacity is 'both', needed one of principal, agency"),
        (({}, {"account": 0}), "row 2: account is 0, needed 1 to 4294967295"),
        (({"segment": -1},), "row 1: segment is -1, needed 0 to 4294967295"),
        (({"owner": None},), "row 1: owner is None, needed 0"),
        (({"valid_from_ns": -5},), "row 1: valid_from_ns is -5, needed ns UTC from 0 on"),
        (({"valid_to_ns": 100},), "row 1: valid_to_ns is 100, needed ns UTC after 100"),
    ],
)
def test_a_bad_row_is_named(
    tmp_path: Path, changes: tuple[dict[str, Any], ...], message: str
) -> None:
    with pytest.raises(TapeError, match=message) as caught:
        read_accounts(written(tmp_path, *changes))
    assert "accounts.parquet" in str(caught.value)


def test_a_missing_column_and_a_file_that_is_no_parquet_are_told(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match=r"lacks capacity: needed the columns account, owner"):
        read_accounts(written(tmp_path, {}, without="capacity"))
    path = tmp_path / "accounts.parquet"
    path.write_bytes(b"account,owner\n5,2\n")
    with pytest.raises(TapeError, match="Cannot read accounts"):
        read_accounts(path)
    with pytest.raises(TapeError, match="Cannot read accounts"):
        read_accounts(tmp_path / "absent.parquet")


MATRIX = """
[[pairing]]
segments = [3, 1]
allowed = false
valid_from_ns = 100

[[pairing]]
segments = [1, 3]
allowed = true
venue = "POOL"
"""


def test_a_matrix_is_read_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "matrix.toml"
    path.write_text(MATRIX)
    matrix = read_counterparties(path)
    assert matrix.venues == {"POOL": 1}
    names = ("venue", "low", "high", "valid_from", "allowed")
    assert [tuple(int(row[name]) for name in names) for row in matrix.rows] == [
        (0, 1, 3, 100, 0),
        (1, 1, 3, 0, 1),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[pairing]]\nsegments = [1]\nallowed = true\n", r"\$\.pairing\[0\]\.segments"),
        ("[[pairing]]\nsegments = [1, 2]\nallowed = 1\n", r"Expected `bool`, got `int`"),
        ("[[pairing]]\nsegments = [1, 2]\nallow = true\n", "unknown field `allow`|`allowed`"),
        (MATRIX + "[[pairing]]\nsegments = [1, 3]\nallowed = true\nvalid_from_ns = 100\n", "two"),
        ("\x00", "Counterparties"),
    ],
)
def test_a_bad_matrix_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "matrix.toml"
    path.write_text(text)
    with pytest.raises(TapeError, match=message) as caught:
        read_counterparties(path)
    assert "matrix.toml" in str(caught.value)


def test_a_written_matrix_reads_back(tmp_path: Path) -> None:
    lines = [Pairing(3, 1, False, 100), Pairing(1, 3, True, venue="POOL"), Pairing(2, 2, False)]
    write_counterparties(lines, tmp_path / "matrix.toml")
    found = read_counterparties(tmp_path / "matrix.toml")
    assert found.venues == {"POOL": 1}
    assert found.rows.tobytes() == Counterparties(lines).rows.tobytes()
    with pytest.raises(TapeError, match=r"Cannot write .*No such file or directory"):
        write_counterparties(lines, tmp_path / "absent" / "matrix.toml")


def test_the_matrix_beside_a_tape_is_taken_where_the_config_names_none(tmp_path: Path) -> None:
    tape = tmp_path / "day.parquet"
    none, named = ReferenceConfig(accounts="a.parquet"), ReferenceConfig(counterparties="own.toml")
    assert beside(none, tape) is none
    matrix = tmp_path / COUNTERPARTIES
    write_counterparties([], matrix)
    for where in (tape, tmp_path):
        assert beside(none, where) == ReferenceConfig("a.parquet", str(matrix))
        assert beside(named, where) is named


def test_an_empty_matrix_is_not_an_unknown_one(tmp_path: Path) -> None:
    path = tmp_path / COUNTERPARTIES
    write_counterparties([], path)
    config = ReferenceConfig(counterparties=str(path))
    assert len(read_counterparties(path).rows) == 0
    assert told_of(config, read_reference(config))[1] == f"Counterparty matrix: 0 lines of {path}"
    people, matrix = told_of(ReferenceConfig(), read_reference(ReferenceConfig()))
    assert "without segments SEGMENT judges nothing" in people
    assert "none, so SEGMENT judges nothing and PRIORITY no fill of a pool" in matrix


def test_a_config_without_files_says_nothing_of_anyone(tmp_path: Path) -> None:
    empty = read_reference(ReferenceConfig())
    assert (empty.accounts, empty.counterparties) == ((), None)
    path = tmp_path / "matrix.toml"
    path.write_text(MATRIX)
    both = ReferenceConfig(accounts=str(written(tmp_path, {})), counterparties=str(path))
    found = read_reference(both)
    assert (len(found.accounts), len(found.counterparties.rows)) == (1, 2)
    with pytest.raises(TapeError, match=r"Cannot read counterparties .*No such file"):
        read_reference(ReferenceConfig(counterparties="absent.toml"))
