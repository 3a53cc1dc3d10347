"""Who watches over whom, and how each person is reached."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, or_, select

from store.register import checks
from store.register.checks import RegistryError
from store.register.editor import Editor, random_id
from store.schema import contact_methods, relations


class ContactsEditor(Editor):
    """Changes of relations and contact methods, see `Editor`."""

    def relate(
        self,
        subject: str,
        other: str,
        role: str,
        purpose: str = "",
        from_ms: int | None = None,
        to_ms: int | None = None,
        *,
        id: str | None = None,
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
        self._refuse_overlap(values)
        return self._add_row(relations, id, values)

    def put_relation(
        self, subject: str, other: str, role: str, purpose: str = "", from_ms: int = 0, to_ms: int | None = None
    ) -> str:
        """Add the relation, or change purpose and end of the one with the same people, role and beginning.

        What was revoked stays revoked: a renewed consent is a new relation, with a beginning of its own.
        """
        values = self._relation(subject, other, role, purpose, from_ms, to_ms)
        same = ("subject_id", "other_id", "role", "from_ms")
        known = self._find(relations, {name: values[name] for name in same})
        if known is not None:
            values["to_ms"] = _earlier(to_ms, self._existing(relations, known)["to_ms"])
        self._refuse_overlap(values, but=known)
        return self._put_row(relations, known or random_id(), values)

    def revoke(self, relation: str, at_ms: int | None = None) -> None:
        """End a relation at ``at_ms`` (ms UTC; None for now). One that has not begun by then will never be in force."""
        row = self._existing(relations, relation)
        end_ms = max(checks.moment(self._now_ms if at_ms is None else at_ms, "at_ms"), row["from_ms"])
        if row["to_ms"] is not None and row["to_ms"] <= end_ms:
            raise RegistryError(f"relation '{relation}' ends by then already; nothing is to be revoked")
        self._change_row(relations, relation, {"to_ms": end_ms}, "revoked")

    def add_contact_method(
        self,
        person: str,
        channel: str,
        address: str,
        rank: int = 0,
        verified_ms: int | None = None,
        *,
        id: str | None = None,
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
        values = self._method(person, channel, address, rank, verified_ms)
        twin = self._find(contact_methods, _same_address(values))
        if twin is not None:
            raise RegistryError(f"contact method '{twin}' of that person is the same; change it, do not add it again")
        return self._add_row(contact_methods, id, values)

    def put_contact_method(
        self, person: str, channel: str, address: str, rank: int = 0, verified_ms: int | None = None
    ) -> str:
        """Add it, or change rank and verification of the one with this channel and address.

        Disabled stays disabled, and what was verified stays so when ``verified_ms`` is None.
        """
        values = self._method(person, channel, address, rank, verified_ms)
        known = self._find(contact_methods, _same_address(values))
        if known is not None and verified_ms is None:
            del values["verified_ms"]
        return self._put_row(contact_methods, known or random_id(), values)

    def verify_contact_method(self, method: str) -> None:
        """It was proven that messages to it reach the person, at ``now_ms``."""
        self._existing(contact_methods, method)
        self._change_row(contact_methods, method, {"verified_ms": self._now_ms}, "verified")

    def disable_contact_method(self, method: str, reason: str) -> None:
        """Use it no more. ``reason`` is a word for the page, such as ``blocked`` or ``wrong_number``; not personal."""
        row = self._existing(contact_methods, method)
        if row["disabled_reason"] is not None:
            raise RegistryError(f"contact method '{method}' is disabled already")
        text = checks.identifier(reason, "reason")
        self._change_row(contact_methods, method, {"disabled_reason": text}, "disabled", cause=text)

    def enable_contact_method(self, method: str) -> None:
        """Use it again, after what had disabled it is over."""
        row = self._existing(contact_methods, method)
        if row["disabled_reason"] is None:
            raise RegistryError(f"contact method '{method}' is in use already")
        self._change_row(contact_methods, method, {"disabled_reason": None}, "enabled")

    def link_contact_method(self, person: str, channel: str, address: str) -> str:
        """The person proved that this address is theirs: it is in use and verified from now on; gives its id.

        Their other addresses of the channel are disabled as ``replaced``: who links anew has another account.
        """
        values = self._method(person, channel, address, 0, self._now_ms)
        known = self._find(contact_methods, _same_address(values))
        if known is None:
            known = self._add_row(contact_methods, None, values)
        else:
            proven = {"verified_ms": self._now_ms, "disabled_reason": None}
            self._change_row(contact_methods, known, proven, "linked")
        others = (contact_methods.c.person_id == person) & (contact_methods.c.channel == channel)
        in_use = others & (contact_methods.c.id != known) & contact_methods.c.disabled_reason.is_(None)
        for method in self._connection.execute(select(contact_methods.c.id).where(in_use)).scalars().all():
            self.disable_contact_method(method, "replaced")
        return known

    def _relation(
        self, subject: str, other: str, role: str, purpose: str, from_ms: int, to_ms: int | None
    ) -> dict[str, Any]:
        people = {"subject_id": subject, "other_id": other}
        values = self._checked(relations, **people, role=role, purpose=purpose, from_ms=from_ms, to_ms=to_ms)
        if subject == other:
            raise RegistryError(f"person '{subject}' cannot be related to themself; name who watches over them")
        return values

    def _refuse_overlap(self, values: Mapping[str, Any], but: str | None = None) -> None:
        same = [relations.c[name] == values[name] for name in ("subject_id", "other_id", "role")]
        overlap: list[ColumnElement[bool]] = [or_(relations.c.to_ms.is_(None), relations.c.to_ms > values["from_ms"])]
        if values["to_ms"] is not None:
            overlap.append(relations.c.from_ms < values["to_ms"])
        if but is not None:
            overlap.append(relations.c.id != but)
        twin = self._connection.execute(select(relations.c.id).where(*same, *overlap)).scalars().first()
        if twin is not None:
            raise RegistryError(f"relation '{twin}' already says so for part of that time; revoke it first")

    def _method(self, person: str, channel: str, address: str, rank: int, verified_ms: int | None) -> dict[str, Any]:
        values = self._checked(contact_methods, person_id=person, channel=channel, rank=rank, verified_ms=verified_ms)
        return values | {"address": checks.address(address, channel, "contact_method.address")}


def _earlier(end_ms: int | None, other_ms: int | None) -> int | None:
    ends = [end for end in (end_ms, other_ms) if end is not None]
    return min(ends, default=None)


def _same_address(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in ("person_id", "channel", "address")}
