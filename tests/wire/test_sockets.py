"""Where a socket may be bound: without keys, and beside others."""

import socket as host_sockets
import subprocess
import sys
from pathlib import Path

import pytest
import zmq

from darkpool_watch.alerts.journal import Journal
from darkpool_watch.alerts.publisher import AlertPublisher
from darkpool_watch.config import AlertConfig
from darkpool_watch.errors import ConfigError
from darkpool_watch.wire import sockets
from darkpool_watch.wire.publisher import FlowPublisher

ROOT = Path(__file__).parents[2]
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
        assert str(caught.value) == (
            f"Cannot bind {taken}: Address already in use: stop the process that holds it, or name "
            "another endpoint"
        )


def test_limits_reach_the_socket() -> None:
    with zmq.Context() as context, context.socket(zmq.SUB) as socket:
        sockets.limit(socket, high_water_mark=7, max_bytes=99)
        assert socket.get(zmq.RCVHWM) == socket.get(zmq.SNDHWM) == 7
        assert socket.get(zmq.MAXMSGSIZE) == 99
        assert socket.get(zmq.LINGER) == 0


def held(endpoint: str) -> str:
    return (
        f"Cannot bind {endpoint}: a running process holds it: stop that process, or name another "
        "endpoint"
    )


def holder(path: Path) -> subprocess.Popen[str]:
    """Return a process of its own that has bound ipc://`path`."""
    code = (
        "import time, zmq\n"
        "socket = zmq.Context().socket(zmq.PUB)\n"
        f"socket.bind('ipc://{path}')\n"
        "print('bound', flush=True)\n"
        "time.sleep(600)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "bound\n"
    return process


@pytest.mark.parametrize("place", ["PUB", "ROUTER"])
@pytest.mark.parametrize("kind", ["feed", "alerts"])
def test_an_ipc_endpoint_that_another_process_holds_is_not_taken_over(
    tmp_path: Path, kind: str, place: str
) -> None:
    taken, free = tmp_path / "taken", f"ipc://{tmp_path}/free"
    journal = Journal(tmp_path / "journal.db")
    ends = (f"ipc://{taken}", free) if place == "PUB" else (free, f"ipc://{taken}")

    def open_and_close() -> None:
        if kind == "feed":
            FlowPublisher(*ends).close()
        else:
            AlertPublisher(AlertConfig(endpoint=ends[0], replay_endpoint=ends[1]), journal).close()

    with holder(taken) as process:
        try:
            inode = taken.stat().st_ino
            with pytest.raises(ConfigError) as caught:
                open_and_close()
            assert str(caught.value) == held(f"ipc://{taken}")
            assert taken.stat().st_ino == inode
        finally:
            process.kill()
    assert taken.is_socket()  # what the dead process left
    open_and_close()
    journal.close()


def test_of_two_starts_at_once_one_gets_the_endpoint(tmp_path: Path) -> None:
    code = (
        "import sys, time\n"
        "from darkpool_watch.wire import sockets\n"
        "import zmq\n"
        "socket = zmq.Context().socket(zmq.PUB)\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "try:\n"
        f"    sockets.bind(socket, 'ipc://{tmp_path}/flow')\n"
        "    print('bound', flush=True)\n"
        "except Exception as err:\n"
        "    print(err, flush=True)\n"
        "sys.stdin.readline()\n"
    )
    starts = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for _ in range(4)
    ]
    pipes = [(start.stdin, start.stdout) for start in starts]
    for _, out in pipes:
        assert out is not None
        assert out.readline() == "ready\n"
    for into, _ in pipes:
        assert into is not None
        into.write("go\n")
        into.flush()
    said = [out.readline().strip() for _, out in pipes if out is not None]
    for start in starts:
        start.communicate("end\n")
    assert sorted(said) == sorted(["bound", *[held(f"ipc://{tmp_path}/flow")] * 3])


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("keep me")
    with pytest.raises(ConfigError, match="holds a file that is no socket: move it away"):
        FlowPublisher(f"ipc://{tmp_path}/notes", f"ipc://{tmp_path}/replay")
    assert (tmp_path / "notes").read_text() == "keep me"


def test_a_socket_that_answers_nobody_is_held_all_the_same(tmp_path: Path) -> None:
    with host_sockets.socket(host_sockets.AF_UNIX) as busy:
        busy.bind(f"{tmp_path}/busy")
        busy.listen(0)
        waiting = []
        while True:
            one = host_sockets.socket(host_sockets.AF_UNIX)
            one.setblocking(False)
            waiting.append(one)
            if one.connect_ex(f"{tmp_path}/busy") != 0:
                break
        with pytest.raises(ConfigError, match="a running process holds it"):
            FlowPublisher(f"ipc://{tmp_path}/busy", f"ipc://{tmp_path}/replay")
        for one in waiting:
            one.close()


@pytest.mark.parametrize(
    ("endpoint", "message"),
    [
        ("ipc:///absent/flow", "its folder /absent does not exist: make it, or name another path"),
        (f"ipc:///tmp/{'x' * 120}", "has a path of 125 bytes, at most 107: use a shorter folder"),
    ],
)
def test_an_ipc_path_that_cannot_exist_is_refused(endpoint: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        sockets.check(endpoint, server=True)


@pytest.mark.parametrize("endpoint", ["tcp://127.0.0.1:*", "tcp://127.0.0.1:0", "ipc://*"])
def test_an_open_place_is_for_servers_only(endpoint: str) -> None:
    sockets.check(endpoint, server=True)
    with pytest.raises(ConfigError, match="which only a socket that binds may"):
        sockets.check(endpoint, server=False)
