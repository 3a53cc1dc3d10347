"""A town of so many homes, its open incidents with messages that are due, and a year of closed ones, put in as rows.

Everybody lives as usual but the people of the open incidents, those who are away (two of a hundred) and those of whom
nothing is known (one of a hundred: the deadline passed, and the devices are not proven alive).
"""

from collections.abc import Iterable
from dataclasses import asdict, replace
from functools import cache
from typing import Any

from sqlalchemy import Connection, Engine, Table, insert, update

from alerts.settings import AlertsSettings
from contracts.signals import SignalKind
from contracts.statements import BUTTON, StatementKind, button_key, said_now
from store.schema import (
    absences,
    attempts,
    audit,
    claims,
    contact_methods,
    deliveries,
    gateways,
    homes,
    incidents,
    live_states,
    notes,
    organisations,
    people,
    relations,
    statements,
)

OPEN, EACH = 100, 4
"""Open incidents, and messages due of each."""
NOW_MS = 1_767_236_400_000  # 2026-01-01 12:00 in Tokyo: outside the quiet hours
MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
_NEIGHBOURS, _STAFF = 5_003, 100
_IN_AREA = 100  # homes; the open incidents are one in each area, so that none of it is an outage
Rows = list[dict[str, Any]]


def _home(number: int) -> str:
    return f"home-{number:05}"


def _neighbour(home: int, place: int) -> str:
    return f"neighbour-{(home * EACH + place) % _NEIGHBOURS:04}"


def _staff_member(home: int, place: int) -> str:
    return f"staff-{(home // _IN_AREA * EACH + place) % _STAFF:03}"


def _put(connection: Connection, table: Table, rows: Iterable[dict[str, Any]]) -> None:
    given = list(rows)
    if given:
        connection.execute(insert(table), given)


def build(db: Engine, home_count: int, history: int) -> None:
    """A town: everybody lives as usual but the people of the open incidents. ``history``: closed incidents."""
    with db.begin() as connection:
        _put(connection, organisations, [{"id": "council", "name": "社会福祉協議会", "kind": "council"}])
        _people(connection, home_count)
        _homes(connection, home_count)
        _closed(connection, home_count, history)
        _opened(connection, home_count)
    if db.dialect.name == "postgresql":  # which does so by itself; SQLite does not, and nobody asks it to
        with db.begin() as connection:
            connection.exec_driver_sql("ANALYZE")


def _people(connection: Connection, home_count: int) -> None:
    neighbours = [f"neighbour-{n:04}" for n in range(_NEIGHBOURS)]
    staff = [f"staff-{n:03}" for n in range(_STAFF)]
    watched = [f"person-{n:05}" for n in range(home_count)]
    everybody = [*watched, *neighbours, *staff]
    _put(connection, people, ({"id": who, "name": f"花 {number}"} for number, who in enumerate(everybody)))
    methods = ({"id": f"m-{who}", "person_id": who, "channel": "outbox", "address": who} for who in everybody)
    _put(connection, contact_methods, methods)
    pairs = [(person, _neighbour(n, place), "neighbour") for n, person in enumerate(watched) for place in range(EACH)]
    pairs += [(person, _staff_member(n, place), "staff") for n, person in enumerate(watched) for place in range(EACH)]
    from_ms = NOW_MS - 365 * DAY_MS
    _put(
        connection,
        relations,
        (
            {"id": f"r-{n}", "subject_id": subject, "other_id": other, "role": role, "from_ms": from_ms}
            for n, (subject, other, role) in enumerate(pairs)
        ),
    )


def _homes(connection: Connection, home_count: int) -> None:
    """One in a hundred is unknown although its deadline passed, two are away; one in twenty once pressed for help."""
    numbers = range(home_count)
    place = {"organisation_id": "council", "zone": "Asia/Tokyo"}
    _put(
        connection,
        homes,
        (
            {
                "id": _home(n),
                "gateway": f"gw-{n}",
                "person_id": f"person-{n:05}",
                "area": f"area {n // _IN_AREA}",
                **place,
            }
            for n in numbers
        ),
    )
    _put(connection, live_states, (_life(n) for n in numbers))
    pressed = [_pressed(n, StatementKind.HELP, NOW_MS - 90 * DAY_MS) for n in numbers if n % 20 == 3]
    pressed += [_pressed(n, StatementKind.OK, NOW_MS - 30 * MINUTE_MS) for n in numbers if n % 100 == 11]
    _put(connection, statements, pressed)
    _put(connection, gateways, (_gateway(n) for n in numbers))
    away = [n for n in numbers if n % 50 == 7]
    _put(
        connection,
        absences,
        ({"id": f"a-{n}", "home_id": _home(n), "from_ms": NOW_MS - DAY_MS, "to_ms": NOW_MS + DAY_MS} for n in away),
    )
    words = {"reason_ja": "いつもの20%です。", "reason_en": "20% of the usual.", "evidence": {}, "score": 1.2}
    at = {"at_ms": NOW_MS - HOUR_MS, "held_ms": NOW_MS, "since_ms": NOW_MS - 6 * HOUR_MS}
    noted = [n for n in numbers if n % 100 == 11]  # answered by the OK of _life: nobody is asked about them now
    _put(connection, notes, ({"home_id": _home(n), "kind": "decline", **at, **words} for n in noted))


