"""Rule 2 on tapes: re-sent orders are not told from controls, and are where they bear a trace."""

from collections.abc import Callable

import numpy as np
import pytest

from darkpool_watch.evaluate.cells import weights_of_cells
from darkpool_watch.evaluate.finding import Finding
from darkpool_watch.evaluate.placebo import judge_placebo
from darkpool_watch.evaluate.resent import placebo_day
from darkpool_watch.evaluate.sample import Sample
from darkpool_watch.features.normaliser import Normaliser
from darkpool_watch.sim.frames import Change
from darkpool_watch.sim.market import SimConfig, Simulator
from kernels.layout import ADD, DARK, REPLACE
from kernels.sim_labels import ACTIVE, CLEAN

PLAIN = Normaliser.default()
BOTH = (ACTIVE, CLEAN)


def market(seed: int) -> SimConfig:
    return SimConfig(
        seed=seed,
        securities=8,
        seconds=1_800.0,
        start_s=5_400.0,
        lookalikes_per_hour=0.0,
        placebos_per_hour=160.0,
        regime="normal",
    )


def resent_orders(config: SimConfig) -> np.ndarray:
    """Return the ids of the lit orders that went through the injector."""
    found = []
    for events, _, senders in Simulator(config).stretches():
        mine = (senders >= 0) & (events["flags"] & DARK == 0)
        found.append(events["order_id"][mine & (events["kind"] == ADD)])
        found.append(events["contra_order_id"][mine & (events["kind"] == REPLACE)])
    return np.concatenate(found)


def larger(config: SimConfig) -> Change:
    """Return a change that makes every re-sent order ten times as large."""
    ids = resent_orders(config)

    def change(events: np.ndarray) -> np.ndarray:
        out = events.copy()
        renewed = (events["kind"] == REPLACE) & np.isin(events["contra_order_id"], ids)
        out["size"][np.isin(events["order_id"], ids) | renewed] *= 10
        return out

    return change


def judged(plant: Callable[[SimConfig], Change] | None = None) -> Finding:
    sides = [
        placebo_day(market(seed), PLAIN, change=plant(market(seed)) if plant else None)
        for seed in (31, 32)
    ]
    return judge_placebo(*sides, rounds=15, draws=200, least_episodes=300)


def test_orders_that_were_merely_resent_are_not_told_from_controls() -> None:
    found = judged()
    assert found.n >= 300
    assert found.low < 0.53
    assert found.high > 0.47
    assert abs(found.figure - 0.5) < 0.06


def test_a_trace_in_resent_orders_is_found() -> None:
    found = judged(larger)
    assert not found.met
    assert found.low > 0.53


@pytest.fixture(scope="module")
def sample() -> Sample:
    return placebo_day(market(33), PLAIN)


def test_resent_episodes_are_active_and_controls_clean_and_each_weighs_alike(
    sample: Sample,
) -> None:
    cells = sample.cells
    assert set(cells["zone"].tolist()) == set(BOTH)
    campaigns = {zone: np.unique(cells["campaign"][cells["zone"] == zone]) for zone in BOTH}
    assert not set(campaigns[ACTIVE]) & set(campaigns[CLEAN])
    assert 0.4 < len(campaigns[ACTIVE]) / sum(map(len, campaigns.values())) < 0.6
    weight = np.bincount(cells["campaign"], weights_of_cells(cells))
    for zone in BOTH:
        of_one = weight[campaigns[zone]]
        np.testing.assert_allclose(of_one, of_one.mean(), rtol=1e-3)


def test_only_the_frames_of_episodes_are_kept(sample: Sample) -> None:
    assert np.array_equal(np.unique(sample.cells["frame"]), np.arange(len(sample.values)))
    assert len(sample.campaigns) > len(np.unique(sample.cells["campaign"])) > 300
