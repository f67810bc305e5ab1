"""The simulated market: written, played onto ZeroMQ, or held against what it should be."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from cyclopts import Parameter
from rich.console import Console

from darkpool_watch.cli.app import Json, app, option_error
from darkpool_watch.cli.generated import draw_pictures, play_days, show_tally, write_days
from darkpool_watch.cli.generator import show_gate, show_leaks
from darkpool_watch.cli.realism import show_facts
from darkpool_watch.errors import ConfigError, DarkpoolWatchError

if TYPE_CHECKING:
    from darkpool_watch.sim.market import SimConfig

Flag = Annotated[bool, Parameter(negative=())]
WHOLE_DAY = {"seconds": 23_400.0}


@app.command
def simulate(
    out: Path | None = None,
    *,
    to: Literal["tapes", "frames"] = "tapes",
    endpoint: str | None = None,
    replay_endpoint: str = "ipc:///tmp/darkpool_watch.replay",
    speed: float = 1.0,
    market: Path | None = None,
    seed: int | None = None,
    day: int = 0,
    days: int = 1,
    securities: int | None = None,
    seconds: float | None = None,
    campaigns_per_hour: float | None = None,
    view: Literal["venue", "ats", "public"] = "venue",
    reference: Flag = False,
    corpus: Flag = False,
    facts: Flag = False,
    leaks: Flag = False,
    gate: Flag = False,
    quick: Flag = False,
    real: Path | None = None,
    figure: Path | None = None,
    pictures: Path | None = None,
    json: Json = False,
) -> None:
    """Simulate the market: write it to OUT, play it onto ZeroMQ, or hold it against what it is for.

    --leaks and --gate have tapes of their own, so that their figures can be compared; they exit
    with 1 where a bound is not met.

    Parameters
    ----------
    out
        Folder to write. Run again after an interruption, it goes on where it stopped.
    to
        tapes: events, labels and truth in parquet; frames: the 240 features in float16.
    endpoint
        PUB socket to bind and play the first day onto, instead of writing.
    replay_endpoint
        ROUTER socket to bind beside it.
    speed
        With --endpoint: multiple of the market's own clock; 0 is flat out.
    market
        TOML file with keys of the simulated market (darkpool_watch.sim.market.SimConfig).
    seed
        Of the simulated days.
    day
        First business day, from 0.
    days
        How many days to write.
    securities
        How many are traded.
    seconds
        Length of each day's tape; a whole session, 23,400 s, unless said.
    campaigns_per_hour
        Injected, a security; none unless said.
    view
        Whose accounts a tape names: every one, those that the pool's operator sees, or none.
    reference
        Write the reference set instead: 2,543,678 records, 5.7% of them anomalous.
    corpus
        Write days of the corpus that training and evaluation read, by its own seed and values.
    facts
        Measure the stylised facts against their bands, and let trees tell it from real tapes.
    leaks
        Look for what gives the labels of injected campaigns away, each rule with its bound.
    gate
        Measure how far single features, logistic regression and boosted trees find campaigns.
    quick
        With --leaks or --gate: smaller tapes and wider intervals.
    real
        With --facts: folder of real recordings; what DARKPOOL_WATCH_DATA names without one.
    figure
        With --facts: where to draw them: png, svg or pdf.
    pictures
        Folder to draw a picture of every typology into, a campaign beside its look-alike.
    json
        Print only the JSON line.
    """
    modes = sum(one is not None for one in (out, endpoint, pictures)) + facts + leaks + gate
    if modes != 1:
        raise DarkpoolWatchError(
            f"simulate was told {modes or 'no'} mode{'s' if modes else ''}, needed one: "
            "name a folder to write, or add --endpoint, --facts, --leaks, --gate or --pictures"
        )
    if pictures is not None:
        draw_pictures(pictures)
        return
    if leaks or gate:
        met = (show_leaks if leaks else show_gate)(quick=quick, quiet=json)
        raise SystemExit(0 if met else 1)
    from darkpool_watch.sim.corpus import corpus_day
    from darkpool_watch.sim.reference import RECORDS, reference_days

    asked = {
        "seed": seed,
        "securities": securities,
        "seconds": seconds,
        "campaigns_per_hour": campaigns_per_hour,
    }
    said = {name: value for name, value in asked.items() if value is not None}
    if reference or corpus:
        if said or market or (reference and corpus):
            raise DarkpoolWatchError(
                "--reference and --corpus have values of their own: leave out the other one, "
                f"--market and {', '.join(said) or 'what else is said of the market'}"
            )
        plan = reference_days() if reference else tuple(map(corpus_day, range(day, day + days)))
    else:
        plan = _days(market, said, day, days, {"securities": 20} if facts else {})
    if facts:
        show_facts(plan[0], real, figure, quiet=json)
    elif endpoint is not None:
        play_days(plan, endpoint, replay_endpoint, speed)
    elif out is not None:
        tally = write_days(out, plan, to=to, view=view, records=RECORDS if reference else None)
        show_tally(tally, reference=reference, quiet=json)
        Console(stderr=True).print(f"Wrote {out}", highlight=False, markup=False)


def _days(
    market: Path | None,
    said: dict[str, int | float],
    first: int,
    count: int,
    defaults: dict[str, int],
) -> "tuple[SimConfig, ...]":
    """Return the days asked for; ConfigError in one sentence for values that no market has."""
    from darkpool_watch.sim.market import SimConfig

    try:
        table = msgspec.toml.decode(market.read_bytes()) if market else {}
    except (OSError, msgspec.DecodeError) as err:
        raise ConfigError(f"Cannot read --market {market}: {err}") from err
    if not 1 <= count <= 250:
        raise ConfigError(f"--days is {count}, needed 1 to 250")
    try:
        return tuple(
            msgspec.convert({**WHOLE_DAY, **defaults, **table, **said, "day": day}, SimConfig)
            for day in range(first, first + count)
        )
    except msgspec.ValidationError as err:
        raise ConfigError(option_error(err, said, f"--market {market}")) from err
