"""What `verify` says of intact, altered and damaged journals, and of what is none."""

import random
from pathlib import Path

import apsw
import pytest

from darkpool_watch.alerts.desk import AlertDesk
from darkpool_watch.alerts.journal import Journal, JournalReader, chain_of
from darkpool_watch.alerts.verify import MEANING, STEP, verify
from darkpool_watch.errors import JournalDamage, JournalError
from tests.alerts.samples import episode, filled


def tamper(path: Path, *statements: str) -> None:
    """Change the file as an intruder would who drops the guards and puts them back."""
    connection = apsw.Connection(str(path))
    guards = [
        sql for (sql,) in connection.execute("SELECT sql FROM sqlite_schema WHERE type = 'trigger'")
    ]
    for name in ("journal_no_update", "journal_no_delete"):
        connection.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        connection.execute(statement)
    for sql in guards:
        connection.execute(sql)
    connection.close()


def test_an_intact_journal_verifies(path: Path) -> None:
    filled(path)
    report = verify(path)
    assert report.ok
    assert (report.rows, report.alert_records, report.bad_sequence) == (8, 6, None)
    assert report.message.endswith("is intact: 8 rows, 6 records of 6 alerts among them")


def test_an_alerts_records_are_told_from_alerts(path: Path) -> None:
    journal = Journal(path)
    desk = AlertDesk(journal, None)
    desk.submit([episode(), episode(1)])
    journal.close()
    report = verify(path)
    assert (report.alerts, report.alert_records) == (1, 2)
    assert report.message.endswith("is intact: 3 rows, 2 records of 1 alert among them")


@pytest.mark.parametrize(
    ("statements", "row", "fault"),
    [
        (["UPDATE journal SET actor = 'nobody' WHERE sequence = 4"], 4, "changed"),
        (["UPDATE journal SET ts_ns = ts_ns + 1 WHERE sequence = 2"], 2, "changed"),
        (["UPDATE journal SET body = CAST(body || ' ' AS BLOB) WHERE sequence = 5"], 5, "changed"),
        (["UPDATE journal SET topic = 'alert.low.' WHERE sequence = 6"], 6, "changed"),
        (["UPDATE journal SET alert_sequence = NULL WHERE sequence = 3"], 3, "changed"),
        (["DELETE FROM journal WHERE sequence = 5"], 5, "missing"),
        (["DELETE FROM journal WHERE sequence = 1"], 1, "missing"),
        (["DELETE FROM journal WHERE sequence >= 7"], 7, "missing"),
        (
            [
                "UPDATE journal SET sequence = -5 WHERE sequence = 5",
                "UPDATE journal SET sequence = 5 WHERE sequence = 6",
                "UPDATE journal SET sequence = 6 WHERE sequence = -5",
            ],
            5,
            "reordered",
        ),
        (["UPDATE journal SET chain = zeroblob(32) WHERE sequence = 8"], 8, "changed"),
    ],
)
def test_verify_names_the_first_bad_row(
    path: Path, statements: list[str], row: int, fault: str
) -> None:
    filled(path)
    tamper(path, *statements)
    report = verify(path)
    assert not report.ok
    assert report.bad_sequence == row
    assert report.fault.startswith(fault)
    assert f" at row {row}: " in report.message
    assert MEANING[report_fault(report.message)] in report.message
    assert report.message.endswith(STEP)
    vouched = f"the {row - 1} rows before it are as they were written"
    assert (vouched if row > 1 else "no row before it vouches for anything") in report.message
    assert report.rows == row - 1


def report_fault(message: str) -> str:
    """Return the fault that a message names after "is"."""
    return message.split(" is ", 1)[1].split(" at row ", 1)[0]


def test_a_row_rechained_by_an_intruder_still_breaks_its_own_hash(path: Path) -> None:
    filled(path)
    reader = JournalReader(path)
    rows = list(reader.rows())
    reader.close()
    changed = rows[-1].entry._replace(body=rows[-1].entry.body.replace(b"medium", b"low"))
    chain = chain_of(rows[-2].chain, rows[-1].sequence, changed)
    body = changed.body.hex()
    tamper(
        path, f"UPDATE journal SET body = x'{body}', chain = x'{chain.hex()}' WHERE sequence = 8"
    )
    report = verify(path)
    assert (report.bad_sequence, report.fault) == (8, "changed")
    assert "does not fit its own hash" in report.message


def test_missing_guards_are_reported(path: Path) -> None:
    filled(path)
    connection = apsw.Connection(str(path))
    connection.execute("DROP TRIGGER journal_no_delete")
    connection.close()
    report = verify(path)
    assert (report.ok, report.fault) == (False, "unguarded")
    assert report.message == (
        f"Journal {path} is unguarded: its append-only triggers are not all there "
        "(journal_no_delete); rows can be changed and deleted since without a refusal; all 8 rows "
        f"are as they were written. {STEP}"
    )


def test_a_damaged_page_is_a_report(path: Path) -> None:
    filled(path, 60)
    size = path.stat().st_size
    page = 4_096
    told = 0
    for number in range(1, size // page):
        broken = path.with_name(f"broken{number}.db")
        body = bytearray(path.read_bytes())
        body[number * page : number * page + 200] = random.Random(number).randbytes(200)
        broken.write_bytes(body)
        report = verify(broken)
        # A page of the index or of free space carries no row.
        told += not report.ok
        if report.fault == "damaged":
            assert "row" in report.message
    assert told >= size // page // 2


def test_a_truncated_file_is_damaged(path: Path) -> None:
    filled(path, 60)
    path.write_bytes(path.read_bytes()[: 3 * 4_096])
    assert verify(path).fault == "damaged"


def test_a_missing_journal_cannot_be_verified(path: Path) -> None:
    with pytest.raises(JournalError, match="does not exist"):
        verify(path)


def test_damage_is_a_report_and_what_is_no_journal_is_an_error(path: Path) -> None:
    filled(path, 60)
    raw = path.read_bytes()
    for body, said in (
        (b"", "is empty (0 bytes): a journal has at least the row"),
        (raw[:10], "its first bytes are no longer those of an SQLite database"),
        (bytes(100) + raw[100:], "its first bytes are no longer those of an SQLite database"),
        (raw[:5_000], "SQLite cannot read it while opening"),
    ):
        path.write_bytes(body)
        report = verify(path)
        assert (report.ok, report.fault, report.bad_sequence, report.rows) == (
            False,
            "damaged",
            1,
            0,
        )
        assert said in report.message
        assert "journal verify" not in report.message
    with pytest.raises(JournalError, match="is a folder, needed the journal itself") as caught:
        verify(path.parent)
    assert not isinstance(caught.value, JournalDamage)
    with pytest.raises(JournalError, match="is no regular file, needed a journal"):
        verify("/dev/null")
