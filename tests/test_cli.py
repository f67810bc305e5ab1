"""The command line as a user meets it: real processes, real files, what they print."""

import json
import os
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import IO

import numpy as np
import pytest

from darkpool_watch.alerts.lock import JournalLock
from darkpool_watch.cli import main
from darkpool_watch.cli.app import progress_bar
from darkpool_watch.cli.inject import inject
from darkpool_watch.cli.live import check_config
from darkpool_watch.cli.simulate import simulate
from darkpool_watch.config import Config, WireConfig, in_folder
from darkpool_watch.errors import DarkpoolWatchError
from darkpool_watch.market.counterparties import Pairing
from darkpool_watch.overlay.files import labels_path, read_truth, truth_path
from darkpool_watch.sim.market import SimConfig, Simulator
from darkpool_watch.sim.store import read_labels
from darkpool_watch.tape.detect import open_tape
from darkpool_watch.tape.parquet import write_parquet
from darkpool_watch.tape.reference import write_counterparties
from darkpool_watch.tape.tape import Tape
from darkpool_watch.warmup import made_up_flow
from darkpool_watch.wire.capture import CaptureWriter
from darkpool_watch.wire.events import Definition
from darkpool_watch.wire.frame import encode
from darkpool_watch.wire.intake import Intake
from tests.test_warmup import DEFINITIONS

ROOT = Path(__file__).parents[1]


def call(*words: str, stdout: int | IO[str] = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "darkpool_watch.cli", *words]
    return subprocess.run(
        command, stdout=stdout, stderr=subprocess.PIPE, text=True, cwd=ROOT, check=False
    )


@pytest.fixture(scope="module")
def tape_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tape") / "made-up.parquet"
    definitions: tuple[Definition, ...] = DEFINITIONS
    write_parquet(Tape("made-up", "parquet", made_up_flow(), definitions), path)
    return path


def test_replay_ends_with_one_json_line(tape_path: Path) -> None:
    done = call("replay", str(tape_path), "--json")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 1
    summary = json.loads(lines[0])
    assert summary["events"] == len(made_up_flow())
    assert 0 < summary["frames"] == summary["frames_due"]
    assert len(summary["scores_digest"]) == len(summary["alerts_digest"]) == 64
    again = json.loads(call("replay", str(tape_path), "--json").stdout)
    assert again["scores_digest"] == summary["scores_digest"]
    assert np.isfinite(summary["events_per_s"])
    assert summary["trained"] is True
    assert "UNTRAINED" not in done.stderr


def test_a_replay_reads_the_matrix_beside_its_tape(tape_path: Path, tmp_path: Path) -> None:
    copied = tmp_path / tape_path.name
    copied.write_bytes(tape_path.read_bytes())
    (tmp_path / "counterparties.toml").write_text("[[pairing]]\nsegments = [1]\n")
    done = call("replay", str(copied), "--json")
    assert done.returncode == 2
    told = " ".join(done.stderr.split())
    assert "counterparties.toml, beside the tape" in told
    assert "$.pairing[0].segments" in told


def test_a_replay_on_untrained_weights_says_so(tape_path: Path) -> None:
    done = call("replay", str(tape_path), "--json", "--profile", "full", "--limit", "20")
    assert json.loads(done.stdout)["trained"] is False
    assert "UNTRAINED MODEL: no weights are shipped for profile full" in " ".join(
        done.stderr.split()
    )


