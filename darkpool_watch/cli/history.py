"""Commands on what is past: replay of tapes and captures, verification of journals."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
from cyclopts import App, Parameter
from rich.console import Console
from rich.markup import escape

from darkpool_watch.cli.app import (
    EXIT_UNSOUND,
    ConfigPath,
    Json,
    app,
    progress_bar,
    warn_if_untrained,
    with_profile,
)
from darkpool_watch.config import load
from darkpool_watch.errors import DarkpoolWatchError
from darkpool_watch.units import counted

if TYPE_CHECKING:
    from darkpool_watch.replay.run import Result

journal_app = App(name="journal", help="The append-only record of what the desk was told.")
app.command(journal_app)


@app.command
def replay(
    tape: Path,
    *,
    config: ConfigPath = None,
    schedule: Annotated[str, Parameter(name="--schedule")] = "nominal",
    limit: int | None = None,
    profile: str | None = None,
    json: Json = False,
) -> None:
    """Replay a tape or a capture through the daemon's own pipeline.

    Where the config names no counterparty matrix, the one that lies beside a tape is taken. Of an
    unfinished capture, what it holds is replayed; what is missing is told, and the exit code is 1.

    Parameters
    ----------
    tape
        A tape of any format `publish` reads, or a capture of a live day.
    config
        TOML file; the embedded defaults without one.
    schedule
        nominal scores every frame; recorded repeats what a live day scored (captures only).
    limit
        Stop after this many events of a tape.
    profile
        Model: lite, full or xl.
    json
        End with one JSON line and print nothing else on standard output.
    """
    from darkpool_watch.replay.run import replay_capture, replay_tape
    from darkpool_watch.tape.detect import open_tape
    from darkpool_watch.tape.reference import beside
    from darkpool_watch.wire.capture import SUFFIX

    settings = with_profile(load(config), profile)
    if limit is not None and limit < 1:
        raise DarkpoolWatchError(f"--limit is {limit}, needed 1 or more")
    if schedule not in ("nominal", "recorded"):
        raise DarkpoolWatchError(f"--schedule is {schedule!r}, needed nominal or recorded")
    warn_if_untrained(settings)

    def say(line: str) -> None:
        Console(stderr=True).print(line, highlight=False, markup=False, soft_wrap=True)

    if tape.suffix == SUFFIX:
        with progress_bar(None) as advance:
            result = replay_capture(
                tape, settings, recorded=schedule == "recorded", progress=advance, say=say
            )
    elif schedule == "recorded":
        raise DarkpoolWatchError(f"{tape} is no capture, so it has no recorded schedule")
    else:
        opened = open_tape(tape)
        known = beside(settings.reference, tape)
        if known is not settings.reference:
            settings = msgspec.structs.replace(settings, reference=known)
            say(f"Counterparties of {known.counterparties}, beside the tape")
        total = min(len(opened.events), limit or len(opened.events))
        with progress_bar(total) as advance:
            result = replay_tape(opened, settings, limit=limit, progress=advance, say=say)
    show_result(result, json)
    told = [found.sentence(symbol) for symbol, found in result.summary.misfits.items()]
    for sentence in (*told, *result.summary.missing):
        Console(stderr=True, soft_wrap=True).print(
            f"[bold yellow]{escape(sentence)}[/]", highlight=False
        )
    if not result.summary.complete:
        sys.exit(EXIT_UNSOUND)


def show_result(result: "Result", json: bool) -> None:
    """Print a finished replay."""
    if json:
        print(msgspec.json.encode(result.summary).decode())
        return
    console = Console()
    for alert in result.alerts:
        if alert.number == 0:
            message = escape(alert.message)
            console.print(f"[bold]{alert.severity:>8}[/]  {message}", highlight=False)
    for name, value in msgspec.structs.asdict(result.summary).items():
        if name in ("misfits", "missing"):
            continue  # sentences of their own
        console.print(f"{name:>16}  {value}", highlight=False, markup=False)


@journal_app.command(name="list")
def journal_list(path: Path, *, json: Json = False) -> None:
    """List the alerts of a journal in the order in which they opened, each as it stands last.

    Parameters
    ----------
    path
        The journal; its daemon may be running.
    json
        Print each alert's newest record as one JSON line.
    """
    from darkpool_watch.alerts.journal import JournalReader
    from darkpool_watch.alerts.lines import line_of
    from darkpool_watch.alerts.record import decode
    from darkpool_watch.errors import JournalDamage

    reader = JournalReader(path)
    try:
        rows = reader.newest()
    finally:
        reader.close()
    for row in rows:
        try:
            alert = decode(row.entry.body)
        except msgspec.DecodeError as err:
            raise JournalDamage(
                f"Journal {path} is damaged: the alert in row {row.sequence} cannot be read "
                f"({err}); `journal verify` says whether rows before it are sound"
            ) from err
        print(row.entry.body.decode() if json else line_of(alert))
    if not json:
        Console(stderr=True).print(counted(len(rows), "alert"), highlight=False)


@journal_app.command(name="verify")
def journal_verify(path: Path, *, json: Json = False) -> None:
    """Check every row of a journal against its chain.

    Exit code 0: every row is as it was written; 1: the journal is damaged or was altered, and the
    first row that is wrong is named; 2: there is no journal at PATH, or it may not be read.

    Parameters
    ----------
    path
        The journal.
    json
        Print the report as one JSON line.
    """
    from darkpool_watch.alerts.verify import verify

    report = verify(path)
    print(msgspec.json.encode(report).decode() if json else report.message)
    if not report.ok:
        sys.exit(EXIT_UNSOUND)
