"""The one writer of organisations, people, homes, relations, contact methods, absences and leaves.

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

from sqlalchemy import ColumnElement, Connection, Engine, Table, or_, select, update
from sqlalchemy.exc import IntegrityError

from store.register import checks
from store.register import values as values_of
from store.register.audited_rows import AuditedRows, random_id
from store.register.checks import CHANNELS, ORGANISATION_KINDS, ROLES, RegistryError
from store.schema import absences, contact_methods, homes, leaves, organisations, people, relations

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


def note_contact_ok(connection: Connection, method: str, at_ms: int) -> None:
    """Write down that a channel accepted a message to this contact method at ``at_ms`` (ms UTC).

    No change of the register, so without an audit line: the message is recorded where it was sent.
    """
    this = contact_methods.c.id == method
    connection.execute(update(contact_methods).where(this).values(last_ok_ms=at_ms))


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
        return self._rows.add_row(organisations, id, values_of.organisation_values(name, kind))

    def put_organisation(self, id: str, name: str, kind: str) -> str:  # noqa: A002
        """Add it, or bring it up to date: ``added``, ``changed`` or ``same``."""
        return self._rows.put_row(organisations, id, values_of.organisation_values(name, kind))

    def add_person(
        self,
        name: str,
        *,
        kana: str = "",
        language: str = "ja",
        zone: str | None = None,
        hours: str | None = None,
        id: str | None = None,  # noqa: A002
    ) -> str:
        """Add a person, whatever part they will have; gives the id.

        Args:
            name: 姓 名.
            kana: how it is read; may be empty.
            language: ``ja`` or ``en``.
            zone: IANA time zone of the hours; None for Asia/Tokyo.
            hours: when they may be called as a responder, see `store.register.hours`; empty or None for always.
            id: the person's id; random when None.
        """
        return self._rows.add_row(people, id, values_of.person_values(name, kana, language, zone, hours))

    def put_person(
        self,
        id: str,  # noqa: A002
        name: str,
        *,
        kana: str = "",
        language: str = "ja",
        zone: str | None = None,
        hours: str | None = None,
    ) -> str:
        """Add the person, or bring the entry up to date: ``added``, ``changed`` or ``same``.

        ``zone`` and ``hours`` stay as they are when None. Who opted out stays opted out.
        """
        return self._rows.put_row(people, id, values_of.person_values(name, kana, language, zone, hours))

    # ---- when a responder may be called ----

    def set_hours(self, person: str, hours: str, zone: str | None = None) -> None:
        """Let a responder be called in these weekly hours alone, see `store.register.hours`; empty for always."""
        known = self._rows.existing(people, person)
        values = {"hours": checks.hours(hours, "person.hours")}
        if zone is not None:
            values["zone"] = checks.zone(zone, "person.zone")
        if any(known[name] != value for name, value in values.items()):
            self._rows.change_row(people, person, values, "changed", columns=sorted(values))

    def opt_out(self, person: str) -> None:
        """Contact this person no more, in any way, until they opt in again."""
        if self._rows.existing(people, person)["opt_out_ms"] is not None:
            raise RegistryError(f"person '{person}' has opted out already")
        self._rows.change_row(people, person, {"opt_out_ms": self._now_ms}, "opted_out")

    def opt_in(self, person: str) -> None:
        """The person wishes to be contacted again."""
        if self._rows.existing(people, person)["opt_out_ms"] is None:
            raise RegistryError(f"person '{person}' has not opted out; nothing is to be done")
        self._rows.change_row(people, person, {"opt_out_ms": None}, "opted_in")

    def take_leave(
        self,
        person: str,
        from_ms: int,
        to_ms: int,
        note: str = "",
        *,
        id: str | None = None,  # noqa: A002
    ) -> str:
        """A responder is not to be called from ``from_ms`` to ``to_ms`` (ms UTC); gives the leave's id.

        One that is over is refused: a date of last year is a slip, and would leave them called.
        """
        values = values_of.leave_values(self._rows, person, from_ms, to_ms, note)
        if to_ms <= self._now_ms:
            raise RegistryError("leave: it is over already and would change nothing; let it end at a moment to come")
        twin = self._rows.find(leaves, {name: values[name] for name in ("person_id", "from_ms", "to_ms")})
        if twin is not None:
            raise RegistryError(f"leave '{twin}' says the same; cancel it first")
        return self._rows.add_row(leaves, id, values)

    def put_leave(self, person: str, from_ms: int, to_ms: int, note: str = "") -> str:
        """Add the leave, or change the note of the one with these times: ``added``, ``changed`` or ``same``."""
        values = values_of.leave_values(self._rows, person, from_ms, to_ms, note)
        known = self._rows.find(leaves, {name: values[name] for name in ("person_id", "from_ms", "to_ms")})
        return self._rows.put_row(leaves, known or random_id(), values)

    def cancel_leave(self, leave: str) -> None:
        """The responder is back, or does not go: a leave under way ends now, one still to come is removed."""
        self._end_early(leaves, leave, "leave")

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
        values = values_of.home_values(self._rows, person, organisation, gateway, zone, area)
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
        values = values_of.home_values(self._rows, person, organisation, gateway, zone, area)
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
        values = values_of.relation_values(self._rows, subject, other, role, purpose, begins_ms, to_ms)
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
        values = values_of.relation_values(self._rows, subject, other, role, purpose, from_ms, to_ms)
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
        values = values_of.contact_values(self._rows, self._channels, person, channel, address, rank, verified_ms)
        twin = self._rows.find(contact_methods, _same_address(values))
        if twin is not None:
            raise RegistryError(f"contact method '{twin}' of that person is the same; change it, do not add it again")
        return self._rows.add_row(contact_methods, id, values)

    def put_contact_method(
        self, person: str, channel: str, address: str, rank: int = 0, verified_ms: int | None = None
    ) -> str:
        """Add it, or change rank and verification of the one with this channel and address.

        Disabled stays disabled, and what was verified stays so when ``verified_ms`` is None.
        """
        values = values_of.contact_values(self._rows, self._channels, person, channel, address, rank, verified_ms)
        known = self._rows.find(contact_methods, _same_address(values))
        if known is not None and verified_ms is None:
            del values["verified_ms"]
        return self._rows.put_row(contact_methods, known or random_id(), values)

    def verify_contact_method(self, method: str) -> None:
        """It was proven that messages to it reach the person, at ``now_ms``."""
        self._rows.existing(contact_methods, method)
        self._rows.change_row(contact_methods, method, {"verified_ms": self._now_ms}, "verified")

    def disable_contact_method(self, method: str, reason: str) -> None:
        """Use it no more. ``reason`` is a word for the page, such as ``blocked`` or ``wrong_number``; not personal."""
        row = self._rows.existing(contact_methods, method)
        if row["disabled_reason"] is not None:
            raise RegistryError(f"contact method '{method}' is disabled already")
        text = checks.identifier(reason, "reason")
        self._rows.change_row(contact_methods, method, {"disabled_reason": text}, "disabled", cause=text)

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
        values = values_of.contact_values(self._rows, self._channels, person, channel, address, 0, self._now_ms)
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
        values = values_of.absence_values(self._rows, home, from_ms, to_ms, note)
        twin = self._rows.find(absences, {name: values[name] for name in ("home_id", "from_ms", "to_ms")})
        if twin is not None:
            raise RegistryError(f"absence '{twin}' says the same; cancel it first")
        return self._rows.add_row(absences, id, values)

    def cancel_absence(self, absence: str) -> None:
        """The person is back, or does not go: an absence under way ends now, one still to come is removed."""
        self._end_early(absences, absence, "absence")

    def _end_early(self, table: Table, key: str, what: str) -> None:
        row = self._rows.existing(table, key)
        if row["to_ms"] <= self._now_ms:
            raise RegistryError(f"{what} '{key}' is over already; nothing is to be cancelled")
        if row["from_ms"] < self._now_ms:
            self._rows.change_row(table, key, {"to_ms": self._now_ms}, "cancelled")
            return
        self._rows.remove_row(table, key, "cancelled")

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
