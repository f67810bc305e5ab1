import resource
import signal
from pathlib import Path

import pytest

from darkpool_watch.errors import TapeError
from darkpool_watch.tape.folder import PartFolder, read_manifest


def folder(path: Path, *, kind: str = "tapes", maker: str = "1f3c", recipe: bytes = b'{"a":1}'):
    return PartFolder(path, kind=kind, maker=maker, recipe=recipe)


def test_a_folder_goes_on_where_it_stopped(tmp_path: Path) -> None:
    first = folder(tmp_path / "out")
    first.add("one", 3, lambda path: path.write_bytes(b"abc") and None)
    again = folder(tmp_path / "out", recipe=b'{ "a": 1 }')
    assert not again.wanted("one")
    assert again.wanted("two")
    assert not again.manifest.complete
    again.add("two", 1, lambda path: path.write_bytes(b"d") and None)
    again.finish()
    manifest = read_manifest(tmp_path / "out")
    assert manifest.complete
    assert [(part.name, part.records) for part in manifest.parts] == [("one", 3), ("two", 1)]
    # SHA-256 of "abc", FIPS 180-2 appendix B.1.
    assert manifest.parts[0].sha256.startswith("ba7816bf8f01cfea414140de5dae2223")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"kind": "frames"}, "holds tapes, needed frames: name another folder"),
        ({"maker": "9a2b"}, "begun by generator 1f3c, this is 9a2b: the same seed makes another"),
        ({"recipe": b'{"a":2}'}, "begun with other values: name another folder"),
    ],
)
def test_a_folder_of_something_else_is_refused(tmp_path: Path, changes, problem: str) -> None:
    folder(tmp_path / "out")
    with pytest.raises(TapeError, match=problem):
        folder(tmp_path / "out", **changes)


def test_a_folder_of_strange_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(TapeError, match=r"holds files and no manifest\.json: name a new"):
        folder(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_manifest_of_another_version_is_refused(tmp_path: Path) -> None:
    folder(tmp_path / "out")
    manifest = tmp_path / "out" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"version": 1', '"version": 2'))
    with pytest.raises(TapeError, match="has version 2, needed 1: write the folder again"):
        read_manifest(tmp_path / "out")


def test_a_disk_that_fills_leaves_what_was_finished(tmp_path: Path) -> None:
    out = folder(tmp_path / "out")
    out.add("one", 1, lambda path: path.write_bytes(b"x" * 100) and None)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(TapeError, match=r"two: .*; the 1 parts before it are whole: make room"):
            out.add("two", 1, lambda path: path.write_bytes(b"x" * 10_000) and None)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["manifest.json", "one"]
    again = folder(tmp_path / "out")
    assert not again.wanted("one")
    assert again.wanted("two")
