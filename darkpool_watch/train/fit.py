"""From a source of sequences to a checkpoint that an engine can open."""

from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from darkpool_watch.model.checkpoint import Notes, save_checkpoint
from darkpool_watch.model.config import ModelShape
from darkpool_watch.model.transformer import Transformer
from darkpool_watch.train.dataset import Sequence, Source
from darkpool_watch.train.loop import TrainConfig, Trainer, run
from darkpool_watch.train.losses import student_nll
from darkpool_watch.train.scoring import (
    average_precision,
    fit_latent,
    labelled_scores,
    outputs_of,
)


class Fitted(msgspec.Struct, frozen=True, kw_only=True):
    """What a fit did."""

    steps: int
    frames: int  # seen in training
    quality: float  # best validation: average precision, or minus the prediction's NLL unlabelled
    latent_frames: int  # clean frames behind the latent score
    path: Path


def fit(
    source: Source,
    validation: Source,
    shape: ModelShape,
    out_path: Path,
    *,
    config: TrainConfig,
    catalog: str = "",
    arrays: Mapping[str, NDArray[Any]] | None = None,
    folder: Path | None = None,
    validation_sequences: int = 20,
    notes: Mapping[str, str] | None = None,
    quiet: bool = False,
) -> Fitted:
    """Train a model of `shape` and write its checkpoint, ready for `open_engine`, to `out_path`.

    The first `validation_sequences` of `validation` choose the weights and centre the latent
    score; `catalog` is the fingerprint of the features, `arrays` (such as `normaliser.median`) go
    into the file as they are. `folder` keeps the run's state, best weights and log
    (`<out_path>.run` unless given): called again with the same arguments, `fit` goes on from there.
    Threshold calibration is fitted afterwards on `scoring.scores_of` and joins the file through
    `checkpoint.add_arrays`.
    """
    folder = out_path.with_name(out_path.name + ".run") if folder is None else folder
    held_out = list(islice(validation(0), validation_sequences))
    trained = config.losses.trained

    def validate(model: Transformer) -> dict[str, float]:
        logits, positive = labelled_scores(model, held_out, heads="protocol", trained=trained)
        if not positive.any():
            return {"quality": -prediction_nll(model, held_out)}
        precision = average_precision(logits, positive)
        return {"quality": precision, "prevalence": float(positive.mean())}

    trainer = Trainer(shape, source, config)
    model = run(trainer, folder, validate if held_out else None, quiet=quiet)
    latent_frames = fit_latent(model, held_out)
    frames = trainer.done * config.lanes * config.chunk
    text = {
        "steps": str(trainer.done),
        "frames": str(frames),
        "validation_quality": f"{trainer.best:.6f}",
        "seed": str(config.seed),
        "config": msgspec.json.encode(config).decode(),
        "torch": str(torch.__version__),
        **(notes or {}),
    }
    save_checkpoint(
        out_path, model.cpu(), Notes(catalog=catalog, shape=shape, training=text), arrays
    )
    return Fitted(
        steps=trainer.done,
        frames=frames,
        quality=trainer.best,
        latent_frames=latent_frames,
        path=out_path,
    )


@torch.inference_mode()
def prediction_nll(model: Transformer, sequences: Iterable[Sequence]) -> float:
    """Return the next frame's mean negative log likelihood, which judges unlabelled tapes."""
    total, count = 0.0, 0
    for sequence in sequences:
        for _, out in outputs_of(model.eval(), sequence):
            nll = student_nll(out.change, out.delta, out.known, model.heads.member)
            known = out.known.sum(-1) > 0
            total += float(nll[known].sum())
            count += int(known.sum())
    return total / count if count else float(np.nan)
