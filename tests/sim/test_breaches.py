import numpy as np

from darkpool_watch.sim.abuse import BREACHES
from kernels.layout import ADD, EXECUTE, REPLACE
from tests.naive.sim_book import NaiveMarket, immediate
from tests.sim.conftest import BUSY, Tape

Books = dict[int, NaiveMarket]


def test_every_event_is_legal_but_for_the_breaches_told(busy: Tape, books: Books) -> None:
    told = busy.simulator.violations
    for s, market in books.items():
        events = busy.events[busy.security == s]
        assert not immediate(events) & set(market.pool), "an immediate order rests"
        for kind in ("trade-through", "priority", "sub-penny", "segment", "error-price"):
            found = [(int(e["ts_event"]), int(e["price"])) for e in market.breaches[kind]]
            expected = [(v.ts, v.price) for v in told if (v.kind, v.security_id) == (kind, s)]
            assert sorted(found) == sorted(expected), kind
        found = [int(e["ts_event"]) for e in market.breaches["self-match"]]
        assert found == [v.ts for v in told if (v.kind, v.security_id) == ("self-match", s)]
        copies = {int(e["ts_event"]) for e in market.breaches["error-duplicate"]}
        planted = [v.ts for v in told if (v.kind, v.security_id) == ("error-duplicate", s)]
        assert set(planted) <= copies


def test_breaches_happen_as_often_as_asked(busy: Tape, quiet: Tape) -> None:
    told = busy.simulator.violations
    assert [v.id for v in told] == list(range(BUSY.violations))
    assert {kind: sum(v.kind == kind for v in told) for kind in BREACHES} == dict.fromkeys(
        BREACHES, BUSY.violations // len(BREACHES)
    )
    assert quiet.simulator.violations == []


def test_breaches_name_their_orders_and_are_nobodys_campaign(busy: Tape) -> None:
    for v in busy.simulator.violations:
        here = busy.events[(busy.security == v.security_id) & (busy.events["ts_event"] == v.ts)]
        told = {int(one) for row in here for one in (row["order_id"], row["contra_order_id"])}
        assert set(v.orders) & told
        kinds = {ADD, REPLACE} if v.kind.startswith("error") else {ADD, EXECUTE}
        assert set(here["kind"].tolist()) & kinds
        where = (busy.security == v.security_id) & (busy.events["ts_event"] == v.ts)
        assert not busy.labels["own"][where].any()


def test_duplicates_are_alike_in_all_but_their_ids(busy: Tape) -> None:
    for v in busy.simulator.violations:
        if v.kind == "error-duplicate":
            rows = busy.events[
                np.isin(busy.events["order_id"], v.orders) & (busy.events["kind"] == ADD)
            ]
            assert len(rows) == len(v.orders) >= 2
            for name in ("account", "side", "price", "size"):
                assert len(set(rows[name].tolist())) == 1
            assert rows["ts_event"][1] == v.ts
