"""What gateways say about themselves, written in the transaction of its group of messages."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import Connection, delete, select

from contracts.health import GatewayState, Heartbeat, Meta, SensorHealth
from ingest.devices.liveness import LivenessVerdict, assess, holds_against
from ingest.homes.registered_homes import RegisteredHome
from ingest.intake.decode import Arrival
from store.schema import gateways, sensors
from store.upserts import put_rows

MOST_UNREGISTERED: Final = 1_000
"""Gateways remembered at once; the one that has been silent for longest is forgotten first."""


def write_reports(
    connection: Connection,
    reports: Iterable[tuple[Arrival, RegisteredHome]],
    cannot_tell: Mapping[str, Collection[str]],
) -> None:
    """Write heartbeats, births, wills and inventories in the open transaction, in the order in which they came.

    ``cannot_tell``: by gateway, its meters that cannot tell a person from the machines.
    """
    for one, home in reports:
        match one.body:
            case Heartbeat():
                verdict = assess(one.body, home.roles, cannot_tell.get(one.gateway, ()))
                _write_heartbeat(connection, one, one.body, verdict)
            case GatewayState():
                _write_state(connection, one.gateway, one.body)
            case Meta():
                _write_meta(connection, one.gateway, one.body)


def roles_in(meta: Meta) -> dict[str, str]:
    """Role of each sensor of an inventory."""
    return {sensor.id: str(sensor.role) for sensor in meta.sensors}


def _write_heartbeat(connection: Connection, report: Arrival, heartbeat: Heartbeat, verdict: LivenessVerdict) -> None:
    gateway, received_ms = report.gateway, report.received_ms
    row: dict[str, Any] = {
        "gateway": gateway,
        "online": True,
        "boot": heartbeat.boot,
        "heartbeat_ms": received_ms,
        "backlog": heartbeat.backlog,
        "thinned": heartbeat.thinned,
        "clock_quality": int(heartbeat.q),
        "disk_free_mb": heartbeat.disk_free_mb,
    }
    if verdict.proven:
        row["proven_ms"] = received_ms
    put_rows(connection, gateways, [row])
    found = []
    for sensor, trouble in verdict.troubles.items():
        health = heartbeat.sensors.get(sensor, SensorHealth())
        found.append({"gateway": gateway, "sensor": sensor, "trouble": trouble} | asdict(health))
    put_rows(connection, sensors, found)


def _write_state(connection: Connection, gateway: str, state: GatewayState) -> None:
    boot = connection.execute(select(gateways.c.boot).where(gateways.c.gateway == gateway)).scalar()
    if holds_against(state, boot):
        put_rows(connection, gateways, [{"gateway": gateway, "online": state.online, "boot": state.boot}])


def _write_meta(connection: Connection, gateway: str, meta: Meta) -> None:
    put_rows(connection, gateways, [{"gateway": gateway, "agent": meta.agent}])
    rows = [{"gateway": gateway, "sensor": s.id, "role": str(s.role), "room": s.room} for s in meta.sensors]
    put_rows(connection, sensors, rows)
    # The inventory is whole: a sensor that is gone from it must not be reported as silent for ever.
    kept = [sensor.id for sensor in meta.sensors]
    connection.execute(delete(sensors).where(sensors.c.gateway == gateway, sensors.c.sensor.not_in(kept)))


class UnregisteredGateways:
    """What gateways that no home has say about themselves: in memory only, until a home has them.

    A gateway is often running before its home is registered, and says what sensors it has once, at its start. So the
    last birth and inventory of each are kept, to be written with the first message after the registration. Nothing of
    it is stored: a gateway that no home has may be that of a person who was erased. A broker keeps both retained and
    gives them again to an ingest that starts anew.
    """

    def __init__(self) -> None:
        self._said: dict[str, dict[type, Arrival]] = {}

    def remember(self, report: Arrival) -> None:
        """Keep it in the place of an earlier one of its kind; heartbeats are not kept, they prove their own moment."""
        if isinstance(report.body, Heartbeat):
            return
        words = self._said.pop(report.gateway, {})
        words[type(report.body)] = report
        self._said[report.gateway] = words
        if len(self._said) > MOST_UNREGISTERED:
            del self._said[next(iter(self._said))]

    def pending(self, gateway: str) -> list[Arrival]:
        """What the gateway said while no home had it, in the order in which it came."""
        return sorted(self._said.get(gateway, {}).values(), key=lambda report: report.received_ms)

    def forget(self, gateways: Iterable[str]) -> None:
        """These gateways have a home now, and what they said is stored."""
        for gateway in gateways:
            self._said.pop(gateway, None)
