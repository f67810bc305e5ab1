"""The demo, from the command a newcomer types to the summary it ends with."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


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
