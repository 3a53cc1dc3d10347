"""Carries out the backend's commands: asks the person of the home by chime and light, and takes the button's answer.

One thread does everything that takes time, so that neither the link nor a sensor ever waits for a chime. A command is
carried out once, however often it comes: its id is remembered on disk after the chime, so a power cut in between costs
a second chime, and never a question that nobody heard.
"""

import contextlib
import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from contracts.clock import Clock, ClockQuality
from contracts.commands import MAX_LINES, Command, CommandOutcome, CommandResult, Verb, decode_command
from contracts.errors import ContractError, UnknownVerb, UnknownVersion
from contracts.events import Kind, Press, is_sign_of_life
from edge_agent.clock import QualitySource
from edge_agent.errors import NotifierError, OutboxError
from edge_agent.notifier import Notifier
from edge_agent.outbox.outbox import Outbox
from edge_agent.ports import Reading
from edge_agent.settings import AttentionSettings

log = logging.getLogger(__name__)

_Received = tuple[str, bytes]  # a command as it came: the id of its topic, and its payload
ANSWERS: Final = (Press.OK, Press.HELP)
MOST_WAITING: Final = 100
LOOK_S: Final = 1.0
"""How often is looked, while a question is open, whether the chime is due again."""
_CAN: Final = (Verb.ASK, Verb.TELL, Verb.STOP_ASKING)


@dataclass(slots=True)
class Question:
    """What the person is being asked.

    Attributes:
        id: of the command. text: what is said.
        left: how often the chime still sounds; again_ms: when it does next, until_ms: how long an answer is waited
            for; both on the monotonic clock.
    """

    id: str
    text: str
    left: int
    again_ms: int
    until_ms: int


def refusal(command: Command, now_ms: int, quality: ClockQuality) -> tuple[CommandOutcome, str] | None:
    """Why a command is not carried out, with a word for whoever fixes it; None: it is. Pure.

    Args:
        command: as it was read.
        now_ms: wall clock of the home, ms UTC.
        quality: how far that can be trusted.
    """
    if command.verb not in _CAN:
        return CommandOutcome.UNSUPPORTED, f"this version cannot do {command.verb}"
    if quality is ClockQuality.NEVER_SYNCED:
        return CommandOutcome.UNSYNCED, "the clock was not set since this boot"
    if now_ms >= command.expires_ms:
        return CommandOutcome.EXPIRED, ""
    return None


