"""The three files of an overlaid tape: the tape, its labels, the truth."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import polars as pl

from darkpool_watch.errors import TapeError
from darkpool_watch.overlay.inject import Overlaid, Truth
from darkpool_watch.sim.labels import LABEL
from darkpool_watch.tape.parquet import write_parquet
from darkpool_watch.tape.reference import COUNTERPARTIES


def labels_path(out: Path) -> Path:
    """Return where the labels of a tape at `out` lie unless told otherwise."""
    return out.with_name(out.stem + ".labels.parquet")


def truth_path(out: Path) -> Path:
    """Return where the truth of a tape at `out` lies."""
    return out.with_name(out.stem + ".truth.json")


def write_overlaid(done: Overlaid, out: Path, labels: Path | None = None) -> None:
    """Write tape, labels and truth; a crash leaves each either as it was or whole.

    The tape comes last, so that it never lies there without its labels.
    Raises TapeError where the disk refuses.
    """
    table = pl.DataFrame({name: done.labels[name] for name in LABEL.names or ()})
    _write(labels or labels_path(out), lambda part: table.write_parquet(part, compression="zstd"))
    truth = msgspec.json.format(msgspec.json.encode(done.truth), indent=1)
    _write(truth_path(out), lambda part: part.write_bytes(truth))
    write_parquet(done.tape, out)


def copy_matrix(tape: Path, out: Path) -> Path | None:
    """Copy the counterparty matrix that lies beside a tape beside `out`; return where, or None.

    One that lies there already with other lines is not written over: TapeError.
    """
    found = (tape if tape.is_dir() else tape.parent) / COUNTERPARTIES
    copy = out.parent / COUNTERPARTIES
    if not found.is_file():
        return None
    if copy.exists():
        if copy.read_bytes() != found.read_bytes():
            raise TapeError(
                f"{copy} is another counterparty matrix than {found}: name an OUT in a folder "
                "without one, since a replay takes the one beside its tape"
            )
        return copy
    _write(copy, lambda part: part.write_bytes(found.read_bytes()))
    return copy


def read_truth(path: Path) -> Truth:
    """Return what was laid over a tape.

    Raises TapeError for a file that does not say.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Truth)
    except (OSError, msgspec.DecodeError) as err:
        raise TapeError(f"Cannot read truth {path}: {err}") from err


def _write(path: Path, write: Callable[[Path], object]) -> None:
    part = path.with_name(path.name + ".part")
    try:
        write(part)
        os.replace(part, path)
    except OSError as err:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise TapeError(f"Cannot write {path}: {err}") from err
