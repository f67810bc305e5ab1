"""Rule hits as the desk hears of them, through the whole pipeline and at any block size."""

import numpy as np

from darkpool_watch.alerts.record import Alert
from darkpool_watch.config import Config
from darkpool_watch.market.accounts import AccountInfo
from darkpool_watch.market.counterparties import Counterparties, Pairing, Reference
from darkpool_watch.pipeline import Pipeline
from darkpool_watch.replay.run import ListDesk
from darkpool_watch.schedule import Nominal
from darkpool_watch.warmup import LIT, OPENS_NS, POOL, definition, null_bundle
from darkpool_watch.wire.batch import Batch
from darkpool_watch.wire.events import AccountRecord
from kernels.layout import ADD, ASK, BID, DARK, EXECUTE, ONE_CLOCK, TRADE
from tests.market.rule_cases import MS, joined
from tests.market.streams import OPEN, event

DEFINITIONS = (definition(LIT, dark=False), definition(POOL, dark=True))
NOON = 3_600_000 * MS
PEOPLE = (
    AccountInfo(1, owner=1, capacity="principal", segment=1),
    AccountInfo(2, owner=2, capacity="principal", segment=2),
    AccountInfo(3, owner=2, capacity="principal", segment=3),
)
REFERENCE = Reference(PEOPLE, Counterparties([Pairing(1, 2, False)]))


def flow() -> np.ndarray:
    """One violation of each kind at a market of 99.99 to 100.01."""

    def at(ms: int) -> int:
        return OPENS_NS - OPEN + NOON + ms * MS

    lit = {"instrument_id": LIT, "size": 100}
    pool = {"instrument_id": POOL, "size": 100, "flags": DARK | ONE_CLOCK, "price": 10_000}
    rows = [
        event(ADD, order_id=1, side=BID, price=9_999, account=1, at=at(0), **lit),
        event(ADD, order_id=2, side=ASK, price=10_001, account=2, at=at(1), **lit),
        event(ADD, order_id=3, side=ASK, price=10_001, account=1, at=at(5), **lit),
        event(TRADE, account=1, contra_account=2, at=at(10), **pool),
        event(TRADE, account=2, contra_account=3, at=at(20), **pool),
        event(EXECUTE, order_id=3, side=ASK, contra_account=4, at=at(30), **lit),
        event(ADD, order_id=4, side=BID, price=9_000.5, account=3, at=at(40), **lit),
        event(ADD, order_id=5, side=BID, price=11_000, account=3, at=at(50), **lit),
    ]
    return joined(rows)


def alerts_of(block: int, reference: Reference | None, records: tuple = ()) -> list[Alert]:
    desk = ListDesk()
    pipeline = Pipeline(Config(), null_bundle(), Nominal(), desk, reference=reference)
    pipeline.absorb(Batch(None, DEFINITIONS, records, (), 0))
    events = flow()
    for start in range(0, len(events), block):
        pipeline.absorb(Batch(events[start : start + block], (), (), (), 0))
        pipeline.drain()
    pipeline.finish()
    return desk.alerts


def opened(alerts: list[Alert]) -> list[tuple[str, str, int]]:
    """Return (typology, severity, arrival of the evidence) of what was opened, sorted."""
    mine = [a for a in alerts if a.by == "rule" and a.state == "opened"]
    return sorted((a.typology, a.severity, a.evidence[0].arrival) for a in mine)


def test_each_rule_opens_an_alert_with_its_evidence() -> None:
    alerts = alerts_of(4_096, REFERENCE)
    assert opened(alerts) == [
        ("ERROR", "medium", 7),
        ("PRIORITY", "low", 6),
        ("PRIORITY", "medium", 5),
        ("SEGMENT", "medium", 3),
        ("WASH", "medium", 4),
    ]
    captured = {a.evidence[0].arrival: a.times.capture_ns for a in alerts if a.state == "opened"}
    received = flow()["ts_recv"].tolist()
    assert captured == {arrival: received[arrival] for arrival in captured}
    assert {a.attribution for a in alerts if a.state == "opened"} == {"not attributed"}
    messages = {a.typology: a.message for a in alerts if a.state == "opened"}
    assert messages["SEGMENT"] == (
        "Segmentation breach in WARM on DARK: segments 1 and 2 traded with each other on DARK, "
        "which the counterparty matrix forbade then, 100 shares."
    )
    assert messages["ERROR"] == (
        "Erroneous order or trade in WARM on LITX: order to buy on LITX at 110, far from the "
        "market at 100, 10 %."
    )


def test_the_record_does_not_depend_on_the_block_size() -> None:
    whole = [a.content_hash for a in alerts_of(4_096, REFERENCE) if a.by == "rule"]
    for block in (1, 3):
        again = [a.content_hash for a in alerts_of(block, REFERENCE) if a.by == "rule"]
        assert sorted(again) == sorted(whole)
    assert len(whole) >= 10


def test_accounts_from_the_feed_serve_as_well_as_those_from_a_file() -> None:
    names = ("account", "owner", "group", "capacity", "segment", "valid_from_ns")
    records = tuple(AccountRecord(**{n: getattr(one, n) for n in names}) for one in PEOPLE)
    matrix = REFERENCE._replace(accounts=())
    assert opened(alerts_of(4_096, matrix, records)) == opened(alerts_of(4_096, REFERENCE))
    # Without either nobody's owner or segment is known.
    told = {typology for typology, _, _ in opened(alerts_of(4_096, None))}
    assert told == {"ERROR", "PRIORITY"}
