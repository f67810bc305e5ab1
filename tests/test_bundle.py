"""That whoever runs untrained weights is told, by every command that scores."""

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from darkpool_watch import demo as demo_module
from darkpool_watch.bench import latency
from darkpool_watch.bundle import untrained_words
from darkpool_watch.cli import benches, live
from darkpool_watch.config import ModelConfig
from darkpool_watch.model.checkpoint import Notes, save_checkpoint, untrained
from darkpool_watch.model.config import shape_of

SHOUTED = "UNTRAINED MODEL: no weights are shipped for profile full"


def test_shipped_weights_are_trained_and_nothing_is_said() -> None:
    assert untrained_words(ModelConfig(profile="lite")) == ""


def test_a_profile_without_weights_is_named() -> None:
    assert untrained_words(ModelConfig(profile="full")).startswith(SHOUTED)


@pytest.mark.parametrize("trained", [True, False])
def test_a_checkpoint_speaks_for_itself(tmp_path: Path, trained: bool) -> None:
    shape = shape_of("lite")
    path = tmp_path / "made.safetensors"
    save_checkpoint(path, untrained(shape, seed=1), Notes(catalog="", shape=shape, trained=trained))
    words = untrained_words(ModelConfig(checkpoint=str(path)))
    expected = "" if trained else f"UNTRAINED MODEL: checkpoint {path} says that it was never tr"
    assert words[: len(expected) or None] == expected


class Started(Exception):
    """A command has come as far as its daemon."""


def start(*_: object, **__: object) -> NoReturn:
    raise Started


def run(path: Path) -> None:
    live.run(config=path)


def bench_latency(path: Path) -> None:
    benches.bench_latency(config=path)


def demo(path: Path) -> None:
    live.demo(seconds=1.0)


@pytest.mark.parametrize("command", [run, bench_latency, demo])
def test_a_command_says_so_before_it_starts(
    command: Callable[[Path], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("darkpool_watch.daemon.Daemon", start)
    monkeypatch.setattr(latency, "Daemon", start)
    monkeypatch.setattr(demo_module, "Daemon", start)
    path = tmp_path / "full.toml"
    path.write_text('[model]\nprofile = "full"\n')
    full = demo_module.load(path)
    monkeypatch.setattr(demo_module, "load", lambda: full)
    with pytest.raises(Started):
        command(path)
    captured = capsys.readouterr()
    assert SHOUTED in " ".join(captured.err.split())
    assert SHOUTED not in captured.out


def test_a_shipped_model_starts_without_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("darkpool_watch.daemon.Daemon", start)
    path = tmp_path / "lite.toml"
    path.write_text("")
    with pytest.raises(Started):
        run(path)
    assert "UNTRAINED" not in capsys.readouterr().err
