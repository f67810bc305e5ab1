"""How campaigns and look-alikes are drawn: when, where, by whom, how long, how large."""

import numpy as np
import pytest

from darkpool_watch.sim.abuse import CODES, LOOKALIKES, CampaignPlan, Planner
from darkpool_watch.sim.market import SimConfig, Simulator
from darkpool_watch.sim.parameters import DURATIONS_S, WHOLE
from kernels.sim_cast import CLOSE, LOOKALIKE
from tests.sim.conftest import Tape, record

S = 1_000_000_000


def kolmogorov(sample: np.ndarray, low: float, high: float) -> float:
    """Return the largest distance of a sample's distribution from a log-uniform one."""
    ranks = (np.log(np.sort(sample)) - np.log(low)) / (np.log(high) - np.log(low))
    steps = np.arange(len(ranks) + 1) / len(ranks)
    return float(max((ranks - steps[:-1]).max(), (steps[1:] - ranks).max()))


def planner(simulator: Simulator) -> Planner:
    return Planner(
        simulator.securities,
        simulator.people,
        simulator.chances,
        np.ones(len(simulator.people), np.bool_),
        (simulator.opens, simulator.closes),
        simulator.begins,
        simulator.config.seconds,
    )


@pytest.fixture(scope="module")
def day() -> Simulator:
    """A day of 20 securities, not played."""
    return Simulator(SimConfig(securities=20, seconds=23_400.0, accounts=128))


@pytest.mark.parametrize("code", CODES.values(), ids=CODES)
def test_durations_are_log_uniform_within_their_bounds(day: Simulator, code: int) -> None:
    rng = np.random.default_rng(code)
    low, high = DURATIONS_S[code]
    found = []
    draws = planner(day)
    for _ in range(1_500):
        row = draws.agent(rng, code, 0, 60.0, 1.0)
        cycles = int(row["cycles"]) if code in WHOLE and row["pause"] < row["span"] else 1
        whole = code in (CODES["PING"], CODES["SIZE"], CODES["IGNITE"])
        found.append(cycles * (int(row["span"]) + int(row["pause"])) if whole else row["span"])
        assert 1 <= row["cycles"] <= 40
    seconds = np.array(found) / S
    assert seconds.min() >= low * 0.999
    assert seconds.max() <= high * 1.001
    assert kolmogorov(seconds, low, high) < 0.05  # 1.95 / sqrt(1,500), one in a thousand


def test_stealth_is_log_uniform_over_all_of_its_range(day: Simulator) -> None:
    rows = planner(day).schedule(
        np.random.default_rng(1), 10.0, list(CODES.values()), stealth=(0.5, 3.0)
    )
    assert len(rows) >= 1_300
    assert kolmogorov(rows["stealth"], 0.5, 3.0) < 0.045


def test_times_and_securities_follow_the_background(day: Simulator) -> None:
    codes = [code for code in CODES.values() if code != CLOSE]
    rows = planner(day).schedule(np.random.default_rng(2), 10.0, codes, (0.5, 2.0))
    assert len(rows) >= 1_000
    rates = np.array([one.rate for one in day.securities])
    here = np.cumsum(np.bincount(rows["security"], minlength=20)) / len(rows)
    assert np.abs(here - np.cumsum(rates) / rates.sum()).max() <= 0.05
    # The base rate is 0.5 + 1.5 x^2 with x from -1 at the open to 1 at the close.
    x = 2.0 * np.sort(rows["planned"] - day.begins) / (day.closes - day.begins) - 1.0
    expected = (0.5 * (x + 1.0) + 0.5 * (x**3 + 1.0)) / 2.0
    steps = np.arange(1, len(x) + 1) / len(x)
    assert np.abs(expected - steps).max() <= 0.05


