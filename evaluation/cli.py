"""``mimamori evaluate FOLDER…``: what the watching is worth on recorded homes, beside the baselines."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from edge_agent.errors import RecordingError
from evaluation.evaluate import BUDGETS_DAYS, evaluate
from evaluation.report import Report

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_parser(subparsers: "Subparsers") -> None:
    """Add the command to a parser; its ``run`` is set as the default ``run`` of the arguments."""
    parser = subparsers.add_parser(
        "evaluate",
        help="what the watching is worth on recorded homes, beside the baselines",
        description="Replays recorded homes and reports false alarms and the delay until a collapse is found.",
    )
    parser.add_argument("paths", nargs="+", type=Path, metavar="FOLDER", help="recordings (csv, csv.gz) or folders")
    parser.add_argument(
        "--budgets",
        type=_budgets,
        default=BUDGETS_DAYS,
        metavar="DAYS",
        help="ask about once in so many days; several with commas (default 7,30,90)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the sampling of collapses (default 0)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures, by home, to this file")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command.

    Returns:
        The exit code: 0 done, 2 a recording is missing or broken, or the report cannot be written.
    """
    errors = Console(stderr=True)
    try:
        report = _evaluate_with_bar(args, errors)
        if args.json:
            args.json.write_text(json.dumps(report.as_json(), indent=2, ensure_ascii=False) + "\n")
    except (RecordingError, OSError) as error:
        errors.print(f"evaluate: {error}", style="red", markup=False, highlight=False)
        return 2
    console = Console(width=None if sys.stdout.isatty() else 110)
    console.print(report.as_table())
    if report.not_counted:
        console.print(f"Too short to count a day past the warm-up: {', '.join(report.not_counted)}", markup=False)
    return 0


def _evaluate_with_bar(args: argparse.Namespace, console: Console) -> Report:
    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("evaluate", total=None)

        def progress(doing: str, done: int, every: int) -> None:
            bar.update(task, description=doing, completed=done, total=every)

        return evaluate(args.paths, args.budgets, args.seed, progress)


def _budgets(text: str) -> tuple[float, ...]:
    try:
        budgets = tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}': write days with commas, such as 7,30,90") from None
    if not all(1 <= days <= 365 for days in budgets):
        raise argparse.ArgumentTypeError(f"'{text}': each budget must be 1 to 365 days")
    return budgets
