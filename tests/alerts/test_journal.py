import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from darkpool_watch.alerts.desk import AlertDesk
from darkpool_watch.alerts.journal import Entry, Journal, JournalReader
from darkpool_watch.alerts.record import decode
from darkpool_watch.alerts.verify import verify
from darkpool_watch.errors import JournalError
from tests.alerts.samples import episode, filled

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("sql", ["UPDATE journal SET actor = 'x'", "DELETE FROM journal"])
def test_rows_cannot_be_changed_or_deleted(path: Path, sql: str) -> None:
    filled(path)
    connection = apsw.Connection(str(path))
    with pytest.raises(apsw.ConstraintError, match="append-only"):
        connection.execute(sql)
    connection.close()
    assert verify(path).ok


def test_reopening_continues_the_chain_and_the_alert_sequence(path: Path) -> None:
    filled(path, 2)
    journal = Journal(path)
    identity = journal.identity
    assert (journal.sequence, journal.alert_sequence) == (4, 2)
    (alert,) = AlertDesk(journal, None).submit([episode(opened=99)])
    journal.close()
    assert alert.sequence == 3
    assert len(identity) == 16
    assert verify(path).alerts == 3


def test_alerts_read_back_are_the_alerts_written(path: Path) -> None:
    journal = Journal(path)
    alerts = AlertDesk(journal, None).submit([episode(opened=i) for i in range(5)])
    reader = JournalReader(path)  # beside the writer, before any checkpoint
    rows = reader.alerts(2, 4, 100)
    assert [decode(r.entry.body) for r in rows] == alerts[1:4]
    assert reader.alerts(1, 100, 2)[-1].entry.alert_sequence == 2
    assert reader.last_alert_sequence() == 5
    reader.close()
    journal.checkpoint()
    journal.close()


def test_a_batch_is_written_whole_or_not_at_all(path: Path) -> None:
    journal = Journal(path)
    journal.append([Entry("note", "me", 1, b"x", alert_sequence=1)])
    with pytest.raises(JournalError, match="refused writing"):
        journal.append(
            [
                Entry("note", "me", 2, b"y", alert_sequence=2),
                Entry("note", "me", 3, b"z", alert_sequence=1),
            ]
        )
    assert journal.sequence == 2
    journal.append([Entry("note", "me", 4, b"w", alert_sequence=2)])
    journal.close()
    reader = JournalReader(path)
    assert [r.entry.body for r in reader.rows()][1:] == [b"x", b"w"]
    reader.close()


def test_a_second_writer_is_refused_at_its_start(path: Path) -> None:
    with subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys\n"
            "from darkpool_watch.alerts.journal import Journal\n"
            f"journal = Journal({str(path)!r})\n"
            "print('open', flush=True)\n"
            "sys.stdin.read()\n",
        ],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "open\n"
        with pytest.raises(JournalError) as caught:
            Journal(path)
        assert str(caught.value) == (
            f"Journal {path} is written by another daemon (process {first.pid}): stop that "
            "process, or name another file in alerts.journal"
        )
        first.kill()
    journal = Journal(path)  # the lock died with its process
    with pytest.raises(JournalError, match="is written by another daemon"):
        Journal(path)
    journal.close()
    Journal(path).close()
    assert verify(path).rows == 1


def test_a_second_writer_past_the_lock_is_found_out_by_its_rows(path: Path) -> None:
    one = Journal(path)
    path.with_name(path.name + ".lock").unlink()
    other = Journal(path)
    one.append([Entry("note", "one", 1, b"")])
    with pytest.raises(JournalError, match="refused writing"):
        other.append([Entry("note", "other", 1, b"")])
    other.close()
    one.close()
    assert verify(path).ok


def test_a_locked_journal_says_so(path: Path) -> None:
    journal = Journal(path, busy_ms=20)
    other = apsw.Connection(str(path))
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(JournalError, match="locked by another process while writing: stop"):
        journal.append([Entry("note", "me", 1, b"")])
    other.execute("ROLLBACK")
    journal.append([Entry("note", "me", 1, b"")])
    other.close()
    journal.close()


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_bytes(b"Dear diary, " * 200)
    for opener in (Journal, verify):
        with pytest.raises(JournalError, match="is no SQLite database, so no journal: name"):
            opener(path)
    assert path.read_bytes().startswith(b"Dear diary")


def test_another_programs_database_is_refused_and_left_alone(path: Path) -> None:
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.close()
    for opener in (Journal, verify):
        with pytest.raises(JournalError, match="but no journal of ours"):
            opener(path)
    connection = apsw.Connection(str(path))
    assert [n for (n,) in connection.execute("SELECT name FROM sqlite_schema")] == ["recipes"]
    connection.close()


def test_a_future_format_is_refused(path: Path) -> None:
    filled(path)
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA user_version = 9")
    connection.close()
    with pytest.raises(JournalError, match="has format 9, this version reads 1"):
        Journal(path)


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="Cannot make folder"):
        Journal(tmp_path / "file" / "sub" / "journal.db")
    with pytest.raises(JournalError, match="Cannot open journal"):
        Journal(Path("/proc/journal.db"))


def test_a_folder_is_made_when_absent(tmp_path: Path) -> None:
    Journal(tmp_path / "a" / "b" / "journal.db").close()
    assert verify(tmp_path / "a" / "b" / "journal.db").rows == 1


def test_a_read_only_disk_is_a_clear_error(path: Path) -> None:
    # SQLite's own refusal, as a read-only disk or file brings it about; root may write to those.
    journal = Journal(path)
    journal._connection.execute("PRAGMA query_only = 1")
    with pytest.raises(JournalError, match="its disk or file is read-only"):
        journal.append([Entry("note", "me", 1, b"")])
    journal.close()


def test_a_full_disk_is_a_clear_error_and_loses_nothing(path: Path) -> None:
    journal = Journal(path)
    desk = AlertDesk(journal, None)
    desk.submit([episode(opened=0)])
    pages = next(journal._connection.execute("PRAGMA page_count"))[0]
    journal._connection.execute(f"PRAGMA max_page_count = {pages}")
    many = [episode(opened=i) for i in range(1, 50)]
    with pytest.raises(JournalError, match="Disk full while writing"):
        desk.submit(many)
    journal._connection.execute("PRAGMA max_page_count = 100000")
    before = journal.alert_sequence
    assert before == 1
    desk.submit([episode(opened=100)])
    assert journal.alert_sequence == before + 1
    journal.close()
    assert verify(path).ok


def test_killed_at_any_moment_the_journal_holds_what_was_acknowledged(path: Path) -> None:
    code = (
        "import sys\n"
        "from darkpool_watch.alerts.journal import Entry, Journal\n"
        f"journal = Journal({str(path)!r})\n"
        "for i in range(100000):\n"
        "    journal.append([Entry('note', 'child', i, b'x' * 300)])\n"
        "    sys.stdout.write(f'{journal.sequence}\\n'); sys.stdout.flush()\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    acknowledged = [int(child.stdout.readline()) for _ in range(300)][-1]
    child.kill()
    rest = child.stdout.read().split("\n")
    child.wait()
    child.stdout.close()
    acknowledged = max([acknowledged, *(int(line) for line in rest[:-1] if line)])
    report = verify(path)
    assert report.ok
    assert report.rows >= acknowledged
