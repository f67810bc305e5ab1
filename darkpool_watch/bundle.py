"""What one checkpoint file gives the pipeline: engine, normaliser, calibration and their names."""

import hashlib
from typing import NamedTuple

from darkpool_watch.config import Config, ModelConfig
from darkpool_watch.detect.calibration import PREFIX, Calibration
from darkpool_watch.features.catalog import FINGERPRINT, check_pin
from darkpool_watch.features.normaliser import Normaliser
from darkpool_watch.model.engine import Engine
from darkpool_watch.model.engines import UNTRAINED_SEED, checkpoint_path, open_engine


class Bundle(NamedTuple):
    """A model ready to score, with all that was fitted beside it."""

    engine: Engine
    normaliser: Normaliser
    calibration: Calibration | None
    model_hash: str  # SHA-256 of the checkpoint file, hex; of the seed's name when untrained
    catalogue: str
    trained: bool  # False: the scores mean nothing


def open_bundle(config: Config) -> Bundle:
    """Open the checkpoint that `config` names, or untrained weights where none is shipped.

    Raises ConfigError when the config pins another catalogue than this release's, CheckpointError
    on a mismatch of catalogue, profile or shape.
    """
    check_pin(config.features.catalog)
    engine = open_engine(config.model, config.market.securities, catalog=FINGERPRINT)
    path = checkpoint_path(config.model)
    if path is None:
        name = f"untrained {config.model.profile} seed {UNTRAINED_SEED}"
        digest = hashlib.sha256(name.encode()).hexdigest()
        return Bundle(engine, Normaliser.default(), None, digest, FINGERPRINT, trained=False)
    from darkpool_watch.model.checkpoint import digest as digest_of
    from darkpool_watch.model.checkpoint import load_arrays, read_notes

    stored = {
        f"{stage}.{name}": array
        for stage in ("normaliser", "calibration")
        for name, array in load_arrays(path, stage).items()
    }
    normaliser = Normaliser.from_arrays(stored)
    fitted = any(name.startswith(PREFIX) for name in stored)
    calibration = Calibration.from_arrays(stored) if fitted else None
    return Bundle(
        engine, normaliser, calibration, digest_of(path), FINGERPRINT, read_notes(path).trained
    )


def untrained_words(config: ModelConfig) -> str:
    """Return what to tell whoever runs this model if its weights are untrained; else nothing.

    Raises CheckpointError where the checkpoint cannot be read.
    """
    path = checkpoint_path(config)
    if path is None:
        why = f"no weights are shipped for profile {config.profile} and model.checkpoint is empty"
    else:
        from darkpool_watch.model.checkpoint import read_notes

        if read_notes(path).trained:
            return ""
        why = f"checkpoint {path} says that it was never trained"
    return (
        f"UNTRAINED MODEL: {why}. It runs on random weights of a fixed seed, so its scores and its "
        "alerts mean nothing, only rules do: make weights with `darkpool-watch train` and name "
        "them in model.checkpoint, or use profile lite"
    )
