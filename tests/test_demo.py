"""The demo, from the command a newcomer types to the summary it ends with."""

import os
import subprocess
import sys
from pathlib import Path

from darkpool_watch.demo import demo_config
from darkpool_watch.market.counterparties import Counterparties
from darkpool_watch.sim.matrix import pairings
from darkpool_watch.tape.reference import read_reference

ROOT = Path(__file__).parents[1]


def test_the_demo_knows_whom_its_pools_keep_apart(tmp_path: Path) -> None:
    known = read_reference(demo_config(tmp_path).reference).counterparties
    assert known.rows.tobytes() == Counterparties(pairings()).rows.tobytes()


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
    assert "model alerts" in done.stdout
    assert "Execution outside the NBBO" in done.stdout
    assert "by accounts" in done.stdout  # a campaign that an alert names
    assert "is intact" in done.stdout
