"""``mimamori-edge``: run the agent of one home, or look whether its settings are right."""

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

from contracts.broker import BrokerSettings
from edge_agent.agent import VERSION, Agent
from edge_agent.clock import SystemClock
from edge_agent.errors import EdgeError, SettingsError
from edge_agent.health import sd_notify
from edge_agent.notifier import build_notifier
from edge_agent.outbox.outbox import Outbox
from edge_agent.settings import AgentSettings, load_settings

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
"""Also what argparse exits with."""
LOOK_S: Final = 0.2

log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code: 0 all well, 2 the settings or the call are wrong, 1 anything else."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(
        level=logging.DEBUG if options.verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    try:
        code: int = options.command(options.config)
    except EdgeError as error:
        print(f"mimamori-edge: {error}", file=sys.stderr)  # noqa: T201 - the command's own output
        return USAGE if isinstance(error, SettingsError) else FAILED
    return code


def run(config: Path) -> int:
    """Run until a signal comes, or until every recording that ends the agent is played and acknowledged."""
    with opened_agent(load_settings(config)) as agent:
        stop = _stop_on_signals()
        with agent:
            sd_notify("READY=1")
            while not stop.is_set() and not agent.wait_until_done(LOOK_S):
                continue
            sd_notify("STOPPING=1")
        return _outcome(agent)


def check(config: Path) -> int:
    """Read everything that `run` would read, connect to nothing, and say what was found."""
    settings = load_settings(config)
    check_files(settings.broker)
    if not settings.outbox.path.parent.is_dir():
        raise SettingsError(f"outbox.path: the folder {settings.outbox.path.parent} is not there; make it")
    if settings.outbox.path.is_dir():
        raise SettingsError(f"outbox.path: {settings.outbox.path} is a folder; name a file in it")
    lines = [f"{config}: gateway {settings.gateway}, broker {settings.broker.url}, outbox {settings.outbox.path}"]
    lines += [str(source.open()) for source in settings.sources]
    print("\n".join(lines))  # noqa: T201
    return OK


def check_files(broker: BrokerSettings) -> None:
    """Look whether the keys of the connection can be read. Raises SettingsError naming the key and the file."""
    for key in ("ca", "certificate", "key", "password_file"):
        path = getattr(broker, key)
        if path is None:
            continue
        try:
            path.read_bytes()
        except OSError as error:
            raise SettingsError(f"broker.{key}: {path} cannot be read: {error.strerror}") from None


@contextmanager
def opened_agent(settings: AgentSettings) -> Iterator[Agent]:
    """The agent, not yet started; its outbox is closed at the end.

    Raises:
        EdgeError: the settings, a source or the outbox is wrong; nothing was started.
    """
    check_files(settings.broker)
    sources = [source.open() for source in settings.sources]
    clock = SystemClock(settings.sync_marker, assume_synced=settings.assume_synced)
    with Outbox(settings.outbox.path) as outbox:
        yield Agent(settings, outbox, clock, sources, clock.quality, build_notifier(settings.attention))


def _outcome(agent: Agent) -> int:
    for failure in agent.failures:
        print(f"mimamori-edge: source {failure}", file=sys.stderr)  # noqa: T201
    return FAILED if agent.failures else OK


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()

    def on_signal(number: int, _frame: FrameType | None) -> None:
        log.info("%s: stopping", signal.Signals(number).name)
        stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    return stop


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mimamori-edge", description="The agent of one home.")
    parser.add_argument("--version", action="version", version=VERSION)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, command in (("run", run), ("check", check)):
        sub = commands.add_parser(name, help=(command.__doc__ or "").rstrip("."))
        sub.add_argument("--config", type=Path, required=True, metavar="FILE", help="the agent's settings, TOML")
        sub.add_argument("--verbose", action="store_true", help="log more")
        sub.set_defaults(command=command)
    return parser


if __name__ == "__main__":
    sys.exit(main())
