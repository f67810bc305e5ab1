"""Files of length-prefixed, checksummed records that survive a torn tail.

    file    8 bytes magic | record ...
    record  u32 length | u32 CRC-32 of the content | content

Bytes are little-endian. A file is only ever appended to, so damage at its very end (a record cut
short, or zeros that a crash left) is a torn tail and ends the file; damage before that is an error.
"""

import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

from darkpool_watch.errors import WireError

_PREFIX: Final = struct.Struct("<II")
MAX_RECORD: Final = 1 << 28  # bytes


def create(path: Path, magic: bytes) -> BinaryIO:
    """Return a new file for records, its folder made where missing; OSError where it exists."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("xb")
    file.write(magic)
    file.flush()
    return file


def write(file: BinaryIO, *content: bytes) -> None:
    """Append `content`, its pieces one after the other, as one record."""
    checksum = 0
    for piece in content:
        checksum = zlib.crc32(piece, checksum)
    file.write(_PREFIX.pack(sum(map(len, content)), checksum))
    for piece in content:
        file.write(piece)


def size_of(content: bytes) -> int:
    """Return how many bytes `content` takes as one record."""
    return _PREFIX.size + len(content)


def read(
    path: Path, magic: bytes, what: str, *, sized: Callable[[int], None] = lambda _: None
) -> Iterator[bytes]:
    """Yield the records of a file; stop before a torn tail.

    `sized` is told the bytes of the file as it is opened: what is appended later is not read.

    Raises WireError (reason `what`) when the file cannot be read, is of another kind, or is damaged
    before its tail; the message names the byte.
    """
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            sized(size)
            found = file.read(len(magic))
            if found != magic and not (len(found) < len(magic) and magic.startswith(found)):
                raise WireError(
                    f"{path} starts with {found!r}, a {what} file starts with {magic!r}",
                    reason=what,
                )
            yield from _records(file, size, path, what)
    except OSError as err:
        raise WireError(f"Cannot read {what} {path}: {err.strerror}", reason=what) from err


def _records(file: BinaryIO, size: int, path: Path, what: str) -> Iterator[bytes]:
    offset = file.tell()
    while offset + _PREFIX.size <= size:
        length, checksum = _PREFIX.unpack(file.read(_PREFIX.size))
        end = offset + _PREFIX.size + length
        if end > size:
            return
        content = file.read(length) if 0 < length <= MAX_RECORD else b""
        if not content or zlib.crc32(content) != checksum:
            if _is_blank(file, end):
                return
            raise WireError(
                f"{path}: the record at byte {offset} fails its checksum and others follow: the "
                f"file is damaged; everything before byte {offset} is sound",
                reason=what,
            )
        yield content
        offset = end


def _is_blank(file: BinaryIO, offset: int) -> bool:
    """Return whether nothing but zeros, if anything, follows from `offset` on."""
    file.seek(offset)
    while block := file.read(1 << 16):
        if block.count(0) != len(block):
            return False
    return True
