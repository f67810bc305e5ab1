"""The account families against their unbounded twin, after every event of random streams."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.features.account_cases import (
    MINE,
    S,
    naive,
    play,
    state,
    streams,
    written,
)


def assert_same(row: np.ndarray, twin: np.ndarray, where: object) -> None:
    np.testing.assert_allclose(
        row[MINE], twin[MINE], rtol=2e-5, atol=5e-6, equal_nan=True, err_msg=str(where)
    )


@settings(max_examples=120, deadline=None)
@given(streams(), st.sampled_from([0, 1, 40_000_000, 900_000_000, 9 * S, 59 * S, 61 * S]))
def test_families_equal_the_twin_after_every_event(rows: list, later: int) -> None:
    st_, twin = state(), naive()
    for i, row in enumerate(rows):
        play(st_, row)
        twin.see(row[0])
        now = int(row["ts"][0])
        assert_same(written(st_, now), twin.row(now), (i, "at the event"))
        assert_same(written(st_, now + later), twin.row(now + later), (i, later))
    assert st_.tables[0]["levels_passed_over"] == 0
