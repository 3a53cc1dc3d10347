"""Partial decline: how many are noticed, how soon, at how many false notes; on simulated lives and on recordings.

A life is played twice from the onset on: as it was, which gives the false notes, and with a share of 0.1 to 0.3 of its
movement left. Simulated lives lose outings, chores and visitors too (`simulators.incidents.Decline`); of a recording
each sign of life is kept with that probability. Found: a note of the kind *decline* within 24 h of the onset.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from rich.console import Console
from rich.table import Table

from anomaly import NoteKind, NoteSettings, Noticer
from edge_agent.errors import RecordingError
from evaluation.homes import Home, find_recordings, read_home
from evaluation.protocol import DAY_S, HOUR_S, SHORT_HOME_DAYS, SHORT_WARM_UP_DAYS
from evaluation.protocol import WARM_UP_DAYS as LONG_WARM_UP_DAYS

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

FIRST_S: Final = 1_767_225_600.0
"""Simulated lives begin on 2026-01-01, on their wall clock."""
WARM_UP_DAYS, COUNTED_DAYS = 45, 45
ONSETS: Final = 8
SHARES: Final = (0.1, 0.3)
FOUND_WITHIN_H: Final = 24.0
_WATCHED_H: Final = 48
TUNING_SEEDS: Final = range(1, 21)
"""Constants were chosen on these, and on hh101 and hh104."""
REPORT_SEEDS: Final = range(101, 141)
_ONLY_DECLINE: Final = frozenset({NoteKind.DECLINE})

Event = tuple[float, str, str, float]
"""Seconds on the wall clock, sensor, kind, value; signs of life only."""
Live = Callable[[int, float, float, tuple[float, float] | None], list[Event]]
"""``(seed, from_s, to_s, decline)``: a simulated life, with a decline from that moment and to that share, or None."""
Replay = Callable[[float, float], Iterable[Event]]
"""``(onset_s, share)``: the life from the onset on, with that share left, for `_WATCHED_H` hours at least."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one life.

    Attributes:
        name: of the home.
        days: counted for false notes, those in which nothing can be said included.
        ready_days: of them, those in which something can be said.
        false_notes: notes in the life as it was.
        delays_h: of each decline, hours until the note; inf: none within 48 h.
    """

    name: str
    days: float
    ready_days: float
    false_notes: int
    delays_h: tuple[float, ...]


def simulated(live: Live, seed: int, settings: NoteSettings, onsets: int = ONSETS) -> Result:
    """One simulated life: 45 days of learning, 45 days counted, with declines beginning at random moments in them."""
    rng = np.random.default_rng([seed, 20])
    begin_s = FIRST_S + WARM_UP_DAYS * DAY_S
    moments = begin_s + np.sort(rng.uniform(0, COUNTED_DAYS - 1, onsets)) * DAY_S
    end_s = begin_s + COUNTED_DAYS * DAY_S

    def declined(onset_s: float, share: float) -> Iterable[Event]:
        return live(seed, onset_s - DAY_S, onset_s + _WATCHED_H * HOUR_S + DAY_S, (onset_s, share))

    events = live(seed, FIRST_S, end_s, None)
    cases = list(zip(moments.tolist(), rng.uniform(*SHARES, onsets).tolist(), strict=True))
    return play(f"seed {seed}", events, (begin_s, end_s), cases, declined, settings)


def recorded(home: Home, settings: NoteSettings, onsets: int = 40) -> Result | None:
    """One recording; None: too short to count a day. Warm-up as in `evaluation.protocol`."""
    events = [(at_s, *home.sensors[i], 1.0) for at_s, i, value in _rows(home) if value]
    first_s = events[0][0] // DAY_S * DAY_S if events else 0.0
    begin_s = first_s + (LONG_WARM_UP_DAYS if home.days >= SHORT_HOME_DAYS else SHORT_WARM_UP_DAYS) * DAY_S
    last_onset_s = events[-1][0] - 2 * DAY_S if events else 0.0
    if last_onset_s <= begin_s:
        return None
    rng = np.random.default_rng([0, *home.name.encode()])
    moments = np.sort(rng.uniform(begin_s, last_onset_s, onsets))
    cases = list(zip(moments.tolist(), rng.uniform(*SHARES, onsets).tolist(), strict=True))

    def declined(onset_s: float, share: float) -> Iterable[Event]:
        keep = np.random.default_rng([int(onset_s)])
        until_s = onset_s + (_WATCHED_H + 1) * HOUR_S
        return [e for e in events if onset_s - DAY_S <= e[0] < until_s and (e[0] < onset_s or keep.random() < share)]

    return play(home.name, events, (begin_s, events[-1][0]), cases, declined, settings)


def play(
    name: str,
    events: Sequence[Event],
    counted: tuple[float, float],
    cases: Sequence[tuple[float, float]],
    declined: Replay,
    settings: NoteSettings,
) -> Result:
    """Play one life as it was, and from each onset on as it might have become.

    Args:
        name: of the home.
        events: the life as it was.
        counted: from when to when notes are counted, seconds on the wall clock.
        cases: onset (seconds on the wall clock, ascending) and share left of each decline.
        declined: the life with a decline.
        settings: budgets.
    """
    noticer = Noticer(settings, _ONLY_DECLINE)
    now_s = events[0][0] // DAY_S * DAY_S
    position, false_notes, ready_h, to_come, delays = 0, 0, 0, list(cases), []
    while now_s < counted[1]:
        now_s += HOUR_S
        while to_come and to_come[0][0] < now_s:  # what is heard in the hour of the onset is heard by both lives
            onset_s, share = to_come.pop(0)
            changed = [event for event in declined(onset_s, share) if event[0] >= now_s - HOUR_S]
            delays.append(_delay_h(noticer, changed, now_s - HOUR_S, onset_s, settings))
        while position < len(events) and events[position][0] < now_s:
            noticer.observe(*events[position])
            position += 1
        notes = noticer.advance(now_s)
        if now_s > counted[0]:
            false_notes += len(notes)
            ready_h += noticer.ready()[NoteKind.DECLINE]
    return Result(name, (counted[1] - counted[0]) / DAY_S, ready_h / 24, false_notes, tuple(delays))


def _delay_h(noticer: Noticer, events: Sequence[Event], now_s: float, onset_s: float, settings: NoteSettings) -> float:
    """Hours from the onset to the note, in a copy of the noticer that goes on from ``now_s``; inf: none."""
    copy = Noticer.from_bytes(noticer.to_bytes(), settings, _ONLY_DECLINE)
    position = 0
    while now_s < onset_s + _WATCHED_H * HOUR_S:
        now_s += HOUR_S
        while position < len(events) and events[position][0] < now_s:
            copy.observe(*events[position])
            position += 1
        if copy.advance(now_s):
            return max(0.0, now_s - onset_s) / HOUR_S
    return float("inf")


def _rows(home: Home) -> Iterable[tuple[float, int, float]]:
    return zip(home.local_s.tolist(), home.sensor.tolist(), home.value.tolist(), strict=True)


# ---- figures ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DeclineFigures:
    """Pooled over homes.

    Attributes:
        homes: how many.
        days: counted; ready_days: of them, in which something could be said.
        false_per_30_days: false notes in 30 of the counted days.
        declines: how many were played.
        found_24h, found_12h: share of them noted within so many hours.
        median_h, p90_h: of the delay; None: later than 48 h or never.
    """

    homes: int
    days: float
    ready_days: float
    false_per_30_days: float
    declines: int
    found_24h: float
    found_12h: float
    median_h: float | None
    p90_h: float | None


def figures(results: Sequence[Result]) -> DeclineFigures:
    """The figures of some homes together."""
    delays = np.array([delay for result in results for delay in result.delays_h])
    days = sum(result.days for result in results)
    return DeclineFigures(
        homes=len(results),
        days=days,
        ready_days=sum(result.ready_days for result in results),
        false_per_30_days=30 * sum(result.false_notes for result in results) / days if days else 0.0,
        declines=len(delays),
        found_24h=float(np.mean(delays <= FOUND_WITHIN_H)) if len(delays) else 0.0,
        found_12h=float(np.mean(delays <= FOUND_WITHIN_H / 2)) if len(delays) else 0.0,
        median_h=_quantile(delays, 0.5),
        p90_h=_quantile(delays, 0.9),
    )


def _quantile(delays_h: Any, q: float) -> float | None:  # noqa: ANN401 - float64 [declines], perhaps inf
    if not len(delays_h):
        return None
    value = float(np.quantile(delays_h, q, method="higher"))
    return value if np.isfinite(value) else None


# ---- command ---------------------------------------------------------------------------------------------------------


def add_decline_parser(subparsers: "Subparsers", live: Live) -> None:
    """Add ``evaluate-decline`` to a parser; its ``run`` is set as the default ``run`` of the arguments.

    Args:
        subparsers: of the command.
        live: who plays the simulated lives.
    """
    parser = subparsers.add_parser(
        "evaluate-decline",
        help="how many partial declines are noticed within 24 h, and how many false notes that costs",
        description="Plays simulated lives, and recordings if given, with 10 to 30 % of their movement left.",
    )
    parser.add_argument("paths", nargs="*", type=Path, metavar="FOLDER", help="also recordings, or folders of them")
    parser.add_argument(
        "--seeds",
        type=_seeds,
        default=REPORT_SEEDS,
        metavar="FROM-TO",
        help=f"simulated lives (default {REPORT_SEEDS[0]}-{REPORT_SEEDS[-1]}, none of which was used for tuning)",
    )
    parser.add_argument("--every", type=float, default=30.0, metavar="DAYS", help="one false note in so many (30)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures, by home, to this file")
    parser.set_defaults(run=partial(run, live))


def run(live: Live, args: argparse.Namespace) -> int:
    """Run the command; the exit code: 0 done, 2 a recording or a setting is wrong."""
    errors = Console(stderr=True)
    try:
        settings = NoteSettings(decline_every_days=args.every)
        homes = [read_home(file) for file in find_recordings(args.paths)] if args.paths else []
        groups = {"simulated": [simulated(live, seed, settings) for seed in args.seeds]}
        for result in (recorded(home, settings) for home in homes):
            if result is not None:
                groups[result.name] = [result]
        if args.json:
            args.json.write_text(json.dumps(as_json(groups), indent=2) + "\n")
    except (RecordingError, OSError, ValueError) as error:
        errors.print(f"evaluate-decline: {error}", style="red", markup=False, highlight=False)
        return 2
    Console(width=None if sys.stdout.isatty() else 110).print(as_table(groups))
    return 0


def as_json(groups: dict[str, list[Result]]) -> dict[str, Any]:
    """Figures by group, and every result (delays that never came are null)."""
    return {
        name: {
            "figures": asdict(figures(results)),
            "homes": [
                asdict(result) | {"delays_h": [d if np.isfinite(d) else None for d in result.delays_h]}
                for result in results
            ],
        }
        for name, results in groups.items()
    }


def as_table(groups: dict[str, list[Result]]) -> Table:
    """The figures for people."""
    table = Table(title="Partial decline: 10 to 30 % of the usual movement left")
    for heading in ("lives", "homes", "days", "false/30 d", "declines", "<= 12 h", "<= 24 h", "median / p90 h"):
        table.add_column(heading, justify="left" if heading == "lives" else "right")
    for name, results in groups.items():
        found = figures(results)
        hours = " / ".join("-" if h is None else f"{h:.1f}" for h in (found.median_h, found.p90_h))
        table.add_row(
            name,
            str(found.homes),
            f"{found.days:.0f}",
            f"{found.false_per_30_days:.2f}",
            str(found.declines),
            f"{found.found_12h:.0%}",
            f"{found.found_24h:.0%}",
            hours,
        )
    return table


def _seeds(text: str) -> range:
    first, _, last = text.partition("-")
    if not (first.isdigit() and (last or first).isdigit()) or int(last or first) < int(first):
        raise argparse.ArgumentTypeError(f"'{text}' is no range of seeds such as 101-140")
    return range(int(first), int(last or first) + 1)
