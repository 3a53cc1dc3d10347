"""Which home a gateway is, its zone, and what its sensors are: remembered from the store, renewed on demand."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, select, true

from store.schema import homes, sensors


@dataclass(frozen=True, slots=True)
class RegisteredHome:
    """A registered home: its id, its gateway and the IANA zone of its rhythm."""

    id: str
    gateway: str
    zone: str


class RegisteredHomes:
    """All registered homes, and the role of every sensor that a gateway has told."""

    def __init__(self) -> None:
        self._homes: dict[str, RegisteredHome] = {}
        self._roles: dict[str, Mapping[str, str]] = {}

    def refresh(self, connection: Connection) -> None:
        """Read homes and sensors again."""
        found = _stored(connection, true())
        roles: dict[str, dict[str, str]] = {}
        for row in connection.execute(select(sensors.c.gateway, sensors.c.sensor, sensors.c.role)):
            roles.setdefault(row.gateway, {})[row.sensor] = row.role
        self._homes, self._roles = found, dict(roles)

    def is_current(self, connection: Connection, gateways: Iterable[str]) -> bool:
        """Whether these gateways still are what is remembered of them; an erased home must not get another event."""
        wanted = set(gateways)
        found = _stored(connection, homes.c.gateway.in_(wanted))
        return found == {gateway: self._homes.get(gateway) for gateway in wanted}

    def homes(self) -> list[RegisteredHome]:
        """Every registered home."""
        return list(self._homes.values())

    def home_of(self, gateway: str) -> RegisteredHome | None:
        """The home of a gateway; None when no home has it."""
        return self._homes.get(gateway)

    def roles_of(self, gateway: str) -> Mapping[str, str]:
        """Role of each sensor that the gateway has told; empty before its first inventory."""
        return self._roles.get(gateway, {})

    def set_roles(self, gateway: str, roles: Mapping[str, str]) -> None:
        """Take over an inventory; should its commit fail, the next `refresh` brings back what the store has."""
        self._roles[gateway] = dict(roles)


def _stored(connection: Connection, which: ColumnElement[bool]) -> dict[str, RegisteredHome]:
    """The homes in the store, by their gateways."""
    rows = connection.execute(select(homes.c.id, homes.c.gateway, homes.c.zone).where(which))
    return {row.gateway: RegisteredHome(row.id, row.gateway, row.zone) for row in rows}
