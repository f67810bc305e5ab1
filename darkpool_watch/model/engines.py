"""Opens the engine that the configuration names, importing what it needs only then."""

from pathlib import Path
from typing import Final

from darkpool_watch.config import ModelConfig
from darkpool_watch.errors import CheckpointError, ConfigError
from darkpool_watch.model.engine import Engine

WEIGHTS: Final = Path(__file__).parent / "weights"
UNTRAINED_SEED: Final = 0
HALF_RINGS_ABOVE: Final = 1_000_000  # bytes of state a security: beyond, rings take 16 bits


def checkpoint_path(config: ModelConfig) -> Path | None:
    """Return the checkpoint that `config` names, else the shipped one; None if none is shipped."""
    if config.checkpoint:
        path = Path(config.checkpoint)
        if not path.is_file():
            raise CheckpointError(
                f"model.checkpoint {path} does not exist: train one, or leave "
                f"the key empty for the shipped weights"
            )
        return path
    shipped = WEIGHTS / f"{config.profile}.safetensors"
    return shipped if shipped.is_file() else None


def open_engine(config: ModelConfig, securities: int, *, catalog: str = "") -> Engine:
    """Return a warmed engine with room for `securities` streams.

    `catalog` is the fingerprint that the frames come from; empty accepts any. Without a
    checkpoint for the profile, the engine runs on untrained weights of a fixed seed, and its
    `trained` is False. Raises CheckpointError on a mismatch, ConfigError on an unknown engine.
    """
    if config.engine != "torch":
        raise ConfigError(f"model.engine {config.engine!r} is unknown: use torch")
    from darkpool_watch.model.checkpoint import load_model, untrained
    from darkpool_watch.model.config import shape_of
    from darkpool_watch.model.torch_engine import TorchEngine

    path = checkpoint_path(config)
    if path is None:
        model, trained = untrained(shape_of(config.profile), seed=UNTRAINED_SEED), False
    else:
        model, notes = load_model(path, catalog=catalog, profile=config.profile)
        trained = notes.trained
    ring_bits = 16 if model.shape.state_bytes(32) > HALF_RINGS_ABOVE else 32
    engine = TorchEngine(
        model, securities, threads=config.threads, ring_bits=ring_bits, trained=trained
    )
    engine.warm_up()
    return engine
