"""``mimamori evaluate-power FOLDER…``: what a meter alone can say about a person, on recorded homes."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.table import Table

from edge_agent.errors import RecordingError
from evaluation.console import new_table, number, show, work_with_bar, write_json
from evaluation.detectors.baselines import FAMILIES
from evaluation.detectors.rhythm import RhythmDetector
from evaluation.evaluate import at_rate, run
from evaluation.figures import DetectorRow
from evaluation.homes import Progress, silent
from evaluation.power.figures import PowerFigures, measure_power, read_signs
from evaluation.power.recordings import find_meters, read_meter
from evaluation.power.silence import silences
from evaluation.protocol import Signs
from evaluation.report import Report
from evaluation.tables import detectors

if TYPE_CHECKING:
    from evaluation.console import Subparsers

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

    def as_tables(self) -> list[Table]:
        """The figures as tables for a terminal."""
        table = new_table(f"{len(self.meters)} meters; a use is found by a sign within 15 min", "home", _HEADINGS)
        for meter in self.meters:
            table.add_row(*_cells(meter))
        return [table, detectors(self.silence)] if self.silence else [table]


_HEADINGS: Final = (
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
        number(meter.recall.get("kettle"), 3),
        number(meter.recall.get("all"), 3),
        number(meter.chance, 2),
        number(meter.precision, 2),
        number(meter.signs_per_day, 1),
        number(meter.false_per_night, 3),
        number(meter.signs_per_empty_day, 2),
        number(meter.signs_per_base_day, 2),
        f"{told[0]:.0f} / {told[1]:.0f}" if told else "-",
    ]


def evaluate_power(paths: Sequence[Path], seed: int = 0, progress: Progress = silent) -> PowerReport:
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
        progress(f"listening to {file.name}", done, steps)
        meter = read_meter(file)
        heard = read_signs(meter)
        found.append(measure_power(meter, heard, seed))
        # A meter that cannot tell is not watched by its signs: figures of its silence would promise what nobody does.
        signs = silences(meter, heard, seed) if heard.verdicts and heard.verdicts[-1] else None
        if signs is not None and signs.counted.any():
            homes.append(signs)
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
    report = work_with_bar("evaluate-power", partial(_report, args), (RecordingError, OSError))
    if report is None:
        return 2
    show(report.as_tables(), width=140)
    return 0


def _report(args: argparse.Namespace, progress: Progress) -> PowerReport:
    report = evaluate_power(args.paths, args.seed, progress)
    write_json(args.json, report.as_json())
    return report
