"""Signs of life of one group, as the watch takes them. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from anomaly import Observations
from ingest.homes.home_states import HomeState
from ingest.homes.localtime import next_nightly_ms, offset_s
from ingest.intake.deduplicate import NewEvent


@dataclass(frozen=True, slots=True)
class Sign:
    """One sign of life: of which home, the event that told of it, what the rhythm is told, where it leaves the person.

    Attributes:
        state: the home.
        event: the event; of a meter, the reading by which it is known.
        kind: motion, door, item or power.
        context: `anomaly.DeadlineTable.context_of` it, by the table in force.
    """

    state: HomeState
    event: NewEvent
    kind: str
    context: int


def cut_at_ends(signs: Iterable[Sign]) -> tuple[list[Sign], list[Sign], list[HomeState]]:
    """The signs of homes that hold a table back, up to the one that ends the silence; all others; where it ends.

    A home that must learn anew anyway waits for that.
    """
    until: list[Sign] = []
    after: list[Sign] = []
    ended: dict[str, HomeState] = {}
    for sign in signs:
        state = sign.state
        if not state.held or state.relearn or state.home.id in ended:
            after.append(sign)
            continue
        until.append(sign)
        if _ends_silence(sign):
            ended[state.home.id] = state
    return until, after, list(ended.values())


def _ends_silence(sign: Sign) -> bool:
    """Whether it is news to the home, and its next lesson is not due before it."""
    state = sign.state
    learned_ms = state.learned_upto_ms or 0
    is_news = sign.event.at_ms > (state.last_sign_ms or 0)
    return is_news and learned_ms <= sign.event.event.t < next_nightly_ms(state.home.zone, learned_ms)


def observations(signs: Sequence[Sign]) -> Observations:
    """The signs as arrays, in the same order."""
    return Observations(
        np.array([sign.state.index for sign in signs], np.intp),
        np.array([sign.event.at_ms / 1000 for sign in signs]),
        np.array([float(offset_s(sign.state.home.zone, sign.event.at_ms)) for sign in signs]),
        np.array([sign.context for sign in signs], np.int8),
    )


def by_moment(signs: Iterable[Sign]) -> dict[tuple[int, float], Sign]:
    """The sign that stands for each home and moment: of one moment the lowest context, as the watch has it."""
    at: dict[tuple[int, float], Sign] = {}
    for sign in signs:
        moment = (sign.state.index, sign.event.at_ms / 1000)
        if moment not in at or sign.context < at[moment].context:
            at[moment] = sign
    return at
