"""Commands that make weights."""

from pathlib import Path

from darkpool_watch.cli.app import app


@app.command
def train(
    out: Path,
    *,
    profile: str = "lite",
    steps: int = 1_800,
    threads: int = 2,
    learning_rate: float = 1.5e-3,
) -> None:
    """Train on simulated days, calibrate, and write a checkpoint; run again to resume.

    Parameters
    ----------
    out
        Checkpoint to write; `OUT.run` beside it keeps the state of an unfinished run.
    profile
        Model: lite, full or xl.
    steps
        Optimiser steps of 2,048 frames.
    threads
        Threads of the training; leave nothing else on those cores.
    learning_rate
        At the end of warm-up; 3e-4 suits full.
    """
    from darkpool_watch.train.loop import TrainConfig
    from darkpool_watch.train.release import train_release

    settings = TrainConfig(
        steps=steps, threads=threads, learning_rate=learning_rate, warm_up=150, validate_every=300
    )
    fitted = train_release(profile, out, config=settings)
    print(f"Wrote {fitted.path}: {fitted.frames:,} frames, validation {fitted.quality:.4f}")
