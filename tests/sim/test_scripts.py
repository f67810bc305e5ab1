"""The second injector: its campaigns reach the same evidence by code of its own."""

import ast
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from darkpool_watch.errors import ConfigError
from darkpool_watch.sim.abuse import CampaignPlan
from darkpool_watch.sim.assembly import assemble
from darkpool_watch.sim.labels import Campaign, label_events
from darkpool_watch.sim.market import SimConfig, Simulator
from darkpool_watch.sim.plays import PLAYS
from darkpool_watch.sim.population import SESSION_S
from darkpool_watch.typologies import MODEL_TYPOLOGIES
from kernels import sim_code
from kernels.layout import ADD, ASK, BID, CANCEL, DARK, EXECUTE, IOC
from kernels.sim_cast import LOOKALIKE
from tests.naive import evidence
from tests.sim.conftest import Tape, legal, record
from tests.sim.test_campaigns import Books, double_at

ROOT = Path(__file__).parents[2]
S = 1_000_000_000
CODES = tuple(one.code for one in MODEL_TYPOLOGIES)
SCRIPTED = SimConfig(
    seed=3,
    securities=4,
    seconds=1_800.0,
    start_s=SESSION_S - 1_800.0,  # up to the close
    campaigns_per_hour=39.0,
    lookalikes_per_hour=39.0,
    typologies=CODES,
    injector="scripts",
)


@pytest.fixture(scope="module")
def scripted() -> Tape:
    return record(SCRIPTED)


@pytest.fixture(scope="module")
def markets(scripted: Tape) -> Books:
    """Return a plain-Python market of each security that has found every event legal."""
    return legal(scripted)


def shown(tape: Tape, *typologies: str) -> list[tuple[Campaign, Any]]:
    """Return the campaigns that have their evidence, with their own messages."""
    found = [c for c in tape.simulator.campaigns if c.typology in typologies and c.evidence >= 0]
    assert found, typologies
    return [(c, tape.own(c)) for c in found]


def test_every_typology_reaches_its_evidence(scripted: Tape) -> None:
    campaigns = scripted.simulator.campaigns
    for code in CODES:
        mine = [c for c in campaigns if c.typology == code]
        assert len(mine) >= 5
        assert sum(c.evidence >= 0 for c in mine) >= 0.5 * len(mine), code
    assert sum(c.evidence >= 0 for c in campaigns) >= 0.8 * len(campaigns)
    for c in campaigns:
        own = scripted.own(c)
        assert c.messages == tuple(own["ts_event"].tolist())
        assert c.evidence == -1 or c.evidence in c.messages
        mine = np.isin(own["account"], c.accounts) | np.isin(own["contra_account"], c.accounts)
        assert mine.all()


def test_every_event_is_legal(markets: Books) -> None:
    for market in markets.values():
        # Ordinary flow at times enters the same order twice within 3 ms, which is legal.
        found = {kind: len(rows) for kind, rows in market.breaches.items() if rows}
        assert set(found) <= {"error-duplicate"}, found


def test_spoofing_and_layering_show_where_half_the_large_side_goes(scripted: Tape) -> None:
    for c, rows in shown(scripted, "SPOOF", "LAYER"):
        last = rows[(rows["ts_event"] == c.evidence) & (rows["kind"] == CANCEL)][-1]
        own = evidence.entered(rows)
        # An execution belongs to the agent that came; so another's may be the fill.
        here = scripted.events[scripted.security == c.security_id]
        traded = (here["kind"] == EXECUTE) & (here["ts_event"] <= c.evidence)
        mine = np.isin(here["order_id"], sorted(own)) | np.isin(here["ts_event"], c.messages)
        fills = here[traded & mine]
        assert any(evidence.side_of(row, own) != last["side"] for row in fills)
    for _, rows in shown(scripted, "LAYER"):
        entered = rows[rows["kind"] == ADD]
        levels = [len(np.unique(entered["price"][entered["side"] == s])) for s in (BID, ASK)]
        assert max(levels) >= 3


def test_flips_and_bursts_show_where_they_are_defined_to(scripted: Tape) -> None:
    for c, rows in shown(scripted, "FLIP"):
        assert evidence.flip(rows) == c.evidence
    for c, _ in shown(scripted, "STUFF"):
        assert c.messages[199] == c.evidence


