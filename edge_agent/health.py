"""What the agent reports of itself and its sensors, and the watchdog that trusts progress only."""

import os
import shutil
import socket
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from contracts.health import MAX_SENSORS, SensorHealth

NOTIFY_SOCKET: Final = "NOTIFY_SOCKET"


class SensorBook:
    """When each sensor was last seen. Safe to use from several threads.

    Args:
        expected: ids of the inventory, reported as never seen until they are.
    """

    def __init__(self, expected: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._sensors = {sensor: SensorHealth() for sensor in expected}

    def seen(self, sensor: str, wall_ms: int, battery_pct: float | None = None, link: int | None = None) -> None:
        """A sensor gave a sign: an event, or only its own report that it is there.

        Args:
            sensor: its id.
            wall_ms: when, ms UTC.
            battery_pct: 0 to 100; None leaves what was known.
            link: radio quality 0 to 255; None leaves what was known.
        """
        with self._lock:
            before = self._sensors.get(sensor)
            if before is None and len(self._sensors) >= MAX_SENSORS:
                return  # a heartbeat has no room for more; its events still go up
            self._sensors[sensor] = SensorHealth(
                seen_ms=max(wall_ms, before.seen_ms or 0) if before else wall_ms,
                battery_pct=battery_pct if battery_pct is not None or before is None else before.battery_pct,
                link=link if link is not None or before is None else before.link,
            )

    def snapshot(self) -> dict[str, SensorHealth]:
        """All sensors as they are now, by id."""
        with self._lock:
            return dict(self._sensors)


def disk_free_mb(path: Path) -> int:
    """Free megabytes where ``path`` lies, for a process without privileges; 0 when the disk does not answer."""
    try:
        return shutil.disk_usage(path.absolute().parent).free // 1_000_000
    except OSError:
        return 0


def sd_notify(message: str) -> bool:
    """Tell systemd something, such as ``READY=1`` or ``WATCHDOG=1``; whether somebody was there to listen."""
    address = os.environ.get(NOTIFY_SOCKET, "")
    if not address:
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        try:
            sock.connect("\0" + address[1:] if address.startswith("@") else address)
            sock.sendall(message.encode())
        except OSError:
            return False
    return True
