"""Where the nights fall in a run of events: a home learns before it is judged by what came after 03:00. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from ingest.homes.localtime import last_nightly_ms, next_nightly_ms
from ingest.intake.deduplicate import NewEvent


@dataclass(frozen=True, slots=True)
class EventRun:
    """Events between two lessons of one home.

    Attributes:
        events: in the order of time, perhaps none.
        learn_upto_ms: the lesson that is due after them (ms UTC); None at the end of the run.
    """

    events: Sequence[NewEvent]
    learn_upto_ms: int | None


def split_at_nights(zone: str, due_ms: int | None, events: Sequence[NewEvent]) -> tuple[list[EventRun], int | None]:
    """Cut a run of new events of one home where a lesson is due.

    Live events bring a lesson about as soon as one of them is past the night. Back-filled ones do not: a back-log is
    learned in one go once it is done. Neither does the priority lane, which runs ahead of a back-log.

    Args:
        zone: of the home.
        due_ms: when its next lesson is due; None before its first event.
        events: in the order of time.

    Returns:
        The runs, and when the next lesson is due after them.
    """
    found: list[EventRun] = []
    begin = 0
    for i, fresh in enumerate(events):
        if due_ms is None:
            due_ms = next_nightly_ms(zone, fresh.at_ms)
        elif fresh.at_ms >= due_ms and not fresh.event.bf and not fresh.priority:
            found.append(EventRun(events[begin:i], last_nightly_ms(zone, fresh.at_ms)))
            begin, due_ms = i, next_nightly_ms(zone, fresh.at_ms)
    found.append(EventRun(events[begin:], None))
    return found, due_ms
