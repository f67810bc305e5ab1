import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

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
