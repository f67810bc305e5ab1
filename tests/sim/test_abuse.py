from typing import Any

import numpy as np
import pytest

from darkpool_watch.sim.abuse import CODES, CampaignPlan
from darkpool_watch.sim.labels import Campaign
from darkpool_watch.sim.market import SimConfig
from kernels.layout import ADD, ASK, BID, CANCEL, DARK, EXECUTE, IOC
from tests.sim.conftest import Tape, record

S = 1_000_000_000


def own_rows(tape: Tape, campaign: Campaign) -> Any:
    """Return the campaign's own records: those of its times that concern its accounts."""
    events = tape.events[(tape.labels["own"] > 0) & (tape.security == campaign.security_id)]
    events = events[np.isin(events["ts_event"], campaign.messages)]
    mine = np.isin(events["account"], campaign.accounts)
    return events[mine | np.isin(events["contra_account"], campaign.accounts)]


def complete(tape: Tape, typology: str) -> list[Campaign]:
    found = [c for c in tape.simulator.campaigns if c.typology == typology]
    assert found, typology
    return [c for c in found if c.evidence >= 0]


def filled_side(row: Any, rows: Any) -> int:
    """Return the side on which a campaign trades in an execution among its own `rows`.

    Its order is known by its id: a member may also meet another member's benign order.
    """
    entered = rows["order_id"][rows["kind"] == ADD]
    if row["order_id"] in entered and row["contra_order_id"] not in entered:
        return int(row["side"])
    return BID + ASK - int(row["side"])


def test_every_campaign_has_its_evidence_between_start_and_end(busy: Tape) -> None:
    campaigns = busy.simulator.campaigns
    assert {c.typology for c in campaigns} == set(CODES)
    shown = [c for c in campaigns if c.evidence >= 0]
    assert len(shown) >= 0.95 * len(campaigns)
    for c in shown:
        assert c.start <= c.evidence <= c.end
        assert c.start == c.messages[0]
        assert c.evidence in c.messages
        assert c.end == c.messages[-1]
        assert 1 <= len(c.accounts) <= 4


@pytest.mark.parametrize("typology", ["SPOOF", "LAYER"])
def test_spoofers_fill_one_side_and_then_pull_the_large_other(busy: Tape, typology: str) -> None:
    for c in complete(busy, typology):
        rows = own_rows(busy, c)
        evidence = rows[(rows["ts_event"] == c.evidence) & (rows["kind"] == CANCEL)][-1]
        before = rows[rows["ts_event"] <= c.evidence]
        trades = before[before["kind"] == EXECUTE]
        opposite = [r for r in trades if filled_side(r, before) != evidence["side"]]
        assert opposite, "no fill on the other side before the pull"
        assert evidence["account"] in c.accounts


def test_layers_lie_on_several_levels(busy: Tape) -> None:
    for c in complete(busy, "LAYER"):
        rows = own_rows(busy, c)
        entered = rows[rows["kind"] == ADD]
        levels = [len(np.unique(entered["price"][entered["side"] == s])) for s in (BID, ASK)]
        assert max(levels) >= 3


def test_flips_follow_the_pull_within_10_ms(busy: Tape) -> None:
    for c in complete(busy, "FLIP"):
        rows = own_rows(busy, c)
        flip = rows[rows["ts_event"] == c.evidence][0]
        side = int(flip["side"]) if flip["kind"] == ADD else filled_side(flip, rows)
        pulls = rows[(rows["kind"] == CANCEL) & (rows["ts_event"] <= c.evidence)]
        last = pulls[-1]
        assert last["side"] != side
        assert c.evidence - last["ts_event"] <= 10_000_000


def test_stuffing_is_a_burst_of_200_messages_with_few_trades(busy: Tape) -> None:
    for c in complete(busy, "STUFF"):
        before = [ts for ts in c.messages if ts <= c.evidence]
        assert len(before) >= 200
        rows = own_rows(busy, c)
        assert (rows["kind"] == EXECUTE).mean() < 0.2


def test_pings_are_small_and_exploited_within_500_ms_of_a_filled_probe(busy: Tape) -> None:
    for c in complete(busy, "PING"):
        rows = own_rows(busy, c)
        dark = (rows["flags"] & DARK) > 0
        probes = rows[dark & (rows["kind"] == ADD)]
        assert ((probes["flags"] & IOC) > 0).all()
        filled = rows[dark & (rows["kind"] == EXECUTE) & (rows["ts_event"] < c.evidence)]
        gain = rows[(rows["ts_event"] == c.evidence) & (rows["kind"] == EXECUTE)]
        assert len(filled)
        assert len(gain)
        assert c.evidence - filled["ts_event"][-1] <= 500_000_000


def test_campaign_messages_are_a_minority_of_their_accounts() -> None:
    tape = record(
        SimConfig(seed=2, securities=4, seconds=7_200.0, start_s=3_600.0, campaigns_per_hour=6.0)
    )
    shares = []
    for c in tape.simulator.campaigns:
        mine = np.isin(tape.events["account"], c.accounts)
        mine |= np.isin(tape.events["contra_account"], c.accounts)
        shares.append(len(c.messages) / mine.sum())
    assert len(shares) >= 40
    assert np.median(shares) <= 0.2
    assert max(shares) < 0.5


def test_look_alikes_are_as_many_as_campaigns_and_unlabelled(busy: Tape) -> None:
    campaigns = busy.simulator.campaigns
    alike = busy.simulator.lookalikes
    assert len(alike) >= 0.95 * len(campaigns)
    assert {one.typology for one in alike} == {"SPOOF", "FLIP", "STUFF", "PING"}
    for one in alike:
        assert busy.simulator.begins <= one.start <= one.end < busy.simulator.ends


def test_a_campaign_asked_for_by_name_happens_there() -> None:
    plan = tuple(
        CampaignPlan(typology=code, security=1, start_s=5.0 + 20.0 * i, stealth=1.5)
        for i, code in enumerate(CODES)
    )
    tape = record(SimConfig(seed=4, securities=2, seconds=240.0, plan=plan))
    campaigns = tape.simulator.campaigns
    assert [c.typology for c in campaigns] == list(CODES)
    for c, asked in zip(campaigns, plan, strict=True):
        assert c.security_id == 2
        assert c.symbol == "SIM001"
        assert c.stealth == 1.5
        late = c.start - tape.simulator.begins - int(asked.start_s * S)
        assert 0 <= late < 1_000
