"""Topics: dotted, escaped, and ending in a dot, or `flow.X.1` would also match `flow.X.10`."""

from functools import lru_cache
from urllib.parse import quote, unquote


def escape(part: str) -> str:
    """Return `part` with every byte outside A-Z a-z 0-9 _ - ~ as %XX, the dot included."""
    return quote(part, safe="").replace(".", "%2E")


def topic_of(*parts: str | int) -> bytes:
    """Return the topic of `parts`: `topic_of("flow", "X.Y", 3)` is `b"flow.X%2EY.3."`."""
    return "".join(f"{escape(str(part))}." for part in parts).encode("ascii")


@lru_cache(maxsize=4096)
def flow_topic(venue: str, channel: int) -> bytes:
    """Return the topic of one channel of order flow."""
    return topic_of("flow", venue, channel)


def parts_of(topic: bytes) -> list[str]:
    """Return the unescaped parts of `topic`; the inverse of `topic_of` for text parts."""
    return [unquote(part) for part in topic.decode("ascii").split(".")[:-1]]
