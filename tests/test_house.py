"""House rules: imports point down the tree, files stay small, tests reach every kernel."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import LONG

ROOT = Path(__file__).parents[1]
SOURCES = sorted([*ROOT.glob("darkpool_watch/**/*.py"), *ROOT.glob("kernels/*.py")])

# A module may import from its own layer and those before it; where a tuple stands in for several
# packages, they may not import one another.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("kernels",),
    ("errors", "units", "typologies", "config", "__init__"),
    ("wire",),
    ("market",),
    ("features",),
    ("model",),
    ("detect",),
    ("alerts",),
    ("schedule", "digest", "stamps", "bundle", "evidence"),
    ("telling",),
    ("pipeline",),
    ("warmup",),
    ("tape", "sim", "replay"),
    ("overlay",),
    ("train", "evaluate", "learn", "telemetry"),
    ("daemon", "console", "cluster"),
    ("demo", "bench"),
    ("cli", "__main__"),
)
LAYER_OF = {name: depth for depth, names in enumerate(LAYERS) for name in names}
# Replay plays tapes and simulations, which are stored as tapes; the daemon reports through
# telemetry.
SIBLINGS = {("replay", "tape"), ("replay", "sim"), ("sim", "tape"), ("config", "errors")}
THIRD_PARTY = {
    "zmq": {"wire", "alerts"},
    "torch": {"model", "train", "evaluate", "learn"},
    "polars": {"tape", "sim", "replay", "overlay", "train", "evaluate"},
    "apsw": {"alerts"},
    "lightgbm": {"evaluate"},
    "matplotlib": {"evaluate"},
    "sklearn": {"evaluate"},
    "rich": {"train", "demo", "cli", "sim"},
}


def package_of(module: str) -> str | None:
    """Return the layer's name of a dotted module of ours, None for foreign ones."""
    if module == "kernels" or module.startswith("kernels."):
        return "kernels"
    if module == "darkpool_watch":
        return "__init__"
    if module.startswith("darkpool_watch."):
        return module.split(".")[1]
    return None


def imports_of(source: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{source}: relative import"
            assert node.module is not None
            if node.module in ("darkpool_watch", "kernels"):
                found += [f"{node.module}.{alias.name}" for alias in node.names]
            else:
                found.append(node.module)
    return found


def home_of(source: Path) -> str:
    parts = source.relative_to(ROOT).with_suffix("").parts
    return parts[0] if parts[0] == "kernels" else parts[1]


@pytest.mark.parametrize("source", SOURCES, ids=lambda s: str(s.relative_to(ROOT)))
def test_imports_point_down_the_tree(source: Path) -> None:
    home = home_of(source)
    assert home in LAYER_OF, f"{home} has no layer"
    for module in imports_of(source):
        target = package_of(module)
        if target == "__version__":
            target = "__init__"
        if target is None:
            root = module.split(".")[0]
            if home == "kernels":
                assert root in {"numpy", "numba", "llvmlite", "typing", *sys.stdlib_module_names}
            assert home in THIRD_PARTY.get(root, {home}), f"{source} imports {module}"
        elif target != home:
            allowed = LAYER_OF[target] < LAYER_OF[home] or (home, target) in SIBLINGS
            assert allowed, f"{source} imports {module}, which lies above or beside it"


@pytest.mark.parametrize("folder", ["darkpool_watch", "kernels", "tests", "bench"])
def test_files_stay_small(folder: str) -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in ROOT.glob(f"{folder}/**/*.py")
        if (lines := len(path.read_text().splitlines())) > 420
    }
    assert long == {}


def test_importing_the_daemon_does_not_load_torch() -> None:
    code = "import sys, darkpool_watch.daemon; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_files_named_as_long_exist() -> None:
    assert [name for name in LONG if not (ROOT / name).is_file()] == []


def test_kernels_is_our_package() -> None:
    import kernels

    assert kernels.__file__ is not None
    assert Path(kernels.__file__).parent == ROOT / "kernels"


def kernels_in(source: Path) -> set[str]:
    """Return the kernel modules that a file imports."""
    return {m.split(".")[1] for m in imports_of(source) if m.startswith("kernels.")}


KERNELS = {path.stem for path in ROOT.glob("kernels/*.py") if path.stem != "__init__"}
# Reached by tests only through the package that calls them: no test imports one on their path.
THROUGH_A_STAGE = {"cache", "lobster", "sim_labels", "sim_run"}


def test_every_kernel_is_reached_by_a_test() -> None:
    reached: set[str] = set(THROUGH_A_STAGE)
    for path in ROOT.glob("tests/**/*.py"):
        reached |= kernels_in(path)
    waiting = list(reached)
    while waiting:
        fresh = kernels_in(ROOT / "kernels" / f"{waiting.pop()}.py") - reached
        reached |= fresh
        waiting += fresh
    assert KERNELS - reached == set()


# A class of one letter keeps a pattern from matching itself.
TRACES = re.compile(
    r"(?<![\w.])/(wor[k]|roo[t])\b"  # folders of one machine
    r"|index-ur[l]|find-link[s]"  # where one machine gets its packages
    r"|\bFEA[T]-|\b(issu[e]|contrac[t]) #?\d|\bworkplac[e]\b|\bTOD[O]\b|\bFIXM[E]\b",
    re.IGNORECASE,
)


def test_no_tracked_text_tells_where_it_was_made() -> None:
    try:
        command = ["git", "ls-files", "-z"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    found = []
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if name == "LICENSE" or not path.is_file() or b"\0" in (raw := path.read_bytes()):
            continue
        for number, line in enumerate(raw.decode("utf-8", "replace").splitlines(), 1):
            if trace := TRACES.search(line):
                found.append(f"{name}:{number}: {trace[0]}")
    assert found == []
