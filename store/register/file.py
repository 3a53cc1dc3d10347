"""A register in a file: people, homes and relations as TOML or JSON, brought into the store again and again.

::

    zone = "Asia/Tokyo"                                    # of homes and dates that do not say their own
    [[organisations]]
    id = "council"
    name = "…"
    kind = "council"                                       # council | hub | association
    [[people]]
    id = "p1"
    name = "…"
    hours = "mon-fri 08:00-20:00; sat,sun 09:00-12:00"     # when a responder may be called; left out: always
    leave = [{ from = 2026-08-12, to = 2026-08-17, note = "…" }]
    contacts = [{ channel = "sms", address = "090…", rank = 0, verified = 2026-04-01 }]
    [[homes]]
    id = "h1"
    person = "p1"
    organisation = "council"
    gateway = "01J…"
    [[relations]]
    subject = "p1"
    other = "p2"
    role = "neighbour"                                     # neighbour | staff | hub_volunteer | family
    from = 2026-04-01
    to = 2027-04-01                                        # may be left out: until revoked

Importing adds and updates; it never removes. What was revoked, disabled or verified in the store stays so, and who
opted out stays out.
"""

import json
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from store.register import checks
from store.register.checks import RegistryError
from store.register.registry import Registry, edit

LARGEST_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """How many entries were added, changed, or were as the file says already."""

    added: int
    changed: int
    same: int


def load_register(path: Path) -> Mapping[str, Any]:
    """Read a register file; TOML unless the name ends in ``.json``.

    Raises:
        RegistryError: it cannot be read; names the file and, where known, the line.
    """
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise RegistryError(f"{path}: larger than {LARGEST_BYTES} bytes; split it")
        text = path.read_bytes().decode("utf-8")
        loaded: object = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise RegistryError(f"{path}: cannot be read ({error.strerror}); check the path and its permissions") from None
    except UnicodeDecodeError as error:
        raise RegistryError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8") from None
    except json.JSONDecodeError as error:
        raise RegistryError(f"{path}: line {error.lineno}: not JSON ({error.msg})") from None
    except tomllib.TOMLDecodeError as error:
        raise RegistryError(f"{path}: not TOML: {error}") from None
    except RecursionError:
        raise RegistryError(f"{path}: nested too deeply") from None
    if not isinstance(loaded, dict):
        raise RegistryError(f"{path}: must be an object with organisations, people, homes and relations")
    return loaded


def import_register(engine: Engine, register: Mapping[str, Any], actor: str, now_ms: int) -> ImportSummary:
    """Bring a register into the store in one transaction: all of it, or nothing. A second time it changes nothing.

    Args:
        engine: the relational store.
        register: what `load_register` gives.
        actor: person id, or the part that acts.
        now_ms: ms UTC, for the audit lines.

    Raises:
        RegistryError: an entry is wrong; the message begins with the entry, such as ``people[3]``.
    """
    _fields(register, "the register", (), ("zone", *_IMPORTERS))
    zone = checks.zone(register.get("zone", "Asia/Tokyo"), "zone")
    outcomes: Counter[str] = Counter()
    with edit(engine, actor=actor, now_ms=now_ms) as registry:
        for name, importer in _IMPORTERS.items():
            for where, entry in _entries(register, name):
                outcomes.update(_named(where, importer, registry, entry, zone))
    return ImportSummary(outcomes["added"], outcomes["changed"], outcomes["same"])


def _named(where: str, importer: "_Importer", registry: Registry, entry: Mapping[str, Any], zone: str) -> list[str]:
    try:
        return importer(registry, entry, zone)
    except RegistryError as error:
        raise RegistryError(f"{where}: {error}") from None


def _organisation(registry: Registry, entry: Mapping[str, Any], _zone: str) -> list[str]:
    return [registry.put_organisation(**_fields(entry, "the organisation", ("id", "name", "kind")))]


