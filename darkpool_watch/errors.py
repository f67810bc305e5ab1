"""Every error the package raises, in one tree.

    DarkpoolWatchError
    ├── ConfigError          a config file or key is wrong
    ├── WireError            a frame, definition or socket message is malformed
    ├── TapeError            a recorded file is malformed or of an unknown format
    ├── MarketError          reference data contradicts itself
    ├── CheckpointError      weights do not fit this catalogue, config or engine
    ├── JournalError         the journal is foreign, locked or cannot be read or written
    │   └── JournalDamage    a journal that is no longer as it was written
    └── ReplayError          a recording holds no events, or does not fit its schedule

A message says what was found, what was needed, where, and the next step. Foreign exceptions are
translated at the edge that meets them (`raise TapeError(...) from err`).
"""


class DarkpoolWatchError(Exception):
    """Base of every error a user can be shown; the command line prints its text and exits 2."""


class ConfigError(DarkpoolWatchError):
    """A config file, key or value is wrong."""


class WireError(DarkpoolWatchError):
    """A frame, definition or socket message is malformed; `reason` is its counter's name."""

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class TapeError(DarkpoolWatchError):
    """A recorded file is malformed, truncated or of an unknown format."""


class MarketError(DarkpoolWatchError):
    """Reference data contradicts itself."""


class CheckpointError(DarkpoolWatchError):
    """Weights do not fit this catalogue, config or engine."""


class JournalError(DarkpoolWatchError):
    """The journal is foreign, locked or cannot be read or written."""


class JournalDamage(JournalError):
    """The file of a journal is no longer as it was written."""


class ReplayError(DarkpoolWatchError):
    """A recording holds no events, or a capture and its schedule do not fit each other."""
