"""The quarantine file: malformed frames kept as they came, for a person to look at."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

import msgspec
from msgspec import Struct

from darkpool_watch.errors import WireError
from darkpool_watch.wire import records

MAGIC: Final = b"DPWQUAR1"
KEPT_BYTES: Final = 65_536  # of each part; the rest is only measured


class QuarantinedFrame(Struct, frozen=True, array_like=True):
    """A malformed frame, why it was refused, and as much of it as is worth keeping."""

    recv_ns: int  # ns UTC
    reason: str  # name of the counter
    message: str
    parts: list[bytes]  # each cut to 65,536 bytes
    sizes: list[int]  # bytes of each part as it came


class Quarantine:
    """Appends malformed frames to one file of at most `max_bytes`; beyond, they are only counted.

    The file is made at the first bad frame. Raises WireError when it cannot be written.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.path = path
        self.max_bytes = max_bytes
        self.written = 0
        self._file: BinaryIO | None = None
        self._encoder = msgspec.msgpack.Encoder()

    def keep(self, parts: Sequence[bytes], reason: str, message: str, recv_ns: int) -> bool:
        """Append one frame; return False when it no longer fits."""
        kept = [part[:KEPT_BYTES] for part in parts[:8]]
        entry = QuarantinedFrame(recv_ns, reason, message, kept, [len(part) for part in parts[:64]])
        content = self._encoder.encode(entry)
        if self.written + records.size_of(content) > self.max_bytes:
            return False
        try:
            if self._file is None:
                self._file = records.create(self.path, MAGIC)
            records.write(self._file, content)
            self._file.flush()
        except OSError as err:
            raise WireError(
                f"Cannot write quarantine {self.path}: {err.strerror}: free space, or set "
                "wire.quarantine to another folder",
                reason="quarantine",
            ) from err
        self.written += records.size_of(content)
        return True

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def read_quarantine(path: Path) -> Iterator[QuarantinedFrame]:
    """Yield the frames of a quarantine file, a torn last one left out."""
    decoder = msgspec.msgpack.Decoder(QuarantinedFrame)
    for record in records.read(path, MAGIC, "quarantine"):
        yield decoder.decode(record)
