"""Check a journal from its first row to its last and name the first that is wrong."""

from pathlib import Path

import msgspec

from darkpool_watch.alerts.journal import GENESIS, JournalReader, Row, chain_of
from darkpool_watch.alerts.record import content_hash_of, decode, record_hash_of
from darkpool_watch.errors import JournalDamage
from darkpool_watch.units import counted

TRIGGERS = {"journal_no_update", "journal_no_delete"}
MEANING = {
    "changed": "somebody altered the row after it was written",
    "missing a row": "somebody took rows out of the middle",
    "missing rows": "somebody cut rows off the end",
    "reordered": "somebody moved rows about",
    "damaged": "the disk or a crash broke the file, or somebody wrote into it",
    "unguarded": "rows can be changed and deleted since without a refusal",
}
STEP = (
    "Keep the file as evidence, go back to a copy made before, and let the daemon write another "
    "(alerts.journal)"
)


class VerifyReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a check found; `ok` or the first bad row."""

    path: str
    ok: bool
    rows: int  # read until the end or the first bad row
    alerts: int  # opened
    alert_records: int  # rows of alerts: openings, and what became of them
    bad_sequence: int | None  # journal sequence of the first bad row
    fault: str  # "", changed, missing, reordered, damaged or unguarded
    message: str  # one sentence
    head: str  # chain at the last good row, hex: note it elsewhere to see a cut tail


def verify(path: Path | str) -> VerifyReport:
    """Return whether every row of the journal at `path` is as it was written.

    Finds a changed, missing or reordered row and names the first, rows cut from the end as far as
    SQLite's own counter still knows them, and missing append-only triggers. A tail cut by someone
    who also resets that counter shows only against a `head` noted elsewhere.

    Raises JournalError when the file is absent, foreign, locked or may not be read.
    """
    path = Path(path)
    check = _Check(path)
    try:
        reader = JournalReader(path)
    except JournalDamage as err:
        check.bad = (1, "damaged", str(err))
        return check.report()
    try:
        try:
            for row in reader.rows():
                if not check.take(row):
                    break
            else:
                check.end(reader)
        except JournalDamage as err:
            check.fail(check.last + 1, "damaged", f"SQLite cannot read on ({err.__cause__})")
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
        self.records = 0
        self.alert_sequence = 0
        self.chain = GENESIS
        self.bad: tuple[int | None, str, str] | None = None

    def fail(self, sequence: int | None, fault: str, found: str) -> bool:
        where = "" if sequence is None else f" at row {sequence}"
        sound = f"the {self.rows} rows before it are as they were written"
        if sequence is None:
            sound = f"all {self.rows} rows are as they were written"
        elif self.rows == 0:
            sound = "no row before it vouches for anything"
        self.bad = (
            sequence,
            fault,
            f"Journal {self.path} is {fault}{where}: {found}; {MEANING[fault]}; {sound}. {STEP}",
        )
        return False

    def take(self, row: Row) -> bool:
        """Check one row; False at the first that is wrong."""
        expected = self.last + 1
        if row.sequence != expected:
            after = f"row {row.sequence} follows row {self.last}"
            if self.last == 0:
                after = f"the first row found is row {row.sequence}"
            return self.fail(expected, "missing a row", after)
        entry = row.entry
        following = self.alert_sequence + 1
        if entry.alert_sequence is not None and entry.alert_sequence != following:
            return self.fail(
                row.sequence,
                "reordered",
                f"it holds alert number {entry.alert_sequence}, needed number {following}",
            )
        if chain_of(self.chain, row.sequence, entry) != row.chain:
            return self.fail(
                row.sequence,
                "changed",
                f"its content (kind {entry.kind!r}, actor {entry.actor!r}) does not give the chain "
                "hash stored with it",
            )
        if entry.alert_sequence is not None:
            if not self._sound(row):
                return False
            self.alert_sequence = following
            self.records += 1
            self.alerts += entry.kind == "alert"
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
            self.fail(
                self.last + 1,
                "missing rows",
                f"row {self.last} is the last one found, SQLite counted {written} written",
            )
        elif triggers != TRIGGERS:
            gone = ", ".join(sorted(TRIGGERS - triggers)) or "others were added"
            self.fail(None, "unguarded", f"its append-only triggers are not all there ({gone})")

    def report(self) -> VerifyReport:
        sequence, fault, message = self.bad or (
            None,
            "",
            f"Journal {self.path} is intact: {counted(self.rows, 'row')}, "
            f"{counted(self.records, 'record')} of {counted(self.alerts, 'alert')} among them",
        )
        return VerifyReport(
            path=str(self.path),
            ok=self.bad is None,
            rows=self.rows,
            alerts=self.alerts,
            alert_records=self.records,
            bad_sequence=sequence,
            fault=fault.removesuffix(" a row").removesuffix(" rows"),
            message=message,
            head=self.chain.hex(),
        )
