"""``mimamori people``: who is registered, who may be called when, and who must not be."""

import argparse
from typing import Any

from sqlalchemy import Connection, func, select

from alerts.decisions.calling.rotation import CallHistory
from alerts.decisions.model import Purpose
from alerts.incidents.opt_out import opt_out
from mimamori.commands import console
from store.engine import reading
from store.schema import absences, contact_methods, deliveries, homes, leaves, people, relations


def add(options: argparse.Namespace) -> int:
    """Register a person, and whom they watch over."""
    with console.register_of(options.config) as registry:
        person = registry.add_person(
            options.name,
            kana=options.kana,
            language=options.language,
            zone=options.zone,
            hours=options.hours,
            id=options.id,
        )
        for subject in options.watches:
            registry.relate(subject, person, options.role, options.purpose)
    return console.print_line(
        f"added person '{person}'. How they are reached: "
        f"mimamori contacts add {person} CHANNEL ADDRESS --config {options.config}"
    )


def show_all(options: argparse.Namespace) -> int:
    """List everybody."""
    with console.store_of(options.config) as (_settings, db), reading(db) as connection:
        found = [_summary(connection, row) for row in connection.execute(select(people).order_by(people.c.id))]
    if options.json:
        return console.print_json(found)
    columns = ("id", "name", "roles", "hours", "away until", "ways", "verified", "opted out")
    return console.print_table(columns, map(_line, found))


def show(options: argparse.Namespace) -> int:
    """Everything about one person that matters for calling them."""
    with console.store_of(options.config) as (_settings, db), reading(db) as connection:
        found = _whole(connection, options.person, full=options.full)
    if options.json:
        return console.print_json(found)
    zone = found["zone"]
    words = ("id", "name", "kana", "language", "zone")
    rows: list[tuple[str, Any]] = [(word, found[word]) for word in words]
    rows += [
        ("hours", found["hours"] or "always"),
        ("opted out", console.moment(found["opt_out_ms"], zone)),
        ("calls", f"{found['calls']}, {found['night_calls']} of them at night within 180 days"),
        ("last call", console.moment(found["last_call_ms"], zone)),
    ]
    rows += [("absence " + item["id"], _span(item, zone)) for item in found["absences"]]
    rows += [("leave " + item["id"], _span(item, zone)) for item in found["leaves"]]
    rows += [("relation " + item["id"], f"{item['other_id']} is {item['role']} of {item['subject_id']}, "
              f"{_span(item, zone)}") for item in found["relations"]]  # fmt: skip
    rows += [("contact " + item["id"], _contact_method(item, zone)) for item in found["contacts"]]
    console.print_table(("what", "value"), rows)
    for item in found["contacts"]:
        if item["disabled_reason"] is None and item["verified_ms"] is None:
            console.print_line(f"to verify it: mimamori test-send {item['id']} --config {options.config}")
    return 0


def hours(options: argparse.Namespace) -> int:
    """Set when a person may be called."""
    with console.register_of(options.config) as registry:
        registry.set_hours(options.person, "" if options.hours == "always" else options.hours, options.zone)
    with console.store_of(options.config) as (_settings, db), reading(db) as connection:
        kept = console.person(connection, options.person).hours
    return console.print_line(f"'{options.person}' may be called {kept or 'always'}")


def leave_off(options: argparse.Namespace) -> int:
    """Contact a person no more."""
    with console.store_of(options.config) as (_settings, db):
        incidents = opt_out(db, options.person, console.ACTOR, console.now_ms(), console.CHANNEL)
    moved = f"; open incidents that go on without them: {', '.join(incidents)}" if incidents else ""
    return console.print_line(
        f"'{options.person}' is not contacted any more, until: mimamori people opt-in {options.person} "
        f"--config {options.config}{moved}"
    )


def come_back(options: argparse.Namespace) -> int:
    """Contact a person again."""
    with console.register_of(options.config) as registry:
        registry.opt_in(options.person)
    return console.print_line(f"'{options.person}' may be contacted again")


