"""What answers a call for help: every pair of words, by every channel, in every order. No database, no clock."""

from dataclasses import dataclass, field, replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.decisions.answers import opens_another, statement_kind
from alerts.decisions.changes import CurrentFacts, changes
from alerts.decisions.dating import ALL_WELL, counts_from_ms
from alerts.decisions.events import Answered, Closed
from alerts.decisions.incident import decide, opened
from alerts.decisions.model import Answer, Incident, Recipients
from alerts.decisions.standing import DeviceSigns, Outline, Standing, is_last_word, standing
from alerts.settings import AlertsSettings
from contracts.clock import ClockQuality
from contracts.events import Event, Kind
from contracts.signals import Sentence, Signal, SignalKind
from contracts.statements import BUTTON, CALLS_AND_ANSWERS, Statement, StatementKind
from ingest.intake.button_times import Before, ButtonPress, dated

T0 = 1_767_225_600_000
MINUTE = 60_000
HOUR = 60 * MINUTE
HANA, ICHIRO, SHIKI = "hana", "ichiro", "shiki"
ROSTER = Recipients(person=True, neighbours=(ICHIRO, "jiro"), staff=(SHIKI,))
ASKED = "silence"
"""Id of the incident about which both were asked."""


@dataclass
class Home:
    """The home of 花 and what was said about it; what `alerts.incidents` does with a database, done here by hand."""

    said: list[Statement] = field(default_factory=list)
    incidents: dict[str, Incident] = field(default_factory=dict)
    presses: int = 0

    def outlines(self):
        return [
            Outline(
                id=key,
                kind=one.kind,
                open=not one.ended,
                outcome=one.outcome,
                outcome_by=one.outcome_by,
                closed_ms=one.closed_ms,
                answered_ms=one.answered_ms,
            )
            for key, one in self.incidents.items()
        ]

    def standing(self, now_ms: int) -> Standing:
        return standing(self.said, self.outlines(), DeviceSigns(), now_ms)

    def opens(self, key: str, kind: SignalKind, since_ms: int, now_ms: int) -> None:
        signal = Signal("home", kind, since_ms, now_ms, now_ms, Sentence("", ""))
        self.incidents[key] = opened(signal, HANA, AlertsSettings().policy(kind), ROSTER, now_ms).incident

    def tick(self, now_ms: int) -> None:
        call_ms = self.standing(now_ms).call_ms
        if call_ms is not None:
            self.opens(f"help {call_ms}", SignalKind.HELP, call_ms, now_ms)
        for key in list(self.incidents):
            facts = CurrentFacts(self.standing(now_ms))
            for event in changes(self.incidents[key], facts, now_ms):
                decision = decide(self.incidents[key], event, ROSTER, now_ms)
                if decision is not None:
                    self.incidents[key] = decision.incident
                    break

    def hears(self, word: "Word", said_ms: int, received_ms: int, key: str) -> None:
        """One word arrives, once or again."""
        if key in {each.key for each in self.said}:
            return
        if word.channel == BUTTON:
            self._pressed(word, said_ms, received_ms, key)
        else:
            self._answered(word, said_ms, received_ms, key)

    def _pressed(self, word: "Word", said_ms: int, received_ms: int, key: str) -> None:
        self.presses += 1
        late = received_ms - said_ms > MINUTE
        press = Event(self.presses, said_ms, ClockQuality.SYNCED, 0, "b", Kind.BUTTON, {"press": word.what}, bf=late)
        own = [each.at_ms for each in self.said if each.kind in CALLS_AND_ANSWERS]
        kind, at_ms = dated(ButtonPress("gw", "e", press, received_ms), Before(max(own, default=0)), 900)
        self.said.append(Statement(kind, at_ms, said_ms, received_ms, BUTTON, key, home_id="home"))

    def _answered(self, word: "Word", said_ms: int, received_ms: int, key: str) -> None:
        incident = self.incidents[ASKED]
        said_ms = said_ms if word.channel == "line" else received_ms  # only LINE says when it was written
        event = Answered(word.who, word.answer, 1)
        kind = statement_kind(incident, event)
        earlier = [each for each in self.said if each.kind in CALLS_AND_ANSWERS]
        at_ms = counts_from_ms(kind, word.channel, said_ms, received_ms, earlier, answered_ms=incident.answered_ms)
        statement = Statement(kind, at_ms, said_ms, received_ms, word.channel, key, incident_id=ASKED)
        self.said.append(statement)
        overtaken = kind in ALL_WELL and not is_last_word(statement, earlier)
        if opens_another(incident, kind) or overtaken:
            return
        decision = decide(incident, replace(event, at_ms=at_ms), ROSTER, received_ms)
        if decision is not None:
            self.incidents[ASKED] = decision.incident

    def closes(self, now_ms: int) -> None:
        """Staff record how the incident ended about which both were asked."""
        decision = decide(self.incidents[ASKED], Closed(SHIKI, "other", False), ROSTER, now_ms)
        assert decision is not None
        self.incidents[ASKED] = decision.incident
        self.said.append(Statement(StatementKind.CLOSED, now_ms, now_ms, now_ms, "board", "closed", incident_id=ASKED))

    @property
    def help_is_on_the_way(self) -> bool:
        return any(not one.ended and one.help_wanted for one in self.incidents.values())

    @property
    def all_is_over(self) -> bool:
        return all(one.ended for one in self.incidents.values())


