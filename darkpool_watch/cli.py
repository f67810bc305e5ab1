"""The command line: `darkpool-watch COMMAND`. Each command is a thin layer over a function."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import App, Parameter
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from darkpool_watch import __version__
from darkpool_watch.config import Config, ModelConfig, WireConfig, load
from darkpool_watch.errors import DarkpoolWatchError
from darkpool_watch.model.config import shape_of

app = App(name="darkpool-watch", version=__version__, help=__doc__)
journal_app = App(name="journal", help="The append-only record of what the desk was told.")
bench_app = App(name="bench", help="Latency and throughput, with raw samples behind each figure.")
app.command(journal_app)
app.command(bench_app)

EXIT_ERROR = 2
EXIT_BROKEN_PIPE = 141
ConfigPath = Annotated[Path | None, Parameter(name=["--config", "-c"])]
Json = Annotated[bool, Parameter(name="--json", negative=())]


@app.command
def demo(*, seconds: float = 0.0, seed: int = 7, securities: int = 8, speed: float = 1.0) -> None:
    """Watch a simulated venue, live, in this terminal.

    Parameters
    ----------
    seconds
        End after this many seconds with a summary; 0 runs until Ctrl-C, an hour of tape at most.
    seed
        Of the simulated day.
    securities
        How many are traded, each on a lit book and in a dark pool.
    speed
        Multiple of the simulated clock.
    """
    from darkpool_watch.demo import run_demo

    run_demo(seconds=seconds, seed=seed, securities=securities, speed=speed)


@app.command
def run(*, config: ConfigPath = None) -> None:
    """Run the daemon on the configured feed until SIGINT or SIGTERM.

    Parameters
    ----------
    config
        TOML file; the embedded defaults without one.
    """
    from darkpool_watch.daemon import Daemon, stop_on_signals

    settings = load(config)
    console = Console(stderr=True)
    console.print("Compiling kernels and loading the model ...")
    daemon = Daemon(settings)
    stop_on_signals(daemon)
    console.print(
        f"Watching {settings.wire.endpoint}; alerts on {daemon.publisher.endpoint}; journal "
        f"{settings.alerts.journal}"
    )
    with daemon:
        daemon.run()
    counts = daemon.pipeline.counts
    console.print(
        f"Stopped: {counts.events:,} events, {counts.frames_scored:,} of {counts.frames_due:,} "
        f"frames scored, {counts.alerts} alerts"
    )


@app.command
def publish(
    tape: Path,
    *,
    endpoint: str = WireConfig().endpoint,
    replay_endpoint: str = WireConfig().replay_endpoint,
    speed: float = 1.0,
    credit: int = 0,
    encoding: str = "packed",
    wait: float = 1.0,
) -> None:
    """Play a recorded tape onto ZeroMQ.

    Parameters
    ----------
    tape
        LOBSTER csv or zip, plain trades csv or parquet, or darkpool_watch parquet.
    endpoint
        PUB socket to bind.
    replay_endpoint
        ROUTER socket to bind, for repairs, definitions and flow control.
    speed
        Multiple of the tape's own clock; 0 is flat out.
    credit
        Frames a subscriber may have unhandled before the publisher waits; 0 never waits.
    encoding
        packed or msgpack.
    wait
        Seconds to let subscribers connect before, and to collect repairs after.
    """
    import time

    from darkpool_watch.replay.publish import publish_tape
    from darkpool_watch.tape.detect import open_tape
    from darkpool_watch.wire.publisher import FlowPublisher

    if min(speed, wait, credit) < 0:
        raise DarkpoolWatchError("--speed, --wait and --credit are 0 or more")
    opened = open_tape(tape)
    venue = opened.definitions[0].venue
    with FlowPublisher(
        endpoint, replay_endpoint, venue=venue, encoding=encoding, credit=credit
    ) as publisher:
        time.sleep(wait)
        with _progress(len(opened.events)) as advance:
            sent = publish_tape(opened, publisher, speed=speed, progress=advance)
        if credit:
            publisher.wait_handled(timeout_s=60.0)
        time.sleep(wait)
    Console(stderr=True).print(f"Published {sent:,} events of {opened.label}")


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
    from darkpool_watch.wire.capture import SUFFIX

    settings = _with_profile(load(config), profile)
    if limit is not None and limit < 1:
        raise DarkpoolWatchError(f"--limit is {limit}, needed 1 or more")
    if schedule not in ("nominal", "recorded"):
        raise DarkpoolWatchError(f"--schedule is {schedule!r}, needed nominal or recorded")
    if tape.suffix == SUFFIX:
        result = replay_capture(tape, settings, recorded=schedule == "recorded")
    elif schedule == "recorded":
        raise DarkpoolWatchError(f"{tape} is no capture, so it has no recorded schedule")
    else:
        opened = open_tape(tape)
        total = min(len(opened.events), limit or len(opened.events))
        with _progress(total) as advance:
            result = replay_tape(opened, settings, limit=limit, progress=advance)
    if json:
        print(msgspec.json.encode(result.summary).decode())
        return
    console = Console()
    for alert in result.alerts:
        if alert.number == 0:
            message = escape(alert.message)
            console.print(f"[bold]{alert.severity:>8}[/]  {message}", highlight=False)
    for name, value in msgspec.structs.asdict(result.summary).items():
        console.print(f"{name:>16}  {value}", highlight=False, markup=False)


@app.command
def train(
    out: Path,
    *,
    profile: str = "lite",
    steps: int = 1_800,
    threads: int = 2,
    learning_rate: float = 1.5e-3,
) -> None:
    """Train on simulated days, calibrate, and write a checkpoint; run again to resume.

    Parameters
    ----------
    out
        Checkpoint to write; `OUT.run` beside it keeps the state of an unfinished run.
    profile
        Model: lite, full or xl.
    steps
        Optimiser steps of 2,048 frames.
    threads
        Threads of the training; leave nothing else on those cores.
    learning_rate
        At the end of warm-up; 3e-4 suits full.
    """
    from darkpool_watch.train.loop import TrainConfig
    from darkpool_watch.train.release import train_release

    settings = TrainConfig(
        steps=steps, threads=threads, learning_rate=learning_rate, warm_up=150, validate_every=300
    )
    fitted = train_release(profile, out, config=settings)
    print(f"Wrote {fitted.path}: {fitted.frames:,} frames, validation {fitted.quality:.4f}")


@app.command(name="check-config")
def check_config(path: Path | None = None) -> None:
    """Check a configuration file and print it as JSON, every default filled in.

    Parameters
    ----------
    path
        TOML file; the embedded defaults without one.
    """
    print(msgspec.json.format(msgspec.json.encode(load(path))).decode())


@journal_app.command(name="verify")
def journal_verify(path: Path, *, json: Json = False) -> None:
    """Check every row of a journal against its chain; exit 1 at the first that is wrong.

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
        sys.exit(1)


