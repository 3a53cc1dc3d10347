"""A call of the double: it rings, somebody answers or not, the product's TwiML is spoken, keys go back."""

from functools import partial
from typing import Annotated, Final
from urllib.parse import urljoin
from xml.etree import ElementTree

from simulators.vendors.base.callbacks import after
from simulators.vendors.base.world import part
from simulators.vendors.twilio.callbacks import TwilioCallbacks, Unanswered
from simulators.vendors.twilio.world import Call

MOST_PAGES: Final = 20


class Calls:
    """Plays calls.

    Args:
        callbacks: how the product is reached.
        ring_limit_s: a phone that a hand should pick up rings at most this long; None: as long as the caller asked.
    """

    def __init__(self, callbacks: TwilioCallbacks, ring_limit_s: float | None = None) -> None:
        self._world = callbacks.world
        self._callbacks = callbacks
        self._ring_limit_s = ring_limit_s

    def play(self, call: Call) -> None:
        """Let it ring, and do what the number does."""
        self._tell(call, "initiated")
        self._tell(call, "ringing")
        match self._world.voice.get(call.to, "rings"):
            case "rings":
                limit_s = call.ring_s if self._ring_limit_s is None else min(call.ring_s, self._ring_limit_s)
                after(limit_s, partial(self._callbacks.later, partial(self.ring_out, call)))
            case "busy":
                self._end(call, "busy")
            case "no_answer":
                self._end(call, "no-answer")
            case "voicemail":
                self.answer(call, machine=True)
                self.hang_up(call)
            case "listens":
                self.answer(call)
                while not call.over:
                    self.wait(call)
            case key:
                self.answer(call)
                self.press(call, key)
                self.hang_up(call)

    def answer(self, call: Call, *, machine: bool = False) -> None:
        """Somebody, or a machine, picks up, if it still rings."""
        with self._world.lock:
            if call.status != "ringing":
                return
            call.status = "in-progress"
            call.answered_by = ("machine_start" if machine else "human") if call.detects else None
        self._tell(call, "in-progress")
        if call.twiml:
            self._speak(call, list(ElementTree.fromstring(call.twiml)), call.url)  # noqa: S314 - of the product
        else:
            self._fetch(call, call.url, {})

    def press(self, call: Call, digit: str) -> None:
        """Press a key; nothing happens while none is waited for."""
        with self._world.lock:
            address, call.gather = call.gather, None
        if address is not None:
            self._fetch(call, address, {"Digits": digit, "msg": "Gather End"})

    def wait(self, call: Call) -> None:
        """Press nothing until the words go on."""
        with self._world.lock:
            call.gather = None
            rest, call.rest = call.rest, []
        self._speak(call, rest, call.url)

    def hang_up(self, call: Call) -> None:
        """Put the receiver down; a call that only rings is refused."""
        self._end(call, "completed" if call.status == "in-progress" else "busy")

    def ring_out(self, call: Call) -> bool:
        """Nobody picked up in time; False when it rings no more."""
        if call.status != "ringing":
            return False
        self._end(call, "no-answer")
        return True

    def _fetch(self, call: Call, url: str, fields: dict[str, str]) -> None:
        """What is to be said, from the product; what cannot be had ends the call, as Twilio does after its apology."""
        try:
            document = self._callbacks.ask(url, call.fields | fields)
            verbs = list(ElementTree.fromstring(document))  # noqa: S314 - of the product
        except (Unanswered, ElementTree.ParseError) as error:
            call.said.append("（アプリケーションエラーです）")
            self._world.refused.append(f"TwiML: {type(error).__name__} {error}")
            self._end(call, "completed")
            return
        self._speak(call, verbs, url)

    def _speak(self, call: Call, verbs: list[ElementTree.Element], url: str) -> None:
        for number, verb in enumerate(verbs):
            if verb.tag == "Say":
                self._speak_one(call, verb)
            elif verb.tag == "Gather":
                for words in verb:
                    self._speak_one(call, words)
                with self._world.lock:
                    call.gather, call.rest = urljoin(url, verb.attrib["action"]), verbs[number + 1 :]
                return
            elif verb.tag == "Redirect":
                if len(call.said) < MOST_PAGES:
                    self._fetch(call, urljoin(url, verb.text or ""), {})
                return
            elif verb.tag == "Hangup":
                break
            else:
                self._world.refused.append(f"TwiML: unknown verb {verb.tag}")
        self._end(call, "completed")

    def _speak_one(self, call: Call, words: ElementTree.Element) -> None:
        if words.tag != "Say" or not words.attrib.get("language"):
            self._world.refused.append(f"TwiML: {words.tag} without a language")
        call.said.append(words.text or "")

    def _end(self, call: Call, status: str) -> None:
        with self._world.lock:
            if call.over:
                return
            call.status, call.gather = status, None
        self._callbacks.tell(call.callback, [call.fields | {"CallDuration": "7"}])

    def _tell(self, call: Call, status: str) -> None:
        with self._world.lock:
            call.status = "ringing" if status == "initiated" else status
        self._callbacks.tell(call.callback, [call.fields | {"CallStatus": status}])


CallsOf = Annotated[Calls, part("calls")]
