import numpy as np
import pytest

from darkpool_watch.sim.facts import BANDS, autocorrelation, facts, outside
from kernels.layout import ADD, ASK, BID, CANCEL, DARK, EVENT, EXECUTE
from tests.sim.conftest import Tape

MS = 1_000_000


def test_half_hours_of_the_simulator_show_the_stylised_facts(
    quiet: Tape, capsys: pytest.CaptureFixture[str]
) -> None:
    config = quiet.simulator.config
    found = [
        facts(quiet.events[quiet.security == s], config.seconds)
        for s in range(1, config.securities + 1)
    ]
    medians = {name: float(np.median([one[name] for one in found])) for name in BANDS}
    with capsys.disabled():
        print()
        for name, (low, high) in BANDS.items():
            print(f"{name:24s} {medians[name]:8.3f}  band {low:g} to {high:g}")
    assert outside(medians) == []
    for one in found:
        assert 0.3 <= one["events_per_s"] <= 30.0


def test_facts_by_hand() -> None:
    # Adds at 0 and 1 ms, both cancelled at 101 ms and 601 ms, a buy of 100 at 602 ms, a dark sell
    # of 300: gaps 1, 100, 500, 1 ms; lives 101 and 600 ms; dark share 300 / 400.
    events = np.zeros(6, EVENT)
    events["ts_event"] = np.array([0, 1, 101, 601, 602, 603]) * MS
    events["kind"] = [ADD, ADD, CANCEL, CANCEL, EXECUTE, EXECUTE]
    events["side"] = [BID, ASK, BID, ASK, ASK, BID]
    events["order_id"] = [1, 2, 1, 2, 3, 4]
    events["size"] = [5, 5, 5, 5, 100, 300]
    events["flags"][5] = DARK
    one = facts(events, 1.0)
    assert one["cancels_to_adds"] == 1.0
    assert one["dark_share"] == 0.75
    assert one["median_life_ms"] == (101 + 600) / 2
    assert one["lives_under_500ms"] == 0.5
    assert one["gaps_under_1ms"] == 0.0
    assert one["events_per_s"] == 6.0
    assert one["gap_cv2"] == pytest.approx(
        np.var([1, 100, 500, 1]) / np.mean([1, 100, 500, 1]) ** 2
    )


def test_autocorrelation_of_an_alternating_series_is_minus_one() -> None:
    assert autocorrelation(np.array([1.0, -1.0] * 50), 1) == pytest.approx(-1.0)
    assert np.isnan(autocorrelation(np.ones(10), 1))
    assert np.isnan(autocorrelation(np.array([1.0, 2.0]), 1))


def test_facts_of_an_empty_tape_are_undefined() -> None:
    assert set(outside(facts(np.zeros(0, EVENT), 10.0))) == set(BANDS)
