import shutil
from pathlib import Path

import pytest

from darkpool_watch.sim.generator import ROOT, generator_hash, sources


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for folder in ("kernels", "darkpool_watch"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("*.pyc"))
    return tmp_path


def test_the_hash_has_16_hex_digits_and_is_of_the_sources_alone(copy: Path) -> None:
    assert len(generator_hash()) == 16
    assert int(generator_hash(), 16) >= 0
    assert generator_hash(copy) == generator_hash()


def test_every_source_that_decides_a_byte_changes_the_hash(copy: Path) -> None:
    found = sources()
    for name in ("kernels/sim_run.py", "kernels/sim_pool.py", "darkpool_watch/sim/rates.py"):
        assert name in found
    before = generator_hash()
    for name in found:
        path = copy / name
        original = path.read_bytes()
        path.write_bytes(original + b"\n")
        generator_hash.cache_clear()
        assert generator_hash(copy) != before, name
        path.write_bytes(original)


def test_what_measures_or_publishes_a_tape_does_not_change_the_hash(copy: Path) -> None:
    before = generator_hash()
    for name in ("facts", "venue", "generator"):
        path = copy / "darkpool_watch" / "sim" / f"{name}.py"
        path.write_bytes(path.read_bytes() + b"\n")
    generator_hash.cache_clear()
    assert generator_hash(copy) == before


def test_all_kernels_of_the_simulator_are_hashed() -> None:
    kernels = {f"kernels/{path.name}" for path in (ROOT / "kernels").glob("sim_*.py")}
    assert kernels <= set(sources())
