"""What the commands share: the application, its options' types, progress on standard error."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import App, Parameter
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from darkpool_watch import __version__
from darkpool_watch.config import Config, ModelConfig
from darkpool_watch.model.config import shape_of

app = App(
    name="darkpool-watch",
    version=__version__,
    help="Watch dark-pool and lit order flow for what looks like market abuse.",
)

EXIT_UNSOUND = 1  # the command ran, and what it looked at is damaged or not whole
EXIT_ERROR = 2  # the command could not do what it was asked

ConfigPath = Annotated[Path | None, Parameter(name=["--config", "-c"])]
Json = Annotated[bool, Parameter(name="--json", negative=())]


def with_profile(config: Config, profile: str | None) -> Config:
    """Return the configuration with another model profile, where one is named."""
    if profile is None:
        return config
    shape_of(profile)  # refuses an unknown one before anything is read
    model: ModelConfig = msgspec.structs.replace(config.model, profile=profile)
    return msgspec.structs.replace(config, model=model)


def warn_if_untrained(config: Config) -> None:
    """Say on standard error, before anything is scored, that the weights are untrained."""
    from darkpool_watch.bundle import untrained_words

    if words := untrained_words(config.model):
        Console(stderr=True).print(f"[bold yellow]{escape(words)}[/]", highlight=False)


def option_error(err: msgspec.ValidationError, typed: Iterable[str], file: str = "") -> str:
    """Return what was wrong with a value, by the option that was typed.

    `typed` are the names of options as keys; any other key came from `file`.
    """
    found = re.fullmatch(r"(.*) - at `\$\.(\w+)(.*)`", str(err))
    if found is None:
        return f"{file}: {err}" if file else str(err)
    what, key, rest = found.groups()
    if key in typed:
        return f"--{key.replace('_', '-')}: {what[0].lower()}{what[1:]}"
    return f"{file}, key `{key}{rest}`: {what[0].lower()}{what[1:]}"


def sayer(quiet: bool) -> Callable[[str], None]:
    """Return what prints a line, or what keeps quiet."""
    return (lambda _: None) if quiet else print


class progress_bar:
    """A bar with ETA on standard error; gives the function that moves it.

    It is drawn when it first moves, not before what may refuse the work, and tells an interruption
    how far the work was. `total` is None where nobody knows it.
    """

    def __init__(self, total: int | None, unit: str = "events") -> None:
        self._unit, self._total, self._done = unit, total, 0
        self._bar = Progress(
            TextColumn(unit),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self._task = self._bar.add_task(unit, total=total)

    def __enter__(self) -> Callable[[int], None]:
        return self._advance

    def _advance(self, done: int) -> None:
        self._done = done
        self._bar.start()
        self._bar.update(self._task, completed=done)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        if self._bar.live.is_started:
            self._bar.stop()
        if isinstance(error, KeyboardInterrupt):
            whole = "" if self._total is None else f" of {self._total:,}"
            error.add_note(f"{self._done:,}{whole} {self._unit} done")
