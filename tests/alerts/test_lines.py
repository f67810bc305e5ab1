"""What a terminal shows of alerts: a line a record, a list of a journal."""

import json
from collections import deque
from pathlib import Path

import pytest
from rich.console import Console

from darkpool_watch.alerts.build import Place
from darkpool_watch.alerts.desk import AlertDesk
from darkpool_watch.alerts.journal import Journal
from darkpool_watch.alerts.lines import line_of
from darkpool_watch.alerts.record import Alert
from darkpool_watch.cli.history import journal_list
from darkpool_watch.cli.live import AlertLines
from tests.alerts.samples import episode, rule


def test_a_line_says_when_how_bad_what_where_on_what_and_its_name() -> None:
    told = episode()
    assert line_of(told) == (
        "1970-01-01T00:01:40.000Z  opened     medium    SPOOF  ACME.X on SIMX  "
        f"evidence 15.5 of 12.0 needed  id {told.alert_id}"
    )
    told = rule(1.5)
    assert line_of(told) == (
        "1970-01-01T00:00:01.500Z  opened     medium    TRADE-THROUGH  ACME.X on SIMX  "
        f"1 hit  2 ticks  id {told.alert_id}"
    )


def test_a_symbol_cannot_steer_the_terminal() -> None:
    place = Place(security=7, symbol="A\x1b[2J\n", venue="SIMX")
    assert "  A?[2J? on SIMX  " in line_of(rule(symbol_place=place))


def test_a_journal_lists_each_alert_as_it_stands_last(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = Journal(tmp_path / "j.db")
    seen: list[Alert] = []
    desk = AlertDesk(journal, None, on_alert=seen.append)
    desk.note("start", b"{}")
    desk.submit([episode(opened=900), rule(3.0)])
    desk.submit([episode(1, opened=900)])
    first, second, third = seen
    journal_list(journal.path)  # beside its writer
    assert capsys.readouterr().out.splitlines() == [line_of(third), line_of(second)]
    journal_list(journal.path, json=True)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["alert_id"] for line in lines] == [first.alert_id, second.alert_id]
    assert [line["number"] for line in lines] == [1, 0]
    journal.close()


def test_run_prints_each_record_once(capsys: pytest.CaptureFixture[str]) -> None:
    told: deque[Alert] = deque([episode(), episode(1)])
    show = AlertLines(told, Console(stderr=True))
    show()
    show()
    assert capsys.readouterr().out.splitlines() == [line_of(episode()), line_of(episode(1))]
