"""The whole product on one machine, each part in a process of its own: broker, server, agents.

Used by ``mimamori replay`` and by the tests that kill the parts at random: every process can be killed and started
again on the same folder, and goes on where it was.
"""

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from mimamori.server.broker import Broker, filled
from simulators.processes import Child, start_module, stop


def toml(tables: Mapping[str, Mapping[str, Any]]) -> str:
    """Write tables of plain values as TOML. JSON's strings, numbers, booleans and arrays are TOML's too."""
    lines: list[str] = []
    for name, table in tables.items():
        lines.append(f"[{name}]")
        lines += [
            f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in table.items() if value is not None
        ]
    return "\n".join(lines) + "\n"


class OneMachine(AbstractContextManager["OneMachine"]):
    """Broker, server and agents of one folder, as a context manager that starts nothing by itself.

    Args:
        folder: where everything lies; it must exist.
        server: tables of the server's settings besides broker and stores, such as ``{"ingest": {…}}``.
        timeseries_url: address of the time series; None takes SQLite in the folder.
        broker_kind: ``mosquitto``, ``iotcore`` or None for what is there.
    """

    def __init__(
        self,
        folder: Path,
        server: Mapping[str, Mapping[str, Any]],
        timeseries_url: str | None = None,
        broker_kind: str | None = None,
    ) -> None:
        self.folder = folder
        self.store_url = f"sqlite:///{folder}/mimamori.db"
        self.timeseries_url = timeseries_url or f"sqlite:///{folder}/events.db"
        self.broker = Broker(folder, prefer=broker_kind)
        self.server: Child | None = None
        self.agents: dict[str, Child] = {}
        self._server_tables = server

    def start_server(self) -> None:
        """Start ``mimamori serve`` on this folder."""
        path = self.folder / "mimamori.toml"
        tables: dict[str, Mapping[str, Any]] = {
            "store": {"url": self.store_url, "timeseries": self.timeseries_url},
            "broker": {"url": f"mqtt://127.0.0.1:{self.broker.port}"},
        }
        for name, table in self._server_tables.items():
            tables[name] = {**tables.get(name, {}), **table}
        path.write_text(toml(tables))
        log_path = self.folder / "server.log"
        self.server = start_module("mimamori", "serve", "--config", str(path), log_path=log_path)

    def start_replay_agent(self, gateway: str, recording: Path, zone: str) -> None:
        """Start ``mimamori-edge run`` with a recording as its source; it ends when everything is acknowledged."""
        path = self.folder / f"{gateway}.toml"
        words = {"gateway": gateway, "outbox": str(self.folder / f"{gateway}.outbox"), "zone": zone}
        words["recording"] = str(recording.resolve())
        quoted = {name: json.dumps(word) for name, word in words.items()}
        path.write_text(filled("replay-agent.toml", port=self.broker.port, **quoted))
        log_path = self.folder / f"{gateway}.log"
        self.agents[gateway] = start_module("edge_agent.cli", "run", "--config", str(path), log_path=log_path)

    def last_words(self, log_name: str, lines: int = 5) -> str:
        """The last lines of a part's log, for an error message."""
        path = self.folder / log_name
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else "(no log)"

    def stop(self) -> None:
        """Stop whatever runs: agents first, so that nothing is left to resend, the broker last."""
        for gateway, agent in self.agents.items():
            stop(agent, gateway)
        self.agents.clear()
        if self.server is not None:
            stop(self.server, "server")
            self.server = None
        self.broker.stop()

    def __exit__(self, *_: object) -> None:
        self.stop()
