"""What holds for every test: on a busy machine, or while a kernel compiles, time is no failure."""

import os

from hypothesis import HealthCheck, settings

# Before LightGBM and torch load OpenMP: its threads spin while they wait for one another, and where
# two workers share two cores they wait for a core. tests/evaluate/test_gate.py beside one busy
# process took 227 s with two threads, 17 s with one; the trees are the same.
os.environ.setdefault("OMP_THREAD_LIMIT", "1")

settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")
