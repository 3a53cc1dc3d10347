"""``mimamori demo``: simulated people, real agents, broker, ingest, rhythm and alerts, and time running fast."""

import argparse
import contextlib
import tempfile
import time
import webbrowser
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, NoReturn
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from sqlalchemy import select

from mimamori import exits
from mimamori.commands import console
from mimamori.demo.report import report_of
from mimamori.demo.town import DemoTown, set_up
from mimamori.exits import UsageError
from mimamori.server.tally import in_words, is_sound
from simulators.town.neighbourhood import draw_neighbourhood
from simulators.town.scenario import draw_scenario
from store.engine import reading
from store.schema import incidents, is_open

ZONE: Final = ZoneInfo("Asia/Tokyo")
START: Final = datetime(2026, 11, 2, 9, 0, tzinfo=ZONE)
"""Where the visible story begins: a Monday morning. Fixed, so that a seed plays the same lives on every day."""
PAST: Final = timedelta(days=30)
COLLAPSE_AFTER: Final = timedelta(minutes=10)
"""On the page the collapse comes early, so that the visitor need not wait. Headless, the seed says when."""
CALM, ASKING, CALLING = 300.0, 60.0, 20.0
"""Simulated seconds a second: while nothing is wrong, while a person is asked, while others are called."""
_STEP_S: Final = 0.1

_console = Console(stderr=True)


def run(options: argparse.Namespace) -> int:
    """Play the demo; returns the exit code."""
    if not 2 <= options.homes <= 200:
        raise UsageError(f"--homes must be 2 to 200, not {options.homes}")
    if options.seed < 0:
        raise UsageError(f"--seed must not be negative, not {options.seed}")
    if not 0 < options.days <= 60:
        raise UsageError(f"--days must be above 0 and at most 60, not {options.days:g}")
    if options.report and not options.headless:
        raise UsageError("--report goes with --headless")
    console.check_writable(options.report)
    town = draw_neighbourhood(options.seed, options.homes)
    scenario = draw_scenario(town, _ms(START), None if options.headless else _ms(START + COLLAPSE_AFTER))
    port = None if options.headless else options.port
    with (
        tempfile.TemporaryDirectory(prefix="mimamori-demo-") as folder,
        set_up(town, scenario, Path(folder), _ms(START - PAST), _ms(START), port, _console.print) as demo,
    ):
        if not options.headless:
            _show(demo, browser=not options.no_browser)
        _run_through(demo, _ms(START + timedelta(days=options.days)))
        report = report_of(demo.backend, town, scenario, demo.past_events + demo.timeline.published, ZONE)
    console.write_report(options.report, report)
    _print(report)
    return exits.DONE if is_sound(report["events"]) else exits.FAILED


def _run_through(town: DemoTown, end_ms: int) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[at]}"), TimeElapsedColumn())
    with Progress(*columns, console=_console) as progress:
        task = progress.add_task("living", total=end_ms - town.timeline.now_ms, at="")
        begin_ms = town.timeline.now_ms

        def show(now_ms: int) -> None:
            at = datetime.fromtimestamp(now_ms / 1000, ZONE).strftime("%m-%d %H:%M")
            progress.update(task, completed=now_ms - begin_ms, at=at)

        town.timeline.run_until(end_ms, show)


def _show(town: DemoTown, *, browser: bool) -> NoReturn:
    """Move time at the speed of the page until Ctrl-C."""
    url = town.backend.settings.dashboard.base_url
    _console.print(f"\n[bold]{url}[/]  who needs someone now")
    _console.print(f"[bold]{url}/phones[/]  what each phone shows; answer there\nCtrl-C ends the demo.")
    if browser:
        with contextlib.suppress(webbrowser.Error):
            webbrowser.open(url)
    looked_s = time.monotonic()
    while True:
        town.speed.suggest(_fitting_speed(town))
        time.sleep(_STEP_S)
        now_s = time.monotonic()
        town.timeline.run_until(town.speed.after(now_s - looked_s))
        looked_s = now_s


def _fitting_speed(town: DemoTown) -> float:
    """Slower while somebody waits for an answer, so that a visitor can give it."""
    with reading(town.backend.db) as connection:
        query = select(incidents.c.called_ms, incidents.c.council_ms).where(is_open())
        cases = connection.execute(query).all()
    if any(incident.called_ms or incident.council_ms for incident in cases):
        return CALLING
    return ASKING if cases else CALM


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _print(report: dict[str, Any]) -> None:
    out = Console()
    out.print(f"{report['events']['published']:,} events, {in_words(report['events'])}")
    for row in report["incidents"]:
        out.print(
            f"{row['person']} {row['kind']}: opened {row['opened_at']}, asked {row['asked_at']}, "
            f"called {row['called_at']}, council {row['council_at']}: {row['outcome'] or row['state']}"
        )
    out.print(
        f"collapse found: {report['collapse_found']}; false asks {report['false_asks']}, "
        f"false calls {report['false_calls']}; {len(report['deliveries'])} messages"
    )
