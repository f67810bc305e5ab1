"""What an own order may not stand beside, each case by hand.

The book of every case: bids 100 x 5 (order 1) and 98 x 5 (order 2), asks 104 x 5 (order 3) and
106 x 5 (order 4), on a grid of 1; the own order is a bid unless said.
"""

from collections.abc import Callable

import numpy as np
import pytest

from darkpool_watch.overlay.book import Book, Event
from darkpool_watch.overlay.desk import Desk, Dropped
from darkpool_watch.overlay.habits import Habits
from darkpool_watch.units import UNDEFINED_PRICE
from kernels.layout import (
    ADD,
    ASK,
    AUCTION,
    BID,
    CANCEL,
    CLEAR,
    EXECUTE,
    HALT,
    HIDDEN,
    LEVEL,
    REPLACE,
    SIDE_NONE,
    STATUS,
    TRADE,
)

ROWS = [
    Event(ADD, BID, 100, 5, 1, 0, 0),
    Event(ADD, BID, 98, 5, 2, 0, 0),
    Event(ADD, ASK, 104, 5, 3, 0, 0),
    Event(ADD, ASK, 106, 5, 4, 0, 0),
]


def habits(levels: int = 0, hides: bool = True) -> Habits:
    return Habits(
        resolution=1,
        phase=0,
        grid=1,
        sizes=np.array([5, 100]),
        distances=np.array([0, 1]),
        levels=levels,
        entry_flags=0,
        trade_flags=0,
        contra=False,
        hides=hides,
        latencies=np.zeros(1, np.int64),
    )


def desk_of(own: Habits | None = None) -> Desk:
    book = Book()
    for row, event in enumerate(ROWS):
        book.apply(event, row)
    desk = Desk(book, own or habits(), np.random.default_rng(1))
    desk.row = len(ROWS) - 1
    return desk


def happens(desk: Desk, event: Event) -> None:
    """Let a recorded event happen: the episode hears of it before the book has it."""
    desk.check_before(event)
    desk.row += 1
    desk.book.apply(event, desk.row)
    desk.check_after(desk.row)


EXECUTION = "a recorded execution would have filled an own order"
MET = "a recorded order would have met an own one"


@pytest.mark.parametrize(
    ("price", "event", "reason"),
    [
        (100, Event(EXECUTE, BID, 98, 1, 2, 0, 0), EXECUTION),  # through it
        (101, Event(EXECUTE, BID, 100, 1, 1, 0, 0), EXECUTION),  # through an improvement
        (100, Event(EXECUTE, BID, 100, 1, 0, 0, HIDDEN), EXECUTION),  # displayed goes first
        (100, Event(EXECUTE, BID, UNDEFINED_PRICE, 1, 2, 0, 0), EXECUTION),  # at its order's price
        (100, Event(TRADE, ASK, 100, 1, 0, 0, 0), EXECUTION),  # a print of a seller
        (100, Event(TRADE, SIDE_NONE, 99, 1, 0, 0, 0), EXECUTION),
        (101, Event(ADD, ASK, 101, 1, 9, 0, 0), MET),
        (101, Event(REPLACE, ASK, 101, 1, 3, 9, 0), MET),
        (101, Event(LEVEL, ASK, 101, 1, 0, 0, 0), MET),
        (101, Event(EXECUTE, ASK, 101, 1, 0, 0, HIDDEN), "a hidden order would have met an own"),
        (100, Event(LEVEL, BID, 100, 7, 0, 0, 0), "depth was corrected at an own price"),
        (100, Event(STATUS, SIDE_NONE, UNDEFINED_PRICE, 0, 0, 0, HALT), "a halt, auction or clear"),
        (100, Event(CLEAR, SIDE_NONE, UNDEFINED_PRICE, 0, 0, 0, 0), "a halt, auction or clear"),
        (98, Event(TRADE, SIDE_NONE, 102, 9, 0, 0, AUCTION), "a halt, auction or clear"),
    ],
)
def test_a_recorded_event_that_contradicts_an_own_order_drops_it(
    price: int, event: Event, reason: str
) -> None:
    desk = desk_of()
    desk.enter(BID, price, 10)
    with pytest.raises(Dropped, match=reason):
        happens(desk, event)
    idle = desk_of()
    happens(idle, event)  # with nothing resting, it contradicts nothing


@pytest.mark.parametrize(
    ("price", "event"),
    [
        (100, Event(EXECUTE, BID, 100, 5, 1, 0, 0)),  # all of it stood before
        (100, Event(EXECUTE, BID, 100, 2, 77, 0, 0)),  # an unknown order did too
        (98, Event(EXECUTE, BID, 100, 5, 1, 0, 0)),  # a better price
        (100, Event(EXECUTE, BID, 101, 1, 0, 0, HIDDEN)),  # hidden at a better price
        (100, Event(EXECUTE, ASK, 104, 5, 3, 0, 0)),  # the other side
        (100, Event(TRADE, BID, 104, 5, 0, 0, 0)),
        (100, Event(ADD, ASK, 101, 5, 9, 0, 0)),
        (100, Event(CANCEL, BID, 98, 5, 2, 0, 0)),
        (100, Event(LEVEL, BID, 98, 0, 0, 0, 0)),
    ],
)
def test_a_recorded_event_that_stands_before_an_own_order_lets_it_be(
    price: int, event: Event
) -> None:
    desk = desk_of()
    desk.enter(BID, price, 10)
    happens(desk, event)


