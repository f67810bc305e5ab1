"""What `simulate --leaks` and `simulate --gate` print."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
from rich.console import Console
from rich.table import Column, Table

from darkpool_watch.cli.app import progress_bar
from darkpool_watch.errors import DarkpoolWatchError

if TYPE_CHECKING:
    from darkpool_watch.evaluate.bootstrap import Interval
    from darkpool_watch.evaluate.finding import Finding
    from darkpool_watch.evaluate.gate import Gate


WIDTH = 160  # columns of the tables


def show_leaks(*, quick: bool, quiet: bool) -> bool:
    """Hold the generator against the rules; return whether all are met.

    The last line printed is one JSON object.
    """
    try:
        from darkpool_watch.evaluate.leaks import RULES, run_leaks, steps_of_leaks
        from darkpool_watch.evaluate.plans import DEFAULT, QUICK
    except ModuleNotFoundError as err:
        raise _missing("--leaks", err) from err
    plan = QUICK if quick else DEFAULT
    with progress_bar(steps_of_leaks(plan), "steps") as advance:
        found = run_leaks(plan, _counted(advance))
    if not quiet:
        _print_findings(found, RULES)
    print(msgspec.json.encode(found).decode())
    return all(one.met for one in found.values())


def show_gate(*, quick: bool, quiet: bool) -> bool:
    """Hold the generator against the difficulty gate; return whether it is met.

    The last line printed is one JSON object.
    """
    try:
        from darkpool_watch.evaluate.gate import run_gate, steps_of_gate
        from darkpool_watch.evaluate.plans import DEFAULT, QUICK
    except ModuleNotFoundError as err:
        raise _missing("--gate", err) from err
    plan = QUICK if quick else DEFAULT
    with progress_bar(steps_of_gate(plan), "steps") as advance:
        gate = run_gate(plan, _counted(advance))
    if not quiet:
        _print_findings(gate.gate, {})
        _print_typologies(gate)
    print(msgspec.json.encode(gate).decode())
    return gate.met


def _missing(option: str, err: ModuleNotFoundError) -> DarkpoolWatchError:
    return DarkpoolWatchError(
        f"{option} needs {err.name}, which is not installed: pip install 'darkpool-watch[evaluate]'"
    )


class _counted:
    """Moves a bar by one a call."""

    def __init__(self, advance: Callable[[int], None]) -> None:
        self._advance, self._done = advance, 0

    def __call__(self) -> None:
        self._done += 1
        self._advance(self._done)


def _print_findings(found: "dict[str, Finding]", titles: dict[str, str]) -> None:
    table = Table(
        Column("rule", no_wrap=True), "figure", "95% interval", "bound", "n", "met", box=None
    )
    for name, one in found.items():
        table.add_row(
            f"{name} {titles.get(name, '')}".strip(),
            f"{one.figure:.4g}",
            f"{one.low:.4g} to {one.high:.4g}",
            f"{one.bound[0]:g} to {one.bound[1]:g}",
            f"{one.n:,}",
            "yes" if one.met else "[bold red]no[/]",
        )
    console = Console(width=WIDTH)
    console.print(table)
    for name, one in found.items():
        console.print(f"\n{name}: {one.says}", highlight=False)
        for key, value in one.detail.items():
            shown = value if isinstance(value, str) else f"{value:.4g}"
            console.print(f"    {key}: {shown}", highlight=False, markup=False)


def _print_typologies(gate: "Gate") -> None:
    columns = ("n", "best single feature", "AP", "logistic recall", "trees AP", "trees recall")
    table = Table(Column("typology", no_wrap=True), *columns, "at 0.1%", "AUROC", box=None)
    for row in gate.typologies:
        table.add_row(
            row.typology,
            f"{row.campaigns}",
            row.single,
            _shown(row.single_ap),
            _shown(row.logistic_recall),
            _shown(row.trees_ap),
            _shown(row.trees_recall),
            _shown(row.trees_recall_strict),
            _shown(row.trees_auroc),
        )
    console = Console(width=WIDTH)
    console.print(table)
    shares = ", ".join(f"{name} {share:.1%}" for name, share in gate.zones.items())
    console.print(f"Zones of all records: {shares}", highlight=False)


def _shown(one: "Interval") -> str:
    return f"{one.figure:.3f} ({one.low:.2f}-{one.high:.2f})"
