import json
import math

import msgspec
import pytest

from darkpool_watch.alerts.build import episode_alert, known_price, rule_alert
from darkpool_watch.alerts.record import (
    Alert,
    Stamps,
    content_hash_of,
    decode,
    encode,
    record_hash_of,
    seal,
    stamp,
)
from darkpool_watch.alerts.rules import RuleGroups, RuleHit
from darkpool_watch.typologies import TYPOLOGIES
from darkpool_watch.units import UNDEFINED_PRICE
from tests.alerts.samples import NS, PLACE, PROVENANCE, episode, rule, update


def test_alert_survives_json_field_by_field() -> None:
    alert = stamp(seal(episode()), 5, 123)
    assert decode(encode(alert)) == alert
    assert "NaN" not in encode(alert).decode()
    assert json.loads(encode(alert))["scores"]["latent"] is None
    assert alert.threshold is not None
    assert alert.threshold.conditions[8] is None
    assert alert.session_fraction == 0.25


def test_id_names_the_episode_and_nothing_else() -> None:
    opened, extended = episode(), episode(number=1, exceedances=9)
    assert opened.alert_id == extended.alert_id
    assert len(opened.alert_id) == 32
    assert episode(opened=901).alert_id != opened.alert_id
    assert episode(kin="probing", typology="PING").alert_id != opened.alert_id
    other_model = msgspec.structs.replace(PROVENANCE, model_hash="m2")
    assert episode_alert(update(), PLACE, other_model).alert_id != opened.alert_id


def test_content_hash_covers_what_replay_reproduces_and_no_more() -> None:
    live = stamp(seal(msgspec.structs.replace(episode(), stamps=Stamps(receive_ns=5))), 9, 1_000)
    replayed = stamp(seal(episode()), 2, 2_000)
    assert live.content_hash == replayed.content_hash
    assert live.record_hash != replayed.record_hash
    assert seal(episode(), "ff" * 32).content_hash != seal(episode()).content_hash
    assert seal(episode(rank=12.0)).content_hash != live.content_hash


@pytest.mark.parametrize(
    "change",
    [
        {"message": "Nothing to see."},
        {"severity": "low"},
        {"times": msgspec.structs.replace(episode().times, event_ns=1)},
        {"accounts": ()},
    ],
    ids=str,
)
def test_a_changed_field_shows_in_its_hashes(change: dict[str, object]) -> None:
    alert = stamp(seal(episode()), 1, 1)
    assert content_hash_of(alert) == alert.content_hash
    assert record_hash_of(alert) == alert.record_hash
    changed = msgspec.structs.replace(alert, **change)
    assert content_hash_of(changed) != alert.content_hash
    assert record_hash_of(changed) != alert.record_hash


def test_a_changed_stamp_shows_in_the_record_hash_alone() -> None:
    alert = stamp(seal(episode()), 1, 1)
    changed = msgspec.structs.replace(alert, stamps=Stamps(commit_ns=2))
    assert content_hash_of(changed) == alert.content_hash
    assert record_hash_of(changed) != alert.record_hash


def test_topic_is_escaped_ends_in_a_dot_and_keeps_the_severity_at_opening() -> None:
    assert episode().topic == b"alert.medium.SPOOF.SIMX.ACME%2EX."
    assert episode(number=1, severity="critical").topic == episode().topic


def test_accounts_are_named_by_share() -> None:
    named = episode()
    assert [a.account for a in named.accounts] == [9, 4]
    assert named.attribution == "accounts"
    assert episode_alert(update(), PLACE, PROVENANCE).attribution == "account unknown"
    nobody = episode_alert(update(), PLACE, PROVENANCE, accounts=[])
    assert nobody.attribution == "unattributed"


def test_quality_says_what_was_wrong_with_the_input() -> None:
    poor = episode_alert(
        update(status=3, calibrated=False), PLACE, PROVENANCE, quality=["conflated"]
    )
    assert poor.quality == ("conflated", "stale", "uncalibrated", "warming")
    assert episode().quality == ()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {},
            "Spoofing in ACME.X on SIMX suspected: 4 flagged frames within 2.0 s, "
            "p at most 2.0e-04.",
        ),
        (
            {"state": "retracted", "exceedances": 1, "start_ts": 100 * NS},
            "Spoofing in ACME.X on SIMX withdrawn: only 1 flagged frame within 0 ms supported it "
            "in hindsight.",
        ),
        (
            {"calibrated": False, "typology": "UNCLASSIFIED", "kin": "novelty"},
            "Unclassified anomaly in ACME.X on SIMX suspected: 4 flagged frames within 2.0 s, "
            "rank 11.0; thresholds are uncalibrated.",
        ),
    ],
)
def test_message_is_one_plain_sentence(change: dict[str, object], sentence: str) -> None:
    assert episode_alert(update(**change), PLACE, PROVENANCE).message == sentence


def test_every_typology_makes_an_alert_with_its_regulation() -> None:
    for code, typology in TYPOLOGIES.items():
        if typology.by != "model":
            continue
        alert = episode_alert(update(typology=code, kin=typology.kin), PLACE, PROVENANCE)
        assert alert.regulation == typology.regulation
        assert alert.title == typology.title


def test_rule_alert_says_what_was_breached_and_names_no_model() -> None:
    alert = rule()
    assert alert.by == "rule"
    assert alert.message == (
        "Execution outside the NBBO in ACME.X on SIMX: a print below the best bid, 2 ticks."
    )
    assert alert.breach is not None
    assert (alert.breach.hits, alert.breach.worst, alert.breach.unit) == (1, 2.0, "ticks")
    assert alert.provenance.model_hash == ""
    assert alert.regulation == "Reg NMS 611"
    assert alert.scores is None


def test_an_unmeasured_breach_is_null() -> None:
    hit = RuleHit(rule="DATA", reason="a gap of 3 frames", security=-1, ts=0, arrival=0)
    (opened,) = RuleGroups(NS).hit(hit)
    assert math.isnan(opened.worst)
    alert = rule_alert(opened, PLACE, PROVENANCE)
    assert alert.breach is not None
    assert alert.breach.worst is None
    assert alert.message == "Data integrity in ACME.X on SIMX: a gap of 3 frames."


def test_undefined_prices_are_null() -> None:
    assert known_price(UNDEFINED_PRICE) is None
    assert known_price(5) == 5


def test_a_body_that_is_no_alert_is_refused_with_its_path() -> None:
    body = encode(seal(episode())).replace(b'"number":0', b'"number":"x"')
    with pytest.raises(msgspec.ValidationError, match=r"\$\.number"):
        decode(body)
    assert isinstance(seal(episode()), Alert)
