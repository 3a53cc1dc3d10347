"""A process that hosts the real agents of a whole town of simulated homes.

``python -m simulators.fleet.fleet --config F`` starts it.
One JSON object a line on standard input, one a line on standard output; log lines go to standard error.

=============================================  ==================================================================
``{"do":"history","from_ms":…,"to_ms":…}``     commit all readings of that time to the outboxes, before any link
``{"do":"connect"}``                           bring the links up; ``backlog``: events still to be sent
``{"do":"wait","timeout_s":…}``                wait until all is acknowledged; ``backlog``: what still is not
``{"do":"advance","to_ms":…}``                 live on; ``published``, ``heartbeats``, ``next_ms``
``{"do":"visit","home":…,"at_ms":…}``          somebody enters; ``found``: how the person is
``{"do":"condition","home":…,"at_ms":…}``      ``condition``: how the person is
``{"do":"stop"}``                              stop the agents and end; so does the end of standard input
=============================================  ==================================================================

Every answer has ``ok``; with ``false`` comes ``error``.
"""

import argparse
import json
import logging
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from edge_agent.errors import EdgeError
from simulators.fleet.config import FleetError, load_config
from simulators.fleet.homes import FleetHomes

log = logging.getLogger(__name__)
Answer = dict[str, Any]


def _history(homes: FleetHomes, command: Mapping[str, Any]) -> Answer:
    return asdict(homes.history(_whole(command, "from_ms"), _whole(command, "to_ms")))


def _connect(homes: FleetHomes, _command: Mapping[str, Any]) -> Answer:
    return {"backlog": homes.connect()}


def _wait(homes: FleetHomes, command: Mapping[str, Any]) -> Answer:
    timeout_s = command.get("timeout_s")
    if isinstance(timeout_s, bool) or not isinstance(timeout_s, int | float) or not 0 <= timeout_s <= 3_600:
        raise FleetError("timeout_s must be 0 to 3600 seconds")
    return {"backlog": homes.wait(timeout_s)}


def _advance(homes: FleetHomes, command: Mapping[str, Any]) -> Answer:
    return asdict(homes.advance(_whole(command, "to_ms")))


def _visit(homes: FleetHomes, command: Mapping[str, Any]) -> Answer:
    return {"found": str(homes.visit(str(command.get("home")), _whole(command, "at_ms")))}


def _condition(homes: FleetHomes, command: Mapping[str, Any]) -> Answer:
    return {"condition": str(homes.condition(str(command.get("home")), _whole(command, "at_ms")))}


def _stop(_homes: FleetHomes, _command: Mapping[str, Any]) -> Answer:
    return {"stopping": True}


_COMMANDS: dict[str, Callable[[FleetHomes, Mapping[str, Any]], Answer]] = {
    "history": _history,
    "connect": _connect,
    "wait": _wait,
    "advance": _advance,
    "visit": _visit,
    "condition": _condition,
    "stop": _stop,
}


def answer(homes: FleetHomes, line: str) -> Answer:
    """Do what one line says; the object to answer with. Trouble becomes an answer, too."""
    try:
        command = json.loads(line)
        do = command.get("do") if isinstance(command, dict) else None
        if not isinstance(do, str) or do not in _COMMANDS:
            raise FleetError(f"'do' must be one of {', '.join(_COMMANDS)}")
        return {"ok": True, **_COMMANDS[do](homes, command)}
    except json.JSONDecodeError as error:
        return {"ok": False, "error": f"not JSON: {error.msg}"}
    except (FleetError, EdgeError) as error:
        return {"ok": False, "error": str(error)}
    except Exception as error:  # the conductor must learn of it: a broken pipe would tell it nothing
        log.exception("the fleet broke")
        return {"ok": False, "error": f"the fleet broke: {type(error).__name__}: {error}"}


def _whole(command: Mapping[str, Any], name: str) -> int:
    value = command.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise FleetError(f"{name} must be whole milliseconds since 1970 UTC")
    return value


def _say(value: Answer) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def _serve(homes: FleetHomes) -> None:
    _say({"ok": True, "ready": True})
    for line in sys.stdin:
        said = answer(homes, line)
        _say(said)
        if said.get("stopping"):
            break


def _leave(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)


def main(arguments: list[str] | None = None) -> int:
    """Run until told to stop; 0, or 2 when the configuration cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m simulators.fleet.fleet", description="Host simulated homes.")
    parser.add_argument("--config", type=Path, required=True, help="JSON written by FleetConfig.save")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    try:
        homes = FleetHomes(load_config(options.config))
    except (FleetError, EdgeError, ValueError) as error:
        _say({"ok": False, "error": str(error)})
        return 2
    try:
        _serve(homes)
    finally:
        homes.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
