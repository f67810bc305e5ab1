"""Flow control: how many frames subscribers have not yet handled."""

from collections import deque

from darkpool_watch.wire.control import Position

ChannelKey = tuple[str, int]


class CreditLedger:
    """Frames outstanding at the slowest live subscriber.

    A subscriber is live from its first acknowledgement until it has been quiet for `timeout_ns`.
    No lock and no clock of its own: the publisher calls it under its lock, `now_ns` monotonic.
    """

    def __init__(self, session: int, timeout_ns: int) -> None:
        self.outstanding = 0
        self.most_outstanding = 0
        self.expired = 0  # subscribers that went quiet
        self._session = session
        self._timeout_ns = timeout_ns
        self._ends: dict[ChannelKey, deque[int]] = {}  # one past each outstanding frame
        self._positions: dict[bytes, dict[ChannelKey, int]] = {}
        self._heard_ns: dict[bytes, int] = {}

    @property
    def subscribers(self) -> int:
        """Return how many subscribers are live."""
        return len(self._positions)

    def sent(self, channel: ChannelKey, end: int) -> None:
        """Count a frame whose last sequence is end - 1."""
        self._ends.setdefault(channel, deque()).append(end)
        self.outstanding += 1
        self.most_outstanding = max(self.most_outstanding, self.outstanding)

    def acknowledged(self, peer: bytes, positions: list[Position], now_ns: int) -> None:
        """Take in what one subscriber has handled."""
        known = self._positions.setdefault(peer, {})
        self._heard_ns[peer] = now_ns
        for place in positions:
            if place.session == self._session:
                key = (place.venue, place.channel)
                known[key] = max(known.get(key, 0), place.next_sequence)
        self._settle()

    def forget(self, peer: bytes) -> None:
        """Wait for this subscriber no longer."""
        self._positions.pop(peer, None)
        self._heard_ns.pop(peer, None)
        self._settle()

    def expire(self, now_ns: int) -> None:
        """Forget subscribers that have been quiet for too long."""
        for peer, heard_ns in list(self._heard_ns.items()):
            if now_ns - heard_ns >= self._timeout_ns:
                self.expired += 1
                self.forget(peer)

    def _settle(self) -> None:
        """Drop frames that every live subscriber has handled; all stay while there is none."""
        if not self._positions:
            return
        for key, ends in self._ends.items():
            slowest = min(known.get(key, 0) for known in self._positions.values())
            while ends and ends[0] <= slowest:
                ends.popleft()
                self.outstanding -= 1