class Asker:
    """Takes commands from `take` until `stop`; its thread begins with the first.

    Args:
        notifier: the devices; None: there are none, and every question is refused.
        outbox: remembers which commands were carried out.
        clock, quality: of the home.
        settings: how often and how long is asked.
        answer: sends a result; called in the thread of the asker.
    """

    def __init__(
        self,
        notifier: Notifier | None,
        outbox: Outbox,
        clock: Clock,
        quality: QualitySource,
        settings: AttentionSettings,
        answer: Callable[[CommandResult], None],
    ) -> None:
        self._notifier, self._outbox, self._settings = notifier, outbox, settings
        self._clock, self._quality, self._answer = clock, quality, answer
        self._waiting: queue.Queue[_Received | None] = queue.Queue(MOST_WAITING)
        self._question: Question | None = None
        self._lit = False
        self._guard = threading.Lock()  # of question and thread; held for moments only
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    # For every thread.

    def take(self, command_id: str, payload: bytes) -> None:
        """Take a command as it came. Never waits."""
        with self._guard:
            if self._stopping.is_set():
                return  # the backend gets no result, and sends it again
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="asker", daemon=True)
                self._thread.start()
        try:
            self._waiting.put_nowait((command_id, payload))
        except queue.Full:
            log.error("command %s was dropped: %d others wait to be carried out", command_id, MOST_WAITING)

    def with_question(self, reading: Reading) -> Reading:
        """The reading as it is to be stored: an answer of the button names the question, which ends with it.

        Any other sign of life ends the repetitions of the chime alone: who moves was not found well yet.
        """
        with self._guard:
            question = self._question
            if question is None or not is_sign_of_life(reading.kind, reading.fields):
                return reading
            if reading.kind != Kind.BUTTON or reading.fields.get("press") not in ANSWERS:
                question.left = 0
                return reading
            self._question = None
        return replace(reading, fields={**reading.fields, "cmd": question.id})

    def start(self) -> None:
        """Take commands from now on."""
        self._stopping.clear()

    def stop(self) -> None:
        """End the thread, and put the light out. A chime that sounds is waited for."""
        self._stopping.set()
        with self._guard:
            thread, self._thread = self._thread, None
        if thread is not None:
            with contextlib.suppress(queue.Full):  # then it does not sleep
                self._waiting.put_nowait(None)
            thread.join()
            self._waiting = queue.Queue(MOST_WAITING)

    # The thread.

    def _run(self) -> None:
        while not self._stopping.is_set():
            received = self._next()
            if received is not None:
                self._answer(self._result(*received))
            self._go_on()
        with self._guard:
            self._question = None
        self._go_on()

    def _next(self) -> _Received | None:
        """The next command; None: it is time to look at the open question, or to stop."""
        try:
            return self._waiting.get(timeout=LOOK_S if self._lit else None)
        except queue.Empty:
            return None

    def _result(self, command_id: str, payload: bytes) -> CommandResult:
        outcome, detail = self._carry_out(command_id, payload)
        if outcome is not CommandOutcome.DONE:
            log.warning("command %s: %s %s", command_id, outcome, detail)
        return CommandResult(command_id, outcome, _fitting(detail))

    def _carry_out(self, command_id: str, payload: bytes) -> tuple[CommandOutcome, str]:
        try:
            command = decode_command(payload, command_id)
        except (UnknownVerb, UnknownVersion) as error:
            return CommandOutcome.UNSUPPORTED, error.detail
        except ContractError as error:
            return CommandOutcome.MALFORMED, error.detail
        try:
            if self._outbox.carried_out(command.id):
                return CommandOutcome.DONE, ""
            refused = refusal(command, self._clock.wall_ms(), self._quality())
            if refused is not None:
                return refused
            if self._notifier is None:
                return CommandOutcome.UNSUPPORTED, "no chime, light or console is set up in [attention]"
            detail = self._do(self._notifier, command)
        except (NotifierError, OutboxError) as error:  # perhaps done before: better asked twice than not at all
            return CommandOutcome.FAILED, str(error)
        self._remember(command.id)
        return CommandOutcome.DONE, detail

    def _remember(self, command_id: str) -> None:
        try:
            self._outbox.remember(command_id)
        except OutboxError as error:
            log.error("command %s was carried out, and may be so again: %s", command_id, error)

    def _do(self, notifier: Notifier, command: Command) -> str:
        match command.verb:
            case Verb.ASK:
                return self._ask(notifier, command)
            case Verb.TELL:
                return notifier.tell(command.text)
            case _:
                with self._guard:
                    if self._question is not None and command.text in ("", self._question.id):
                        self._question = None
                return ""

    def _ask(self, notifier: Notifier, command: Command) -> str:
        now_ms, own = self._clock.monotonic_ms(), self._settings
        again_ms, until_ms = now_ms + 1000 * own.again_s, now_ms + 1000 * own.ask_s
        with self._guard:  # before the chime: who presses while it sounds has answered
            self._question = Question(command.id, command.text, own.times - 1, again_ms, until_ms)
        self._lit = True
        return notifier.ask(command.text)

    def _go_on(self) -> None:
        """Sound the chime again when that is due, and put the light out when no answer is waited for any more."""
        now_ms = self._clock.monotonic_ms()
        with self._guard:
            question = self._question
            if question is not None and now_ms >= question.until_ms:
                question = self._question = None
            again = question is not None and question.left > 0 and now_ms >= question.again_ms
            if question is not None and again:
                question.left -= 1
                question.again_ms = now_ms + 1000 * self._settings.again_s
        if self._notifier is None:
            return
        try:
            if question is None and self._lit:
                self._lit = False
                self._notifier.light_off()
            elif question is not None and again:
                self._notifier.ask(question.text)
        except NotifierError as error:
            log.error("%s", error)


def _fitting(detail: str) -> str:
    """A detail as a result may carry it."""
    return "".join(letter if letter.isprintable() else " " for letter in detail)[:MAX_LINES]
