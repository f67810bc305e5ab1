import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from darkpool_watch.config import ModelConfig
from darkpool_watch.model.checkpoint import load_arrays, load_model, read_notes
from darkpool_watch.model.engines import open_engine
from darkpool_watch.train.fit import fit
from darkpool_watch.train.loop import TrainConfig, Trainer, learning_rate_at, run
from darkpool_watch.train.scoring import average_precision, fit_latent, scores_of
from tests.model.builders import TINY, columns_of, lively, streamed
from tests.train.flows import day, source

CONFIG = TrainConfig(
    steps=60,
    lanes=4,
    chunk=128,
    learning_rate=5e-3,
    warm_up=5,
    average=0.9,
    threads=1,
    save_every=20,
    validate_every=20,
)


def weights_of(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {
        **trainer.model.state_dict(),
        **{f"a.{n}": t for n, t in trainer.averaged.state_dict().items()},
    }


def test_fit_learns_the_toy_abuse_and_leaves_a_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "toy.safetensors"
    median = np.linspace(0, 1, 5)
    done = fit(
        source(),
        source(first_day=10**6, days=6),
        TINY,
        path,
        config=CONFIG,
        catalog="41ab",
        arrays={"normaliser.median": median},
        quiet=True,
    )
    lines = (tmp_path / "toy.safetensors.run/log.jsonl").read_text().splitlines()
    log = [json.loads(line) for line in lines]
    totals = [entry["total"] for entry in log if "total" in entry]
    assert totals[-1] < 0.7 * totals[0]
    assert all(entry["eta_s"] >= 0 for entry in log if "eta_s" in entry)
    qualities = [entry["quality"] for entry in log if "quality" in entry]
    assert done.quality == max(qualities) > 0.6  # prevalence is about 0.1
    assert done.frames == done.steps * 4 * 128

    notes = read_notes(path)
    assert (notes.catalog, notes.trained) == ("41ab", True)
    assert notes.training["frames"] == str(done.frames)
    np.testing.assert_array_equal(load_arrays(path, "normaliser")["median"], median)
    model, _ = load_model(path)
    clean = np.concatenate(
        [s["latent"][d.zone == 0] for d in map(day, range(50, 54)) for s in [scores_of(model, d)]]
    )
    assert clean.mean() == pytest.approx(1.0, abs=0.35)
    config = ModelConfig(profile="tiny", checkpoint=str(path))
    assert open_engine(config, 3, catalog="41ab").shape == TINY


def test_resumed_run_is_bit_equal_to_one_without_a_break(tmp_path: Path) -> None:
    whole = Trainer(TINY, source(), CONFIG)
    run(whole, tmp_path / "whole", quiet=True, stop_after=9)
    run(Trainer(TINY, source(), CONFIG), tmp_path / "cut", quiet=True, stop_after=4)
    torch.manual_seed(99)  # the state file brings its own generators
    resumed = Trainer(TINY, source(), CONFIG)
    run(resumed, tmp_path / "cut", quiet=True, stop_after=5)
    assert resumed.done == whole.done == 9
    for name, tensor in weights_of(whole).items():
        assert torch.equal(tensor, weights_of(resumed)[name]), name


def test_state_of_another_run_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    Trainer(TINY, source(), CONFIG).save(path)
    other = TrainConfig(steps=61, lanes=4, chunk=128, threads=1)
    with pytest.raises(ValueError, match="has another config"):
        Trainer(TINY, source(), other).load(path)


def test_training_stops_early_and_returns_the_best_average(tmp_path: Path) -> None:
    config = TrainConfig(
        steps=50, lanes=2, chunk=128, threads=1, warm_up=1, validate_every=2, patience=3
    )
    given = iter([0.1, 0.5, 0.2, 0.3, 0.4])
    kept: list[dict[str, torch.Tensor]] = []

    def validate(model: torch.nn.Module) -> dict[str, float]:
        kept.append({n: t.clone() for n, t in model.state_dict().items()})
        return {"quality": next(given)}

    trainer = Trainer(TINY, source(), config)
    best = run(trainer, tmp_path, validate, quiet=True)
    assert trainer.done == 10  # best at 4, then three validations without a better one
    assert all(torch.equal(t, kept[1][n]) for n, t in best.state_dict().items())


def test_unlabelled_source_trains_and_validates_on_prediction(tmp_path: Path) -> None:
    config = TrainConfig(
        steps=20, lanes=2, chunk=128, threads=1, warm_up=2, learning_rate=5e-3, validate_every=10
    )
    days = source(labels=False), source(first_day=50, days=2, labels=False)
    done = fit(*days, TINY, tmp_path / "free.safetensors", config=config, quiet=True)
    assert np.isfinite(done.quality)
    assert done.latent_frames > 300


def test_learning_rate_warms_up_then_falls() -> None:
    config = TrainConfig(steps=100, warm_up=10, learning_rate=1.0, least_rate=0.1)
    rates = [learning_rate_at(step, config) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[10] == pytest.approx(1.0)
    assert rates[100] == pytest.approx(0.1)
    assert all(a >= b for a, b in pairwise(rates[10:]))


def test_average_precision_by_hand() -> None:
    # order +, -, +, -: precision 1 at the first positive, 2/3 at the second: (1 + 2/3) / 2
    score = np.array([0.9, 0.8, 0.7, 0.1])
    positive = np.array([True, False, True, False])
    assert average_precision(score, positive) == pytest.approx(5 / 6)
    assert average_precision(np.zeros(4), positive) == pytest.approx(0.5)  # ties: prevalence
    assert np.isnan(average_precision(score, np.zeros(4, bool)))


def test_sequence_scores_equal_the_engines() -> None:
    from darkpool_watch.model.torch_engine import TorchEngine
    from darkpool_watch.train.dataset import frames_of

    model, sequence = lively(TINY), day(3, 160)
    want = streamed(TorchEngine(model, 1), frames_of(sequence, 0, 160), [0])[0]
    got = scores_of(model, sequence)
    assert got.dtype == want.dtype
    np.testing.assert_allclose(columns_of(got), columns_of(want), atol=1e-4, rtol=1e-4)


def test_latent_is_whitened_on_clean_frames_alone() -> None:
    model = lively(TINY)
    days = [day(n, 400) for n in range(6)]
    counted = fit_latent(model, days)
    assert counted == sum(int((d.zone == 0).sum()) for d in days)
    latent = np.concatenate([scores_of(model, d)["latent"][d.zone == 0] for d in days])
    assert latent.mean() == pytest.approx(1.0, abs=0.05)
