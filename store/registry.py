"""The one writer of organisations, people, homes, relations, contact methods and absences.

::

    with edit(engine, actor="import", now_ms=now_ms) as registry:
        person = registry.add_person("山田 花子")
        home = registry.add_home(person, organisation, gateway="01J…")

Everything inside one ``with`` is one transaction, with an audit line for each change: all of it holds, or nothing.
A part that already has a transaction open makes a `Registry` on its connection.
"""

import contextlib
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, or_, select
from sqlalchemy.exc import IntegrityError

from store import checks
from store.audited_rows import AuditedRows, random_id
from store.checks import CHANNELS, ORGANISATION_KINDS, ROLES, RegistryError
from store.schema import absences, contact_methods, homes, organisations, people, relations

__all__ = ["CHANNELS", "ORGANISATION_KINDS", "ROLES", "Registry", "RegistryError", "edit"]


@contextlib.contextmanager
def edit(engine: Engine, *, actor: str, now_ms: int, channels: Collection[str] = CHANNELS) -> "Iterator[Registry]":
    """A `Registry` in a transaction of its own: committed at the end, undone by an exception.

    Raises:
        RegistryError: a change was refused, or somebody else made a conflicting one at the same moment.
    """
    try:
        with engine.begin() as connection:
            yield Registry(connection, actor, now_ms, channels)
    except IntegrityError:  # its text would repeat the row, which is personal
        raise RegistryError("the register was changed by somebody else at the same moment; try again") from None


