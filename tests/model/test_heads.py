import pytest
import torch

from darkpool_watch.model.config import SCALE_FLOOR
from darkpool_watch.model.heads import Change, Heads
from tests.model.builders import TINY, flow, lively


def test_novelty_by_hand() -> None:
    # Modality 1 (12 features): known 0 and 1, errors (3 - 1) / 2 = 1 and (0 - 1) / 0.5 = -2,
    # mean square (1 + 4) / 2 = 2.5. Modality 2 (2 features): known 12, error (2 - 0) / 1 = 2,
    # mean square 4. Novelty (2.5 + 4) / 2 = 3.25.
    heads = Heads(TINY)
    centre, scale = torch.zeros(1, 14), torch.ones(1, 14)
    delta, known = torch.full((1, 14), 99.0), torch.zeros(1, 14)
    centre[0, 0], scale[0, 0], delta[0, 0], known[0, 0] = 1, 2, 3, 1
    centre[0, 1], scale[0, 1], delta[0, 1], known[0, 1] = 1, 0.5, 0, 1
    delta[0, 12], known[0, 12] = 2, 1
    assert heads.novelty(Change(centre, scale), delta, known).tolist() == [3.25]
    known[0, 12] = 0  # modality 2 unknown: left out, not averaged in as 0
    assert heads.novelty(Change(centre, scale), delta, known).tolist() == [2.5]
    assert heads.novelty(Change(centre, scale), delta, torch.zeros(1, 14)).tolist() == [0]


def test_first_frame_of_a_stream_is_never_novel() -> None:
    model = lively(TINY)
    out, _ = model(flow(TINY, 2, 3))
    novelty = model.novelty(out)
    assert novelty[:, 0].tolist() == [0, 0]
    assert (novelty[:, 1:] > 0).all()


def test_latent_distance_by_hand() -> None:
    # bottleneck h -> (1, 2, 0, ...), mean 0, whitener 2 I: (4 + 16) / 8 = 2.5
    heads = Heads(TINY)
    torch.nn.init.zeros_(heads.bottleneck.weight)
    torch.nn.init.zeros_(heads.bottleneck.bias)
    heads.bottleneck.bias.data[:2] = torch.tensor([1.0, 2.0])
    heads.latent_whitener *= 2
    assert heads.latent(torch.zeros(TINY.width)).item() == pytest.approx(2.5)


def test_predicted_scale_has_a_floor() -> None:
    heads = Heads(TINY)
    torch.nn.init.constant_(heads.predict.bias, -1e3)
    change = heads.change(torch.zeros(1, TINY.width), torch.zeros(1), torch.zeros(1).long())
    assert change.scale.min().item() == pytest.approx(SCALE_FLOOR)


def test_head_sets_are_separate() -> None:
    heads, h = Heads(TINY), torch.randn(3, TINY.width)
    before = heads.judge(h, "protocol").anomaly
    for parameter in heads.judges["release"].parameters():
        torch.nn.init.zeros_(parameter)
    torch.testing.assert_close(heads.judge(h, "protocol").anomaly, before)
    assert heads.judge(h, "release").anomaly.tolist() == [0, 0, 0]