@bench_app.command(name="throughput")
def bench_throughput(*, seconds: float = 3.0, json: Json = False) -> None:
    """Events a second through decode, books, rules and features on one core.

    Parameters
    ----------
    seconds
        Measured for each of the three modes, after a warm-up.
    json
        Print only the JSON line.
    """
    from darkpool_watch.bench.throughput import run_throughput

    run_throughput(seconds=seconds, say=_sayer(json))


@bench_app.command(name="latency")
def bench_latency(
    *,
    seconds: float = 20.0,
    rate: float = 2_000.0,
    securities: int = 50,
    profile: str | None = None,
    config: ConfigPath = None,
    json: Json = False,
) -> None:
    """Decision age, open loop from the intended send time, from a bursty feed in another process.

    Parameters
    ----------
    seconds
        Measured, after a warm-up.
    rate
        Events a second over all securities.
    securities
        How many are traded.
    profile
        Model: lite, full or xl.
    config
        TOML file; the embedded defaults without one.
    json
        Print only the JSON line.
    """
    from darkpool_watch.bench.latency import run_latency

    run_latency(
        _with_profile(load(config), profile),
        seconds=seconds,
        rate=rate,
        securities=securities,
        say=_sayer(json),
    )


def main() -> None:
    """Run the command line; errors a user can mend are one sentence and exit code 2."""
    try:
        app()
    except DarkpoolWatchError as err:
        Console(stderr=True).print(f"[red]darkpool-watch:[/] {escape(str(err))}", highlight=False)
        sys.exit(EXIT_ERROR)
    except BrokenPipeError:  # whoever read our output has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_BROKEN_PIPE)
    except KeyboardInterrupt:
        sys.exit(130)


def _with_profile(config: Config, profile: str | None) -> Config:
    if profile is None:
        return config
    shape_of(profile)  # refuses an unknown one before anything is read
    model: ModelConfig = msgspec.structs.replace(config.model, profile=profile)
    return msgspec.structs.replace(config, model=model)


def _sayer(quiet: bool) -> Callable[[str], None]:
    return (lambda _: None) if quiet else print


class _progress:
    """A bar with ETA on standard error; gives the function that moves it."""

    def __init__(self, total: int) -> None:
        self._bar = Progress(
            TextColumn("events"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self._task = self._bar.add_task("events", total=total)

    def __enter__(self) -> Callable[[int], None]:
        self._bar.start()
        return lambda done: self._bar.update(self._task, completed=done)

    def __exit__(self, *_: object) -> None:
        self._bar.stop()


if __name__ == "__main__":
    main()
