"""A real InfluxDB on this machine, behind the nginx of the documented set-up, on free ports and in a folder of its own.

The two configurations, and what runs before each start, are those of ``deploy/server``; only ports, folders and the
token are put in::

    with InfluxServer(folder) as server:
        server.create_database("mimamori")
        print(server.url, server.token)

``python -m simulators.vendors.influx_server FOLDER`` keeps one running until Ctrl-C or SIGTERM, to try the product by
hand; the folder must be empty, and is removed at the end.
"""

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from simulators.processes import Child, Running, answers, find_program, free_ports, start, stop
from simulators.vendors.base.http import ask

DEPLOY: Final = Path(__file__).resolve().parents[2] / "deploy" / "server"
START_PATIENCE_S: Final = 30.0
_PATIENCE_S: Final = 10.0
_PACKAGES: Final = {"influxd": "influxdb", "nginx": "nginx-light"}
_AROUND: Final = Path(__file__).parent / "templates" / "nginx.conf"
"""What the site's own nginx.conf would hold around the documented file."""


class InfluxServerError(RuntimeError):
    """A part is not installed, or did not start; the message says which and what to do."""


def missing_parts() -> list[str]:
    """The Debian packages that have to be installed first."""
    return [package for program, package in _PACKAGES.items() if not find_program(program)]


def _program(name: str) -> str:
    found = find_program(name)
    if found is None:
        raise InfluxServerError(f"{name} is not installed; apt-get install {' '.join(missing_parts())}")
    return found


class InfluxServer(Running):
    """influxd and nginx, running between ``start`` and ``stop``, or as a context manager.

    Attributes:
        url: where nginx offers the v2 write API and ``/query``.
        token: what it asks for.
    """

    name = "nginx"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._nginx_port, self._http_port, self._rpc_port = free_ports(3)
        self._influxd: Child | None = None
        self.url = f"http://127.0.0.1:{self._nginx_port}"
        self.token = secrets.token_hex(24)

    def start(self) -> None:
        """Start both and wait until they answer. Raises InfluxServerError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self.start_influxd()
        self._start_nginx()

    def stop(self) -> None:
        """Stop both; their files stay."""
        super().stop()
        self.stop_influxd()

    def start_influxd(self) -> None:
        """Start the database alone, again on the same port and files."""
        environment = {
            "PATH": os.defpath,
            "HOME": str(self._folder),
            "INFLUXDB_BIND_ADDRESS": f"127.0.0.1:{self._rpc_port}",
            "INFLUXDB_HTTP_BIND_ADDRESS": f"127.0.0.1:{self._http_port}",
            "INFLUXDB_META_DIR": str(self._folder / "meta"),
            "INFLUXDB_DATA_DIR": str(self._folder / "data"),
            "INFLUXDB_DATA_WAL_DIR": str(self._folder / "wal"),
        }
        new_segments = ["/bin/sh", str(DEPLOY / "influxdb-new-segments.sh"), str(self._folder / "wal")]
        subprocess.run(new_segments, check=True)  # noqa: S603 - our own script
        command = [_program("influxd"), "run", "-config", str(DEPLOY / "influxdb.conf")]
        log_path = self._folder / "influxd.log"
        self._influxd = start(command, log_path=log_path, environment=environment, guarded=False)
        self._wait(self._influxd, f"http://127.0.0.1:{self._http_port}/ping", "influxd.log")

    def stop_influxd(self, *, kill: bool = False) -> None:
        """Stop the database alone, as in an outage; nginx then answers 502."""
        if self._influxd is not None:
            if kill:
                self._influxd.kill()
            stop(self._influxd, "influxd")
            self._influxd = None

    def create_database(self, name: str) -> None:
        """Make a database that keeps everything, if it is not there."""
        self.execute(f'CREATE DATABASE "{name}"')

    def execute(self, statement: str) -> bytes:
        """Run one InfluxQL statement and give back the answer's JSON."""
        return self._ask("POST", f"{self.url}/query", data={"q": statement})

    def _start_nginx(self) -> None:
        values = {
            "@LISTEN@": f"127.0.0.1:{self._nginx_port}",
            "@INFLUXD@": f"127.0.0.1:{self._http_port}",
            "@TOKEN@": self.token,
            "@FOLDER@": str(self._folder),
            # Started by root, its workers would become a user who cannot enter our folder.
            "@USER@": f"user {pwd.getpwuid(0).pw_name};" if os.geteuid() == 0 else "",
        }
        for source, name in ((DEPLOY / "nginx-influxdb.conf", "influxdb.nginx"), (_AROUND, "nginx.conf")):
            text = source.read_text()
            for placeholder, value in values.items():
                text = text.replace(placeholder, value)
            (self._folder / name).write_text(text)
        command = [_program("nginx"), "-p", str(self._folder), "-e", "nginx.log", "-c", "nginx.conf"]
        self._child = start(command, log_path=self._folder / "nginx.log")
        self._wait(self._child, f"{self.url}/ping", "nginx.log")

    def _ask(self, method: str, url: str, **sent: Any) -> bytes:  # noqa: ANN401 - as of requests
        """What is answered. Raises OSError: nothing, or not well."""
        answer = ask(method, url, _PATIENCE_S, headers={"Authorization": f"Token {self.token}"}, **sent)
        answer.raise_for_status()
        return answer.content

    def _wait(self, child: Child, url: str, log_name: str) -> None:
        if not answers(child, lambda: self._ask("GET", url), START_PATIENCE_S):
            log = (self._folder / log_name).read_text(errors="replace")
            raise InfluxServerError(f"no answer from {url}; the end of {log_name}:\n{log[-2000:]}")


@contextlib.contextmanager
def _own_folder(folder: Path) -> Iterator[None]:
    """A folder that is empty now and is removed at the end, with all that was made in it. Raises InfluxServerError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise InfluxServerError(f"{folder} is not empty; name a new folder: it is removed again at the end")
    except OSError as error:
        raise InfluxServerError(f"{folder} cannot be used: {error.strerror}") from None
    try:
        yield
    finally:
        shutil.rmtree(folder)


def main() -> None:
    """Run one until Ctrl-C or SIGTERM, say how to use it, and leave nothing behind."""
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m simulators.vendors.influx_server FOLDER")
    folder = Path(sys.argv[1]).resolve()
    over = threading.Event()
    # Heard, not raised: an exception between the start of a child and the note of its id would leave it running.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    try:
        with _own_folder(folder), InfluxServer(folder) as server:
            server.create_database("mimamori")
            print(f"url:   influx+{server.url}/mimamori?org=council\ntoken: {server.token}", flush=True)  # noqa: T201
            over.wait()
    except InfluxServerError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
