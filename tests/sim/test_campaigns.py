"""Each campaign's evidence is where its typology's definition puts it."""

from bisect import bisect_right
from typing import Any

import numpy as np
import pytest

from darkpool_watch.sim.abuse import CODES
from darkpool_watch.sim.labels import Campaign
from darkpool_watch.sim.market import SimConfig
from darkpool_watch.sim.parameters import DURATIONS_S, WHOLE
from darkpool_watch.typologies import MODEL_TYPOLOGIES
from kernels.layout import ADD, ASK, BID, CANCEL, DARK, EXECUTE, IOC
from tests.naive import evidence
from tests.naive.sim_book import NaiveMarket
from tests.sim.conftest import Tape, legal, record

S = 1_000_000_000
Books = dict[int, NaiveMarket]
MOVED = SimConfig(
    seed=3,
    securities=6,
    seconds=1_800.0,
    start_s=5_400.0,
    typologies=("NBBO",),
    campaigns_per_hour=12.0,
)


def complete(tape: Tape, typology: str) -> list[tuple[Campaign, Any]]:
    """Return the campaigns of a typology that have their evidence, with their own messages."""
    found = [c for c in tape.simulator.campaigns if c.typology == typology and c.complete]
    assert found, typology
    return [(c, tape.own(c)) for c in found]


def double_at(books: Books, c: Campaign, ts: int) -> int:
    """Return bid + ask of a campaign's security before what happens at `ts`."""
    quotes = books[c.security_id].quotes
    return quotes[bisect_right(quotes, (ts - 1, 1 << 62)) - 1][1]


def test_nearly_every_campaign_has_its_evidence_between_start_and_end(busy: Tape) -> None:
    campaigns = busy.simulator.campaigns
    assert {c.typology for c in campaigns} == set(CODES)
    shown = [c for c in campaigns if c.complete]
    assert len(shown) >= 0.8 * len(campaigns)  # long ones are cut by the end of half an hour
    for c in shown:
        own = busy.own(c)
        assert c.messages == tuple(own["ts_event"].tolist())
        assert c.start == c.messages[0]
        assert c.start <= c.evidence <= c.end
        assert c.end >= c.messages[-1]
        if c.typology != "FRONT":  # a client's fill, which the campaign does not send
            assert c.evidence in c.messages
        assert 1 <= len(c.accounts) <= 4
        mine = np.isin(own["account"], c.accounts) | np.isin(own["contra_account"], c.accounts)
        assert mine.all()


def fills_of(busy: Tape, c: Campaign, rows: Any) -> Any:
    """Return the executions that a campaign takes part in: its messages, or its resting orders'.

    Where two campaigns trade with one another, the execution is the message of one of them.
    """
    events = busy.events[(busy.security == c.security_id) & (busy.events["kind"] == EXECUTE)]
    own = np.isin(events["order_id"], list(evidence.entered(rows)))
    return events[own | np.isin(events["sequence"], rows["sequence"])]


@pytest.mark.parametrize("typology", ["SPOOF", "LAYER"])
def test_spoofers_fill_one_side_and_then_pull_the_large_other(busy: Tape, typology: str) -> None:
    for c, rows in complete(busy, typology):
        last = rows[(rows["ts_event"] == c.evidence) & (rows["kind"] == CANCEL)][-1]
        own = evidence.entered(rows)
        before = rows[rows["ts_event"] <= c.evidence]
        fills = fills_of(busy, c, before)
        fills = fills[fills["ts_event"] <= c.evidence]
        opposite = [r for r in fills if evidence.side_of(r, own) != last["side"]]
        assert opposite, "no fill on the other side before the pull"
        since = before[before["ts_event"] >= opposite[0]["ts_event"]]
        pulled = since[(since["kind"] == CANCEL) & (since["side"] == last["side"])]
        assert pulled["size"].sum() > opposite[-1]["size"] * 0.2


def test_layers_lie_on_several_levels(busy: Tape) -> None:
    for _, rows in complete(busy, "LAYER"):
        entered = rows[rows["kind"] == ADD]
        levels = [len(np.unique(entered["price"][entered["side"] == s])) for s in (BID, ASK)]
        assert max(levels) >= 3


def test_flips_follow_the_pull_within_10_ms(busy: Tape) -> None:
    for c, rows in complete(busy, "FLIP"):
        assert evidence.flip(rows) == c.evidence


def test_stuffing_is_a_burst_of_200_messages_with_few_trades(busy: Tape) -> None:
    for c, rows in complete(busy, "STUFF"):
        assert c.messages[199] == c.evidence
        assert (rows["kind"] == EXECUTE).mean() < 0.2


def test_wash_trades_match_twice_and_leave_nobody_with_a_position(busy: Tape) -> None:
    shares = []
    for c, rows in complete(busy, "WASH"):
        assert evidence.matched(rows, c.accounts)[1] == c.evidence
        net, gross = dict.fromkeys(c.accounts, 0), 0
        for row in rows[rows["kind"] == EXECUTE]:
            buyer, seller = int(row["account"]), int(row["contra_account"])
            if row["side"] == ASK:
                buyer, seller = seller, buyer
            for account, sign in ((buyer, 1), (seller, -1)):
                if account in net:
                    net[account] += sign * int(row["size"])
                    gross += int(row["size"])
        shares.append(sum(abs(one) for one in net.values()) / gross)
    assert np.median(shares) < 0.5


