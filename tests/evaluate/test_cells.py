import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkpool_watch.evaluate.cells import (
    cells_of,
    newest_frames,
    of_typology,
    scores_of_cells,
    weights_of_cells,
    zone_shares,
)
from darkpool_watch.sim.labels import LABEL
from kernels.sim_labels import ACTIVE, CLEAN, ONSET
from tests.evaluate.cases import cells

RECORDS = st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=60)


@settings(deadline=None)
@given(RECORDS)
def test_the_newest_frame_of_a_record_is_found_as_by_looking_back(
    records: list[tuple[int, bool]],
) -> None:
    security = np.array([s for s, _ in records], np.int32)
    arrival = np.flatnonzero([owed for _, owed in records])
    expected = []
    for i, (s, _) in enumerate(records):
        back = [k for k, a in enumerate(arrival) if a <= i and security[a] == s]
        expected.append(back[-1] if back else -1)
    assert newest_frames(security, arrival).tolist() == expected


def test_records_of_one_frame_and_zone_make_one_cell() -> None:
    # Security 0: records 0, 2, 3, 5 with frames at 2 and 5; security 1: records 1, 4, frame at 1.
    security = np.array([0, 1, 0, 0, 1, 0])
    labels = np.zeros(6, LABEL)
    labels["typology"] = labels["campaign"] = -1
    labels[[3, 5]] = (ACTIVE, 6, 4, 1)
    found = cells_of(
        security,
        np.array([1, 2, 5]),
        labels,
        np.full(6, -1),
        first_frame=10,
        first_campaign=100,
        first_cluster=20,
    )
    told = [tuple(int(one) for one in row) for row in found.tolist()]
    assert told == [
        (1, -1, 20, -1, CLEAN, -1, -1),
        (1, 11, 20, -1, CLEAN, -1, -1),
        (1, 11, 20, 104, ACTIVE, 6, -1),
        (1, 12, 20, 104, ACTIVE, 6, -1),
        (2, 10, 21, -1, CLEAN, -1, -1),
    ]
    score = np.arange(13.0)
    assert scores_of_cells(found, score).tolist() == [-np.inf, 11.0, 11.0, 12.0, 10.0]


def test_a_cell_weighs_alike_by_typology_then_campaign_then_record() -> None:
    found = cells(
        (3, 0, 1, ACTIVE, 0),
        (1, 0, 1, ACTIVE, 0),
        (5, 0, 2, ACTIVE, 0),
        (9, 0, 3, ACTIVE, 6),
        (4, 0, 3, ONSET, 6),
        (1, 0, -1, CLEAN, -1),
        (3, 0, -1, CLEAN, -1),
    )
    # 0.2 of prevalence: half to each typology, a quarter to each campaign of typology 0.
    expected = [0.0375, 0.0125, 0.05, 0.1, 0.0, 0.2, 0.6]
    assert weights_of_cells(found, 0.2) == pytest.approx(expected)
    assert zone_shares(found) == pytest.approx(np.array([4, 18, 4, 0]) / 26)
    assert of_typology(found, 6).tolist() == [False, False, False, True, False, True, True]


def test_no_records_make_no_cells() -> None:
    none = np.zeros(0, np.int64)
    found = cells_of(none, none, np.zeros(0, LABEL), none)
    assert len(found) == 0
    assert len(weights_of_cells(found)) == 0
    assert zone_shares(found).tolist() == [0.0] * 4