class Registry:
    """Changes of the register inside one transaction.

    Every method raises `RegistryError` when it refuses. Ids are random unless given; they are pseudonymous.

    Args:
        connection: an open transaction.
        actor: person id, or the part that acts; stands in the audit lines.
        now_ms: when, ms UTC; stands in the audit lines.
        channels: names of channels that a contact method may have.
    """

    def __init__(self, connection: Connection, actor: str, now_ms: int, channels: Collection[str] = CHANNELS) -> None:
        self._connection = connection
        self._now_ms = checks.moment(now_ms, "now_ms")
        self._rows = AuditedRows(connection, checks.identifier(actor, "actor"), now_ms)
        self._channels = tuple(channels)

    # ---- organisations, people, homes ----

    def add_organisation(self, name: str, kind: str, *, id: str | None = None) -> str:  # noqa: A002 - the column's name
        """Add a council, hub or association; gives its id."""
        return self._rows.add_row(organisations, id, self._organisation(name, kind))

    def put_organisation(self, id: str, name: str, kind: str) -> str:  # noqa: A002
        """Add it, or bring it up to date: ``added``, ``changed`` or ``same``."""
        return self._rows.put_row(organisations, id, self._organisation(name, kind))

    def add_person(self, name: str, *, kana: str = "", language: str = "ja", id: str | None = None) -> str:  # noqa: A002
        """Add a person, whatever part they will have; gives the id."""
        return self._rows.add_row(people, id, self._person(name, kana, language))

    def put_person(self, id: str, name: str, *, kana: str = "", language: str = "ja") -> str:  # noqa: A002
        """Add the person, or bring the entry up to date: ``added``, ``changed`` or ``same``."""
        return self._rows.put_row(people, id, self._person(name, kana, language))

    def add_home(
        self,
        person: str,
        organisation: str,
        gateway: str,
        zone: str = "Asia/Tokyo",
        area: str = "",
        *,
        id: str | None = None,  # noqa: A002
    ) -> str:
        """Add the home of one person, whose cases ``organisation`` owns; gives its id.

        Args:
            person: id of who lives there.
            organisation: id of who owns the cases.
            gateway: common name of the certificate of the one gateway there.
            zone: IANA time zone of the rhythm.
            area: district, for trouble that is area-wide; may be empty.
            id: the home's id; random when None.
        """
        values = self._home(person, organisation, gateway, zone, area)
        self._gateway_is_free(gateway, id)
        return self._rows.add_row(homes, id, values)

    def put_home(
        self,
        id: str,  # noqa: A002
        person: str,
        organisation: str,
        gateway: str,
        zone: str = "Asia/Tokyo",
        area: str = "",
    ) -> str:
        """Add the home, or bring it up to date: ``added``, ``changed`` or ``same``. Its person stays the same."""
        values = self._home(person, organisation, gateway, zone, area)
        self._gateway_is_free(gateway, id)
        known = self._rows.row(homes, id)
        if known is not None and known["person_id"] != person:
            raise RegistryError(f"home '{id}' is another person's; what was learned there is theirs: give a new id")
        return self._rows.put_row(homes, id, values)

    # ---- relations ----

    def relate(
        self,
        subject: str,
        other: str,
        role: str,
        purpose: str = "",
        from_ms: int | None = None,
        to_ms: int | None = None,
        *,
        id: str | None = None,  # noqa: A002
    ) -> str:
        """Let ``other`` watch over ``subject`` with a role, by consent; gives the relation's id.

        Args:
            subject: id of the watched person.
            other: id of the person who watches.
            role: one of `ROLES`.
            purpose: what the consent covers.
            from_ms: in force from (ms UTC); None for now.
            to_ms: in force before (ms UTC); None until revoked.
            id: the relation's id; random when None.
        """
        begins_ms = self._now_ms if from_ms is None else from_ms
        values = self._relation(subject, other, role, purpose, begins_ms, to_ms)
        twin = self._overlapping(values)
        if twin is not None:
            raise RegistryError(f"relation '{twin}' already says so for part of that time; revoke it first")
        return self._rows.add_row(relations, id, values)

    def put_relation(
        self, subject: str, other: str, role: str, purpose: str = "", from_ms: int = 0, to_ms: int | None = None
    ) -> str:
        """Add the relation, or change purpose and end of the one with the same people, role and beginning.

        What was revoked stays revoked: a renewed consent is a new relation, with a beginning of its own.
        """
        values = self._relation(subject, other, role, purpose, from_ms, to_ms)
        same = ("subject_id", "other_id", "role", "from_ms")
        known = self._rows.find(relations, {name: values[name] for name in same})
        if known is not None:
            values["to_ms"] = _earlier(to_ms, self._rows.existing(relations, known)["to_ms"])
        twin = self._overlapping(values, but=known)
        if twin is not None:
            raise RegistryError(f"relation '{twin}' already says so for part of that time; revoke it first")
        return self._rows.put_row(relations, known or random_id(), values)

    def revoke(self, relation: str, at_ms: int | None = None) -> None:
        """End a relation at ``at_ms`` (ms UTC; None for now). One that has not begun by then will never be in force."""
        row = self._rows.existing(relations, relation)
        end_ms = max(checks.moment(self._now_ms if at_ms is None else at_ms, "at_ms"), row["from_ms"])
        if row["to_ms"] is not None and row["to_ms"] <= end_ms:
            raise RegistryError(f"relation '{relation}' ends by then already; nothing is to be revoked")
        self._rows.change_row(relations, relation, {"to_ms": end_ms}, "revoked")

    # ---- contact methods ----

    def add_contact_method(
        self,
        person: str,
        channel: str,
        address: str,
        rank: int = 0,
        verified_ms: int | None = None,
        *,
        id: str | None = None,  # noqa: A002
    ) -> str:
        """Add a way to reach a person; gives its id.

        Args:
            person: person id.
            channel: name of a channel.
            address: what the channel dials or writes to; secret. Phone numbers as ``+81…``.
            rank: 0 to 99, lower is tried first.
            verified_ms: when it was proven to reach the person (ms UTC); None: not yet.
            id: the method's id; random when None.
        """
        values = self._contact_method(person, channel, address, rank, verified_ms)
        twin = self._rows.find(contact_methods, _same_address(values))
        if twin is not None:
            raise RegistryError(f"contact method '{twin}' of that person is the same; change it, do not add it again")
        return self._rows.add_row(contact_methods, id, values)

    def put_contact_method(
        self, person: str, channel: str, address: str, rank: int = 0, verified_ms: int | None = None
    ) -> str:
        """Add it, or change rank and verification of the one with this channel and address; disabled stays so."""
        values = self._contact_method(person, channel, address, rank, verified_ms)
        known = self._rows.find(contact_methods, _same_address(values))
        return self._rows.put_row(contact_methods, known or random_id(), values)

    def disable_contact_method(self, method: str, reason: str) -> None:
        """Use it no more. ``reason`` is a word for the page, such as ``blocked`` or ``wrong_number``; not personal."""
        row = self._rows.existing(contact_methods, method)
        if row["disabled_reason"] is not None:
            raise RegistryError(f"contact method '{method}' is disabled already")
        text = checks.identifier(reason, "reason")
        self._rows.change_row(contact_methods, method, {"disabled_reason": text}, f"disabled: {text}")

    def enable_contact_method(self, method: str) -> None:
        """Use it again, after what had disabled it is over."""
        row = self._rows.existing(contact_methods, method)
        if row["disabled_reason"] is None:
            raise RegistryError(f"contact method '{method}' is in use already")
        self._rows.change_row(contact_methods, method, {"disabled_reason": None}, "enabled")

    def link_contact_method(self, person: str, channel: str, address: str) -> str:
        """The person proved that this address is theirs: it is in use and verified from now on; gives its id.

        Their other addresses of the channel are disabled as ``replaced``: who links anew has another account.
        """
        values = self._contact_method(person, channel, address, 0, self._now_ms)
        known = self._rows.find(contact_methods, _same_address(values))
        if known is None:
            known = self._rows.add_row(contact_methods, None, values)
        else:
            proven = {"verified_ms": self._now_ms, "disabled_reason": None}
            self._rows.change_row(contact_methods, known, proven, "linked")
        others = (contact_methods.c.person_id == person) & (contact_methods.c.channel == channel)
        in_use = others & (contact_methods.c.id != known) & contact_methods.c.disabled_reason.is_(None)
        for method in self._connection.execute(select(contact_methods.c.id).where(in_use)).scalars().all():
            self.disable_contact_method(method, "replaced")
        return known

    # ---- absences ----

    def register_absence(
        self,
        home: str,
        from_ms: int,
        to_ms: int,
        note: str = "",
        *,
        id: str | None = None,  # noqa: A002
    ) -> str:
        """The person will be away from ``from_ms`` to ``to_ms`` (ms UTC); gives the absence's id."""
        values = self._absence(home, from_ms, to_ms, note)
        twin = self._rows.find(absences, {name: values[name] for name in ("home_id", "from_ms", "to_ms")})
        if twin is not None:
            raise RegistryError(f"absence '{twin}' says the same; cancel it first")
        return self._rows.add_row(absences, id, values)

    def cancel_absence(self, absence: str) -> None:
        """The person is back, or does not go: an absence under way ends now, one still to come is removed."""
        row = self._rows.existing(absences, absence)
        if row["to_ms"] <= self._now_ms:
            raise RegistryError(f"absence '{absence}' is over already; nothing is to be cancelled")
        if row["from_ms"] < self._now_ms:
            self._rows.change_row(absences, absence, {"to_ms": self._now_ms}, "cancelled")
            return
        self._rows.remove_row(absences, absence, "cancelled")

    # ---- what the tables may hold ----

    def _organisation(self, name: str, kind: str) -> dict[str, Any]:
        return {
            "name": checks.line(name, "organisation.name"),
            "kind": checks.word(kind, ORGANISATION_KINDS, "organisation.kind"),
        }

    def _person(self, name: str, kana: str, language: str) -> dict[str, Any]:
        return {
            "name": checks.line(name, "person.name"),
            "kana": checks.line(kana, "person.kana", empty=True),
            "language": checks.word(language, checks.LANGUAGES, "person.language"),
        }

    def _home(self, person: str, organisation: str, gateway: str, zone: str, area: str) -> dict[str, Any]:
        self._rows.existing(people, person)
        self._rows.existing(organisations, organisation)
        return {
            "person_id": person,
            "organisation_id": organisation,
            "gateway": checks.gateway(gateway, "home.gateway"),
            "zone": checks.zone(zone, "home.zone"),
            "area": checks.line(area, "home.area", empty=True),
        }

    def _relation(
        self, subject: str, other: str, role: str, purpose: str, from_ms: int, to_ms: int | None
    ) -> dict[str, Any]:
        checks.word(role, ROLES, "relation.role")
        self._rows.existing(people, subject)
        self._rows.existing(people, other)
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

    def _contact_method(
        self, person: str, channel: str, address: str, rank: int, verified_ms: int | None
    ) -> dict[str, Any]:
        self._rows.existing(people, person)
        return {
            "person_id": person,
            "channel": checks.word(channel, self._channels, "contact_method.channel"),
            "address": checks.address(address, channel, "contact_method.address"),
            "rank": checks.rank(rank, "contact_method.rank"),
            "verified_ms": checks.moment_or_none(verified_ms, "contact_method.verified_ms"),
        }

    def _absence(self, home: str, from_ms: int, to_ms: int, note: str) -> dict[str, Any]:
        self._rows.existing(homes, home)
        _in_order(from_ms, checks.moment(to_ms, "absence.to_ms"), "absence")
        return {
            "home_id": home,
            "from_ms": from_ms,
            "to_ms": to_ms,
            "note": checks.line(note, "absence.note", empty=True),
        }

    # ---- what must not be there twice ----

    def _overlapping(self, values: Mapping[str, Any], but: str | None = None) -> str | None:
        same = [relations.c[name] == values[name] for name in ("subject_id", "other_id", "role")]
        overlap: list[ColumnElement[bool]] = [or_(relations.c.to_ms.is_(None), relations.c.to_ms > values["from_ms"])]
        if values["to_ms"] is not None:
            overlap.append(relations.c.from_ms < values["to_ms"])
        if but is not None:
            overlap.append(relations.c.id != but)
        return self._connection.execute(select(relations.c.id).where(*same, *overlap)).scalars().first()

    def _gateway_is_free(self, gateway: str, home: str | None) -> None:
        owner = self._rows.find(homes, {"gateway": gateway})
        if owner is not None and owner != home:
            raise RegistryError(f"gateway '{gateway}' stands in home '{owner}' already; a gateway has one home")


def _earlier(end_ms: int | None, other_ms: int | None) -> int | None:
    ends = [end for end in (end_ms, other_ms) if end is not None]
    return min(ends, default=None)


def _same_address(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in ("person_id", "channel", "address")}


def _in_order(from_ms: int, to_ms: int | None, what: str) -> None:
    checks.moment(from_ms, f"{what}.from_ms")
    if to_ms is not None and checks.moment(to_ms, f"{what}.to_ms") <= from_ms:
        raise RegistryError(f"{what}: it ends before it begins or at once; to_ms must be later than from_ms")
