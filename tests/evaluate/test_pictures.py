from pathlib import Path

import msgspec
import pytest

from darkpool_watch.errors import DarkpoolWatchError
from darkpool_watch.evaluate.pictures import GUIDE, MARGIN_S, SHOWN_S, _window, draw_pair
from darkpool_watch.sim.labels import Campaign
from darkpool_watch.sim.market import Lookalike, Simulator
from darkpool_watch.units import NS_PER_S

SHORT = msgspec.structs.replace(
    GUIDE, start_s=3_600.0, seconds=300.0, typologies=("LAYER", "PING"), securities=2
)


@pytest.fixture(scope="module")
def played() -> Simulator:
    simulator = Simulator(msgspec.structs.replace(SHORT, campaigns_per_hour=60.0))
    for _ in simulator.blocks():
        pass
    return simulator


def pair(simulator: Simulator, code: str) -> tuple[Campaign, Lookalike]:
    return (
        next(c for c in simulator.campaigns if c.typology == code and c.complete),
        next(a for a in simulator.lookalikes if a.typology == code),
    )


@pytest.mark.parametrize("code", ["LAYER", "PING"])
def test_a_campaign_and_its_look_alike_make_a_picture(
    played: Simulator, tmp_path: Path, code: str
) -> None:
    draw_pair(played.config, pair(played, code), code, tmp_path / "pair.png")
    image = (tmp_path / "pair.png").read_bytes()
    assert image.startswith(b"\x89PNG")
    assert len(image) > 10_000


def test_a_long_campaign_is_shown_around_its_evidence(played: Simulator) -> None:
    short, _ = pair(played, "LAYER")
    second, margin = NS_PER_S, int(MARGIN_S * NS_PER_S)
    brief = msgspec.structs.replace(
        short, evidence=short.start + second, end=short.start + 2 * second
    )
    assert _window(brief) == (brief.start - margin, brief.end + margin)
    long = msgspec.structs.replace(
        short, evidence=short.start + 500 * second, end=short.start + 1_000 * second
    )
    since, until = _window(long)
    assert until - since == SHOWN_S * second
    assert (since + until) // 2 == long.evidence


def test_a_folder_that_is_not_there_is_told(played: Simulator, tmp_path: Path) -> None:
    with pytest.raises(DarkpoolWatchError, match="Cannot write"):
        draw_pair(played.config, pair(played, "PING"), "PING", tmp_path / "absent" / "pair.png")