def _life(number: int) -> dict[str, Any]:
    is_overdue = number % 100 == 13 or number % 50 == 7
    last_ms = NOW_MS - (4 * HOUR_MS if is_overdue else number % 50 * MINUTE_MS)
    return {
        "home_id": _home(number),
        "watched_from_ms": NOW_MS - 300 * DAY_MS,
        "last_event_ms": last_ms,
        "last_sign_ms": last_ms,
        "ask_at_ms": last_ms + 2 * HOUR_MS,
        "call_at_ms": last_ms + 3 * HOUR_MS,
        "ready": True,
        "reason_ja": "ふだんこの時間は1時間半ほどで次の動きがあります。",
        "reason_en": "At this hour the next sign of life usually comes within an hour and a half.",
        "updated_ms": last_ms,
    }


def _gateway(number: int) -> dict[str, Any]:
    proven_ms = NOW_MS - (30 if number % 100 == 13 else number % 5) * MINUTE_MS
    heartbeat_ms = NOW_MS - number % 5 * MINUTE_MS
    return {"gateway": f"gw-{number}", "online": True, "heartbeat_ms": heartbeat_ms, "proven_ms": proven_ms}


def _incident(number: int, key: str, kind: SignalKind, state: str, since_ms: int, **values: object) -> dict[str, Any]:
    person = f"person-{number:05}"
    home = {"home_id": _home(number), "person_id": person, "organisation_id": "council"}
    words = {"reason_ja": "動きがありません。", "reason_en": "No sign of life."}
    where = {"epoch": 1, "step": 0, "repeat": 0, "version": 1, "policy": _policy(kind)}
    times = {"since_ms": since_ms, "opened_ms": since_ms + 2 * HOUR_MS, "call_at_ms": since_ms + 3 * HOUR_MS}
    empty = dict.fromkeys(
        (
            "group_id",
            "asked_ms",
            "called_ms",
            "council_ms",
            "closed_ms",
            "answered_ms",
            "outcome",
            "outcome_by",
            "next_due_ms",
        )
    )
    dedup_key = f"{_home(number)}:{kind}:{since_ms}"
    own = {"id": key, "dedup_key": dedup_key, "kind": kind, "state": state}
    return {**own, **empty, **home, **words, **where, **times, **values}


@cache
def _policy(kind: SignalKind) -> dict[str, Any]:
    return AlertsSettings().policy(kind).to_json()


def _message(incident_id: str, who: str, purpose: str, at_ms: int, state: str, number: int = 0) -> dict[str, Any]:
    key = {
        "id": f"{incident_id}-{who}-{purpose}-{number}",
        "incident_id": incident_id,
        "epoch": 1,
        "step": 0,
        "repeat": number,
    }
    words = {"subject": "見守りのお願い", "body": "花さんの様子を見に行っていただけますか。"}
    times = {"due_ms": at_ms, "created_ms": at_ms, "expires_ms": at_ms + HOUR_MS}
    settled_ms = None if state == "pending" else at_ms
    to = {"person_id": who, "contact_method_id": f"m-{who}", "channel": "outbox", "purpose": purpose}
    return {**key, **to, **words, **times, "state": state, "settled_ms": settled_ms}


def _said(incident_id: str, home: str, who: str, kind: str, at_ms: int) -> dict[str, Any]:
    """A statement about an incident."""
    made = said_now(StatementKind(kind), "page", f"page:{incident_id}-{who}-{kind}", at_ms)
    return asdict(replace(made, home_id=home, said_by=who, incident_id=incident_id, epoch=1))


def _pressed(number: int, kind: StatementKind, at_ms: int) -> dict[str, Any]:
    """A press in the home."""
    home, person = _home(number), f"person-{number:05}"
    made = said_now(kind, BUTTON, button_key(f"gw-{number}", "e", 1), at_ms)
    return asdict(replace(made, home_id=home, person_id=person, said_by=person))


def _closed(connection: Connection, home_count: int, history: int) -> None:
    """Incidents of last year: asked, called, answered by a neighbour; those of help answer the presses of `_life`."""
    cases: Rows = []
    messages: Rows = []
    said: Rows = []
    lines: Rows = []
    for n in range(history):
        number, key = n % home_count, f"old-{n:06}"
        person, neighbour = f"person-{number:05}", _neighbour(number, 0)
        helped = number % 20 == 3 and n < home_count
        since_ms = NOW_MS - 90 * DAY_MS if helped else NOW_MS - (2 + n % 360) * DAY_MS - n % 1440 * MINUTE_MS
        closed_ms = since_ms + 3 * HOUR_MS
        kind = SignalKind.HELP if helped else SignalKind.SILENCE
        end = {
            "closed_ms": closed_ms,
            "answered_ms": closed_ms,
            "outcome": "safe",
            "outcome_by": neighbour,
            "asked_ms": since_ms + 2 * HOUR_MS,
        }
        cases.append(_incident(number, key, kind, "resolved", since_ms, **end))
        messages.append(_message(key, person, "ask", since_ms + 2 * HOUR_MS, "accepted"))
        messages += [
            _message(key, _neighbour(number, place), "call", closed_ms - HOUR_MS, "accepted") for place in range(3)
        ]
        home = _home(number)
        said += [
            _said(key, home, neighbour, "going", closed_ms - HOUR_MS),
            _said(key, home, neighbour, "safe", closed_ms),
        ]
        lines += [_line(key, number, what, closed_ms) for what in ("opened", "escalated", "claimed", "ended")]
    _write(connection, cases, messages, said, lines)


