"""Orders and executions for the tests of queues. Prices in ticks of 0.01, times in ms."""

from typing import Any

import numpy as np

from kernels.layout import (
    ADD,
    ASK,
    CLEAR,
    DARK,
    EXECUTE,
    LEVEL,
    MIDPOINT_PEG,
    ONE_CLOCK,
    REPLACE,
    UNDEFINED_PRICE,
)
from kernels.rule_rows import BETTER_PASSED, OLDER_PASSED
from tests.market.rule_cases import MS, POOL, Played, joined
from tests.market.streams import event, random_stream

INCOMING = 9  # the account whose orders come to trade
PEG = {"instrument_id": POOL, "flags": DARK | MIDPOINT_PEG | ONE_CLOCK, "price": None}


def queued_stream(seed: int, count: int) -> np.ndarray:
    """A long stream whose executions are at the prices of the orders that they name."""
    events = random_stream(seed=seed, count=count, order_ids=150)
    events["account"] = 1 + events["account"] % 4
    events["contra_account"] = 1 + events["account"] % 4
    events["kind"][np.isin(events["kind"], [LEVEL, CLEAR])] = ADD
    events["price"][events["kind"] == EXECUTE] = UNDEFINED_PRICE
    return events


def add(order_id: int, at: int, price: float | None = 100, **fields: int) -> np.ndarray:
    fields = {"side": ASK, "size": 10, "account": order_id, **fields}
    return event(ADD, order_id=order_id, price=price, at=at * MS, **fields)


def fill(order_id: int, at: int, size: int = 10, **fields: Any) -> np.ndarray:
    fields = {"side": ASK, "contra_account": INCOMING, **fields}
    return event(EXECUTE, order_id=order_id, size=size, at=at * MS, **fields)


def passed(*rows: np.ndarray, **config: Any) -> list[tuple[int, int]]:
    """Return (order filled, order passed over) of every hit."""
    hits = Played(joined(list(rows)), **config).of(OLDER_PASSED, BETTER_PASSED)
    return [(int(h["order_id"]), int(h["passed_id"])) for h in hits]


def pool_fill(order_id: int, at: int, size: int = 10, contra: int = 0) -> np.ndarray:
    return fill(
        order_id,
        at,
        size,
        instrument_id=POOL,
        flags=DARK | MIDPOINT_PEG | ONE_CLOCK,
        price=100.5,
        contra_order_id=contra,
    )


def replace(old: int, new: int, at: int, price: float = 100, size: int = 10) -> np.ndarray:
    return event(REPLACE, order_id=old, contra_order_id=new, price=price, size=size, at=at * MS)
