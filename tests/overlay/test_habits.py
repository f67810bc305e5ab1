import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from darkpool_watch.overlay.book import Book, Event
from darkpool_watch.overlay.habits import Ids, columns, learn
from kernels.layout import ADD, ASK, BID, CANCEL, EVENT, EXECUTE, HIDDEN, LEVEL, UNDEFINED_PRICE
from tests.naive.book import NaiveBook, NaiveOrder


def made(rows: list[tuple[int, int, int, int, int, int]]) -> np.ndarray:
    """Return EVENT rows of (ts, kind, side, price, size, order id)."""
    events = np.zeros(len(rows), EVENT)
    for name, column in zip(
        ("ts_event", "kind", "side", "price", "size", "order_id"),
        zip(*rows, strict=True),
        strict=True,
    ):
        events[name] = column
    events["ts_recv"] = events["ts_event"] + 7
    return events


def test_habits_of_a_tape_by_hand() -> None:
    # A clock of 1 ms that starts at 3 ns; prices of 50; bids 1000 and 900 (2 steps behind), an ask
    # of 1200, an improving bid (not behind), a hidden print.
    events = made(
        [
            (1_000_003, ADD, BID, 1000, 100, 10),
            (3_000_003, ADD, BID, 900, 237, 20),
            (4_000_003, ADD, ASK, 1200, 100, 30),
            (9_000_003, ADD, BID, 1050, 5, 40),
            (9_000_003, EXECUTE, BID, 1100, 5, 0),
        ]
    )
    events["flags"][4] = HIDDEN
    found = learn(events)
    assert (found.resolution, found.on_clock(5_999_999)) == (1_000_000, 5_000_003)
    assert found.grid == 50
    assert found.distances.tolist() == [2]
    assert sorted(found.sizes.tolist()) == [5, 100, 100, 237]
    assert found.levels == 0
    assert found.hides
    assert not found.contra
    assert set(found.latencies.tolist()) == {7}
    rng = np.random.default_rng(0)
    endings = {found.size_near(rng, 1_000.0) % 100 for _ in range(200)}
    assert endings == {0, 5, 37}
    assert all(900 <= found.size_near(rng, 1_000.0) <= 1_100 for _ in range(50))


def test_a_tape_that_corrects_its_depth_shows_so_many_levels() -> None:
    events = made(
        [
            (1, ADD, BID, 100, 5, 1),
            (2, ADD, BID, 99, 5, 2),
            (3, ADD, BID, 101, 5, 3),  # a third level, and at once the last disappears
            (3, LEVEL, BID, 99, 0, 0),
        ]
    )
    assert learn(events).levels == 2
    assert learn(events[:3]).levels == 0


def test_ids_come_from_the_gap_of_their_time() -> None:
    # Ids rise by tens; the order at 30 is old and late, so it bounds no gap.
    ids = Ids(
        made(
            [
                (100, ADD, BID, 10, 1, 1_000),
                (200, ADD, BID, 10, 1, 2_000),
                (250, ADD, BID, 10, 1, 30),
                (300, ADD, BID, 10, 1, 3_000),
            ]
        )
    )
    assert ids.take(250) == 2_500
    assert ids.take(250) == 2_510
    assert ids.take(200) == 2_010
    assert ids.appended == 0
    assert ids.take(900) == 3_010  # after the last: above all
    assert ids.take(901) == 3_020
    assert ids.appended == 2


def test_ids_without_a_gap_go_on_above_the_largest() -> None:
    ids = Ids(made([(t, ADD, BID, 10, 1, t) for t in range(1, 6)]))
    taken = [ids.take(3) for _ in range(4)]
    assert taken == [6, 7, 8, 9]
    assert ids.appended == 4


ORDERS = st.lists(
    st.tuples(
        st.sampled_from([ADD, ADD, ADD, CANCEL, EXECUTE, LEVEL]),
        st.sampled_from([BID, ASK]),
        st.integers(1, 6),
        st.integers(1, 9),
        st.integers(1, 12),
    ),
    max_size=40,
)


@settings(deadline=None)
@given(ORDERS)
def test_the_book_equals_the_naive_one(rows: list[tuple[int, int, int, int, int]]) -> None:
    book, plain = Book(), NaiveBook(dark=False)
    for row, (kind, side, price, size, order_id) in enumerate(rows):
        if kind == ADD and order_id in plain.orders:
            continue
        book.apply(Event(kind, side, price, size, order_id, 0, 0), row)
        if kind == ADD:
            plain.orders[order_id] = NaiveOrder(side, price, size, size, row, 0, True)
            plain.show(side, price, size)
        elif kind == LEVEL:
            plain.correct(side, price, size)
        elif order_id in plain.orders:
            plain.reduce(order_id, min(size, plain.orders[order_id].left))
        else:
            plain.hide(side, price, size)
        for s in (BID, ASK):
            assert book.sizes[s] == plain.shown[s]
            ladder = plain.levels(s)
            assert book.best(s) == (ladder[0][0] if ladder else None)
            assert sorted(book.prices[s], reverse=s == BID) == [price for price, _ in ladder]
            for probe in range(8):
                before = sum(p > probe if s == BID else p < probe for p, _ in ladder)
                assert book.levels_before(s, probe) == before
            for own in (0.5, row / 2, row + 0.5):
                later = sum(
                    o.left
                    for o in plain.orders.values()
                    if (o.side, o.price) == (s, 3) and o.entered > own
                )
                assert book.ahead(s, 3, own) == plain.shown[s].get(3, 0) - later


def test_columns_are_plain_integers() -> None:
    events = made([(1, ADD, BID, UNDEFINED_PRICE, 5, 1)])
    assert columns(events) == [Event(ADD, BID, UNDEFINED_PRICE, 5, 1, 0, 0)]
