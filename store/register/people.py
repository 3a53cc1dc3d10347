"""Organisations, people and their homes; when a responder may be called, and who wishes not to be contacted."""

from typing import Any

from store.register.checks import RegistryError
from store.register.editor import Editor
from store.schema import homes, organisations, people


class PeopleEditor(Editor):
    """Changes of organisations, people and homes, see `Editor`."""

    def add_organisation(self, name: str, kind: str, *, id: str | None = None) -> str:
        """Add a council, hub or association; gives its id."""
        return self._add_row(organisations, id, self._checked(organisations, name=name, kind=kind))

    def put_organisation(self, id: str, name: str, kind: str) -> str:
        """Add it, or bring it up to date: ``added``, ``changed`` or ``same``."""
        return self._put_row(organisations, id, self._checked(organisations, name=name, kind=kind))

    def add_person(
        self,
        name: str,
        *,
        kana: str = "",
        language: str = "ja",
        zone: str | None = None,
        hours: str | None = None,
        id: str | None = None,
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
        return self._add_row(people, id, self._person(name, kana, language, zone, hours))

    def put_person(
        self,
        id: str,
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
        return self._put_row(people, id, self._person(name, kana, language, zone, hours))

    def set_hours(self, person: str, hours: str, zone: str | None = None) -> None:
        """Let a responder be called in these weekly hours alone, see `store.register.hours`; empty for always."""
        known = self._existing(people, person)
        values = self._checked(people, hours=hours, **_given(zone=zone))
        if any(known[name] != value for name, value in values.items()):
            self._change_row(people, person, values, "changed", columns=sorted(values))

    def opt_out(self, person: str) -> None:
        """Contact this person no more, in any way, until they opt in again."""
        if self._existing(people, person)["opt_out_ms"] is not None:
            raise RegistryError(f"person '{person}' has opted out already")
        self._change_row(people, person, {"opt_out_ms": self._now_ms}, "opted_out")

    def opt_in(self, person: str) -> None:
        """The person wishes to be contacted again."""
        if self._existing(people, person)["opt_out_ms"] is None:
            raise RegistryError(f"person '{person}' has not opted out; nothing is to be done")
        self._change_row(people, person, {"opt_out_ms": None}, "opted_in")

    def add_home(
        self,
        person: str,
        organisation: str,
        gateway: str,
        zone: str = "Asia/Tokyo",
        area: str = "",
        *,
        id: str | None = None,
    ) -> str:
        """Add the home of one person, whose incidents ``organisation`` owns; gives its id.

        Args:
            person: id of who lives there.
            organisation: id of who owns the incidents.
            gateway: common name of the certificate of the one gateway there.
            zone: IANA time zone of the rhythm.
            area: district, for trouble that is area-wide; may be empty.
            id: the home's id; random when None.
        """
        return self._add_row(homes, id, self._home(id, person, organisation, gateway, zone, area))

    def put_home(
        self, id: str, person: str, organisation: str, gateway: str, zone: str = "Asia/Tokyo", area: str = ""
    ) -> str:
        """Add the home, or bring it up to date: ``added``, ``changed`` or ``same``. Its person stays the same."""
        values = self._home(id, person, organisation, gateway, zone, area)
        known = self._row(homes, id)
        if known is not None and known["person_id"] != person:
            raise RegistryError(f"home '{id}' is another person's; what was learned there is theirs: give a new id")
        return self._put_row(homes, id, values)

    def _person(self, name: str, kana: str, language: str, zone: str | None, hours: str | None) -> dict[str, Any]:
        return self._checked(people, name=name, kana=kana, language=language, **_given(zone=zone, hours=hours))

    def _home(
        self, id: str | None, person: str, organisation: str, gateway: str, zone: str, area: str
    ) -> dict[str, Any]:
        values = self._checked(
            homes, person_id=person, organisation_id=organisation, gateway=gateway, zone=zone, area=area
        )
        owner = self._find(homes, {"gateway": gateway})
        if owner is not None and owner != id:
            raise RegistryError(f"gateway '{gateway}' stands in home '{owner}' already; a gateway has one home")
        return values


def _given(**values: str | None) -> dict[str, str]:
    return {name: value for name, value in values.items() if value is not None}