def test_painters_are_one_pair_of_two_owners_at_a_flat_price(busy: Tape) -> None:
    owner = {one.account: one.owner for one in busy.simulator.people}
    spreads = []
    for c, rows in complete(busy, "PAINT"):
        assert len(c.accounts) == 2
        assert len({owner[one] for one in c.accounts}) == 2
        prints = evidence.matched(rows, c.accounts)
        assert prints[2] == c.evidence
        matched = rows[(rows["kind"] == EXECUTE) & np.isin(rows["ts_event"], prints)]
        here = busy.events[(busy.security == c.security_id) & (busy.events["kind"] == EXECUTE)]
        here = here[(here["ts_event"] >= c.start) & (here["ts_event"] <= c.end)]
        spreads.append(np.ptp(matched["price"]) / max(1, np.ptp(here["price"])))
    assert np.median(spreads) < 0.6


def test_pings_are_small_and_exploited_within_500_ms_of_a_filled_probe(busy: Tape) -> None:
    for c, rows in complete(busy, "PING"):
        dark = (rows["flags"] & DARK) > 0
        probes = rows[dark & (rows["kind"] == ADD)]
        assert ((probes["flags"] & IOC) > 0).all()
        filled = rows[dark & (rows["kind"] == EXECUTE) & (rows["ts_event"] < c.evidence)]
        gain = rows[(rows["ts_event"] == c.evidence) & (rows["kind"] == EXECUTE)]
        assert len(filled)
        assert len(gain)
        assert c.evidence - filled["ts_event"][-1] <= 500_000_000


def test_size_discovery_bisects_by_minimum_quantities_and_then_trades_back(busy: Tape) -> None:
    for c, rows in complete(busy, "SIZE"):
        assert evidence.steps(rows) == c.evidence
        probes = rows[(rows["kind"] == ADD) & ((rows["flags"] & IOC) > 0)]
        least = probes["aux_size"][:3].astype(float)
        assert (np.diff(least) <= 0).all()
        lit = rows[(rows["flags"] & DARK) == 0]
        assert (lit["kind"] == EXECUTE).all()
        if c.end < busy.simulator.ends:
            own = evidence.entered(rows)
            assert evidence.side_of(lit[0], own) != probes["side"][0]


def test_front_runners_trade_on_the_clients_side_just_before_its_fills(busy: Tape) -> None:
    group = {one.account: one.group for one in busy.simulator.people}
    for c, rows in complete(busy, "FRONT"):
        assert c.client not in c.accounts
        assert {group[one] for one in c.accounts} == {group[c.client]}
        here = busy.events[busy.security == c.security_id]
        fills = here[(here["ts_event"] == c.evidence) & (here["kind"] == EXECUTE)]
        assert (fills["contra_account"] == c.client).all()
        own = evidence.entered(rows)
        led = rows[rows["ts_event"] < c.evidence][-1]
        assert c.evidence - led["ts_event"] <= 6 * S
        assert evidence.side_of(led, own) == BID + ASK - fills["side"][0]


def test_stale_prints_are_at_a_reference_better_than_the_quote(busy: Tape, books: Books) -> None:
    for c, rows in complete(busy, "STALE"):
        found = evidence.stale(rows, lambda ts, c=c: double_at(books, c, ts))
        assert found == c.evidence


def test_midpoints_are_moved_used_within_1_s_and_let_go() -> None:
    tape = record(MOVED)
    books = legal(tape)
    back = []
    for c, rows in complete(tape, "NBBO"):
        lit = (rows["flags"] & DARK) == 0
        pull = rows[lit & (rows["kind"] == CANCEL) & (rows["ts_event"] == c.evidence)][0]
        entry = rows[lit & (rows["kind"] == ADD) & (rows["order_id"] == pull["order_id"])][0]
        sign = 1 if entry["side"] == BID else -1
        before = double_at(books, c, int(entry["ts_event"]))
        assert sign * (double_at(books, c, int(entry["ts_event"]) + 1) - before) > 0
        used = rows[~lit & (rows["kind"] == EXECUTE) & (rows["ts_event"] > entry["ts_event"])][0]
        assert used["ts_event"] - entry["ts_event"] <= S
        assert used["ts_event"] <= c.evidence
        assert sign * (2 * int(used["aux_price"]) - before) > 0
        assert used["side"] == entry["side"], "the dark order is on the other side"
        after = double_at(books, c, c.evidence + 1)
        back.append(sign * (double_at(books, c, c.evidence) - after) > 0)
    # At once where nobody has joined the order in the meantime.
    assert len(back) > 30
    assert np.mean(back) > 0.3, "the midpoint does not revert"


def test_ignition_sweeps_one_way_and_shows_at_the_first_fill_the_other_way(busy: Tape) -> None:
    for c, rows in complete(busy, "IGNITE"):
        assert evidence.opposite(rows) == c.evidence
        assert (rows["kind"][rows["ts_event"] < c.evidence] == EXECUTE).sum() >= 2


def test_the_close_is_marked_one_way_up_to_the_last_seconds(busy: Tape) -> None:
    closes = busy.simulator.closes
    for c, rows in complete(busy, "CLOSE"):
        assert evidence.last_execution(rows) == c.evidence == c.end
        assert 0 < closes - c.evidence <= 13 * S
        own = evidence.entered(rows)
        assert len({evidence.side_of(r, own) for r in rows if r["kind"] == EXECUTE}) == 1


@pytest.mark.parametrize("code", WHOLE, ids=[MODEL_TYPOLOGIES[code].code for code in WHOLE])
def test_campaigns_last_as_long_as_planned(busy: Tape, code: int) -> None:
    low, high = DURATIONS_S[code]
    for c, _ in complete(busy, MODEL_TYPOLOGIES[code].code):
        seconds = (c.messages[-1] - c.start) / S
        assert seconds <= 1.05 * high
        if c.end < busy.simulator.ends - 60 * S:
            assert seconds >= 0.4 * low
