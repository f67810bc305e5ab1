"""The kernel that checks rows, against its naive twin."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkpool_watch.wire.frame import ROW_REASONS
from darkpool_watch.wire.rows import Rows
from kernels.layout import ADD, DARK, EVENT, EXECUTE, KINDS, QUOTE, UNDEFINED_PRICE
from kernels.validate import EARLIEST, LATEST, SOUND, check_rows, fault_of
from tests.naive.validate import naive_fault, ns_of
from tests.wire.rows import T0, add_rows

PLAIN = getattr(fault_of, "py_func", fault_of)  # the kernel itself where nothing is compiled
PRICES = [UNDEFINED_PRICE, -(1 << 63), -1, 0, 1, 100_000_000_000, (1 << 62) - 1, 1 << 62]
TIMES = [UNDEFINED_PRICE, -1, 0, EARLIEST - 1, EARLIEST, T0, LATEST - 1, LATEST]
SIZES = [0, 1, 100, (1 << 53) - 1, 1 << 53, (1 << 64) - 1]


@st.composite
def any_rows(draw: st.DrawFn) -> Rows:
    """Draw rows at and around every bound."""
    count = draw(st.integers(0, 12))
    rows = np.zeros(count, EVENT)
    for i in range(count):
        row = rows[i]
        row["kind"] = draw(st.integers(0, KINDS) | st.just(255))
        row["side"] = draw(st.integers(0, 3) | st.just(255))
        row["flags"] = draw(st.sampled_from([0, 1, 4, 5, 0x3FFF, 0x4000, 0xFFFF]))
        row["sequence"] = draw(st.sampled_from([i + 5, i + 5, i + 5, i + 6, 0, (1 << 64) - 1]))
        for name in ("price", "aux_price"):
            row[name] = draw(st.sampled_from(PRICES))
        for name in ("ts_event", "ts_recv", "ts_ref"):
            row[name] = draw(st.sampled_from([T0, T0, *TIMES]))
        for name in ("size", "aux_size"):
            row[name] = draw(st.sampled_from(SIZES))
    return rows


def reasons(rows: Rows, first: int) -> list[str]:
    codes = np.full(len(rows), 99, np.uint8)
    bad = check_rows(rows, first, codes)
    assert bad == np.count_nonzero(codes)
    return [ROW_REASONS[code] for code in codes]


@settings(deadline=None, max_examples=300)
@given(any_rows())
def test_check_rows_agrees_with_its_naive_twin(rows: Rows) -> None:
    expected = [naive_fault(row, i + 5) for i, row in enumerate(rows)]
    assert reasons(rows, 5) == expected
    assert [ROW_REASONS[PLAIN(row, i + 5)] for i, row in enumerate(rows)] == expected


def test_bounds_of_time_are_1990_and_2200() -> None:
    assert ns_of(1990) == EARLIEST
    assert ns_of(2200) == LATEST


def test_one_bad_row_of_three_worked_by_hand() -> None:
    # Rows 11, 12, 13; the second claims a size of 2**53, one above the largest allowed.
    rows = add_rows(3, first=11)
    rows["size"][1] = 1 << 53
    assert reasons(rows, 11) == ["", "row_size", ""]
    rows["size"][1] -= np.uint64(1)
    assert reasons(rows, 11) == ["", "", ""]


def test_no_rows_are_sound() -> None:
    assert check_rows(np.zeros(0, EVENT), 1, np.zeros(0, np.uint8)) == 0


def test_a_sequence_beyond_float64_is_compared_exactly() -> None:
    first = (1 << 60) + 1
    rows = add_rows(2, first=1)
    rows["sequence"] = [first, first + 2]
    assert reasons(rows, first) == ["", "row_sequence"]


@pytest.mark.parametrize(
    ("kind", "flags", "price", "aux_price", "reason"),
    [
        (ADD, DARK, UNDEFINED_PRICE, UNDEFINED_PRICE, ""),
        (ADD, 0, UNDEFINED_PRICE, UNDEFINED_PRICE, "row_price"),
        (EXECUTE, 0, UNDEFINED_PRICE, 0, ""),
        (EXECUTE, DARK, 5, 0, "row_reference"),
        (QUOTE, 0, UNDEFINED_PRICE, 5, ""),
        (QUOTE, 0, 5, 0, "row_price"),
    ],
)
def test_undefined_prices_are_right_where_the_kind_allows_them(
    kind: int, flags: int, price: int, aux_price: int, reason: str
) -> None:
    rows = add_rows(1)
    rows["kind"], rows["flags"] = kind, flags
    rows["price"], rows["aux_price"] = price, aux_price
    assert reasons(rows, 1) == [reason]
    assert SOUND == 0
