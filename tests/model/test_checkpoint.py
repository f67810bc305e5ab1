from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from darkpool_watch.errors import CheckpointError
from darkpool_watch.model.checkpoint import (
    Notes,
    add_arrays,
    digest,
    load_arrays,
    load_model,
    read_notes,
    save_checkpoint,
    untrained,
)
from darkpool_watch.model.config import LITE
from tests.model.builders import TINY, flow, lively, scores_of

NOTES = Notes(catalog="9f3c", shape=TINY, training={"seed": "3", "frames": "512"})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.safetensors"
    arrays = {"normaliser.median": np.arange(6.0).reshape(2, 3)[:, ::2]}
    save_checkpoint(path, lively(TINY), NOTES, arrays, half=False)
    return path


def test_weights_notes_and_arrays_come_back(path: Path) -> None:
    model, notes = load_model(path, catalog="9f3c", profile="tiny")
    assert notes == NOTES
    frames = flow(TINY, 1, 20)
    np.testing.assert_array_equal(scores_of(model, frames)[0], scores_of(lively(TINY), frames)[0])
    arrays = load_arrays(path, "normaliser")
    assert list(arrays) == ["median"]
    np.testing.assert_array_equal(arrays["median"], [[0, 2], [3, 5]])
    assert load_arrays(path, "calibration") == {}


def test_arrays_are_added_and_replaced_without_touching_weights(path: Path) -> None:
    before = load_model(path)[0].state_dict()
    add_arrays(path, {"calibration.mu": np.ones(3), "normaliser.median": np.zeros(2, np.float32)})
    assert load_arrays(path, "calibration")["mu"].tolist() == [1, 1, 1]
    assert load_arrays(path, "normaliser")["median"].dtype == np.float32
    for name, tensor in load_model(path)[0].state_dict().items():
        assert torch.equal(tensor, before[name])


def test_adding_arrays_keeps_half_weights_bit_for_bit(tmp_path: Path) -> None:
    path = tmp_path / "half.safetensors"
    save_checkpoint(path, lively(TINY), NOTES)
    before, size = load_model(path)[0].state_dict(), path.stat().st_size
    add_arrays(path, {"calibration.mu": np.ones(1)})
    assert path.stat().st_size < size + 1_000
    assert all(torch.equal(t, before[n]) for n, t in load_model(path)[0].state_dict().items())


def test_lite_in_half_precision_is_about_8_mb(tmp_path: Path) -> None:
    path = tmp_path / "lite.safetensors"
    save_checkpoint(path, untrained(LITE, seed=0), Notes(catalog="", shape=LITE))
    assert path.stat().st_size / 1e6 == pytest.approx(7.9, abs=0.3)
    assert len(digest(path)) == 64


def test_other_catalogue_is_refused_with_what_to_do(path: Path) -> None:
    with pytest.raises(CheckpointError) as error:
        load_model(path, catalog="41ab")
    assert str(error.value) == (
        "Checkpoint expects catalogue 9f3c, was 41ab: retrain, or run the release that it was "
        "made with"
    )


def test_other_profile_is_refused(path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"profile tiny, needed full: set model\.profile"):
        load_model(path, profile="full")


def test_damaged_and_foreign_files_are_refused(tmp_path: Path, path: Path) -> None:
    noise = tmp_path / "noise"
    noise.write_bytes(np.random.default_rng(0).bytes(4_000))
    with pytest.raises(CheckpointError, match="Cannot read checkpoint"):
        load_model(noise)
    cut = tmp_path / "cut"
    cut.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="Cannot read checkpoint"):
        load_model(cut)
    with pytest.raises(CheckpointError, match="Cannot read checkpoint"):
        read_notes(tmp_path / "absent")
    save_file({"x": torch.zeros(1)}, tmp_path / "foreign")
    with pytest.raises(CheckpointError, match="was not written by darkpool_watch"):
        load_model(tmp_path / "foreign")


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "wrong"
    save_checkpoint(path, lively(TINY), Notes(catalog="", shape=LITE))
    with pytest.raises(CheckpointError, match="does not hold the weights of its shape"):
        load_model(path)


def test_array_names_need_a_stage(tmp_path: Path) -> None:
    for name in ("median", "model.embed"):
        with pytest.raises(CheckpointError, match=r"must be named stage\.array"):
            save_checkpoint(tmp_path / "x", lively(TINY), NOTES, {name: np.zeros(1)})


def test_untrained_weights_follow_the_seed_and_leave_the_generator_alone() -> None:
    torch.manual_seed(5)
    want = torch.rand(1)
    torch.manual_seed(5)
    one, two = untrained(TINY, seed=1), untrained(TINY, seed=1)
    assert torch.equal(torch.rand(1), want)
    assert torch.equal(one.embed.weight, two.embed.weight)
    assert not torch.equal(one.embed.weight, untrained(TINY, seed=2).embed.weight)
