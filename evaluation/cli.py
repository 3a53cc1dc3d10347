"""``mimamori evaluate FOLDER…``: what the watching is worth on recorded or simulated homes, beside the baselines."""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.errors import RecordingError
from evaluation import console, tables
from evaluation.curve import PlottingMissing, draw
from evaluation.evaluate import BUDGETS_DAYS, EvaluationPlan, evaluate_homes
from evaluation.held_out import TooFewHomes, evaluate_held_out
from evaluation.homes import Progress, RecordedHome, read_homes
from evaluation.placement import FIRST_DAYS, TooFewDays, advise
from evaluation.policy import REPLY_RATE
from evaluation.protocol import COLLAPSES, QUICK_COLLAPSES
from evaluation.report import Report
from evaluation.sensor_ablation import UnknownSensor, compare

if TYPE_CHECKING:
    from evaluation.console import Subparsers

Simulate = Callable[[int, int], RecordedHome]
"""The home of a simulated person: of a seed, over so many days."""

SIMULATED_DAYS = 90


def add_parser(subparsers: "Subparsers", simulate: Simulate | None = None) -> None:
    """Add the command to a parser; its ``run`` is set as the default ``run`` of the arguments.

    Args:
        subparsers: where to.
        simulate: makes homes for ``--simulate``. None: the option is refused.
    """
    parser = subparsers.add_parser(
        "evaluate",
        help="what the watching is worth on recorded or simulated homes, beside the baselines",
        description="Replays homes and reports false alarms and the delay until a collapse is found.",
    )
    homes = parser.add_argument_group("homes")
    homes.add_argument(
        "paths", nargs="*", type=Path, metavar="FOLDER", help="recordings (csv, csv.gz, raw CASAS text) or folders"
    )
    homes.add_argument(
        "--simulate", type=console.seeds, default=(), metavar="SEEDS", help="simulated lives: 1-5 or 3,8,11"
    )
    homes.add_argument(
        "--days", type=_days, default=SIMULATED_DAYS, metavar="N", help="length of a simulated life (90)"
    )
    _add_questions(parser)
    _add_answers(parser)
    parser.set_defaults(run=run, simulated=simulate)


def _add_questions(parser: argparse.ArgumentParser) -> None:
    asked = parser.add_argument_group("what to ask")
    asked.add_argument(
        "--budgets",
        type=_budgets,
        default=BUDGETS_DAYS,
        metavar="DAYS",
        help="ask about once in so many days; several with commas (default 7,30,90)",
    )
    asked.add_argument(
        "--reply-rate",
        type=_share,
        default=REPLY_RATE,
        metavar="SHARE",
        help=f"share of needless questions answered within 30 min, for the policies (default {REPLY_RATE})",
    )
    asked.add_argument("--seed", type=int, default=0, help="of the sampling of collapses (default 0)")
    asked.add_argument("--quick", action="store_true", help=f"{QUICK_COLLAPSES} collapses instead of {COLLAPSES}")
    asked.add_argument(
        "--without",
        action="append",
        default=[],
        metavar="SENSOR",
        help="compare with the home that lacks it; repeatable",
    )
    asked.add_argument(
        "--held-out", action="store_true", help="each home with the constants that were best on the others"
    )
    asked.add_argument("--placement", action="store_true", help="what each sensor buys, from the first weeks of a home")
    asked.add_argument("--first-days", type=_days, default=int(FIRST_DAYS), metavar="N", help="for --placement (28)")


def _add_answers(parser: argparse.ArgumentParser) -> None:
    answers = parser.add_argument_group("where the answer goes")
    answers.add_argument("--json", type=Path, metavar="FILE", help="also write all figures, by home, to this file")
    answers.add_argument("--plot", type=Path, metavar="FILE.png", help="also draw the trade-off of all detectors")


def run(args: argparse.Namespace) -> int:
    """Run the command.

    Returns:
        The exit code: 0 done, 2 a recording is missing or broken, a sensor unknown, or an answer cannot be written.
    """
    expected = RecordingError, OSError, UnknownSensor, TooFewDays, TooFewHomes, PlottingMissing, _Misused
    answer = console.work_with_bar("evaluate", partial(_answer, args), expected)
    if answer is None:
        return 2
    console.show(answer, width=120)
    return 0


class _Misused(Exception):
    """The options do not fit together; the message says what to do."""


def _check(args: argparse.Namespace) -> None:
    if not args.paths and not args.simulate:
        raise _Misused("name a folder of recordings, or simulate lives with --simulate 1-5")
    if args.simulate and args.simulated is None:
        raise _Misused("--simulate is not available here")
    if args.placement and args.without:
        raise _Misused("--placement tries every sensor by itself; leave out --without")
    if args.held_out and (args.placement or args.without):
        raise _Misused("--held-out chooses constants; leave out --placement and --without")
    if args.plot and (args.placement or args.without or args.held_out):
        raise _Misused("--plot draws the whole evaluation; leave out --placement, --without and --held-out")


def _answer(args: argparse.Namespace, progress: Progress) -> list[console.Shown]:
    """What to show of the evaluation that was asked for; its files are written."""
    _check(args)
    homes = read_homes(args.paths, progress) if args.paths else []
    for done, seed in enumerate(args.simulate):
        progress(f"simulating seed {seed}", done, len(args.simulate))
        homes.append(args.simulated(seed, args.days))
    if args.placement:
        advice = [advise(home, args.first_days, args.seed, progress) for home in homes]
        console.write_json(args.json, [one.as_json() for one in advice])
        return [table for one in advice for table in tables.of_advice(one)]
    report = _report(args, homes, progress)
    if args.plot:
        draw(report, args.plot)
    console.write_json(args.json, report.as_json())
    too_short = [f"Too short to count a day past the warm-up: {', '.join(report.not_counted)}"]
    return [*tables.of_report(report), *report.notes, *(too_short if report.not_counted else [])]


def _report(args: argparse.Namespace, homes: list[RecordedHome], progress: Progress) -> Report:
    collapses = QUICK_COLLAPSES if args.quick else COLLAPSES
    plan = EvaluationPlan(args.budgets, args.seed, collapses, args.reply_rate, curves=args.plot is not None)
    if args.held_out:
        return evaluate_held_out(homes, plan, progress)
    return compare(homes, args.without, plan, progress) if args.without else evaluate_homes(homes, plan, progress)


def _budgets(text: str) -> tuple[float, ...]:
    try:
        budgets = tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}': write days with commas, such as 7,30,90") from None
    if not all(1 <= days <= 365 for days in budgets):
        raise argparse.ArgumentTypeError(f"'{text}': each budget must be 1 to 365 days")
    return budgets


def _days(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 3650:
        raise argparse.ArgumentTypeError(f"'{text}': must be 1 to 3650 days")
    return int(text)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"'{text}': must be a share, 0 to 1")
    return share
