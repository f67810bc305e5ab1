"""Campaigns and look-alikes laid over a recorded tape, with labels and the truth about them.

The recorded events stay byte for byte, but for their sequence numbers. The result is a function of
the tape and the options.
"""

from collections import Counter
from collections.abc import Callable
from typing import Annotated, Final, NamedTuple

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from darkpool_watch.config import NonNegative, PositiveFloat, Section
from darkpool_watch.errors import ConfigError, TapeError
from darkpool_watch.overlay.desk import NO_ORDER, Row
from darkpool_watch.overlay.habits import Habits, Ids, learn
from darkpool_watch.overlay.patterns import LOOKALIKES, TYPOLOGIES
from darkpool_watch.overlay.play import Episode, Stage
from darkpool_watch.sim.labels import Campaign, label_events
from darkpool_watch.tape.tape import Tape
from darkpool_watch.typologies import MODEL_TYPOLOGIES
from darkpool_watch.units import NS_PER_S, UNDEFINED_PRICE
from darkpool_watch.wire.events import Definition
from kernels.layout import ADD, DARK, EVENT, EXECUTE, I64_MAX, ONE_CLOCK, QUOTE, TRADE

_NUMBER: Final = {one.code: number for number, one in enumerate(MODEL_TYPOLOGIES)}
_STREAM: Final = 31  # of random numbers: no other use of the seed draws the same


class InjectConfig(Section, frozen=True, kw_only=True):
    """What is laid over a tape."""

    seed: NonNegative = 7
    campaigns_per_hour: Annotated[float, Meta(ge=0)] = 6.0  # a security
    lookalikes_per_hour: Annotated[float, Meta(ge=0)] | None = None  # None: as many as campaigns
    typologies: tuple[str, ...] = TYPOLOGIES  # in equal parts
    stealth: tuple[PositiveFloat, PositiveFloat] = (0.5, 2.0)  # log-uniform; higher hides more


class InjectedCampaign(Campaign, frozen=True):
    """A campaign and its own records by their sequence in the new tape."""

    sequences: tuple[int, ...] = ()


class InjectedLookalike(msgspec.Struct, frozen=True):
    """A benign episode and its own records by their sequence in the new tape."""

    kind: str
    typology: str  # code of what it looks like
    security_id: int
    start: int  # ns
    end: int  # ns
    sequences: tuple[int, ...]


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """What was laid over a tape, and what could not be."""

    tape: str
    config: InjectConfig
    campaigns: tuple[InjectedCampaign, ...]
    lookalikes: tuple[InjectedLookalike, ...]
    dropped: dict[str, dict[str, int]]  # candidates by kind and reason
    missing: dict[str, int]  # episodes by kind that found no room
    appended_ids: int  # orders whose id had no gap to lie in


class Overlaid(NamedTuple):
    """A tape with what was laid over it."""

    tape: Tape
    labels: NDArray[np.void]  # (N,) LABEL
    truth: Truth


