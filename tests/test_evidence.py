import numpy as np

from darkpool_watch.evidence import SHOWN, EvidenceRing
from kernels.layout import EVENT, OBSERVATION


def rows(securities: list[int], first: int) -> tuple[np.ndarray, np.ndarray]:
    events = np.zeros(len(securities), EVENT)
    observations = np.zeros(len(securities), OBSERVATION)
    observations["arrival"] = events["sequence"] = np.arange(first, first + len(securities))
    observations["ts"] = observations["arrival"] * 1_000_000
    observations["security"] = securities
    return events, observations


def test_evidence_is_the_securitys_newest_events_up_to_the_decision_in_order() -> None:
    ring = EvidenceRing(kept=64)
    ring.push(*rows([1, 2, 1, 1], 0))
    ring.push(*rows([1, 2], 4))
    found = ring.of(1, arrival=3)
    assert found.arrivals.tolist() == [0, 2, 3]
    assert found.events["sequence"].tolist() == [0, 2, 3]


def test_evidence_survives_the_ring_turning_over() -> None:
    ring = EvidenceRing(kept=16)
    for first in range(0, 60, 3):
        ring.push(*rows([1, 2, 1], first))
    assert ring.of(1, arrival=59).arrivals.tolist() == [53, 54, 56, 57, 59]
    ring.push(*rows([1] * 20, 60))
    assert ring.of(1, arrival=79).arrivals.tolist() == list(range(72, 80))
    assert ring.of(1, arrival=79).events["sequence"].tolist() == list(range(72, 80))


def test_evidence_does_not_depend_on_how_far_the_feed_has_gone_on() -> None:
    ring = EvidenceRing(kept=16)
    ring.push(*rows([1, 1, 2, 1, 2, 1, 2, 2, 2, 2, 2, 1], 0))
    at_once = ring.of(1, arrival=11)
    assert at_once.arrivals.tolist() == [5, 11]  # of the last 8 events of the feed
    for first in range(12, 20):
        ring.push(*rows([1], first))
        later = ring.of(1, arrival=11)
        assert later.arrivals.tolist() == at_once.arrivals.tolist()
        assert later.events.tobytes() == at_once.events.tobytes()


def test_evidence_is_bounded_in_number_and_age() -> None:
    ring = EvidenceRing()
    events, observations = rows([1] * 40, 0)
    observations["ts"][:30] = -(10**12)
    ring.push(events, observations)
    assert len(ring.of(1, arrival=29).arrivals) == SHOWN
    assert ring.of(1, arrival=39).arrivals.tolist() == list(range(30, 40))
    assert len(ring.of(7, arrival=39).arrivals) == 0
