"""Where compiled kernels are cached: one folder for each (sources, compiler, processor)."""

import hashlib
import os
from pathlib import Path

import llvmlite
import llvmlite.binding as llvm
import numba


def fingerprint() -> str:
    """Return 16 hex digits of all kernel sources, numba, llvmlite and this processor's features."""
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    features = llvm.get_host_cpu_features().flatten()
    for part in (numba.__version__, llvmlite.__version__, llvm.get_host_cpu_name(), features):
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()[:16]


def use_keyed_cache() -> Path:
    """Point Numba at the keyed folder; NUMBA_CACHE_DIR, where set, is the folder above it."""
    cache_home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    above = Path(os.environ.get("NUMBA_CACHE_DIR") or cache_home / "darkpool_watch" / "numba")
    folder = above / fingerprint()
    numba.config.CACHE_DIR = str(folder)
    return folder
