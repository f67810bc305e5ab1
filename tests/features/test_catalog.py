"""The catalogue is whole, and its fingerprint guards what was made with it."""

from collections import Counter

import pytest

from darkpool_watch.errors import CheckpointError, ConfigError
from darkpool_watch.features.catalog import (
    FAMILIES,
    FEATURES,
    FINGERPRINT,
    NAMES,
    check_fingerprint,
    check_pin,
)
from darkpool_watch.features.family import GROUPS, SCALINGS


def test_features_are_numbered_0_to_239_without_hole() -> None:
    assert [feature.number for feature in FEATURES] == list(range(240))
    assert len(set(NAMES)) == 240


def test_groups_have_the_papers_sizes() -> None:
    sizes = Counter(feature.group for feature in FEATURES)
    assert sizes == {"price": 64, "volume": 32, "time": 16, "order flow": 128}


def test_there_are_56_families_of_windows_and_16_single_features() -> None:
    windows = Counter(family.windows for family in FAMILIES)
    assert windows == {4: 56, 1: 16}


def test_every_entry_says_what_it_is() -> None:
    for family in FAMILIES:
        assert family.group in GROUPS, family.name
        assert family.unit, family.name
        assert family.formula, family.name
        assert family.scaling in SCALINGS, family.name
        assert set(family.needs) <= {"quotes", "depth", "dark", "accounts"}, family.name


def test_another_catalogue_is_refused_with_the_next_step() -> None:
    check_fingerprint(FINGERPRINT, "Checkpoint")
    with pytest.raises(
        CheckpointError, match=r"^Checkpoint expects catalogue 9f3c0000, was .*: retr"
    ):
        check_fingerprint("9f3c0000" * 8, "Checkpoint")


def test_a_pinned_catalogue_is_held() -> None:
    check_pin("")
    check_pin(FINGERPRINT[:8])
    with pytest.raises(ConfigError, match=r"^Key `features.catalog` pins catalogue 41ab"):
        check_pin("41ab")
