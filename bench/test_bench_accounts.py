"""What the account kernels cost beside their twin: `pytest --benchmark-enable` on this file."""

from typing import Any

import numpy as np

from kernels.accounts import LAYERING, AccountState, accumulate_accounts, write_accounts
from kernels.jit import kernel
from tests.features.account_cases import MINE, naive, state
from tests.features.test_account_tables import crowd

EVENTS = 2_000


@kernel
def accumulate_block(observations, st):
    for n in range(observations.shape[0]):
        accumulate_accounts(observations[n], 0, st)


@kernel
def write_rows(count, now, st, row):
    for n in range(count):
        write_accounts(0, now + n, st, row)


def loaded(size: int = EVENTS) -> tuple[np.ndarray, AccountState]:
    rows, st = crowd(size, 300, 7, 5e6), state()
    accumulate_block(rows, st)
    return rows, st


def test_accumulating_events(benchmark: Any) -> None:
    rows, st = loaded()
    seated = int(st.tables[0]["seated"])

    def fresh() -> tuple[tuple[np.ndarray, AccountState], dict]:
        return (rows, state()), {}

    benchmark.extra_info["events"] = EVENTS
    benchmark.pedantic(accumulate_block, setup=fresh, rounds=20)
    assert seated > 100


def test_writing_rows(benchmark: Any) -> None:
    rows, st = loaded()
    row = np.full(240, np.nan)
    benchmark.extra_info["rows"] = 1_000
    benchmark(write_rows, 1_000, int(rows["ts"][-1]), st, row)
    assert row[LAYERING + 3] > 0.0


def test_the_twin_accumulating_and_writing_once(benchmark: Any) -> None:
    rows, st = loaded(300)

    def twin() -> np.ndarray:
        accounts = naive()
        for o in rows[:300]:
            accounts.see(o)
        return accounts.row(int(rows["ts"][299]))

    row = np.full(240, np.nan)
    write_accounts(0, int(rows["ts"][299]), st, row)
    np.testing.assert_allclose(row[MINE], benchmark(twin)[MINE], rtol=2e-5, atol=5e-6)
