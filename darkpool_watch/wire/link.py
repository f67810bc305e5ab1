"""A connecting socket that comes back.

ZeroMQ reconnects by itself when a connection breaks, but not when the peer broke the protocol or
sent a part above ZMQ_MAXMSGSIZE: the session then ends for good and nothing more ever arrives. A
monitor tells the two apart: a disconnection that no retry follows is opened again here.
"""

from typing import Any, Final

import zmq
from zmq.utils.monitor import recv_monitor_message

from darkpool_watch.config import WireConfig
from darkpool_watch.units import NS_PER_MS
from darkpool_watch.wire import sockets

REOPEN_MS: Final = 100  # how long ZeroMQ may take to begin a retry of its own
_RETRIED: Final = zmq.EVENT_CONNECTED | zmq.EVENT_CONNECT_DELAYED | zmq.EVENT_CONNECT_RETRIED
_WATCHED: Final = _RETRIED | zmq.EVENT_DISCONNECTED


class Link:
    """One SUB or DEALER socket to one endpoint, registered with `poller`.

    `socket` is replaced when it is opened again. Raises ConfigError when the endpoint is
    impossible.
    """

    def __init__(
        self,
        context: "zmq.Context[Any]",
        poller: zmq.Poller,
        kind: int,
        endpoint: str,
        config: WireConfig,
    ) -> None:
        self.endpoint = endpoint
        self.reopened = 0
        self._context = context
        self._poller = poller
        self._kind = kind
        self._config = config
        self._broken_ns = 0  # monotonic ns of a disconnection that nothing has followed yet
        self.socket, self.monitor = self._open()

    def _open(self) -> tuple["zmq.Socket[Any]", "zmq.Socket[Any]"]:
        socket: zmq.Socket[Any] = self._context.socket(self._kind)
        config = self._config
        sockets.limit(
            socket, high_water_mark=config.high_water_mark, max_bytes=config.max_frame_bytes
        )
        sockets.keep_alive(socket, every_ms=config.heartbeat_ms, timeout_ms=config.silence_ms)
        if self._kind == zmq.SUB:
            socket.set(zmq.SUBSCRIBE, b"flow.")
        else:
            socket.set(zmq.IMMEDIATE, 1)  # a request waits with us, not for a connection
        monitor: zmq.Socket[Any] = socket.get_monitor_socket(_WATCHED)
        try:
            sockets.connect(socket, self.endpoint)
        except Exception:
            _close(socket, monitor)
            raise
        self._poller.register(socket, zmq.POLLIN)
        self._poller.register(monitor, zmq.POLLIN)
        return socket, monitor

    def watch(self, now_ns: int) -> bool:
        """Read the monitor and open the socket again where it needs it; return whether it did."""
        while int(self.monitor.get(zmq.EVENTS)) & zmq.POLLIN:
            event = recv_monitor_message(self.monitor)["event"]
            self._broken_ns = now_ns if event == zmq.EVENT_DISCONNECTED else 0
        if not self._broken_ns or now_ns - self._broken_ns < REOPEN_MS * NS_PER_MS:
            return False
        self._broken_ns = 0
        self.close()
        self.socket, self.monitor = self._open()
        self.reopened += 1
        return True

    def next_deadline(self) -> int:
        """Return the monotonic ns at which `watch` may have something to do; 0 = never."""
        return self._broken_ns + REOPEN_MS * NS_PER_MS if self._broken_ns else 0

    def close(self) -> None:
        """Close the socket and its monitor."""
        self._poller.unregister(self.socket)
        self._poller.unregister(self.monitor)
        _close(self.socket, self.monitor)


def _close(socket: "zmq.Socket[Any]", monitor: "zmq.Socket[Any]") -> None:
    socket.disable_monitor()  # leaves the receiving end open
    monitor.close(linger=0)
    socket.close(linger=0)
