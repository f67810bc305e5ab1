"""What one checkpoint file gives the pipeline: engine, normaliser, calibration and their names."""

import hashlib
from typing import NamedTuple

from darkpool_watch.config import Config
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
        return Bundle(engine, Normaliser.default(), None, digest, FINGERPRINT)
    from darkpool_watch.model.checkpoint import digest as digest_of
    from darkpool_watch.model.checkpoint import load_arrays

    stored = {
        f"{stage}.{name}": array
        for stage in ("normaliser", "calibration")
        for name, array in load_arrays(path, stage).items()
    }
    normaliser = Normaliser.from_arrays(stored)
    fitted = any(name.startswith(PREFIX) for name in stored)
    calibration = Calibration.from_arrays(stored) if fitted else None
    return Bundle(engine, normaliser, calibration, digest_of(path), FINGERPRINT)
