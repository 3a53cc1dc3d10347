"""Lessons that are being prepared beside the events: reading months of a home must not make all others wait.

Reading and computing need no lock. What arrives meanwhile is compared with what is being read: an event from before the
end of the lesson may have been missed, so such a lesson is thrown away and prepared again.
"""

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass

from ingest.homes.home_states import HomeState
from ingest.homes.registered_homes import RegisteredHome


@dataclass(slots=True)
class LearningJob:
    """One home's lesson that is being prepared.

    Attributes:
        home: whose.
        upto_ms: where the lesson ends, ms UTC.
        roles: of its sensors.
        state: what was known of the home at the beginning; a copy.
        missed: an event from before ``upto_ms`` has come since.
    """

    home: RegisteredHome
    upto_ms: int
    roles: Mapping[str, str]
    state: HomeState
    missed: bool = False


class LearningJobs:
    """The lessons being prepared, by home. Every method is called under the lock of ingest."""

    def __init__(self) -> None:
        self._open: dict[str, LearningJob] = {}

    def begin(self, state: HomeState, upto_ms: int, roles: Mapping[str, str]) -> LearningJob:
        """Prepare a lesson of a home from now on; one that was being prepared does not count any more."""
        job = self._open[state.home.id] = LearningJob(state.home, upto_ms, roles, copy(state))
        return job

    def event_arrived(self, home_id: str, t_ms: int) -> None:
        """A new event of a home has come, which happened at ``t_ms``. No failed commit takes this back."""
        job = self._open.get(home_id)
        if job is not None and t_ms < job.upto_ms:
            job.missed = True

    def is_current(self, job: LearningJob, state: HomeState, roles: Mapping[str, str]) -> bool:
        """Whether the lesson is still what the home would learn now."""
        before = job.state
        return (
            self._open.get(job.home.id) is job
            and not job.missed
            and job.roles == roles
            and (before.home, before.learned_upto_ms, before.relearn)
            == (state.home, state.learned_upto_ms, state.relearn)
        )

    def end(self, job: LearningJob) -> None:
        """The lesson is committed, or given up."""
        if self._open.get(job.home.id) is job:
            del self._open[job.home.id]
