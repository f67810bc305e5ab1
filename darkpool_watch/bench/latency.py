"""Decision age: from an event's intended send time until a score that includes it was judged."""

import multiprocessing
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np

from darkpool_watch.bench.feed import START_S, feed
from darkpool_watch.bench.machine import Hiccups, machine_line, save_samples
from darkpool_watch.config import Config, in_folder
from darkpool_watch.daemon import Daemon
from darkpool_watch.pipeline import Latencies

BUDGET_MS = 2.3  # the paper's claim, on an A100
WARM_S = 3.0  # s of flow that are not counted


def run_latency(
    config: Config,
    *,
    seconds: float,
    rate: float,
    securities: int,
    say: Callable[[str], None],
) -> None:
    """Run the bench and print its figures, the last line one JSON object.

    Percentiles are of the age of every informative event, conflated or not, in ms.
    """
    say(machine_line())
    say(f"{rate:g} events/s over {securities} securities, {seconds:g} s after {WARM_S:g} s warm-up")
    with tempfile.TemporaryDirectory() as folder:
        settings = in_folder(config, Path(folder))
        daemon = Daemon(settings)
        process = multiprocessing.get_context("spawn").Process(
            target=feed,
            args=(
                settings.wire.endpoint,
                settings.wire.replay_endpoint,
                securities,
                rate,
                seconds + WARM_S,
            ),
            daemon=True,
        )
        process.start()
        pipeline = daemon.pipeline
        begun: dict[str, int] = {}

        def on_idle() -> None:
            if not process.is_alive():
                daemon.stop.set()
            elif not begun and pipeline.counts.events >= rate * WARM_S:
                begun.update(_totals(daemon))
                pipeline.latencies = Latencies()

        with Hiccups() as hiccups:
            watchdog = threading.Timer(seconds + WARM_S + START_S + 180.0, daemon.stop.set)
            watchdog.start()
            try:
                with daemon:
                    daemon.run(on_idle)
            finally:
                watchdog.cancel()
                process.terminate()
                process.join()
    totals = _totals(daemon)
    counted = {name: totals[name] - begun.get(name, 0) for name in totals}
    ages = pipeline.latencies.decision_age
    values = ages.values()
    p50, p99, p999 = (ages.percentile_ms(q) for q in (50, 99, 99.9))
    stages = {
        name: {
            f"p{q}": round(getattr(pipeline.latencies, name).percentile_ms(q), 4) for q in (50, 99)
        }
        for name in ("absorb", "step", "decide", "alert_age")
    }
    for name, figures in stages.items():
        say(f"{name:>12}  p50 {figures['p50']:.3f} ms  p99 {figures['p99']:.3f} ms")
    say(
        f"{'hiccups':>12}  p50 {hiccups.percentile_ms(50):.3f} ms  "
        f"p99 {hiccups.percentile_ms(99):.3f} ms  p99.9 {hiccups.percentile_ms(99.9):.3f} ms"
    )
    result = {
        "model": config.model.profile,
        "engine": daemon.pipeline.engine.name,
        "trained": daemon.trained,
        "events_per_s": rate,
        "securities": securities,
        "events": counted["events"],
        "frames_due": counted["frames_due"],
        "frames_scored": counted["frames_scored"],
        "conflated": counted["conflated"],
        "updates_published": counted["updates"],
        "p50": round(p50, 4),
        "p99": round(p99, 4),
        "p999": round(p999, 4),
        "max": round(float(values.max()) / 1e6, 4) if len(values) else None,
        "samples": len(values),
        "budget_ms": BUDGET_MS,
        "met": bool(len(values) and p99 <= BUDGET_MS),
        "stages_ms": stages,
        "hiccup_p99": round(hiccups.percentile_ms(99), 4),
        "raw": save_samples("latency", np.sort(values)),
    }
    print(msgspec.json.encode(result).decode())


def _totals(daemon: Daemon) -> dict[str, int]:
    counts = daemon.pipeline.counts
    return {
        "events": counts.events,
        "frames_due": counts.frames_due,
        "frames_scored": counts.frames_scored,
        "conflated": daemon.pipeline.scheduler.conflated,
        "updates": counts.updates,  # of alerts, openings included
    }
