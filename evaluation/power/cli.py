"""``mimamori evaluate-power FOLDER…``: what a meter alone can say about a person, on recorded homes."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.table import Table

from edge_agent.errors import RecordingError
from evaluation.console import new_table, number, show, work_with_bar, write_json
from evaluation.detectors.baselines import FAMILIES
from evaluation.detectors.rhythm import RhythmDetector
from evaluation.evaluate import at_rate, run
from evaluation.figures import DetectorRow
from evaluation.homes import Progress
from evaluation.power.figures import PowerFigures, measure_power, read_signs, silences
from evaluation.power.recordings import find_meters, read_meter
from evaluation.protocol import Signs
from evaluation.report import Report
from evaluation.tables import detectors

if TYPE_CHECKING:
    from evaluation.console import Subparsers

BUDGETS_DAYS: Final = (7.0, 30.0)
_FIXED: Final = "fixed limit"


_COLUMNS: Final[Mapping[str, Callable[[PowerFigures], str]]] = {
    "days": lambda meter: f"{meter.days:.0f}",
    "can tell": lambda meter: _verdict(meter),
    "kettle": lambda meter: number(meter.recall.get("kettle"), 3),
    "all uses": lambda meter: number(meter.recall.get("all"), 3),
    "chance": lambda meter: number(meter.chance, 2),
    "precision >=": lambda meter: number(meter.precision, 2),
    "signs/day": lambda meter: number(meter.signs_per_day, 1),
    "03-05 /night": lambda meter: number(meter.false_per_night, 3),
    "empty /day": lambda meter: number(meter.signs_per_empty_day, 2),
    "base /day": lambda meter: number(meter.signs_per_base_day, 2),
    "told after min": lambda meter: " / ".join(f"{told:.0f}" for told in meter.told_after_min or ()) or "-",
}


def _verdict(meter: PowerFigures) -> str:
    verdict = {None: "learning", True: f"yes, day {meter.trusted_after_days}", False: f"no: {meter.doubt}"}
    return verdict[meter.trustworthy]


def _evaluate(args: argparse.Namespace, progress: Progress) -> list[Table]:
    """The figures of each meter, and what the rhythm attains when it hears nothing but the signs of meters.

    Raises:
        RecordingError: a recording is broken; the message names file and line.
        FileNotFoundError: there is no recording.
    """
    files = find_meters(args.paths)
    steps = len(files) + len(BUDGETS_DAYS)
    found, homes = [], []
    for done, file in enumerate(files):
        progress(f"listening to {file.name}", done, steps)
        meter = read_meter(file)
        heard = read_signs(meter)
        found.append(measure_power(meter, heard, args.seed))
        # A meter that cannot tell is not watched by its signs: figures of its silence would promise what nobody does.
        signs = silences(meter, heard, args.seed) if heard.verdicts and heard.verdicts[-1] else None
        if signs is not None and signs.counted.any():
            homes.append(signs)
    progress("silence", len(files), steps)
    silence = _silence(homes, args.seed) if homes else None
    written = {"meters": [asdict(meter) for meter in found], "silence": silence.as_json() if silence else None}
    write_json(args.json, written)
    table = new_table(f"{len(found)} meters; a use is found by a sign within 15 min", "home", list(_COLUMNS))
    for figures in found:
        table.add_row(figures.home, *(cell(figures) for cell in _COLUMNS.values()))
    return [table, detectors(silence)] if silence else [table]


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
    tables = work_with_bar("evaluate-power", partial(_evaluate, args), (RecordingError, OSError))
    if tables is None:
        return 2
    show(tables, width=140)
    return 0
