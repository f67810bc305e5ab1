"""The day ledger against plain dicts, at its capacity, and its counterparties' error bound."""

import numpy as np
import pytest
from hypothesis import given, settings

from kernels.account_layout import COUNTERPARTIES, LEDGER, LEDGER_ROWS
from kernels.accounts import AccountState
from kernels.layout import BID, TRADE
from kernels.ledger import read_ledger, set_closing
from tests.features.account_cases import (
    START,
    S,
    add,
    fill,
    naive,
    observation,
    play,
    state,
    streams,
)


def entry(st: AccountState, account: int) -> np.void | None:
    out = np.zeros(1, LEDGER)
    return out[0] if read_ledger(0, account, st, out) else None


@settings(max_examples=60, deadline=None)
@given(streams())
def test_the_ledger_equals_the_twin(rows: list) -> None:
    st, twin = state(), naive()
    for row in rows:
        play(st, row)
        twin.see(row[0])
    for account in range(1, 6):
        found = entry(st, account)
        expected = twin.ledger.get(account)
        assert (found is None) == (expected is None)
        if found is not None and expected is not None:
            for name in ("bought", "sold", "dark", "led"):
                assert found[name] == expected[name], name
            kept = {int(c): q for c, q in zip(found["counterparty"], found["with"], strict=True)}
            kept.pop(0, None)
            assert kept == dict(expected["with"])


def test_net_position_and_led_fills_by_hand() -> None:
    st = state()
    play(
        st,
        fill(0, 7, 8, BID, 300),  # 7 buys 300 lit from 8
        fill(5 * S, 0, 7, BID, 100, dark=1),  # 7 sells 100 dark: not led, it had bought
        fill(6 * S, 7, 0, BID, 50, dark=1),  # 7 buys 50 dark: led
        fill(20 * S, 7, 0, BID, 50, dark=1),  # 20 s after it bought lit: not led
    )
    row = entry(st, 7)
    assert row is not None
    assert row["bought"] - row["sold"] == 300 - 100 + 50 + 50
    assert row["dark"] == 200
    assert row["led"] == 50
    assert entry(st, 8)["sold"] == 300
    assert entry(st, 9) is None


def test_closing_share_counts_from_the_given_time() -> None:
    st = state()
    set_closing(0, START + 10 * S, st)
    play(
        st,
        fill(10 * S - 1, 7, 0, BID, 100),
        fill(10 * S, 7, 0, BID, 30),
        observation(11 * S, TRADE, side=BID, traded=70),  # accounts unknown
    )
    assert entry(st, 7)["closing"] == 30
    assert st.tables[0]["closing_volume"] == 100


def test_chatter_leaves_the_ledger_alone_and_small_traders_give_way() -> None:
    st = state()
    play(st, fill(0, 7, 8, BID, 1_000))
    play(st, *[add(1, 100 + n, BID, 1) for n in range(1_000)])
    assert entry(st, 7)["bought"] == 1_000  # its seat is gone, its ledger is not
    play(st, *[fill(2, 10_000 + n, 0, BID, 10) for n in range(500)])
    assert st.tables[0]["entered"] == LEDGER_ROWS
    assert st.tables[0]["ledger_evicted"] == 500 + 2 - LEDGER_ROWS
    assert entry(st, 7)["bought"] == 1_000
    assert entry(st, 8)["sold"] == 1_000
    assert entry(st, 10_000) is None  # of the least, the lower row gave way
    assert entry(st, 10_499) is not None


def test_counterparties_are_never_understated() -> None:
    rng = np.random.default_rng(2)
    st = state()
    truth = dict.fromkeys(range(100, 130), 0)
    for _ in range(2_000):
        other = 100 + min(29, int(rng.pareto(1.0) * 2))
        quantity = int(rng.integers(1, 20))
        truth[other] += quantity
        play(st, fill(0, 7, other, BID, quantity))
    row = entry(st, 7)
    least = row["with"].min()
    kept = dict(zip(row["counterparty"].tolist(), row["with"].tolist(), strict=True))
    assert len(kept) == COUNTERPARTIES
    for other, quantity in kept.items():
        assert truth[other] <= quantity <= truth[other] + least
    assert max(truth, key=truth.__getitem__) in kept
    assert sum(kept.values()) == pytest.approx(sum(truth.values()))
