"""What the commands share: a bar that says how far the work is, an error in red, figures as a file and as a table."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as ProgressBar
from rich.table import Table

from evaluation.homes import Progress

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

Result = TypeVar("Result")
Shown = Table | str
_MOST_SEEDS: Final = 1000


def work_with_bar(
    command: str, work: Callable[[Progress], Result], expected: tuple[type[Exception], ...]
) -> Result | None:
    """What the work gives, behind a bar on the standard error. None: an expected error, which is said there."""
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    try:
        with ProgressBar(*columns, console=console, transient=True) as bar:
            task = bar.add_task(command, total=None)

            def progress(doing: str, done: int, every: int) -> None:
                bar.update(task, description=doing, completed=done, total=every)

            return work(progress)
    except expected as error:
        console.print(f"{command}: {error}", style="red", markup=False, highlight=False)
        return None


def write_json(file: Path | None, figures: object) -> None:
    """Write plain data to a file, if one was named. Raises OSError."""
    if file is not None:
        file.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n")


def show(parts: Sequence[Shown], width: int) -> None:
    """Print tables and sentences; ``width``: where the output is no terminal."""
    console = Console(width=None if sys.stdout.isatty() else width)
    for part in parts:
        console.print(part, markup=False, highlight=False)


def new_table(title: str, first: str, headings: Sequence[str]) -> Table:
    """A table whose first column holds names and the others numbers."""
    table = Table(title=title, title_justify="left")
    table.add_column(first)
    for heading in headings:
        table.add_column(heading, justify="right")
    return table


def number(value: float | None, digits: int = 1) -> str:
    """A number for a table; '-' where there is none."""
    return "-" if value is None else f"{value:.{digits}f}"


def seeds(text: str) -> tuple[int, ...]:
    """Seeds as an option of a command names them. Raises ArgumentTypeError."""
    try:
        bounds = [[int(end) for end in part.split("-")] for part in text.split(",")]
        found = tuple(seed for part in bounds for seed in range(part[0], part[-1] + 1))
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}': write seeds such as 1-5 or 3,8,11") from None
    if not 1 <= len(found) <= _MOST_SEEDS or max(len(part) for part in bounds) > 2:
        raise argparse.ArgumentTypeError(f"'{text}': write 1 to {_MOST_SEEDS} seeds such as 1-5 or 3,8,11")
    return found
