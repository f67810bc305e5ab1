"""Commands that measure the daemon."""

from cyclopts import App

from darkpool_watch.cli.app import ConfigPath, Json, app, sayer, warn_if_untrained, with_profile
from darkpool_watch.config import load

bench_app = App(name="bench", help="Latency and throughput, with raw samples behind each figure.")
app.command(bench_app)


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

    run_throughput(seconds=seconds, say=sayer(json))


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

    settings = with_profile(load(config), profile)
    warn_if_untrained(settings)
    run_latency(
        settings,
        seconds=seconds,
        rate=rate,
        securities=securities,
        say=sayer(json),
    )