def inject(
    tape: Tape, config: InjectConfig, progress: Callable[[int], None] = lambda _: None
) -> Overlaid:
    """Lay campaigns and look-alikes over every lit listing of a tape that shows orders.

    Raises ConfigError for an unknown typology or an empty range of stealth, TapeError for a tape
    without such a listing.
    """
    _check(config)
    listings = [one for one in tape.definitions if _has_book(tape, one)]
    if not listings:
        raise TapeError(
            f"{tape.label} ({tape.format}) has no book to lay orders over: needed a lit listing "
            "with orders (ADD) and no consolidated quotes, as in a LOBSTER tape"
        )
    clock = np.maximum.accumulate(tape.events["ts_event"])
    rows: list[tuple[Row, int, int, Habits]] = []  # with listing and episode
    episodes: list[tuple[Episode, Definition]] = []
    dropped: dict[str, Counter[str]] = {}
    missing: Counter[str] = Counter()
    for one in listings:
        here = tape.events["instrument_id"] == one.instrument_id
        events = tape.events[here]
        habits = learn(events)
        seed = (config.seed, _STREAM, one.instrument_id)
        stage = Stage(events, clock[here], habits, seed, _printed(tape, one))
        hours = int(clock[here][-1] - clock[here][0]) / NS_PER_S / 3600
        missing += stage.fill(_wanted(config, hours, seed), config.stealth, progress)
        for kind, reasons in stage.dropped.items():
            dropped.setdefault(kind, Counter()).update(reasons)
        for episode in stage.kept:
            rows += [(row, one.instrument_id, len(episodes), habits) for row in episode.desk.rows]
            episodes.append((episode, one))
    rows.sort(key=lambda row: row[0].ts)
    ids = Ids(tape.events)
    own = _to_events(rows, ids)
    places = np.searchsorted(clock, own["ts_event"], side="right")
    _stamp(own, tape.events, places, rows, np.random.default_rng((config.seed, _STREAM)))
    merged = np.insert(tape.events, places, own)
    merged["sequence"] = np.arange(1, len(merged) + 1)
    sequences = places + np.arange(len(own)) + 1
    owner = np.array([episode for _, _, episode, _ in rows], np.int64)
    campaigns, lookalikes = _told(episodes, owner, sequences)
    return Overlaid(
        Tape(tape.label, "parquet", merged, tape.definitions, tape.accounts),
        _labels(merged, tape.definitions, campaigns),
        Truth(
            tape=tape.label,
            config=config,
            campaigns=campaigns,
            lookalikes=lookalikes,
            dropped={kind: dict(sorted(dropped[kind].items())) for kind in sorted(dropped)},
            missing=dict(sorted(missing.items())),
            appended_ids=ids.appended,
        ),
    )


def _check(config: InjectConfig) -> None:
    for code in config.typologies:
        if code not in TYPOLOGIES:
            raise ConfigError(
                f"Expected typologies among {', '.join(TYPOLOGIES)}, was {code!r}: "
                "no other pattern is legal on a book that does not react"
            )
    if not config.typologies or config.stealth[0] > config.stealth[1]:
        raise ConfigError(
            f"Expected one typology or more and a rising range of stealth, was {config.typologies} "
            f"and {config.stealth}"
        )


def _has_book(tape: Tape, one: Definition) -> bool:
    """Return whether a listing is lit and shows orders, and no quote beside them that would lag."""
    here = tape.events["instrument_id"] == one.instrument_id
    kinds = tape.events["kind"][here]
    shown = (tape.events["flags"][here] & DARK) == 0
    return not one.dark and bool((shown & (kinds == ADD)).any()) and not (kinds == QUOTE).any()


def _printed(tape: Tape, one: Definition) -> NDArray[np.int64]:
    """Return when the security's pools printed and as of when they looked at the quote, sorted."""
    ids = [
        other.instrument_id for other in tape.definitions if other.security_id == one.security_id
    ]
    events = tape.events[np.isin(tape.events["instrument_id"], ids)]
    prints = events[((events["flags"] & DARK) > 0) & np.isin(events["kind"], (EXECUTE, TRADE))]
    seen = prints["ts_ref"][prints["ts_ref"] != I64_MAX]
    return np.sort(np.concatenate([prints["ts_event"], seen]))


def _wanted(config: InjectConfig, hours: float, seed: tuple[int, ...]) -> dict[str, int]:
    """Return how many episodes of each kind one listing is to get."""
    rng = np.random.default_rng(seed)
    likewise = config.lookalikes_per_hour
    rates = (
        config.campaigns_per_hour,
        config.campaigns_per_hour if likewise is None else likewise,
    )
    fraction = rng.random()
    shift = int(rng.integers(len(config.typologies)))
    wanted: Counter[str] = Counter()
    for rate, alike in zip(rates, (False, True), strict=True):
        for i in range(int(np.floor(rate * hours + fraction))):
            code = config.typologies[(i + shift) % len(config.typologies)]
            wanted[LOOKALIKES[code] if alike else code] += 1
    return dict(wanted)


