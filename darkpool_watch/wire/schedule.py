"""The schedule file beside a capture: which frames were scored, in the order they were scored.

    file  8 bytes magic | SCHEDULE row ... | the end

The file's order is the order of scoring; a torn last row is left out. The end is a row of security
-1, flag END, whose arrival counts the rows before it; a schedule without one was never finished.
"""

from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from darkpool_watch.errors import WireError
from darkpool_watch.wire import records

MAGIC: Final = b"DPWSCHD1"
SUFFIX: Final = ".schedule"

# Flags of a row.
RESET: Final = 1 << 0  # the security's model state was reset before this frame
CONFLATED: Final = 1 << 1  # the frame replaced an older one that was never scored
SKIPPED: Final = 1 << 2  # the model was past its deadline and did not score
END: Final = 1 << 7  # no frame: the schedule is whole

SCHEDULE: Final = np.dtype(
    [
        ("arrival", "<i8"),  # daemon-wide index of the event that made the frame due
        ("ts", "<i8"),  # ns, the security's time of the frame
        ("security", "<i4"),  # dense row
        ("engine", "u1"),  # index of the engine that scored it
        ("flags", "u1"),
        ("pad", "<u2"),  # 0
    ]
)
assert SCHEDULE.itemsize == 24


class ScheduleWriter:
    """Appends SCHEDULE rows to a new file; call `flush` off the hot path.

    Raises WireError when the file exists or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rows = 0
        try:
            self._file = records.create(path, MAGIC)
        except OSError as err:
            raise self._error(err) from err

    def append(
        self,
        rows: NDArray[np.void],  # (N,) SCHEDULE
    ) -> None:
        """Append rows; they are buffered."""
        try:
            self._file.write(rows.tobytes())
        except OSError as err:
            raise self._error(err) from err
        self._rows += len(rows)

    def flush(self) -> None:
        """Hand what is buffered to the operating system."""
        try:
            self._file.flush()
        except OSError as err:
            raise self._error(err) from err

    def close(self) -> None:
        """Write the end, flush and close the file."""
        if self._file.closed:
            return
        try:
            end = np.zeros(1, SCHEDULE)
            end["arrival"], end["security"], end["flags"] = self._rows, -1, END
            self.append(end)
            self.flush()
        finally:
            self._file.close()

    def _error(self, err: OSError) -> WireError:
        return WireError(
            f"Cannot write schedule {self.path}: {err.strerror}: free space, or set wire.capture "
            "to another folder",
            reason="schedule",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def schedule_path(capture: Path) -> Path:
    """Return the path of the schedule that belongs to a capture."""
    return capture.with_suffix(SUFFIX)


class Schedule(NamedTuple):
    """What a schedule file holds."""

    rows: NDArray[np.void]  # (N,) SCHEDULE, one a scored frame
    finished: bool  # whether its end is there: nothing was scored after the last row


def read_schedule(path: Path) -> Schedule:
    """Return what a schedule file holds, a torn last row left out.

    Raises WireError when the file cannot be read, is none or contradicts its own end.
    """
    try:
        raw = path.read_bytes()
    except OSError as err:
        raise WireError(f"Cannot read schedule {path}: {err.strerror}", reason="schedule") from err
    if raw[: len(MAGIC)] != MAGIC[: len(raw)]:
        raise WireError(
            f"{path} starts with {raw[: len(MAGIC)]!r}, a schedule file starts with {MAGIC!r}",
            reason="schedule",
        )
    whole = max(0, len(raw) - len(MAGIC)) // SCHEDULE.itemsize
    rows = np.frombuffer(bytearray(raw[len(MAGIC) :]), SCHEDULE, count=whole)
    ends = np.flatnonzero(rows["flags"] & END)
    if not len(ends):
        return Schedule(rows, finished=False)
    if ends[0] != whole - 1 or rows["arrival"][ends[0]] != ends[0]:
        raise WireError(
            f"{path}: row {ends[0] + 1} of {whole} is its end and counts "
            f"{rows['arrival'][ends[0]]} rows before it: the file is damaged",
            reason="schedule",
        )
    return Schedule(rows[: ends[0]], finished=True)
