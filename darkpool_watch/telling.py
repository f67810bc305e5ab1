"""Turns what detection and rules found into alerts: where, what the market was, on what evidence.

Everything here is a function of the events in arrival order and the schedule, so that a replay
tells the same.
"""

from collections.abc import Callable, Iterable
from typing import Protocol

import msgspec
import numpy as np

from darkpool_watch.alerts.build import Place, episode_alert, known_price, rule_alert
from darkpool_watch.alerts.record import Alert, Evidence, Provenance, Quote, Stamps
from darkpool_watch.alerts.rules import RuleUpdate
from darkpool_watch.detect.breaches import venue_of
from darkpool_watch.detect.episodes import EpisodeUpdate
from darkpool_watch.evidence import EvidenceRing
from darkpool_watch.market.listings import Listings
from kernels.layout import ONE_CLOCK


class Desk(Protocol):
    """Where alerts go: a journal and a publisher, or a list."""

    def submit(self, alerts: list[Alert]) -> list[Alert]:
        """Take alerts in order and return them sealed."""


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """Where an alert happened and what the market was when it opened or last went on."""

    place: Place
    quote: Quote
    evidence: tuple[Evidence, ...]
    clock: str
    capture_ns: int | None
    accounts_known: bool
    quality: tuple[str, ...]


class Teller:
    """Writes the alert of each update and hands it to the desk."""

    def __init__(
        self,
        listings: Listings,
        ring: EvidenceRing,
        provenance: Provenance,
        desk: Desk,
        clock_ns: Callable[[], int],
    ) -> None:
        self._listings = listings
        self._ring = ring
        self._provenance = provenance
        self._desk = desk
        self._clock_ns = clock_ns
        self._scenes: dict[tuple[int, str, int], Scene] = {}
        self._rule_places: dict[tuple[int, str, int], Place] = {}

    def episodes(
        self,
        updates: Iterable[EpisodeUpdate],
        observations: dict[int, np.void],
        conflated: frozenset[int] = frozenset(),
    ) -> list[Alert]:
        """Tell episode updates; `observations` holds the event behind each security's frame.

        `conflated` are the securities whose frame replaced an unscored one. What time alone settles
        is told as of the frame before it, so that it is the same whenever it is noticed.
        """
        alerts = []
        for update in updates:
            key = (update.security, update.kin, update.opened_arrival)
            seen = observations.get(update.security)
            if seen is not None and update.state in ("opened", "extended"):
                quality = ("conflated",) if update.security in conflated else ()
                self._scenes[key] = self._scene(seen, quality, self._scenes.get(key))
            scene = self._scenes[key]
            if update.state in ("closed", "retracted"):
                del self._scenes[key]
            alerts.append(
                episode_alert(
                    update,
                    scene.place,
                    self._provenance,
                    quote=scene.quote,
                    evidence=scene.evidence,
                    quality=scene.quality,
                    clock=scene.clock,
                    capture_ns=scene.capture_ns,
                    accounts_known=scene.accounts_known,
                    stamps=Stamps(score_ns=self._clock_ns()),
                )
            )
        return self._submit(alerts)

    def rules(self, updates: Iterable[RuleUpdate], hit: np.void | None) -> list[Alert]:
        """Tell rule updates; `hit` is the HIT row they follow from, None without an event."""
        alerts = []
        for update in updates:
            mine = None if update.state == "closed" else hit
            alerts.append(
                rule_alert(
                    update,
                    self._place_of_rule(update, hit),
                    self._provenance,
                    quote=None if mine is None else _quote_of_hit(mine),
                    capture_ns=None if mine is None else self._captured(mine),
                    accounts_known=mine is not None
                    and bool(mine["account"] or mine["contra_account"]),
                )
            )
        return self._submit(alerts)

    def _captured(self, hit: np.void) -> int | None:
        """Return when the event of a HIT row was captured, None where it is no longer kept."""
        events, arrivals = self._ring.of(int(hit["security"]), int(hit["arrival"]))
        if not len(arrivals) or arrivals[-1] != hit["arrival"]:
            return None
        return int(events["ts_recv"][-1])

    def _submit(self, alerts: list[Alert]) -> list[Alert]:
        return self._desk.submit(alerts) if alerts else []

    def _scene(self, seen: np.void, quality: tuple[str, ...], before: Scene | None) -> Scene:
        """Return the scene of a frame; an episode stays where it opened, and so does its topic."""
        events, arrivals = self._ring.of(int(seen["security"]), int(seen["arrival"]))
        return Scene(
            place=self._place(seen) if before is None else before.place,
            quote=quote_of(seen),
            evidence=tuple(
                Evidence(
                    arrival=int(arrival),
                    ts_event=int(e["ts_event"]),
                    sequence=int(e["sequence"]),
                    order_id=int(e["order_id"]),
                    contra_order_id=int(e["contra_order_id"]),
                    price=known_price(int(e["price"])),
                    size=int(e["size"]),
                )
                for e, arrival in zip(events, arrivals, strict=True)
            ),
            clock="one clock" if seen["flags"] & ONE_CLOCK else "venue",
            capture_ns=int(events["ts_recv"][-1]) if len(events) else None,
            accounts_known=bool((events["account"] | events["contra_account"]).any()),
            quality=quality,
        )

    def _place_of_rule(self, update: RuleUpdate, hit: np.void | None) -> Place:
        key = (update.security, f"{update.rule}/{update.group}", update.opened_arrival)
        place = self._rule_places.get(key)
        if place is None:
            place = self._new_place(update, hit)
        self._rule_places[key] = place
        if update.state == "closed":
            del self._rule_places[key]
        return place

    def _new_place(self, update: RuleUpdate, hit: np.void | None) -> Place:
        if update.security < 0 or hit is None:
            return Place(security=0, symbol="FEED", venue=venue_of(update.group) or "FEED")
        return self._place(hit)

    def _place(self, row: np.void) -> Place:
        """Return the place of an OBSERVATION or HIT row."""
        info = self._listings.infos[int(row["listing"])]
        return Place(
            security=info.security_id,
            symbol=info.symbol,
            venue=info.venue,
            listing=info.instrument_id,
        )


def quote_of(seen: np.void) -> Quote:
    """Return the market after the event of an OBSERVATION row."""
    age = int(seen["reference_age"])
    return Quote(
        bid=known_price(int(seen["bid"])),
        ask=known_price(int(seen["ask"])),
        bid_size=int(seen["bid_size"]),
        ask_size=int(seen["ask_size"]),
        mid2=known_price(int(seen["mid2"])),
        reference=known_price(int(seen["aux_price"])) if seen["dark"] else None,
        reference_age_ns=None if age < 0 else age,
    )


def _quote_of_hit(hit: np.void) -> Quote:
    return Quote(bid=known_price(int(hit["bid"])), ask=known_price(int(hit["ask"])))
