"""The reference set is as long as the paper's, and as much of it is anomalous."""

import pytest

from darkpool_watch.sim.market import Simulator
from darkpool_watch.sim.reference import PREVALENCE, RECORDS, reference_days
from kernels.sim_labels import ACTIVE


def test_as_many_of_its_records_are_anomalous_as_the_paper_says() -> None:
    records = active = 0
    for config in reference_days():
        for _, labels in Simulator(config).blocks():
            counted = labels[: RECORDS - records]
            records += len(counted)
            active += int((counted["zone"] == ACTIVE).sum())
        if records == RECORDS:
            break
    assert records == RECORDS
    assert active / records == pytest.approx(PREVALENCE, abs=0.001)
