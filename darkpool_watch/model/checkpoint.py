"""One file holds everything that scores: weights, shape, normaliser and calibration arrays.

A safetensors file. Weights lie under `model.`; every other array under the name of its stage
(`normaliser.`, `calibration.`). Metadata says what the weights expect. Floating weights may be
stored in half precision; they compute in single.
"""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from darkpool_watch.errors import CheckpointError
from darkpool_watch.model.config import HEAD_SETS, ModelShape
from darkpool_watch.model.transformer import Transformer

FORMAT: Final = 1
WEIGHTS_PREFIX: Final = "model."
KEY: Final = "darkpool_watch"

Arrays = Mapping[str, NDArray[Any]]


class Notes(msgspec.Struct, frozen=True, kw_only=True):
    """What a checkpoint says of itself."""

    catalog: str  # fingerprint of the feature catalogue; empty = features declared by config alone
    shape: ModelShape
    heads: tuple[str, ...] = HEAD_SETS  # head sets that were trained
    trained: bool = True
    training: dict[str, str] = {}  # free text: seeds, frames seen, sources, date
    format: int = FORMAT


def untrained(shape: ModelShape, *, seed: int) -> Transformer:
    """Return a model of random weights, the same for the same seed, ready to score."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Transformer(shape)
    return model.eval().requires_grad_(False)


def save_checkpoint(
    path: Path,
    model: Transformer,
    notes: Notes,
    arrays: Arrays | None = None,
    *,
    half: bool = True,
) -> None:
    """Write a checkpoint atomically; `arrays` are named `stage.array`; `half` halves the file."""
    tensors = {}
    for name, tensor in model.state_dict().items():
        narrow = half and tensor.is_floating_point() and not name.startswith("heads.latent_")
        tensors[WEIGHTS_PREFIX + name] = tensor.half() if narrow else tensor
    for name, array in (arrays or {}).items():
        if name.startswith(WEIGHTS_PREFIX) or "." not in name:
            raise CheckpointError(f"Array {name!r} must be named stage.array, not {WEIGHTS_PREFIX}")
        tensors[name] = torch.from_numpy(np.array(array, order="C"))  # a copy: ours, writable
    tensors = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    save_file(tensors, partial, metadata={KEY: msgspec.json.encode(notes).decode()})
    os.replace(partial, path)


def read_notes(path: Path) -> Notes:
    """Return what the checkpoint at `path` says of itself, without reading its weights."""
    try:
        with safe_open(path, "np") as file:
            text = (file.metadata() or {}).get(KEY)
    except (OSError, SafetensorError) as err:
        raise CheckpointError(f"Cannot read checkpoint {path}: {err}") from err
    if text is None:
        raise CheckpointError(f"Checkpoint {path} was not written by darkpool_watch: retrain it")
    try:
        notes = msgspec.json.decode(text, type=Notes)
    except msgspec.DecodeError as err:
        raise CheckpointError(f"Checkpoint {path}: {err}; retrain it") from err
    if notes.format != FORMAT:
        raise CheckpointError(
            f"Checkpoint {path} has format {notes.format}, needed {FORMAT}: retrain it"
        )
    return notes


def check_catalog(notes: Notes, catalog: str) -> None:
    """Refuse weights whose features are not ours; an empty fingerprint accepts any."""
    if catalog and notes.catalog and notes.catalog != catalog:
        raise CheckpointError(
            f"Checkpoint expects catalogue {notes.catalog[:8]}, was {catalog[:8]}: retrain, or run "
            f"the release that it was made with"
        )


def check_fit(path: Path, *, catalog: str = "", profile: str = "") -> Notes:
    """Return the notes of the checkpoint at `path`, refused where it is for something else.

    Raises CheckpointError.
    """
    notes = read_notes(path)
    check_catalog(notes, catalog)
    if profile and notes.shape.profile != profile:
        raise CheckpointError(
            f"Checkpoint {path} holds profile {notes.shape.profile}, needed {profile}: set "
            f"model.profile or model.checkpoint"
        )
    return notes


def load_model(path: Path, *, catalog: str = "", profile: str = "") -> tuple[Transformer, Notes]:
    """Return the model at `path` in float32, ready to score, and its notes.

    Raises CheckpointError if the file is damaged or was made for another catalogue or profile.
    """
    notes = check_fit(path, catalog=catalog, profile=profile)
    model = untrained(notes.shape, seed=0)
    try:
        with safe_open(path, "pt") as file:
            weights = {
                name.removeprefix(WEIGHTS_PREFIX): file.get_tensor(name).float()
                for name in file.keys()  # noqa: SIM118 - a safetensors handle is no mapping
                if name.startswith(WEIGHTS_PREFIX)
            }
        model.load_state_dict(weights)
    except (OSError, SafetensorError, RuntimeError) as err:
        raise CheckpointError(
            f"Checkpoint {path} does not hold the weights of its shape: {err}; retrain it"
        ) from err
    return model, notes


def load_arrays(path: Path, stage: str) -> dict[str, NDArray[Any]]:
    """Return the arrays stored for a stage, named without its prefix; empty when there are none."""
    prefix = stage + "."
    try:
        with safe_open(path, "np") as file:
            return {
                name.removeprefix(prefix): file.get_tensor(name)
                for name in file.keys()  # noqa: SIM118 - a safetensors handle is no mapping
                if name.startswith(prefix)
            }
    except (OSError, SafetensorError) as err:
        raise CheckpointError(f"Cannot read checkpoint {path}: {err}") from err


def add_arrays(path: Path, arrays: Arrays) -> None:
    """Add arrays named `stage.array` to the checkpoint at `path`, replacing those of equal name.

    Calibration is fitted on scores, so it comes after the weights; the file stays one.
    """
    model, notes = load_model(path)
    kept: dict[str, NDArray[Any]] = {}
    with safe_open(path, "np") as file:
        for name in file.keys():  # noqa: SIM118 - a safetensors handle is no mapping
            if not name.startswith(WEIGHTS_PREFIX):
                kept[name] = file.get_tensor(name)
        half = "F16" in {file.get_slice(n).get_dtype() for n in file.keys()}  # noqa: SIM118
    save_checkpoint(path, model, notes, {**kept, **arrays}, half=half)


def digest(path: Path) -> str:
    """Return the SHA-256 of a checkpoint file, hex: the model hash in alerts and snapshots."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
