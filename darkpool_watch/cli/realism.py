"""What `simulate --facts` prints."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from rich.console import Console
from rich.table import Column, Table

from darkpool_watch.cli.app import progress_bar
from darkpool_watch.errors import DarkpoolWatchError

if TYPE_CHECKING:
    from darkpool_watch.evaluate.realism import Realism
    from darkpool_watch.sim.market import SimConfig

DATA = "DARKPOOL_WATCH_DATA"
FIGURES = (".png", ".svg", ".pdf")


def show_facts(config: "SimConfig", real: Path | None, figure: Path | None, *, quiet: bool) -> None:
    """Measure, draw where asked, and print the facts; the last line is one JSON object."""
    try:
        from darkpool_watch.evaluate.fact_figure import draw_facts
        from darkpool_watch.evaluate.realism import measure, real_flows
    except ModuleNotFoundError as err:
        raise DarkpoolWatchError(
            f"--facts needs {err.name}, which is not installed: pip install "
            "'darkpool-watch[evaluate]'"
        ) from err

    if figure is not None and (figure.suffix not in FIGURES or not figure.parent.is_dir()):
        raise DarkpoolWatchError(
            f"--figure is {figure}, needed a {', '.join(FIGURES)} file in a folder that exists"
        )
    console = Console(stderr=True)
    folder = real or (Path(os.environ[DATA]) if os.environ.get(DATA) else None)
    tapes = real_flows(folder, console.print) if folder is not None else []
    if len(tapes) < 2:
        console.print(
            f"Found {len(tapes)} real days, the discriminator needs two: "
            f"name a folder of LOBSTER files with --real or {DATA}"
        )
    with progress_bar(int(config.seconds), "seconds") as advance:
        measured = measure(config, tapes, advance=advance)
    if figure is not None:
        draw_facts(measured, figure)
        console.print(f"Drew {figure}", highlight=False, markup=False)
    if not quiet:
        print_facts(measured.result)
    print(msgspec.json.encode(measured.result).decode())


def print_facts(result: "Realism") -> None:
    """Print the facts beside their bands, and what gives the simulator away."""
    console = Console()
    name_column = Column("fact", no_wrap=True)
    table = Table(name_column, "band", "median", "securities in", *result.real, "met", box=None)
    for name, fact in result.facts.items():
        table.add_row(
            name,
            f"{fact.low:g} to {fact.high:g}",
            _shown(fact.simulated),
            "" if fact.share_met is None else f"{fact.share_met:.0%}",
            *(_shown(fact.real_tapes.get(label)) for label in result.real),
            "yes" if fact.met else "[bold red]no[/]",
        )
    console.print(table)
    verdict = result.discriminator
    if verdict is not None:
        families = ", ".join(f"{name} {value:.3f}" for name, value in verdict.families.items())
        console.print(
            f"\nTrees tell real from simulated with AUROC {verdict.auroc:.4f} "
            f"({verdict.low:.4f} to {verdict.high:.4f}); alone: {families}",
            highlight=False,
        )
        for tell in verdict.tells[:10]:
            console.print(
                f"{tell.feature:>26}  alone {tell.alone:.3f}  real {_shown(tell.real)}  "
                f"simulated {_shown(tell.simulated)}",
                highlight=False,
            )


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