def test_matched_prints_show_at_the_second_and_the_third(scripted: Tape) -> None:
    owner = {one.account: one.owner for one in scripted.simulator.people}
    exact = []
    for typology, needed in (("WASH", 2), ("PAINT", 3)):
        for c, rows in shown(scripted, typology):
            # A member's ordinary order may meet the campaign's too: one print more, by chance.
            prints = evidence.matched(rows, c.accounts)
            assert c.evidence in prints[needed - 1 :]
            exact.append(c.evidence == prints[needed - 1])
            assert (len({owner[one] for one in c.accounts}) == 2) == (typology == "PAINT")
    assert np.mean(exact) >= 0.8


def test_probes_are_exploited_or_step(scripted: Tape) -> None:
    for c, rows in shown(scripted, "PING"):
        dark = (rows["flags"] & DARK) > 0
        probes = rows[dark & (rows["kind"] == ADD)]
        assert ((probes["flags"] & IOC) > 0).all()
        filled = rows[dark & (rows["kind"] == EXECUTE) & (rows["ts_event"] < c.evidence)]
        assert c.evidence - filled["ts_event"][-1] <= S // 2
        assert (rows["kind"][rows["ts_event"] == c.evidence] == EXECUTE).any()
    for c, rows in shown(scripted, "SIZE"):
        assert evidence.steps(rows) == c.evidence


def test_front_running_shows_at_the_second_dark_fill_that_is_led(scripted: Tape) -> None:
    for c, rows in shown(scripted, "FRONT"):
        own = evidence.entered(rows)
        led: dict[int, None] = {}
        lit = None
        for row in rows:
            if row["kind"] == EXECUTE and not row["flags"] & DARK:
                lit = row
            elif row["kind"] == EXECUTE and lit is not None:
                assert row["ts_event"] - lit["ts_event"] <= S
                assert evidence.side_of(lit, own) == BID + ASK - row["side"]
                led[int(row["ts_event"])] = None
        assert list(led)[1] == c.evidence


def test_references_are_stale_or_moved(scripted: Tape, markets: Books) -> None:
    for c, rows in shown(scripted, "STALE"):
        assert evidence.stale(rows, lambda ts, c=c: double_at(markets, c, ts)) == c.evidence
    for c, rows in shown(scripted, "NBBO"):
        lit = (rows["flags"] & DARK) == 0
        pull = rows[lit & (rows["kind"] == CANCEL) & (rows["ts_event"] == c.evidence)][0]
        entry = rows[lit & (rows["kind"] == ADD) & (rows["order_id"] == pull["order_id"])][0]
        sign = 1 if entry["side"] == BID else -1
        before = double_at(markets, c, int(entry["ts_event"]))
        used = rows[~lit & (rows["kind"] == EXECUTE) & (rows["ts_event"] > entry["ts_event"])][0]
        assert used["ts_event"] - entry["ts_event"] <= S
        assert used["ts_event"] <= c.evidence
        assert sign * (2 * int(used["aux_price"]) - before) > 0
        assert used["side"] == entry["side"], "the dark order is on the other side"


def test_pushes_show_at_the_turn_and_at_the_last_trade(scripted: Tape) -> None:
    for c, rows in shown(scripted, "IGNITE"):
        assert evidence.opposite(rows) == c.evidence
    for c, rows in shown(scripted, "CLOSE"):
        assert evidence.last_execution(rows) == c.evidence == c.end
        assert 0 < scripted.simulator.closes - c.evidence <= 12 * S


