"""What holds for every test: on a busy machine, or while a kernel compiles, time is no failure."""

import os

import pytest
from hypothesis import HealthCheck, settings

# Before LightGBM and torch load OpenMP: its threads spin while they wait for one another, and where
# two workers share two cores they wait for a core. tests/evaluate/test_gate.py on a busy machine
# took 143 s of CPU with two threads, 11 s with one; the trees are the same.
os.environ.setdefault("OMP_THREAD_LIMIT", "1")

settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

# Twenty seconds and more each: first, so that no worker begins one when the other ends.
LONG = (
    "tests/test_cli.py",
    "tests/test_live_replay.py",
    "tests/evaluate/test_leaks.py",
    "tests/test_demo.py",
    "tests/evaluate/test_controls.py",
    "tests/train/test_usual.py",
    "tests/overlay/test_real.py",
    "bench/test_bench_features.py",
)
PLACE = {file: place for place, file in enumerate(LONG)}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put long files first; the rest stay as they were collected."""
    items.sort(key=lambda item: PLACE.get(item.nodeid.split("::")[0], len(LONG)))
