"""The feature stage as a whole: blocks, truncation, growth, resets, snapshots, sampling."""

import numpy as np
import pytest

from darkpool_watch.config import FeatureConfig, MarketConfig
from darkpool_watch.errors import CheckpointError
from darkpool_watch.features.extractor import ACCOUNT_BUDGET, WINDOW_BUDGET, Extractor
from darkpool_watch.features.frames import CONDITIONS, Frames
from darkpool_watch.features.normaliser import HALF_HOURS, Normaliser
from darkpool_watch.market.listings import Listings
from darkpool_watch.market.state import Market
from darkpool_watch.tape.detect import open_tape
from kernels.layout import (
    CANCEL,
    FEATURES,
    LEVEL,
    NO_TRADE,
    ON_DARK_PRINT,
    ON_LARGE_CANCEL,
    ON_QUOTE,
    ON_STRIDE,
    ON_TRADE,
)
from kernels.profile import IN_USE, P10, P90, REFERENCE_P95
from tests.data import AMZN, GOOG, needs_data
from tests.features.window_cases import fixed_profile, naive_row, random_market
from tests.naive import price, tempo
from tests.naive.windows import plain

SECURITIES = 3


def flow(seed: int = 1, n: int = 900) -> np.ndarray:
    """Return observations of three securities, with accounts and sizes, in time order."""
    rng = np.random.default_rng(seed)
    parts = []
    for s in range(SECURITIES):
        part = random_market(seed + s, n // SECURITIES)
        part["security"] = s
        parts.append(part)
    out = np.concatenate(parts)
    out = out[np.argsort(out["ts"], kind="stable")]
    out["arrival"] = np.arange(len(out))
    out["account"], out["contra_account"] = rng.integers(0, 9, (2, len(out)))
    out["group"], out["contra_group"] = out["account"] // 2, out["contra_account"] // 2
    out["side"] = rng.integers(1, 3, len(out))
    entered = out["kind"] == 0
    out["added"][entered] = rng.integers(1, 500, entered.sum())
    cancelled = out["kind"] == CANCEL
    out["removed"][cancelled] = rng.integers(1, 500, cancelled.sum())
    out["touch_depth"] = np.nan
    return out


def extractor(securities: int = SECURITIES, stride: int = 8) -> Extractor:
    return Extractor(FeatureConfig(stride=stride), securities)


def joined(parts: list[Frames]) -> Frames:
    return Frames._make(np.concatenate(column) for column in zip(*parts, strict=True))


def frames_in_blocks(observations: np.ndarray, block: int) -> Frames:
    stage = extractor()
    blocks = range(0, len(observations), block)
    return joined([stage.extract(observations[i : i + block]).copy() for i in blocks])


def assert_identical(a: Frames, b: Frames) -> None:
    for name, left, right in zip(Frames._fields, a, b, strict=True):
        assert left.tobytes() == right.tobytes(), name


@pytest.mark.parametrize("block", [1, 7, 256, 4096])
def test_block_size_changes_no_bit(block: int) -> None:
    observations = flow()
    assert_identical(frames_in_blocks(observations, block), frames_in_blocks(observations, 900))


@pytest.mark.parametrize("cut", [1, 100, 457, 899])
def test_a_frame_does_not_see_what_comes_after_it(cut: int) -> None:
    observations = flow()
    whole = frames_in_blocks(observations, 256)
    short = frames_in_blocks(observations[:cut], 256)
    kept = int(np.sum(whole.arrival < cut))
    assert_identical(Frames._make(part[:kept] for part in whole), short)


def test_rows_equal_the_twins() -> None:
    given = fixed_profile()[:, :IN_USE]
    given[0, [P10, P90, REFERENCE_P95]] = 50, 400, 5e6
    shape = (1, HALF_HOURS, FEATURES)
    normaliser = Normaliser(
        np.zeros(shape, np.float32),
        np.ones(shape, np.float32),
        given,
        {"XYZ": 0},
        frozenset(["XYZ"]),
    )
    stage = Extractor(FeatureConfig(stride=1), 1, normaliser)
    stage.define(
        0,
        tick=price.TICK,
        session_open_ns=tempo.SESSION_OPEN,
        session_close_ns=tempo.SESSION_CLOSE,
        names=("XYZ",),
    )
    market = random_market(21, 150)
    market["ts"] = market["ts"][0] + np.cumsum(np.full(150, 7_000_000))  # within the session
    frames = stage.extract(market)
    past = plain(market)
    assert len(frames.ts) == np.sum(market["kind"] != LEVEL) + np.sum(
        (market["kind"] == LEVEL) & (market["nbbo_changed"] != 0)
    )
    for n, i in enumerate(np.flatnonzero(np.isin(np.arange(150), frames_of(market)))):
        naive = naive_row(past[: i + 1], past[i]["ts"])
        np.testing.assert_allclose(frames.raw[n, :112], naive, rtol=2e-6, atol=2e-6)


def frames_of(market: np.ndarray) -> list[int]:
    """Return the rows that owe a frame at a stride of 1."""
    return [i for i, o in enumerate(market) if o["kind"] != LEVEL or o["nbbo_changed"]]


def test_undefined_features_are_zero_and_masked() -> None:
    frames = frames_in_blocks(flow(), 900)
    undefined = np.isnan(frames.raw)
    np.testing.assert_array_equal(frames.mask, undefined)
    assert np.all(frames.values[undefined] == 0)
    assert np.all(np.abs(frames.values) <= 8)
    assert 0.1 < undefined.mean() < 0.7
    assert not np.isnan(frames.conditions).any()
    assert not np.isinf(frames.raw).any()


def test_informative_events_owe_a_frame_at_once_and_others_after_a_stride() -> None:
    observations = flow()
    stage = extractor(stride=5)
    due = joined([stage.extract(observations[i : i + 1]).copy() for i in range(len(observations))])
    trigger = dict(zip(due.arrival.tolist(), due.trigger.tolist(), strict=True))
    waited = [0] * SECURITIES
    for o in observations:
        s, arrival = int(o["security"]), int(o["arrival"])
        waited[s] += o["kind"] != LEVEL
        if o["trade"] != NO_TRADE:
            assert trigger[arrival] == (ON_DARK_PRINT if o["dark"] else ON_TRADE)
        elif trigger.get(arrival) == ON_LARGE_CANCEL:
            assert o["kind"] == CANCEL
        elif o["nbbo_changed"]:
            assert trigger[arrival] == ON_QUOTE
        else:
            assert (trigger.get(arrival) == ON_STRIDE) == (waited[s] >= 5)
        if arrival in trigger:
            waited[s] = 0


def test_without_informative_events_only_the_stride_counts() -> None:
    stage = Extractor(FeatureConfig(stride=5, informative=False), SECURITIES)
    frames = stage.extract(flow())
    assert set(frames.trigger.tolist()) == {ON_STRIDE}


def test_unknown_listings_are_passed_over() -> None:
    observations = flow()
    observations["security"][::2] = -1
    frames = extractor().extract(observations)
    assert set(frames.arrival.tolist()) <= set(range(1, 900, 2))


def test_growth_changes_no_bit() -> None:
    observations = flow()
    grown = extractor(1)
    parts = [grown.extract(observations[i : i + 100]).copy() for i in range(0, 900, 100)]
    assert grown.securities >= SECURITIES
    whole = frames_in_blocks(observations, 100)
    assert_identical(joined(parts), whole)


def test_a_snapshot_resumes_with_the_same_bits() -> None:
    observations = flow()
    first = extractor()
    first.extract(observations[:431])
    second = extractor(1)
    second.restore(first.snapshot())
    assert_identical(first.extract(observations[431:]), second.extract(observations[431:]))


def test_a_snapshot_of_another_catalogue_is_refused() -> None:
    snapshot = extractor().snapshot()
    snapshot["catalog"][0] ^= 1
    with pytest.raises(CheckpointError, match="Snapshot expects catalogue"):
        extractor().restore(snapshot)


def test_a_reset_forgets_one_security_and_no_other() -> None:
    observations = flow()
    reset, kept = extractor(), extractor()
    for stage in (reset, kept):
        stage.extract(observations[:600])
    reset.reset(1)
    after, before = reset.extract(observations[600:]).copy(), kept.extract(observations[600:])
    other = {0, 2}
    mine = np.isin(after.security, list(other))
    theirs = np.isin(before.security, list(other))
    np.testing.assert_array_equal(after.raw[mine], before.raw[theirs])
    first = after.raw[np.flatnonzero(after.security == 1)[0]]
    assert first[144:148].max() <= np.log1p(8)  # cancels of one stride at most
    assert np.isnan(first[36:40]).all()  # no midpoint from before


def test_a_new_session_starts_the_windows_anew() -> None:
    observations = flow()
    observations["session"][600:] = 1
    stage = extractor()
    stage.extract(observations[:600])
    frames = stage.extract(observations[600:])
    fresh = extractor().extract(observations[600:])
    # What is usual was learnt the day before, so that other cancels are large; windows are equal.
    _, mine, theirs = np.intersect1d(frames.arrival, fresh.arrival, return_indices=True)
    assert len(mine) > 150
    np.testing.assert_array_equal(frames.raw[mine, :64], fresh.raw[theirs, :64])


def test_peers_are_the_other_securities_last_frames() -> None:
    stage = extractor()
    frames = stage.extract(flow())
    own, peer = CONDITIONS.index("own_volatility"), CONDITIONS.index("peer_volatility")
    last: dict[int, float] = {}
    for n in range(len(frames.ts)):
        s = int(frames.security[n])
        others = [x for other, x in last.items() if other != s and not np.isnan(x)]
        mean = np.mean(others) if others else 0.0
        assert frames.conditions[n, peer] == pytest.approx(mean, rel=1e-4, abs=1e-4)
        last[s] = float(frames.raw[n, 6])
        assert frames.conditions[n, own] == np.nan_to_num(frames.raw[n, 6])


def test_memory_stays_within_its_budgets() -> None:
    memory = extractor().memory()
    assert memory.windows <= WINDOW_BUDGET
    assert memory.accounts <= ACCOUNT_BUDGET


@needs_data
@pytest.mark.parametrize("path", [GOOG, AMZN], ids=["GOOG_10", "AMZN_5"])
def test_a_third_of_the_real_events_owe_a_frame(path) -> None:
    tape = open_tape(path)
    listings = Listings()
    stage = extractor(1)
    for definition in tape.definitions:
        listings.define(definition)
        stage.define(0, tick=definition.tick)
    market = Market(MarketConfig(), listings)
    frames = messages = 0
    for events in tape.blocks(4096):
        messages += int(np.sum(events["kind"] != LEVEL))
        out = stage.extract(market.observe(events, 0))
        frames += len(out.ts)
        assert not np.isinf(out.raw).any()
    assert 0.25 <= frames / messages <= 0.43
