"""Commands around a live feed: demo, run, publish, check-config."""

import math
import os
import sys
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from rich.console import Console

from darkpool_watch.cli.app import EXIT_UNSOUND, ConfigPath, app, progress_bar, warn_if_untrained
from darkpool_watch.config import WireConfig, load
from darkpool_watch.errors import DarkpoolWatchError
from darkpool_watch.units import counted

if TYPE_CHECKING:
    from darkpool_watch.alerts.record import Alert


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

    Prints a line for every alert record: event time, state, severity, typology, security and
    venue, evidence or hits, id.

    Parameters
    ----------
    config
        TOML file; the embedded defaults without one.
    """
    from darkpool_watch.cli.checks import check_host
    from darkpool_watch.daemon import Daemon, stop_on_signals

    settings = load(config)
    check_host(settings)
    console = Console(stderr=True)
    warn_if_untrained(settings)
    console.print("Compiling kernels and loading the model ...")
    told: deque[Alert] = deque()
    daemon = Daemon(
        settings,
        say=lambda line: console.print(line, markup=False, highlight=False),
        on_alert=told.append,
    )
    stop_on_signals(daemon)
    console.print(
        f"Watching {settings.wire.endpoint}; alerts on {daemon.publisher.endpoint}; journal "
        f"{settings.alerts.journal}"
    )
    show = AlertLines(told, console)
    with daemon:
        daemon.run(show)
    show()
    counts = daemon.pipeline.counts
    console.print(
        f"Stopped: {counted(counts.events, 'event')}, {counts.frames_scored:,} of "
        f"{counts.frames_due:,} frames scored, {counted(counts.alerts, 'alert')} in "
        f"{counted(counts.updates, 'record')}",
        highlight=False,
    )
    if unjudged := daemon.pipeline.rules.unjudged:
        console.print(
            f"PRIORITY left out {counted(unjudged, 'fill')} of pools that passed over an order: "
            "whether it had to cannot be told without a counterparty matrix",
            highlight=False,
        )


class AlertLines:
    """Prints the alert records that came since the last call, off the path of decisions.

    A reader of standard output that goes away does not end the watch: that is told once.
    """

    def __init__(self, told: "deque[Alert]", console: Console) -> None:
        self._told = told
        self._console = console
        self._lost = False

    def __call__(self) -> None:
        from darkpool_watch.alerts.lines import line_of

        if not self._told:
            return
        lines = "".join(f"{line_of(self._told.popleft())}\n" for _ in range(len(self._told)))
        if self._lost:
            return
        try:
            sys.stdout.write(lines)
            sys.stdout.flush()
        except OSError as err:
            self._lost = True
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is buffered still
            self._console.print(
                f"Alerts are no longer printed here ({err.strerror}); the journal and the alert "
                "socket have them all",
                highlight=False,
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

    if not (0.0 <= speed < math.inf and 0.0 <= wait < math.inf and credit >= 0):
        raise DarkpoolWatchError(
            f"--speed {speed:g}, --wait {wait:g}, --credit {credit}: needed 0 or more, and finite"
        )
    opened = open_tape(tape)
    venue = opened.definitions[0].venue
    with FlowPublisher(
        endpoint, replay_endpoint, venue=venue, encoding=encoding, credit=credit
    ) as publisher:
        time.sleep(wait)
        with progress_bar(len(opened.events)) as advance:
            sent = publish_tape(opened, publisher, speed=speed, progress=advance)
        if credit:
            publisher.wait_handled(timeout_s=60.0)
        publisher.finish()
        time.sleep(wait)
    Console(stderr=True).print(f"Published {sent:,} events of {opened.label}")


@app.command(name="check-config")
def check_config(path: Path | None = None) -> None:
    """Check a configuration and this host against it; print it as JSON, defaults filled in.

    Endpoints, folders, reference files, the checkpoint, the catalogue pin and a journal that is
    there already are checked without starting anything. What another process holds now, say the
    daemon that is to be restarted, is told on standard error, and the exit code is 1.

    Parameters
    ----------
    path
        TOML file; the embedded defaults without one.
    """
    from darkpool_watch.cli.checks import check_host, in_use

    settings = load(path)
    check_host(settings)
    print(msgspec.json.format(msgspec.json.encode(settings)).decode())
    held = in_use(settings)
    for sentence in held:
        Console(stderr=True, soft_wrap=True).print(
            f"In use now: {sentence}", highlight=False, markup=False
        )
    if held:
        sys.exit(EXIT_UNSOUND)
