"""The demo, from the command a newcomer types to the summary it ends with."""

import os
import subprocess
import sys
from pathlib import Path

from darkpool_watch.demo import campaign_of, demo_config, judged
from darkpool_watch.market.counterparties import Counterparties
from darkpool_watch.sim.labels import Campaign
from darkpool_watch.sim.matrix import pairings
from darkpool_watch.tape.reference import read_reference
from tests.alerts.samples import NS, episode

ROOT = Path(__file__).parents[1]


def test_the_demo_knows_whom_its_pools_keep_apart(tmp_path: Path) -> None:
    known = read_reference(demo_config(tmp_path).reference).counterparties
    assert known.rows.tobytes() == Counterparties(pairings()).rows.tobytes()


def campaign(number: int, typology: str, start_s: int = 95) -> Campaign:
    start, end = start_s * NS, (start_s + 10) * NS
    return Campaign(number, typology, 0, "ACME.X", 7, (4,), start, start, end, 0.5, (start,))


def test_an_alert_of_another_kind_has_not_found_a_campaign() -> None:
    alert = episode()  # SPOOF in security 7, opened at 100 s
    right, other = campaign(0, "LAYER"), campaign(1, "PING")
    assert campaign_of(alert, [other, right]) is right
    assert judged([alert], [right], 0) == [
        "  [green]campaign 0[/]: LAYER in ACME.X by accounts 4; alert SPOOF 5.0 s after its first "
        "message"
    ]
    assert judged([alert], [other], 97 * NS) == [
        "  [yellow]campaign 1 misnamed[/]: PING in ACME.X by accounts 4; alert SPOOF 5.0 s after "
        "its first message, which lies in the history",
        "  [red]missed[/] campaign 1: PING in ACME.X, though an alert of another kind fell on it",
    ]
    assert judged([alert], [campaign(2, "SPOOF", 200)], 0)[1:] == [
        "  [red]missed[/] campaign 2: SPOOF in ACME.X"
    ]


def test_a_demo_that_is_told_to_end_leaves_no_folder(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "darkpool_watch.cli", "demo", "--seconds", "60"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE) as demo:
        assert demo.stdout is not None
        assert b"Compiling" in demo.stdout.readline()
        assert list(tmp_path.glob("darkpool_watch.*"))
        demo.terminate()
        demo.communicate(timeout=120)
    assert demo.returncode == 143
    assert list(tmp_path.glob("darkpool_watch.*")) == []


def test_the_demo_ends_by_itself_and_names_what_it_found() -> None:
    command = [
        sys.executable,
        "-m",
        "darkpool_watch.cli",
        "demo",
        "--seconds",
        "10",
        "--speed",
        "3",
    ]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        env={**os.environ, "COLUMNS": "200"},
    )
    assert done.returncode == 0, done.stderr
    assert "Playing 3 minutes of history at once" in done.stdout
    assert "model alert" in done.stdout
    assert "Execution outside the NBBO" in done.stdout
    assert "by accounts" in done.stdout  # a campaign that an alert names
    assert "is intact" in done.stdout
