"""Which generator this is: a fingerprint of all sources that decide a tape's bytes."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Final

import kernels

# Files of this package that read tapes or store them, and decide no byte of one.
READERS: Final = frozenset(
    {"__init__", "corpus", "episode", "facts", "generator", "store", "venue", "views"}
)


@cache
def generator_hash() -> str:
    """Return 16 hex digits; another generator makes another tape of the same seed and day."""
    here = Path(__file__).parent
    sources = [path for path in here.glob("*.py") if path.stem not in READERS]
    sources += Path(kernels.__path__[0]).glob("sim_*.py")
    digest = hashlib.sha256()
    for source in sorted(sources, key=lambda path: path.name):
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()[:16]