def test_simulate_facts_without_real_tapes_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DARKPOOL_WATCH_DATA", raising=False)
    figure = tmp_path / "facts.png"
    asked = ("simulate", "--facts", "--securities", "2", "--seconds", "30")
    done = call(*asked, "--figure", str(figure), "--json")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 1
    found = json.loads(lines[0])
    assert found["discriminator_auroc"] is None
    assert found["events_per_s"] > 0
    assert set(found["facts"]["gap_cv2"]) >= {"simulated", "real", "low", "high", "met"}
    assert found["facts"]["gap_cv2"]["real"] is None
    assert "Found 0 real days" in done.stderr
    assert figure.read_bytes()[:4] == b"\x89PNG"
    told = call(*asked)
    assert json.loads(told.stdout.splitlines()[-1])["facts"] == found["facts"]
    assert "dark_share" in told.stdout.split("{")[0]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("replay", "absent.csv"), "Cannot open tape absent.csv: No such file or directory"),
        (("replay", "README.md"), "unknown tape format"),
        (("replay", "README.md", "--schedule", "odd"), "--schedule is 'odd', needed nominal or"),
        (("replay", "README.md", "--schedule", "recorded"), "README.md is no capture"),
        (("replay", "README.md", "--limit", "0"), "--limit is 0, needed 1 or more"),
        (("replay", "x.csv", "--profile", "huge"), "model.profile 'huge' is unknown"),
        (("demo", "--securities", "0"), "--securities 0, --seed 7, --speed 1: needed 1 to 4096"),
        (("journal", "verify", "absent.db"), "Journal absent.db does not exist"),
        (("journal", "verify", "README.md"), "README.md"),
        (("check-config", "absent.toml"), "Cannot read config absent.toml"),
        (("simulate",), "simulate was told no mode, needed one: name a folder to write, or add"),
        (("simulate", "out", "--facts"), "simulate was told 2 modes, needed one"),
        (
            ("simulate", "out", "--seconds", "-1"),
            "--seconds: expected `float` > 0.0",
        ),
        (
            ("simulate", "out", "--corpus", "--seed", "3"),
            "leave out the other one, --market and",
        ),
        (("simulate", "out", "--corpus", "--day", "20"), "Day 20 lies in a gap that nobody reads"),
        (("simulate", "out", "--days", "0"), "--days is 0, needed 1 to 250"),
        (("simulate", "out", "--market", "absent.toml"), "Cannot read --market absent.toml"),
        (("simulate", "/dev/full/x", "--seconds", "2"), "Cannot write into /dev/full/x"),
        (("publish", "x.csv", "--speed", "nan"), "--speed nan, --wait 1, --credit 0: needed 0 or"),
        (("inject", "x.csv", "x.csv"), "inject was told to write x.csv: needed the path of a file"),
        (("inject", "x.csv", "y.parquet", "--labels", "x.csv"), "inject was told to write x.csv"),
        (("inject", "x.csv", "."), "needed the path of a file other than the tape"),
        (("simulate", "--gate", "--leaks"), "simulate was told 2 modes, needed one"),
        (("simulate", "--facts", "--securities", "0"), "--securities: expected `int` >= 1"),
        (("simulate", "--facts", "--figure", "x.gif"), "--figure is x.gif, needed a .png, .svg"),
        (("simulate", "--facts", "--real", "absent"), "Expected a folder of real tapes"),
        (("run", "--config", "README.md"), "Config README.md"),
        (("publish", "absent.csv"), "Cannot open tape absent.csv"),
        (("inject", "absent.csv", "out.parquet"), "Cannot open tape absent.csv"),
        (("inject", "x.csv", "out.parquet", "--seed", "-1"), "--seed: expected `int` >= 0"),
        (("inject", "x.csv", "o", "--stealth", "0", "1"), "--stealth: expected `float` > 0"),
    ],
)
def test_a_users_mistake_is_one_sentence_and_exit_2(words: tuple[str, ...], message: str) -> None:
    done = call(*words)
    assert done.returncode == 2, done.stderr
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_a_key_of_a_market_file_is_told_from_an_option(tmp_path: Path) -> None:
    market = tmp_path / "m.toml"
    market.write_text("securities = 0\n")
    with pytest.raises(DarkpoolWatchError) as caught:
        simulate(tmp_path / "out", market=market)
    assert str(caught.value) == f"--market {market}, key `securities`: expected `int` >= 1"


def test_an_interruption_says_how_far_the_work_was(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> None:
        with progress_bar(200) as advance:
            advance(120)
            raise KeyboardInterrupt

    monkeypatch.setattr("darkpool_watch.cli.app", interrupted)
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 130
    assert capsys.readouterr().err.splitlines()[-1] == "Interrupted: 120 of 200 events done"


def test_no_bar_is_drawn_before_a_refusal(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DarkpoolWatchError), progress_bar(200):
        raise DarkpoolWatchError("no")
    assert capsys.readouterr().err == ""


def test_a_capture_without_events_is_an_error(tmp_path: Path) -> None:
    with CaptureWriter(tmp_path / "1.capture"):
        pass
    done = call("replay", str(tmp_path / "1.capture"), "--json")
    assert (done.returncode, done.stdout) == (2, "")
    told = " ".join(done.stderr.split())
    assert "1.capture holds no events, so there is nothing to replay" in told
    assert "Traceback" not in told


def test_a_capture_that_was_cut_is_replayed_with_exit_1(tmp_path: Path) -> None:
    path = tmp_path / "1.capture"
    with CaptureWriter(path) as capture:
        intake = Intake(WireConfig(join="start"), requesting=False, capture=capture)
        first, thirds = 1, np.array_split(made_up_flow()[:600], 3)
        for body in (list(DEFINITIONS), *thirds):
            parts = encode(
                body, venue="XNAS", channel=1, session=5, first_sequence=first, sent_ns=1
            )
            intake.accept(parts, 0, 1)
            first += len(body)
    path.write_bytes(path.read_bytes()[:-100])
    done = call("replay", str(path), "--json")
    assert done.returncode == 1, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["complete"], summary["events"]) == (False, len(thirds[0]) + len(thirds[1]))
    told = " ".join(done.stderr.split())
    assert "1.capture is unfinished: it holds 3 whole records up to byte" in told
    assert summary["missing"][0].replace(" ", "") in told.replace(" ", "")