def _line(incident_id: str, number: int, what: str, at_ms: int) -> dict[str, Any]:
    return {"at_ms": at_ms, "actor": "alerts", "incident_id": incident_id, "home_id": _home(number), "what": what}


def _write(connection: Connection, incident_rows: Rows, messages: Rows, said: Rows, lines: Rows) -> None:
    _put(connection, incidents, incident_rows)
    _put(connection, deliveries, messages)
    tries = [row for row in messages if row["state"] == "accepted"]
    _put(
        connection,
        attempts,
        ({"delivery_id": row["id"], "n": 1, "started_ms": row["due_ms"], "outcome": "ok"} for row in tries),
    )
    _put(connection, statements, said)
    _put(connection, audit, lines)


_ABOUT_PERSON = (
    [("notifying", 0)] * 40 + [("notifying", 1)] * 25 + [("claimed", 1)] * 10 + [("emergency", 2)] * 5
    + [("staff_attention", 2)] * 10 + [("deferred", 0)] * 5
)  # fmt: skip
"""State and step of the open incidents about a person; the rest are lost gateways."""


def _opened(connection: Connection, home_count: int) -> None:
    """The open incidents, what was said in them, and the messages that are due."""
    cases: Rows = []
    messages: Rows = []
    lines: Rows = []
    said: Rows = []
    going: Rows = []
    spread = home_count // OPEN
    for n in range(OPEN):
        number, key = n * spread, f"open-{n:03}"  # none of those that _homes makes special
        state, step = _ABOUT_PERSON[n] if n < len(_ABOUT_PERSON) else ("notifying", 0)
        kind = SignalKind.SILENCE if n < len(_ABOUT_PERSON) else SignalKind.GATEWAY_LOST
        since_ms = NOW_MS - 3 * HOUR_MS
        asked = {"asked_ms": NOW_MS - HOUR_MS, "called_ms": NOW_MS - HOUR_MS if step else None}
        council = {"council_ms": NOW_MS - HOUR_MS if step == 2 or kind is SignalKind.GATEWAY_LOST else None}
        due = {"next_due_ms": NOW_MS + HOUR_MS, "opened_ms": NOW_MS - HOUR_MS}
        cases.append(_incident(number, key, kind, state, since_ms, step=step, **asked, **council, **due))
        lines += [_line(key, number, what, NOW_MS - HOUR_MS) for what in ("opened", "escalated")]
        purpose = "call" if kind is SignalKind.SILENCE else "staff"
        one = _neighbour if purpose == "call" else _staff_member
        told = [one(number, place) for place in range(EACH)]
        if purpose == "call":
            messages.append(_message(key, f"person-{number:05}", "ask", NOW_MS - HOUR_MS, "accepted"))
        messages += [_message(key, who, purpose, NOW_MS - MINUTE_MS, "pending", 1) for who in told]
        if state == "claimed":
            going.append(_claim(key, told[0]))
            said.append(_said(key, _home(number), told[0], "going", NOW_MS - 10 * MINUTE_MS))
    _write(connection, cases, messages, said, lines)
    _put(connection, claims, going)
    quiet = [row["home_id"] for row in cases]
    last = {"last_event_ms": NOW_MS - 3 * HOUR_MS, "last_sign_ms": NOW_MS - 3 * HOUR_MS}
    connection.execute(update(live_states).where(live_states.c.home_id.in_(quiet)).values(**last))
    lost = [row["home_id"].replace("home-", "") for row in cases if row["kind"] is SignalKind.GATEWAY_LOST]
    dead = gateways.c.gateway.in_([f"gw-{int(number)}" for number in lost])
    connection.execute(update(gateways).where(dead).values(heartbeat_ms=NOW_MS - 3 * HOUR_MS, proven_ms=None))
    covered = [row["home_id"] for row in cases if row["state"] == "deferred"]
    span = {"from_ms": NOW_MS - 4 * HOUR_MS, "to_ms": NOW_MS + HOUR_MS}
    _put(connection, absences, ({"id": f"open-{home}", "home_id": home, **span} for home in covered))


def _claim(incident_id: str, who: str) -> dict[str, Any]:
    lease = {"claimed_ms": NOW_MS - 10 * MINUTE_MS, "eta_ms": NOW_MS + 50 * MINUTE_MS, "expires_ms": NOW_MS + HOUR_MS}
    return {"id": f"claim-{incident_id}", "incident_id": incident_id, "person_id": who, **lease}
