"""What LINE's events do: each once, its effect and its record in one transaction; what is said back comes after it.

An event that came before changes nothing and is not answered again. An event that cannot be used changes nothing, is
recorded with the reason, and is answered with help: nobody who presses or writes is met with silence.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from alerts.channels.line import accounts as line_accounts
from alerts.channels.line import linking
from alerts.channels.line.accounts import CHANNEL, ChatUser
from alerts.channels.line.messages import ChatMessage, asks_for_an_answer, quick_answers, read_postback, text
from alerts.channels.line.texts import Say, say
from alerts.channels.line.webhook_events import LineEvent
from alerts.counters import count_webhook
from alerts.decisions.model import TERMINAL, Answer, Purpose
from alerts.delivery import bundles, vendor_events
from alerts.errors import SignedLinkError, UnusableAnswer
from alerts.incidents import answers, response_log, transitions
from alerts.incidents.response_log import StatementSource
from alerts.wording.links import Links
from contracts.statements import StatementKind

_SAID_OF_SELF = {Answer.SAFE: Say.SELF_SAFE, Answer.CANNOT: Say.SELF_HELP}


@dataclass(frozen=True, slots=True)
class EventResult:
    """What became of an event.

    Attributes:
        outcome: a word for the record and the counter.
        reply: what to say in the chat; empty: nothing.
    """

    outcome: str
    reply: Sequence[ChatMessage] = ()


class LineInbox:
    """Takes events. Any number may work on one database.

    Args:
        db: the relational store.
        links: reads and signs the tokens of messages.
    """

    def __init__(self, db: Engine, links: Links) -> None:
        self._db = db
        self._links = links

    def take(self, event: LineEvent, now_ms: int) -> EventResult:
        """Let an event have its effect, unless it had it before. Returns when both are committed.

        Raises:
            Exception: the store could not be written; nothing was. LINE should deliver the event again.
        """
        taken = transitions.in_transaction(self._db, self._take, event, now_ms)
        count_webhook(CHANNEL, taken.outcome)
        return taken

    def _take(self, connection: Connection, event: LineEvent, now_ms: int) -> EventResult:
        if not vendor_events.admit(connection, line_accounts.event_of(event, None), now_ms):
            return EventResult("repeated")
        if event.user_id is None:
            taken, reader = EventResult("not_a_person"), None
        else:
            before = line_accounts.chat_user_of(connection, event.user_id)
            taken = self._effect(connection, event, before, now_ms)
            reader = line_accounts.chat_user_of(connection, event.user_id)  # linked meanwhile, perhaps
        vendor_events.record_outcome(connection, line_accounts.event_of(event, reader), taken.outcome)
        return taken

    def _effect(self, connection: Connection, event: LineEvent, user: ChatUser, now_ms: int) -> EventResult:
        match event.kind:
            case "postback":
                return self._on_postback(connection, event, user, now_ms)
            case "message":
                return self._on_message(connection, event, user, now_ms)
            case "follow":
                outcome, word = line_accounts.on_follow(connection, event, user, now_ms)
            case "unfollow":
                outcome, word = line_accounts.on_unfollow(connection, event, user, now_ms)
            case _:
                return EventResult("not_used")
        return _said(outcome, word, user)

    def _on_postback(self, connection: Connection, event: LineEvent, user: ChatUser, now_ms: int) -> EventResult:
        pressed = read_postback(event.content or "")
        if pressed is None:
            return _said("unknown_postback", Say.UNUSABLE, user)
        kind, token = pressed
        key = vendor_events.key_of(CHANNEL, event.id)
        try:
            delivery_id = self._links.read(token, now_ms)
            line_accounts.check_chat_user(connection, delivery_id, user)
            recorded = answers.answer_message(connection, delivery_id, kind, StatementSource(now_ms, CHANNEL, key))
        except (SignedLinkError, UnusableAnswer) as error:
            return _said(f"refused_{type(error).__name__.lower()}", Say.UNUSABLE, user)
        name, person_id = line_accounts.name_of_incident(connection, recorded.incident_id)
        word = _confirmation(Answer(kind), recorded, to_self=person_id == recorded.person_id)
        return _said("answered" if recorded.changed else "answer_kept", word, user, name)

    def _on_message(self, connection: Connection, event: LineEvent, user: ChatUser, now_ms: int) -> EventResult:
        words = event.content or ""
        code = linking.code_in(words)
        if code is not None:
            return _said(*line_accounts.link_by_code(connection, code, user, now_ms), user)
        if not user.methods:
            return _said("stranger_wrote", Say.WELCOME, user)
        question = line_accounts.newest_question(connection, user)
        if question is None:
            return _said("wrote", Say.NOTHING_OPEN, user)
        key = vendor_events.key_of(CHANNEL, event.id)
        response_log.record_words(
            connection, question.id, StatementKind.WROTE, StatementSource(now_ms, CHANNEL, key, words)
        )
        token = self._links.sign(question.id, question.created_ms)
        to_self = question.purpose == Purpose.ASK
        alone = asks_for_an_answer(question.kind) and not bundles.others_in(connection, question.id)
        quick = quick_answers(token, user.language, to_self=to_self) if alone else []
        return EventResult("wrote_instead", [text(say(Say.PRESS, user.language), quick)])


def _said(outcome: str, word: Say | None, user: ChatUser, name: str = "") -> EventResult:
    return EventResult(outcome, [text(say(word, user.language, name))] if word else [])


def _confirmation(answer: Answer, recorded: answers.Recorded, *, to_self: bool) -> Say:
    if recorded.revoked:
        return Say.REVOKED
    if recorded.changed:
        return _SAID_OF_SELF.get(answer, Say.RECORDED) if to_self else Say(answer)
    return Say.ENDED if recorded.state in TERMINAL else Say.RECORDED
