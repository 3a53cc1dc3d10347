"""Lessons that are being prepared beside the events: reading months of a home must not make all others wait.

Reading and computing need no lock. What arrives meanwhile is compared with what is being read: an event from before the
end of the lesson may have been missed, so such a lesson is thrown away and prepared again.
"""

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass

from ingest.homes.home_states import Life
from ingest.homes.registered_homes import Home


@dataclass(slots=True)
class Study:
    """One home's lesson that is being prepared.

    Attributes:
        home: whose.
        upto_ms: where the lesson ends, ms UTC.
        roles: of its sensors.
        life: what was known of the home at the beginning; a copy.
        missed: an event from before ``upto_ms`` has come since.
    """

    home: Home
    upto_ms: int
    roles: Mapping[str, str]
    life: Life
    missed: bool = False


class Studies:
    """The lessons being prepared, by home. Every method is called under the lock of ingest."""

    def __init__(self) -> None:
        self._open: dict[str, Study] = {}

    def begin(self, life: Life, upto_ms: int, roles: Mapping[str, str]) -> Study:
        """Prepare a lesson of a home from now on; one that was being prepared does not count any more."""
        study = self._open[life.home.id] = Study(life.home, upto_ms, roles, copy(life))
        return study

    def heard(self, home_id: str, t_ms: int) -> None:
        """A new event of a home has come, which happened at ``t_ms``. No failed commit takes this back."""
        study = self._open.get(home_id)
        if study is not None and t_ms < study.upto_ms:
            study.missed = True

    def holds(self, study: Study, life: Life, roles: Mapping[str, str]) -> bool:
        """Whether the lesson is still what the home would learn now."""
        before = study.life
        return (
            self._open.get(study.home.id) is study
            and not study.missed
            and study.roles == roles
            and (before.home, before.learned_upto_ms, before.relearn) == (life.home, life.learned_upto_ms, life.relearn)
        )

    def end(self, study: Study) -> None:
        """The lesson is committed, or given up."""
        if self._open.get(study.home.id) is study:
            del self._open[study.home.id]
