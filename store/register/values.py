"""What the rows of the register may hold: each function checks what it is given, and gives the columns of a row.

All raise `RegistryError`. ``rows`` are those of the open transaction: what is pointed at must be there.
"""

from typing import Any

from store.register import checks
from store.register.audited_rows import AuditedRows
from store.register.checks import CHANNELS, ORGANISATION_KINDS, ROLES, RegistryError
from store.schema import homes, organisations, people


def organisation_values(name: str, kind: str) -> dict[str, Any]:
    """A council, hub or association."""
    return {
        "name": checks.line(name, "organisation.name"),
        "kind": checks.word(kind, ORGANISATION_KINDS, "organisation.kind"),
    }


def person_values(name: str, kana: str, language: str, zone: str | None, hours: str | None) -> dict[str, Any]:
    """A person; ``zone`` and ``hours`` stand in it only when they are given."""
    values = {
        "name": checks.line(name, "person.name"),
        "kana": checks.line(kana, "person.kana", empty=True),
        "language": checks.word(language, checks.LANGUAGES, "person.language"),
    }
    if zone is not None:
        values["zone"] = checks.zone(zone, "person.zone")
    if hours is not None:
        values["hours"] = checks.hours(hours, "person.hours")
    return values


def home_values(
    rows: AuditedRows, person: str, organisation: str, gateway: str, zone: str, area: str
) -> dict[str, Any]:
    """The home of one person."""
    rows.existing(people, person)
    rows.existing(organisations, organisation)
    return {
        "person_id": person,
        "organisation_id": organisation,
        "gateway": checks.gateway(gateway, "home.gateway"),
        "zone": checks.zone(zone, "home.zone"),
        "area": checks.line(area, "home.area", empty=True),
    }


def relation_values(
    rows: AuditedRows, subject: str, other: str, role: str, purpose: str, from_ms: int, to_ms: int | None
) -> dict[str, Any]:
    """Who watches over whom."""
    checks.word(role, ROLES, "relation.role")
    rows.existing(people, subject)
    rows.existing(people, other)
    if subject == other:
        raise RegistryError(f"person '{subject}' cannot be related to themself; name who watches over them")
    _in_order(from_ms, to_ms, "relation")
    return {
        "subject_id": subject,
        "other_id": other,
        "role": role,
        "purpose": checks.line(purpose, "relation.purpose", empty=True),
        "from_ms": from_ms,
        "to_ms": to_ms,
    }


def contact_values(
    rows: AuditedRows,
    person: str,
    channel: str,
    address: str,
    rank: int,
    verified_ms: int | None,
) -> dict[str, Any]:
    """A way to reach somebody."""
    rows.existing(people, person)
    return {
        "person_id": person,
        "channel": checks.word(channel, CHANNELS, "contact_method.channel"),
        "address": checks.address(address, channel, "contact_method.address"),
        "rank": checks.rank(rank, "contact_method.rank"),
        "verified_ms": checks.moment_or_none(verified_ms, "contact_method.verified_ms"),
    }


def absence_values(rows: AuditedRows, home: str, from_ms: int, to_ms: int, note: str) -> dict[str, Any]:
    """The person of a home is away."""
    rows.existing(homes, home)
    return {"home_id": home, **_span(from_ms, to_ms, note, "absence")}


def leave_values(rows: AuditedRows, person: str, from_ms: int, to_ms: int, note: str) -> dict[str, Any]:
    """A responder is away."""
    rows.existing(people, person)
    return {"person_id": person, **_span(from_ms, to_ms, note, "leave")}


def _span(from_ms: int, to_ms: int, note: str, what: str) -> dict[str, Any]:
    _in_order(from_ms, checks.moment(to_ms, f"{what}.to_ms"), what)
    return {"from_ms": from_ms, "to_ms": to_ms, "note": checks.line(note, f"{what}.note", empty=True)}


def _in_order(from_ms: int, to_ms: int | None, what: str) -> None:
    checks.moment(from_ms, f"{what}.from_ms")
    if to_ms is not None and checks.moment(to_ms, f"{what}.to_ms") <= from_ms:
        raise RegistryError(f"{what}: it ends before it begins or at once; to_ms must be later than from_ms")
