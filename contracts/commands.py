"""What the backend asks of a home, and the home's report: commands with their results, desired settings with theirs.

``cfg`` carries the current deadline down, so that the home can ask its person itself while the backend is away.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from contracts.envelope import LATEST_MS
from contracts.errors import MalformedMessage, UnknownVerb
from contracts.strict import MAX_INT, VERSION, check_text, dump, load_versioned

MAX_LINES: Final = 500
"""Longest text of a command or detail of a result, in characters; the only texts that may have several lines."""


class Verb(StrEnum):
    """What a home can be told to do."""

    ASK = "ask"
    """Chime, light, and wait for the button: are you all right?"""
    TELL = "tell"
    """Chime once and say or show the text; there is nothing to answer."""
    STOP_ASKING = "stop_asking"
    """End the question whose id is the text, if it is still open; any question where the text is empty."""
    WALK_TEST = "walk_test"
    RESTART = "restart"


@dataclass(frozen=True, slots=True)
class Command:
    """One command. ``expires_ms`` (ms UTC): after it the home answers ``expired`` and does nothing."""

    id: str
    verb: Verb
    expires_ms: int
    text: str = ""


class CommandOutcome(StrEnum):
    """What can become of a command. Of all but the first, nothing was done, and the same id may be sent again."""

    DONE = "done"
    """Carried out, now or when the same id came before. Of a question: it was sounded or shown, not answered."""
    EXPIRED = "expired"
    """It came too late."""
    UNSYNCED = "unsynced"
    """The clock of the home was never set, so nobody can tell whether it came too late."""
    UNSUPPORTED = "unsupported"
    """The home has nothing to do it with, or does not know the verb."""
    MALFORMED = "malformed"
    """The command cannot be read."""
    FAILED = "failed"
    """The home tried, and could not."""


OUTCOMES: Final = tuple(CommandOutcome)
"""The words of a result."""


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What became of a command, with a word for whoever fixes a device."""

    id: str
    outcome: CommandOutcome
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Config:
    """Desired settings of a home, retained. Revisions count up; a home ignores one that is not newer.

    Attributes:
        revision: counts up.
        ask_at_ms: when the home should ask its person by itself if the backend is out of reach; None for never.
    """

    revision: int
    ask_at_ms: int | None = None


def encode_command(command: Command) -> bytes:
    """The payload of ``cmd/{id}``. Raises MalformedMessage for a text the home would refuse."""
    check_text(command.text, "text", MAX_LINES, empty=True, lines=True)
    return dump({"v": VERSION, "verb": str(command.verb), "exp": command.expires_ms, "text": command.text})


def decode_command(payload: bytes, command_id: str) -> Command:
    """Read the payload of ``cmd/{id}``. Raises ContractError; a verb of a later version is an UnknownVerb."""
    reader = load_versioned(payload)
    verb = reader.text("verb", 32)
    if verb not in tuple(Verb):
        raise UnknownVerb("verb must be one of " + ", ".join(Verb))
    text = reader.text("text", MAX_LINES, empty=True, lines=True) if reader.has("text") else ""
    return Command(command_id, Verb(verb), reader.integer("exp", 0, LATEST_MS), text)


def encode_result(result: CommandResult) -> bytes:
    """The payload of ``res/{id}``. Raises MalformedMessage for what the backend would refuse."""
    check_text(result.detail, "detail", MAX_LINES, empty=True, lines=True)
    return dump({"v": VERSION, "outcome": str(_outcome(result.outcome)), "detail": result.detail})


def decode_result(payload: bytes, command_id: str) -> CommandResult:
    """Read the payload of ``res/{id}``. Raises ContractError."""
    reader = load_versioned(payload)
    detail = reader.text("detail", MAX_LINES, empty=True, lines=True) if reader.has("detail") else ""
    return CommandResult(command_id, _outcome(reader.text("outcome", 32)), detail)


def _outcome(word: str) -> CommandOutcome:
    if word not in OUTCOMES:
        raise MalformedMessage("outcome must be one of " + ", ".join(OUTCOMES))
    return CommandOutcome(word)


def encode_config(config: Config) -> bytes:
    """The payload of ``cfg``."""
    return dump({"v": VERSION, "rev": config.revision, "ask_at": config.ask_at_ms})


def decode_config(payload: bytes) -> Config:
    """Read the payload of ``cfg``. Raises ContractError."""
    reader = load_versioned(payload)
    ask_at = reader.integer("ask_at", 0, LATEST_MS) if reader.has("ask_at") else None
    return Config(reader.integer("rev", 0, MAX_INT), ask_at)


def encode_config_report(revision: int) -> bytes:
    """The payload of ``cfgrep``: the revision in force."""
    return dump({"v": VERSION, "rev": revision})


def decode_config_report(payload: bytes) -> int:
    """Read the payload of ``cfgrep``. Raises ContractError."""
    return load_versioned(payload).integer("rev", 0, MAX_INT)
