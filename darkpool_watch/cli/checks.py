"""What a configuration asks of its host, looked at without starting anything."""

from pathlib import Path

from darkpool_watch.config import Config
from darkpool_watch.errors import ConfigError, DarkpoolWatchError


def check_host(config: Config) -> None:
    """Refuse a configuration that the daemon would refuse when it starts.

    Endpoints (syntax, ports, folders of ipc paths, two sockets with one name), the catalogue pin
    and the checkpoint's own notes are read; no socket, journal or capture is opened.
    Raises ConfigError or CheckpointError, naming the key.
    """
    from darkpool_watch.features.catalog import FINGERPRINT, check_pin
    from darkpool_watch.model.checkpoint import check_fit
    from darkpool_watch.model.engines import checkpoint_path

    _check_endpoints(config)
    check_pin(config.features.catalog)
    path = checkpoint_path(config.model)
    if path is not None:
        check_fit(path, catalog=FINGERPRINT, profile=config.model.profile)
    for key, folder in (
        ("wire.capture", config.wire.capture),
        ("wire.quarantine", config.wire.quarantine),
        ("alerts.journal", str(Path(config.alerts.journal).parent)),
    ):
        if folder and _blocked(Path(folder)):
            raise ConfigError(
                f"Key `{key}`: {_blocked(Path(folder))} is no folder, so {folder} cannot be made: "
                "name another"
            )


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


def _blocked(folder: Path) -> Path | None:
    """Return the file that stands where `folder` or a folder above it would be made."""
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    return None if nearest.is_dir() else nearest