def relate(options: argparse.Namespace) -> int:
    """Let somebody watch over a person."""
    with console.register_of(options.config) as registry:
        key = registry.relate(options.subject, options.other, options.role, options.purpose)
    with console.store_of(options.config) as (_settings, db), reading(db) as connection:
        homeless = console.home_of(connection, options.subject) is None
    note = (
        f"; mind: '{options.subject}' has no home that is watched yet; is it the other way round?" if homeless else ""
    )
    return console.print_line(f"relation '{key}': '{options.other}' is {options.role} of '{options.subject}'{note}")


def revoke(options: argparse.Namespace) -> int:
    """End a relation at once."""
    with console.register_of(options.config) as registry:
        registry.revoke(options.relation)
    return console.print_line(f"relation '{options.relation}' ends now")


def _summary(connection: Connection, row: Any) -> dict[str, Any]:  # noqa: ANN401 - a row
    now_ms = console.now_ms()
    whole = _whole(connection, row.id, full=False)
    away = [item["to_ms"] for item in whole["leaves"] if item["from_ms"] <= now_ms < item["to_ms"]]
    in_use = [item for item in whole["contacts"] if item["disabled_reason"] is None]
    roles = {item["role"] for item in whole["relations"] if item["other_id"] == row.id}
    roles |= {"watched"} if console.home_of(connection, row.id) else set()
    return {
        **{name: whole[name] for name in ("id", "name", "kana", "zone", "hours", "opt_out_ms")},
        "roles": sorted(roles),
        "away_until_ms": max(away, default=None),
        "ways": [item["channel"] for item in in_use],
        "verified": sum(item["verified_ms"] is not None for item in in_use),
    }


def _line(item: dict[str, Any]) -> tuple[object, ...]:
    zone = item["zone"]
    name = f"{item['name']} ({item['kana']})" if item["kana"] else item["name"]
    ways = ", ".join(item["ways"]) or "none"
    away, out = console.moment(item["away_until_ms"], zone), console.moment(item["opt_out_ms"], zone)
    verified = f"{item['verified']} of {len(item['ways'])}"
    return item["id"], name, ", ".join(item["roles"]), item["hours"] or "always", away, ways, verified, out


def _whole(connection: Connection, person: str, *, full: bool) -> dict[str, Any]:
    row = console.person(connection, person)
    now_ms = console.now_ms()
    away = select(leaves).where(leaves.c.person_id == person, leaves.c.to_ms > now_ms).order_by(leaves.c.from_ms)
    out = select(absences).join(homes).where(homes.c.person_id == person, absences.c.to_ms > now_ms)
    either = select(relations).where((relations.c.subject_id == person) | (relations.c.other_id == person))
    methods = select(contact_methods).where(contact_methods.c.person_id == person)
    first = select(func.min(deliveries.c.created_ms)).group_by(deliveries.c.incident_id)
    calls = first.where(deliveries.c.person_id == person, deliveries.c.purpose == Purpose.CALL)
    called = connection.scalars(calls.where(deliveries.c.state != "cancelled")).all()
    order = (contact_methods.c.rank, contact_methods.c.id)
    return {
        **row._mapping,
        "leaves": console.rows(connection, away),
        "absences": console.rows(connection, out),
        "relations": console.rows(connection, either),
        "contacts": console.contacts(connection, methods.order_by(*order), full=full),
        "calls": len(called),
        "night_calls": CallHistory(person, tuple(called), row.zone).nights(now_ms),
        "last_call_ms": max(called, default=None),
    }


def _span(item: dict[str, Any], zone: str) -> str:
    return f"{console.moment(item['from_ms'], zone)} – {console.moment(item['to_ms'], zone) or 'until revoked'}"


def _contact_method(item: dict[str, Any], zone: str) -> str:
    state = f"disabled: {item['disabled_reason']}" if item["disabled_reason"] else (
        f"verified {console.moment(item['verified_ms'], zone)}" if item["verified_ms"] is not None
        else "not verified, tried last"
    )  # fmt: skip
    last = f", last accepted {console.moment(item['last_ok_ms'], zone)}" if item["last_ok_ms"] is not None else ""
    return f"{item['channel']} {item['address']}, rank {item['rank']}, {state}{last}"
