"""Our own parquet: the event row column by column, reference data in the file's metadata.

Lossless: reading what was written gives the same bytes.
"""

import os
from pathlib import Path

import msgspec
import numpy as np
import polars as pl

from darkpool_watch.errors import TapeError
from darkpool_watch.tape.tape import Tape
from darkpool_watch.wire.events import AccountRecord, Definition
from kernels.layout import EVENT

VERSION = "1"
MARK = "darkpool_watch.tape"


def write_parquet(tape: Tape, path: Path) -> None:
    """Write `tape` to `path`; a crash leaves either the old file or the whole new one.

    Raises TapeError where the disk refuses.
    """
    table = pl.DataFrame({name: tape.events[name] for name in EVENT.names or ()})
    metadata = {
        MARK: VERSION,
        "label": tape.label,
        "definitions": msgspec.json.encode(tape.definitions).decode(),
        "accounts": msgspec.json.encode(tape.accounts).decode(),
    }
    part = path.with_name(path.name + ".part")
    try:
        write_table(table, part, metadata)
        os.replace(part, path)
    except TapeError:
        part.unlink(missing_ok=True)
        raise
    except OSError as err:
        part.unlink(missing_ok=True)
        raise TapeError(f"Cannot write {path}: {err.strerror}") from err


def write_table(table: pl.DataFrame, path: Path, metadata: dict[str, str] | None = None) -> None:
    """Write a table to `path`; TapeError where the disk refuses."""
    try:
        table.write_parquet(path, compression="zstd", metadata=metadata)
    except (OSError, pl.exceptions.PolarsError) as err:  # polars has its own for a full disk
        reason = str(err).splitlines()[0].removeprefix("parquet: File out of specification: ")
        raise TapeError(f"Cannot write {path}: {reason}") from err


def is_ours(path: Path) -> bool:
    """Return whether the parquet file at `path` was written by `write_parquet`."""
    return MARK in _metadata(path)


def read_parquet(path: Path) -> Tape:
    """Read a tape that `write_parquet` wrote.

    Raises TapeError for another version, a missing or retyped column, or a damaged file.
    """
    metadata = _metadata(path)
    if metadata.get(MARK) != VERSION:
        raise TapeError(
            f"{path}: tape version {metadata.get(MARK)!r}, needed {VERSION!r}: write it again "
            "with this release"
        )
    try:
        table = pl.read_parquet(path)
        definitions = msgspec.json.decode(metadata["definitions"], type=tuple[Definition, ...])
        accounts = msgspec.json.decode(metadata["accounts"], type=tuple[AccountRecord, ...])
        label = metadata["label"]
    except (pl.exceptions.PolarsError, OSError, KeyError, msgspec.DecodeError) as err:
        raise TapeError(f"Cannot read {path}: {str(err).splitlines()[0]}") from err
    if not definitions:
        raise TapeError(f"{path} defines no listing, so its events belong to nothing")
    events = np.zeros(len(table), EVENT)
    for name in EVENT.names or ():
        column = table[name].to_numpy() if name in table.columns else None
        if column is None or column.dtype != EVENT[name]:
            found = "absent" if column is None else str(column.dtype)
            raise TapeError(f"{path}: column `{name}` is {found}, needed {EVENT[name]}")
        events[name] = column
    return Tape(
        label=label,
        format="parquet",
        events=events,
        definitions=definitions,
        accounts=accounts,
    )


def _metadata(path: Path) -> dict[str, str]:
    try:
        return pl.read_parquet_metadata(path)
    except (pl.exceptions.PolarsError, OSError) as err:
        raise TapeError(f"Cannot read parquet {path}: {str(err).splitlines()[0]}") from err
