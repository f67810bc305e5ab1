"""Check a journal from its first row to its last and name the first that is wrong."""

from pathlib import Path

import apsw
import msgspec

from darkpool_watch.alerts.journal import GENESIS, JournalReader, Row, chain_of
from darkpool_watch.alerts.record import content_hash_of, decode, record_hash_of
from darkpool_watch.errors import JournalError

TRIGGERS = {"journal_no_update", "journal_no_delete"}


class VerifyReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a check found; `ok` or the first bad row."""

    path: str
    ok: bool
    rows: int  # read until the end or the first bad row
    alerts: int
    bad_sequence: int | None  # journal sequence of the first bad row
    fault: str  # "", changed, missing, reordered, damaged or unguarded
    message: str  # one sentence
    head: str  # chain at the last good row, hex: note it elsewhere to see a cut tail


def verify(path: Path | str) -> VerifyReport:
    """Return whether every row of the journal at `path` is as it was written.

    Finds a changed, missing or reordered row and names the first, rows cut from the end as far as
    SQLite's own counter still knows them, and missing append-only triggers. A tail cut by someone
    who also resets that counter shows only against a `head` noted elsewhere.

    Raises JournalError when the file is absent, foreign, locked or cannot be read at all.
    """
    path = Path(path)
    reader = JournalReader(path)
    try:
        check = _Check(path)
        try:
            for row in reader.rows():
                if not check.take(row):
                    break
            else:
                check.end(reader)
        except JournalError as err:
            if not isinstance(err.__cause__, apsw.CorruptError):
                raise
            check.fail(check.last + 1, "damaged", str(err.__cause__))
        return check.report()
    finally:
        reader.close()


class _Check:
    """The state of one pass over the rows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.last = 0
        self.rows = 0
        self.alerts = 0
        self.alert_sequence = 0
        self.chain = GENESIS
        self.bad: tuple[int | None, str, str] | None = None

    def fail(self, sequence: int | None, fault: str, detail: str) -> bool:
        where = "" if sequence is None else f" at row {sequence}"
        self.bad = (sequence, fault, f"Journal {self.path} is {fault}{where}: {detail}")
        return False

    def take(self, row: Row) -> bool:
        """Check one row; False at the first that is wrong."""
        expected = self.last + 1
        if row.sequence != expected:
            return self.fail(expected, "missing a row", f"the next one found is {row.sequence}")
        entry = row.entry
        following = self.alert_sequence + 1
        if entry.alert_sequence is not None and entry.alert_sequence != following:
            return self.fail(
                row.sequence,
                "reordered",
                f"it holds alert {entry.alert_sequence}, expected {following}",
            )
        if chain_of(self.chain, row.sequence, entry) != row.chain:
            return self.fail(
                row.sequence, "changed", f"{entry.kind} by {entry.actor} does not fit its chain"
            )
        if entry.alert_sequence is not None:
            if not self._sound(row):
                return False
            self.alert_sequence = following
            self.alerts += 1
        self.last, self.chain = row.sequence, row.chain
        self.rows += 1
        return True

    def _sound(self, row: Row) -> bool:
        try:
            alert = decode(row.entry.body)
        except msgspec.DecodeError as err:
            return self.fail(row.sequence, "changed", f"its alert cannot be read: {err}")
        if alert.content_hash != content_hash_of(alert) or alert.record_hash != record_hash_of(
            alert
        ):
            return self.fail(row.sequence, "changed", "its alert does not fit its own hash")
        return True

    def end(self, reader: JournalReader) -> None:
        """Check what the rows alone cannot show."""
        written, triggers = reader.guards()
        if written > self.last:
            self.fail(self.last + 1, "missing rows", f"{written} were written")
        elif triggers != TRIGGERS:
            self.fail(None, "unguarded", "its append-only triggers are gone")

    def report(self) -> VerifyReport:
        sequence, fault, message = self.bad or (
            None,
            "",
            f"Journal {self.path} is intact: {self.rows} rows, {self.alerts} alerts",
        )
        return VerifyReport(
            path=str(self.path),
            ok=self.bad is None,
            rows=self.rows,
            alerts=self.alerts,
            bad_sequence=sequence,
            fault=fault.removesuffix(" a row").removesuffix(" rows"),
            message=message,
            head=self.chain.hex(),
        )
