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
    assert found.observations["arrival"].tolist() == [0, 2, 3]
    assert found.events["sequence"].tolist() == [0, 2, 3]


def test_evidence_survives_the_ring_turning_over() -> None:
    ring = EvidenceRing(kept=8)
    for first in range(0, 60, 3):
        ring.push(*rows([1, 2, 1], first))
    assert ring.of(1, arrival=59).observations["arrival"].tolist() == [53, 54, 56, 57, 59]
    ring.push(*rows([1] * 20, 60))
    assert ring.of(1, arrival=99).observations["arrival"].tolist() == list(range(72, 80))


def test_evidence_is_bounded_in_number_and_age() -> None:
    ring = EvidenceRing()
    events, observations = rows([1] * 40, 0)
    observations["ts"][:30] = -(10**12)
    ring.push(events, observations)
    assert len(ring.of(1, arrival=29).observations) == SHOWN
    assert ring.of(1, arrival=39).observations["arrival"].tolist() == list(range(30, 40))
    assert len(ring.of(7, arrival=39).observations) == 0