def test_an_execution_of_an_order_that_entered_later_drops_it() -> None:
    desk = desk_of()
    desk.enter(BID, 100, 10)
    happens(desk, Event(ADD, BID, 100, 5, 9, 0, 0))
    happens(desk, Event(EXECUTE, BID, 100, 5, 1, 0, 0))
    with pytest.raises(Dropped, match=EXECUTION):
        happens(desk, Event(EXECUTE, BID, 100, 5, 9, 0, 0))


def test_an_order_is_first_when_all_that_stood_before_it_has_gone() -> None:
    desk = desk_of()
    own = desk.enter(BID, 100, 10)
    assert not desk.is_first(own)
    happens(desk, Event(ADD, BID, 100, 4, 9, 0, 0))  # behind it
    happens(desk, Event(EXECUTE, BID, 100, 3, 1, 0, 0))
    assert not desk.is_first(own)  # 2 of order 1 are left
    happens(desk, Event(CANCEL, BID, 100, 2, 1, 0, 0))
    assert desk.is_first(own)
    happens(desk, Event(ADD, BID, 102, 1, 10, 0, 0))
    assert not desk.is_first(own)  # a better price
    with pytest.raises(AssertionError):
        desk.fill(own, 1)


def test_a_fill_takes_own_quantity_only() -> None:
    desk = desk_of()
    own = desk.enter(BID, 101, 10)
    assert desk.is_first(own)
    assert desk.fill(own, 4) == 4
    assert desk.fill(own, 100) == 6
    assert desk.live == []
    assert desk.pull(own) == 0
    assert [row.kind for row in desk.rows] == [ADD, EXECUTE, EXECUTE]
    assert desk.book.sizes[BID] == {100: 5, 98: 5}


def test_an_order_that_would_cross_is_entered_one_step_off() -> None:
    desk = desk_of()
    assert desk.enter(BID, 104, 1).price == 103
    assert desk.enter(ASK, 99, 1).price == 104  # its own bid of 103 is the best now
    assert desk.room() == 0


def test_a_hidden_fill_lies_strictly_inside() -> None:
    prices = set()
    for seed in range(20):
        desk = desk_of()
        desk.rng = np.random.default_rng(seed)
        desk.fill_hidden(BID, 7)
        prices.add(desk.rows[0].price)
        assert desk.rows[0].flags & HIDDEN
    assert prices == {101, 102, 103}
    for desk, enter in ((desk_of(), True), (desk_of(habits(hides=False)), False)):
        if enter:
            desk.enter(BID, 103, 1)
        with pytest.raises(Dropped, match="the genuine order could not be filled"):
            desk.fill_hidden(BID, 7)


def test_an_order_leaves_the_shown_levels_when_better_ones_come() -> None:
    # Two levels are shown: 100 and 98. An own bid of 99 is the second; a bid of 101 makes it third.
    desk = desk_of(habits(levels=2))
    desk.enter(BID, 99, 1)
    with pytest.raises(Dropped, match="an order left the shown levels"):
        happens(desk, Event(ADD, BID, 101, 1, 9, 0, 0))
    deep = desk_of(habits(levels=2))
    with pytest.raises(Dropped, match="no shown level was free"):
        deep.enter(BID, 97, 1)
    # A better own level would push the own 99 out, so the price falls back on a recorded one.
    both = desk_of(habits(levels=2))
    both.enter(BID, 99, 1)
    assert both.behind(BID, -1) == 100


def test_a_desk_knows_when_its_order_was_the_touch() -> None:
    # Rows stand for time here: 3 is the last of the book's own; a bid of 101 improves 100 from 3 to
    # row 6, where a bid of 102 stands before it, and again when that has gone at row 7.
    desk = desk_of()
    own = desk.enter(BID, 101, 1)
    desk.check_after(3)
    happens(desk, Event(ADD, ASK, 105, 1, 8, 0, 0))
    happens(desk, Event(CANCEL, ASK, 105, 1, 8, 0, 0))
    happens(desk, Event(ADD, BID, 102, 1, 9, 0, 0))
    happens(desk, Event(CANCEL, BID, 102, 1, 9, 0, 0))
    desk.pull(own)
    desk.check_after(8)
    happens(desk, Event(CANCEL, BID, 98, 5, 2, 0, 0))
    assert desk.moved == [[3, 4], [4, 5], [5, 6], [7, 8]]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (Event(CANCEL, ASK, 104, 5, 3, 0, 0), "the book had one side only"),
        (Event(ADD, BID, 106, 5, 9, 0, 0), "the book was crossed"),
    ],
)
def test_an_unsound_book_takes_no_orders(event: Event, reason: str) -> None:
    desk = desk_of()
    happens(desk, Event(CANCEL, ASK, 106, 5, 4, 0, 0))
    happens(desk, event)
    for act in act_on(desk):
        with pytest.raises(Dropped, match=reason):
            act()


def act_on(desk: Desk) -> list[Callable[[], object]]:
    return [lambda: desk.enter(BID, 97, 1), lambda: desk.fill_hidden(BID, 1), desk.room]
