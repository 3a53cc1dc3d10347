"""``mimamori evaluate-power FOLDER…``: what a meter alone can say about a person, on recorded homes."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console, Group
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from edge_agent.errors import RecordingError
from evaluation.detectors.baselines import FAMILIES
from evaluation.detectors.rhythm import RhythmDetector
from evaluation.evaluate import Progress as Told
from evaluation.evaluate import at_rate, run
from evaluation.figures import DetectorRow
from evaluation.power.figures import PowerFigures, measure_power, read_signs
from evaluation.power.recordings import find_meters, read_meter
from evaluation.power.silence import silences
from evaluation.protocol import Signs
from evaluation.report import Report
from evaluation.tables import detectors

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

BUDGETS_DAYS: Final = (7.0, 30.0)
_FIXED: Final = "fixed limit"


@dataclass(frozen=True, slots=True)
class PowerReport:
    """The figures of each meter, and what the rhythm attains when it hears nothing but these signs.

    Attributes:
        meters: one a recording.
        silence: of the meters that can tell. None: there is no such meter, or all are too short.
    """

    meters: Sequence[PowerFigures]
    silence: Report | None

    def as_json(self) -> dict[str, Any]:
        """Plain data, ready for ``json.dump``."""
        silence = self.silence.as_json() if self.silence else None
        return {"meters": [asdict(meter) for meter in self.meters], "silence": silence}

    def as_table(self) -> Group:
        """The figures as tables for a terminal."""
        table = Table(title=f"{len(self.meters)} meters; a use is found by a sign within 15 min")
        for heading in _HEADINGS:
            table.add_column(heading, justify="left" if heading == "home" else "right")
        for meter in self.meters:
            table.add_row(*_cells(meter))
        return Group(table, detectors(self.silence)) if self.silence else Group(table)


_HEADINGS: Final = (
    "home",
    "days",
    "can tell",
    "kettle",
    "all uses",
    "chance",
    "precision >=",
    "signs/day",
    "03-05 /night",
    "empty /day",
    "base /day",
    "told after min",
)


def _cells(meter: PowerFigures) -> list[str]:
    verdict = {None: "learning", True: f"yes, day {meter.trusted_after_days}", False: f"no: {meter.doubt}"}
    told = meter.told_after_min
    return [
        meter.home,
        f"{meter.days:.0f}",
        verdict[meter.trustworthy],
        _text(meter.recall.get("kettle"), 3),
        _text(meter.recall.get("all"), 3),
        _text(meter.chance),
        _text(meter.precision),
        _text(meter.signs_per_day, 1),
        _text(meter.false_per_night, 3),
        _text(meter.signs_per_empty_day),
        _text(meter.signs_per_base_day),
        f"{told[0]:.0f} / {told[1]:.0f}" if told else "-",
    ]


def _text(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def evaluate_power(paths: Sequence[Path], seed: int = 0, progress: Told | None = None) -> PowerReport:
    """Evaluate on recordings of meters.

    Args:
        paths: recordings (``ts_iso_local,watts``; true uses beside them in ``HOME.uses.csv``), or folders of them.
        seed: of the sampling of collapses and of the chance level.
        progress: told how far it is.

    Raises:
        RecordingError: a recording is broken; the message names file and line.
        FileNotFoundError: there is no recording.
    """
    files = find_meters(paths)
    steps = len(files) + len(BUDGETS_DAYS)
    found, homes = [], []
    for done, file in enumerate(files):
        if progress:
            progress(f"listening to {file.name}", done, steps)
        meter = read_meter(file)
        heard = read_signs(meter)
        found.append(measure_power(meter, heard, seed))
        # A meter that cannot tell is not watched by its signs: figures of its silence would promise what nobody does.
        signs = silences(meter, heard, seed) if heard.verdicts and heard.verdicts[-1] else None
        if signs is not None and signs.counted.any():
            homes.append(signs)
    if progress:
        progress("silence", len(files), steps)
    return PowerReport(found, _silence(homes, seed) if homes else None)


def _silence(homes: Sequence[Signs], seed: int) -> Report:
    """The rhythm at its budgets, and one fixed limit at the rate that it attains."""
    rows: list[DetectorRow] = []
    for days in BUDGETS_DAYS:
        own = run(RhythmDetector(days), homes)
        rows += [own, at_rate(_FIXED, FAMILIES[_FIXED], own, homes)]
    return Report([signs.home.name for signs in homes], [], seed, rows)


def add_power_parser(subparsers: "Subparsers") -> None:
    """Add the command to a parser; its ``run`` is set as the default ``run`` of the arguments."""
    parser = subparsers.add_parser(
        "evaluate-power",
        help="what a meter alone can say about a person, on recorded meters",
        description="Reads recorded meters (ts_iso_local,watts) for signs of life and holds them against true uses "
        "(HOME.uses.csv beside HOME.csv: ts_iso_local,appliance) where they are known.",
    )
    parser.add_argument("paths", nargs="+", type=Path, metavar="FOLDER", help="recordings (csv, csv.gz) or folders")
    parser.add_argument("--seed", type=int, default=0, help="of collapses and of the chance level (default 0)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures to this file")
    parser.set_defaults(run=run_power)


def run_power(args: argparse.Namespace) -> int:
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
        errors.print(f"evaluate-power: {error}", style="red", markup=False, highlight=False)
        return 2
    Console(width=None if sys.stdout.isatty() else 140).print(report.as_table())
    return 0


def _evaluate_with_bar(args: argparse.Namespace, console: Console) -> PowerReport:
    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("evaluate-power", total=None)

        def progress(doing: str, done: int, every: int) -> None:
            bar.update(task, description=doing, completed=done, total=every)

        return evaluate_power(args.paths, args.seed, progress)
