import hashlib

import numpy as np
import pytest

from darkpool_watch.errors import ConfigError
from darkpool_watch.sim import corpus, population
from darkpool_watch.sim.corpus import SIDES, corpus_day, side_of, tier_day, tier_seed
from darkpool_watch.sim.market import SimConfig, Simulator
from darkpool_watch.sim.population import on_side
from darkpool_watch.sim.regimes import Day, is_half_day
from darkpool_watch.typologies import MODEL_TYPOLOGIES

PROTOCOL = "0123abcd"


def test_every_typology_has_one_role() -> None:
    roles = [*corpus.TRAINED, *corpus.FUSION, *corpus.UNSEEN]
    assert sorted(roles) == sorted(one.code for one in MODEL_TYPOLOGIES)
    assert not set(SIDES["train"].typologies) & {*corpus.FUSION, *corpus.UNSEEN}
    assert not set(SIDES["validate"].typologies) & set(corpus.UNSEEN)


def test_kin_of_a_trained_typology_is_not_what_tier_b_judges() -> None:
    kin = {one.code: one.kin for one in MODEL_TYPOLOGIES}
    trained = {kin[code] for code in corpus.TRAINED}
    assert not trained & {kin[code] for code in corpus.UNSEEN}


def test_days_have_one_side_and_gaps_have_none() -> None:
    read = [day for side in SIDES.values() for day in side.days]
    assert len(read) == len(set(read))
    assert sorted(set(range(corpus.DAYS)) - set(read)) == [20, 25]
    assert [side_of(day) for day in (0, 19, 21, 24, 26, 39)] == [
        "train", "train", "validate", "validate", "test", "test",
    ]  # fmt: skip
    with pytest.raises(ConfigError, match="Day 20 lies in a gap that nobody reads: choose among"):
        corpus_day(20)
    with pytest.raises(ConfigError, match="Day 40 lies outside the corpus"):
        side_of(40)


def test_a_fifth_of_the_securities_is_held_out_for_the_test() -> None:
    held_out = set(SIDES["test"].securities) - set(SIDES["train"].securities)
    assert len(held_out) == corpus.SECURITIES // 5
    assert not held_out & set(SIDES["validate"].securities)


def test_manipulators_of_two_sides_share_no_affiliate_group() -> None:
    groups = np.array([p.group for p in population.accounts(corpus.CORPUS_SEED, corpus.ACCOUNTS)])
    sides = {
        side: on_side(corpus.CORPUS_SEED, corpus.ACCOUNTS, side)
        for side in ("train", "validate", "test")
    }
    assert sum(allowed.sum() for allowed in sides.values()) == corpus.ACCOUNTS
    for one, other in (("train", "validate"), ("train", "test"), ("validate", "test")):
        assert not set(groups[sides[one]]) & set(groups[sides[other]])
    assert all(allowed.sum() >= 20 for allowed in sides.values())


@pytest.mark.parametrize("injector", ["agents", "scripts"])
@pytest.mark.parametrize("side", ["train", "validate", "test"])
def test_only_accounts_of_the_side_act(side, injector) -> None:
    config = SimConfig(
        seed=5,
        securities=4,
        seconds=23_400.0,
        accounts=128,
        campaigns_per_hour=8.0,
        typologies=tuple(one.code for one in MODEL_TYPOLOGIES),
        manipulators=side,
        injector=injector,
        regime="normal",
    )
    allowed = on_side(config.seed, config.accounts, side)
    planned = Simulator(config).planned
    campaigns = planned[planned["campaign"] >= 0]
    assert len(campaigns) > 150
    for row in campaigns:
        assert allowed[row["accounts"][: row["members"]] - 1].all()


def test_too_few_accounts_for_a_side_are_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"4 accounts that may act on side `validate`, was \d of 8"
    ):
        Simulator(SimConfig(accounts=8, manipulators="validate"))


def test_training_and_calibration_days_never_see_the_regime_of_tier_c() -> None:
    seen = set()
    for name in ("train", "validate"):
        for day in SIDES[name].days:
            config = corpus_day(day)
            half = is_half_day(config.seed, day, config.regime)
            session = population.session(day, half)
            plan = Day(config.seed, day, config.regime, session, session, config.securities)
            seen |= {one.name for one in plan.market}
            seen |= {one.name for security in plan.plans for one in security.regimes}
    assert corpus.UNSEEN_REGIME not in seen
    assert {"quiet", "normal", "volatile", "news", "half day"} <= seen


def test_tiers_differ_as_the_protocol_says() -> None:
    tiers = {tier: tier_day(tier, PROTOCOL, 30) for tier in ("A", "B", "C", "D")}
    assert len({config.seed for config in tiers.values()}) == 4
    assert corpus.CORPUS_SEED not in {config.seed for config in tiers.values()}
    assert tiers["A"].typologies == corpus.TRAINED
    assert tiers["B"].typologies == corpus.UNSEEN
    assert (tiers["C"].injector, tiers["C"].regime) == ("scripts", "crash")
    assert tiers["D"].campaigns_per_hour * 20 * 6.5 == pytest.approx(10)
    assert tiers["D"].lookalikes_per_hour * 20 * 6.5 == pytest.approx(200)
    assert all(config.manipulators == "test" for config in tiers.values())
    with pytest.raises(ConfigError, match="Day 3 is no test day"):
        tier_day("A", PROTOCOL, 3)


def test_tier_seeds_are_the_hash_of_protocol_and_tier() -> None:
    expected = int(hashlib.sha256(b"0123abcd:A").hexdigest()[:8], 16)
    assert tier_seed(PROTOCOL, "A") == expected
    assert tier_seed("0123abce", "A") != expected


def test_a_calm_day_is_the_same_day_without_campaigns() -> None:
    day, calm = corpus_day(3), corpus_day(3, calm=True)
    assert day.campaigns_per_hour > 0.0 == calm.campaigns_per_hour
    assert day.lookalikes_per_hour == calm.lookalikes_per_hour
    planned = Simulator(day).planned
    assert np.array_equal(planned[planned["campaign"] < 0], Simulator(calm).planned)


def test_training_days_plan_more_campaigns_than_the_least() -> None:
    planned = np.concatenate(
        [
            rows[(rows["campaign"] >= 0) & np.isin(rows["security"], SIDES["train"].securities)]
            for rows in (Simulator(corpus_day(day)).planned for day in (0, 1))
        ]
    )
    codes = [one.code for one in MODEL_TYPOLOGIES]
    a_typology = np.bincount(planned["code"], minlength=len(codes)) / 2 * len(SIDES["train"].days)
    for code in corpus.TRAINED:
        assert a_typology[codes.index(code)] > corpus.LEAST_CAMPAIGNS["train"]