def test_check_config_prints_every_default() -> None:
    done = call("check-config", "configs/live.toml")
    assert done.returncode == 0
    printed = json.loads(done.stdout)
    assert printed["wire"]["endpoint"] == "tcp://127.0.0.1:5600"
    assert printed["detect"]["flag_p"] == 0.008


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[wire]\nendpoint = "tcp://127.0.0.1:70000"', "Key `wire.endpoint`: Endpoint 'tcp://127."),
        ('[wire]\nendpoint = ""', "Key `wire.endpoint`: Endpoint '', needed ipc://PATH"),
        ('[wire]\nreplay_endpoint = "tcp://h:*"', "Key `wire.replay_endpoint`: Endpoint"),
        (
            '[alerts]\nendpoint = "ipc:///absent/alerts"',
            "Key `alerts.endpoint`: Cannot bind ipc:///absent/alerts: its folder /absent does not",
        ),
        (
            '[alerts]\nreplay_endpoint = "tcp://0.0.0.0:5"',
            "Key `alerts.replay_endpoint`: Refusing to bind tcp://0.0.0.0:5",
        ),
        (
            '[alerts]\nendpoint = "tcp://127.0.0.1:5"\nreplay_endpoint = "tcp://127.0.0.1:5"',
            "Keys `alerts.endpoint` and `alerts.replay_endpoint` both name tcp://127.0.0.1:5",
        ),
        ('[model]\ncheckpoint = "absent.safetensors"', "model.checkpoint absent.safetensors does"),
        ('[model]\ncheckpoint = "README.md"', "Cannot read checkpoint README.md"),
        ('[features]\ncatalog = "beef"', "Key `features.catalog` pins catalogue beef, was"),
        ('[alerts]\njournal = "README.md/j.db"', "Key `alerts.journal`: README.md is no folder"),
        (
            '[alerts]\njournal = "/proc/x/j.db"',
            "`alerts.journal`: nothing can be made in /proc",
        ),
        ('[wire]\ncapture = "/proc/x"', "Key `wire.capture`: nothing can be made in /proc"),
        ('[alerts]\njournal = "README.md"', "README.md is no SQLite database"),
        ('[reference]\naccounts = "absent.parquet"', "Cannot read accounts absent.parquet"),
        ('[reference]\ncounterparties = "README.md"', "Counterparties README.md: "),
    ],
)
def test_check_config_finds_what_the_daemon_would_refuse(
    tmp_path: Path, text: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "c.toml").write_text(text)
    with pytest.raises(DarkpoolWatchError) as caught:
        check_config(tmp_path / "c.toml")
    assert message in str(caught.value)
    assert capsys.readouterr().out == ""
    assert list(tmp_path.iterdir()) == [tmp_path / "c.toml"]


def test_check_config_tells_what_is_in_use_with_exit_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = in_folder(Config(), tmp_path)
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    path = tmp_path / "c.toml"
    path.write_text(
        f'[alerts]\nendpoint = "tcp://127.0.0.1:{port}"\nreplay_endpoint = ""\n'
        f'journal = "{config.alerts.journal}"\n'
    )
    lock = closing(JournalLock(Path(config.alerts.journal)))
    with listener, lock, pytest.raises(SystemExit) as caught:
        check_config(path)
    assert caught.value.code == 1
    told = capsys.readouterr()
    assert json.loads(told.out)["alerts"]["endpoint"].endswith(str(port))
    said = " ".join(told.err.split())
    assert f"In use now: Cannot bind tcp://127.0.0.1:{port}: Address already in use" in said
    assert f"journal.db is written by another daemon (process {os.getpid()})" in said
    check_config(path)


