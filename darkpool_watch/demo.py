"""The demo: a simulated venue in another process, the daemon here, and what it sees, live."""

import multiprocessing
import signal
import tempfile
import time
from pathlib import Path
from types import FrameType

import msgspec
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from darkpool_watch.alerts.record import Alert
from darkpool_watch.alerts.subscriber import AlertSubscriber
from darkpool_watch.alerts.verify import verify
from darkpool_watch.bundle import untrained_words
from darkpool_watch.config import Config, ReferenceConfig, in_folder, load
from darkpool_watch.daemon import Daemon, stop_on_signals
from darkpool_watch.errors import ConfigError, DarkpoolWatchError
from darkpool_watch.sim.abuse import CampaignPlan
from darkpool_watch.sim.labels import Campaign
from darkpool_watch.sim.market import SimConfig, Violation
from darkpool_watch.sim.matrix import pairings
from darkpool_watch.sim.venue import run_venue
from darkpool_watch.tape.reference import COUNTERPARTIES, write_counterparties
from darkpool_watch.typologies import TYPOLOGIES
from darkpool_watch.units import NS_PER_S, counted

START_S = 3_600.0  # the tape starts this long after the open
HISTORY_S = 180.0  # s of flow played flat out first, so that windows and model have a past
LONGEST_S = 3_600.0  # of the tape, where the demo runs until Ctrl-C
MOST_SECURITIES = 4_096
# Far below the calibrated bar, which a desk wants and which one minute of campaigns would not
# reach: at this one, about half of all alerts name a campaign and the others are false.
EVIDENCE = 15.0
CAMPAIGNS = (("PING", 1.0), ("SPOOF", 3.0), ("PING", 5.0), ("PING", 8.0))  # s after the history
AFTER_NS = 60 * NS_PER_S  # an alert this long after a campaign's end still names it
HISTORY_WORDS = (
    f"Playing {HISTORY_S / 60:g} minutes of history at once, so that windows and model have a "
    "past, then the market live; times in alerts are the market's own"
)
PREPARING = "Compiling kernels and loading the model; a first run takes three minutes on two cores"
COLOURS = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan"}


class Truth(msgspec.Struct):
    """What the venue injected; `darkpool_watch.sim.venue.truth_of` writes it."""

    campaigns: list[Campaign]
    violations: list[Violation]


def run_demo(*, seconds: float, seed: int, securities: int, speed: float) -> None:
    """Run until `seconds` are over or Ctrl-C, then print what was found and what was there.

    Raises ConfigError for an impossible market, DarkpoolWatchError where the venue failed.
    """
    if not (1 <= securities <= MOST_SECURITIES and seed >= 0 and speed > 0.0):
        raise ConfigError(
            f"--securities {securities}, --seed {seed}, --speed {speed:g}: needed 1 to "
            f"{MOST_SECURITIES}, 0 or more, above 0"
        )
    console = Console()
    signal.signal(signal.SIGTERM, _end)  # else its folder would stay behind
    with tempfile.TemporaryDirectory(prefix="darkpool_watch.") as folder:
        config = demo_config(Path(folder))
        if words := untrained_words(config.model):
            Console(stderr=True).print(f"[bold yellow]{escape(words)}[/]", highlight=False)
        truth_path = Path(folder) / "truth.json"
        process = multiprocessing.get_context("spawn").Process(
            target=run_venue,
            args=(
                demo_market(seed, securities, seconds * speed),
                config.wire.endpoint,
                config.wire.replay_endpoint,
                speed,
            ),
            kwargs={"credit": 8, "history_s": HISTORY_S, "truth": str(truth_path)},
            daemon=True,
        )
        interrupted = signal.signal(signal.SIGINT, signal.SIG_IGN)  # the venue ignores Ctrl-C
        process.start()  # first, so that its kernels compile on another core beside the daemon's
        signal.signal(signal.SIGINT, interrupted)
        try:
            console.print(PREPARING, highlight=False)
            with console.status("Compiling"):
                daemon = Daemon(config)
            console.print(HISTORY_WORDS, highlight=False)
            with daemon:
                alerts = _watch(daemon, config, process, console)
        finally:
            ended = process.exitcode  # None: the venue still plays
            process.terminate()
            process.join()
        truth = (
            msgspec.json.decode(truth_path.read_bytes(), type=Truth)
            if ended == 0 and truth_path.exists()
            else None
        )
        summarise(console, daemon, alerts, truth)
        console.print(
            f"Alerts opened at evidence {EVIDENCE:g}, a bar far below the calibrated one: expect "
            "about as many false ones as true",
            highlight=False,
        )
        console.print(verify(config.alerts.journal).message)
        if ended:
            raise DarkpoolWatchError(
                f"The simulated venue failed with exit code {ended}: the above is what came before"
            )


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def demo_config(folder: Path) -> Config:
    """Return the embedded defaults with every socket and file in `folder`.

    The venue's counterparty matrix is written there.
    """
    config = in_folder(load(), folder)
    matrix = folder / COUNTERPARTIES
    write_counterparties(pairings(), matrix)
    replace = msgspec.structs.replace
    return replace(
        config,
        # Nothing is ever lost on one host: what the venue said before we connected is repaired.
        wire=replace(config.wire, join="start", repair_ms=1_000),
        # A demo's rate is far below capacity, so no frame need give way, not even in its history.
        model=replace(config.model, conflate=False),
        detect=replace(config.detect, evidence_threshold=EVIDENCE),
        reference=ReferenceConfig(counterparties=str(matrix)),
    )


