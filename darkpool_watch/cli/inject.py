"""The command that lays abuse over a recorded tape."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
from cyclopts import Parameter
from rich.console import Console

from darkpool_watch.cli.app import Json, app, option_error, progress_bar
from darkpool_watch.errors import ConfigError, TapeError
from darkpool_watch.typologies import TYPOLOGIES
from darkpool_watch.units import NS_PER_S, counted

if TYPE_CHECKING:
    from darkpool_watch.overlay.inject import Truth
    from darkpool_watch.tape.tape import Tape


@app.command
def inject(
    tape: Path,
    out: Path,
    *,
    seed: int = 7,
    campaigns_per_hour: float = 6.0,
    typologies: str = "SPOOF,LAYER,FLIP,STUFF",
    lookalikes_per_hour: float | None = None,
    stealth: Annotated[tuple[float, float], Parameter(metavar="LOW HIGH")] = (0.5, 2.0),
    labels: Path | None = None,
    json: Json = False,
) -> None:
    """Lay simulated abuse and its look-alikes over a recorded tape, for tests of detection.

    The counterparty matrix that lies beside the tape is copied beside OUT. Where no campaign could
    be laid nothing is written, and the exit code is 2.

    Parameters
    ----------
    tape
        A tape of any format `publish` reads that shows orders.
    out
        Our parquet to write; its labels and OUT.truth.json lie beside it.
    seed
        The result is a function of the tape and these options.
    campaigns_per_hour
        Of all typologies, a security.
    typologies
        Which, separated by commas.
    lookalikes_per_hour
        Benign episodes, a security; as many as campaigns without it.
    stealth
        Range, log-uniform; higher hides more.
    labels
        Zone, typology, campaign and own of every record; OUT.labels.parquet without it.
    json
        Print only one JSON line.
    """
    from darkpool_watch.overlay.files import copy_matrix, labels_path, truth_path, write_overlaid
    from darkpool_watch.overlay.inject import InjectConfig
    from darkpool_watch.overlay.inject import inject as lay_over
    from darkpool_watch.tape.detect import open_tape

    options = {
        "seed": seed,
        "campaigns_per_hour": campaigns_per_hour,
        "typologies": [one.strip() for one in typologies.split(",")],
        "lookalikes_per_hour": lookalikes_per_hour,
        "stealth": stealth,
    }
    try:
        config = msgspec.convert(options, InjectConfig)
    except msgspec.ValidationError as err:
        raise ConfigError(option_error(err, options)) from err
    for path in filter(None, (out, labels)):
        if path.resolve() == tape.resolve() or path.is_dir():
            raise ConfigError(
                f"inject was told to write {path}: needed the path of a file other than the tape, "
                "which stays as it was recorded"
            )
    opened = open_tape(tape)
    with progress_bar(len(opened.events)) as advance:
        done = lay_over(opened, config, advance)
    truth = done.truth
    if not truth.campaigns and campaigns_per_hour > 0:
        raise TapeError(_nothing_laid(opened, campaigns_per_hour, truth))
    matrix = copy_matrix(tape, out)
    write_overlaid(done, out, labels)
    summary = {
        "tape": truth.tape,
        "out": str(out),
        "labels": str(labels or labels_path(out)),
        "truth": str(truth_path(out)),
        "counterparties": None if matrix is None else str(matrix),
        "events": len(done.tape.events),
        "own": int(done.labels["own"].sum()),
        "active": int((done.labels["zone"] == 1).sum()),
        "campaigns": dict(Counter(one.typology for one in truth.campaigns)),
        "lookalikes": dict(Counter(one.kind for one in truth.lookalikes)),
        "missing": truth.missing,
        "dropped": truth.dropped,
        "appended_ids": truth.appended_ids,
    }
    if json:
        print(msgspec.json.encode(summary).decode())
        return
    console = Console()
    for name, value in summary.items():
        console.print(f"{name:>14}  {value}", highlight=False, markup=False, soft_wrap=True)


def _nothing_laid(tape: "Tape", campaigns_per_hour: float, truth: "Truth") -> str:
    """Return why no campaign lies over a tape, and what to do."""
    times = tape.events["ts_event"]
    seconds = int(times.max() - times.min()) / NS_PER_S
    sought = {kind: count for kind, count in truth.missing.items() if kind in TYPOLOGIES}
    if not sought:
        return (
            f"No campaign was laid over {tape.label}, and nothing was written: it is "
            f"{seconds:,.0f} s long, in which {campaigns_per_hour:g} an hour come to none: name a "
            f"longer tape, or --campaigns-per-hour {2 * 3_600 / max(seconds, 1.0):.0f}"
        )
    reasons: Counter[str] = Counter()
    for kind in sought:
        reasons.update(truth.dropped.get(kind, {}))
    why = ", ".join(f"{reason} {count:,} times" for reason, count in reasons.most_common())
    return (
        f"No campaign was laid over {tape.label}, and nothing was written: "
        f"{counted(sum(sought.values()), 'campaign')} found no place in its {seconds:,.0f} s "
        f"({why or 'no candidate was left'}): name a longer or a busier tape, other --typologies "
        "or another --seed"
    )
