"""Calls for help first: a press goes into the ledger before, and apart from, everything else of its message.

In a small transaction of its own, once for ``(gateway, epoch, n)``: it waits for no time series, no back-log and no
message beside it that cannot be processed. The same event is then stored like any other.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import Final

from sqlalchemy import Connection, bindparam, func, select

from contracts.clock import ClockQuality
from contracts.envelope import Batch
from contracts.events import Event, Kind, Press
from contracts.statements import (
    BUTTON,
    CALLS_AND_ANSWERS,
    Statement,
    StatementKind,
    button_key,
    number_of_press,
    outbox_prefix,
)
from ingest.intake.button_times import Before, ButtonPress, dated, in_order
from ingest.intake.cursors import NOTHING, Outbox, OutboxProgress, progress_of, stored
from ingest.intake.decode import Arrival, decode
from ingest.intake.dedupe import Cursor
from ingest.intake.points import normalise_press
from ingest.intake.ports import Inbound
from ingest.settings import IngestSettings
from store.schema import cursors, homes, statements
from store.timeseries.port import LATEST_NS, Point, TimeSeries
from store.upserts import add_rows

_CALLS: Final = (Press.HELP, Press.OK)
_NS_PER_MS: Final = 1_000_000
_SLACK_MS: Final = 86_400_000
"""So much before the last commit a press may be dated that was stored and is not in the ledger."""
_LAST: Final = select(func.max(statements.c.at_ms)).where(
    statements.c.home_id == bindparam("home"), statements.c.kind == bindparam("kind")
)  # of one kind: that is one step in the index
_RECALLED_S: Final = 86_400.0
"""A press that is found again in the time series calls nobody when it is older than this."""

Begin = Callable[[], AbstractContextManager[Connection]]
"""Opens a transaction, which is committed only while this process is the one that ingests."""


def record_presses(begin: Begin, messages: Iterable[Inbound], settings: IngestSettings) -> int:
    """Write the presses of help and OK in these messages into the ledger; how many were new.

    Whatever else a message holds does not matter here: it is refused, set aside or stored after this.

    Args:
        begin: opens the transaction.
        messages: in the order of arrival.
        settings: of ingest.

    Raises:
        SQLAlchemyError: the store is out of reach; the same messages can be given again.
        LeaseLost: another process ingests now.
    """
    batches = [found for message in messages if _may_hold_a_press(message) for found in _batches(message)]
    if not batches:
        return 0
    with begin() as connection:
        known = stored(connection, {(arrival.gateway, batch.epoch) for arrival, batch in batches})
        return _record(connection, _presses(batches, known, settings), settings.help_valid_s)


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the relational store knew when it was last read whole.

    Attributes:
        committed_ms: when it was last written (ms UTC); None: never.
        cursors: what was stored of each outbox.
    """

    committed_ms: int | None
    cursors: Mapping[Outbox, Cursor]


def read_remembered(connection: Connection) -> Remembered:
    """Read it before anything new is committed: what comes after closes the gaps that tell of lost presses."""
    rows = connection.execute(select(cursors)).all()
    last_ms = max((row.updated_ms for row in rows), default=None)
    return Remembered(last_ms, {(row.gateway, row.epoch): progress_of(row).cursor for row in rows})


def recall_presses(begin: Begin, timeseries: TimeSeries, remembered: Remembered, now_ms: int) -> int:
    """Write the presses that the time series has and the ledger lacks; how many there were.

    There are some when the relational store was put back from a copy: the devices were told that all is stored, and do
    not send them again. They count as if they arrived now.

    Raises:
        SQLAlchemyError, TimeSeriesError: a store is out of reach; try again.
        LeaseLost: another process ingests now.
    """
    last_ms = remembered.committed_ms
    from_ms = max(0, (now_ms - round(_RECALLED_S * 1000) if last_ms is None else last_ms) - _SLACK_MS)
    points = timeseries.read_kind(Kind.BUTTON, from_ms * _NS_PER_MS, LATEST_NS + 1)
    lacking = [
        press
        for point in points
        if not remembered.cursors.get((point.gateway, point.epoch), NOTHING).holds(point.n)
        and (press := _press_of(point, now_ms)) is not None
    ]
    if not lacking:
        return 0
    with begin() as connection:
        return _record(connection, lacking, _RECALLED_S)


