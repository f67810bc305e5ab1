import numpy as np

from darkpool_watch.evidence import EvidenceRing
from darkpool_watch.market.listings import Listings
from darkpool_watch.replay.run import ListDesk
from darkpool_watch.telling import Teller
from darkpool_watch.warmup import LIT, POOL, definition
from kernels.layout import OBSERVATION, UNDEFINED_PRICE
from tests.alerts.samples import PROVENANCE, update


def teller() -> tuple[Teller, ListDesk]:
    listings = Listings()
    for instrument_id, dark in ((LIT, False), (POOL, True)):
        listings.define(definition(instrument_id, dark=dark))
    desk = ListDesk()
    return Teller(listings, EvidenceRing(kept=16), PROVENANCE, desk, lambda: 5), desk


def seen(listing: int) -> np.void:
    """Return the observation behind a frame of security 3, an event of this listing."""
    rows = np.zeros(1, OBSERVATION)
    for name in ("bid", "ask", "mid2", "aux_price"):
        rows[name] = UNDEFINED_PRICE
    rows["security"], rows["listing"] = 3, listing
    return rows[0]


def test_an_alert_keeps_the_place_and_topic_it_opened_under() -> None:
    tell, desk = teller()
    tell.episodes([update()], {3: seen(0)})
    tell.episodes([update(state="extended", number=1)], {3: seen(1)})
    tell.episodes([update(state="closed", number=2)], {})
    assert [alert.venue for alert in desk.alerts] == ["LITX"] * 3
    assert len({alert.topic for alert in desk.alerts}) == 1


def test_what_time_settles_does_not_depend_on_the_frame_that_notices_it() -> None:
    noticed, unnoticed = teller(), teller()
    for tell, _ in (noticed, unnoticed):
        tell.episodes([update()], {3: seen(0)}, frozenset({3}))
    closed = update(state="closed", number=1)
    noticed[0].episodes([closed], {3: seen(1)}, frozenset())
    unnoticed[0].episodes([closed], {})
    for _, desk in (noticed, unnoticed):
        assert [alert.quality for alert in desk.alerts] == [("conflated",)] * 2
    assert noticed[1].alerts == unnoticed[1].alerts
