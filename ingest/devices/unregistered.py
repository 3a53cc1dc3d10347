"""What gateways that no home has say about themselves: in memory only, until a home has them.

A gateway is often running before its home is registered, and says what sensors it has once, at its start. So the last
birth and inventory of each are kept, to be written with the first message after the registration. Nothing of it is
stored: a gateway that no home has may be that of a person who was erased. A broker keeps both retained and gives them
again to an ingest that starts anew.
"""

from collections.abc import Iterable
from typing import Final

from contracts.health import Heartbeat
from ingest.intake.decode import Arrival

MOST_UNREGISTERED: Final = 1_000
"""Gateways remembered at once; the one that has been silent for longest is forgotten first."""


class UnregisteredGateways:
    """The last word of each kind of every gateway without a home."""

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
