"""What every installation needs: Python, packages, a broker, a clock, room on the disk."""

import importlib.util
import re
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import distributions, requires
from pathlib import Path
from typing import Final

from edge_agent.clock import SystemClock
from mimamori.server.broker import find_mosquitto
from store.findings import Finding, typed

LEAST_FREE_MB: Final = 500
_INSTALL_SERVER: Final = typed("pip", "install", "mimamori[server]")
_INSTALL_MOSQUITTO: Final = typed("apt-get", "install", "mosquitto")
_SET_THE_CLOCK: Final = typed("timedatectl", "set-ntp", "true")


def look_at_machine() -> Iterator[Finding]:
    """What every installation needs."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    sound = (3, 11) <= sys.version_info[:2] < (3, 14)
    yield Finding("Python", version, "" if sound else "use Python 3.11 to 3.13")
    yield _look_at_packages()
    yield _look_at_broker_program()
    yield _look_at_clock()


def look_at_disk(folder: Path) -> Finding:
    """Whether there is room for what the server keeps."""
    free_mb = shutil.disk_usage(folder).free // 1_000_000
    remedy = "" if free_mb >= LEAST_FREE_MB else f"free at least {LEAST_FREE_MB} MB"
    return Finding("free disk", f"{free_mb:,} MB", remedy)


def _look_at_packages() -> Finding:
    what = "packages of the server"
    wanted = [each for each in requires("mimamori") or () if 'extra == "server"' in each]
    names = [re.split(r"[^\w.-]", each, maxsplit=1)[0] for each in wanted]
    missing = [name for name in names if not any(distributions(name=name))]
    seen = f"{len(names) - len(missing)} of {len(names)}"
    if not missing:
        return Finding(what, seen)
    return Finding(what, seen, f"missing: {', '.join(missing)}", command=_INSTALL_SERVER)


def _look_at_broker_program() -> Finding:
    mosquitto = find_mosquitto()
    if mosquitto:
        return Finding("broker", mosquitto)
    if importlib.util.find_spec("iotcore"):
        advice = "install mosquitto: it keeps messages on disk"
        return Finding("broker", "iotcore (in the environment)", advice, grave=False, command=_INSTALL_MOSQUITTO)
    return Finding("broker", "none", "install mosquitto, or mimamori[server]", command=_INSTALL_MOSQUITTO)


def _look_at_clock() -> Finding:
    quality = SystemClock().quality().name.lower()
    if quality == "synced":
        return Finding("clock", quality, grave=False)
    remedy = "let a time daemon set the clock"
    return Finding("clock", quality.replace("_", " "), remedy, grave=False, command=_SET_THE_CLOCK)
