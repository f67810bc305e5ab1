"""The command that lays abuse over a recorded tape."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter
from rich.console import Console

from darkpool_watch.cli.app import Json, app, progress_bar
from darkpool_watch.errors import ConfigError


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
    from darkpool_watch.overlay.files import labels_path, truth_path, write_overlaid
    from darkpool_watch.overlay.inject import InjectConfig
    from darkpool_watch.overlay.inject import inject as lay_over
    from darkpool_watch.tape.detect import open_tape

    try:
        config = msgspec.convert(
            {
                "seed": seed,
                "campaigns_per_hour": campaigns_per_hour,
                "typologies": [one.strip() for one in typologies.split(",")],
                "lookalikes_per_hour": lookalikes_per_hour,
                "stealth": stealth,
            },
            InjectConfig,
        )
    except msgspec.ValidationError as err:
        raise ConfigError(f"Options of inject: {err}") from err
    for path in filter(None, (out, labels)):
        if path.resolve() == tape.resolve() or path.is_dir():
            raise ConfigError(
                f"inject was told to write {path}: needed the path of a file other than the tape, "
                "which stays as it was recorded"
            )
    opened = open_tape(tape)
    with progress_bar(len(opened.events)) as advance:
        done = lay_over(opened, config, advance)
    write_overlaid(done, out, labels)
    truth = done.truth
    summary = {
        "tape": truth.tape,
        "out": str(out),
        "labels": str(labels or labels_path(out)),
        "truth": str(truth_path(out)),
        "events": len(done.tape.events),
        "own": int(done.labels["own"].sum()),
        "active": int((done.labels["zone"] == 1).sum()),
        "campaigns": Counter(one.typology for one in truth.campaigns),
        "lookalikes": Counter(one.kind for one in truth.lookalikes),
        "missing": truth.missing,
        "dropped": truth.dropped,
        "appended_ids": truth.appended_ids,
    }
    if json:
        print(msgspec.json.encode(summary).decode())
        return
    console = Console()
    for name, value in summary.items():
        console.print(f"{name:>13}  {value}", highlight=False, markup=False)
