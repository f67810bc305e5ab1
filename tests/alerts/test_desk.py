from pathlib import Path

import pytest

from darkpool_watch.alerts.desk import AlertDesk
from darkpool_watch.alerts.journal import Entry, Journal, JournalReader
from darkpool_watch.alerts.record import content_hash_of, decode, record_hash_of
from darkpool_watch.errors import JournalError
from tests.alerts.samples import episode, rule


class SpyPublisher:
    """Notes, for each alert published, whether the journal file already held it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.published: list[tuple[bytes, int, bytes]] = []
        self.held: list[bool] = []
        self.heartbeats = 0

    def publish(self, topic: bytes, sequence: int, body: bytes) -> None:
        reader = JournalReader(self.path)
        rows = reader.alerts(sequence, sequence, 1)
        reader.close()
        self.held.append(bool(rows) and rows[0].entry.body == body)
        self.published.append((topic, sequence, body))

    def heartbeat(self, *, force: bool = False) -> bool:
        self.heartbeats += 1
        return True


class FailingJournal(Journal):
    """Fails from the n-th append on, as a full disk would."""

    left = 2

    def append(self, entries: list[Entry]) -> int:
        if self.left == 0:
            raise JournalError("Disk full while writing to journal: free some space")
        self.left -= 1
        return super().append(entries)


def test_a_desk_never_sees_an_alert_that_the_journal_lacks(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    journal = Journal(path)
    spy = SpyPublisher(path)
    desk = AlertDesk(journal, spy)
    for i in range(20):
        desk.submit([episode(opened=i), rule(i)])
    assert len(spy.held) == 40
    assert all(spy.held)
    journal.close()


def test_when_the_journal_fails_nothing_is_published(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    journal = FailingJournal(path)
    spy = SpyPublisher(path)
    desk = AlertDesk(journal, spy)
    done = desk.submit([episode(opened=1)])
    with pytest.raises(JournalError, match="Disk full"):
        desk.submit([episode(opened=2), episode(opened=3)])
    assert [sequence for _, sequence, _ in spy.published] == [1]
    assert (desk.raised, desk.opened) == (1, 1)
    # Once it is writable again the numbering goes on without a hole.
    journal.left = 5
    again = desk.submit([episode(opened=2)])
    assert [a.sequence for a in (*done, *again)] == [1, 2]
    journal.close()


def test_updates_supersede_one_another(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.db")
    desk = AlertDesk(journal, None)
    first, second = desk.submit([episode(), episode(number=1, exceedances=8)])
    (third,) = desk.submit([episode(number=2, exceedances=16)])
    assert first.supersedes == ""
    assert second.supersedes == first.content_hash
    assert third.supersedes == second.content_hash
    for alert in (first, second, third):
        assert alert.content_hash == content_hash_of(alert)
        assert alert.record_hash == record_hash_of(alert)
    assert (desk.raised, desk.opened) == (3, 1)
    reader = JournalReader(journal.path)
    kinds = [row.entry.kind for row in reader.rows()]
    assert kinds == ["created", "alert", "update", "update"]
    reader.close()
    journal.close()


def test_what_is_published_is_what_is_journalled(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    journal = Journal(path)
    spy = SpyPublisher(path)
    desk = AlertDesk(journal, spy, clock_ns=lambda: 42)
    (alert,) = desk.submit([episode()])
    ((topic, sequence, body),) = spy.published
    assert decode(body) == alert
    assert topic == alert.topic
    assert sequence == alert.sequence == 1
    assert alert.stamps.commit_ns == 42
    journal.close()


def test_commits_are_measured_and_idle_checkpoints(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    journal = Journal(path)
    spy = SpyPublisher(path)
    desk = AlertDesk(journal, spy)
    for i in range(50):
        desk.submit([episode(opened=i)])
    assert len(desk.commit_ns) == 50
    assert (desk.commit_ns > 0).all()
    log = path.with_name("j.db-wal")
    before = path.stat().st_size
    assert log.stat().st_size > 50_000  # nothing was checkpointed before a publish
    desk.idle()
    assert path.stat().st_size > before
    assert spy.heartbeats == 1
    assert desk.submit([]) == []
    journal.close()


def test_notes_are_journalled_and_not_numbered_as_alerts(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.db")
    desk = AlertDesk(journal, None, actor="tester")
    desk.note("start", b'{"version":"0"}')
    (alert,) = desk.submit([episode()])
    desk.note("stop", b"{}")
    assert alert.sequence == 1
    reader = JournalReader(journal.path)
    rows = list(reader.rows())
    assert [(r.entry.kind, r.entry.alert_sequence) for r in rows] == [
        ("created", None),
        ("start", None),
        ("alert", 1),
        ("stop", None),
    ]
    assert rows[1].entry.actor == "tester"
    reader.close()
    journal.close()
