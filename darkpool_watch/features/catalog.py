"""The one place that names the 240 features; its fingerprint is in checkpoints and alerts.

A checkpoint or snapshot made with another catalogue is refused: a feature that moved or changed
its formula is another feature.
"""

import hashlib
from typing import Final, NamedTuple

from darkpool_watch.errors import CheckpointError, ConfigError
from darkpool_watch.features import (
    families_account,
    families_flow,
    families_price,
    families_time,
    families_volume,
)
from darkpool_watch.features.family import Family

WINDOW_NAMES: Final = ("100ms", "1s", "10s", "60s")
FAMILIES: Final[tuple[Family, ...]] = tuple(
    sorted(
        (
            *families_price.FAMILIES,
            *families_volume.FAMILIES,
            *families_time.FAMILIES,
            *families_flow.FAMILIES,
            *families_account.FAMILIES,
        )
    )
)


class Feature(NamedTuple):
    """One of the 240, as the catalogue describes it."""

    number: int  # 0..239, its place in a row
    name: str  # family and window: realised_volatility_10s
    group: str
    family: str
    window: str  # one of WINDOW_NAMES; empty for a single feature
    unit: str
    formula: str
    source: str
    needs: tuple[str, ...]
    scaling: str


def _features(families: tuple[Family, ...]) -> tuple[Feature, ...]:
    out = []
    for family in families:
        for k in range(family.windows):
            window = WINDOW_NAMES[k] if family.windows > 1 else ""
            out.append(
                Feature(
                    family.base + k,
                    f"{family.name}_{window}" if window else family.name,
                    family.group,
                    family.name,
                    window,
                    family.unit,
                    family.formula,
                    family.source,
                    family.needs,
                    family.scaling,
                )
            )
    return tuple(out)


FEATURES: Final = _features(FAMILIES)
NAMES: Final = tuple(feature.name for feature in FEATURES)


def _fingerprint(features: tuple[Feature, ...]) -> str:
    digest = hashlib.sha256()
    for feature in features:
        digest.update("\x1f".join(map(str, feature)).encode() + b"\x1e")
    return digest.hexdigest()


FINGERPRINT: Final = _fingerprint(FEATURES)  # 64 hex digits over all entries, in order


def scaled_by(scaling: str) -> list[int]:
    """Return the indices of the features that pass through `scaling` first."""
    return [feature.number for feature in FEATURES if feature.scaling == scaling]


def check_fingerprint(found: str, what: str) -> None:
    """Refuse what was made with another catalogue.

    Raises CheckpointError naming both fingerprints and what to do.
    """
    if found != FINGERPRINT:
        raise CheckpointError(
            f"{what} expects catalogue {found[:8]}, was {FINGERPRINT[:8]}: "
            "retrain it, or run the release it was made with"
        )


def check_pin(pinned: str) -> None:
    """Refuse to start when `features.catalog` pins another catalogue; empty pins none.

    Raises ConfigError.
    """
    if pinned and not FINGERPRINT.startswith(pinned.lower()):
        raise ConfigError(
            f"Key `features.catalog` pins catalogue {pinned}, was {FINGERPRINT[:8]}: "
            "clear the key, or run the release it names"
        )
