"""Which home a gateway is, its zone, and what its sensors are: remembered from the store, renewed on demand."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, Connection, select, true

from store.schema import homes, sensors


@dataclass(slots=True)
class RegisteredHome:
    """A registered home: its id, its gateway, and the IANA zone of its rhythm.

    ``roles``, of each sensor that it has told, are no part of what is registered: an inventory brings new ones.
    """

    id: str
    gateway: str
    zone: str
    roles: Mapping[str, str] = field(default_factory=dict, compare=False)


class RegisteredHomes:
    """All registered homes."""

    def __init__(self) -> None:
        self._homes: dict[str, RegisteredHome] = {}

    def refresh(self, connection: Connection) -> None:
        """Read homes and sensors again."""
        self._homes = _stored(connection, true())
        roles: dict[str, dict[str, str]] = {}
        for row in connection.execute(select(sensors.c.gateway, sensors.c.sensor, sensors.c.role)):
            roles.setdefault(row.gateway, {})[row.sensor] = row.role
        for home in self._homes.values():
            home.roles = roles.get(home.gateway, {})

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


def _stored(connection: Connection, which: ColumnElement[bool]) -> dict[str, RegisteredHome]:
    """The homes in the store, by their gateways."""
    rows = connection.execute(select(homes.c.id, homes.c.gateway, homes.c.zone).where(which))
    return {row.gateway: RegisteredHome(row.id, row.gateway, row.zone) for row in rows}
