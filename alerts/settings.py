"""How alerts behave: who is asked, in which order, how long an answer may take. Built once, checked, never changed."""

from typing import Annotated, Final

from pydantic import AfterValidator
from pydantic.dataclasses import dataclass

from alerts.decisions.areas import ABOUT_DEVICES
from alerts.decisions.policy import Audience, Policy, Step
from contracts.signals import SignalKind
from store.settings import STRICT_KEYS, Count, CountOrNone, HourOfDay, Zone

MINUTE_S: Final = 60
LINK_VALID_S: Final = 3 * 24 * 60 * MINUTE_S
_LADDERS: Final = {SignalKind.DECLINE: "decline_ladder", SignalKind.NO_RETURN: "no_return_ladder"}


def _ends_with_staff(ladder: tuple[Audience, ...]) -> tuple[Audience, ...]:
    """Whoever asks must end with staff: they are the ones that are asked for ever."""
    if len(set(ladder)) != len(ladder) or (ladder and ladder[-1] is not Audience.COUNCIL):
        raise ValueError("must end with council and name nobody twice; [] asks nobody")
    return ladder


Ladder = Annotated[tuple[Audience, ...], AfterValidator(_ends_with_staff)]
NOTICED_LADDER: Final = (Audience.PERSON, Audience.COUNCIL)
"""Whoever still moves, or is out, is first of all asked, then rung up by staff; neighbours are for emergencies."""


@dataclass(frozen=True, slots=True, config=STRICT_KEYS)
class AlertsSettings:
    """What can be set. Defaults are the sane ones; times in seconds.

    Attributes:
        person_answer_s: how long the person has to answer before neighbours are asked.
        neighbours_at_once: how many neighbours are asked at the same time.
        neighbours_answer_s: how long they have before the council is asked.
        council_repeat_s: how often the council is asked again.
        decline_ladder: who is asked about a partial decline, in order: of ``person``, ``neighbours`` and ``council``,
            which comes last. Empty: nobody, it stays a note on the person's page.
        no_return_ladder: the same for somebody who is out unusually long.
        least_answer_s: nobody is given less than this to answer.
        going_s: travel time assumed of a responder who names none.
        grace_s: how long after the arrival time a claim expires.
        extensions: how often a claim may be prolonged.
        device_repeat_s: how often staff are reminded of a lost gateway.
        gateway_lost_s: how long a gateway may be unseen before it is lost.
        unproven_s: how long a gateway that is seen may leave its home unproven before staff are told.
        lease_s: how long a worker may hold one delivery; a channel must return within half of it.
        retry_first_s: wait after the first failed try; it doubles up to retry_longest_s.
        retry_longest_s: longest wait between tries.
        link_valid_s: how long the link of a message answers.
        area_least: so many homes of one area in trouble at once are one matter for staff, if the share fits as well.
        area_device_percent: share of the area's homes that lost their devices.
        area_people_percent: share of the area's homes whose person is silent.
        area_window_s: what began within this began at once.
        area_hold_s: how long staff are told of the area instead of a silent person of it by name.
        area_recheck_s: how often the devices of one of its homes are looked at again.
        area_repeat_s: how often staff are reminded of an area.
        quiet_from_h: hour of the day from which staff are not asked about devices; the same as quiet_to_h: never.
        quiet_to_h: hour of the day from which they are again.
        zone: IANA zone of these hours.
        bundle_most: messages about different incidents that one responder gets within bundle_window_s; the last of them
            tells of all the incidents that wait.
        neighbour_false_call_every_days: a person who does not answer is asked so seldom that neighbours are called for
            nothing about once in so many days at most.
        bundle_window_s: see bundle_most.
        bundle_gather_s: how long that one waits for more to tell.
    """

    person_answer_s: Count = 30 * MINUTE_S
    neighbours_at_once: Count = 2
    neighbours_answer_s: Count = 60 * MINUTE_S
    council_repeat_s: Count = 30 * MINUTE_S
    decline_ladder: Ladder = NOTICED_LADDER
    no_return_ladder: Ladder = NOTICED_LADDER
    least_answer_s: Count = 10 * MINUTE_S
    going_s: Count = 20 * MINUTE_S
    grace_s: CountOrNone = 10 * MINUTE_S
    extensions: CountOrNone = 2
    device_repeat_s: Count = 24 * 60 * MINUTE_S
    gateway_lost_s: Count = 15 * MINUTE_S
    unproven_s: Count = 60 * MINUTE_S
    lease_s: Count = 60
    retry_first_s: Count = 15
    retry_longest_s: Count = 5 * MINUTE_S
    link_valid_s: Count = LINK_VALID_S
    area_least: Count = 5
    area_device_percent: Count = 2
    area_people_percent: Count = 20
    area_window_s: Count = 10 * MINUTE_S
    area_hold_s: Count = 60 * MINUTE_S
    area_recheck_s: Count = 6 * 60 * MINUTE_S
    area_repeat_s: Count = 30 * MINUTE_S
    quiet_from_h: HourOfDay = 21
    quiet_to_h: HourOfDay = 7
    zone: Zone = "Asia/Tokyo"
    neighbour_false_call_every_days: Count = 120
    bundle_most: Count = 3
    bundle_window_s: Count = 10 * MINUTE_S
    bundle_gather_s: CountOrNone = 20

    def noticed_kinds(self) -> tuple[SignalKind, ...]:
        """The kinds of notes that somebody is asked about."""
        return tuple(kind for kind, key in _LADDERS.items() if getattr(self, key))

    def policy(self, kind: SignalKind) -> Policy:
        """The ladder for incidents of this kind, one of `noticed_kinds` if it is noticed."""
        is_quiet = kind in ABOUT_DEVICES and self.quiet_from_h != self.quiet_to_h
        return Policy(
            self._steps(kind),
            least_answer_s=self.least_answer_s,
            going_s=self.going_s,
            grace_s=self.grace_s,
            extensions=self.extensions,
            quiet=(self.quiet_from_h, self.quiet_to_h) if is_quiet else None,
            zone=self.zone,
            hold_s=self.area_hold_s,
            recheck_s=self.area_recheck_s,
        )

    def _steps(self, kind: SignalKind) -> tuple[Step, ...]:
        person = Step((Audience.PERSON,), self.person_answer_s)
        neighbours = Step((Audience.NEIGHBOURS,), self.neighbours_answer_s, self.neighbours_at_once)
        council = Step((Audience.COUNCIL,), self.council_repeat_s)
        everybody = Step((Audience.NEIGHBOURS, Audience.COUNCIL), self.council_repeat_s, self.neighbours_at_once)
        match kind:
            case SignalKind.SILENCE:
                return person, neighbours, council
            case SignalKind.HELP:
                return everybody, council
            case SignalKind.DECLINE | SignalKind.NO_RETURN:
                steps = {Audience.PERSON: person, Audience.NEIGHBOURS: neighbours, Audience.COUNCIL: council}
                return tuple(steps[audience] for audience in getattr(self, _LADDERS[kind]))
            case SignalKind.GATEWAY_LOST | SignalKind.SENSOR_LOST:
                return (Step((Audience.COUNCIL,), self.device_repeat_s),)
            case SignalKind.AREA_OUTAGE:
                return (Step((Audience.COUNCIL,), self.area_repeat_s),)
