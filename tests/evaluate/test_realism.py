"""The simulated market beside real days: bands, gaps in what is known, the figure."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from darkpool_watch.errors import ConfigError, DarkpoolWatchError
from darkpool_watch.evaluate.fact_figure import draw_facts
from darkpool_watch.evaluate.realism import NO_POOL, Measured, compare, measure, real_flows
from darkpool_watch.sim.facts import FACTS
from darkpool_watch.sim.market import SimConfig
from tests.data import DATA, needs_data

NAN = float("nan")


def valued(**values: float) -> dict[str, float]:
    return {**dict.fromkeys(FACTS, NAN), **values}


def test_compare_by_hand() -> None:
    simulated = {
        "A": valued(gap_cv2=2.0, events_per_s=5.0, dark_share=0.2),
        "B": valued(gap_cv2=4.0, events_per_s=21.0, dark_share=0.2),
        "C": valued(gap_cv2=8.0, events_per_s=6.0, dark_share=NAN),
    }
    real = {"X": valued(gap_cv2=7.0), "Y": valued(gap_cv2=9.0)}
    halves = {"X": [{"gap_cv2": 2.0}, {"gap_cv2": 7.0}], "Y": [{"gap_cv2": NAN}, {"gap_cv2": 9.0}]}
    found = compare(simulated, real, halves)
    assert set(found) == set(FACTS)
    one = found["gap_cv2"]
    assert (one.simulated, one.real, one.low, one.high) == (4.0, 8.0, 3.0, 30.0)
    assert one.met
    assert one.share_met == pytest.approx(2 / 3)
    assert one.real_tapes == {"X": 7.0, "Y": 9.0}
    assert one.real_share_met == pytest.approx(2 / 3)
    # The rate's band is for each security, and B is above it.
    assert found["events_per_s"].simulated == 6.0
    assert not found["events_per_s"].met
    assert found["dark_share"].real is None
    assert found["dark_share"].note == NO_POOL
    assert found["dark_share"].share_met == 1.0
    unknown = found["volume_u"]
    assert (unknown.simulated, unknown.real, unknown.met) == (None, None, False)
    assert "too short" in unknown.note


def test_a_median_outside_its_band_is_not_met() -> None:
    found = compare({"A": valued(gap_cv2=2.9), "B": valued(gap_cv2=2.0)}, {}, {})
    assert not found["gap_cv2"].met
    assert found["gap_cv2"].real is None
    assert found["gap_cv2"].note == ""


def test_without_real_days_nothing_is_invented() -> None:
    moved: list[int] = []
    measured = measure(SimConfig(securities=2, seconds=60.0), [], advance=moved.append)
    result = measured.result
    assert result.discriminator_auroc is None
    assert result.discriminator is None
    assert result.real == ()
    assert result.events > 0
    assert result.events_per_s > 0
    assert moved[-1] in (59, 60)
    assert all(fact.real is None for fact in result.facts.values())
    assert result.facts["dark_share"].simulated is not None
    assert result.facts["gap_cv2"].simulated is None  # no half hour


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"Expected a folder of real tapes, was .*nowhere"):
        real_flows(tmp_path / "nowhere", print)


def test_files_of_no_use_are_told_and_passed_over(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("readme.txt", "nothing")
    said: list[str] = []
    assert real_flows(tmp_path, said.append) == []
    assert len(said) == 1
    assert said[0].startswith("Passed over other.zip: ")


def drawn(measured: Measured, path: Path) -> bytes:
    draw_facts(measured, path)
    return path.read_bytes()


def test_figure_is_drawn_with_and_without_real_days(tmp_path: Path) -> None:
    bare = measure(SimConfig(securities=2, seconds=60.0), [])
    assert drawn(bare, tmp_path / "bare.png")[:4] == b"\x89PNG"
    real = {"X": valued(gap_cv2=7.0, median_life_ms=1_500.0), "Y": valued(gap_cv2=9.0)}
    both = Measured(bare.simulated, real, {"X": [{"gap_cv2": 6.0}, {"gap_cv2": 9.0}]}, bare.result)
    image = drawn(both, tmp_path / "both.svg").decode()
    assert "X (real)" in image or image.count("<use") > 0
    with pytest.raises(DarkpoolWatchError, match="Cannot write"):
        draw_facts(bare, tmp_path / "no" / "folder.png")


@needs_data
def test_real_days_beside_a_simulated_one() -> None:
    real = real_flows(DATA, print)
    assert [flow.label for flow in real] == ["AMZN", "GOOG"]
    measured = measure(SimConfig(securities=4, seconds=23_400.0, seed=3), real)
    result = measured.result
    for name, fact in result.facts.items():
        assert fact.simulated is not None, name
        assert (fact.real is None) == (name == "dark_share")
    verdict = result.discriminator
    assert verdict is not None
    assert result.discriminator_auroc == verdict.auroc
    assert 0.4 < verdict.low <= verdict.auroc <= verdict.high <= 1.0
    assert verdict.real_windows > 900
    assert np.isfinite([tell.alone for tell in verdict.tells]).all()
