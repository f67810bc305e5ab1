"""When flags come more or less often than asked, beyond what chance allows."""

import numpy as np
import pytest

from darkpool_watch.detect.flag_rates import SPAN_NS, FlagRates
from kernels.threshold import DECISION

ASKED = 0.008


def decisions(flags: np.ndarray, *, a_span: int = 50, security: int = 3) -> np.ndarray:
    """Return decided frames of one security, so many in each span of its time."""
    rows = np.zeros(len(flags), DECISION)
    rows["security"] = security
    rows["ts"] = np.arange(len(flags)) // a_span * SPAN_NS
    rows["p"] = np.where(flags, 0.001, 0.5)
    rows["flag"] = flags
    rows["calibrated"] = 1
    return rows


def told(flags: np.ndarray, **shape: int) -> list:
    rates = FlagRates(ASKED)
    rates.take(decisions(flags, **shape))
    return rates.misfits()


def test_flags_of_half_the_frames_are_a_misfit_by_hand() -> None:
    # 20 spans of 50 frames, the last still going on: 19 x 50 frames, each second one a flag.
    (found,) = told(np.arange(1_000) % 2 == 0)
    assert (found.security, found.frames, found.flags, found.rate) == (3, 950, 475, 0.5)
    # No span differs from another, so the error is that of 950 independent frames.
    assert found.error == pytest.approx((0.008 * 0.992 / 950) ** 0.5)
    assert found.sentence("GOOG").startswith(
        "Thresholds do not fit GOOG: 475 of 950 frames are flagged, 50.00% (standard error 0.29%) "
        "where detect.flag_p asks 0.80%, five times that or more in 19 of 19 spans of 30 s."
    )


def test_no_flag_at_all_is_a_misfit_once_there_are_frames_enough() -> None:
    assert told(np.zeros(2_000, bool)) == []  # 15.6 wanted, 4.0 standard errors away
    (found,) = told(np.zeros(5_000, bool))
    assert (found.rate, found.flags) == (0.0, 0)
    assert "too seldom" in found.sentence("X")


@pytest.mark.parametrize("seed", range(20))
def test_the_rate_that_was_asked_is_no_misfit_however_it_clusters(seed: int) -> None:
    rng = np.random.default_rng(seed)
    assert told(rng.random(20_000) < ASKED) == []
    bursts = np.repeat(rng.random(400) < ASKED, 50)  # whole spans or nothing
    assert told(bursts) == []


def test_one_burst_among_quiet_spans_is_no_misfit() -> None:
    flags = np.zeros(1_000, bool)
    flags[100:140] = True  # 4%, all in one span
    assert told(flags) == []


def test_spans_over_five_times_the_rate_are_a_misfit_however_unlike_by_hand() -> None:
    # 50 flags in one span and 3 of 50 in nine: the ratio's error is large, yet all ten are over.
    flags = np.concatenate([np.ones(50, bool), np.tile(np.arange(50) < 3, 9), np.zeros(50, bool)])
    (found,) = told(flags)
    assert (found.spans, found.spans_over, found.flags) == (10, 10, 50 + 27)
    # 6 of 10 by chance: the binomial tail at 1/5 is 0.0064, above 1e-4; 8 of 10 is 7.8e-5.
    for over, misfits in ((6, 0), (7, 0), (8, 1)):
        spans = [np.arange(50) < 3] * over + [np.zeros(50, bool)] * (11 - over)
        assert len(told(np.concatenate(spans))) == misfits


def test_nothing_is_said_of_a_short_tape_or_of_frames_without_p() -> None:
    assert told(np.ones(450, bool)) == []  # nine spans
    rows = decisions(np.ones(2_000, bool))
    rows["p"] = np.nan
    rates = FlagRates(ASKED)
    rates.take(rows)
    assert rates.misfits() == []


def test_blocks_and_other_securities_change_nothing() -> None:
    rng = np.random.default_rng(1)
    mine, other = decisions(rng.random(1_000) < 0.4), decisions(rng.random(1_000) < 0.4, security=9)
    whole = FlagRates(ASKED)
    whole.take(mine)
    mixed = FlagRates(ASKED)
    for start in range(0, 1_000, 7):
        mixed.take(mine[start : start + 7])
        mixed.take(other[start : start + 7])
    assert mixed.misfits()[0] == whole.misfits()[0]
