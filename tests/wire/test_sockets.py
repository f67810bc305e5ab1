"""Where a socket may be bound without keys."""

import pytest
import zmq

from darkpool_watch.errors import ConfigError
from darkpool_watch.wire import sockets
from darkpool_watch.wire.publisher import FlowPublisher

PUBLIC = ["tcp://*:5555", "tcp://0.0.0.0:5555", "tcp://10.0.0.1:5555", "tcp://eth0:5555",
          "tcp://example.com:5555", "tcp://[::]:5555"]  # fmt: skip
PRIVATE = ["ipc:///tmp/x", "ipc://@abstract", "inproc://x", "tcp://127.0.0.1:5555",
           "tcp://127.8.8.8:*", "tcp://localhost:5555", "tcp://[::1]:5555"]  # fmt: skip


@pytest.mark.parametrize("endpoint", PUBLIC)
def test_a_public_address_is_not_bound_without_keys(endpoint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        FlowPublisher(endpoint, "ipc:///tmp/never")
    assert str(caught.value) == (
        f"Refusing to bind {endpoint}: it is reachable from outside this host and no CURVE keys "
        "are set: bind ipc:// or tcp://127.0.0.1, or configure keys"
    )


@pytest.mark.parametrize("endpoint", PRIVATE)
def test_ipc_and_loopback_need_no_keys(endpoint: str) -> None:
    assert sockets.is_private(endpoint)


@pytest.mark.parametrize(
    ("endpoint", "message"),
    [
        ("flow", "Endpoint 'flow', needed ipc://PATH, inproc://NAME or tcp://HOST:PORT"),
        ("udp://1.1.1.1:5", "Endpoint 'udp://1.1.1.1:5', needed ipc://PATH, inproc://NAME or "
         "tcp://HOST:PORT"),
        ("tcp://127.0.0.1:70000", "Endpoint 'tcp://127.0.0.1:70000' has no usable port, needed "
         "tcp://HOST:PORT"),
        ("tcp://127.0.0.1", "Endpoint 'tcp://127.0.0.1' has no usable port, needed "
         "tcp://HOST:PORT"),
    ],
)  # fmt: skip
def test_an_impossible_endpoint_is_refused(endpoint: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        sockets.is_private(endpoint)
    assert str(caught.value) == message


def test_an_address_that_is_taken_is_named() -> None:
    with FlowPublisher("tcp://127.0.0.1:*", "tcp://127.0.0.1:*") as publisher:
        taken = publisher.endpoint
        with pytest.raises(ConfigError) as caught:
            FlowPublisher(taken, "tcp://127.0.0.1:*")
        assert str(caught.value) == f"Cannot bind {taken}: Address already in use"


def test_limits_reach_the_socket() -> None:
    with zmq.Context() as context, context.socket(zmq.SUB) as socket:
        sockets.limit(socket, high_water_mark=7, max_bytes=99)
        assert socket.get(zmq.RCVHWM) == socket.get(zmq.SNDHWM) == 7
        assert socket.get(zmq.MAXMSGSIZE) == 99
        assert socket.get(zmq.LINGER) == 0
