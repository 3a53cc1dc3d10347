"""When a watched person is away, and when a responder is on leave."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Table

from store.register.checks import RegistryError
from store.register.editor import Editor, random_id
from store.schema import absences, leaves


class AbsencesEditor(Editor):
    """Changes of absences and leaves, see `Editor`."""

    def register_absence(self, home: str, from_ms: int, to_ms: int, note: str = "", *, id: str | None = None) -> str:
        """The person will be away from ``from_ms`` to ``to_ms`` (ms UTC); gives the absence's id."""
        values = self._checked(absences, home_id=home, from_ms=from_ms, to_ms=to_ms, note=note)
        return self._add_once(absences, id, values, "absence")

    def cancel_absence(self, absence: str) -> None:
        """The person is back, or does not go: an absence under way ends now, one still to come is removed."""
        self._end_early(absences, absence, "absence")

    def take_leave(self, person: str, from_ms: int, to_ms: int, note: str = "", *, id: str | None = None) -> str:
        """A responder is not to be called from ``from_ms`` to ``to_ms`` (ms UTC); gives the leave's id.

        One that is over is refused: a date of last year is a slip, and would leave them called.
        """
        values = self._checked(leaves, person_id=person, from_ms=from_ms, to_ms=to_ms, note=note)
        if to_ms <= self._now_ms:
            raise RegistryError("leave: it is over already and would change nothing; let it end at a moment to come")
        return self._add_once(leaves, id, values, "leave")

    def put_leave(self, person: str, from_ms: int, to_ms: int, note: str = "") -> str:
        """Add the leave, or change the note of the one with these times: ``added``, ``changed`` or ``same``."""
        values = self._checked(leaves, person_id=person, from_ms=from_ms, to_ms=to_ms, note=note)
        return self._put_row(leaves, self._twin(leaves, values) or random_id(), values)

    def cancel_leave(self, leave: str) -> None:
        """The responder is back, or does not go: a leave under way ends now, one still to come is removed."""
        self._end_early(leaves, leave, "leave")

    def _add_once(self, table: Table, key: str | None, values: Mapping[str, Any], what: str) -> str:
        twin = self._twin(table, values)
        if twin is not None:
            raise RegistryError(f"{what} '{twin}' says the same; cancel it first")
        return self._add_row(table, key, values)

    def _twin(self, table: Table, values: Mapping[str, Any]) -> str | None:
        return self._find(table, {name: value for name, value in values.items() if name != "note"})

    def _end_early(self, table: Table, key: str, what: str) -> None:
        row = self._existing(table, key)
        if row["to_ms"] <= self._now_ms:
            raise RegistryError(f"{what} '{key}' is over already; nothing is to be cancelled")
        if row["from_ms"] < self._now_ms:
            self._change_row(table, key, {"to_ms": self._now_ms}, "cancelled")
            return
        self._remove_row(table, key, "cancelled")
