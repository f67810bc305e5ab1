"""Malformed frames: what each is counted as, what it says, and that the rest survives."""

import random
from pathlib import Path

import pytest

from darkpool_watch.wire.events import Heartbeat
from darkpool_watch.wire.quarantine import Quarantine, read_quarantine
from tests.wire.feed import Feed, Parts, frame, nested, pack, with_header
from tests.wire.rows import add_rows, definition

GOOD = frame(add_rows(10, first=11), 11)
MSGPACK = frame(add_rows(10, first=11), 11, encoding="msgpack")
NOISE = random.Random(7).randbytes(200)
NEXT = Heartbeat(next_sequence=11, oldest_sequence=1)

FRAMES: dict[str, tuple[Parts, str, str]] = {
    "unknown version": (
        with_header(GOOD, version=2),
        "version",
        "Frame version 2, this reader knows 1: upgrade whichever is older",
    ),
    "unknown version of another shape": (
        [GOOD[0], pack([9, {"all": "new"}]), GOOD[2]],
        "version",
        "Frame version 9, this reader knows 1: upgrade whichever is older",
    ),
    "short body": (
        [*GOOD[:2], GOOD[2][:-1]],
        "short_body",
        "Packed body of 959 bytes, needed 960 for 10 rows of 96",
    ),
    "empty body": (
        [*GOOD[:2], b""],
        "short_body",
        "Packed body of 0 bytes, needed 960 for 10 rows of 96",
    ),
    "long body": (
        [*GOOD[:2], GOOD[2] + b"\0" * 96],
        "long_body",
        "Packed body of 1056 bytes, needed 960 for 10 rows of 96",
    ),
    "forged count, packed": (
        with_header(GOOD, count=200),
        "short_body",
        "Packed body of 960 bytes, needed 19200 for 200 rows of 96",
    ),
    "forged count, msgpack": (
        with_header(MSGPACK, count=200),
        "forged_count",
        "Body of 10 messages, header counts 200",
    ),
    "zero count": (with_header(GOOD, count=0), "count", "Header count 0, needed 1 to 256"),
    "negative count": (with_header(GOOD, count=-1), "count", "Header count -1, needed 1 to 256"),
    "count above 256": (with_header(GOOD, count=257), "count", "Header count 257, needed 1 to 256"),
    "count of the size of memory": (
        with_header(GOOD, count=1 << 63),
        "count",
        "Header count 9223372036854775808, needed 1 to 256",
    ),
    "array that claims four billion events": (
        [*MSGPACK[:2], b"\xdd\xff\xff\xff\xff"],
        "body",
        "Body of 5 bytes (events): Input data was truncated",
    ),
    "nested bomb in the body": (
        [*MSGPACK[:2], nested(100_000)],
        "body",
        "Body of 100001 bytes (events): maximum recursion depth exceeded while deserializing "
        "an object",
    ),
    "nested bomb in the header": (
        [GOOD[0], nested(100_000), GOOD[2]],
        "header",
        "Header of 100001 bytes: Expected `array` of at least length 9, got 1",
    ),
    "noise for a header": (
        [GOOD[0], NOISE, GOOD[2]],
        "header",
        "Header of 200 bytes: Expected `array`, got `int`",
    ),
    "noise for a msgpack body": (
        [*MSGPACK[:2], NOISE],
        "body",
        "Body of 200 bytes (events): Expected `array`, got `int`",
    ),
    "header of no bytes": (
        [GOOD[0], b"", GOOD[2]],
        "header",
        "Header of 0 bytes: Input data was truncated",
    ),
    "header of a map": (
        [GOOD[0], pack({"version": 1}), GOOD[2]],
        "header",
        "Header of 10 bytes: Expected `array`, got `object`",
    ),
    "header too short": (
        [GOOD[0], pack([1, 5, 1, "XNAS"]), GOOD[2]],
        "header",
        "Header of 9 bytes: Expected `array` of at least length 9, got 4",
    ),
    "text where a count belongs": (
        with_header(GOOD, count="ten"),
        "header",
        "Header of 37 bytes: Expected `int`, got `str` - at `$[5]`",
    ),
    "wrong session type": (
        with_header(GOOD, session="five"),
        "header",
        "Header of 38 bytes: Expected `int`, got `str` - at `$[1]`",
    ),
    "negative session": (
        with_header(GOOD, session=-5),
        "session",
        "Header session -5, needed 0 to 2**62",
    ),
    "wrong encoding name": (
        with_header(GOOD, encoding="pickle"),
        "encoding",
        "Header encoding 'pickle', needed 'packed' or 'msgpack'",
    ),
    "unknown kind of frame": (
        with_header(GOOD, kind="orders"),
        "kind",
        "Header kind 'orders', needed 'events', 'definitions', 'accounts' or 'heartbeat'",
    ),
    "no venue": (
        with_header(GOOD, venue=""),
        "venue",
        "Header venue of 0 characters, needed 1 to 64",
    ),
    "venue that is no text": (
        [GOOD[0], GOOD[1].replace(b"XNAS", b"\x80NAS"), GOOD[2]],
        "header",
        "Header of 34 bytes: 'utf-8' codec can't decode byte 0x80 in position 0: "
        "invalid start byte",
    ),
    "endless venue": (
        with_header(GOOD, venue="X" * 100_000),
        "venue",
        "Header venue of 100000 characters, needed 1 to 64",
    ),
    "channel out of range": (
        with_header(GOOD, channel=65_536),
        "channel",
        "Header channel 65536, needed 0 to 65535",
    ),
    "sequence below the first": (
        with_header(GOOD, first=0),
        "sequence",
        "Header first_sequence 0, needed 1 to 2**62",
    ),
    "sequence beyond all days": (
        with_header(GOOD, first=1 << 62),
        "sequence",
        "Header first_sequence 4611686018427387904, needed 1 to 2**62",
    ),
    "sequence that leaps": (
        frame(add_rows(10, first=1 << 40), 1 << 40),
        "jump",
        "Sequence 1099511627776 of XNAS/1 leaps 1099511627765 ahead of 11",
    ),
    "topic of another channel": (
        [b"flow.XNAS.2.", *GOOD[1:]],
        "topic",
        "Topic b'flow.XNAS.2.', header says b'flow.XNAS.1.'",
    ),
    "topic without its last dot": (
        [b"flow.XNAS.1", *GOOD[1:]],
        "topic",
        "Topic b'flow.XNAS.1', header says b'flow.XNAS.1.'",
    ),
    "missing parts": (GOOD[:2], "parts", "Frame of 2 parts, needed 3: topic, header, body"),
    "extra parts": (
        [*GOOD, b"more"],
        "parts",
        "Frame of 4 parts, needed 3: topic, header, body",
    ),
    "giant frame": (
        [*GOOD[:2], b"\0" * 2_000_000],
        "giant",
        "Frame of 2000046 bytes, at most 1048576 (wire.max_frame_bytes)",
    ),
    "heartbeat that counts": (
        with_header(frame(NEXT, 11), count=3),
        "count",
        "Heartbeat counts 3 messages, needed 0",
    ),
    "heartbeat that contradicts itself": (
        frame(NEXT, 12),
        "sequence",
        "Heartbeat body says next is 11, its header 12",
    ),
    "heartbeat whose end is no yes or no": (
        [*frame(NEXT, 11)[:2], pack([11, 1, "soon"])],
        "body",
        "Body of 8 bytes (heartbeat): Expected `bool`, got `str` - at `$[2]`",
    ),
    "heartbeat of noise": (
        [*frame(NEXT, 11)[:2], b"\xc1\xc1"],
        "body",
        "Body of 2 bytes (heartbeat): MessagePack data is malformed: invalid opcode '\\xc1' "
        "(byte 0)",
    ),
    "definitions that are no array": (
        [*frame([definition()], 11)[:2], pack("none")],
        "body",
        "Body of 5 bytes (definitions): Expected `array`, got `str`",
    ),
}


