"""The command line: `darkpool-watch COMMAND`. Each command is a thin layer over a function."""

import errno
import os
import sys

from rich.console import Console
from rich.markup import escape

from darkpool_watch.cli import benches, compiling, history, inject, live, simulate, training
from darkpool_watch.cli.app import EXIT_ERROR, EXIT_UNSOUND, app
from darkpool_watch.errors import DarkpoolWatchError, JournalDamage

__all__ = ["benches", "compiling", "history", "inject", "live", "main", "simulate", "training"]

EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141


def main() -> None:
    """Run the command line; an error is one sentence and exit code 2, 1 for a damaged journal."""
    try:
        app()
    except DarkpoolWatchError as err:
        Console(stderr=True).print(f"[red]darkpool-watch:[/] {escape(str(err))}", highlight=False)
        sys.exit(EXIT_UNSOUND if isinstance(err, JournalDamage) else EXIT_ERROR)
    except MemoryError:
        Console(stderr=True).print(
            "[red]darkpool-watch:[/] Out of memory: lower market.securities, market.orders or "
            "market.levels, or give the process more"
        )
        sys.exit(EXIT_ERROR)
    except BrokenPipeError:  # whoever read our output has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_BROKEN_PIPE)
    except OSError as err:
        if err.errno != errno.ENOSPC:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is buffered still
        Console(stderr=True).print(f"[red]darkpool-watch:[/] Cannot write: {err.strerror}")
        sys.exit(EXIT_ERROR)
    except KeyboardInterrupt as err:
        told = ": ".join(("Interrupted", *getattr(err, "__notes__", ())))
        Console(stderr=True).print(told, highlight=False, markup=False)
        sys.exit(EXIT_INTERRUPTED)
