"""All that is noticed of one home besides silence: a diary, what was learned from it, and which notes are open."""

from collections.abc import Callable, Mapping
from typing import Final, Protocol

import numpy as np

from anomaly.memory.memory import day_of
from anomaly.notes.decline import DeclineModel
from anomaly.notes.diary import HOUR_S, Diary
from anomaly.notes.drift import Drift
from anomaly.notes.note import Note, NoteKind, NoteSettings
from anomaly.notes.outings import Outings
from anomaly.notes.routine import Routines
from anomaly.notes.unrest import Unrest
from anomaly.occupancy import DAY_S
from anomaly.packing import or_never, or_none, pack, restoring, unpack

_MAGIC: Final = b"MNT1"
_REST_S: Final = DAY_S
"""A note is not made again until its condition has been gone for a day: one matter, one note."""
_DRIFT_RESTS_S: Final = 28 * DAY_S
"""What lasts over weeks comes and goes by the day at its edge."""


class Noticer:
    """One home. Learns by itself when a day (from 03:00) is over; judges once an hour, when it is told the time.

    Everything learned follows from the diary of the days that are over, so the diary and the open notes are its state.

    Args:
        settings: budgets.
        kinds: what to look for.
    """

    def __init__(self, settings: NoteSettings, kinds: frozenset[NoteKind] = frozenset(NoteKind)) -> None:
        self._settings = settings
        self._looks = {kind: look for kind, look in _LOOKS.items() if kind in kinds}
        self.diary = Diary()
        self._judged_s = -np.inf
        self._open_s: dict[NoteKind, float] = {}  # when the condition of each note held last
        self._learned_day: int | None = None
        self._models: dict[NoteKind, Model] = {}

    def observe(self, local_s: float, sensor: str, kind: str, value: float) -> None:
        """Take in one event, as `anomaly.Rhythm.observe`. Raises ValueError."""
        self.diary.observe(local_s, sensor, kind, value)

    def advance(self, local_s: float) -> list[Note]:
        """It is ``local_s`` (seconds on the wall clock) now and everything before is known: what is new to be noted?

        Judges the present alone, at most once an hour; a time before the last judged one gives nothing.
        """
        hour_s = local_s - local_s % HOUR_S
        if hour_s <= self._judged_s:
            return []
        self._judged_s = hour_s
        self._learn(int(day_of(hour_s)))
        found = [note for model in self._models.values() if (note := model.judge(self.diary, hour_s)) is not None]
        return [note for note in found if self._is_new(note)]

    def holding(self) -> frozenset[NoteKind]:
        """The kinds whose condition held at the hour judged last, whether or not they were noted before."""
        return frozenset(kind for kind, held_s in self._open_s.items() if held_s == self._judged_s)

    def ready(self) -> dict[NoteKind, bool]:
        """Which kinds can say anything of this home; not ready is a state, never "all is well"."""
        return {kind: kind in self._models and self._models[kind].ready for kind in self._looks}

    def _learn(self, today: int) -> None:
        if today != self._learned_day:
            self._models = {kind: look(self.diary, today, self._settings) for kind, look in self._looks.items()}
            self._learned_day = today

    def _is_new(self, note: Note) -> bool:
        held_s = self._open_s.get(note.kind, -np.inf)
        self._open_s[note.kind] = note.at_s
        return note.at_s - held_s > (_DRIFT_RESTS_S if note.kind is NoteKind.DRIFT else _REST_S)

    def without_diary(self) -> "Noticer":
        """One without a diary, for when the past must be read again; what was noted already is not noted again."""
        fresh = Noticer(self._settings, frozenset(self._looks))
        fresh._open_s, fresh._judged_s = dict(self._open_s), self._judged_s
        return fresh

    def to_bytes(self) -> bytes:
        """The whole state; `from_bytes` goes on exactly where this one is."""
        header = {
            "judged_s": or_none(self._judged_s),
            "open_s": {str(kind): held_s for kind, held_s in self._open_s.items()},
        }
        return pack(_MAGIC, header, {"diary": np.frombuffer(self.diary.to_bytes(), np.uint8)})

    @classmethod
    def from_bytes(
        cls, data: bytes, settings: NoteSettings, kinds: frozenset[NoteKind] = frozenset(NoteKind)
    ) -> "Noticer":
        """The noticer that `to_bytes` wrote.

        Raises:
            UnreadableState: another version, or damaged.
        """
        header, arrays = unpack(_MAGIC, data)
        noticer = cls(settings, kinds)
        with restoring("noticer"):
            noticer._judged_s = or_never(header["judged_s"])
            noticer._open_s = {NoteKind(kind): held_s for kind, held_s in header["open_s"].items()}
            noticer.diary = Diary.from_bytes(arrays["diary"].tobytes())
        return noticer


class Model(Protocol):
    """What was learned for one kind of note."""

    @property
    def ready(self) -> bool:
        """Whether it can say anything."""
        ...

    def judge(self, diary: Diary, now_s: float) -> Note | None:
        """What is to be noted at ``now_s``, a full hour on the wall clock."""
        ...


_LOOKS: Final[Mapping[NoteKind, Callable[[Diary, int, NoteSettings], Model]]] = {
    NoteKind.DECLINE: DeclineModel.learn,
    NoteKind.NO_RETURN: Outings.learn,
    NoteKind.UNREST: Unrest.learn,
    NoteKind.DRIFT: Drift.learn,
    NoteKind.MISSED_ROUTINE: Routines.learn,
}