def test_look_alikes_draw_from_the_same_families_as_abuse(day: Simulator) -> None:
    rng = np.random.default_rng(3)
    for code in CODES.values():
        pair = [
            np.array([planner(day).agent(rng, one, 0, 60.0, 1.0)["size"] for _ in range(200)])
            for one in (code, code + LOOKALIKE)
        ]
        low, high = max(one.min() for one in pair), min(one.max() for one in pair)
        for one in pair:
            assert ((one >= low) & (one <= high)).mean() > 0.9


def test_those_who_act_are_hardly_busier_than_others(day: Simulator) -> None:
    rows = planner(day).schedule(np.random.default_rng(4), 10.0, list(CODES.values()), (0.5, 2.0))
    busy = day.chances.mean(axis=(0, 1))
    acts = np.concatenate([row["accounts"][: row["members"]] for row in rows]) - 1
    everybody = np.sort(busy)
    low, high = (np.searchsorted(everybody, busy[acts], side=side) for side in ("left", "right"))
    assert ((low + high) / 2 / len(busy)).mean() <= 0.55  # the AUROC of activity


def test_campaign_messages_are_a_minority_of_their_accounts() -> None:
    tape = record(
        SimConfig(
            seed=2,
            securities=4,
            seconds=7_200.0,
            start_s=16_200.0,
            campaigns_per_hour=6.5,
            typologies=tuple(CODES),
        )
    )
    shares = []
    for c in tape.simulator.campaigns:
        mine = np.isin(tape.events["account"], c.accounts)
        mine |= np.isin(tape.events["contra_account"], c.accounts)
        shares.append(len(c.messages) / mine.sum())
    assert len(shares) >= 40
    assert np.median(shares) <= 0.05
    assert max(shares) < 0.5


def test_campaign_sizes_are_odd_no_more_often_than_the_flow(busy: Tape) -> None:
    own = busy.labels["own"] > 0
    lot = np.array([one.lot for one in busy.simulator.securities])[busy.security - 1]
    entry = busy.events["kind"] == 0
    for dark in (False, True):
        here = entry & (((busy.events["flags"] & 1) > 0) == dark)
        odd = busy.events["size"] % (100 * lot).astype(np.uint64) > 0
        assert abs(odd[here & own].mean() - odd[here & ~own].mean()) < 0.08


def test_every_typology_has_as_many_look_alikes_and_none_is_labelled(busy: Tape) -> None:
    campaigns, alike = busy.simulator.campaigns, busy.simulator.lookalikes
    for code, kind in zip(CODES, LOOKALIKES, strict=True):
        one = [a for a in alike if a.typology == code]
        assert len(one) >= sum(c.typology == code for c in campaigns) - 1
        assert {a.kind for a in one} == {kind}
    for one in alike:
        assert busy.simulator.begins <= one.start <= one.end <= busy.simulator.ends
        places = (busy.security == one.security_id) & (busy.senders == one.id)
        assert places.any()
        assert not busy.labels["own"][places].any()
    only = record(
        SimConfig(
            seed=9, securities=1, seconds=120.0, lookalikes_per_hour=360.0, typologies=("SPOOF",)
        )
    )
    assert only.simulator.lookalikes
    assert set(only.labels["zone"].tolist()) == {0}


def test_a_campaign_asked_for_by_name_happens_there() -> None:
    codes = [code for code in CODES if code != "CLOSE"]
    plan = tuple(
        CampaignPlan(typology=code, security=1, start_s=5.0 + 20.0 * i, stealth=1.5)
        for i, code in enumerate(codes)
    )
    tape = record(SimConfig(seed=5, securities=2, seconds=600.0, plan=plan))
    campaigns = tape.simulator.campaigns
    assert [c.typology for c in campaigns] == codes
    for c, asked in zip(campaigns, plan, strict=True):
        assert c.security_id == 2
        assert c.symbol == "SIM001"
        assert c.stealth == 1.5
        late = c.start - tape.simulator.begins - int(asked.start_s * S)
        # These wait for interest in the pool, a spread or a move of the quote.
        waits = c.typology in ("SIZE", "FRONT", "STALE", "NBBO", "WASH", "PAINT")
        assert 0 <= late < (300 * S if waits else 1_000)
