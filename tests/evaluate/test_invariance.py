"""Rules 3, 6 and 11 hold on the simulator, and fail where a leak is planted."""

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from darkpool_watch.evaluate.cells import scores_of_cells
from darkpool_watch.evaluate.finding import Finding
from darkpool_watch.evaluate.invariance import (
    features_by_stages,
    jittered,
    judge_invariance,
    judge_truncation,
    judge_untouched,
    renamed,
)
from darkpool_watch.evaluate.models import Rows, Trees
from darkpool_watch.evaluate.sample import Sample, play_day
from darkpool_watch.features.normaliser import Normaliser
from darkpool_watch.sim.market import Simulator
from kernels.layout import ADD
from kernels.sim_labels import ACTIVE
from tests.evaluate.conftest import SMALL
from tests.evaluate.tapes import RecordedTape
from tests.evaluate.tapes import Rows as Events

TINY = msgspec.structs.replace(SMALL, securities=6, seconds=900.0, typologies=("SPOOF", "PING"))
PLAIN = Normaliser.default()


def play(**changes: Any) -> Sample:
    return play_day(TINY, PLAIN, **changes)


@pytest.fixture(scope="module")
def plain() -> Sample:
    return play()


@pytest.fixture(scope="module")
def trees() -> Trees:
    """Trees fitted on another market."""
    rows = Rows(play_day(msgspec.structs.replace(TINY, seed=22, day=9), PLAIN))
    return Trees(rows.values, rows.active, rows.weight, rounds=20)


def held(score_of: Callable[[Any], Any], plain: Sample, **changed: Sample) -> Finding:
    """Return what rule 3 says of a score of frames (K, 240)."""

    def judged(sample: Sample) -> tuple[Events, NDArray[np.float64]]:
        return sample.cells, scores_of_cells(sample.cells, score_of(sample.values))

    others = {name: judged(sample) for name, sample in changed.items()}
    return judge_invariance(judged(plain), others, draws=100)


def test_other_ids_and_clock_digits_change_no_average_precision(
    plain: Sample, trees: Trees
) -> None:
    accounts, change = renamed(Simulator(TINY).accounts())
    names = play(change=change, accounts=accounts)
    found = held(trees.score, plain, ids=names, digits=play(change=jittered()))
    assert found.met, found
    assert 0.1 < float(found.detail["average precision"]) < 0.99
    assert np.array_equal(names.cells, plain.cells)


def test_a_score_that_reads_the_digits_of_the_clock_is_found(plain: Sample, trees: Trees) -> None:
    values = plain.values.copy()
    active = plain.cells[plain.cells["zone"] == ACTIVE]["frame"]
    values[active, 0] = 60.0  # what the true digits gave away

    def peeking(rows: NDArray[Any]) -> NDArray[np.float64]:
        return trees.score(rows) + np.where(rows[:, 0] == 60.0, 1.0, 0.0)

    found = held(peeking, plain._replace(values=values), digits=play(change=jittered()))
    assert not found.met
    assert found.high < -0.05


def test_renamed_events_keep_who_meets_whom(market: RecordedTape) -> None:
    _, change = renamed(market.simulator.accounts())
    events = market.events
    other = change(events)
    for name in ("account", "order_id"):
        _, before = np.unique(events[name], return_inverse=True)
        _, after = np.unique(other[name], return_inverse=True)
        pairs = np.unique(np.stack([before, after]), axis=1)
        assert pairs.shape[1] == before.max() + 1 == after.max() + 1
        assert (other[name][events[name] == 0] == 0).all()
        assert (other[name] != events[name])[events[name] > 0].mean() > 0.99


def test_jittered_times_stay_in_order_and_in_their_microsecond(market: RecordedTape) -> None:
    change = jittered()
    times = np.concatenate([change(events)["ts_event"] for events, _ in market.blocks()])
    before = market.events["ts_event"]
    assert (np.diff(times) >= 0).all()
    assert np.array_equal(times // 1_000, before // 1_000)
    assert (times != before).mean() > 0.9


@pytest.fixture(scope="module")
def cut_market() -> RecordedTape:
    return RecordedTape(msgspec.structs.replace(TINY, seconds=240.0))


def test_no_event_changes_a_bit_of_an_earlier_frame(cut_market: RecordedTape) -> None:
    features_of = features_by_stages(cut_market.simulator, PLAIN, 512)
    found = judge_truncation(
        features_of,
        cut_market.events,
        cuts=4,
        score_of=lambda values: np.nan_to_num(values).sum(axis=1),
    )
    assert found.met, found
    assert found.n > 1_000


def test_a_feature_that_looks_ahead_is_found(cut_market: RecordedTape) -> None:
    features_of = features_by_stages(cut_market.simulator, PLAIN, 512)

    def peeking(events: Events) -> tuple[NDArray[np.int64], NDArray[Any]]:
        arrival, values = features_of(events)
        adds = np.append(0, np.cumsum(events["kind"] == ADD))
        coming = adds[np.minimum(arrival + 50, len(events))] - adds[arrival]
        return arrival, np.column_stack([values, coming])

    def smoothed(events: Events) -> tuple[NDArray[np.int64], NDArray[Any]]:
        arrival, values = features_of(events)
        return arrival, np.nan_to_num(values) - np.nan_to_num(values).mean(axis=0)

    for leak in (peeking, smoothed):
        found = judge_truncation(leak, cut_market.events, cuts=6)
        assert not found.met
        assert found.figure > 0.0


def test_a_score_that_is_centred_with_later_frames_is_found(cut_market: RecordedTape) -> None:
    features_of = features_by_stages(cut_market.simulator, PLAIN, 512)

    def centred(values: NDArray[Any]) -> NDArray[np.float64]:
        totals = np.nan_to_num(np.asarray(values, np.float64)).sum(axis=1)
        return totals - totals.mean()

    found = judge_truncation(features_of, cut_market.events, cuts=3, score_of=centred)
    assert not found.met


@pytest.fixture(scope="module")
def without() -> RecordedTape:
    return RecordedTape(msgspec.structs.replace(SMALL, campaigns_per_hour=0.0))


def test_nothing_differs_before_the_first_own_message(
    market: RecordedTape, without: RecordedTape
) -> None:
    found = judge_untouched(market.events, without.events, market.simulator.campaigns)
    assert found.met, found
    assert found.n > 1_000


@pytest.mark.parametrize("leak", ["an order more", "another size", "another number"])
def test_a_trace_before_the_first_own_message_is_found(
    market: RecordedTape, without: RecordedTape, leak: str
) -> None:
    events, campaigns = market.events, market.simulator.campaigns
    first = min(campaigns, key=lambda c: c.start)
    early = np.flatnonzero(events["ts_event"] < first.start)
    late = early[-1]
    if leak == "an order more":
        events = np.insert(events, late, events[late])
    elif leak == "another size":
        events["size"][late] += np.uint64(1)
    else:
        events["sequence"][late] += np.uint64(1)
    found = judge_untouched(events, without.events, campaigns)
    assert not found.met
    assert found.figure >= 1.0
