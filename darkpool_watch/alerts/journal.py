"""The journal: what the desk was told, append-only, each row chained to the one before.

SQLite through apsw, which bundles a current SQLite. A commit with synchronous=NORMAL in WAL mode
survives the death of the process; nothing is checkpointed before an alert is published.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import apsw

from darkpool_watch.alerts.lock import JournalLock
from darkpool_watch.errors import JournalDamage, JournalError

APPLICATION_ID = 0x44505754  # "DPWT"
FORMAT = 1
GENESIS = hashlib.sha256(b"darkpool_watch journal 1").digest()

_SCHEMA = f"""
CREATE TABLE journal (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    ts_ns INTEGER NOT NULL,
    alert_sequence INTEGER UNIQUE,
    alert_id TEXT,
    topic TEXT,
    body BLOB NOT NULL,
    chain BLOB NOT NULL
) STRICT;
CREATE INDEX journal_alert ON journal (alert_id) WHERE alert_id IS NOT NULL;
CREATE TRIGGER journal_no_update BEFORE UPDATE ON journal
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER journal_no_delete BEFORE DELETE ON journal
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {FORMAT};
"""
_PAGE = 4_096  # bytes of SQLite's first page, which holds the schema
_SQLITE = b"SQLite format 3\0"
_INSERT = "INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_COLUMNS = "sequence, kind, actor, ts_ns, alert_sequence, alert_id, topic, body, chain"


class Entry(NamedTuple):
    """What is to be written: a row without its place in the chain."""

    kind: str  # created, start, stop, alert, update or another word for a note
    actor: str
    ts_ns: int
    body: bytes
    alert_sequence: int | None = None  # daemon-wide number of a published alert
    alert_id: str | None = None
    topic: str | None = None


class Row(NamedTuple):
    """One row of the journal."""

    sequence: int
    entry: Entry
    chain: bytes


def chain_of(previous: bytes, sequence: int, entry: Entry) -> bytes:
    """Return SHA-256 of the chain before and every field, each with its length."""
    digest = hashlib.sha256(previous)
    fields = (
        str(sequence),
        entry.kind,
        entry.actor,
        str(entry.ts_ns),
        "" if entry.alert_sequence is None else str(entry.alert_sequence),
        entry.alert_id or "",
        entry.topic or "",
    )
    for field in fields:
        encoded = field.encode()
        digest.update(len(encoded).to_bytes(4, "big") + encoded)
    digest.update(len(entry.body).to_bytes(8, "big") + entry.body)
    return digest.digest()


@contextmanager
def translated(path: Path, doing: str) -> Iterator[None]:
    """Turn SQLite's errors into a JournalError that says what to do."""
    try:
        yield
    except apsw.NotADBError as err:
        if _was_a_journal(path):
            raise JournalDamage(
                f"Journal {path} is damaged: its first bytes are no longer those of an SQLite "
                "database. Keep the file as evidence and let the daemon write another "
                "(alerts.journal)"
            ) from err
        raise JournalError(
            f"{path} is no SQLite database, so no journal: name another file"
        ) from err
    except apsw.CorruptError as err:
        raise JournalDamage(
            f"Journal {path} is damaged: SQLite cannot read it while {doing} ({err}). Keep the "
            "file as evidence and let the daemon write another (alerts.journal)"
        ) from err
    except (apsw.BusyError, apsw.LockedError) as err:
        raise JournalError(
            f"Journal {path} is locked by another process while {doing}: stop that process"
        ) from err
    except apsw.ConstraintError as err:
        raise JournalError(f"Journal {path} refused {doing}: {err}") from err
    except apsw.ReadOnlyError as err:
        raise JournalError(
            f"Journal {path} cannot be written, its disk or file is read-only: {err}"
        ) from err
    except apsw.CantOpenError as err:
        raise JournalError(
            f"Cannot open journal {path} ({err}): its folder must exist and be writable"
        ) from err
    except apsw.FullError as err:
        raise JournalError(f"Disk full while {doing} to journal {path}: free some space") from err
    except apsw.Error as err:
        raise JournalError(f"Journal {path} failed while {doing}: {err}") from err


