from typing import Any

import msgspec
import numpy as np
import pytest

from darkpool_watch.errors import ConfigError, TapeError
from darkpool_watch.overlay.inject import InjectConfig, Overlaid, inject
from darkpool_watch.overlay.patterns import LOOKALIKES, STUFFED, TYPOLOGIES
from darkpool_watch.overlay.play import PRINTED
from darkpool_watch.sim.labels import label_events
from darkpool_watch.sim.population import BARRED, TICK, security_of
from darkpool_watch.tape.tape import Tape
from kernels.layout import ADD, ASK, BID, CANCEL, DARK, EXECUTE, HIDDEN
from tests.naive import sim_labels as naive
from tests.naive.sim_book import NaiveMarket
from tests.overlay.conftest import MANY, check_legal, own_of, without_sequence

MS = 1_000_000


def rows_of(done: Overlaid, one: Any) -> Any:
    return done.tape.events[np.array(one.sequences) - 1]


def campaigns_of(done: Overlaid, *typologies: str) -> list[Any]:
    found = [c for c in done.truth.campaigns if c.typology in typologies]
    assert found
    return found


def test_recorded_events_stay_byte_for_byte(recorded: Tape, overlaid: Overlaid) -> None:
    own = own_of(overlaid)
    assert own.any()
    assert without_sequence(overlaid.tape.events[~own]) == without_sequence(recorded.events)
    sequence = overlaid.tape.events["sequence"]
    assert np.array_equal(sequence, np.arange(1, len(sequence) + 1))
    assert overlaid.tape.definitions == recorded.definitions
    assert overlaid.tape.accounts == recorded.accounts


def test_every_record_is_legal(recorded: Tape, overlaid: Overlaid) -> None:
    check_legal(overlaid, recorded, levels=0)


def test_the_simulators_own_market_finds_the_overlaid_tape_legal(overlaid: Overlaid) -> None:
    events = overlaid.tape.events.copy()
    own = own_of(overlaid)
    # That market knows who trades: for it alone, two accounts that nobody else has.
    events["account"][own] = 60_001
    events["contra_account"][own & (events["kind"] == EXECUTE)] = 60_002
    security = security_of(events["instrument_id"])
    segments = {one.account: one.segment for one in overlaid.tape.accounts}
    segments |= {60_001: 0, 60_002: 0}
    owners = {one.account: one.owner for one in overlaid.tape.accounts}
    for s in np.unique(security):
        market = NaiveMarket(TICK, segments, BARRED, owners)
        for event in events[security == s]:
            market.apply(event)


@pytest.mark.parametrize("change", [{"price": 10**15}, {"order_id": "taken"}, {"size": 0}])
def test_an_illegal_own_order_is_told(
    recorded: Tape, overlaid: Overlaid, change: dict[str, Any]
) -> None:
    events = overlaid.tape.events.copy()
    added = np.flatnonzero(own_of(overlaid) & (events["kind"] == ADD) & (events["side"] == BID))
    for name, value in change.items():
        events[name][added[0]] = recorded.events["order_id"].max() if value == "taken" else value
    broken = overlaid._replace(tape=Tape("broken", "parquet", events, overlaid.tape.definitions))
    with pytest.raises(AssertionError):
        check_legal(broken, recorded, levels=0)


def test_a_look_alike_for_every_campaign(overlaid: Overlaid) -> None:
    campaigns, alike = overlaid.truth.campaigns, overlaid.truth.lookalikes
    assert {c.typology for c in campaigns} == set(TYPOLOGIES)
    assert overlaid.truth.missing == {}
    assert len(alike) == len(campaigns)
    assert {one.kind for one in alike} == set(LOOKALIKES.values())
    assert sum(overlaid.truth.dropped["SPOOF"].values()) > 0


def test_own_records_name_nobody(overlaid: Overlaid) -> None:
    own = overlaid.tape.events[own_of(overlaid)]
    assert not own["account"].any()
    assert not own["contra_account"].any()
    assert not (own["flags"] & DARK).any()


def test_labels_are_those_of_the_definitions(overlaid: Overlaid) -> None:
    events, labels = overlaid.tape.events, overlaid.labels
    security = security_of(events["instrument_id"]).astype(np.int64)
    campaigns = list(overlaid.truth.campaigns)
    found = label_events(events["ts_event"], security, campaigns)
    for name in ("zone", "typology", "campaign"):
        assert np.array_equal(labels[name], found[name])
    for i in range(0, len(events), 97):
        expected = naive.label(int(events["ts_event"][i]), int(security[i]), campaigns)
        assert tuple(int(labels[name][i]) for name in ("zone", "typology", "campaign")) == expected
    mine = np.zeros(len(events), bool)
    for c in campaigns:
        mine[np.array(c.sequences) - 1] = True
        rows = rows_of(overlaid, c)
        assert rows["ts_event"].tolist() == list(c.messages)
        assert (c.start, c.end) == (c.messages[0], c.messages[-1])
        assert c.evidence in c.messages
        assert set(rows["instrument_id"].tolist()) == {3 * c.security_id - 2}
    assert np.array_equal(labels["own"] > 0, mine)
    assert set(labels["zone"].tolist()) == {0, 1, 2, 3}


