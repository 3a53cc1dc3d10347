"""``mimamori evaluate-notes``: what is noticed besides silence, how soon, and at how many false notes."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.table import Table

from anomaly import NoteKind, NoteSettings
from edge_agent.errors import RecordingError
from evaluation.console import new_table, number, seeds, show, work_with_bar, write_json
from evaluation.homes import Progress, read_homes
from evaluation.notes.notes import KINDS, PLANS, REPORT_SEEDS, LifeResult, Live, recorded, simulated

if TYPE_CHECKING:
    from evaluation.console import Subparsers

Groups = Mapping[str, Sequence[LifeResult]]
"""Results by what they are reported as: all simulated lives together, each recording alone."""


@dataclass(frozen=True, slots=True)
class KindFigures:
    """One kind of note, pooled over homes.

    Attributes:
        homes: how many.
        days: counted; ready_days: of them, in which something could be said.
        false_notes: in the counted days; false_per_30_days: in 30 of them.
        episodes: how many were played.
        in_time: share of them noted within `found_within_h`; ever: in all of the time that was watched. None: no case.
        median_h, p90_h: of the delay; None: later than was watched, or never, or no case.
    """

    homes: int
    days: float
    ready_days: float
    false_notes: int
    false_per_30_days: float
    episodes: int
    in_time: float | None
    ever: float | None
    median_h: float | None
    p90_h: float | None


def figures(kind: NoteKind, results: Sequence[LifeResult]) -> KindFigures:
    """The figures of one kind in some homes together."""
    delays = np.array([delay for result in results for delay in result.delays_h.get(kind, ())])
    days = sum(result.days for result in results)
    false_notes = sum(result.false_notes[kind] for result in results)
    return KindFigures(
        homes=len(results),
        days=days,
        ready_days=sum(result.ready_days[kind] for result in results),
        false_notes=false_notes,
        false_per_30_days=30 * false_notes / days if days else 0.0,
        episodes=len(delays),
        in_time=float(np.mean(delays <= PLANS[kind].found_within_h)) if len(delays) else None,
        ever=float(np.mean(np.isfinite(delays))) if len(delays) else None,
        median_h=_quantile(delays, 0.5),
        p90_h=_quantile(delays, 0.9),
    )


def _quantile(delays_h: Any, q: float) -> float | None:  # noqa: ANN401 - float64 [cases], perhaps inf
    if not len(delays_h):
        return None
    value = float(np.quantile(delays_h, q, method="higher"))
    return value if np.isfinite(value) else None


def add_notes_parser(subparsers: "Subparsers", live: Live) -> None:
    """Add ``evaluate-notes`` to a parser; its ``run`` is set as the default ``run`` of the arguments.

    Args:
        subparsers: of the command.
        live: who plays the simulated lives.
    """
    parser = subparsers.add_parser(
        "evaluate-notes",
        help="what is noticed besides silence, how soon, and how many false notes that costs",
        description="Plays simulated lives, and recordings if given: declines, no returns, restless nights, missed "
        "routines and lasting changes in them, and the lives as they were.",
    )
    parser.add_argument("paths", nargs="*", type=Path, metavar="FOLDER", help="also recordings, or folders of them")
    parser.add_argument(
        "--seeds",
        type=seeds,
        default=REPORT_SEEDS,
        metavar="FROM-TO",
        help=f"simulated lives (default {REPORT_SEEDS[0]}-{REPORT_SEEDS[-1]}, none of which was used for tuning)",
    )
    parser.add_argument(
        "--kinds", type=_kinds, default=KINDS, metavar="KINDS", help=f"of {','.join(KINDS)}; several with commas"
    )
    parser.add_argument(
        "--every", type=float, default=30.0, metavar="DAYS", help="one false note of a kind in so many (30; drift 180)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures, by home, to this file")
    parser.set_defaults(run=partial(run, live))


def run(live: Live, args: argparse.Namespace) -> int:
    """Run the command; the exit code: 0 done, 2 a recording or a setting is wrong."""
    groups = work_with_bar("evaluate-notes", partial(_play, live, args), (RecordingError, OSError, ValueError))
    if groups is None:
        return 2
    show([as_table(kind, groups) for kind in args.kinds], width=110)
    return 0


def _play(live: Live, args: argparse.Namespace, progress: Progress) -> Groups:
    settings = NoteSettings(
        decline_every_days=args.every,
        no_return_every_days=args.every,
        unrest_every_days=args.every,
        routine_every_days=args.every,
    )
    homes = read_homes(args.paths, progress) if args.paths else []
    steps = len(args.seeds) + len(homes)
    groups: dict[str, list[LifeResult]] = {"simulated": []}
    for done, seed in enumerate(args.seeds):
        progress(f"seed {seed}", done, steps)
        groups["simulated"].append(simulated(live, seed, settings, args.kinds))
    for done, home in enumerate(homes, len(args.seeds)):
        progress(home.name, done, steps)
        result = recorded(home, settings, args.kinds)
        if result is not None:
            groups[result.name] = [result]
    write_json(args.json, as_json(groups, args.kinds))
    return groups


def as_json(groups: Groups, kinds: Sequence[NoteKind] = KINDS) -> dict[str, Any]:
    """Figures by group and kind, and every result (delays that never came are null)."""
    return {
        name: {
            "figures": {kind: _written(figures(kind, results)) for kind in kinds},
            "homes": [asdict(result) | {"delays_h": _finite(result)} for result in results],
        }
        for name, results in groups.items()
    }


def _written(found: KindFigures) -> dict[str, Any]:
    """The figures under the keys of the report, in which episodes are called cases."""
    return {"cases" if name == "episodes" else name: value for name, value in asdict(found).items()}


def _finite(result: LifeResult) -> dict[str, list[float | None]]:
    return {kind: [d if np.isfinite(d) else None for d in delays] for kind, delays in result.delays_h.items()}


def as_table(kind: NoteKind, groups: Groups) -> Table:
    """The figures of one kind for people."""
    within_h = PLANS[kind].found_within_h
    unit, hours = ("d", 24.0) if within_h > 48 else ("h", 1.0)
    headings = ("homes", "days", "ready", "false/30 d", "cases", f"in {within_h / hours:.0f} {unit}", "ever")
    table = new_table(kind.replace("_", " "), "lives", (*headings, f"median / p90 {unit}"))
    for name, results in groups.items():
        found = figures(kind, results)
        table.add_row(
            name,
            str(found.homes),
            f"{found.days:.0f}",
            f"{found.ready_days / found.days:.0%}" if found.days else "-",
            f"{found.false_per_30_days:.2f}",
            str(found.episodes),
            *("-" if share is None else f"{share:.0%}" for share in (found.in_time, found.ever)),
            " / ".join(number(None if h is None else h / hours) for h in (found.median_h, found.p90_h)),
        )
    return table


def _kinds(text: str) -> tuple[NoteKind, ...]:
    try:
        return tuple(NoteKind(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}; there are {', '.join(KINDS)}") from None
