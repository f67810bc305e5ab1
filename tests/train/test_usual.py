"""What simulated days tell the normaliser, beside what the production kernels make of them."""

import numpy as np
import pytest
from msgspec.structs import replace

from darkpool_watch.errors import ConfigError
from darkpool_watch.features.normaliser import Normaliser
from darkpool_watch.sim.frames import Stages
from darkpool_watch.sim.market import SimConfig, Simulator
from darkpool_watch.train.simulated import SimulatedSource, simulate_frames, strangers_of
from darkpool_watch.train.usual import (
    SecurityDay,
    cell_of,
    fit_hawkes,
    fit_normaliser,
    profile_of,
    security_days,
    terciles,
)
from kernels.classes import class_of
from kernels.history import ROW
from kernels.profile import A1, A2, B1, LIT_RATE, MU, P50, SLOW_DEPTH
from tests.features.test_flow_hawkes import TRUE, simulated

CONFIG = SimConfig(seed=5, securities=9, seconds=2_400.0, rate_scale=0.5)


@pytest.fixture(scope="module")
def found() -> list[SecurityDay]:
    return security_days(CONFIG)


@pytest.fixture(scope="module")
def fitted() -> Normaliser:
    return fit_normaliser([replace(CONFIG, day=day) for day in range(6)])


def a_day(**told: object) -> SecurityDay:
    """Return a security-day that tells what is given and nothing else."""
    flows = np.full((13, 4), np.nan)
    day = SecurityDay(
        "XYZ",
        np.full(3, np.nan),
        np.zeros((0, 240), np.float32),
        np.zeros(0, np.int64),
        flows,
        np.full(4, np.nan),
        np.full(5, np.nan),
    )
    return day._replace(**told)


def test_terciles_cut_security_days_into_three() -> None:
    measures = np.random.default_rng(0).lognormal(0, 1, (300, 3))
    bounds = terciles(measures)
    cells = np.array([cell_of(one, bounds) for one in measures])
    for digit in (9, 3, 1):
        assert np.bincount(cells // digit % 3).tolist() == [100, 100, 100]
    assert cell_of(np.array([1.0, np.nan, 1.0]), bounds) == -1
    assert np.isnan(terciles(np.full((5, 3), np.nan))).all()


def test_a_class_is_told_as_the_kernel_tells_it() -> None:
    rng = np.random.default_rng(2)
    bounds = terciles(rng.lognormal(0, 1, (50, 3)))
    for one in rng.lognormal(0, 1, (200, 3)):
        sums = np.array([one[0] * 8, one[1] * 8, 8.0, one[2] * 60])
        assert class_of(60_000_000_000, sums, bounds) == cell_of(one, bounds)


def test_a_profile_is_the_median_of_days_by_hand() -> None:
    days = [
        a_day(
            flows=np.full((13, 4), [x, 2.0, 10.0 * x, 8.0]),
            sizes=np.full(4, x),
            hawkes=np.array([9.0, 0.1 * x, 100.0 * x, 0.25, 3.0]),
        )
        for x in (1.0, 2.0, 5.0)
    ]
    days[0].flows[4:, 0] = np.nan
    profile = profile_of([*days, a_day()])
    assert profile[0, [P50, LIT_RATE, SLOW_DEPTH]].tolist() == [2.0, 2.0, 20.0]
    assert profile[4, LIT_RATE] == 3.5  # of 2 and 5
    assert profile[0, [A1, B1]].tolist() == pytest.approx([0.2, 200.0])
    assert profile[0, MU] == pytest.approx(8.0 * (1 - 0.2 - 0.25))
    assert np.isnan(profile_of([a_day()])).all()


def test_hawkes_parameters_are_those_of_the_messages() -> None:
    times = simulated(TRUE, 4_000.0, 8)
    np.testing.assert_allclose(fit_hawkes(times), TRUE, rtol=0.2)
    assert np.isnan(fit_hawkes(times[:50])).all()


def test_flows_are_those_the_production_kernels_keep(found: list[SecurityDay]) -> None:
    stages = Stages(Simulator(CONFIG), Normaliser.default())
    for _ in stages.play():
        pass
    kept = stages.extractor.snapshot()["history.flows"][:, :, :, 0]
    flows = np.array([one.flows for one in found])
    assert not np.isnan(kept[:, 0]).any()
    assert np.isnan(flows[:, 2:]).all()
    # The kernel adds a minute of its prior to what was traded, and watches from the first message.
    prior = 60 * np.array([1.0, 1.0])
    expected = (np.nan_to_num(flows[:, 0, :2]) * 1_800 + prior) / 1_860
    np.testing.assert_allclose(kept[:, 0, :2], expected, rtol=0.02)
    np.testing.assert_allclose(kept[:, 0, 2:], flows[:, 0, 2:], rtol=0.02)


def test_days_are_measured_and_differ(found: list[SecurityDay]) -> None:
    measures = np.array([one.measures for one in found])
    assert not np.isnan(measures).any()
    assert measures[:, 2].max() > 2 * measures[:, 2].min()
    assert len({one.symbol for one in found}) == 9
    assert all(len(one.raw) > 100 for one in found)


def test_a_fit_has_classes_and_securities(fitted: Normaliser) -> None:
    symbols = {f"SIM{n:03d}" for n in range(9)}
    assert fitted.own == symbols
    assert fitted.row_of("SIM004", "equity")[1]
    assert fitted.row_of("SIM999", "equity") == (0, False)
    assert np.isfinite(fitted.bounds).all()
    assert (np.diff(fitted.bounds) > 0).all()
    classes = set(fitted.classes.tolist())
    assert len(classes) > 1
    assert classes == set(range(len(classes)))
    # The kernels of messages are fitted in every row, and are not the prior.
    assert np.isfinite(fitted.profile[:, 0, [MU, A1, B1, A2]]).all()
    assert len(np.unique(fitted.profile[:, 0, B1])) > 3
    alone = fitted.without_securities()
    assert len(alone.median) == len(classes)
    assert Normaliser.from_arrays(alone.to_arrays()).own == frozenset()


def test_a_fitted_stranger_gets_a_class_and_its_kernels(fitted: Normaliser) -> None:
    config = replace(CONFIG, day=6, seconds=300.0)
    stages = Stages(Simulator(config), fitted.without_securities())
    for _ in stages.play():
        pass
    found = stages.extractor.snapshot()
    rows = found["history.place"][:, ROW]
    assert len(set(rows.tolist())) > 1
    np.testing.assert_array_equal(found["profile"][:, A1], fitted.profile[rows, 0, A1])


def test_a_fifth_of_the_security_days_are_strangers(fitted: Normaliser) -> None:
    config = replace(CONFIG, securities=100)
    days = [strangers_of(replace(config, day=day)) for day in range(20)]
    assert 0.17 < np.mean([len(one) / 100 for one in days]) < 0.23
    assert len(set(days)) == 20
    day = next(d for d in range(20) if len(strangers_of(replace(CONFIG, day=d))) > 1)
    strangers = strangers_of(replace(CONFIG, day=day))
    short = replace(CONFIG, seconds=120.0)
    trained = SimulatedSource(short, fitted, first_day=day).frames(day)
    known = simulate_frames(replace(short, day=day), fitted)
    for s in range(9):
        same = trained.sequence(s).values.tobytes() == known.sequence(s).values.tobytes()
        assert same == (s not in strangers)


def test_no_day_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least one day: set normaliser_days"):
        fit_normaliser([])
