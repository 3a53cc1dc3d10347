"""What LINE shows besides the messages of `alerts.wording.messages`: buttons, and the answers of the account.

The words are in ``locales/``. A button has at most 20 characters. ``{name}``: whom the incident is about.
"""

from enum import StrEnum
from pathlib import Path
from typing import Final

from alerts.decisions.model import Answer
from alerts.wording.catalogue import Catalogue, catalogue

LOCALES: Final = Path(__file__).resolve().parent / "locales"
SELF_ANSWERS: Final = (Answer.SAFE, Answer.CANNOT)
"""What the person can press under a question to them, the usual answer first."""


class Say(StrEnum):
    """What the account says back; a key of the locales under ``say.``."""

    SELF_SAFE = "self_safe"
    SELF_HELP = "self_help"
    GOING = "going"
    SAFE = "safe"
    CANNOT = "cannot"
    CALLED_119 = "called_119"
    RECORDED = "recorded"
    """The answer was recorded and moved nothing: it was given before, or the incident has moved on."""
    REVOKED = "revoked"
    """They wanted to go, but are no longer asked to look after this person."""
    ENDED = "ended"
    UNUSABLE = "unusable"
    """The button is too old, or not ours."""
    PRESS = "press"
    """Somebody who was asked wrote instead of pressing; the buttons come again below."""
    NOTHING_OPEN = "nothing_open"
    WELCOME = "welcome"
    """A new friend whom we do not know: how to link."""
    WELCOME_BACK = "welcome_back"
    LINKED = "linked"
    BAD_CODE = "bad_code"


def words_of(language: str) -> Catalogue:
    """The words of LINE in the reader's language."""
    return catalogue(language, LOCALES)


def say(what: Say, language: str, name: str = "") -> str:
    """One text in the reader's language."""
    return words_of(language)(f"say.{what}", name=name)


def buttons(language: str, *, to_self: bool) -> dict[Answer, str]:
    """The answers that can be pressed, the usual one first, with their labels."""
    words = words_of(language)
    if to_self:
        return {answer: words(f"button.self.{answer}") for answer in SELF_ANSWERS}
    return {answer: words(f"button.{answer}") for answer in Answer}
