import resource
import signal
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

from darkpool_watch.errors import TapeError
from darkpool_watch.market.counterparties import Counterparties
from darkpool_watch.sim.market import SimConfig, Simulator
from darkpool_watch.sim.matrix import pairings
from darkpool_watch.sim.store import read_labels, write_tapes
from darkpool_watch.sim.tally import Tally
from darkpool_watch.tape.detect import open_tape
from darkpool_watch.tape.reference import COUNTERPARTIES, read_counterparties

CONFIGS = Path(__file__).parents[2] / "configs"
SHORT = SimConfig(seed=9, securities=2, seconds=60.0, campaigns_per_hour=60.0)


def played(config: SimConfig) -> tuple[np.ndarray, np.ndarray]:
    blocks = list(Simulator(config).blocks())
    return np.concatenate([e for e, _ in blocks]), np.concatenate([z for _, z in blocks])


def test_a_stored_tape_is_the_simulated_one(tmp_path: Path) -> None:
    told: list[float] = []
    manifest = write_tapes(tmp_path / "out", (SHORT,), part_events=300, progress=told.append)
    events, labels = played(SHORT)
    assert manifest.complete
    assert open_tape(tmp_path / "out").events.tobytes() == events.tobytes()
    files = sorted((tmp_path / "out").glob("*.labels.parquet"))
    assert len(files) == -(-len(events) // 300) > 1
    assert np.concatenate([read_labels(file) for file in files]).tobytes() == labels.tobytes()
    truth = msgspec.json.decode((tmp_path / "out" / "day-000.truth.json").read_bytes())
    assert {one["id"] for one in truth["campaigns"]} >= set(labels["campaign"]) - {-1}
    assert told == sorted(told)
    assert told[-1] == 60.0


def test_the_pools_matrix_lies_beside_the_tapes_and_in_the_configs(tmp_path: Path) -> None:
    write_tapes(tmp_path / "out", (SHORT,))
    written = tmp_path / "out" / COUNTERPARTIES
    kept = Counterparties(pairings())
    assert read_counterparties(written).rows.tobytes() == kept.rows.tobytes()
    assert len(kept.rows) == 2
    shipped = read_counterparties(CONFIGS / "simulated.counterparties.toml")
    assert (shipped.venues, shipped.rows.tobytes()) == (kept.venues, kept.rows.tobytes())


def test_a_run_that_stopped_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    def stop(seconds: float) -> None:
        if seconds > 20.0:
            raise Stop

    with pytest.raises(Stop):
        write_tapes(tmp_path / "a", (SHORT,), part_events=200, progress=stop)
    begun = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "a").glob("*.parquet")}
    assert begun
    write_tapes(tmp_path / "a", (SHORT,), part_events=200)
    write_tapes(tmp_path / "b", (SHORT,), part_events=200)
    for path in (tmp_path / "b").iterdir():
        assert path.read_bytes() == (tmp_path / "a" / path.name).read_bytes()
    for name, modified in begun.items():
        assert (tmp_path / "a" / name).stat().st_mtime_ns == modified


def test_a_set_ends_after_the_records_asked_for_and_is_counted(tmp_path: Path) -> None:
    tally = Tally()
    days = tuple(msgspec.structs.replace(SHORT, day=day) for day in range(3))
    first = len(played(SHORT)[0])
    write_tapes(tmp_path / "out", days, records=first + 100, part_events=250, tally=tally)
    found = tally.characteristics(SHORT.securities)
    labels = np.concatenate(
        [read_labels(path) for path in sorted((tmp_path / "out").glob("*.labels.parquet"))]
    )
    assert found.records == len(labels) == first + 100
    assert found.anomalies == (labels["zone"] == 1).sum() > 0
    assert found.prevalence == found.anomalies / found.records
    assert (found.days, found.securities, found.features) == (2, 2, 240)
    assert not (tmp_path / "out" / "day-002.truth.json").exists()
    truths = [
        msgspec.json.decode(path.read_bytes()) for path in (tmp_path / "out").glob("*.truth.json")
    ]
    complete = [one for truth in truths for one in truth["campaigns"] if one["evidence"] >= 0]
    assert len(complete) == sum(found.campaigns.values()) > 0


def test_labels_that_are_none_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "day.labels.parquet"
    path.write_bytes(b"PAR1")
    with pytest.raises(TapeError, match=r"Cannot read labels .*day\.labels"):
        read_labels(path)
    pl.DataFrame({"zone": [1]}).write_parquet(path)
    with pytest.raises(TapeError, match="has columns zone, needed zone, typology, campaign, own"):
        read_labels(path)


def test_two_days_are_two_tapes(tmp_path: Path) -> None:
    next_day = msgspec.structs.replace(SHORT, day=1)
    write_tapes(tmp_path / "out", (SHORT, next_day))
    with pytest.raises(TapeError, match=r"several days: name one of its files, such as day-000"):
        open_tape(tmp_path / "out")
    second = open_tape(tmp_path / "out" / "day-001-part-000.tape.parquet")
    assert second.events.tobytes() == played(next_day)[0].tobytes()


def test_a_public_view_names_nobody(tmp_path: Path) -> None:
    write_tapes(tmp_path / "out", (SHORT,), view="public")
    tape = open_tape(tmp_path / "out")
    assert not tape.events["account"].any()
    assert not tape.events["contra_account"].any()
    assert tape.accounts == ()


def test_a_full_disk_leaves_readable_parts(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    write_tapes(tmp_path / "whole", (SHORT,), part_events=200)
    sizes = [p.stat().st_size for p in (tmp_path / "whole").glob("*-part-000.tape.parquet")]
    big = msgspec.structs.replace(SHORT, day=1, rate_scale=40.0)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 * max(sizes), hard))
    try:
        with pytest.raises(TapeError, match="are whole: make room, then run the same command"):
            write_tapes(tmp_path / "out", (SHORT, big), part_events=100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    tape = open_tape(tmp_path / "out")
    assert tape.events.tobytes() == played(SHORT)[0].tobytes()
