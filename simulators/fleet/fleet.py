"""A process that hosts the real agents of a whole town of simulated homes.

`FleetClient` starts it, with the number of its end of a pipe as its argument. By the pipe come calls: first the making
of the homes, then one of their methods after the other. Each is answered by what it gives, or by the `FleetError` that
says why it cannot be done. The end of the pipe, SIGTERM or SIGINT stops the agents and the process.
"""

import contextlib
import logging
import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection

from edge_agent.errors import EdgeError
from simulators.fleet.homes import FleetError, FleetHomes

log = logging.getLogger(__name__)


def _outcome(act: Callable[..., object], *arguments: object) -> object:
    """What it gives, or why it cannot be done: whoever asked must learn of any trouble."""
    try:
        return act(*arguments)
    except (FleetError, EdgeError) as error:
        return FleetError(str(error))
    except Exception as error:
        log.exception("the fleet broke")
        return FleetError(f"the fleet broke: {type(error).__name__}: {error}")


def _serve(pipe: Connection) -> None:
    make, arguments = pipe.recv()
    homes = _outcome(make, *arguments)
    if not isinstance(homes, FleetHomes):
        pipe.send(homes)
        return
    try:
        pipe.send(None)
        while True:
            act, arguments = pipe.recv()
            pipe.send(_outcome(act, homes, *arguments))
    finally:
        homes.stop()


def main() -> None:
    """Run until told to stop."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt, EOFError, ConnectionError):  # told to stop, or the end of the pipe
        _serve(Connection(int(sys.argv[1])))


if __name__ == "__main__":
    main()
