import math

from hypothesis import given
from hypothesis import strategies as st

from darkpool_watch.alerts.record import Evidence
from darkpool_watch.alerts.rules import KEPT_EVIDENCE, RuleGroups, RuleHit, RuleUpdate

NS = 10**9


def hit(
    seconds: float, security: int = 0, rule: str = "TRADE-THROUGH", group: str = "", **more: object
) -> RuleHit:
    arrival = round(seconds * 10)
    return RuleHit(
        rule=rule,
        reason="a print below the best bid",
        security=security,
        ts=round(seconds * NS),
        arrival=arrival,
        group=group,
        evidence=(Evidence(arrival=arrival),),
        **more,
    )


def test_repeated_hits_are_one_alert_that_counts_them_all() -> None:
    groups = RuleGroups(60 * NS)
    told = [u for s in range(100) for u in groups.hit(hit(s, measure=float(s % 7), unit="ticks"))]
    assert [(u.state, u.hits) for u in told] == [
        ("opened", 1),
        ("extended", 2),
        ("extended", 4),
        ("extended", 8),
        ("extended", 16),
        ("extended", 32),
        ("extended", 64),
    ]
    (closed,) = groups.finish()
    assert (closed.state, closed.hits, closed.worst) == ("closed", 100, 6.0)
    assert closed.ts == 159 * NS
    assert [u.number for u in [*told, closed]] == list(range(8))
    assert len({u.opened_arrival for u in told}) == 1
    assert len(closed.evidence) == KEPT_EVIDENCE
    assert [e.arrival for e in closed.evidence] == [*range(0, 80, 10), *range(920, 1_000, 10)]


def test_a_pause_longer_than_the_cooldown_makes_two_alerts() -> None:
    groups = RuleGroups(60 * NS)
    groups.hit(hit(0))
    assert groups.hit(hit(60)) != []
    told = groups.hit(hit(120.1))
    assert [(u.state, u.opened_arrival, u.hits) for u in told] == [
        ("closed", 0, 2),
        ("opened", 1_201, 1),
    ]


def test_rules_securities_and_groups_are_kept_apart() -> None:
    groups = RuleGroups(60 * NS)
    for other in (hit(0), hit(1, security=1), hit(2, rule="DATA"), hit(3, group="clock drift")):
        assert [u.state for u in groups.hit(other)] == ["opened"]
    assert groups.hits == 4


def test_severity_rises_and_the_opening_one_is_kept() -> None:
    groups = RuleGroups(60 * NS)
    groups.hit(hit(0, severity="low"))
    (update,) = groups.hit(hit(1, severity="high"))
    assert (update.severity, update.severity_at_opening) == ("high", "low")
    (update,) = groups.finish()
    assert update.severity == "high"


def test_unmeasured_hits_leave_the_worst_undefined() -> None:
    groups = RuleGroups(NS)
    (update,) = groups.hit(hit(0))
    assert math.isnan(update.worst)


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(0, 1)), min_size=1, max_size=40))
def test_what_is_told_does_not_depend_on_advancing(steps: list[tuple[int, int]]) -> None:
    quiet, asked = RuleGroups(60 * NS), RuleGroups(60 * NS)
    first: list[RuleUpdate] = []
    second: list[RuleUpdate] = []
    now = 0
    for wait, security in steps:
        for moment in range(now, now + wait, 13):
            second += asked.advance(security, moment * NS)
        now += wait
        first += quiet.hit(hit(now, security))
        second += asked.hit(hit(now, security))
    first += quiet.finish()
    second += asked.finish()

    def key(update: RuleUpdate) -> tuple[int, int, int]:
        return update.security, update.opened_arrival, update.number

    first.sort(key=key)
    second.sort(key=key)
    assert [(u.state, u.ts, u.hits) for u in first] == [(u.state, u.ts, u.hits) for u in second]
    assert sum(u.hits for u in first if u.state == "closed") == len(steps)
