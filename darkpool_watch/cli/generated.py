"""What `simulate OUT` and `simulate --endpoint` do, and what they print."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec
from rich.console import Console
from rich.table import Table

from darkpool_watch.cli.app import progress_bar
from darkpool_watch.errors import DarkpoolWatchError
from darkpool_watch.typologies import MODEL_TYPOLOGIES

if TYPE_CHECKING:
    from darkpool_watch.sim.market import SimConfig
    from darkpool_watch.sim.tally import Characteristics
    from darkpool_watch.sim.views import ViewName

# Table 5 of Cao et al. (2024), as far as it can be compared.
PAPER = {"records": "2,543,678", "prevalence": "5.7%", "features": "128"}


def write_days(
    out: Path,
    plan: "tuple[SimConfig, ...]",
    *,
    to: Literal["tapes", "frames"],
    view: "ViewName",
    records: int | None,
) -> "Characteristics | None":
    """Write days into a folder; return what its records are like, of frames nothing."""
    from darkpool_watch.sim.store import write_tapes
    from darkpool_watch.sim.tally import Tally
    from darkpool_watch.train.store import write_frames

    if to == "frames" and (view != "venue" or records is not None):
        raise DarkpoolWatchError(
            "--to frames writes whole days in the view `venue`: leave out --view and --reference"
        )
    total = int(sum(config.seconds for config in plan))
    with progress_bar(total, "seconds") as advance:
        if to == "frames":
            write_frames(out, plan, progress=lambda done: advance(int(done)))
            return None
        tally = Tally()
        write_tapes(
            out,
            plan,
            view=view,
            records=records,
            tally=tally,
            progress=lambda done: advance(int(done)),
        )
    return tally.characteristics(plan[0].securities)


def play_days(
    plan: "tuple[SimConfig, ...]", endpoint: str, replay_endpoint: str, speed: float
) -> None:
    """Play one day onto ZeroMQ."""
    from darkpool_watch.sim.venue import run_venue

    if len(plan) != 1 or speed < 0:
        raise DarkpoolWatchError("--endpoint plays one day, at a --speed of 0 or more")
    console = Console(stderr=True)
    console.print(f"Playing day {plan[0].day} onto {endpoint}", highlight=False, markup=False)
    sent = run_venue(plan[0], endpoint, replay_endpoint, speed)
    console.print(f"Sent {sent:,} events", highlight=False)


def draw_pictures(folder: Path) -> None:
    """Draw the guide's pictures, one a typology."""
    try:
        from darkpool_watch.evaluate.pictures import draw_guide
    except ModuleNotFoundError as err:
        raise DarkpoolWatchError(
            f"--pictures needs {err.name}, which is not installed: pip install "
            "'darkpool-watch[evaluate]'"
        ) from err
    if not folder.is_dir():
        raise DarkpoolWatchError(f"--pictures is {folder}, needed a folder that exists")
    with progress_bar(len(MODEL_TYPOLOGIES), "pictures") as advance:
        draw_guide(folder, advance=advance)


def show_tally(tally: "Characteristics | None", *, reference: bool, quiet: bool) -> None:
    """Print what the records are like; the last line is one JSON object."""
    if tally is None:
        return
    if not quiet:
        table = Table("characteristic", "here", *(("Cao et al., table 5",) if reference else ()))
        for name, value in msgspec.structs.asdict(tally).items():
            if isinstance(value, dict):
                value = ", ".join(f"{key} {count:,}" for key, count in value.items()) or "none"
            elif isinstance(value, float):
                value = f"{value:.2%}"
            else:
                value = f"{value:,}"
            table.add_row(name, value, *((PAPER.get(name, "-"),) if reference else ()))
        Console().print(table)
    print(msgspec.json.encode(tally).decode())