def _was_a_journal(path: Path) -> bool:
    """Return whether a file that SQLite refuses has what is left of a journal's first page."""
    with path.open("rb") as file:
        head = file.read(_PAGE)
    return b"journal_no_update" in head or (len(head) < _PAGE and head[:16] == _SQLITE[: len(head)])


def _connect(path: Path, *, write: bool, busy_ms: int) -> apsw.Connection:
    flags = apsw.SQLITE_OPEN_READONLY
    if write:
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    connection = apsw.Connection(str(path), flags=flags)
    connection.set_busy_timeout(busy_ms)
    return connection


def _check_format(connection: apsw.Connection, path: Path) -> None:
    (application,) = next(connection.execute("PRAGMA application_id"))
    (version,) = next(connection.execute("PRAGMA user_version"))
    if application != APPLICATION_ID:
        raise JournalError(
            f"{path} is an SQLite database but no journal of ours: name another file"
        )
    if version != FORMAT:
        raise JournalError(
            f"Journal {path} has format {version}, this version reads {FORMAT}: use the release "
            "that wrote it"
        )


class Journal:
    """The one writer of a journal file; made when it does not exist.

    A lock beside the file keeps a second writer out from its start; one that got past it is found
    out by its rows. Not to be shared between threads.
    Raises JournalError for a file that is damaged, foreign, locked or not writable.
    """

    def __init__(self, path: Path | str, *, busy_ms: int = 250) -> None:
        self.path = Path(path)
        if self.path.parent.name and not self.path.parent.exists():
            self._make_folder()
        self._lock = JournalLock(self.path)
        try:
            with translated(self.path, "opening"):
                self._connection = _connect(self.path, write=True, busy_ms=busy_ms)
                try:
                    self._open()
                except BaseException:
                    self._connection.close()
                    raise
        except BaseException:
            self._lock.close()
            raise

    def _make_folder(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            raise JournalError(
                f"Cannot make folder {self.path.parent} of the journal: {err.strerror}"
            ) from err

    def _open(self) -> None:
        connection = self._connection
        (mode,) = next(connection.execute("PRAGMA journal_mode = WAL"))
        if mode != "wal":
            raise JournalError(
                f"Journal {self.path} cannot use a write-ahead log here (mode {mode}): put it on "
                "a local disk"
            )
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        (tables,) = next(connection.execute("SELECT count(*) FROM sqlite_schema"))
        created = tables == 0
        if created:
            with self._transaction():
                connection.execute(_SCHEMA)
        _check_format(connection, self.path)
        last = connection.execute(
            f"SELECT {_COLUMNS} FROM journal ORDER BY sequence DESC LIMIT 1"
        ).fetchone()
        self._sequence: int = last[0] if last else 0
        self._chain: bytes = last[-1] if last else GENESIS
        (published,) = next(connection.execute("SELECT max(alert_sequence) FROM journal"))
        self._alert_sequence: int = published or 0
        if created:
            identity = os.urandom(8).hex().encode()
            self.append([Entry("created", "daemon", 0, identity)])
        (first,) = next(connection.execute("SELECT body FROM journal WHERE sequence = 1"))
        self.identity = bytes(first).decode("ascii", "replace")

    @property
    def sequence(self) -> int:
        """Sequence of the last row."""
        return self._sequence

    @property
    def alert_sequence(self) -> int:
        """Daemon-wide sequence of the last alert; 0 before the first."""
        return self._alert_sequence

    def append(self, entries: list[Entry]) -> int:
        """Commit `entries` in one transaction and return the sequence of the last.

        Either all are durable against the death of the process or none is written.
        """
        sequence, chain, published = self._sequence, self._chain, self._alert_sequence
        rows = []
        for entry in entries:
            sequence += 1
            chain = chain_of(chain, sequence, entry)
            rows.append((sequence, *entry[:3], *entry[4:], entry.body, chain))
            published = max(published, entry.alert_sequence or 0)
        with translated(self.path, "writing"), self._transaction() as connection:
            connection.executemany(_INSERT, rows)
        self._sequence, self._chain, self._alert_sequence = sequence, chain, published
        return sequence

    @contextmanager
    def _transaction(self) -> Iterator[apsw.Connection]:
        """Commit what the block did, or undo it and pass its error on."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection
            self._connection.execute("COMMIT")
        except BaseException:
            # A full disk has rolled back already.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def checkpoint(self) -> None:
        """Move the write-ahead log into the database; for idle moments, never before a publish."""
        with translated(self.path, "checkpointing"):
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)

    def close(self) -> None:
        """Checkpoint, close and let the next writer in."""
        try:
            with translated(self.path, "closing"):
                self._connection.close()
        finally:
            self._lock.close()


def _check_file(path: Path) -> None:
    """Refuse what SQLite would speak of in riddles, or would call an empty database."""
    if not path.exists():
        raise JournalError(f"Journal {path} does not exist: check alerts.journal")
    if path.is_dir():
        raise JournalError(f"{path} is a folder, needed the journal itself: name the file in it")
    if not path.is_file():
        raise JournalError(f"{path} is no regular file, needed a journal: name another file")
    if path.stat().st_size == 0 and not path.with_name(f"{path.name}-wal").exists():
        raise JournalDamage(
            f"{path} is empty (0 bytes): a journal has at least the row that its making wrote, so "
            "this was none or has been emptied"
        )


class JournalReader:
    """Reads a journal beside its writer, from any thread that made it."""

    def __init__(self, path: Path | str, *, busy_ms: int = 1_000) -> None:
        self.path = Path(path)
        _check_file(self.path)
        with translated(self.path, "opening"):
            self._connection = _connect(self.path, write=False, busy_ms=busy_ms)
            try:
                _check_format(self._connection, self.path)
            except BaseException:
                self._connection.close()
                raise

    def rows(self, first: int = 1) -> Iterator[Row]:
        """Yield the rows from sequence `first` on, in order."""
        with translated(self.path, "reading"):
            query = f"SELECT {_COLUMNS} FROM journal WHERE sequence >= ? ORDER BY sequence"
            for row in self._connection.execute(query, (first,)):
                yield _row(row)

    def alerts(self, first: int, last: int, limit: int) -> list[Row]:
        """Return the alert rows with daemon-wide sequence in [first, last], at most `limit`."""
        with translated(self.path, "reading"):
            query = (
                f"SELECT {_COLUMNS} FROM journal WHERE alert_sequence BETWEEN ? AND ? "
                "ORDER BY alert_sequence LIMIT ?"
            )
            return [_row(row) for row in self._connection.execute(query, (first, last, limit))]

    def newest(self) -> list[Row]:
        """Return the newest row of every alert, in the order in which the alerts opened."""
        with translated(self.path, "reading"):
            query = (
                f"SELECT {_COLUMNS} FROM journal JOIN (SELECT min(alert_sequence) AS opened, "
                "max(alert_sequence) AS newest FROM journal WHERE alert_id IS NOT NULL "
                "GROUP BY alert_id) ON alert_sequence = newest ORDER BY opened"
            )
            return [_row(row) for row in self._connection.execute(query)]

    def last_alert_sequence(self) -> int:
        """Return the daemon-wide sequence of the last alert; 0 before the first."""
        with translated(self.path, "reading"):
            (last,) = next(self._connection.execute("SELECT max(alert_sequence) FROM journal"))
            return int(last or 0)

    def guards(self) -> tuple[int, set[str]]:
        """Return how many rows were ever written, by SQLite's own count, and the triggers."""
        with translated(self.path, "reading"):
            counter = "SELECT seq FROM sqlite_sequence WHERE name = 'journal'"
            written = self._connection.execute(counter).fetchone()
            triggers = self._connection.execute(
                "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'journal'"
            )
            return (int(written[0]) if written else 0), {name for (name,) in triggers}

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _row(row: tuple[int, str, str, int, int | None, str | None, str | None, bytes, bytes]) -> Row:
    sequence, kind, actor, ts_ns, alert_sequence, alert_id, topic, body, chain = row
    entry = Entry(kind, actor, ts_ns, body, alert_sequence, alert_id, topic)
    return Row(sequence, entry, chain)
