"""Rule 8: starts that follow the background pass; fixed phases and chosen securities do not."""

import numpy as np
import pytest

from darkpool_watch.evaluate.placement import Places, join_places, judge_placement, places_of
from darkpool_watch.units import NS_PER_S
from tests.evaluate.tapes import RecordedTape


def drawn(seed: int, count: int = 1_200) -> Places:
    """Return starts drawn from the background itself."""
    rng = np.random.default_rng(seed)
    ts = np.sort((rng.beta(0.7, 0.7, 200_000) * 23_400 * NS_PER_S).astype(np.int64))
    at = rng.choice(5, len(ts), p=[0.4, 0.3, 0.15, 0.1, 0.05])
    chosen = rng.choice(len(ts), count, replace=False)
    return Places(ts, at, ts[chosen] + 1, at[chosen], np.ones(count, bool))


def test_starts_drawn_from_the_background_pass() -> None:
    found = judge_placement(drawn(1))
    assert found.met, found
    assert found.low <= found.figure <= found.high
    assert not judge_placement(drawn(1, count=900)).met  # too few to tell


@pytest.mark.parametrize(
    ("leak", "where"),
    [
        (lambda ts: ts // (60 * NS_PER_S) * 60 * NS_PER_S + 7, "phase of a minute"),
        (lambda ts: ts // NS_PER_S * NS_PER_S + 500, "phase of a second"),
        (lambda ts: ts // 1_000_000 * 1_000_000, "phase of 1 ms"),
        (lambda ts: ts // 2, "time of session"),
    ],
)
def test_starts_at_fixed_phases_or_other_times_are_found(leak: object, where: str) -> None:
    places = drawn(2)
    found = judge_placement(places._replace(start_ts=leak(places.start_ts)))
    assert not found.met
    assert float(found.detail[where]) > 0.05


def test_starts_in_chosen_securities_are_found() -> None:
    places = drawn(3)
    even = np.random.default_rng(4).integers(5, size=len(places.start_at))
    found = judge_placement(places._replace(start_at=even))
    assert not found.met
    assert found.detail["worst"] == "security"


def test_the_distance_by_hand() -> None:
    # The background lies at 0, 1, 2, 3 s, the starts at 0 and 1 s: after 1 s all starts have come
    # and half of the background, a distance of 1/2.
    ts = np.arange(4) * NS_PER_S
    places = Places(ts, np.zeros(4, int), ts[:2], np.zeros(2, int), np.ones(2, bool))
    found = judge_placement(places, least_campaigns=1)
    assert found.detail["time of session"] == pytest.approx(0.5)
    assert found.detail["security"] == 0.0


def test_starts_of_the_simulator_come_at_no_phase(
    market: RecordedTape, other_market: RecordedTape
) -> None:
    places = join_places([places_of(one) for one in (market, other_market)])
    found = judge_placement(places)
    assert found.n > 150
    limit = 1.63 / np.sqrt(found.n)  # 1% of samples of a true background lie farther
    for phase in ("phase of a minute", "phase of a second", "phase of 1 ms"):
        assert float(found.detail[phase]) < limit, phase
