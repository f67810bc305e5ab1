"""Capture, schedule and quarantine files: what they give back, torn, damaged or whole."""

import random
from pathlib import Path

import numpy as np
import pytest

from darkpool_watch.config import WireConfig
from darkpool_watch.errors import WireError
from darkpool_watch.wire.batch import Batch
from darkpool_watch.wire.capture import CaptureReader, CaptureWriter, capture_path, captures
from darkpool_watch.wire.events import Heartbeat
from darkpool_watch.wire.frame import encode
from darkpool_watch.wire.intake import Intake
from darkpool_watch.wire.publisher import FlowPublisher
from darkpool_watch.wire.schedule import (
    SCHEDULE,
    ScheduleWriter,
    read_schedule,
    schedule_path,
)
from darkpool_watch.wire.source import ZmqSource
from tests.wire.rows import T0, account, add_rows, definition
from tests.wire.test_live import Received, in_thread, receive

MS = 1_000_000


def plain(batch: Batch) -> tuple[object, ...]:
    """Return a batch as values that compare."""
    return (None if batch.events is None else batch.events.tobytes(), *batch[1:])


def frame(payload: object, first: int, session: int = 5, channel: int = 1) -> list[bytes]:
    return encode(
        payload,  # type: ignore[arg-type]
        venue="XNAS",
        channel=channel,
        session=session,
        first_sequence=first,
        sent_ns=T0,
    )


def eventful_day(capture: CaptureWriter) -> list[Batch]:
    """Return the batches of reorder, loss, bad rows, an overlap, silence and a restart."""
    intake = Intake(WireConfig(repair_ms=20), requesting=False, capture=capture)
    bad = add_rows(6, first=31)
    bad["size"][2] = 0
    batches: list[Batch] = []
    for at_ms, parts in [
        (0, frame([definition(7)], 1)),
        (1, frame([account(3)], 2)),
        (2, frame(add_rows(8), 3)),
        (3, frame(add_rows(10), 21)),  # 11 to 20 are missing
        (4, frame(add_rows(10), 11)),  # and come
        (5, frame(bad, 31)),
        (6, frame(add_rows(10), 35)),  # 35 and 36 came before
        (7, frame(add_rows(4), 50)),  # 45 to 49 never come
        (30, frame(Heartbeat(next_sequence=54, oldest_sequence=1), 54)),
        (31, frame(add_rows(5), 1, session=6)),
        (32, frame(add_rows(5), 1, channel=2)),
        (33, frame([definition(8)], 0, session=6)),
        (9_000, frame(add_rows(5), 6, channel=2)),
    ]:
        intake.tick(at_ms * MS, T0 + at_ms * MS)
        intake.accept(parts, at_ms * MS, T0 + at_ms * MS)
        batches += intake.take()
    return batches


def test_the_reader_gives_the_very_batches_of_the_live_source(tmp_path: Path) -> None:
    with CaptureWriter(tmp_path / "1.capture") as capture:
        live = eventful_day(capture)
    kinds = [notice.kind.value for batch in live for notice in batch.notices]
    assert kinds == ["repaired", "malformed", "lost", "session", "silent", "silent", "heard"]
    replayed = list(CaptureReader(capture.path))
    assert [plain(batch) for batch in replayed] == [plain(batch) for batch in live]
    assert all(b.events.flags.writeable for b in replayed if b.events is not None)


def test_live_over_a_socket_equals_its_capture(tmp_path: Path) -> None:
    with FlowPublisher(
        f"ipc://{tmp_path}/flow",
        f"ipc://{tmp_path}/replay",
        frame_events=20,
        heartbeat_ms=20,
        credit=8,
        withhold=lambda header: header.first_sequence % 3 == 0 and header.kind == "events",
    ) as publisher:
        config = WireConfig(
            endpoint=publisher.endpoint,
            replay_endpoint=publisher.replay_endpoint,
            repair_ms=10_000,
            join="start",
            capture=str(tmp_path / "day"),
        )
        received = Received()
        with ZmqSource(config) as source:
            publisher.define(definition(7))
            with in_thread(lambda: publisher.send(add_rows(600))):
                receive(source, received, lambda: len(received.sequences()) >= 600)
    (path,) = captures(tmp_path / "day")
    replayed = list(CaptureReader(path))
    assert [plain(batch) for batch in replayed] == [plain(batch) for batch in received.batches]
    assert publisher.withheld > 0


def test_a_torn_tail_ends_the_capture_wherever_it_is_cut(tmp_path: Path) -> None:
    with CaptureWriter(tmp_path / "1.capture") as capture:
        live = [plain(batch) for batch in eventful_day(capture)]
    raw = capture.path.read_bytes()
    cuts = {0, 3, 8, 9, len(raw) - 1, *random.Random(3).sample(range(len(raw)), 60)}
    torn = tmp_path / "torn.capture"
    for cut in sorted(cuts):
        for tail in (b"", bytes(37)):  # a crash may also leave zeros
            torn.write_bytes(raw[:cut] + tail)
            if cut < 8 and tail:
                continue  # not a file of ours at all
            found = [plain(batch) for batch in CaptureReader(torn)]
            assert found == live[: len(found)]