def demo_market(seed: int, securities: int, seconds: float) -> SimConfig:
    """Return a market with campaigns soon after the history, more where the demo is longer."""
    live_s = seconds if seconds > 0 else LONGEST_S
    plan = tuple(
        CampaignPlan(typology=code, security=n % securities, start_s=HISTORY_S + start, stealth=0.5)
        for n, (code, start) in enumerate(CAMPAIGNS)
    )
    return SimConfig(
        seed=seed,
        securities=securities,
        seconds=HISTORY_S + live_s,
        start_s=START_S,
        plan=plan,
        campaigns_per_hour=2.0,
        violations=max(2, round((HISTORY_S + live_s) / 30.0)),
    )


def _watch(
    daemon: Daemon,
    config: Config,
    process: multiprocessing.process.BaseProcess,
    console: Console,
) -> list[Alert]:
    """Run the daemon to its end and return the alerts that came over the alert socket."""
    stop_on_signals(daemon)
    alerts: list[Alert] = []
    started = time.monotonic()
    before = (started, 0, 0)
    with (
        AlertSubscriber(
            config.alerts.endpoint, config.alerts.replay_endpoint, first=1
        ) as subscriber,
        Live(console=console, refresh_per_second=2, transient=True) as live,
    ):

        def on_idle() -> None:
            nonlocal before
            for received in subscriber.poll(0):
                alerts.append(received.alert)
                if received.alert.number == 0:
                    live.console.print(_line(received.alert))
            now = time.monotonic()
            counts = daemon.pipeline.counts
            rates = (
                (counts.events - before[1]) / max(now - before[0], 1e-9),
                (counts.frames_scored - before[2]) / max(now - before[0], 1e-9),
            )
            before = (now, counts.events, counts.frames_scored)
            live.update(_panel(daemon, now - started, rates))
            if not process.is_alive():
                daemon.stop.set()

        daemon.run(on_idle)
        alerts += [received.alert for received in subscriber.catch_up()]
    return alerts


