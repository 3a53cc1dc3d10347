"""The command ``mimamori``.

Exit codes: 0 done; 1 it ran and failed; 2 wrong usage, settings or input, with the remedy in the message;
130 interrupted.
"""

import argparse
import importlib.metadata
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mimamori import exits
from mimamori.commands.parsers import add_parsers

if TYPE_CHECKING:
    from evaluation.homes import RecordedHome
    from evaluation.notes.changes import Episode, Event

DESCRIPTION = (
    "Watches over people who live alone: learns each rhythm, asks first, then calls neighbours, then the council."
)


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command. Each subcommand's work is imported only when it is called."""
    parser = argparse.ArgumentParser(prog="mimamori", description=DESCRIPTION)
    version = importlib.metadata.version("mimamori")
    parser.add_argument("--version", action="version", version=f"mimamori {version}")
    parser.add_argument("--log-level", default="warning", choices=["debug", "info", "warning", "error"])
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_demo(commands)
    _add_serve(commands)
    _add_audit(commands)
    _add_replay(commands)
    _add_evaluate(commands)
    _add_erase(commands)
    _add_link_line(commands)
    _add_doctor(commands)
    add_parsers(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    try:
        return _run(build_parser().parse_args(arguments))
    except ModuleNotFoundError as error:
        package = exits.missing_package(error)
        if package is None:
            raise
        sys.stderr.write(f"mimamori: the package '{package}' is not installed; pip install 'mimamori[server]'\n")
        return exits.USAGE


def _run(options: argparse.Namespace) -> int:
    logging.basicConfig(
        level=options.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    if options.log_level != "debug":
        logging.getLogger("alembic").setLevel(logging.WARNING)  # lists its plugins at every start
    # A shell that starts us in the background ignores SIGINT for us; SIGTERM would leave our children to the kernel.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return int(options.run(options))
    except KeyboardInterrupt:
        return exits.INTERRUPTED
    except usage_errors() as error:
        sys.stderr.write(f"mimamori {options.command}: {error}\n")
        return exits.USAGE


def usage_errors() -> tuple[type[Exception], ...]:
    """The errors whose message is all that the user needs: no traceback."""
    from alerts.errors import DryRunRefused, RefusedTest, StaleIncident
    from dashboard.site.access import RefusedAddress
    from edge_agent.errors import EdgeError
    from mimamori.server.broker import BrokerError
    from simulators.vendors.base.process import DoubleProcessError
    from store.engine import StoreError
    from store.lease import LeaseError
    from store.register.checks import RegistryError
    from store.retention import RetentionError
    from store.settings import SettingsError
    from store.timeseries.opening import TimeSeriesAddressError
    from store.timeseries.port import TimeSeriesError

    return (
        exits.UsageError, DryRunRefused, StaleIncident, RefusedTest, RefusedAddress, EdgeError, BrokerError,
        DoubleProcessError, StoreError, LeaseError, RegistryError, RetentionError, SettingsError,
        TimeSeriesAddressError, TimeSeriesError,
    )  # fmt: skip


def _add_demo(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("demo", help="twelve simulated homes on this machine, time running fast")
    parser.add_argument("--homes", type=int, default=12, metavar="N", help="how many homes (2 to 200; default 12)")
    parser.add_argument("--seed", type=int, default=7, help="the same seed plays the same lives (default 7)")
    parser.add_argument("--port", type=int, default=8800, help="port of the page on 127.0.0.1 (default 8800)")
    parser.add_argument("--no-browser", action="store_true", help="do not open the page in a browser")
    parser.add_argument("--headless", action="store_true", help="no page: play --days as fast as possible and report")
    parser.add_argument("--days", type=float, default=2.0, help="with --headless: simulated days (default 2)")
    parser.add_argument("--report", type=Path, metavar="FILE", help="with --headless: write the report as JSON")
    parser.set_defaults(run=_demo)


def _add_serve(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("serve", help="the backend: ingest, alerts and the page")
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="settings (TOML)")
    _add_store(parser)
    parser.set_defaults(run=_serve)


def _add_audit(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("audit", help="look whether the watching works, and ping a dead-man switch if it does")
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="settings (TOML) of the server")
    parser.add_argument("--once", action="store_true", help="look once, say what is wrong, ping nobody")
    parser.set_defaults(run=_audit)


def _add_replay(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("replay", help="run recorded homes through agent, broker, ingest, store and watch")
    parser.add_argument("recordings", type=Path, nargs="+", metavar="FILE", help="ts_iso_local,sensor,kind,value")
    parser.add_argument("--zone", default="Asia/Tokyo", help="IANA zone of its wall clock")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the report as JSON")
    _add_store(parser)
    parser.set_defaults(run=_replay)


def _add_store(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--store", metavar="STORE", help="time series: sqlite, influx, or an address (influx+http://…)")
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="holds InfluxDB's token on one line")


def _add_evaluate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    from evaluation.cli import add_parser
    from evaluation.notes.cli import add_notes_parser
    from evaluation.power.cli import add_power_parser

    add_parser(commands, _simulated_home)
    add_notes_parser(commands, _live)
    add_power_parser(commands)


def _simulated_home(seed: int, days: int) -> "RecordedHome":
    from mimamori.commands.simulated_homes import simulated_home

    return simulated_home(seed, days)


def _live(seed: int, from_s: float, to_s: float, episode: "Episode | None") -> "list[Event]":
    from mimamori.commands.simulated_homes import simulated_life

    return simulated_life(seed, from_s, to_s, episode)


def _add_erase(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("erase", help="forget a person: events, state, incidents, relations and addresses")
    parser.add_argument("person", metavar="PERSON", help="id of the person in the register")
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="settings (TOML) of the server")
    parser.add_argument("--yes", action="store_true", help="erase; without it the command only says what would go")
    parser.set_defaults(run=_erase)


def _add_link_line(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("link-line", help="make a one-time code by which a person links their LINE account")
    parser.add_argument("person", metavar="PERSON", help="id of the person in the register")
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="settings (TOML) of the server")
    parser.set_defaults(run=_link_line)


def _add_doctor(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("doctor", help="say what is missing or misconfigured, and what to do")
    parser.add_argument("--config", type=Path, metavar="FILE", help="also check these settings")
    parser.set_defaults(run=_doctor)


def _demo(options: argparse.Namespace) -> int:
    from mimamori.commands import demo

    return demo.run(options)


def _serve(options: argparse.Namespace) -> int:
    from mimamori.server import run as server

    return server.run(options.config, options.store, options.token_file)


def _audit(options: argparse.Namespace) -> int:
    from mimamori.commands import audit

    return audit.run(options.config, once=options.once)


def _replay(options: argparse.Namespace) -> int:
    from mimamori.commands import replay

    return replay.run(options.recordings, options.zone, options.report, options.store, options.token_file)


def _erase(options: argparse.Namespace) -> int:
    from mimamori.commands import erase

    return erase.run(options.person, options.config, really=options.yes)


def _link_line(options: argparse.Namespace) -> int:
    from mimamori.commands import link_line

    return link_line.run(options.person, options.config)


def _doctor(options: argparse.Namespace) -> int:
    from mimamori.commands import doctor

    return doctor.run(options.config)
