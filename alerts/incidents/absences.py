"""Absences go into the ledger when they begin and when they end: the register holds the plan, the ledger what was."""

from dataclasses import asdict, replace
from typing import Any, Final

from sqlalchemy import ColumnElement, Engine, Select, bindparam, exists, func, literal, select

from alerts.register import AnyRow
from contracts.statements import Statement, StatementKind, said_now
from store.engine import reading
from store.schema import absences, homes, statements
from store.upserts import add_rows

CHANNEL: Final = "register"
_BEGAN: Final = ":began"
_ENDED: Final = ":ended"


def record_absences(db: Engine, now_ms: int) -> int:
    """Write which absences have begun or ended by ``now_ms`` (ms UTC) and are not in the ledger as such; how many.

    An absence that was cancelled, or never reached its end in the register, ends when that is noticed.
    """
    with reading(db) as connection:
        begun = [_statement(row, StatementKind.ABSENCE_BEGAN) for row in connection.execute(_BEGUN, {"now_ms": now_ms})]
        over = [_statement(row, StatementKind.ABSENCE_ENDED) for row in connection.execute(_OVER, {"now_ms": now_ms})]
    found = begun + over
    if found:
        with db.begin() as connection:
            add_rows(connection, statements, [asdict(statement) for statement in found])
    return len(found)


def _statement(row: AnyRow, kind: StatementKind) -> Statement:
    return replace(said_now(kind, CHANNEL, row.key, row.at_ms), home_id=row.home_id, person_id=row.person_id)


def _key(end: str) -> ColumnElement[str]:
    return literal("absence:") + absences.c.id + end


def _begun() -> Select[Any]:
    key = _key(_BEGAN)
    covers = (absences.c.from_ms <= bindparam("now_ms")) & (absences.c.to_ms > bindparam("now_ms"))
    return (
        select(absences.c.home_id, homes.c.person_id, absences.c.from_ms.label("at_ms"), key.label("key"))
        .join(homes, homes.c.id == absences.c.home_id)
        .where(covers, ~exists().where(statements.c.key == key))
    )


def _over() -> Select[Any]:
    """Absences that began and are neither under way any more nor known to have ended."""
    end_key = func.replace(statements.c.key, _BEGAN, _ENDED)
    ended = statements.alias()
    goes_on = exists().where(statements.c.key == _key(_BEGAN), absences.c.to_ms > bindparam("now_ms"))
    planned_ms = select(absences.c.to_ms).where(statements.c.key == _key(_BEGAN)).scalar_subquery()
    at_ms = func.coalesce(planned_ms, bindparam("now_ms"))
    return select(statements.c.home_id, statements.c.person_id, at_ms.label("at_ms"), end_key.label("key")).where(
        statements.c.kind == StatementKind.ABSENCE_BEGAN, ~goes_on, ~exists().where(ended.c.key == end_key)
    )


_BEGUN: Final = _begun()
_OVER: Final = _over()
