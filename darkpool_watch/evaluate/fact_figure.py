"""The stylised facts as one figure: a panel each, securities beside real tapes, the band shaded."""

from pathlib import Path
from typing import Any, Final

import matplotlib.lines
import matplotlib.patches
import matplotlib.ticker
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from darkpool_watch.errors import DarkpoolWatchError
from darkpool_watch.evaluate.realism import Measured
from darkpool_watch.sim.facts import FACTS

COLUMNS: Final = 3
INK: Final = "#22303c"
MUTED: Final = "#6b7a86"
BAND: Final = "#dcebe2"
SIMULATED: Final = "#2f6f9f"
REAL: Final = ("#8a4fa0", "#c98a00", "#3c8d5a", "#7a5c48")
OUTSIDE: Final = "#b8321a"
_LOG_FROM: Final = 15.0  # ratio of a panel's ends above which it gets a logarithmic scale


def draw_facts(measured: Measured, path: Path) -> None:
    """Draw the facts of `measured` into `path`, in the format of its suffix.

    Raises DarkpoolWatchError where the file cannot be written.
    """
    names = [name for name in FACTS if name != "events_per_s_median"]
    rows = -(-len(names) // COLUMNS)
    figure = Figure(
        figsize=(12.0, 0.6 + 1.08 * rows), layout=ConstrainedLayoutEngine(h_pad=0.08, w_pad=0.12)
    )
    FigureCanvasAgg(figure)
    panels = figure.subplots(rows, COLUMNS).ravel()
    labels = list(measured.real)
    for panel, name in zip(panels, names, strict=False):
        _panel(panel, name, measured)
    for panel in panels[len(names) :]:
        panel.set_visible(False)
    figure.suptitle(_title(measured), x=0.01, ha="left", fontsize=11, color=INK)
    _legend(figure, labels)
    try:
        figure.savefig(path, dpi=150)
    except OSError as err:
        raise DarkpoolWatchError(f"Cannot write {path}: {err.strerror}") from err


def _row(tape: int) -> float:
    """Return how high in a panel a real tape lies."""
    return 0.27 - 0.14 * (tape % 2)


def _range(name: str, parts: list[dict[str, float]]) -> list[float]:
    """Return 10% and 90% of a fact over half hours; nothing for a fact of the day."""
    values = [part[name] for part in parts if np.isfinite(part.get(name, np.nan))]
    return [float(np.quantile(values, q)) for q in (0.1, 0.9)] if values else []


def _title(measured: Measured) -> str:
    result = measured.result
    met = sum(fact.met for fact in result.facts.values())
    text = f"Simulated market: {met} of {len(result.facts)} stylised facts within their bands"
    if result.discriminator is not None:
        verdict = result.discriminator
        text += (
            f"; trees tell real from simulated with AUROC {verdict.auroc:.3f} "
            f"({verdict.low:.3f} to {verdict.high:.3f})"
        )
    return text


def _legend(figure: Any, labels: list[str]) -> None:
    line = matplotlib.lines.Line2D
    marks = [
        matplotlib.patches.Patch(color=BAND, label="band"),
        line([], [], color=SIMULATED, marker="o", ls="", ms=5, alpha=0.5, label="security"),
        line([], [], color=SIMULATED, marker="|", ls="", ms=13, mew=2.5, label="their median"),
    ]
    for i, label in enumerate(labels):
        color = REAL[i % len(REAL)]
        marks.append(line([], [], color=color, marker="D", lw=1.5, ms=6, label=f"{label}, real"))
    marks.append(line([], [], color=MUTED, lw=1.5, label="10% to 90% of its half hours"))
    figure.legend(
        handles=marks,
        loc="outside lower left",
        ncols=len(marks),
        frameon=False,
        fontsize=9,
        labelcolor=INK,
    )


def _panel(panel: Any, name: str, measured: Measured) -> None:
    """Draw one fact: securities as dots above, real tapes as diamonds below."""
    fact, result = FACTS[name], measured.result.facts[name]
    simulated = np.array([one[name] for one in measured.simulated.values()])
    simulated = simulated[np.isfinite(simulated)]
    real = {label: one[name] for label, one in measured.real.items()}
    ranges = [_range(name, parts) for parts in measured.halves.values()]
    tapes = [value for value in real.values() if np.isfinite(value)]
    shown = [fact.low, fact.high, *simulated, *tapes, *np.concatenate([[], *ranges])]
    low, high = min(shown), max(shown)
    if low > 0.0 and high / low > _LOG_FROM:
        panel.set_xscale("log")
        panel.xaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda x, _: f"{x:g}"))
        panel.xaxis.set_minor_formatter(matplotlib.ticker.NullFormatter())
        panel.set_xlim(low / 1.25, high * 1.25)
    else:
        room = 0.06 * (high - low)
        panel.set_xlim(low - room, high + room)
    panel.axvspan(fact.low, fact.high, color=BAND, zorder=0, lw=0)
    jitter = np.linspace(-0.16, 0.16, 7)[np.arange(len(simulated)) * 3 % 7]
    panel.scatter(
        simulated, 0.66 + jitter, s=16, color=SIMULATED, alpha=0.5, lw=0, zorder=2, clip_on=False
    )
    if result.simulated is not None:
        x = result.simulated
        panel.plot([x, x], [0.44, 0.88], color=SIMULATED, lw=2.5, zorder=3)
    missing = []
    for i, (label, value) in enumerate(real.items()):
        if np.isfinite(value):
            color = REAL[i % len(REAL)]
            panel.scatter([value], [_row(i)], s=30, marker="D", color=color, zorder=3)
        else:
            missing.append(label)
    for i, ends in enumerate(ranges):
        color = REAL[i % len(REAL)]
        panel.plot(ends, [_row(i)] * len(ends), color=color, lw=1.5, zorder=2)
    if missing:
        text = f"{', '.join(missing)}: not in the tape"
        where = panel.transAxes
        panel.text(0.99, 0.2, text, transform=where, ha="right", va="center", fontsize=8, color=INK)
    panel.set_ylim(0.0, 1.0)
    panel.set_yticks([])
    outcome = "" if result.met else ": outside its band"
    color = INK if result.met else OUTSIDE
    panel.set_title(fact.label + outcome, loc="left", fontsize=9, color=color)
    panel.tick_params(labelsize=8, colors=MUTED, length=2)
    for side in ("left", "top", "right"):
        panel.spines[side].set_visible(False)
    panel.spines["bottom"].set_color("#c3ccd3")
