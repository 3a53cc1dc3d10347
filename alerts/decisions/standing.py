"""What holds for a person now: one fold over what was said, the incidents about them and the signs of their home. Pure.

This file alone decides what answers a call for help:

- A call belongs to an incident that takes it up: an open call-for-help incident of the home, or the incident about
  the person to which it was the answer. While that incident is open, it is being answered.
- It is answered when that incident ended by something said or seen at or after the call. An end by something older
  answers nothing: the call opens an incident of its own.
- Of several calls at the same moment each needs an answer.
- The person's "I am all right" counts while no call for help came after it, or at the same moment: in doubt help is
  needed.

The order is that of `at_ms`, which was settled when each statement was written.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from contracts.signals import SignalKind
from contracts.statements import StatementKind

NOT_HUMAN: Final = ("movement", "recovered")
"""Outcomes that no human gave."""
FOUND_WELL: Final = ("self_ok", "safe")
"""Outcomes by which somebody was heard or seen to be well."""
ABOUT_PERSON: Final = tuple(kind for kind in SignalKind if kind.concerns_person)


class StatementLike(Protocol):
    """A statement, as far as the fold needs it; see `contracts.statements.Statement`."""

    @property
    def kind(self) -> str:
        """What was said, a `StatementKind`."""

    @property
    def at_ms(self) -> int:
        """From when it counts, ms UTC."""

    @property
    def incident_id(self) -> str | None:
        """The incident that it was said about."""


@dataclass(frozen=True, slots=True)
class Outline:
    """An incident, as far as the fold needs it.

    Attributes:
        id: incident id.
        kind: what was noticed.
        open: whether it has not ended.
        outcome, outcome_by: how it ended and by whom; None while it is open.
        closed_ms: when it ended (ms UTC); None while it is open.
        answered_ms: when that which ended it was said or seen (ms UTC); None while it is open.
    """

    id: str
    kind: SignalKind
    open: bool
    outcome: str | None = None
    outcome_by: str | None = None
    closed_ms: int | None = None
    answered_ms: int | None = None


@dataclass(frozen=True, slots=True)
class DeviceSigns:
    """What the devices of the home last showed (ms UTC; None: never).

    Attributes:
        sign_ms: last sign of life.
        heartbeat_ms: last heartbeat of the gateway.
        proven_ms: last proof that the devices live.
    """

    sign_ms: int | None = None
    heartbeat_ms: int | None = None
    proven_ms: int | None = None


@dataclass(frozen=True, slots=True)
class SeenWell:
    """Somebody was heard or seen to be well: ``by`` them, or by who saw them, at ``at_ms`` (ms UTC)."""

    by: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds for a person now (moments in ms UTC).

    Attributes:
        call_ms: the newest call for help that no incident has taken up: it opens one. None: there is none.
        helped_by: id of the open incident in which the newest call for help is being answered; None: there is none.
        ok_ms: the person's "I am all right" by the button, while it is their last word; None: it is not.
        ok_said_ms: when they last pressed it, whatever they said after it; None: never.
        ended_ms: when a human last ended an incident about the person; None: never.
        ended_outcome: the outcome of that incident.
        found_well: who last ended an incident because the person is well; None: nobody.
        proof_ms: the last proof of life: a sign in the home, something they said, somebody who found them well.
        signs: what the devices last showed.
    """

    call_ms: int | None = None
    helped_by: str | None = None
    ok_ms: int | None = None
    ok_said_ms: int | None = None
    ended_ms: int | None = None
    ended_outcome: str | None = None
    found_well: SeenWell | None = None
    proof_ms: int | None = None
    signs: DeviceSigns = DeviceSigns()

    @property
    def help_is_called(self) -> bool:
        """Whether the person's call for help is being answered, or about to be."""
        return self.call_ms is not None or self.helped_by is not None

    @property
    def confirmed_ok_ms(self) -> tuple[int | None, int | None]:
        """When a human last ended an incident, and when the person last said that all is well."""
        return self.ended_ms, self.ok_said_ms


NOTHING: Final = Standing()
"""Nobody said anything, and nothing was seen."""


def standing(
    statements: Collection[StatementLike], incidents: Collection[Outline], signs: DeviceSigns, now_ms: int
) -> Standing:
    """Fold everything known of one person's home.

    Args:
        statements: about the home. The newest of each kind and incident is enough; more change nothing.
        incidents: of the home. The open ones, and the newest ended of each kind and outcome, are enough.
        signs: of its devices.
        now_ms: now, ms UTC. What is dated later counts as well: a clock may have been set back.
    """
    calls = _newest(said for said in statements if said.kind == StatementKind.HELP)
    oks = _newest(said for said in statements if said.kind == StatementKind.OK and said.incident_id is None)
    ended = [each for each in incidents if each.kind in ABOUT_PERSON and not each.open]
    by_human = max((each for each in ended if each.outcome not in NOT_HUMAN), key=_when_closed, default=None)
    well = max((each for each in ended if each.outcome in FOUND_WELL), key=_when_closed, default=None)
    found_well = None if well is None else SeenWell(well.outcome_by or "", well.closed_ms or 0)
    own = (said.at_ms for said in statements if said.kind in (StatementKind.HELP, StatementKind.OK))
    proofs = [signs.sign_ms or 0, found_well.at_ms if found_well else 0, *own]
    return Standing(
        call_ms=next((call.at_ms for call in calls if not is_taken_up(call, incidents)), None),
        helped_by=next(
            (each.id for each in incidents if each.open and any(_may_take(call, each) for call in calls)), None
        ),
        ok_ms=next((ok.at_ms for ok in oks if is_last_word(ok, statements)), None),
        ok_said_ms=next((ok.at_ms for ok in oks), None),
        ended_ms=None if by_human is None else by_human.closed_ms,
        ended_outcome=None if by_human is None else by_human.outcome,
        found_well=found_well,
        proof_ms=min(max(proofs), now_ms) or None,
        signs=signs,
    )


def is_last_word(word: StatementLike, statements: Iterable[StatementLike]) -> bool:
    """Whether the person has not called for help since ``word``, nor at the same moment.

    An "I am all right" may have waited for the backend: it must not end the incident of who has fallen since.
    """
    return all(said.at_ms < word.at_ms for said in statements if said.kind == StatementKind.HELP)


def is_taken_up(call: StatementLike, incidents: Iterable[Outline]) -> bool:
    """Whether an incident answers the call: it is open, or it ended by what was said or seen at or after the call."""
    return any(_may_take(call, each) and (each.open or (each.answered_ms or 0) >= call.at_ms) for each in incidents)


def _may_take(call: StatementLike, incident: Outline) -> bool:
    is_answer = incident.kind.concerns_person and call.incident_id == incident.id
    return incident.kind is SignalKind.HELP or is_answer


def _newest(some: Iterable[StatementLike]) -> list[StatementLike]:
    """The newest; more than one where several are of the same moment."""
    every = list(some)
    last_ms = max((said.at_ms for said in every), default=None)
    return [said for said in every if said.at_ms == last_ms]


def _when_closed(incident: Outline) -> tuple[int, str]:
    return incident.closed_ms or 0, incident.id
