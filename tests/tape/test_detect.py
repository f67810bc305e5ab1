"""What a user sees who names the wrong file, or a damaged one."""

import gzip
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from darkpool_watch.errors import TapeError
from darkpool_watch.tape import archive
from darkpool_watch.tape.detect import open_tape
from darkpool_watch.tape.parquet import write_parquet
from darkpool_watch.tape.tape import Tape
from darkpool_watch.wire.events import AccountRecord, Definition
from kernels.layout import EVENT

DEFINITION = Definition(
    instrument_id=7,
    security_id=3,
    symbol="ABC",
    venue="XNAS",
    dark=False,
    tick=10_000_000,
    size_unit="share",
    currency="USD",
    session_open_ns=1,
    session_close_ns=2,
    class_="equity",
)


def random_tape(rows: int) -> Tape:
    rng = np.random.default_rng(5)
    events = np.frombuffer(rng.bytes(rows * EVENT.itemsize), EVENT).copy()
    account = AccountRecord(
        account=1, owner=2, group=3, capacity="agency", segment=4, valid_from_ns=5
    )
    return Tape("t", "parquet", events, (DEFINITION,), (account,))


def test_our_parquet_is_lossless(tmp_path: Path) -> None:
    tape = random_tape(1000)
    write_parquet(tape, tmp_path / "t.parquet")
    back = open_tape(tmp_path / "t.parquet")
    assert back.events.tobytes() == tape.events.tobytes()
    assert (back.definitions, back.accounts) == (tape.definitions, tape.accounts)


def test_writing_into_a_missing_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match="Cannot write"):
        write_parquet(random_tape(3), tmp_path / "absent" / "t.parquet")


def write_zip_bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("A_2012-06-21_1_2_message_1.csv", b"0" * (80 << 20))


def write_gzip_bomb(path: Path) -> None:
    path.write_bytes(gzip.compress(b"0" * (80 << 20)))


def write_truncated_gzip(path: Path) -> None:
    path.write_bytes(gzip.compress(b"34200.0,1,1,1,1,1\n" * 1000)[:-20])


def write_truncated_parquet(path: Path) -> None:
    write_parquet(random_tape(100), path)
    path.write_bytes(path.read_bytes()[:-30])


def write_foreign_parquet(path: Path) -> None:
    pl.DataFrame({"colour": ["red"], "weight": [1.0]}).write_parquet(path)


def write_retyped_parquet(path: Path) -> None:
    write_parquet(random_tape(10), path)
    metadata = pl.read_parquet_metadata(path)
    table = pl.read_parquet(path).with_columns(pl.col("price").cast(pl.Float64))
    table.write_parquet(path, metadata={k: v for k, v in metadata.items() if k != "ARROW:schema"})


def write_newer_parquet(path: Path) -> None:
    table = pl.DataFrame({"price": [1]})
    table.write_parquet(path, metadata={"darkpool_watch.tape": "99"})


def write_zip_without_messages(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive_:
        archive_.writestr("readme.txt", "nothing here")


def write_broken_zip(path: Path) -> None:
    path.write_bytes(b"PK\x03\x04" + bytes(range(200)))


MALFORMED = [
    ("empty.csv", lambda p: p.write_bytes(b""), "is empty (0 bytes)"),
    ("noise.bin", lambda p: p.write_bytes(bytes(range(128, 256)) * 9), "unknown tape format"),
    ("prose.txt", lambda p: p.write_text("Dear all,\n"), "unknown tape format, begins with 'Dear"),
    ("bomb.zip", write_zip_bomb, "refused as a decompression bomb"),
    ("bomb.csv.gz", write_gzip_bomb, "refused as a decompression bomb"),
    ("cut.csv.gz", write_truncated_gzip, "the file is damaged or truncated"),
    ("cut.parquet", write_truncated_parquet, "Cannot read parquet"),
    ("colours.parquet", write_foreign_parquet, "parquet with columns colour, weight; can read"),
    ("retyped.parquet", write_retyped_parquet, "column `price` is float64, needed int64"),
    ("newer.parquet", write_newer_parquet, "tape version '99', needed '1'"),
    ("other.zip", write_zip_without_messages, "holds 0 LOBSTER message files"),
    (
        "broken.zip",
        write_broken_zip,
        "begins as a zip archive, but the directory that ends one is missing",
    ),
    ("folder", lambda p: p.mkdir(), "is a folder without manifest.json: name a file"),
    ("absent.csv", lambda p: None, "No such file or directory"),
]


@pytest.mark.parametrize(("name", "write", "message"), MALFORMED, ids=[m[0] for m in MALFORMED])
def test_a_malformed_tape_is_refused_in_words(tmp_path: Path, name, write, message: str) -> None:
    path = tmp_path / name
    write(path)
    with pytest.raises(TapeError) as caught:
        open_tape(path)
    assert message in str(caught.value)
    assert name in str(caught.value)


def test_a_member_may_be_large_where_it_is_not_a_bomb(tmp_path: Path) -> None:
    path = tmp_path / "fine.csv.gz"
    noise = np.random.default_rng(1).bytes(1 << 20)
    path.write_bytes(gzip.compress(noise * 3))
    assert len(archive.read_bytes(path)) == 3 << 20
