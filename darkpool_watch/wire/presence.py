"""Whether the feed is there at all: ZeroMQ waits for an absent publisher without a word."""

from darkpool_watch.config import WireConfig
from darkpool_watch.units import NS_PER_MS, NS_PER_S
from darkpool_watch.wire.counters import Counters


class FeedWatch:
    """Tells once that nothing at all has come for `silence_ms`, and once that something has.

    A channel that spoke and fell silent is a notice of its own; this is about a feed without a
    first frame. Times are monotonic ns, given by the caller.
    """

    def __init__(self, config: WireConfig, counters: Counters, now_ns: int) -> None:
        self.config = config
        self._counters = counters
        self._began_ns = now_ns
        self._over = False  # a first frame has come
        self._told = False

    def look(self, now_ns: int) -> str:
        """Return the sentence that is due now, mostly none."""
        if self._over:
            return ""
        waited_ns = now_ns - self._began_ns
        if self._counters.frames:
            self._over = True
            if not self._told:
                return ""
            return f"The feed at {self.config.endpoint} appeared after {waited_ns / NS_PER_S:.1f} s"
        if self._told or waited_ns < self.config.silence_ms * NS_PER_MS:
            return ""
        self._told = True
        self._counters.absences += 1
        return (
            f"No sign of life from the feed at {self.config.endpoint} for "
            f"{waited_ns / NS_PER_S:.1f} s: is its publisher running, and is wire.endpoint what it "
            "bound? Still waiting"
        )