def test_a_full_disk_behind_stdout_is_one_sentence_and_exit_2() -> None:
    with open("/dev/full", "w") as full:
        done = call("check-config", stdout=full)
    assert done.returncode == 2
    assert "Cannot write: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_compile_leaves_a_cache_of_pipeline_and_simulator() -> None:
    done = call("compile")
    assert done.returncode == 0, done.stderr
    for part in ("simulator", "market", "features", "rules", "detector", "pipeline"):
        assert f"Compiled the {part}" in done.stderr
    assert list(Path(done.stderr.split("Cached in ")[1].strip()).glob("*/extract.extract-*.nbi"))


def test_simulate_writes_what_can_be_replayed(tmp_path: Path) -> None:
    market = tmp_path / "market.toml"
    market.write_text('typologies = ["SPOOF", "LAYER"]\nlookalikes_per_hour = 60.0\n')
    out = tmp_path / "out"
    words = ("simulate", str(out), "--seconds", "60", "--securities", "2", "--market", str(market))
    done = call(*words, "--campaigns-per-hour", "120", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["records"] == len(open_tape(out).events) > 0
    assert told["anomalies"] > 0
    assert set(told["campaigns"]) <= {"SPOOF", "LAYER"}
    again = call(*words, "--campaigns-per-hour", "60")
    assert again.returncode == 2
    assert "was begun with other values" in " ".join(again.stderr.split())


def simulated_tape(folder: Path, seconds: float) -> Path:
    simulator = Simulator(SimConfig(seed=3, securities=1, seconds=seconds))
    events = np.concatenate([block for block, _ in simulator.blocks()])
    path = folder / "day.parquet"
    write_parquet(Tape("day", "parquet", events, tuple(simulator.definitions())), path)
    return path


def test_inject_that_could_lay_nothing_says_why_and_writes_nothing(tmp_path: Path) -> None:
    path = simulated_tape(tmp_path, 20.0)
    out = tmp_path / "out" / "x.parquet"
    out.parent.mkdir()
    with pytest.raises(DarkpoolWatchError, match=r"s long, in which 6 an hour come to none: name"):
        inject(path, out)
    path = simulated_tape(tmp_path, 2.0)
    with pytest.raises(DarkpoolWatchError, match=r"\d+ campaigns? found no place in its \d+ s \("):
        inject(path, out, campaigns_per_hour=3_600.0, typologies="LAYER")
    assert list(out.parent.iterdir()) == []


def test_inject_copies_the_matrix_beside_its_tape(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = simulated_tape(tmp_path, 300.0)
    write_counterparties([Pairing(1, 2, False)], tmp_path / "counterparties.toml")
    out = tmp_path / "out" / "x.parquet"
    out.parent.mkdir()
    inject(path, out, campaigns_per_hour=60.0, typologies="FLIP")
    copy = out.parent / "counterparties.toml"
    assert copy.read_bytes() == (tmp_path / "counterparties.toml").read_bytes()
    told = " ".join(capsys.readouterr().out.split())
    assert f"counterparties {copy}" in told
    assert "campaigns {'FLIP': " in told
    copy.write_text("pairing = []\n")
    with pytest.raises(DarkpoolWatchError, match="is another counterparty matrix than"):
        inject(path, out, campaigns_per_hour=60.0, typologies="FLIP")


def test_inject_writes_tape_labels_and_truth(tmp_path: Path) -> None:
    simulator = Simulator(SimConfig(seed=3, securities=1, seconds=300.0))
    events = np.concatenate([block for block, _ in simulator.blocks()])
    tape = Tape("day", "parquet", events, tuple(simulator.definitions()))
    write_parquet(tape, tmp_path / "day.parquet")
    out = tmp_path / "out.parquet"
    words = ("inject", str(tmp_path / "day.parquet"), str(out), "--campaigns-per-hour", "60")
    done = call(*words, "--typologies", "FLIP,STUFF", "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    opened, labels, truth = open_tape(out), read_labels(labels_path(out)), truth_path(out)
    assert summary["events"] == len(opened.events) == len(labels) > len(events)
    assert summary["own"] == labels["own"].sum() > 0
    assert summary["active"] == (labels["zone"] == 1).sum() > 0
    assert set(summary["campaigns"]) == {"FLIP", "STUFF"}
    told = read_truth(truth)
    assert sum(len(c.messages) for c in told.campaigns) == summary["own"]
    assert not list(tmp_path.glob("*.part"))
    assert summary["counterparties"] is None
    full = call(*words[:2], "/dev/full/out.parquet")
    assert full.returncode == 2
    assert "Cannot write /dev/full/out.labels.parquet" in " ".join(full.stderr.split())