def _to_events(rows: list[tuple[Row, int, int, Habits]], ids: Ids) -> NDArray[np.void]:
    """Return own records as EVENT rows, in order of time, still without receive time."""
    own = np.zeros(len(rows), EVENT)
    own["ts_ref"] = I64_MAX
    own["aux_price"] = UNDEFINED_PRICE
    named: dict[tuple[int, int], int] = {}
    for event, (row, listing, episode, habits) in zip(own, rows, strict=True):
        if row.kind == ADD:
            named[episode, row.order] = ids.take(row.ts)
        event["ts_event"] = row.ts
        event["order_id"] = 0 if row.order == NO_ORDER else named[episode, row.order]
        if row.kind == EXECUTE and habits.contra:
            event["contra_order_id"] = ids.take(row.ts)
        event["price"], event["size"] = row.price, row.size
        event["instrument_id"] = listing
        event["kind"], event["side"], event["flags"] = row.kind, row.side, row.flags
    return own


def _stamp(
    own: NDArray[np.void],
    events: NDArray[np.void],
    places: NDArray[np.int64],
    rows: list[tuple[Row, int, int, Habits]],
    rng: np.random.Generator,
) -> None:
    """Give own records receive times as the tape has them, between those of their neighbours."""
    newest, before = -1, -1
    for event, place, (_, _, _, habits) in zip(own, places.tolist(), rows, strict=True):
        if event["flags"] & ONE_CLOCK:
            event["ts_recv"] = event["ts_event"]
            continue
        if place != before:
            newest, before = int(events["ts_recv"][place - 1]), place
        drawn = int(event["ts_event"]) + int(rng.choice(habits.latencies))
        latest = int(events["ts_recv"][place]) - 1 if place < len(events) else drawn
        newest = max(newest, min(max(drawn, newest + 1), latest))
        event["ts_recv"] = newest


def _told(
    episodes: list[tuple[Episode, Definition]],
    owner: NDArray[np.int64],
    sequences: NDArray[np.int64],
) -> tuple[tuple[InjectedCampaign, ...], tuple[InjectedLookalike, ...]]:
    """Return campaigns, numbered by their starts, and look-alikes."""
    like = {kind: code for code, kind in reversed(LOOKALIKES.items())}
    order = sorted(range(len(episodes)), key=lambda i: (episodes[i][0].desk.rows[0].ts, i))
    campaigns: list[InjectedCampaign] = []
    lookalikes = []
    for i in order:
        episode, listing = episodes[i]
        times = tuple(row.ts for row in episode.desk.rows)
        mine = tuple(sequences[owner == i].tolist())
        if episode.plan.kind in like:
            lookalikes.append(
                InjectedLookalike(
                    kind=episode.plan.kind,
                    typology=like[episode.plan.kind],
                    security_id=listing.security_id,
                    start=times[0],
                    end=times[-1],
                    sequences=mine,
                )
            )
            continue
        campaigns.append(
            InjectedCampaign(
                id=len(campaigns),
                typology=episode.plan.kind,
                number=_NUMBER[episode.plan.kind],
                symbol=listing.symbol,
                security_id=listing.security_id,
                accounts=(),
                start=times[0],
                evidence=episode.desk.evidence,
                end=times[-1],
                stealth=episode.plan.stealth,
                messages=times,
                sequences=mine,
            )
        )
    return tuple(campaigns), tuple(lookalikes)


def _labels(
    events: NDArray[np.void],
    definitions: tuple[Definition, ...],
    campaigns: tuple[InjectedCampaign, ...],
) -> NDArray[np.void]:
    """Return the label of every record."""
    security = np.zeros(len(events), np.int64)
    for one in definitions:
        security[events["instrument_id"] == one.instrument_id] = one.security_id
    labels = label_events(events["ts_event"], security, list(campaigns))
    for campaign in campaigns:
        labels["own"][np.array(campaign.sequences) - 1] = 1
    return labels