def _panel(daemon: Daemon, elapsed_s: float, rates: tuple[float, float]) -> Group:
    pipeline = daemon.pipeline
    counts, latencies = pipeline.counts, pipeline.latencies
    table = Table(title=f"darkpool_watch, {elapsed_s:.0f} s", expand=False)
    for name in ("", "total", "a second"):
        table.add_column(name, justify="right")
    table.add_row("events", f"{counts.events:,}", f"{rates[0]:,.0f}")
    table.add_row("frames scored", f"{counts.frames_scored:,}", f"{rates[1]:,.0f}")
    table.add_row("frames conflated", f"{pipeline.scheduler.conflated:,}", "")
    table.add_row("flags", f"{counts.flags:,}", "")
    table.add_row("alerts", f"{counts.alerts:,}", "")
    ages = Table(expand=False)
    for name in ("latency, ms", "p50", "p99"):
        ages.add_column(name, justify="right")
    for name, samples in (
        ("block to features", latencies.absorb),
        ("model step", latencies.step),
        ("threshold to desk", latencies.decide),
    ):
        ages.add_row(name, f"{samples.percentile_ms(50):.3f}", f"{samples.percentile_ms(99):.3f}")
    return Group(table, ages)


def _line(alert: Alert) -> Text:
    line = Text(f"{alert.severity:>8} ", style=COLOURS[alert.severity])
    line.append(alert.message, style="default")
    return line


def campaign_of(alert: Alert, campaigns: list[Campaign]) -> Campaign | None:
    """Return the campaign whose security and time (to 60 s past its end) fit an alert's.

    Where several do, one of the alert's own kin goes first.
    """
    fitting = [
        campaign
        for campaign in campaigns
        if alert.security == campaign.security_id
        and campaign.start <= alert.times.opened_ns <= campaign.end + AFTER_NS
    ]
    return min(fitting, key=lambda campaign: not names(alert, campaign), default=None)


def names(alert: Alert, campaign: Campaign) -> bool:
    """Return whether an alert says what a campaign was, or something of its kin."""
    return alert.kin == TYPOLOGIES[campaign.typology].kin


def summarise(console: Console, daemon: Daemon, alerts: list[Alert], truth: Truth | None) -> None:
    """Print what was found beside what was there."""
    counts = daemon.pipeline.counts
    opened = [alert for alert in alerts if alert.number == 0]
    by_model = [alert for alert in opened if alert.by == "model"]
    rules = [alert for alert in opened if alert.by == "rule"]
    console.print(
        f"{counted(counts.events, 'event')}, {counts.frames_scored:,} of {counts.frames_due:,} due "
        f"frames scored, {counted(len(by_model), 'model alert')}, "
        f"{counted(len(rules), 'rule alert')}",
        highlight=False,
    )
    if truth is None:
        return
    opens = daemon.pipeline.listings.infos[0].session_open_ns
    for line in judged(by_model, truth.campaigns, opens + int((START_S + HISTORY_S) * NS_PER_S)):
        console.print(line, highlight=False)
    console.print(
        f"  {counted(len(rules), 'rule alert')} beside "
        f"{counted(len(truth.violations), 'trade-through')} planted",
        highlight=False,
    )


def judged(alerts: list[Alert], campaigns: list[Campaign], live_from: int) -> list[str]:
    """Return a line, with markup, for each model alert and each campaign that none names.

    An alert of another kin, or without a name, does not count as having found a campaign.
    `live_from` is when, in ns of the market's clock, the history ended.
    """
    lines: list[str] = []
    found: set[int] = set()
    misnamed: set[int] = set()
    for alert in alerts:
        campaign = campaign_of(alert, campaigns)
        if campaign is None:
            lines.append(f"  [yellow]no campaign[/]  {escape(alert.message)}")
            continue
        right = names(alert, campaign)
        (found if right else misnamed).add(campaign.id)
        lines.append(
            f"  [{'green' if right else 'yellow'}]campaign {campaign.id}"
            f"{'' if right else ' misnamed'}[/]: {campaign.typology} in {campaign.symbol} by "
            f"accounts {', '.join(map(str, campaign.accounts))}; alert {alert.typology} "
            f"{(alert.times.opened_ns - campaign.start) / NS_PER_S:.1f} s after its first message"
            f"{', which lies in the history' if campaign.start < live_from else ''}"
        )
    for campaign in campaigns:
        if campaign.id not in found and campaign.messages:
            seen = ", though an alert of another kind fell on it" if campaign.id in misnamed else ""
            lines.append(
                f"  [red]missed[/] campaign {campaign.id}: {campaign.typology} in "
                f"{campaign.symbol}{seen}"
            )
    return lines