def test_look_alikes_are_as_many_and_carry_no_label(scripted: Tape) -> None:
    alike = scripted.simulator.lookalikes
    assert {one.typology for one in alike} == set(CODES)
    assert len(alike) >= 0.95 * len(scripted.simulator.campaigns)
    codes = scripted.simulator.planned["code"]
    assert (codes[codes >= LOOKALIKE] < 2 * LOOKALIKE).all()
    found = label_events(
        scripted.events["ts_event"], scripted.security, scripted.simulator.campaigns
    )
    for name in ("zone", "typology", "campaign"):
        assert np.array_equal(found[name], scripted.labels[name])
    restarts = [one for one in alike if one.typology == "STUFF"]
    for one in restarts:
        ts = scripted.own(one)["ts_event"]
        assert (ts[199:] - ts[:-199] > S // 10).all()


def test_same_config_gives_the_same_bytes_and_the_other_hand_another_tape() -> None:
    config = msgspec.structs.replace(
        SCRIPTED, securities=1, seconds=300.0, start_s=SESSION_S - 300.0
    )
    first, again = (record(config) for _ in range(2))
    assert first.events.tobytes() == again.events.tobytes()
    assert first.labels.tobytes() == again.labels.tobytes()
    other = record(msgspec.structs.replace(config, injector="agents"))
    assert other.events.tobytes() != first.events.tobytes()


def test_the_tape_before_the_first_campaign_does_not_depend_on_it(scripted: Tape) -> None:
    without = record(msgspec.structs.replace(SCRIPTED, campaigns_per_hour=0.0))
    for s in range(1, SCRIPTED.securities + 1):
        starts = [c.start for c in scripted.simulator.campaigns if c.security_id == s]
        names = [n for n in scripted.events.dtype.names if n not in ("ts_recv", "sequence")]
        here, there = (
            tape.events[(tape.security == s) & (tape.events["ts_event"] < min(starts))]
            for tape in (scripted, without)
        )
        assert len(here)
        for name in names:
            assert np.array_equal(here[name], there[name]), name


def test_a_campaign_asked_for_by_name_happens_there() -> None:
    plan = (CampaignPlan(typology="FLIP", security=1, start_s=5.0, stealth=1.5),)
    config = SimConfig(seed=4, securities=2, seconds=120.0, plan=plan, injector="scripts")
    (c,) = record(config).simulator.campaigns
    assert (c.typology, c.security_id, c.stealth) == ("FLIP", 2, 1.5)
    for change, message in (
        ({"security": 2}, "in a security below 2, was 'FLIP' in 2"),
        ({"typology": "CLOSE"}, "CLOSE needs a tape that reaches the session's close"),
    ):
        wrong = (msgspec.structs.replace(plan[0], **change),)
        refused = msgspec.structs.replace(config, plan=wrong)
        with pytest.raises(ConfigError, match=message):
            Simulator(refused)


def test_every_play_has_a_place_and_ends() -> None:
    table, begins = assemble(PLAYS)
    assert set(begins) == {*range(13), *range(LOOKALIKE, LOOKALIKE + 13)}
    places = [*begins.values(), int((table["op"] != sim_code.END).nonzero()[0][-1]) + 2]
    for low, high in pairwise(places):
        lines = table[low:high]
        assert lines["op"][-1] == sim_code.END
        jumps = np.isin(
            lines["op"],
            [sim_code.JUMP, sim_code.LOOP, sim_code.IF_LATE, sim_code.IF_GOT, sim_code.IF_LIVE],
        )
        assert ((lines["b"][jumps] >= low) & (lines["b"][jumps] < high)).all()


FIRST = {"sim_agents", "sim_bursts", "sim_acts", "sim_crosses", "sim_leads", "sim_midpoints"}
FIRST |= {"sim_probes", "sim_pushes", "sim_breaches", "sim_play"}
FIRST |= {"abuse", "casting", "parameters", "episode"}
SECOND = {"sim_script", "sim_code", "scripts", "plays", "assembly"}
# What carries both: the market's records, and where either is called.
SHARED = {"market", "world", "sim_run", "sim_state", "sim_cast"}


def modules_of(path: Path) -> set[str]:
    """Return the last parts of the names of our modules that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[-1] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module.split(".")[-1], *(alias.name for alias in node.names)}
    return found


def reached(path: Path) -> set[str]:
    """Return all modules of the simulator that a file imports, directly or not."""
    files = {p.stem: p for p in (*ROOT.glob("kernels/*.py"), *ROOT.glob("darkpool_watch/sim/*.py"))}
    seen: set[str] = set()
    waiting = [path]
    while waiting:
        fresh = (modules_of(waiting.pop()) & set(files)) - seen
        seen |= fresh
        waiting += [files[name] for name in fresh]
    return seen


def test_the_two_injectors_share_no_code() -> None:
    files = {p.stem: p for p in (*ROOT.glob("kernels/*.py"), *ROOT.glob("darkpool_watch/sim/*.py"))}
    for name in SECOND:
        assert not reached(files[name]) & FIRST, name
    for name in FIRST & set(files):
        assert not modules_of(files[name]) & (SECOND - {"sim_code"}), name
    for name in set(files) - FIRST - SECOND - SHARED:
        assert not modules_of(files[name]) & (FIRST | SECOND), f"{name} belongs to one injector"
    # The check can fail: the market itself reaches both.
    assert reached(files["market"]) & FIRST
    assert reached(files["market"]) & SECOND
