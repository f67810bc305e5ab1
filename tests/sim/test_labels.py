import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkpool_watch.sim.abuse import CODES
from darkpool_watch.sim.labels import Campaign, label_events
from tests.naive import sim_labels as naive
from tests.sim.conftest import Tape

S = 1_000_000_000
TENTH = S // 10


def campaign(
    number: int, security: int, start: int, shown: int | None, own: list[int], end: int
) -> Campaign:
    return Campaign(
        id=number,
        typology="SPOOF",
        number=0,
        symbol="SIM000",
        security_id=security,
        accounts=(1,),
        start=start,
        evidence=-1 if shown is None else shown,
        end=end,
        stealth=1.0,
        messages=tuple(own),
    )


@st.composite
def campaigns(draw: st.DrawFn) -> list[Campaign]:
    found = []
    for number in range(draw(st.integers(0, 4))):
        own = sorted(
            one * TENTH for one in draw(st.lists(st.integers(0, 900), min_size=1, max_size=12))
        )
        shown = draw(st.one_of(st.none(), st.sampled_from(own)))
        found.append(campaign(number, draw(st.integers(1, 2)), own[0], shown, own, own[-1]))
    return found


@settings(deadline=None)
@given(campaigns(), st.lists(st.tuples(st.integers(0, 1_700), st.integers(1, 2)), max_size=40))
def test_label_events_equals_the_naive_twin(
    found: list[Campaign], records: list[tuple[int, int]]
) -> None:
    ts = np.array([t * TENTH for t, _ in records], np.int64)
    security = np.array([s for _, s in records], np.int64)
    labels = label_events(ts, security, found)
    expected = [naive.label(int(t), int(s), found) for t, s in zip(ts, security, strict=True)]
    assert [tuple(int(x) for x in row)[:3] for row in labels] == expected


def test_zones_of_one_campaign_by_hand() -> None:
    # Start at 10 s, evidence at 12 s, last message and end at 13 s; 13 + 60 = 73 s ends the echo.
    found = [campaign(7, 1, 10 * S, 12 * S, [10 * S, 12 * S, 13 * S], 13 * S)]
    ts = np.array([10 * S - 1, 10 * S, 12 * S - 1, 12 * S, 18 * S - 1, 18 * S, 73 * S, 73 * S + 1])
    labels = label_events(ts, np.ones(len(ts), np.int64), found)
    assert labels["zone"].tolist() == [0, 2, 2, 1, 1, 3, 3, 0]
    assert labels["campaign"].tolist() == [-1, 7, 7, 7, 7, 7, 7, -1]
    assert label_events(ts, np.full(len(ts), 2), found)["zone"].tolist() == [0] * 8