def test_spoofers_pull_half_the_large_side_after_the_opposite_fill(overlaid: Overlaid) -> None:
    for c in campaigns_of(overlaid, "SPOOF", "LAYER"):
        rows = rows_of(overlaid, c)
        fills = rows[rows["kind"] == EXECUTE]
        before = rows[(rows["ts_event"] <= c.evidence)]
        fill = fills[fills["ts_event"] <= c.evidence][0]
        side = BID + ASK - int(fill["side"])
        entered = before[(before["kind"] == ADD) & (before["side"] == side)]
        standing = int(entered["size"][entered["ts_event"] <= fill["ts_event"]].sum())
        pulls = before[(before["kind"] == CANCEL) & (before["side"] == side)]
        pulled = pulls["size"][pulls["ts_event"] > fill["ts_event"]]
        assert 2 * int(pulled.sum()) >= standing
        assert 2 * int(pulled[:-1].sum()) < standing, "evidence is the first cancel that does"
        if c.typology == "LAYER":
            assert len(np.unique(entered["price"])) >= 3


def test_flips_follow_the_pull_within_10_ms(overlaid: Overlaid) -> None:
    for c in campaigns_of(overlaid, "FLIP"):
        rows = rows_of(overlaid, c)
        flip = rows[(rows["ts_event"] == c.evidence) & (rows["kind"] == ADD)][0]
        pull = rows[(rows["kind"] == CANCEL) & (rows["ts_event"] <= c.evidence)][-1]
        assert flip["side"] != pull["side"]
        assert c.evidence - int(pull["ts_event"]) <= 10 * MS


def test_stuffing_shows_at_its_200th_message(overlaid: Overlaid) -> None:
    for c in campaigns_of(overlaid, "STUFF"):
        assert c.messages.index(c.evidence) <= STUFFED - 1 <= len(c.messages)
        assert c.messages[STUFFED - 1] == c.evidence
    for one in overlaid.truth.lookalikes:
        if one.kind == "algorithm restart":
            ts = rows_of(overlaid, one)["ts_event"]
            pauses = np.flatnonzero(np.diff(ts) > 150 * MS)
            bursts = np.diff(np.concatenate([[0], pauses + 1, [len(ts)]]))
            assert bursts.max() < STUFFED


def test_the_same_tape_and_seed_give_the_same_bytes(recorded: Tape, overlaid: Overlaid) -> None:
    again = inject(recorded, MANY)
    assert again.tape.events.tobytes() == overlaid.tape.events.tobytes()
    assert again.labels.tobytes() == overlaid.labels.tobytes()
    assert again.truth == overlaid.truth
    other = inject(recorded, msgspec.structs.replace(MANY, seed=6))
    assert other.tape.events.tobytes() != overlaid.tape.events.tobytes()


def test_arrival_stays_in_order_on_a_tape_of_two_clocks(recorded: Tape, overlaid: Overlaid) -> None:
    for tape in (recorded, overlaid.tape):
        assert (np.diff(tape.events["ts_event"]) >= 0).all()
        assert (np.diff(tape.events["ts_recv"]) >= 0).all()
    own = overlaid.tape.events[own_of(overlaid)]
    assert (own["ts_recv"] >= own["ts_event"]).mean() > 0.9
    assert np.median(own["ts_recv"] - own["ts_event"]) < 1 * MS


def test_hidden_executions_lie_between_the_quotes_of_a_tape_that_has_them(
    overlaid: Overlaid,
) -> None:
    own = overlaid.tape.events[own_of(overlaid)]
    hidden = own[(own["flags"] & HIDDEN) > 0]
    shown = own[(own["kind"] == EXECUTE) & ((own["flags"] & HIDDEN) == 0)]
    assert len(hidden)
    assert len(shown)
    assert not hidden["order_id"].any()


def test_a_pool_s_print_by_a_moved_quote_drops_an_episode(overlaid: Overlaid) -> None:
    reasons = [name for reasons in overlaid.truth.dropped.values() for name in reasons]
    assert PRINTED in reasons


def test_nothing_asked_for_changes_nothing(recorded: Tape) -> None:
    done = inject(recorded, InjectConfig(campaigns_per_hour=0.0))
    assert done.tape.events.tobytes() == recorded.events.tobytes()
    assert not done.labels["zone"].any()


def test_what_cannot_be_injected_is_refused(recorded: Tape) -> None:
    with pytest.raises(ConfigError, match=r"Expected typologies among SPOOF, .* was 'PING'"):
        inject(recorded, InjectConfig(typologies=("PING",)))
    with pytest.raises(ConfigError, match="a rising range of stealth"):
        inject(recorded, InjectConfig(stealth=(2.0, 1.0)))
    dark = Tape(
        "prints",
        "trades",
        recorded.events[recorded.events["kind"] == EXECUTE],
        recorded.definitions,
    )
    with pytest.raises(TapeError, match=r"prints \(trades\) has no book to lay orders over"):
        inject(dark, MANY)
