"""Alerts and updates for tests, made the way the pipeline makes them."""

import math
from pathlib import Path

from darkpool_watch.alerts.build import Place, episode_alert, rule_alert
from darkpool_watch.alerts.desk import AlertDesk
from darkpool_watch.alerts.journal import Journal
from darkpool_watch.alerts.record import AccountShare, Alert, Evidence, Provenance, Quote
from darkpool_watch.alerts.rules import RuleGroups, RuleHit
from darkpool_watch.detect.episodes import EpisodeUpdate

NS = 10**9
PLACE = Place(security=7, symbol="ACME.X", venue="SIMX", listing=70)
PROVENANCE = Provenance(engine="torch", model_hash="m1", config_hash="c1", catalogue="f1")


def update(**changes: object) -> EpisodeUpdate:
    """Return an opening of a spoofing episode, with fields changed."""
    fields: dict[str, object] = {
        "state": "opened",
        "number": 0,
        "security": 3,
        "kin": "spoofing",
        "typology": "SPOOF",
        "severity": "medium",
        "severity_at_opening": "medium",
        "distribution": {"SPOOF": 0.8, "LAYER": 0.2},
        "ts": 100 * NS,
        "arrival": 900,
        "start_ts": 98 * NS,
        "start_arrival": 880,
        "opened_ts": 100 * NS,
        "opened_arrival": 900,
        "last_ts": 100 * NS,
        "exceedances": 4,
        "evidence": 15.5,
        "evidence_needed": 12.0,
        "p": 0.0002,
        "p_floor": 0.0002,
        "rank": 11.0,
        "frame_arrival": 900,
        "frame_ts": 100 * NS,
        "scores": (2.5, 1.25, math.nan),
        "head_p": (0.0002, 0.3, math.nan),
        "threshold": (1.5, 4.0, 9.0),
        "location": (-4.0, 1.0, 2.0),
        "scale": (1.0, 0.5, 0.5),
        "own_effect": (0.1, 0.0, 0.0),
        "offset": (0.01, 0.0, 0.0),
        "regime": 1,
        "conditions": (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, math.nan, 0.25),
        "flag_p": 0.008,
        "state_hash": "ab" * 8,
        "modality": (0.25, 0.25, 0.0, 0.5),
        "ranges": (0.4, 0.3, 0.2, 0.1),
        "status": 0,
        "calibrated": True,
        "calibration_hash": "cal1",
        "config_hash": "det1",
    }
    return EpisodeUpdate(**{**fields, **changes})


def episode(number: int = 0, opened: int = 900, **changes: object) -> Alert:
    """Return one unsealed alert of an episode."""
    state = "opened" if number == 0 else "extended"
    told = update(number=number, state=state, opened_arrival=opened, **changes)
    return episode_alert(
        told,
        PLACE,
        PROVENANCE,
        quote=Quote(bid=10 * NS, ask=11 * NS, bid_size=5, ask_size=6, mid2=21 * NS),
        accounts=[AccountShare(account=4, share=0.3), AccountShare(account=9, share=0.6)],
        evidence=[Evidence(arrival=900, sequence=77, order_id=5)],
    )


def rule(seconds: float = 0.0, symbol_place: Place = PLACE) -> Alert:
    """Return one unsealed alert of a trade-through."""
    hit = RuleHit(
        rule="TRADE-THROUGH",
        reason="a print below the best bid",
        security=3,
        ts=round(seconds * NS),
        arrival=round(seconds * 10),
        measure=2.0,
        unit="ticks",
        evidence=(Evidence(arrival=round(seconds * 10)),),
    )
    (opened,) = RuleGroups(60 * NS).hit(hit)
    return rule_alert(opened, symbol_place, PROVENANCE)


def filled(path: Path, alerts: int = 6) -> None:
    """Write a journal of 2 + `alerts` rows: created, start, alerts."""
    journal = Journal(path)
    desk = AlertDesk(journal, None)
    desk.note("start", b"{}")
    for i in range(alerts):
        desk.submit([episode(opened=i)])
    journal.close()
