import numpy as np
import pytest

from darkpool_watch.config import ModelConfig
from darkpool_watch.errors import CheckpointError, ConfigError
from darkpool_watch.model import engines
from darkpool_watch.model.checkpoint import Notes, save_checkpoint, untrained
from darkpool_watch.model.config import FULL, LITE
from darkpool_watch.model.engines import open_engine
from darkpool_watch.model.scores import SCORE
from darkpool_watch.model.torch_engine import TorchEngine
from tests.model.builders import TINY, flow, lively, streamed


def arrays_of(frames, t: int):
    values, mask, ts, trigger = (x.numpy()[:, t] for x in frames)
    return ts, trigger.astype(np.uint8), values, mask.astype(np.uint8)


@pytest.mark.parametrize("shape", [TINY, LITE], ids=["tiny", "lite"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_frame_has_the_same_bits_in_any_batch_and_place(shape, precision: str) -> None:
    model, frames, steps = lively(shape), flow(shape, 4, 24), 24
    alone = TorchEngine(model, 4, precision=precision)
    together = TorchEngine(model, 4, precision=precision)
    rng = np.random.default_rng(2)
    for t in range(steps):
        ts, trigger, values, mask = arrays_of(frames, t)
        order = rng.permutation(4)
        got = together.step(
            order.astype(np.int32), ts[order], trigger[order], values[order], mask[order]
        )
        for place, row in enumerate(order):
            one = slice(row, row + 1)
            want = alone.step(
                np.array([row], np.int32), ts[one], trigger[one], values[one], mask[one]
            )
            assert got[place].tobytes() == want[0].tobytes()


def test_scores_of_lite_are_the_stages_dtype() -> None:
    engine = TorchEngine(untrained(LITE, seed=0), 2)
    scores = streamed(engine, flow(LITE, 1, 2), [1])[0]
    assert scores.dtype == SCORE
    assert scores["security"].tolist() == [1, 1]
    assert scores["arrival"].tolist() == [-1, -1]
    assert scores["ts"][0] == flow(LITE, 1, 2).ts[0, 0]
    assert np.isfinite(scores["anomaly"]).all()
    assert (scores["ranges"] > 0).all()
    assert (scores["ranges"].sum(1) < 1).all()


def test_scores_are_the_callers_to_keep() -> None:
    engine = TorchEngine(lively(TINY), 1)
    frames = flow(TINY, 1, 2)
    first = streamed(engine, frames, [0], 0, 1)
    kept = first.copy()
    streamed(engine, frames, [0], 1, 2)
    assert first.tobytes() == kept.tobytes()


def test_undefined_values_are_never_read() -> None:
    clean, dirty = TorchEngine(lively(TINY), 1), TorchEngine(lively(TINY), 1)
    frames = flow(TINY, 1, 3)
    junk = frames._replace(values=frames.values + 7.5 * frames.mask)
    assert streamed(clean, frames, [0]).tobytes() == streamed(dirty, junk, [0]).tobytes()


def test_half_rings_of_full_take_the_planned_memory(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        sizes = f"full {FULL.state_bytes(16):,} B, lite {LITE.state_bytes(32):,} B"
        print(f"\nstreaming state a security, as opened: {sizes}")
    engine = TorchEngine(lively(TINY), 9, ring_bits=16)
    total = sum(a.nbytes for a in engine.snapshot().values())
    assert total == 10 * engine.state_bytes  # nine securities and the padding row


def test_engine_without_weights_is_seeded_and_says_so(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(engines, "WEIGHTS", tmp_path)
    one, two = (open_engine(ModelConfig(), 2) for _ in range(2))
    assert not one.trained
    assert one.state_bytes == LITE.state_bytes(32)  # small enough for single precision
    frames = flow(LITE, 1, 2)
    assert streamed(one, frames, [0]).tobytes() == streamed(two, frames, [0]).tobytes()


def test_engine_opens_the_checkpoint_that_is_named(tmp_path) -> None:
    path = tmp_path / "mine.safetensors"
    save_checkpoint(path, untrained(LITE, seed=7), Notes(catalog="41ab", shape=LITE))
    engine = open_engine(ModelConfig(checkpoint=str(path)), 2, catalog="41ab")
    assert engine.trained
    with pytest.raises(CheckpointError, match="expects catalogue 41ab, was 9f3c"):
        open_engine(ModelConfig(checkpoint=str(path)), 2, catalog="9f3c")


def test_engines_and_files_that_do_not_exist_are_refused(tmp_path) -> None:
    with pytest.raises(ConfigError, match=r"model.engine 'abacus' is unknown: use torch"):
        open_engine(ModelConfig(engine="abacus"), 1)
    with pytest.raises(CheckpointError, match="does not exist: train one"):
        open_engine(ModelConfig(checkpoint=str(tmp_path / "none")), 1)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda s: s.pop("ts"), "Snapshot's ts does not fit a tiny model"),
        (lambda s: s.update(memory=s["memory"][:, 1:]), "Snapshot's memory does not fit"),
        (lambda s: s.update(rings=s["rings"].astype(np.float16)), "rings has float16, needed"),
    ],
)
def test_snapshots_of_another_shape_are_refused(change, problem: str) -> None:
    engine = TorchEngine(lively(TINY), 1)
    state = dict(engine.snapshot())
    change(state)
    with pytest.raises(CheckpointError, match=problem):
        engine.restore(state)