@pytest.mark.parametrize("name", FRAMES)
def test_a_malformed_frame_is_counted_told_and_passed_over(name: str, tmp_path: Path) -> None:
    parts, reason, message = FRAMES[name]
    with Quarantine(tmp_path / "bad.quarantine", 10_000_000) as quarantine:
        feed = Feed(quarantine)
        feed.send(frame(add_rows(10), 1))
        feed.send(parts)
        feed.send(frame(add_rows(10, first=11), 11))
    assert feed.intake.refusals[-1].message == message
    assert feed.counts() == {reason: 1}
    assert feed.sequences == list(range(1, 21))
    (kept,) = read_quarantine(quarantine.path)
    assert (kept.reason, kept.message) == (reason, message)
    assert kept.parts == [part[:65_536] for part in parts]
    assert kept.sizes == [len(part) for part in parts]


def test_a_sequence_going_backwards_is_a_duplicate() -> None:
    feed = Feed()
    feed.send(frame(add_rows(10), 1))
    feed.send(frame(add_rows(10, first=11), 11))
    feed.send(frame(add_rows(5, first=3), 3))
    feed.send(frame(add_rows(5, first=21), 21))
    assert feed.sequences == list(range(1, 26))
    assert feed.intake.counters.duplicates == 1
    assert feed.intake.counters.duplicate_events == 5


def test_a_leap_that_a_second_frame_confirms_is_a_loss() -> None:
    feed = Feed()
    feed.send(frame(add_rows(10), 1))
    far = 1 << 30
    feed.send(frame(add_rows(10, first=far), far))
    feed.send(frame(add_rows(10, first=far + 10), far + 10))
    feed.wait(20)
    assert feed.sequences == [*range(1, 11), *range(far + 10, far + 20)]
    assert feed.counts() == {"jump": 1}
    assert feed.intake.counters.lost == far + 10 - 11


def test_forged_channels_do_not_make_the_daemon_grow() -> None:
    feed = Feed()
    feed.send(frame(add_rows(10), 1))
    for channel in range(2, 1_100):
        feed.send(frame(add_rows(1), 1, channel=channel))
    assert len(feed.intake.channels) == 1_024
    assert feed.intake.refusals[-1].message == (
        "Channel XNAS/1099 would be number 1025, at most 1024"
    )
    feed.send(frame(add_rows(10, first=11), 11))
    assert feed.intake.channels["XNAS", 1].events == 20


def test_a_full_quarantine_only_counts(tmp_path: Path) -> None:
    with Quarantine(tmp_path / "bad.quarantine", 3_000) as quarantine:
        feed = Feed(quarantine)
        for _ in range(5):
            feed.send([*GOOD[:2], GOOD[2][:-1]])
    assert feed.intake.counters.quarantined == 2
    assert feed.intake.counters.quarantine_full == 3
    assert len(list(read_quarantine(quarantine.path))) == 2
    assert feed.counts() == {"short_body": 5}
