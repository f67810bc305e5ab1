"""Tapes of one daemon: what they name keeps apart, and stays itself from day to day."""

from pathlib import Path

from darkpool_watch.config import Config
from darkpool_watch.pipeline import Pipeline
from darkpool_watch.replay.run import ListDesk
from darkpool_watch.schedule import Nominal
from darkpool_watch.tape import ids
from darkpool_watch.tape.detect import open_tape
from darkpool_watch.tape.tape import Tape
from darkpool_watch.warmup import null_bundle
from darkpool_watch.wire.batch import Batch
from darkpool_watch.wire.source import batches_of
from tests.tape.test_lobster import MESSAGES

TRADES = "timestamp,price,size,symbol\n1340285400,10,5,{0}\n1340285401,10.5,5,{0}\n"


def lobster(folder: Path, symbol: str) -> Tape:
    path = folder / f"{symbol}_2012-06-21_34200000_57600000_message_2.csv"
    path.write_text(MESSAGES)
    return open_tape(path)


def trades(folder: Path, symbol: str) -> Tape:
    path = folder / f"{symbol}.csv"
    path.write_text(TRADES.format(symbol))
    return open_tape(path)


def test_two_tapes_in_one_daemon_do_not_mix(tmp_path: Path) -> None:
    tapes = [
        lobster(tmp_path, "ABC"),
        lobster(tmp_path, "XYZ"),
        trades(tmp_path, "ADX"),
        trades(tmp_path, "ABC"),
    ]
    pipeline = Pipeline(Config(), null_bundle(), Nominal(), ListDesk())
    for tape in tapes:
        for batch in batches_of(tape.events, definitions=tape.definitions):
            pipeline.absorb(Batch(*batch[:5], "FEED", 0))
            pipeline.drain()
    assert pipeline.counts.refused == 0
    assert pipeline.market.counted()["unknown_listings"] == 0
    infos = pipeline.listings.infos
    assert [(i.venue, i.symbol) for i in infos] == [
        ("XNAS", "ABC"),
        ("XNAS", "XYZ"),
        ("XOFF", "ADX"),
        ("XOFF", "ABC"),
    ]
    assert len({i.security_id for i in infos}) == 4  # a coin called ABC is no share called ABC


def test_a_listing_is_itself_again_on_another_day(tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    first, again = lobster(tmp_path, "ABC"), lobster(tmp_path / "again", "ABC")
    assert first.definitions == again.definitions
    # Written down: an id that changes with a release would split a security's history.
    assert (ids.instrument_id("XNAS", "ABC"), ids.security_id("ABC", "USD", "equity")) == (
        1988304483,
        1800862514,
    )


def test_ids_that_meet_are_moved_apart() -> None:
    last = (1 << 32) - 1
    assert ids.distinct([5, 5, 6, last, last]) == [5, 6, 7, last, 1]
