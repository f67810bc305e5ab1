"""The one place where a ZeroMQ socket is limited, secured, bound and connected."""

from ipaddress import ip_address
from typing import Any, Final

import zmq

from darkpool_watch.errors import ConfigError
from darkpool_watch.wire import unixpath

_LINGER_MS: Final = 0
_RECONNECT_MS: Final = 10  # first retry; doubles up to the next line
_RECONNECT_MAX_MS: Final = 500


def limit(socket: "zmq.Socket[Any]", *, high_water_mark: int, max_bytes: int) -> None:
    """Bound what `socket` may queue (frames, each way) and take (bytes of one message part).

    A peer that sends a larger part is disconnected by ZeroMQ and may connect again. Closing drops
    what is still queued. Call before `bind` or `connect`.
    """
    socket.set(zmq.SNDHWM, high_water_mark)
    socket.set(zmq.RCVHWM, high_water_mark)
    socket.set(zmq.MAXMSGSIZE, max_bytes)
    socket.set(zmq.LINGER, _LINGER_MS)
    socket.set(zmq.RECONNECT_IVL, _RECONNECT_MS)
    socket.set(zmq.RECONNECT_IVL_MAX, _RECONNECT_MAX_MS)


def keep_alive(socket: "zmq.Socket[Any]", *, every_ms: int, timeout_ms: int) -> None:
    """Let ZeroMQ ping the peer, so that a half-open connection ends after `timeout_ms`."""
    socket.set(zmq.HEARTBEAT_IVL, every_ms)
    socket.set(zmq.HEARTBEAT_TIMEOUT, timeout_ms)


def secure(socket: "zmq.Socket[Any]", endpoint: str, *, server: bool) -> None:
    """Make `socket` fit for `endpoint`: the place of CURVE.

    Every socket of the package passes here before `bind` (`server=True`) or `connect`. Keys, once
    they exist, arrive as an argument here: the server's secret key and its ZAP domain, or the
    client's pair and the server's public key.

    Raises ConfigError for what `check` refuses.
    """
    check(endpoint, server=server)
    if endpoint.startswith("tcp://") and "[" in endpoint:
        socket.set(zmq.IPV6, 1)


def check(endpoint: str, *, server: bool) -> None:
    """Refuse an endpoint that cannot be bound (`server=True`) or connected, opening nothing.

    Without keys a server may listen only where the host itself keeps strangers out: on ipc, inproc
    and loopback TCP. Whether somebody else holds the endpoint is found out by `bind`.

    Raises ConfigError for an impossible or public address, or an ipc path that cannot exist.
    """
    private = is_private(endpoint)
    transport, _, address = endpoint.partition("://")
    if server and not private:
        raise ConfigError(
            f"Refusing to bind {endpoint}: it is reachable from outside this host and no CURVE "
            "keys are set: bind ipc:// or tcp://127.0.0.1, or configure keys"
        )
    if not server and (address == "*" or (transport == "tcp" and address[-2:] in (":*", ":0"))):
        raise ConfigError(
            f"Endpoint {endpoint!r} leaves its place open, which only a socket that binds may: "
            "name the path or port that its server bound"
        )
    if transport == "ipc":
        unixpath.check(address, server=server)


def is_private(endpoint: str) -> bool:
    """Return whether only this host can reach `endpoint`.

    Names other than `localhost` and network interfaces count as public. Raises ConfigError when the
    endpoint is no ipc, inproc or tcp address.
    """
    transport, separator, address = endpoint.partition("://")
    if not separator or not address or transport not in ("ipc", "inproc", "tcp"):
        raise ConfigError(
            f"Endpoint {endpoint!r}, needed ipc://PATH, inproc://NAME or tcp://HOST:PORT"
        )
    if transport != "tcp":
        return True
    host, separator, port = address.rpartition(":")
    # libzmq takes a port modulo 65,536 without a word.
    usable = port == "*" or (port.isascii() and port.isdecimal() and int(port) < 1 << 16)
    if not separator or not host or not usable:
        raise ConfigError(f"Endpoint {endpoint!r} has no usable port, needed tcp://HOST:PORT")
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def bind(socket: "zmq.Socket[Any]", endpoint: str) -> str:
    """Secure and bind `socket`; return the endpoint to connect to, its port chosen where it was *.

    Raises ConfigError when the address is refused, impossible, or held by a socket that lives.
    """
    secure(socket, endpoint, server=True)
    try:
        if endpoint.startswith("ipc://"):
            with unixpath.claimed(endpoint.removeprefix("ipc://")):
                socket.bind(endpoint)
        else:
            socket.bind(endpoint)
    except zmq.ZMQError as err:
        step = ""
        if err.errno == zmq.EADDRINUSE:
            step = ": stop the process that holds it, or name another endpoint"
        raise ConfigError(f"Cannot bind {endpoint}: {zmq.strerror(err.errno or 0)}{step}") from err
    return socket.get_string(zmq.LAST_ENDPOINT)


def try_bind(endpoint: str) -> None:
    """Bind an endpoint and let go of it at once; ConfigError as `bind` raises it."""
    context: zmq.Context[Any] = zmq.Context()
    socket = context.socket(zmq.PUB)
    try:
        bind(socket, endpoint)
    finally:
        socket.close(linger=0)
        context.term()


def connect(socket: "zmq.Socket[Any]", endpoint: str) -> None:
    """Secure and connect `socket`; a peer that is not there yet is awaited in the background.

    Raises ConfigError when the address is impossible.
    """
    secure(socket, endpoint, server=False)
    try:
        socket.connect(endpoint)
    except zmq.ZMQError as err:
        raise ConfigError(f"Cannot connect to {endpoint}: {zmq.strerror(err.errno or 0)}") from err
