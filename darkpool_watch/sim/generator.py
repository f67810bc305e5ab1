"""Which generator made a tape: a hash of every source that decides its bytes.

The sources are found by following imports from the simulator, so a new file cannot be forgotten;
what only measures or publishes a tape is not among them.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
_START: Final = "darkpool_watch/sim/market.py"
_FOLLOWED: Final = ("kernels.", "darkpool_watch.sim.")


@cache
def generator_hash(root: Path = ROOT) -> str:
    """Return 16 hex digits of the SHA-256 of the generator's sources, names included."""
    digest = hashlib.sha256()
    for name in sources(root):
        content = (root / name).read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


def sources(root: Path = ROOT) -> list[str]:
    """Return the paths of the generator's sources, sorted."""
    found: set[str] = set()
    waiting = [_START]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _imports(root, name)
    return sorted(found)


def _imports(root: Path, name: str) -> list[str]:
    """Return the paths of the modules that a source imports, of those followed."""
    paths = []
    for node in ast.walk(ast.parse((root / name).read_bytes())):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            modules = [node.module, *(f"{node.module}.{one.name}" for one in node.names)]
        elif isinstance(node, ast.Import):
            modules = [one.name for one in node.names]
        else:
            continue
        for module in modules:
            path = module.replace(".", "/") + ".py"
            if module.startswith(_FOLLOWED) and (root / path).is_file():
                paths.append(path)
    return paths
