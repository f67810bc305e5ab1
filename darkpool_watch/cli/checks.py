"""What a configuration asks of its host, looked at without starting anything."""

import tempfile
from pathlib import Path

from darkpool_watch.config import Config
from darkpool_watch.errors import ConfigError, DarkpoolWatchError


def check_host(config: Config) -> None:
    """Refuse a configuration that the daemon would refuse when it starts.

    Endpoints (syntax, ports, folders of ipc paths, two sockets with one name), the catalogue pin,
    the checkpoint's own notes, the reference files, the folders to write into and a journal that
    is there already are looked at; what `in_use` finds is not.
    Raises the error that the daemon would, naming the key or the file.
    """
    from darkpool_watch.alerts.journal import JournalReader
    from darkpool_watch.features.catalog import FINGERPRINT, check_pin
    from darkpool_watch.model.checkpoint import check_fit
    from darkpool_watch.model.engines import checkpoint_path
    from darkpool_watch.tape.reference import read_reference

    _check_endpoints(config)
    check_pin(config.features.catalog)
    path = checkpoint_path(config.model)
    if path is not None:
        check_fit(path, catalog=FINGERPRINT, profile=config.model.profile)
    read_reference(config.reference)
    journal = Path(config.alerts.journal)
    for key, folder in (
        ("wire.capture", config.wire.capture),
        ("wire.quarantine", config.wire.quarantine),
        ("alerts.journal", str(journal.parent)),
    ):
        if folder:
            _check_folder(key, Path(folder))
    if journal.is_dir() or (journal.exists() and journal.stat().st_size > 0):
        JournalReader(journal).close()


def in_use(config: Config) -> list[str]:
    """Return what a daemon started now would find held by another process, a sentence each."""
    from darkpool_watch.alerts.lock import writer_of
    from darkpool_watch.wire import sockets

    held = []
    for endpoint in filter(None, (config.alerts.endpoint, config.alerts.replay_endpoint)):
        try:
            sockets.try_bind(endpoint)
        except ConfigError as err:
            held.append(str(err))
    if writer := writer_of(Path(config.alerts.journal)):
        held.append(f"Journal {config.alerts.journal} is written by another daemon ({writer})")
    return held


def _check_endpoints(config: Config) -> None:
    from darkpool_watch.wire import sockets

    wire, alerts = config.wire, config.alerts
    ends = {
        "wire.endpoint": (wire.endpoint, False),
        "wire.replay_endpoint": (wire.replay_endpoint, False),
        "alerts.endpoint": (alerts.endpoint, True),
        "alerts.replay_endpoint": (alerts.replay_endpoint, True),
    }
    named: dict[str, str] = {}
    for key, (endpoint, server) in ends.items():
        if not endpoint and key.endswith("replay_endpoint"):
            continue  # none is wanted
        try:
            sockets.check(endpoint, server=server)
        except DarkpoolWatchError as err:
            raise ConfigError(f"Key `{key}`: {err}") from err
        other = named.setdefault(endpoint, key)
        if other != key and not endpoint.endswith("*"):
            raise ConfigError(
                f"Keys `{other}` and `{key}` both name {endpoint}: give each socket its own"
            )


def _check_folder(key: str, folder: Path) -> None:
    """Refuse a folder in which nothing can be made, or that cannot be made."""
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    if not nearest.is_dir():
        raise ConfigError(
            f"Key `{key}`: {nearest} is no folder, so {folder} cannot be made: name another"
        )
    try:  # permissions alone do not tell: root has them all, also in /proc
        Path(tempfile.mkdtemp(prefix=".darkpool_watch.", dir=nearest)).rmdir()
    except OSError as err:
        raise ConfigError(
            f"Key `{key}`: nothing can be made in {nearest} ({err.strerror}), so {folder} cannot "
            "be written: name another"
        ) from err
