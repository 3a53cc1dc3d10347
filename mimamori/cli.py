"""The command ``mimamori``.

Exit codes: 0 done; 1 it ran and failed; 2 wrong usage, settings or input, with the remedy in the message;
130 interrupted.
"""

import argparse
import importlib.util
import logging
import signal
import sys
from collections.abc import Sequence

from mimamori import exits
from mimamori.commands.parsers import build_parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    try:
        return _run(build_parser().parse_args(arguments))
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if not package or importlib.util.find_spec(package):
            raise  # a package that is there lacks one of its modules: a mistake, and no extra brings it
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
    from alerts.errors import AlertError
    from dashboard.site.access import RefusedAddress
    from edge_agent.errors import EdgeError
    from mimamori.server.broker import BrokerError
    from simulators.vendors.base.process import DoubleProcessError
    from store import engine, lease, retention, settings
    from store.register import checks
    from store.timeseries import opening, port

    return (
        exits.UsageError, AlertError, RefusedAddress, EdgeError, BrokerError, DoubleProcessError, engine.StoreError,
        lease.LeaseError, checks.RegistryError, retention.RetentionError, settings.SettingsError,
        opening.TimeSeriesAddressError, port.TimeSeriesError,
    )  # fmt: skip
