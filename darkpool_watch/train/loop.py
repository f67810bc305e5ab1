"""The training loop: one step, the state that resuming needs, and the run around them."""

import copy
import json
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import msgspec
import torch
from msgspec import Meta
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from darkpool_watch.model.config import ModelShape
from darkpool_watch.model.products import multiplies_bfloat16
from darkpool_watch.model.transformer import Carry, Transformer
from darkpool_watch.train.dataset import Batcher, Source
from darkpool_watch.train.losses import Losses, LossWeights, losses_of

Positive = Annotated[int, Meta(ge=1)]


class TrainConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to train. Times in seconds, sizes in frames or steps."""

    steps: Positive = 4_000  # optimiser steps; frames seen = steps x lanes x chunk
    lanes: Positive = 8  # sequences side by side
    chunk: Positive = 256  # frames
    learning_rate: float = 1e-3  # at the end of warm-up; 3e-4 suits full
    least_rate: float = 0.05  # of the learning rate, at the end
    warm_up: Positive = 200  # steps
    weight_decay: float = 0.05
    clip: float = 1.0  # gradient norm
    average: float = 0.999  # decay of the weight average
    carried_share: float = 0.5
    reset_share: float = 0.05
    groups: tuple[tuple[int, ...], ...] = ()  # sets of features some feeds lack
    hide_share: float = 0.1
    seed: int = 0
    autocast: bool = True  # bfloat16, where the device multiplies it fast
    threads: Positive = 2
    save_every: Positive = 200  # steps
    validate_every: Positive = 500  # steps
    patience: Positive = 6  # validations without a better one before stopping early
    losses: LossWeights = LossWeights()


def learning_rate_at(step: int, config: TrainConfig) -> float:
    """Return the rate of step 0, 1, ...: linear warm-up, then half a cosine."""
    if step < config.warm_up:
        return config.learning_rate * (step + 1) / config.warm_up
    done = (step - config.warm_up) / max(1, config.steps - config.warm_up)
    wave = 0.5 * (1.0 + math.cos(math.pi * min(1.0, done)))
    return config.learning_rate * (config.least_rate + (1.0 - config.least_rate) * wave)


class Trainer:
    """A model in training; `save` and `load` make an interrupted run equal an uninterrupted one."""

    def __init__(self, shape: ModelShape, source: Source, config: TrainConfig) -> None:
        self.config, self.shape = config, shape
        torch.set_num_threads(config.threads)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        torch.manual_seed(config.seed)
        self.model = Transformer(shape).to(self.device).train()
        self.averaged = copy.deepcopy(self.model).eval().requires_grad_(False)
        decayed = [p for p in self.model.parameters() if p.ndim >= 2]
        others = [p for p in self.model.parameters() if p.ndim < 2]
        self.optimiser = torch.optim.AdamW(
            [
                {"params": decayed, "weight_decay": config.weight_decay},
                {"params": others, "weight_decay": 0.0},
            ],
            lr=config.learning_rate,
            betas=(0.9, 0.95),
        )
        self.batcher = Batcher(
            source,
            lanes=config.lanes,
            chunk=config.chunk,
            carried_share=config.carried_share,
            reset_share=config.reset_share,
            groups=config.groups,
            hide_share=config.hide_share,
            seed=config.seed,
        )
        self.carry: Carry = self.model.fresh(config.lanes)
        self.autocast = config.autocast and multiplies_bfloat16(self.device.type)
        self.done = 0  # steps
        self.best, self.stale = -math.inf, 0  # validation: best so far, validations since

    def step(self) -> Losses:
        """Take one optimiser step and return its losses, detached."""
        config = self.config
        rate = learning_rate_at(self.done, config)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        batch = self.batcher.draw().to(self.device)
        carry = self.carry.reset(batch.reset)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast):
            out, carry = self.model(batch.frames, carry)
        self.carry = carry.detach()
        losses = losses_of(self.model, out, batch, config.losses)
        self.optimiser.zero_grad(set_to_none=True)
        losses.total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), config.clip)
        self.optimiser.step()
        self.done += 1
        decay = min(config.average, self.done / (self.done + 10))  # young averages forget faster
        with torch.no_grad():
            pairs = zip(self.averaged.parameters(), self.model.parameters(), strict=True)
            for mean, value in pairs:
                mean.lerp_(value, 1.0 - decay)
        return Losses(*(x.detach() for x in losses))

    def save(self, path: Path) -> None:
        """Write everything a resumed run needs, atomically."""
        state = {
            "config": msgspec.json.encode(self.config).decode(),
            "shape": msgspec.json.encode(self.shape).decode(),
            "model": self.model.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "carry": [*self.carry[:-1], [[list(x.bands), x.linear] for x in self.carry.layers]],
            "batcher": self.batcher.state,
            "random": torch.get_rng_state(),
            "progress": [self.done, self.best, self.stale],
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".partial")
        torch.save(state, partial)
        os.replace(partial, path)

    def load(self, path: Path) -> None:
        """Go on where `save` left off. ValueError if the run had another config or shape."""
        state: dict[str, Any] = torch.load(path, map_location=self.device, weights_only=True)
        for name, own in (("config", self.config), ("shape", self.shape)):
            if state[name] != msgspec.json.encode(own).decode():
                raise ValueError(
                    f"Training state {path} has another {name}, {state[name]}: resume with the "
                    f"same, or start again in another folder"
                )
        self.model.load_state_dict(state["model"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimiser.load_state_dict(state["optimiser"])
        *flat, layers = state["carry"]
        seen, ts, values, mask, hidden, context = flat
        kept = [type(self.carry.layers[0])(tuple(bands), linear) for bands, linear in layers]
        self.carry = Carry(seen, ts, values, mask, hidden, context, tuple(kept))
        self.batcher.state = state["batcher"]
        torch.set_rng_state(state["random"].cpu())
        self.done, self.best, self.stale = state["progress"]


Validate = Callable[[Transformer], dict[str, float]]  # must hold "quality": more is better


def run(
    trainer: Trainer,
    folder: Path,
    validate: Validate | None = None,
    *,
    quiet: bool = False,
    stop_after: int | None = None,
) -> Transformer:
    """Train to the end, or until validation stops getting better, and return the best average.

    `folder` holds `state.pt` (from which the run resumes), `best.pt` and `log.jsonl`, a line of
    losses, rate, frames/s and seconds left every ten steps and every validation. `stop_after`
    steps in this call, the run is left to be resumed.
    """
    config = trainer.config
    folder.mkdir(parents=True, exist_ok=True)
    state, best = folder / "state.pt", folder / "best.pt"
    if state.exists():
        trainer.load(state)
    first, started = trainer.done, time.monotonic()
    last = config.steps if stop_after is None else min(config.steps, first + stop_after)
    columns = (
        TextColumn("training"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
    )
    with (
        (folder / "log.jsonl").open("a") as log,
        Progress(*columns, disable=quiet) as bar,
    ):
        task = bar.add_task("", total=config.steps, completed=first, note="")

        def write(entry: dict[str, float]) -> None:
            log.write(json.dumps(entry) + "\n")
            log.flush()

        while trainer.done < last and trainer.stale < config.patience:
            losses = trainer.step()
            seconds = time.monotonic() - started
            pace = (trainer.done - first) / seconds  # steps/s, validation included
            left = (config.steps - trainer.done) / pace
            frames_per_s = pace * config.lanes * config.chunk
            note = f"loss {losses.total:.3f}  {frames_per_s:,.0f} frames/s"
            bar.update(task, completed=trainer.done, note=note)
            if trainer.done % 10 == 0 or trainer.done == last:
                terms = {name: round(float(x), 5) for name, x in losses._asdict().items()}
                rate = learning_rate_at(trainer.done - 1, config)
                pace_now = {"frames_per_s": round(frames_per_s), "eta_s": round(left)}
                write({"step": trainer.done, **terms, "learning_rate": rate, **pace_now})
            ends = trainer.done in (last, config.steps)
            if validate is not None and (
                trainer.done % config.validate_every == 0 or trainer.done == config.steps
            ):
                found = validate(trainer.averaged)
                write({"step": trainer.done, **found})
                if found["quality"] > trainer.best:
                    trainer.best, trainer.stale = found["quality"], 0
                    torch.save(trainer.averaged.state_dict(), best)
                else:
                    trainer.stale += 1
            if ends or trainer.done % config.save_every == 0 or trainer.stale >= config.patience:
                trainer.save(state)
    result = trainer.averaged
    if best.exists():
        result.load_state_dict(torch.load(best, map_location=trainer.device, weights_only=True))
    return result