# Own messages, evidence, end (all in tenths of a second) and the zones from the start to the end of
# the echo, as (first tenth, zone): worked by hand from the definition of each typology's evidence.
BY_HAND = {
    # Genuine order at 0, large one at 2, fill at 30, large one pulled at 33.
    "SPOOF": ([0, 2, 30, 33], 33, [(0, 2), (33, 1), (83, 3)]),
    # Genuine at 0, layers at 1, 2, 3, fill at 20, layers pulled at 22, 23, 24: half is gone at 23.
    "LAYER": ([0, 1, 2, 3, 20, 22, 23, 24], 23, [(0, 2), (23, 1), (74, 3)]),
    # Posted at 0, pulled and flipped at 40, the flip pulled at 100: 6 s of silence in between.
    "FLIP": ([0, 40, 40, 100], 40, [(0, 2), (40, 1), (90, 3), (100, 1), (150, 3)]),
    # 250 messages, ten each tenth: the 200th comes in tenth 19, the last in 24.
    "STUFF": ([i // 10 for i in range(250)], 19, [(0, 2), (19, 1), (74, 3)]),
    # Legs at 0 and 5, at 300 and 310, at 900 and 905; the second print is at 310.
    "WASH": (
        [0, 5, 300, 310, 900, 905],
        310,
        [(0, 2), (310, 1), (360, 3), (900, 1), (955, 3)],
    ),
    # Prints at 10, 110, 210.
    "PAINT": ([0, 10, 100, 110, 200, 210], 210, [(0, 2), (210, 1), (260, 3)]),
    # Probes at 0 and 20, filled at 20, exploited at 23.
    "PING": ([0, 20, 20, 23], 23, [(0, 2), (23, 1), (73, 3)]),
    # Steps at 0, 10, 20, 30, reversal at 60.
    "SIZE": ([0, 10, 20, 30, 60], 20, [(0, 2), (20, 1), (110, 3)]),
    # Leads at 0 and 600, given back at 50; the client is filled at 2 and, led again, at 603.
    "FRONT": ([0, 50, 600], 603, [(0, 2), (603, 1), (650, 3)]),
    # The stale print is the first message; given back at 8.
    "STALE": ([0, 8], 0, [(0, 1), (58, 3)]),
    # Lit order at 0, dark fill at 6, pulled at 9.
    "NBBO": ([0, 6, 6, 9], 9, [(0, 2), (9, 1), (59, 3)]),
    # Sweeps at 0, 2, 4, first opposite fill at 90, next at 95.
    "IGNITE": ([0, 2, 4, 90, 95], 90, [(0, 2), (90, 1), (145, 3)]),
    # Trades at 0, 300, 550, the last at 598.
    "CLOSE": ([0, 300, 550, 598], 598, [(0, 2), (598, 1), (648, 3)]),
}


@pytest.mark.parametrize("typology", BY_HAND)
def test_zones_of_each_typology_by_hand(typology: str) -> None:
    tenths, shown, zones = BY_HAND[typology]
    end = tenths[-1] if shown <= tenths[-1] else shown
    c = Campaign(
        id=0,
        typology=typology,
        number=CODES[typology],
        symbol="SIM000",
        security_id=1,
        accounts=(1,),
        start=tenths[0] * TENTH,
        evidence=shown * TENTH,
        end=end * TENTH,
        stealth=1.0,
        messages=tuple(one * TENTH for one in tenths),
    )
    ts = np.arange(-1, end + 602) * TENTH
    expected = np.zeros(len(ts), int)
    for first, zone in zones:
        expected[first + 1 :] = zone
    expected[end + 602 :] = 0
    labels = label_events(ts, np.ones(len(ts), np.int64), [c])
    assert labels["zone"].tolist() == expected.tolist()
    assert set(labels["typology"][1:-1].tolist()) == {CODES[typology]}


def test_a_campaign_given_up_leaves_onset_and_then_nothing() -> None:
    found = [campaign(0, 1, 10 * S, None, [10 * S, 12 * S], 15 * S)]
    ts = np.array([9, 10, 20, 75, 76]) * S
    assert label_events(ts, np.ones(5, np.int64), found)["zone"].tolist() == [0, 2, 2, 2, 0]


def test_where_zones_overlap_active_wins_over_onset_over_echo() -> None:
    found = [
        campaign(0, 1, 0, 1 * S, [0, 1 * S], 1 * S),  # echo at 20 s
        campaign(1, 1, 19 * S, None, [19 * S], 19 * S),  # onset at 20 s
        campaign(2, 1, 10 * S, 18 * S, [10 * S, 18 * S], 18 * S),  # active at 20 s, echo at 25 s
    ]
    labels = label_events(np.array([15 * S, 20 * S, 25 * S]), np.ones(3, np.int64), found)
    assert labels["campaign"].tolist() == [2, 2, 1]
    assert labels["zone"].tolist() == [2, 1, 2]


def test_labels_of_no_records_and_no_campaigns() -> None:
    none = np.zeros(0, np.int64)
    assert len(label_events(none, none, [])) == 0
    labels = label_events(np.array([5]), np.array([1]), [])
    assert labels.tolist() == [(0, -1, -1, 0)]


def test_labels_in_the_stream_equal_labels_with_hindsight(busy: Tape) -> None:
    found = label_events(busy.events["ts_event"], busy.security, busy.simulator.campaigns)
    for name in ("zone", "typology", "campaign"):
        assert np.array_equal(found[name], busy.labels[name]), name
    assert set(busy.labels["zone"].tolist()) == {0, 1, 2, 3}


def test_a_tape_without_campaigns_is_clean(quiet: Tape) -> None:
    assert (quiet.labels["zone"] == 0).all()
    assert (quiet.labels["campaign"] == -1).all()
    assert (quiet.labels["own"] == 0).all()


def test_own_records_are_the_messages_of_campaigns(busy: Tape) -> None:
    own = busy.events["ts_event"][busy.labels["own"] > 0]
    told = sorted(ts for c in busy.simulator.campaigns for ts in c.messages)
    assert own.tolist() == told
