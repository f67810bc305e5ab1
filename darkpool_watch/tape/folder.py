"""A folder of parts: what is too long for one file, readable at any moment of its writing.

Every part is whole in itself. The manifest names the finished ones, so a run that was interrupted,
or met a full disk, has lost only the part it was writing, and goes on behind the last one.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from darkpool_watch.errors import TapeError

MANIFEST: Final = "manifest.json"
TAPE_SUFFIX: Final = ".tape.parquet"  # of a part that is a tape; labels and truth lie beside it
VERSION: Final = 1


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One finished file."""

    name: str
    records: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a folder holds and what made it."""

    version: int = VERSION
    kind: str  # tapes or frames
    maker: str  # fingerprint of the code that decides the bytes
    recipe: msgspec.Raw  # JSON: the values that decide the bytes
    parts: tuple[Part, ...] = ()
    complete: bool = False


class PartFolder:
    """Writes parts into a folder, going on where an earlier run of the same recipe stopped."""

    def __init__(self, path: Path, *, kind: str, maker: str, recipe: bytes) -> None:
        """Open or make the folder at `path`.

        Raises TapeError where it holds something else: files of another kind, of another maker, or
        of another recipe.
        """
        self.path = path
        fresh = Manifest(kind=kind, maker=maker, recipe=msgspec.Raw(recipe))
        try:
            path.mkdir(parents=True, exist_ok=True)
            if not (path / MANIFEST).exists():
                if any(path.iterdir()):
                    raise TapeError(
                        f"{path} holds files and no {MANIFEST}: name a new or empty folder"
                    )
                self.manifest = fresh
                self._save()
        except OSError as err:
            raise TapeError(f"Cannot write into {path}: {err.strerror}") from err
        self.manifest = read_manifest(path)
        _check_same(path, self.manifest, fresh)

    def wanted(self, name: str) -> bool:
        """Return whether the part of this name is still to be written."""
        return all(part.name != name for part in self.manifest.parts)

    def add(self, name: str, records: int, write: Callable[[Path], None]) -> None:
        """Let `write` make the file of a part, then name it in the manifest.

        Raises TapeError where the disk refuses; what was finished before stays, and the file that
        was not finished goes.
        """
        target = self.path / name
        partial = self.path / f"{name}.part"
        try:
            write(partial)
            with partial.open("rb+") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                os.fsync(file.fileno())
            os.replace(partial, target)
            part = Part(name, records, digest)
            self._update(parts=(*self.manifest.parts, part))
        except (OSError, TapeError) as err:
            partial.unlink(missing_ok=True)
            reason = err.strerror if isinstance(err, OSError) else str(err)
            raise TapeError(
                f"Cannot write {target}: {reason}; the {len(self.manifest.parts)} parts before it "
                "are whole: make room, then run the same command again to go on"
            ) from err

    def finish(self) -> None:
        """Say in the manifest that nothing is missing."""
        try:
            self._update(complete=True)
        except OSError as err:
            raise TapeError(f"Cannot write {self.path / MANIFEST}: {err.strerror}") from err

    def _update(self, **changes: object) -> None:
        before = self.manifest
        self.manifest = msgspec.structs.replace(before, **changes)
        try:
            self._save()
        except OSError:
            self.manifest = before
            raise

    def _save(self) -> None:
        partial = self.path / f"{MANIFEST}.part"
        try:
            partial.write_bytes(msgspec.json.format(msgspec.json.encode(self.manifest)))
            os.replace(partial, self.path / MANIFEST)
        except OSError:
            partial.unlink(missing_ok=True)
            raise


def read_manifest(path: Path) -> Manifest:
    """Return the manifest of the folder at `path`; TapeError where there is none to read."""
    try:
        manifest = msgspec.json.decode((path / MANIFEST).read_bytes(), type=Manifest)
    except FileNotFoundError as err:
        raise TapeError(
            f"{path} is a folder without {MANIFEST}: name a file, or one of ours"
        ) from err
    except (OSError, msgspec.DecodeError) as err:
        raise TapeError(f"Cannot read {path / MANIFEST}: {err}") from err
    if manifest.version != VERSION:
        raise TapeError(
            f"{path / MANIFEST} has version {manifest.version}, needed {VERSION}: write the folder "
            "again with this release"
        )
    return manifest


def _check_same(path: Path, found: Manifest, wanted: Manifest) -> None:
    """Refuse to go on with a folder that something else began."""
    if found.kind != wanted.kind:
        raise TapeError(f"{path} holds {found.kind}, needed {wanted.kind}: name another folder")
    if found.maker != wanted.maker:
        raise TapeError(
            f"{path} was begun by generator {found.maker}, this is {wanted.maker}: the same seed "
            "makes another tape here; name another folder, or run the release that began it"
        )
    if msgspec.json.decode(found.recipe) != msgspec.json.decode(wanted.recipe):
        raise TapeError(f"{path} was begun with other values: name another folder, or repeat them")
