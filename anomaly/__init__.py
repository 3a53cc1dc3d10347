"""Every event buys the person a new deadline.

Pure: no clock, no files, no network; time comes in as an argument. Learning happens once a night; the hot path is a
table look-up.
"""

from anomaly.notes.note import Note, NoteKind, NoteSettings
from anomaly.notes.noticing import Noticer
from anomaly.packing import UnreadableState
from anomaly.power.reader import PowerReader
from anomaly.rhythm import Rhythm
from anomaly.settings import RhythmSettings
from anomaly.table import DeadlineTable
from anomaly.tuning import Tuning
from anomaly.watch import HotState, Lapse, Observations, Watch

__all__ = [
    "DeadlineTable",
    "HotState",
    "Lapse",
    "Note",
    "NoteKind",
    "NoteSettings",
    "Noticer",
    "Observations",
    "PowerReader",
    "Rhythm",
    "RhythmSettings",
    "Tuning",
    "UnreadableState",
    "Watch",
]
