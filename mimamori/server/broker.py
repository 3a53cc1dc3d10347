"""The broker for one machine: mosquitto where it is installed, else the one in the iotcore wheel.

Both listen on 127.0.0.1 only and are set so that neither drops a message of its own accord. A broker elsewhere is named
by its URL in the settings, and then nothing here is started.
"""

import os
import socket
import sys
from pathlib import Path

from simulators import processes

START_PATIENCE_S = 10.0

_TEMPLATES = Path(__file__).with_name("templates")

# rumqttd routes every message inside an error span, which would make an ERROR line a packet.
_RUN_RUMQTTD = """\
import logging, sys
from iotcore.iotcore import IotCoreBroker
logging.basicConfig(level=logging.WARNING)
logging.getLogger("rumqttd").setLevel(logging.CRITICAL)
IotCoreBroker(config_path=sys.argv[1]).run_forever()
"""


def filled(name: str, **values: object) -> str:
    """The settings of a part that is started on its own: a template of this folder with its gaps filled."""
    return (_TEMPLATES / name).read_text(encoding="utf-8").format(**values)


class BrokerError(RuntimeError):
    """The broker did not start; the message says why and what to do."""


def find_mosquitto() -> str | None:
    """Path of the mosquitto server; None: it is not installed."""
    return processes.find_program("mosquitto")


class Broker(processes.Running):
    """An MQTT 5 broker in a child process, as a context manager.

    Args:
        folder: where its configuration, its log and what it saves lie. It must exist.
        port: TCP port on 127.0.0.1; None takes a free one. It is kept over `restart`.
        prefer: ``mosquitto``, ``iotcore``, or None for the first of the two that is there.

    Attributes:
        child: its process; None before `start` and after `stop`.
    """

    def __init__(self, folder: Path, port: int | None = None, prefer: str | None = None) -> None:
        self.port = port or processes.free_port()
        self._folder = folder
        mosquitto = find_mosquitto() if prefer in (None, "mosquitto") else None
        if prefer == "mosquitto" and mosquitto is None:
            raise BrokerError("mosquitto is not installed; run 'apt-get install mosquitto' or let iotcore serve")
        self.kind = "mosquitto" if mosquitto else "iotcore"
        self._mosquitto = mosquitto
        self.child: processes.Child | None = None

    def start(self) -> None:
        """Start it and wait until it listens.

        Raises:
            BrokerError: the port is in use, or it ended at once or does not listen in time; its last words are in the
                message.
        """
        self._claim_port()
        log_path = self._folder / "broker.log"
        self.child = processes.start(self._command(), log_path=log_path)
        if not processes.answers(self.child, self._reach, START_PATIENCE_S):
            self.stop()
            words = log_path.read_text(errors="replace").strip().splitlines()[-3:]
            raise BrokerError(f"the broker ({self.kind}) did not start on port {self.port}: " + " | ".join(words))

    def _claim_port(self) -> None:
        # Who listens there already would be taken for ours: nobody's settings that lose nothing, and no end with us.
        try:
            socket.create_server(("127.0.0.1", self.port)).close()
        except OSError as error:
            words = os.strerror(error.errno or 0)
            raise BrokerError(
                f"a broker of our own cannot listen on 127.0.0.1:{self.port} ({words}); stop what uses the port, "
                "choose another (embedded:1884), or name the broker that is there (mqtt://127.0.0.1)"
            ) from None

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended by itself."""
        return self.child is not None and self.child.poll() is None

    def stop(self) -> None:
        """Stop it, if it runs."""
        child, self.child = self.child, None
        if child is not None:
            processes.stop(child, self.kind)

    def restart(self) -> None:
        """Stop it, if it still runs, and start it on the same port."""
        self.stop()
        self.start()

    def _reach(self) -> None:
        socket.create_connection(("127.0.0.1", self.port), timeout=0.5).close()

    def _command(self) -> list[str]:
        if self._mosquitto:
            path = self._folder / "mosquitto.conf"
            # Started as root it would change to a user who may not write our folder.
            user = "user root\n" if os.geteuid() == 0 else ""
            path.write_text(filled("mosquitto.conf", port=self.port, folder=self._folder) + user)
            return [self._mosquitto, "-c", str(path)]
        path = self._folder / "rumqttd.toml"
        path.write_text(filled("rumqttd.toml", port=self.port))
        return [sys.executable, "-c", _RUN_RUMQTTD, str(path)]