def test_a_capture_says_whether_it_is_whole(tmp_path: Path) -> None:
    with CaptureWriter(tmp_path / "1.capture") as capture:
        live = eventful_day(capture)
    raw = capture.path.read_bytes()
    reader = CaptureReader(capture.path)
    assert reader.missing() != ""  # nothing has been read yet
    assert len(list(reader)) == len(live) == reader.records
    assert (reader.finished, reader.missing(), reader.sound) == (True, "", len(raw))
    end = 8 + 12 + 8  # prefix, entry, count
    for cut, whole in ((1, len(live)), (end, len(live)), (end + 1, len(live) - 1)):
        capture.path.write_bytes(raw[:-cut])
        reader = CaptureReader(capture.path)
        assert len(list(reader)) == reader.records == whole
        assert not reader.finished
        tail = len(raw) - cut - reader.sound
        follows = f"{tail:,} bytes from there on are no whole record" if tail else "nothing follows"
        assert reader.missing().startswith(
            f"Capture {capture.path} is unfinished: it holds {whole} whole records up to byte "
            f"{reader.sound:,}, {follows}, and the end that a clean stop writes is missing."
        )
    capture.path.write_bytes(raw + raw[8:])
    with pytest.raises(WireError, match=r"but records follow its end: the file is damaged"):
        list(CaptureReader(capture.path))
    first = 8 + 8 + int.from_bytes(raw[8:12], "little")
    capture.path.write_bytes(raw[:8] + raw[first:])
    with pytest.raises(WireError, match=f"but its end counts {len(live)} records before it"):
        list(CaptureReader(capture.path))


def test_damage_before_the_tail_is_an_error_that_names_the_byte(tmp_path: Path) -> None:
    with CaptureWriter(tmp_path / "1.capture") as capture:
        eventful_day(capture)
    raw = bytearray(capture.path.read_bytes())
    raw[40] ^= 1
    capture.path.write_bytes(raw)
    with pytest.raises(WireError) as caught:
        list(CaptureReader(capture.path))
    assert str(caught.value) == (
        f"{capture.path}: the record at byte 8 fails its checksum and others follow: the file is "
        "damaged; everything before byte 8 is sound"
    )


def test_a_file_of_another_kind_is_no_capture(tmp_path: Path) -> None:
    path = tmp_path / "day.csv"
    path.write_text("time,price\n")
    with pytest.raises(WireError) as caught:
        list(CaptureReader(path))
    assert str(caught.value) == (
        f"{path} starts with b'time,pri', a capture file starts with b'DPWCAPT1'"
    )
    with pytest.raises(WireError, match=r"^Cannot read capture .*: No such file or directory$"):
        list(CaptureReader(tmp_path / "none.capture"))


def test_a_capture_is_never_written_over(tmp_path: Path) -> None:
    CaptureWriter(tmp_path / "1.capture").close()
    with pytest.raises(WireError, match=r"^Cannot write capture .*: File exists"):
        CaptureWriter(tmp_path / "1.capture")


def write_a_day(capture: CaptureWriter) -> None:
    eventful_day(capture)
    capture.flush()


def test_a_full_disk_is_told_by_the_next_append(tmp_path: Path) -> None:
    capture = CaptureWriter(tmp_path / "1.capture")
    capture._file.close()
    capture._file = open("/dev/full", "wb", buffering=0)  # noqa: SIM115
    with pytest.raises(WireError, match=r"^Cannot write capture .*: No space left on device"):
        write_a_day(capture)
    with pytest.raises(WireError, match="No space left on device"):
        capture.close()


def test_captures_are_listed_oldest_first(tmp_path: Path) -> None:
    for started in (1_000, 999, 20_000):
        CaptureWriter(capture_path(tmp_path, started)).close()
    assert [path.stem for path in captures(tmp_path)] == ["999", "1000", "20000"]


def scheduled(count: int) -> np.ndarray[tuple[int], np.dtype[np.void]]:
    rows = np.zeros(count, SCHEDULE)
    rows["arrival"] = np.arange(count) * 3
    rows["ts"] = T0 + np.arange(count)
    rows["security"] = np.arange(count) % 5
    rows["engine"] = 1
    return rows


def test_a_schedule_comes_back_in_order_and_a_torn_row_is_left_out(tmp_path: Path) -> None:
    path = schedule_path(capture_path(tmp_path, 7))
    assert path.name == "7.schedule"
    rows = scheduled(10)
    with ScheduleWriter(path) as schedule:
        schedule.append(rows[:4])
        schedule.append(rows[4:])
    whole = read_schedule(path)
    assert (whole.rows.tobytes(), whole.finished) == (rows.tobytes(), True)
    raw = path.read_bytes()
    assert len(raw) == 8 + 11 * 24  # and the end
    for cut in (0, 5, 8, 20, len(raw) - 25, len(raw) - 1):
        path.write_bytes(raw[:cut])
        torn = read_schedule(path)
        assert torn.rows.tobytes() == rows[: max(0, cut - 8) // 24].tobytes()
        assert not torn.finished
    path.write_bytes(raw[: 8 + 24] + raw[8 + 48 :])
    with pytest.raises(WireError, match=r"row 10 of 10 is its end and counts 10 rows before it"):
        read_schedule(path)


def test_a_file_of_another_kind_is_no_schedule(tmp_path: Path) -> None:
    path = tmp_path / "7.schedule"
    path.write_bytes(b"something else")
    with pytest.raises(WireError) as caught:
        read_schedule(path)
    assert str(caught.value) == (
        f"{path} starts with b'somethin', a schedule file starts with b'DPWSCHD1'"
    )