def _person(registry: Registry, entry: Mapping[str, Any], zone: str) -> list[str]:
    fields = _fields(entry, "the person", ("id", "name"), ("kana", "language", "zone", "hours", "leave", "contacts"))
    person, local = fields["id"], checks.zone(fields.get("zone", zone), "zone")
    if "hours" in fields:
        fields["zone"] = local
    outcome = registry.put_person(**{name: fields[name] for name in fields if name not in ("leave", "contacts")})
    return [outcome, *_leaves(registry, person, entry, local), *_contacts(registry, person, entry, zone)]


def _leaves(registry: Registry, person: str, entry: Mapping[str, Any], zone: str) -> Iterator[str]:
    for where, leave in _entries(entry, "leave"):
        fields = _fields(leave, where, ("from", "to"), ("note",))
        from_ms, to_ms = (moment_ms(fields[name], zone, f"{where}.{name}") for name in ("from", "to"))
        yield registry.put_leave(person, from_ms, to_ms, fields.get("note", ""))


def _contacts(registry: Registry, person: str, entry: Mapping[str, Any], zone: str) -> Iterator[str]:
    for where, contact in _entries(entry, "contacts"):
        fields = _fields(contact, where, ("channel", "address"), ("rank", "verified"))
        if "verified" in fields:
            fields["verified_ms"] = moment_ms(fields.pop("verified"), zone, f"{where}.verified")
        yield registry.put_contact_method(person, **fields)


def _home(registry: Registry, entry: Mapping[str, Any], zone: str) -> list[str]:
    fields = _fields(entry, "the home", ("id", "person", "organisation", "gateway"), ("zone", "area"))
    return [registry.put_home(**{"zone": zone, **fields})]


def _relation(registry: Registry, entry: Mapping[str, Any], zone: str) -> list[str]:
    fields = _fields(entry, "the relation", ("subject", "other", "role", "from"), ("purpose", "to"))
    from_ms, to = moment_ms(fields.pop("from"), zone, "from"), fields.pop("to", None)
    to_ms = None if to is None else moment_ms(to, zone, "to")
    return [registry.put_relation(**fields, from_ms=from_ms, to_ms=to_ms)]


_Importer = Callable[[Registry, Mapping[str, Any], str], list[str]]
_IMPORTERS: Final[Mapping[str, _Importer]] = {  # in this order: each may name what came before it
    "organisations": _organisation,
    "people": _person,
    "homes": _home,
    "relations": _relation,
}


def _entries(holder: Mapping[str, Any], name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    entries = holder.get(name, [])
    if not isinstance(entries, list):
        raise RegistryError(f"{name} must be a list of entries")
    for i, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise RegistryError(f"{name}[{i}] must be an entry with fields")
        yield f"{name}[{i}]", entry


def _fields(
    entry: Mapping[str, Any], what: str, needed: tuple[str, ...], others: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The fields of an entry. Raises RegistryError for one that no ``what`` has, or that is missing."""
    known = (*needed, *others)
    for name in entry:
        if name not in known:
            shown = str(name)[:40]
            raise RegistryError(f"'{shown}' is no field of {what}; {checks.nearest(shown, known)}")
    for name in needed:
        if name not in entry:
            raise RegistryError(f"'{name}' is missing")
    return dict(entry)


def moment_ms(value: object, zone: str, what: str) -> int:
    """A date (its midnight), or a date and time, in ``zone`` unless it says its own, as ms UTC; as text in ISO 8601.

    Raises:
        RegistryError: it is neither; names ``what``.
    """
    try:
        given = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        given = None
    if isinstance(given, date) and not isinstance(given, datetime):
        given = datetime.combine(given, time())
    if not isinstance(given, datetime):
        raise RegistryError(f"{what} must be a date such as 2026-04-01, or a date and time such as 2026-04-01T09:00")
    moment = given if given.tzinfo else given.replace(tzinfo=ZoneInfo(zone))
    return checks.moment(round(moment.timestamp() * 1000), what)
