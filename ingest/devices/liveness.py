"""Are the devices of a home alive? Pure.

Person silent is not device silent. A heartbeat *proves* the home when nothing waits in its outbox and its sensors are
seen; alerts may believe a silence only while that proof is fresh (``contracts.health.PROOF_VALID_S``).

One silent sensor is reported as trouble and does not take the proof away: it would switch the watch over the person off
until somebody has changed a battery, although the other sensors still see them. The proof goes when no sensor that
should report is seen any more, or can tell: a meter among machines sees no person, so its silence proves nothing.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from contracts.health import GatewayState, Heartbeat, SensorHealth, SensorRole

SILENT_AFTER_S: Final = 26 * 3600
"""Battery sensors check in at least once a day; two hours of grace."""
BATTERY_LOW_PCT: Final = 10.0
REPORTING_ROLES: Final = frozenset({SensorRole.ROOM, SensorRole.METER})
"""Roles whose sensors report at least daily while they live; a door or a kettle may rest for weeks."""

SILENT: Final = "silent"
BATTERY: Final = "battery"
CANNOT_TELL: Final = "cannot_tell"
"""A meter that cannot tell a person from the machines of the home."""


@dataclass(frozen=True, slots=True)
class LivenessVerdict:
    """What a heartbeat says.

    Attributes:
        proven: the devices are alive, so that a silence of the home is a silence of the person.
        troubles: by every sensor of the heartbeat or the inventory, None, ``silent``, ``battery`` or ``cannot_tell``.
    """

    proven: bool
    troubles: Mapping[str, str | None]


def assess(heartbeat: Heartbeat, roles: Mapping[str, str], cannot_tell: Collection[str] = ()) -> LivenessVerdict:
    """Judge a heartbeat.

    Args:
        heartbeat: as it came. Ages are taken on the home's own clock, so a clock that is off does not matter.
        roles: role of each sensor of the inventory.
        cannot_tell: meters that cannot tell a person from the machines.
    """
    names = sorted({*heartbeat.sensors, *roles})
    troubles = {name: _trouble(name, roles.get(name), heartbeat, name in cannot_tell) for name in names}
    reporting = [trouble for name, trouble in troubles.items() if roles.get(name) in REPORTING_ROLES]
    seen = not reporting or any(trouble not in (SILENT, CANNOT_TELL) for trouble in reporting)
    return LivenessVerdict(heartbeat.backlog == 0 and seen, troubles)


def holds_against(will: GatewayState, known_boot: int | None) -> bool:
    """Whether a birth or last will is news; the will of an earlier boot, published late, is not."""
    return will.online or known_boot is None or will.boot >= known_boot


def _trouble(sensor: str, role: str | None, heartbeat: Heartbeat, cannot_tell: bool) -> str | None:
    health = heartbeat.sensors.get(sensor, SensorHealth())
    trouble = None
    if health.battery_pct is not None and health.battery_pct < BATTERY_LOW_PCT:
        trouble = BATTERY
    if cannot_tell and role == SensorRole.METER:
        trouble = CANNOT_TELL
    if role in REPORTING_ROLES and _unseen_s(health, heartbeat) >= SILENT_AFTER_S:
        trouble = SILENT
    return trouble


def _unseen_s(health: SensorHealth, heartbeat: Heartbeat) -> float:
    if health.seen_ms is None:
        return heartbeat.uptime_s  # an agent that has just started may not remember
    return (heartbeat.t - health.seen_ms) / 1000