@dataclass(frozen=True)
class Word:
    """What somebody says, and how."""

    what: str
    channel: str

    @property
    def who(self) -> str:
        return HANA if self.what in ("help", "ok") else ICHIRO

    @property
    def answer(self) -> Answer:
        return {"help": Answer.CANNOT, "ok": Answer.SAFE, "safe": Answer.SAFE, "cannot": Answer.CANNOT}[self.what]

    def __str__(self) -> str:
        return f"{self.what}-{self.channel}"


CHANNELS = ("sms", "line", "voice", "page", "board")
WORDS = [
    *(Word(what, channel) for what in ("help", "ok") for channel in (BUTTON, *CHANNELS)),
    *(Word(what, channel) for what in ("safe", "cannot") for channel in CHANNELS),
]
ORDERS = ("in order", "late", "doubled", "same instant", "after an end")

HELP, OVER, ASKING = "help is on the way", "all is over", "they are still asked"

IN_ORDER = {
    ("help", "help"): HELP,
    ("help", "ok"): OVER,
    ("help", "safe"): OVER,
    ("help", "cannot"): HELP,
    ("ok", "help"): HELP,
    ("ok", "ok"): OVER,
    ("ok", "safe"): OVER,
    ("ok", "cannot"): OVER,
    ("safe", "help"): HELP,
    ("safe", "ok"): OVER,
    ("safe", "safe"): OVER,
    ("safe", "cannot"): OVER,
    ("cannot", "help"): HELP,
    ("cannot", "ok"): OVER,
    ("cannot", "safe"): OVER,
    ("cannot", "cannot"): ASKING,
}
"""What two words come to that arrive one after the other, about one incident that is open."""


def expected(first: Word, second: Word, order: str) -> str:
    """What the table says, and where the channels or the order make a difference."""
    words = (first.what, second.what)
    if order == "after an end":
        # What they are asked about is over: a call for help is a new one, and only the button speaks of everything.
        ended_by_button = words == ("help", "ok") and second.channel == BUTTON
        return HELP if "help" in words and not ended_by_button else OVER
    if words == ("help", "ok") and first.channel == BUTTON and second.channel != BUTTON:
        return HELP  # the press opened an incident of its own, and they answer another one
    if words == ("help", "safe") and first.channel == BUTTON:
        return HELP  # likewise: of the press the neighbour says nothing here
    if order == "late" and second.channel in (BUTTON, "line"):
        if words in (("help", "ok"), ("help", "safe")):
            return HELP  # it was said before the call for help
        if words == ("ok", "help") and second.channel == BUTTON and first.channel == BUTTON:
            return OVER  # pressed before the OK, by a clock that had been set
        if words == ("ok", "help") and second.channel == BUTTON:
            return HELP
    return IN_ORDER[words]


