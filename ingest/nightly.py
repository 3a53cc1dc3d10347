"""Learning, once a night for each home, and anew where events came late."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from anomaly import DeadlineTable
from ingest.core import Core, Effects
from ingest.homes.home_states import HomeState, LearningJob
from ingest.homes.localtime import last_nightly_ms
from ingest.learning.learner import Lesson
from store.lease import LeaseLost
from store.timeseries.port import TimeSeriesError

_log = logging.getLogger(__name__)

PRESENT_MS: Final = 36 * 3_600_000
"""A home seen within a day and a half lives in the present: its day is closed at 03:00 by the clock."""


class Nightly:
    """Teaches the homes; see `tick`.

    Args:
        core: stores and homes, shared with the pipeline.
    """

    def __init__(self, core: Core) -> None:
        self._core = core

    def tick(self, now_ms: int) -> int:
        """Teach every home whose local 03:00 has passed since its last lesson, or which must learn anew.

        A home whose back-log is still coming in waits until it is done. One that was not seen for `PRESENT_MS` has
        nothing to learn from the clock; should events come again, they bring its lessons about in the pipeline. So
        recordings of years ago can be replayed under today's clock. Events go on being processed meanwhile; a home of
        which some come that belong into the lesson learns at the next tick.

        Args:
            now_ms: ms UTC, on the clock that gives messages their ``received_ms``.

        Returns:
            How many homes learned.

        Raises:
            TimeSeriesError, SQLAlchemyError: a store is out of reach; homes that had their lesson keep it.
            LeaseLost: another process ingests now.
            ExceptionGroup: some homes cannot learn; all others that were due did.
        """
        self._core.refresh(now_ms)
        due = [state.home.id for state in self._core.home_states.all() if self._is_due(state, now_ms)]
        return self._give_lessons(due, now_ms)

    def learn_all(self, now_ms: int) -> int:
        """Teach every home of which events are stored, without waiting for its night or its back-log.

        Each learns up to the last 03:00, its own by ``now_ms`` or, when it was not seen for `PRESENT_MS`, the last
        before its newest event. Returns how many learned. Raises as `tick`.
        """
        self._core.refresh(now_ms)
        return self._give_lessons(
            [state.home.id for state in self._core.home_states.all() if state.due_ms is not None], now_ms
        )

    def _is_due(self, state: HomeState, now_ms: int) -> bool:
        if state.due_ms is None or not self._core.is_caught_up(state, now_ms):
            return False
        return state.relearn or (_is_present(state, now_ms) and state.due_ms <= now_ms)

    def _give_lessons(self, home_ids: Sequence[str], now_ms: int) -> int:
        lessons, errors = 0, []
        for home_id in home_ids:
            try:
                lessons += self._give_lesson(home_id, now_ms)
            except (TimeSeriesError, SQLAlchemyError, LeaseLost):
                raise  # it would fail for every other home too
            except Exception as error:  # noqa: BLE001 - one home must not keep all behind it from learning; raised below
                error.add_note(f"home {home_id}")
                errors.append(error)
        if errors:
            raise ExceptionGroup(f"{len(errors)} homes could not learn", errors)
        return lessons

    def _give_lesson(self, home_id: str, now_ms: int) -> int:
        core = self._core
        job = self._begin(home_id, now_ms)
        if job is None:
            return 0
        home, whole = job.before.home, job.before.relearn
        lesson = core.learner.next_lesson(home, None, job.upto_ms, whole=whole)
        return self._finish(job, lesson, now_ms)

    def _begin(self, home_id: str, now_ms: int) -> LearningJob | None:
        core = self._core
        with core.lock:
            core.refresh_if_stale(now_ms)
            state = core.home_states.find(home_id)
            if state is None:
                return None
            until_ms = now_ms if _is_present(state, now_ms) else state.last_event_ms or 0
            upto_ms = max(last_nightly_ms(state.home.zone, until_ms), state.learned_upto_ms or 0)
            state.job = LearningJob(replace(state, home=replace(state.home), job=None), upto_ms)
            return state.job

    def _finish(self, job: LearningJob, lesson: Lesson, now_ms: int) -> int:
        """Put a lesson in force and commit it, unless it is not what the home would learn now."""
        core, home = self._core, job.before.home
        with core.lock:
            core.refresh_if_stale(now_ms)
            core.refresh_if_changed([home.gateway], now_ms)
            before = core.home_states.find(home.id)
            if before is None or not job.is_current(before):
                _log.info("home %s changed while it was learned; it is learned again at the next look", home.id)
                return 0
            with core.change():
                state = core.home_states.edit(home.id)
                core.apply_lesson(state, lesson)
                interim = self._interim_table(state, lesson)
                with core.begin() as connection:
                    core.write_homes(connection, Effects([], {home.id: lesson}, interim), now_ms)
        return 1

    def _interim_table(self, state: HomeState, lesson: Lesson) -> dict[str, DeadlineTable]:
        """The table of a silence that was overdue at the end of the lesson and is over by now."""
        if not state.held or (state.last_event_ms or 0) < lesson.upto_ms:
            return {}
        table = self._core.learner.interim_table(state.home, lesson)
        if table is None:
            return {}
        self._core.home_states.apply_table(state, table, held=False)
        return {state.home.id: table}


def _is_present(state: HomeState, now_ms: int) -> bool:
    return state.last_event_ms is not None and now_ms - state.last_event_ms < PRESENT_MS
