import numpy as np
import pytest

from darkpool_watch.evaluate.discriminator import PARTS, auroc, discriminate, draw
from darkpool_watch.evaluate.windows import Windows

NAMES = ("time.a", "time.b", "kind.c", "price.d")


def tapes(
    count: int, seed: int, shift: dict[int, float] | None = None, *, own: float = 0.0
) -> list[Windows]:
    """`count` tapes of 260 windows of noise; `shift` moves columns, `own` a column by tape."""
    rng = np.random.default_rng(seed)
    found = []
    for i in range(count):
        values = rng.normal(size=(260, len(NAMES)))
        for column, by in (shift or {}).items():
            values[:, column] += by
        values[:, 1] += own * rng.normal()
        found.append(Windows(f"T{seed}{i}", NAMES, values, np.repeat(np.arange(13), 20)))
    return found


def test_auroc_by_hand() -> None:
    # Real 3 and 1 against 2 and 1: 3 beats both, 1 ties with one and loses to the other.
    scores = np.array([3.0, 1.0, 2.0, 1.0])
    assert auroc(scores, np.array([True, True, False, False])) == (2 + 0.5) / 4
    assert auroc(scores, ~np.array([True, True, False, False])) == 1.5 / 4
    assert np.isnan(auroc(scores, np.ones(4, bool)))


def test_what_is_alike_cannot_be_told() -> None:
    verdict = discriminate(tapes(2, 1), tapes(6, 2))
    assert verdict is not None
    assert verdict.low <= 0.5 <= verdict.high
    assert verdict.high - verdict.low < 0.2


def test_what_differs_is_told_and_named() -> None:
    verdict = discriminate(tapes(2, 1, {2: 2.0}), tapes(6, 2))
    assert verdict is not None
    assert verdict.auroc > 0.85
    assert verdict.low <= verdict.auroc <= verdict.high
    tell = verdict.tells[0]
    assert tell.feature == "kind.c"
    assert tell.alone > 0.85
    assert tell.gain > 0.5
    assert tell.drop > 0.2
    assert tell.real - tell.simulated == pytest.approx(2.0, abs=0.3)
    assert verdict.families["kind"] > 0.85
    assert verdict.families["time"] < 0.6
    assert set(verdict.families) == {"time", "kind", "price", "time+kind+life"}


def test_a_tape_known_by_its_own_level_is_not_told_when_it_is_held_out() -> None:
    # Every tape has a level of its own, which says nothing of another one. Trees that have seen
    # the tapes tell them by it; the verdict is of tapes that were not seen.
    verdict = discriminate(tapes(2, 1, own=6.0), tapes(6, 2, own=6.0))
    assert verdict is not None
    assert verdict.auroc_seen_tapes > 0.9
    assert verdict.auroc < verdict.auroc_seen_tapes - 0.15


def test_draw_matches_times_of_day() -> None:
    real, simulated = tapes(2, 1), tapes(6, 2)
    simulated[0] = simulated[0]._replace(half_hour=np.zeros(260, np.int64))
    sample = draw(real, simulated, np.random.default_rng(0))
    half_hour = sample.cluster % 13
    for half in range(13):
        there = half_hour == half
        assert (there & sample.real).sum() == 40
        assert (there & ~sample.real).sum() <= 3 * 40
    assert (sample.part == half_hour * PARTS // 13).all()
    assert set(sample.group[sample.real]) == set(sample.group[~sample.real]) == {0, 1}
    # A tape lies in one fold alone.
    assert all(len(set(sample.group[sample.tape == t])) == 1 for t in range(8))


def test_verdict_is_the_same_every_time() -> None:
    first = discriminate(tapes(2, 1, {0: 0.5}), tapes(4, 2))
    assert first == discriminate(tapes(2, 1, {0: 0.5}), tapes(4, 2))


def test_one_tape_or_a_handful_of_windows_gives_no_verdict() -> None:
    assert discriminate(tapes(1, 1), tapes(6, 2)) is None
    assert discriminate(tapes(2, 1), tapes(1, 2)) is None
    few = [one._replace(values=one.values[:5], half_hour=one.half_hour[:5]) for one in tapes(2, 1)]
    assert discriminate(few, tapes(6, 2)) is None
