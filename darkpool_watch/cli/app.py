"""What the commands share: the application, its options' types, progress on standard error."""

from collections.abc import Callable
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


def sayer(quiet: bool) -> Callable[[str], None]:
    """Return what prints a line, or what keeps quiet."""
    return (lambda _: None) if quiet else print


class progress_bar:
    """A bar with ETA on standard error; gives the function that moves it."""

    def __init__(self, total: int, unit: str = "events") -> None:
        self._bar = Progress(
            TextColumn(unit),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self._task = self._bar.add_task(unit, total=total)

    def __enter__(self) -> Callable[[int], None]:
        self._bar.start()
        return lambda done: self._bar.update(self._task, completed=done)

    def __exit__(self, *_: object) -> None:
        self._bar.stop()
