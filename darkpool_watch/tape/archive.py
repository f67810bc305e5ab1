"""Bounded reading of plain, gzip and zip files: a bomb is refused before it fills the memory."""

import gzip
import zipfile
import zlib
from pathlib import Path
from typing import IO

from darkpool_watch.errors import TapeError

MAX_BYTES = 8 << 30  # of one uncompressed member; a full NASDAQ day of ITCH is about 6 GiB
MAX_RATIO = 200  # uncompressed to compressed; real order flow packs to 1:5 to 1:30
RATIO_FROM = 64 << 20  # the ratio is judged only past this many bytes
CHUNK = 1 << 20


def read_bytes(path: Path) -> bytes:
    """Return the content of `path`, uncompressed if it is gzip."""
    packed = _size(path)
    try:
        with path.open("rb") as raw:
            magic = raw.read(2)
            raw.seek(0)
            if magic != b"\x1f\x8b":
                return raw.read()
            with gzip.open(raw) as stream:
                return _read_bounded(stream, packed, str(path))
    except (OSError, EOFError, zlib.error) as err:
        raise TapeError(f"Cannot read {path}: {err}; the file is damaged or truncated") from err


def is_zip(path: Path) -> bool:
    """Return whether the file at `path` begins as a zip archive does, whatever its name."""
    _size(path)
    try:
        with path.open("rb") as raw:
            return raw.read(2) == b"PK"
    except OSError as err:
        raise TapeError(f"Cannot open tape {path}: {err.strerror}") from err


def zip_members(path: Path) -> list[str]:
    """Return the names in the zip archive at `path`."""
    size = _size(path)
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except zipfile.BadZipFile as err:
        raise TapeError(
            f"{path} begins as a zip archive, but the directory that ends one is missing or "
            f"damaged ({size:,} bytes): the file was probably cut off, copy or fetch it again"
        ) from err
    except OSError as err:
        raise TapeError(f"Cannot read zip {path}: {err}") from err


def read_member(path: Path, name: str) -> bytes:
    """Return the content of one member of the zip archive at `path`."""
    try:
        with zipfile.ZipFile(path) as archive:
            info = archive.getinfo(name)
            with archive.open(info) as stream:
                return _read_bounded(stream, info.compress_size, f"{path}:{name}")
    # RuntimeError: the member is encrypted, or packed in a way that is not known here.
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError) as err:
        raise TapeError(f"Cannot read {name} in zip {path}: {err}") from err


def _size(path: Path) -> int:
    try:
        size = path.stat().st_size
    except OSError as err:
        raise TapeError(f"Cannot open tape {path}: {err.strerror}") from err
    if path.is_dir():
        raise TapeError(f"Cannot open tape {path}: it is a folder, name one file in it")
    if size == 0:
        raise TapeError(f"Tape {path} is empty (0 bytes)")
    return size


def _read_bounded(stream: IO[bytes] | gzip.GzipFile, packed: int, where: str) -> bytes:
    parts: list[bytes] = []
    total = 0
    while chunk := stream.read(CHUNK):
        total += len(chunk)
        if total > MAX_BYTES or (total > RATIO_FROM and total > MAX_RATIO * packed):
            raise TapeError(
                f"{where} unpacks to over {total >> 20} MiB from {packed} bytes: refused as a "
                f"decompression bomb (at most {MAX_BYTES >> 30} GiB and {MAX_RATIO} to 1)"
            )
        parts.append(chunk)
    return b"".join(parts)
