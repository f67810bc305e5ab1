"""Alerts from what detection and rules say, with the sentence a person reads first."""

import math
from collections.abc import Iterable

import msgspec

from darkpool_watch.alerts.record import (
    AccountShare,
    Alert,
    Breach,
    Evidence,
    Provenance,
    Quote,
    Scores,
    Stamps,
    Threshold,
    Times,
    alert_id,
)
from darkpool_watch.alerts.rules import RuleUpdate
from darkpool_watch.detect.episodes import EpisodeUpdate
from darkpool_watch.typologies import TYPOLOGIES
from darkpool_watch.units import NS_PER_MS, NS_PER_S, UNDEFINED_PRICE
from kernels.threshold import SESSION, STALE, WARMING

NAMED_SHARE = 0.2  # an account below this share of what was seen is not named


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where an alert belongs, as the feed defines it."""

    security: int  # security_id
    symbol: str
    venue: str  # MIC of the listing, or of the security's main listing
    listing: int | None = None  # instrument_id; None: several


def episode_alert(
    update: EpisodeUpdate,
    place: Place,
    provenance: Provenance,
    *,
    quote: Quote | None = None,
    accounts: Iterable[AccountShare] | None = None,
    accounts_known: bool = False,
    evidence: Iterable[Evidence] = (),
    quality: Iterable[str] = (),
    capture_ns: int | None = None,
    clock: str = "venue",
    error_ns: int | None = None,
    stamps: Stamps | None = None,
) -> Alert:
    """Return the alert of one episode update.

    `accounts` are candidates by share; None: nobody looked, or the feed has none, which
    `accounts_known` tells apart. `quality` adds to what the update
    itself says (stale, warming, uncalibrated): conflated, model_skipped. The provenance's config
    hash, not the detection section's, enters the alert's name.
    """
    typology = TYPOLOGIES[update.typology]
    shares = None if accounts is None else _named(accounts)
    return Alert(
        alert_id=alert_id(
            place.security,
            update.kin,
            update.opened_arrival,
            provenance.model_hash,
            provenance.config_hash,
        ),
        number=update.number,
        by="model",
        state=update.state,
        severity=update.severity,
        severity_at_opening=update.severity_at_opening,
        typology=typology.code,
        title=typology.title,
        kin=update.kin,
        regulation=typology.regulation,
        message=_episode_sentence(update, place),
        security=place.security,
        listing=place.listing,
        venue=place.venue,
        symbol=place.symbol,
        session_fraction=_real(update.conditions[SESSION]),
        times=Times(
            event_ns=update.ts,
            opened_ns=update.opened_ts,
            start_ns=update.start_ts,
            last_ns=update.last_ts,
            capture_ns=capture_ns,
            clock=clock,
            error_ns=error_ns,
        ),
        attribution=_attribution(shares, accounts_known),
        accounts=shares or (),
        evidence=tuple(evidence) or (Evidence(arrival=update.frame_arrival),),
        quote=quote or Quote(),
        scores=_scores(update),
        threshold=_threshold(update),
        distribution=update.distribution,
        modality=update.modality,
        ranges=update.ranges,
        provenance=provenance,
        quality=_quality(update, quality),
        stamps=stamps or Stamps(),
    )


def rule_alert(
    update: RuleUpdate,
    place: Place,
    provenance: Provenance,
    *,
    quote: Quote | None = None,
    accounts: Iterable[AccountShare] | None = None,
    accounts_known: bool = False,
    quality: Iterable[str] = (),
    capture_ns: int | None = None,
    clock: str = "venue",
    error_ns: int | None = None,
    stamps: Stamps | None = None,
) -> Alert:
    """Return the alert of one rule update; the model has no part in its name or hashes."""
    typology = TYPOLOGIES[update.rule]
    shares = None if accounts is None else _named(accounts)
    provenance = msgspec.structs.replace(provenance, engine="", model_hash="")
    return Alert(
        alert_id=alert_id(
            place.security,
            f"{typology.kin}/{update.group}",
            update.opened_arrival,
            "",
            provenance.config_hash,
        ),
        number=update.number,
        by="rule",
        state=update.state,
        severity=update.severity,
        severity_at_opening=update.severity_at_opening,
        typology=typology.code,
        title=typology.title,
        kin=typology.kin,
        regulation=typology.regulation,
        message=_rule_sentence(update, place),
        security=place.security,
        listing=place.listing,
        venue=place.venue,
        symbol=place.symbol,
        times=Times(
            event_ns=update.ts,
            opened_ns=update.opened_ts,
            start_ns=update.opened_ts,
            last_ns=update.last_ts,
            capture_ns=capture_ns,
            clock=clock,
            error_ns=error_ns,
        ),
        attribution=_attribution(shares, accounts_known),
        accounts=shares or (),
        evidence=update.evidence,
        quote=quote or Quote(),
        breach=Breach(
            reason=update.reason, hits=update.hits, worst=_real(update.worst), unit=update.unit
        ),
        provenance=provenance,
        quality=tuple(sorted(set(quality))),
        stamps=stamps or Stamps(),
    )


def known_price(price: int) -> int | None:
    """Return a price of the event rows, null where it is undefined."""
    return None if price == UNDEFINED_PRICE else int(price)


def _scores(update: EpisodeUpdate) -> Scores:
    anomaly, novelty, latent = update.scores
    first, second, third = update.head_p
    return Scores(
        anomaly=_real(anomaly),
        novelty=_real(novelty),
        latent=_real(latent),
        head_p=(_real(first), _real(second), _real(third)),
        p=_real(update.p),
        p_floor=update.p_floor,
        rank=update.rank,
        evidence=update.evidence,
        evidence_needed=update.evidence_needed,
        exceedances=update.exceedances,
    )


def _threshold(update: EpisodeUpdate) -> Threshold:
    return Threshold(
        values=update.threshold,
        location=update.location,
        scale=update.scale,
        own_effect=update.own_effect,
        tracker=update.offset,
        conditions=tuple(_real(c) for c in update.conditions),
        regime=update.regime,
        flag_p=update.flag_p,
        state_hash=update.state_hash,
        calibration_hash=update.calibration_hash,
    )


def _quality(update: EpisodeUpdate, more: Iterable[str]) -> tuple[str, ...]:
    found = set(more)
    if update.status & STALE:
        found.add("stale")
    if update.status & WARMING:
        found.add("warming")
    if not update.calibrated:
        found.add("uncalibrated")
    return tuple(sorted(found))


def _named(accounts: Iterable[AccountShare]) -> tuple[AccountShare, ...]:
    """Return accounts with a share worth naming, the largest first."""
    named = [a for a in accounts if a.share >= NAMED_SHARE]
    return tuple(sorted(named, key=lambda a: (-a.share, a.account)))


def _attribution(shares: tuple[AccountShare, ...] | None, known: bool) -> str:
    if shares is None:
        return "not attributed" if known else "account unknown"
    return "accounts" if shares else "unattributed"


def _real(value: float | None) -> float | None:
    """Return a number JSON can hold, null for NaN and infinities."""
    return None if value is None or not math.isfinite(value) else float(value)


def _span(ns: int) -> str:
    if ns < NS_PER_S:
        return f"{ns / NS_PER_MS:.0f} ms"
    return f"{ns / NS_PER_S:.1f} s"


def _episode_sentence(update: EpisodeUpdate, place: Place) -> str:
    title = TYPOLOGIES[update.typology].title
    name = f"{title[0].upper()}{title[1:]} in {place.symbol} on {place.venue}"
    flagged = f"{update.exceedances} flagged frame{'s' if update.exceedances != 1 else ''}"
    if update.exceedances == 0:
        flagged = "a run of unusual frames"
    seen = f"{flagged} within {_span(update.last_ts - update.start_ts)}"
    sure = f"p at most {update.p:.1e}" if update.calibrated else f"rank {update.rank:.1f}"
    said = {
        "opened": f"{name} suspected: {seen}, {sure}",
        "extended": f"{name} goes on: {seen}, {sure}",
        "confirmed": f"{name} confirmed in hindsight: {seen}, {sure}",
        "retracted": f"{name} withdrawn: only {seen} supported it in hindsight",
        "closed": f"{name} ended: {seen}, {sure}",
    }[update.state]
    return said + ("." if update.calibrated else "; thresholds are uncalibrated.")


def _rule_sentence(update: RuleUpdate, place: Place) -> str:
    title = TYPOLOGIES[update.rule].title
    name = f"{title[0].upper()}{title[1:]} in {place.symbol} on {place.venue}"
    worst = ""
    if _real(update.worst) is not None:
        worst = (
            f", {'at worst ' if update.hits > 1 else ''}{update.worst:.6g} {update.unit}".rstrip()
        )
    times = f", {update.hits} times" if update.hits > 1 else ""
    over = {"closed": "; no more since", "extended": " and going on"}.get(update.state, "")
    return f"{name}: {update.reason}{times}{worst}{over}."
