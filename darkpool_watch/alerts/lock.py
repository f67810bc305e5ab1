"""The lock beside a journal: one writer, and a second one told whose it is."""

import fcntl
import os
from pathlib import Path

from darkpool_watch.errors import JournalError

SUFFIX = ".lock"


class JournalLock:
    """Held from construction to `close`, or to the end of the process however it ends.

    An advisory lock on a file of its own, which stays behind: SQLite's locks on the database end
    when any descriptor of that file is closed. The file says the holder's process id.

    Raises JournalError where another process, or this one, holds the lock.
    """

    def __init__(self, journal: Path) -> None:
        self.path = journal.with_name(journal.name + SUFFIX)
        try:
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as err:
            raise JournalError(
                f"Cannot open journal {journal} (its lock {self.path.name}: {err.strerror}): its "
                "folder must exist and be writable"
            ) from err
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)
        except BlockingIOError as err:
            holder = _holder(self._file)
            os.close(self._file)
            raise JournalError(
                f"Journal {journal} is written by another daemon ({holder}): stop that process, or "
                "name another file in alerts.journal"
            ) from err
        except OSError as err:
            os.close(self._file)
            raise JournalError(
                f"Cannot lock journal {journal} ({err.strerror}): put it on a local disk"
            ) from err

    def close(self) -> None:
        """Let the next writer in."""
        os.close(self._file)


def writer_of(journal: Path) -> str:
    """Return in words who holds the lock of a journal; empty where nobody does."""
    try:
        file = os.open(journal.with_name(journal.name + SUFFIX), os.O_RDONLY)
    except OSError:
        return ""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _holder(file)
    except OSError:
        return ""
    finally:
        os.close(file)
    return ""


def _holder(file: int) -> str:
    said = os.pread(file, 32, 0).strip()
    return f"process {int(said)}" if said.isdigit() else "its process did not say which"
