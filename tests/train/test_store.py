from pathlib import Path

import numpy as np
import pytest

from darkpool_watch.errors import TapeError
from darkpool_watch.features.normaliser import Normaliser
from darkpool_watch.sim.market import SimConfig
from darkpool_watch.tape.detect import open_tape
from darkpool_watch.train.simulated import DayFrames, joined, simulate_frames
from darkpool_watch.train.store import read_frames, write_frames

SHORT = SimConfig(seed=9, securities=2, seconds=60.0, campaigns_per_hour=60.0)


def test_stored_frames_are_the_simulated_ones(tmp_path: Path) -> None:
    manifest = write_frames(tmp_path / "out", (SHORT,), part_frames=64)
    whole = simulate_frames(SHORT, Normaliser.default())
    parts = [read_frames(tmp_path / "out" / part.name) for part in manifest.parts]
    assert len(parts) > 1
    assert all(len(part.ts) == 64 for part in parts[:-1])
    assert manifest.complete
    back = joined(parts)
    for name in DayFrames._fields:
        np.testing.assert_array_equal(getattr(back, name), getattr(whole, name))
    assert back.values.dtype == np.float16


def test_frames_are_no_tape(tmp_path: Path) -> None:
    write_frames(tmp_path / "out", (SHORT,))
    with pytest.raises(TapeError, match="holds frames, no tapes"):
        open_tape(tmp_path / "out")


def test_damaged_frames_are_refused(tmp_path: Path) -> None:
    (tmp_path / "day.frames.safetensors").write_bytes(b"noise")
    with pytest.raises(TapeError, match="Cannot read frames"):
        read_frames(tmp_path / "day.frames.safetensors")
