"""Observations of accounts for the tests, one helper a kind, and random streams of them."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from kernels.accounts import AccountState, accumulate_accounts, new_account_state, write_accounts
from kernels.layout import (
    ADD,
    ASK,
    BID,
    CANCEL,
    CLEAR,
    DARK_TRADE,
    EXECUTE,
    FOK,
    HIDDEN,
    IOC,
    LIT_TRADE,
    OBSERVATION,
    QUOTE,
    REPLACE,
    SIDE_NONE,
    TRADE,
    UNDEFINED_PRICE,
    UNKNOWN_AGE,
)
from kernels.profile import P10, P90, PROFILE, REFERENCE_P95
from tests.naive.accounts import BASES, NaiveAccounts

START = 1_600_000_000_000_000_000  # ns
S = 1_000_000_000  # ns in a second
MS = 1_000_000
TICK = 10_000_000  # 1e-9 currency
BEST_BID = 100 * 10**9
BEST_ASK = BEST_BID + 2 * TICK
TINY, LARGE, STALE_NS = 50, 500, 5 * MS
MINE = [base + k for base in BASES for k in range(4)]


def observation(ts: int = 0, kind: int = ADD, **fields: Any) -> np.ndarray:
    """Return one OBSERVATION, `ts` ns after START; groups are the accounts unless given."""
    rows = np.zeros(1, OBSERVATION)
    o = rows[0]
    defaults = {
        "ts": START + ts,
        "kind": kind,
        "quoted": 1,
        "bid0": BEST_BID,
        "ask0": BEST_ASK,
        "bid": BEST_BID,
        "ask": BEST_ASK,
        "mid2_before": BEST_BID + BEST_ASK,
        "mid2": BEST_BID + BEST_ASK,
        "price": UNDEFINED_PRICE,
        "old_price": UNDEFINED_PRICE,
        "age": UNKNOWN_AGE,
        "contra_age": UNKNOWN_AGE,
        "reference_age": UNKNOWN_AGE,
        "group": fields.get("account", 0),
        "contra_group": fields.get("contra_account", 0),
    }
    for name, value in (defaults | fields).items():
        o[name] = value
    return rows


def add(ts, account, side, ticks_behind, size=100, **fields):
    price = BEST_BID - ticks_behind * TICK if side == BID else BEST_ASK + ticks_behind * TICK
    return observation(
        ts, ADD, account=account, side=side, price=price, added=size, order_size=size,
        order_left=size, age=0, **fields,
    )  # fmt: skip


def cancel(ts, account, side, ticks_behind, size=100, **fields):
    price = BEST_BID - ticks_behind * TICK if side == BID else BEST_ASK + ticks_behind * TICK
    order = {"order_size": size, "order_left": 0, "age": S}
    return observation(
        ts, CANCEL, account=account, side=side, price=price, removed=size, **(order | fields)
    )


def fill(ts, resting, incoming, side, size=100, dark=0, **fields):
    """Return an execution of a resting order on `side`; the incoming account is on the other."""
    order = {
        "price": BEST_BID if side == BID else BEST_ASK,
        "trade": DARK_TRADE if dark else LIT_TRADE,
        "order_size": 10 * size,
        "order_left": 9 * size,
    }
    accounts = {"account": resting, "contra_account": incoming}
    what = {"side": side, "traded": size, "dark": dark}
    return observation(ts, EXECUTE, **(accounts | what | order | fields))


def profile(securities: int = 1) -> np.ndarray:
    """Return (S, PROFILE) float64 with the thresholds of these tests."""
    out = np.full((securities, PROFILE), np.nan)
    out[:, P10], out[:, P90], out[:, REFERENCE_P95] = TINY, LARGE, STALE_NS
    return out


def state(securities: int = 1) -> AccountState:
    return new_account_state(securities, profile(securities))


def naive() -> NaiveAccounts:
    return NaiveAccounts(TINY, LARGE, STALE_NS)


def play(st_: AccountState, *rows: np.ndarray, s: int = 0) -> None:
    for row in rows:
        accumulate_accounts(row[0], s, st_)


def written(st_: AccountState, now: int, s: int = 0) -> np.ndarray:
    """Return the row at `now` ns, absolute; features of others stay NaN."""
    row = np.full(240, np.nan)
    write_accounts(s, now, st_, row)
    return row


def value(st_: AccountState, base: int, k: int, ts: int) -> float:
    """Return one feature `ts` ns after START."""
    return float(written(st_, START + ts)[base + k])


GAPS = (0, 1_000, MS, 30 * MS, 100 * MS, S, 7 * S, 60 * S, 61 * S, 3_600 * S)


@st.composite
def streams(draw, max_size: int = 40, accounts: int = 5):
    """Draw observations of a few accounts (0 included) in three groups, around a moving touch."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size = draw(st.integers(1, max_size))
    slow = draw(st.sampled_from([(0.3, 0.2, 0.2, 0.1, 0.05, 0.08, 0.03, 0.02, 0.01, 0.01), None]))
    kinds = rng.choice(
        [ADD, CANCEL, REPLACE, EXECUTE, TRADE, QUOTE, CLEAR],
        size,
        p=[0.32, 0.22, 0.06, 0.25, 0.07, 0.06, 0.02],
    )
    ts = np.cumsum(rng.choice(GAPS, size, p=slow))
    mids = BEST_BID + BEST_ASK + TICK * np.cumsum(rng.integers(-2, 3, size + 1))
    rows = []
    for i, kind in enumerate(kinds):
        account, contra = rng.integers(0, accounts + 1, 2)
        side = rng.choice([BID, ASK, SIDE_NONE], p=[0.48, 0.48, 0.04])
        quantity = rng.choice([10, 50, 100, 500, 900])
        dark = rng.random() < 0.35 and kind not in (QUOTE, CLEAR)
        moved = rng.random() < 0.5 and not dark
        trades = kind in (EXECUTE, TRADE)
        order_size = rng.choice([0, quantity, 2 * quantity])
        rows.append(
            observation(
                ts[i],
                kind,
                account=account if kind not in (QUOTE, CLEAR) else 0,
                contra_account=contra if trades else 0,
                group=account % 3 + 1,
                contra_group=contra % 3 + 1,
                side=side,
                dark=dark,
                flags=rng.choice([0, IOC, FOK, HIDDEN], p=[0.7, 0.1, 0.1, 0.1]),
                price=BEST_BID + TICK * rng.integers(-3, 6) if rng.random() < 0.95 else 2**63 - 1,
                old_price=BEST_BID + TICK * rng.integers(-3, 6),
                added=quantity if kind in (ADD, REPLACE) else 0,
                removed=quantity if kind in (CANCEL, REPLACE) else 0,
                traded=quantity if trades else 0,
                trade=(DARK_TRADE if dark else LIT_TRADE) if trades else 0,
                min_quantity=rng.choice([0, 0, 50]),
                order_size=order_size,
                order_left=rng.choice([0, 0, quantity]),
                age=rng.choice([-1, 0, MS, 30 * MS, 50 * MS, S]),
                reference_age=rng.choice([-1, 0, STALE_NS, STALE_NS + 1]) if dark else -1,
                nbbo_changed=moved,
                quoted=rng.random() < 0.95,
                mid2_before=mids[i],
                mid2=mids[i + 1] if moved else mids[i],
            )
        )
    return rows
