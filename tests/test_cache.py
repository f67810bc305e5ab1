"""Compiled kernels come from the keyed cache at every start but the first."""

import subprocess
import sys
from pathlib import Path

from kernels import cache

ROOT = Path(__file__).parents[1]
MISSES = """
import sys
from darkpool_watch.config import Config
from darkpool_watch.warmup import warm_up
warm_up(Config())
missed = {
    f"{name}.{attribute}"
    for name, module in sys.modules.items() if name.startswith("kernels.")
    for attribute, thing in vars(module).items()
    if sum(getattr(getattr(thing, "stats", None), "cache_misses", {}).values())
}
print(" ".join(sorted(missed)))
"""

PARTS = """
from darkpool_watch.cli.compiling import PARTS
from darkpool_watch.config import Config
from darkpool_watch.warmup import warm_up
from kernels.extract import extract
from kernels.observe import observe
from kernels.rules import check_rules
from kernels.threshold import decide_frames
large = (observe, extract, check_rules, decide_frames)
for part in PARTS[1:]:
    part()
before = [list(one.signatures) for one in large]
warm_up(Config())
after = [list(one.signatures) for one in large]
print([len(one) for one in before], before == after)
"""


def test_a_second_start_compiles_nothing() -> None:
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", MISSES], capture_output=True, text=True, cwd=ROOT, check=True
        )
    assert done.stdout.split() == []


def test_stages_compiled_apart_are_those_of_the_pipeline() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PARTS], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.split("\n")[0] == "[1, 1, 1, 1] True"


def test_the_key_changes_with_a_kernels_source(tmp_path: Path, monkeypatch) -> None:
    before = cache.fingerprint()
    for source in (ROOT / "kernels").glob("*.py"):
        (tmp_path / source.name).write_bytes(source.read_bytes())
    monkeypatch.setattr(cache, "__file__", str(tmp_path / "cache.py"))
    assert cache.fingerprint() == before
    (tmp_path / "book.py").write_text("edited = True\n")
    assert cache.fingerprint() != before
