"""The capture file: every frame that was handled, in the order it was handled, and every notice.

    record  i64 recv_ns | u8 type | u8 0 | u16 skip | content
    type 0  a frame: u16 topic length | u16 header length | topic | header | body
    type 1  a notice: msgpack
    type 2  the end: u64 how many records came before; a capture without one was never finished

`skip` is how many of a frame's first messages had been handled before. The reader gives the very
batches that the live source gave, bad rows left out the same way. Appending costs the hot path one
deque entry; a thread checksums and writes.
"""

import struct
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from darkpool_watch.errors import WireError
from darkpool_watch.wire import records
from darkpool_watch.wire.batch import Batch, Notice
from darkpool_watch.wire.frame import decode
from darkpool_watch.wire.release import batch_of, batch_of_notice
from darkpool_watch.wire.sequencer import Output, Released

MAGIC: Final = b"DPWCAPT1"
SUFFIX: Final = ".capture"
_FRAME, _NOTICE, _END = 0, 1, 2
_ENTRY: Final = struct.Struct("<qBBH")
_LENGTHS: Final = struct.Struct("<HH")
_COUNT: Final = struct.Struct("<Q")
_FLUSH_S: Final = 0.005  # how long an entry waits for the writer at most
_MAX_WAITING: Final = 8_192  # entries; beyond, the hot path waits for the disk


class CaptureWriter:
    """Appends what stage 1 releases to a new file.

    `flush` and `close` return when everything appended is with the operating system; `close` says
    in the file that it is whole. A failed write is raised by the next `append`, `flush` or `close`
    as WireError.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = records.create(path, MAGIC)
        except OSError as err:
            raise self._error(err) from err
        self._waiting: deque[tuple[Output, int]] = deque()
        self._written = 0  # records
        self._failed: OSError | None = None
        self._stop = threading.Event()
        self._writing = threading.Lock()
        self._encoder = msgspec.msgpack.Encoder()
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._thread.start()

    def append(self, output: Output, recv_ns: int) -> None:
        """Queue one released frame or notice."""
        if self._failed is not None:
            raise self._error(self._failed)
        while len(self._waiting) > _MAX_WAITING and self._failed is None:
            time.sleep(_FLUSH_S)
        self._waiting.append((output, recv_ns))

    def flush(self) -> None:
        """Write what is queued."""
        self._write_waiting()
        if self._failed is not None:
            raise self._error(self._failed)

    def close(self) -> None:
        """Write what is queued and the end, and close the file."""
        if self._file.closed:
            return
        self._stop.set()
        self._thread.join()
        try:
            self.flush()
            try:
                end = _ENTRY.pack(0, _END, 0, 0)
                records.write(self._file, end, _COUNT.pack(self._written))
                self._file.flush()
            except OSError as err:
                raise self._error(err) from err
        finally:
            self._file.close()

    def _run(self) -> None:
        while not self._stop.wait(_FLUSH_S):
            self._write_waiting()

    def _write_waiting(self) -> None:
        with self._writing:
            try:
                wrote = False
                while self._waiting and self._failed is None:
                    records.write(self._file, *self._content(*self._waiting.popleft()))
                    self._written += 1
                    wrote = True
                if wrote:
                    self._file.flush()
            except OSError as err:
                self._failed = err

    def _content(self, output: Output, recv_ns: int) -> tuple[bytes, ...]:
        if isinstance(output, Notice):
            return _ENTRY.pack(recv_ns, _NOTICE, 0, 0), self._encoder.encode(output)
        topic, header, body = output.frame.parts
        entry = _ENTRY.pack(recv_ns, _FRAME, 0, output.skip)
        return entry, _LENGTHS.pack(len(topic), len(header)), topic, header, body

    def _error(self, err: OSError) -> WireError:
        return WireError(
            f"Cannot write capture {self.path}: {err.strerror}: free space, or set wire.capture "
            "to another folder",
            reason="capture",
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


def capture_path(folder: Path, started_ns: int) -> Path:
    """Return the path of the capture that a daemon started at `started_ns` (ns UTC) writes."""
    return folder / f"{started_ns}{SUFFIX}"


def captures(folder: Path) -> list[Path]:
    """Return the captures in `folder`, oldest first."""
    return sorted(folder.glob(f"*{SUFFIX}"), key=lambda path: (len(path.stem), path.stem))


class CaptureReader:
    """Iterates over the batches that the live source gave, a torn last record left out.

    Attributes:
        records: read so far.
        sound: bytes up to and with the last record read.
        size: bytes of the file when reading began.
        finished: whether the end that a clean stop writes has been read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.records = 0
        self.sound = self.size = 0
        self.finished = False

    def missing(self) -> str:
        """Return one sentence on what an unfinished capture lacks, once read; else nothing."""
        if self.finished:
            return ""
        if self.size > self.sound:
            tail = f"{self.size - self.sound:,} bytes from there on are no whole record"
        else:
            tail = "nothing follows"
        return (
            f"Capture {self.path} is unfinished: it holds {self.records:,} whole records up to "
            f"byte {self.sound:,}, {tail}, and the end that a clean stop writes is missing. "
            "Either its daemon still writes it, or was killed, or the file was cut: what came "
            "after is not in it"
        )

    def __iter__(self) -> Iterator[Batch]:
        """Yield batches.

        Raises WireError, naming the file and the byte, for a capture that is damaged before its
        tail.
        """
        notice = msgspec.msgpack.Decoder(Notice)
        for record in records.read(self.path, MAGIC, "capture", sized=self._begin):
            if self.finished:
                raise self._damaged("records follow its end")
            recv_ns, kind, _, skip = _ENTRY.unpack_from(record)
            content = record[_ENTRY.size :]
            if kind == _END:
                (count,) = _COUNT.unpack(content)
                if count != self.records:
                    raise self._damaged(f"its end counts {count:,} records before it")
                self.finished = True
            elif kind == _NOTICE:
                self.records += 1
                yield batch_of_notice(notice.decode(content), recv_ns)
            else:
                self.records += 1
                yield _batch(content, skip, recv_ns)
            self.sound += records.size_of(record)

    def _begin(self, size: int) -> None:
        self.size = size
        self.sound = min(size, len(MAGIC))

    def _damaged(self, found: str) -> WireError:
        return WireError(
            f"{self.path}: {self.records:,} records lie before byte {self.sound:,}, but {found}: "
            "the file is damaged",
            reason="capture",
        )


def _batch(content: bytes, skip: int, recv_ns: int) -> Batch:
    topic_end, header_end = _LENGTHS.unpack_from(content)
    topic_end += _LENGTHS.size
    header_end += topic_end
    parts = [
        content[_LENGTHS.size : topic_end],
        content[topic_end:header_end],
        content[header_end:],
    ]
    frame = decode(parts, max_bytes=records.MAX_RECORD)
    return batch_of(Released(frame, skip, recv_ns))