def play(first: Word, second: Word, order: str) -> Home:
    home = Home()
    home.opens(ASKED, SignalKind.SILENCE, T0 - 3 * HOUR, T0)
    for minutes in (0, 30, 31):
        home.tick(T0 + minutes * MINUTE)  # the person was asked, then the neighbours
    now = T0 + 32 * MINUTE
    if order == "after an end":
        home.closes(now)
        now += MINUTE
    if order == "same instant":
        times = [(now, now), (now, now)]
    elif order == "late":
        times = [(now, now + MINUTE), (now - 2 * MINUTE, now + 4 * MINUTE)]
    else:
        times = [(now, now), (now + 2 * MINUTE, now + 2 * MINUTE)]
    for number, (word, (said_ms, received_ms)) in enumerate(zip((first, second), times, strict=True)):
        home.hears(word, said_ms, received_ms, f"{word.channel}:{number}")
        if order == "doubled":
            home.hears(word, said_ms, received_ms + MINUTE // 2, f"{word.channel}:{number}")
        if order != "same instant":
            home.tick(received_ms + 1)
    for seconds in (60, 61, 62):
        home.tick(times[1][1] + 1_000 * seconds)
    return home


@pytest.mark.parametrize("order", ORDERS)
def test_every_pair_of_words_comes_to_what_the_table_says(order: str):
    wrong = []
    for first, second in product(WORDS, WORDS):
        home = play(first, second, order)
        came = HELP if home.help_is_on_the_way else OVER if home.all_is_over else ASKING
        if came != expected(first, second, order):
            wrong.append(f"{first}, then {second}: {came}, not {expected(first, second, order)}")
    assert wrong == []


def test_the_table_has_every_pair_of_words():
    assert set(IN_ORDER) == set(product(("help", "ok", "safe", "cannot"), repeat=2))
    assert len(WORDS) == 22


# ---- the same, whatever is said in whatever order --------------------------------------------------------------------

spoken = st.tuples(st.sampled_from(WORDS), st.integers(0, 20), st.integers(0, 12), st.booleans())


@given(st.lists(spoken, max_size=8))
def test_who_calls_for_help_is_helped_until_a_later_word_says_that_all_is_well(words):
    home = Home()
    home.opens(ASKED, SignalKind.SILENCE, T0 - 3 * HOUR, T0)
    now = T0
    for number, (word, wait, late, twice) in enumerate(words):
        now += wait * MINUTE
        for _ in range(1 + twice):
            home.hears(word, now - late * MINUTE, now, f"{word.channel}:{number}")
        home.tick(now)
    for seconds in range(1, 4):
        home.tick(now + seconds)
    calls = [each.at_ms for each in home.said if each.kind is StatementKind.HELP]
    well = [each.at_ms for each in home.said if each.kind in ALL_WELL]
    if calls and max(calls) >= max(well, default=0):
        assert home.help_is_on_the_way, "the last word is a call for help"
    if home.all_is_over and calls:
        assert max(well) > max(calls), "only a later word answers it"


@given(st.lists(spoken, max_size=12), st.randoms())
def test_what_holds_depends_neither_on_the_order_of_reading_nor_on_older_words(words, dice):
    home = Home()
    home.opens(ASKED, SignalKind.SILENCE, T0 - 3 * HOUR, T0)
    for number, (word, wait, late, _) in enumerate(words):
        at = T0 + (number + wait) * MINUTE
        home.hears(word, at - late * MINUTE, at, f"{word.channel}:{number}")
        home.tick(at)
    whole = home.standing(T0 + HOUR)
    shuffled = dice.sample(home.said, len(home.said))
    assert standing(shuffled, home.outlines(), DeviceSigns(), T0 + HOUR) == whole
    newest = {(each.kind, each.incident_id): each for each in sorted(home.said, key=lambda each: each.at_ms)}
    assert standing(list(newest.values()), home.outlines(), DeviceSigns(), T0 + HOUR) == whole


def test_a_call_for_help_at_the_very_moment_of_an_ok_stands():
    """In doubt help is needed."""
    ok, call = (
        Statement(kind, T0, T0, T0, BUTTON, kind, home_id="home") for kind in (StatementKind.OK, StatementKind.HELP)
    )
    now = standing([ok, call], [], DeviceSigns(), T0)
    assert (now.call_ms, now.ok_ms, now.ok_said_ms) == (T0, None, T0)
    assert not is_last_word(ok, [call])
    assert is_last_word(replace(ok, at_ms=T0 + 1), [call])


@pytest.mark.parametrize("in_order", [True, False])
def test_of_two_calls_at_the_same_moment_the_one_without_an_answer_stands(in_order):
    pressed = Statement(StatementKind.HELP, T0, T0, T0, BUTTON, "1", home_id="home")
    answer = Statement(StatementKind.HELP, T0, T0, T0, "sms", "2", incident_id=ASKED)
    said = [pressed, answer] if in_order else [answer, pressed]
    now = standing(said, [Outline(ASKED, SignalKind.SILENCE, open=True)], DeviceSigns(), T0)
    assert (now.call_ms, now.helped_by) == (T0, ASKED)


def test_an_incident_about_devices_takes_no_call_for_help():
    call = Statement(StatementKind.HELP, T0, T0, T0, "sms", "1", incident_id="devices")
    devices = Outline("devices", SignalKind.GATEWAY_LOST, open=True)
    assert standing([call], [devices], DeviceSigns(), T0).call_ms == T0
    assert standing([call], [replace(devices, kind=SignalKind.DECLINE)], DeviceSigns(), T0).helped_by == "devices"


@pytest.mark.parametrize(("answered_ms", "taken"), [(T0 - 1, False), (T0, True), (T0 + 1, True)])
def test_an_end_answers_a_call_when_what_ended_it_was_said_at_or_after_the_call(answered_ms, taken):
    call = Statement(StatementKind.HELP, T0, T0, T0, BUTTON, "1")
    ended = Outline("help", SignalKind.HELP, False, "self_ok", HANA, T0 + MINUTE, answered_ms)
    assert (standing([call], [ended], DeviceSigns(), T0).call_ms is None) == taken


def test_the_last_proof_of_life_is_the_newest_of_signs_words_and_who_saw_them():
    ok = Statement(StatementKind.OK, T0 + 2, T0 + 2, T0 + 2, BUTTON, "1")
    seen = Outline("1", SignalKind.SILENCE, False, "safe", ICHIRO, T0 + 3, T0 + 3)
    assert standing([], [], DeviceSigns(), T0 + 9).proof_ms is None
    assert standing([], [], DeviceSigns(T0), T0 + 9).proof_ms == T0
    assert standing([ok], [], DeviceSigns(T0), T0 + 9).proof_ms == T0 + 2
    assert standing([ok], [seen], DeviceSigns(T0), T0 + 9).proof_ms == T0 + 3
    assert standing([ok], [], DeviceSigns(), T0 + 1).proof_ms == T0 + 1, "nothing is proven for the future"


def test_the_last_outcome_is_told_with_the_moment_at_which_it_was_recorded():
    safe = Outline("1", SignalKind.SILENCE, False, "safe", ICHIRO, T0, T0)
    hospital = Outline("2", SignalKind.HELP, False, "hospital", SHIKI, T0 + 1, T0 + 1)
    moved = Outline("3", SignalKind.SILENCE, False, "movement", "movement", T0 + 2, T0 + 2)
    now = standing([], [safe, hospital, moved], DeviceSigns(), T0 + 9)
    assert (now.ended_ms, now.ended_outcome) == (T0 + 1, "hospital")
    assert now.found_well is not None
    assert now.found_well.at_ms == T0
