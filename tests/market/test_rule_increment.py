"""PRIORITY: prices off the increment, by hand. Prices in ticks of 0.01."""

import numpy as np

from kernels.layout import BID, HIDDEN, LEVEL, MIDPOINT_PEG, ONE_CLOCK, QUOTE
from kernels.rule_rows import SUB_PENNY
from tests.market.queue_cases import add, fill, pool_fill, replace
from tests.market.rule_cases import POOL, Played, joined
from tests.market.streams import event


def off(*rows: np.ndarray) -> list[int]:
    return Played(joined(list(rows))).of(SUB_PENNY)["arrival"].tolist()


def test_a_price_off_the_tick_is_sub_penny_except_below_one() -> None:
    assert off(add(1, 0, price=101), add(2, 1, price=101.5), add(3, 2, price=101.01)) == [1, 2]
    # Below 1.00 the increment is 0.0001.
    assert off(add(1, 0, price=99.5), add(2, 1, price=99.01), add(3, 2, price=99.001)) == [2]
    assert off(replace(1, 2, 0, price=101.5)) == [0]
    assert off(event(QUOTE, price=101, aux_price=102.5, size=1)) == [0]
    assert off(
        event(LEVEL, side=BID, price=101.5, size=1), event(LEVEL, side=BID, price=101.5)
    ) == [0]
    played = Played(joined([add(1, 0, price=101.25)]))
    breach = played.rules.breach(played.hits[0])
    assert breach.reason == "price of 1.0125 on XNAS, where prices step by 0.01"
    assert (breach.group, breach.severity, breach.measure) == ("sub-penny", "low", 0.25)


def test_a_midpoint_may_lie_on_a_half_tick_and_an_execution_anywhere() -> None:
    hidden, peg = HIDDEN | ONE_CLOCK, HIDDEN | MIDPOINT_PEG | ONE_CLOCK
    assert off(add(1, 0, price=101.5, flags=hidden), add(2, 1, price=101.25, flags=peg)) == []
    assert off(add(1, 0, price=101.25, flags=hidden)) == [0]
    assert off(add(1, 0, price=101.5, instrument_id=POOL), pool_fill(1, 2)) == []
    assert off(fill(1, 0, price=101.0025, flags=hidden)) == []
