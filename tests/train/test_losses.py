import math

import pytest
import torch

from darkpool_watch.model.heads import Change, Verdict
from darkpool_watch.model.transformer import Transformer
from darkpool_watch.train.dataset import Batcher
from darkpool_watch.train.losses import (
    LossWeights,
    classification,
    coherence,
    consistency,
    entropy_shortfall,
    focal_anomaly,
    losses_of,
    student_nll,
)
from tests.model.builders import TINY, lively
from tests.train.flows import source


def drawn(*, labels: bool = True):
    batch = Batcher(source(labels=labels), lanes=4, chunk=128, carried_share=1.0).draw()
    model = Transformer(TINY).train()
    out, _ = model(batch.frames)
    return model, out, batch


def test_focal_loss_by_hand() -> None:
    # logit 0: cross entropy ln 2, missed 0.5, focus 2: 0.25 ln 2; balance 0.5 / 0.25 = 2
    weights = LossWeights(prior=0.25)
    loss = focal_anomaly(torch.zeros(1), torch.tensor([True]), torch.tensor([True]), weights)
    assert loss.item() == pytest.approx(2 * 0.25 * math.log(2))
    nowhere = focal_anomaly(torch.zeros(1), torch.tensor([True]), torch.tensor([False]), weights)
    assert nowhere.item() == 0


def test_student_loss_by_hand() -> None:
    # one known feature, error (3 - 1) / 2 = 1, dof 4: ln 2 + 2.5 ln(1 + 1 / 4)
    change = Change(torch.ones(1, 2), torch.full((1, 2), 2.0))
    nll = student_nll(change, torch.full((1, 2), 3.0), torch.tensor([[1.0, 0.0]]), torch.eye(2))
    assert nll.item() == pytest.approx(math.log(2) + 2.5 * math.log(1.25))


def test_coherence_by_hand() -> None:
    # logits 0, 2, 5; gaps 1 s, 1 s; the third frame is not clean: 4 e^-1
    loss = coherence(
        torch.tensor([[0.0, 2.0, 5.0]]),
        torch.tensor([[0, 10**9, 2 * 10**9]]),
        torch.tensor([[True, True, False]]),
        1.0,
    )
    assert loss.item() == pytest.approx(4 * math.exp(-1))


def test_entropy_floor_ignores_closed_alternatives() -> None:
    where = torch.tensor([True])
    assert entropy_shortfall(torch.tensor([[0.5, 0.5, 0.0]]), where, 0.9).item() == 0
    assert entropy_shortfall(torch.tensor([[1.0, 0.0, 0.0]]), where, 0.9).item() == 0
    # 0.999 and 0.001: entropy 0.0079, floor 0.5 ln 2 = 0.3466
    found = entropy_shortfall(torch.tensor([[0.999, 0.001]]), where, 0.5).item()
    assert found == pytest.approx(0.3466 - 0.0079, abs=1e-3)


def test_onset_and_echo_carry_no_classification_loss() -> None:
    _, _, batch = drawn()
    logits = torch.randn(batch.zone.shape)
    verdict = Verdict(logits, torch.randn(*batch.zone.shape, 13))
    before = classification(verdict, batch, LossWeights(), None)
    skipped = (batch.zone == 2) | (batch.zone == 3)
    assert skipped.any()
    moved = Verdict(
        logits + 50.0 * skipped, verdict.typology + 9.0 * torch.randn(13) * skipped[..., None]
    )
    after = classification(moved, batch, LossWeights(), None)
    assert [x.item() for x in before] == [x.item() for x in after]


def test_untrained_typologies_do_not_reach_the_backbone() -> None:
    model, _, batch = drawn()
    other = batch._replace(typology=torch.where(batch.typology >= 0, 4, batch.typology))  # WASH
    quiet = batch._replace(zone=torch.where(batch.zone == 1, 2, batch.zone))  # as if left out
    weights = LossWeights(prediction=0, consistency=0, coherence=0, attention=0)
    gradients = []
    for case in (other, quiet):
        out, _ = model(case.frames)
        model.zero_grad()
        losses_of(model, out, case, weights).total.backward()
        gradients.append(model.embed.weight.grad.clone())
        assert model.heads.judges["release"].hidden.weight.grad.abs().sum() > 0
    torch.testing.assert_close(gradients[0], gradients[1])


def test_release_head_moves_only_itself() -> None:
    model, out, batch = drawn()
    loss = losses_of(model, out, batch, LossWeights()).release
    loss.backward()
    moved = {n for n, p in model.named_parameters() if p.grad is not None and p.grad.abs().sum()}
    assert moved
    assert all(name.startswith("heads.judges.release") for name in moved)


def test_tapes_without_labels_train_all_but_classification() -> None:
    model, out, batch = drawn(labels=False)
    losses = losses_of(model, out, batch, LossWeights())
    assert losses.anomaly.item() == losses.typology.item() == losses.release.item() == 0
    assert losses.prediction.item() != 0
    assert losses.consistency.item() > 0
    losses.total.backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)
    assert model.layers[0].mix.weight.grad.abs().sum() > 0


def test_active_frames_teach_no_prediction() -> None:
    model, out, batch = drawn()
    active = batch.zone == 1
    noisy = out._replace(delta=out.delta + 100.0 * active[..., None])
    assert losses_of(model, noisy, batch, LossWeights()).prediction.item() == pytest.approx(
        losses_of(model, out, batch, LossWeights()).prediction.item()
    )


def test_collapsed_latent_is_pushed_apart() -> None:
    model, out, batch = drawn()
    clean = batch.real
    same = out._replace(latent=torch.zeros_like(out.latent).requires_grad_())
    varied = out._replace(latent=torch.randn_like(out.latent))
    weight = dict(model.heads.named_parameters())
    for name in ("expect.weight", "expect.bias"):
        torch.nn.init.zeros_(weight[name])
    assert consistency(model, same, clean, 0.5).item() == pytest.approx(0.49)  # 0.5 - sqrt(1e-4)
    assert consistency(model, varied, clean, 0.5).item() == pytest.approx(1.0, abs=0.1)


def test_heads_that_attend_alike_are_noticed_in_training_only() -> None:
    model, frames = lively(TINY), drawn()[2].frames
    assert model.eval()(frames)[0].likeness.tolist() == [0, 0]
    likeness = model.train()(frames)[0].likeness
    assert ((likeness > 0) & (likeness <= 1)).all()
