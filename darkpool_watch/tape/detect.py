"""Which format a file is, from its content; its name only breaks ties."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from darkpool_watch.errors import TapeError
from darkpool_watch.tape.archive import read_bytes
from darkpool_watch.tape.folder import TAPE_SUFFIX, read_manifest
from darkpool_watch.tape.lobster import read_lobster
from darkpool_watch.tape.parquet import is_ours, read_parquet
from darkpool_watch.tape.tape import Tape
from darkpool_watch.tape.trades import is_trades_header, read_trades

READABLE = (
    "LOBSTER (csv, csv.gz, zip), plain trades (csv, parquet), darkpool_watch parquet or a folder "
    "of it that `darkpool-watch simulate` wrote"
)


def open_tape(path: Path) -> Tape:
    """Read the tape at `path`, whichever of the known formats it has.

    Raises TapeError naming the file, what was found and what can be read.
    """
    if path.is_dir():
        return _read_folder(path)
    try:
        with path.open("rb") as stream:
            magic = stream.read(4)
    except OSError as err:
        raise TapeError(f"Cannot open tape {path}: {err.strerror}") from err
    if not magic:
        raise TapeError(f"Tape {path} is empty (0 bytes)")
    if magic == b"PAR1":
        return read_parquet(path) if is_ours(path) else _foreign_parquet(path)
    if magic[:2] == b"PK":
        return read_lobster(path)
    line = read_bytes(path)[:4096].split(b"\n", 1)[0].strip()
    try:
        cells = line.decode("utf-8-sig").split(",")
    except UnicodeDecodeError:
        cells = []
    if is_trades_header(cells):
        return read_trades(path)
    if len(cells) in (6, 7) and _is_number(cells[0]):
        return read_lobster(path)
    shown = line[:40].decode("ascii", "backslashreplace")
    raise TapeError(f"{path}: unknown tape format, begins with {shown!r}; can read {READABLE}")


def _read_folder(path: Path) -> Tape:
    """Read all parts of a folder's tape as one."""
    manifest = read_manifest(path)
    if manifest.kind != "tapes":
        raise TapeError(f"{path} holds {manifest.kind}, no tapes; can read {READABLE}")
    names = [part.name for part in manifest.parts if part.name.endswith(TAPE_SUFFIX)]
    parts = [read_parquet(path / name) for name in names]
    if not parts:
        raise TapeError(f"{path} holds no finished tape yet: run the command that writes it again")
    if any(part.definitions != parts[0].definitions for part in parts):
        raise TapeError(f"{path} holds several days: name one of its files, such as {names[0]}")
    events = np.concatenate([part.events for part in parts])
    return replace(parts[0], label=path.name, events=events)


def _foreign_parquet(path: Path) -> Tape:
    try:
        columns = list(pl.read_parquet_schema(path))
    except (pl.exceptions.PolarsError, OSError) as err:
        raise TapeError(f"Cannot read parquet {path}: {str(err).splitlines()[0]}") from err
    if is_trades_header(columns):
        return read_trades(path)
    raise TapeError(f"{path}: parquet with columns {', '.join(columns)}; can read {READABLE}")


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