# ---- from messages and points to presses -----------------------------------------------------------------------------


def _may_hold_a_press(message: Inbound) -> bool:
    # Nearly all messages hold none, and are then read once only. JSON may write any letter as an escape.
    return b'button"' in message.payload or b"\\u" in message.payload


def _batches(message: Inbound) -> Iterator[tuple[Arrival, Batch]]:
    read = decode(message)
    if isinstance(read, Arrival) and isinstance(read.body, Batch):
        yield read, read.body


def _presses(
    batches: Iterable[tuple[Arrival, Batch]], known: Mapping[Outbox, OutboxProgress], settings: IngestSettings
) -> Iterator[ButtonPress]:
    """The presses that are not stored yet, in the order of arrival."""
    cursors_now = {outbox: progress.cursor for outbox, progress in known.items()}
    for arrival, batch in batches:
        outbox = (arrival.gateway, batch.epoch)
        cursor = cursors_now.get(outbox, NOTHING)
        for event in batch.events:
            if _is_call(event) and not cursor.holds(event.n):
                normal = normalise_press(event, arrival.received_ms, settings)
                yield ButtonPress(*outbox, normal, arrival.received_ms, event.n < cursor.upto)
        cursors_now[outbox] = cursor.add(event.n for event in batch.events)


def _is_call(event: Event) -> bool:
    return event.k == Kind.BUTTON and event.x.get("press") in _CALLS


def _press_of(point: Point, now_ms: int) -> ButtonPress | None:
    """As if it were made now, unless it is old: the ledger that might have known what answered it is gone."""
    fields = json.loads(point.fields)
    if fields.get("press") not in _CALLS:
        return None
    is_old = now_ms - point.t_ms > _RECALLED_S * 1000
    quality, t_ms = ClockQuality(point.quality), point.t_ms if is_old else now_ms
    event = Event(point.n, t_ms, quality, 0, point.sensor, point.kind, fields, bf=is_old)
    return ButtonPress(point.gateway, point.epoch, event, now_ms)


# ---- the ledger ------------------------------------------------------------------------------------------------------


def _record(connection: Connection, presses: Iterable[ButtonPress], help_valid_s: float) -> int:
    turn = in_order(presses)
    where = homes.c.gateway.in_({press.gateway for press in turn})
    owners = {row.gateway: row for row in connection.execute(select(homes).where(where))}
    new = 0
    for press in turn:
        home = owners.get(press.gateway)  # None: not registered, its events stay on the device
        key = button_key(press.gateway, press.epoch, press.event.n)
        if home is None or _is_written(connection, key):
            continue
        kind, at_ms = dated(press, _before(connection, home.id, press), help_valid_s)
        row = Statement(
            kind=kind,
            at_ms=at_ms,
            said_ms=press.event.t,
            received_ms=press.received_ms,
            channel=BUTTON,
            key=key,
            home_id=home.id,
            person_id=home.person_id,
            said_by=home.person_id,
        )
        add_rows(connection, statements, [asdict(row)])
        new += 1
    return new


def _is_written(connection: Connection, key: str) -> bool:
    return connection.execute(select(statements.c.n).where(statements.c.key == key)).first() is not None


def _before(connection: Connection, home_id: str, press: ButtonPress) -> Before:
    lasts = (connection.execute(_LAST, {"home": home_id, "kind": kind}).scalar() for kind in CALLS_AND_ANSWERS)
    last_ms = max(ms or 0 for ms in lasts)
    if press.event.x.get("press") == Press.HELP:
        return Before(last_ms)
    prefix = outbox_prefix(press.gateway, press.epoch)
    calls = (statements.c.home_id == home_id) & (statements.c.kind == StatementKind.HELP)
    same = func.substr(statements.c.key, 1, len(prefix)) == prefix  # databases order texts each in their own way
    rows = connection.execute(select(statements.c.key, statements.c.at_ms).where(calls, same))
    later = tuple(row.at_ms for row in rows if number_of_press(row.key) > press.event.n)
    return Before(last_ms, later)
