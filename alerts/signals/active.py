"""The signals that hold now: silences, calls for help, lost devices, and what was noticed.

Nothing is queued: conditions are read from the store again at every tick, so none can be lost between two processes.
"""

from collections.abc import Collection, Iterator
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, bindparam, exists, or_, select

from alerts.decisions.areas import ABOUT_DEVICES
from alerts.decisions.standing import ABOUT_PERSON
from alerts.signals.expected import ExpectedSignal, Outlook
from alerts.signals.lost_devices import expected_losses
from alerts.signals.noted import expected_of_notes
from alerts.signals.silences import expected_silences
from alerts.signals.standings import read_standings
from alerts.wording.catalogue import sentence
from contracts.signals import Signal, SignalKind
from contracts.statements import BUTTON, StatementKind
from store.schema import incidents, is_open, statements

NOTICED: Final = (SignalKind.DECLINE, SignalKind.NO_RETURN)
READ_TOGETHER: Final = ((SignalKind.HELP,), (SignalKind.SILENCE,), tuple(ABOUT_DEVICES), NOTICED)
"""Kinds that are read together, calls for help first. Whoever reads all lets no fault of one stop the others."""


def read_signals(
    connection: Connection, outlook: Outlook, kinds: Collection[SignalKind] = tuple(SignalKind)
) -> list[Signal]:
    """The signals that hold now and have not opened an incident; of what is read together with any of ``kinds``."""
    now_ms = outlook.now_ms
    calls = calls_for_help(connection, now_ms, outlook.home) if SignalKind.HELP in kinds else []
    expected = expected_signals(connection, outlook, kinds)
    return calls + [item.signal for item in expected if item.proven and item.signal.ask_at_ms <= now_ms]


def expected_signals(
    connection: Connection, outlook: Outlook, kinds: Collection[SignalKind] = tuple(SignalKind)
) -> Iterator[ExpectedSignal]:
    """The signals but calls for help, with those that only hold later as far as ``outlook`` goes."""
    if SignalKind.SILENCE in kinds:
        yield from expected_silences(connection, outlook)
    if not ABOUT_DEVICES.isdisjoint(kinds):
        yield from expected_losses(connection, outlook)
    if not set(NOTICED).isdisjoint(kinds):
        yield from expected_of_notes(connection, outlook)


def calls_for_help(connection: Connection, now_ms: int, home: str | None = None) -> list[Signal]:
    """The calls for help that no incident has taken up, of one home or of all (None)."""
    given: dict[str, Any] = {} if home is None else {"home": home}
    found = {row.home_id: row for row in connection.execute(_CALLS[home is not None], given)}
    standings = read_standings(connection, now_ms, found)
    return [
        _called(home_id, standing.call_ms, found[home_id].channel)
        for home_id, standing in standings.items()
        if standing.call_ms is not None
    ]


def _called(home: str, at_ms: int, channel: str) -> Signal:
    reason = sentence("signal.pressed" if channel == BUTTON else "signal.answered")
    return Signal(home, SignalKind.HELP, at_ms, at_ms, at_ms, reason)


def _calls(*where: ColumnElement[bool]) -> Select[Any]:
    """Homes with a call for help that is perhaps not answered: whether it is, `standing` decides."""
    is_call = (statements.c.kind == StatementKind.HELP) & statements.c.home_id.is_not(None)
    ended_later = incidents.c.answered_ms >= statements.c.at_ms
    answered = exists().where(
        incidents.c.home_id == statements.c.home_id,
        or_(incidents.c.kind == SignalKind.HELP, incidents.c.id == statements.c.incident_id),
        incidents.c.kind.in_(ABOUT_PERSON),
        or_(is_open(), ended_later),
    )
    return (
        select(statements.c.home_id, statements.c.channel)
        .where(is_call, ~answered, *where)
        .order_by(statements.c.at_ms)
    )


_CALLS: Final = (_calls(), _calls(statements.c.home_id == bindparam("home")))
