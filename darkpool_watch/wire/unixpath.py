"""The file of an ipc endpoint: whether it can exist, and whether somebody lives behind it.

libzmq unlinks the path before it binds, so that of two processes with one endpoint the second takes
over in silence and the first is never heard again. A socket that lives accepts a connection; the
file that a dead process left refuses it, and only such a file is given to libzmq.
"""

import errno
import fcntl
import os
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from darkpool_watch.errors import ConfigError

LONGEST: Final = 107  # bytes of a path in sockaddr_un, without its closing 0
_PROBE_S: Final = 0.5  # a listener whose queue is full lives, and does not answer within this
_LOCK_S: Final = 1.0  # other programs lock folders too: beyond this, look without the lock
_RETRY_S: Final = 0.005


def check(address: str, *, server: bool) -> None:
    """Refuse an address that cannot be bound (`server`) or connected.

    `address` is what follows ipc://; `@name` is abstract and has no file, `*` is libzmq's choice.
    Raises ConfigError.
    """
    size = len(os.fsencode(address))
    if size > LONGEST:
        raise ConfigError(
            f"Endpoint ipc://{address} has a path of {size} bytes, at most {LONGEST}: use a "
            "shorter folder"
        )
    if not server or not _has_file(address):
        return
    folder = Path(address).parent
    if not folder.is_dir():
        raise ConfigError(
            f"Cannot bind ipc://{address}: its folder {folder} does not exist: make it, or name "
            "another path"
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(
            f"Cannot bind ipc://{address}: its folder {folder} is not writable: change its "
            "permissions, or name another path"
        )


@contextmanager
def claimed(address: str) -> Iterator[None]:
    """Keep other processes of ours from binding in the folder of `address` during the block.

    Raises ConfigError where a living socket, or a file that is no socket, has the path.
    """
    if not _has_file(address):
        yield
        return
    folder = os.open(Path(address).parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _lock(folder)
        _refuse_living(address)
        yield
    finally:
        os.close(folder)  # gives the lock back


def _has_file(address: str) -> bool:
    return address != "*" and not address.startswith("@")


def _lock(folder: int) -> None:
    """Lock an open folder, so that two starts at once do not both find its path free."""
    ends = time.monotonic() + _LOCK_S
    while time.monotonic() < ends:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError as err:
            if err.errno not in (errno.EAGAIN, errno.EACCES):
                return  # a file system without such locks
            time.sleep(_RETRY_S)


def _refuse_living(address: str) -> None:
    """Raise ConfigError unless the path is free or holds a socket that nobody listens on."""
    try:
        mode = os.stat(address).st_mode
    except OSError:
        return
    if not stat.S_ISSOCK(mode):
        raise ConfigError(
            f"Cannot bind ipc://{address}: the path holds a file that is no socket: move it away, "
            "or name another path"
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PROBE_S)
        try:
            probe.connect(address)
        except (ConnectionRefusedError, FileNotFoundError):
            return
        except OSError:  # a full queue, or no right to connect: somebody lives there
            pass
    raise ConfigError(
        f"Cannot bind ipc://{address}: a running process holds it: stop that process, or name "
        "another endpoint"
    )
