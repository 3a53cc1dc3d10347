"""Which devices are lost: gateways that are not seen, and homes whose devices nothing proves alive. For staff."""

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, Select, bindparam, func, select

from alerts.register import AnyRow
from alerts.settings import AlertsSettings
from alerts.signals.conditions import after_absences, has_incident, has_open, of_home, read_absences
from alerts.wording.catalogue import sentence
from contracts.signals import Signal, SignalKind
from store.schema import gateways, homes

_proof_ms: Final = func.coalesce(gateways.c.proven_ms, 0)


def lost_devices(
    connection: Connection, now_ms: int, settings: AlertsSettings, listening_since_ms: int, home: str | None = None
) -> list[Signal]:
    """What staff are to be told of now: lost gateways, then homes without a proof. Arguments: `active.read_signals`."""
    lost = [
        _lost_signal(row.home_id, row.heartbeat_ms, at_ms)
        for row, at_ms in _losses(connection, settings, listening_since_ms, home, by_ms=now_ms)
    ]
    unproven = [
        _unproven_signal(row.home_id, row.proven_ms or 0, at_ms)
        for row, at_ms in _unproven(connection, now_ms, settings, listening_since_ms, home, by_ms=now_ms)
    ]
    return lost + unproven


def device_moments(
    connection: Connection, now_ms: int, settings: AlertsSettings, listening_since_ms: int
) -> Iterator[int]:
    """When each gateway counts as lost, and each home as unproven, unless it is seen again (ms UTC)."""
    yield from (at_ms for _row, at_ms in _losses(connection, settings, listening_since_ms))
    yield from (at_ms for _row, at_ms in _unproven(connection, now_ms, settings, listening_since_ms))


def _losses(
    connection: Connection,
    settings: AlertsSettings,
    listening_since_ms: int,
    home: str | None = None,
    by_ms: int | None = None,
) -> Iterator[tuple[AnyRow, int]]:
    """Gateways with the moment at which each counts as lost unless it is seen again; ``by_ms``: by then alone."""
    lost_ms = 1000 * settings.gateway_lost_s
    if by_ms is not None and listening_since_ms + lost_ms > by_ms:
        return
    given = {"home": home, "heard_by_ms": None if by_ms is None else by_ms - lost_ms}
    for row in connection.execute(of_home(_heartbeats if by_ms is None else _old_heartbeats, home), given):
        yield row, max(row.heartbeat_ms, listening_since_ms) + lost_ms


@cache
def _heartbeats() -> Select[Any]:
    """Last heartbeats that no incident is about.

    A gateway that was never seen is not lost: it was never installed, and the page of the homes says so.
    """
    known = has_incident(homes.c.id, SignalKind.GATEWAY_LOST, gateways.c.heartbeat_ms)
    return (
        select(homes.c.id.label("home_id"), gateways.c.heartbeat_ms)
        .join(gateways, gateways.c.gateway == homes.c.gateway)
        .where(gateways.c.heartbeat_ms.is_not(None), ~known, ~has_open(homes.c.id, [SignalKind.GATEWAY_LOST]))
    )


@cache
def _old_heartbeats() -> Select[Any]:
    return _heartbeats().where(gateways.c.heartbeat_ms <= bindparam("heard_by_ms"))


def _lost_signal(home: str, since_ms: int, at_ms: int) -> Signal:
    return Signal(home, SignalKind.GATEWAY_LOST, since_ms, at_ms, at_ms, sentence("signal.gateway_lost"))


def _unproven(
    connection: Connection,
    now_ms: int,
    settings: AlertsSettings,
    listening_since_ms: int,
    home: str | None = None,
    by_ms: int | None = None,
) -> Iterator[tuple[AnyRow, int]]:
    """Homes whose gateway is seen and does not prove their devices alive, with the moment from which staff are told.

    Their person could fall silent and nobody would be asked: a sensor that died or a back-log that does not empty is
    then more than a matter of upkeep. ``by_ms``: those alone of which staff are told by then.
    """
    unproven_ms = 1000 * settings.unproven_s
    if by_ms is not None and listening_since_ms + unproven_ms > by_ms:
        return
    given = {
        "home": home,
        "heard_from_ms": now_ms - 1000 * settings.gateway_lost_s,
        "proven_by_ms": None if by_ms is None else by_ms - unproven_ms,
    }
    rows = connection.execute(of_home(_proofs if by_ms is None else _old_proofs, home), given).all()
    away = read_absences(connection, {row.home_id for row in rows})
    for row in rows:
        at_ms = max(row.proven_ms or 0, listening_since_ms) + unproven_ms
        # Where nobody is at home no room is entered, so no sensor can prove it: looked at again when the absence ends.
        if row.home_id in away:
            at_ms = after_absences(max(at_ms, now_ms), away[row.home_id])
        if by_ms is None or at_ms <= by_ms:
            yield row, at_ms


@cache
def _proofs() -> Select[Any]:
    """Last proofs of devices still seen, if no incident is about them; none at all counts as long ago."""
    known = has_incident(homes.c.id, SignalKind.SENSOR_LOST, _proof_ms)
    return (
        select(homes.c.id.label("home_id"), gateways.c.heartbeat_ms, gateways.c.proven_ms)
        .join(gateways, gateways.c.gateway == homes.c.gateway)
        .where(gateways.c.heartbeat_ms >= bindparam("heard_from_ms"))
        .where(~known, ~has_open(homes.c.id, [SignalKind.SENSOR_LOST]))
    )


@cache
def _old_proofs() -> Select[Any]:
    return _proofs().where(_proof_ms <= bindparam("proven_by_ms"))


def _unproven_signal(home: str, since_ms: int, at_ms: int) -> Signal:
    return Signal(home, SignalKind.SENSOR_LOST, since_ms, at_ms, at_ms, sentence("signal.sensor_lost"))
