"""A signal is a condition that holds now; its key is stable, so reading it again changes nothing."""

from dataclasses import dataclass
from enum import StrEnum


class SignalKind(StrEnum):
    """What can be noticed, of a person and of devices."""

    SILENCE = "silence"
    """The ask deadline of a home whose devices are proven alive has passed."""
    HELP = "help"
    """The help button was pressed."""
    DECLINE = "decline"
    """Life goes on at home, far below the usual: somebody may be ill, or lie on the floor."""
    NO_RETURN = "no_return"
    """Out for longer, or later, than ever usual here."""
    GATEWAY_LOST = "gateway_lost"
    """The gateway has not been seen; for staff, never for neighbours."""
    SENSOR_LOST = "sensor_lost"
    """A sensor that should report does not."""
    AREA_OUTAGE = "area_outage"
    """Many homes of one area are in trouble at once: one matter for staff, its homes stay listed one by one."""

    @property
    def concerns_person(self) -> bool:
        """Whether people outside the staff may be told."""
        return self in (SignalKind.SILENCE, SignalKind.HELP, SignalKind.DECLINE, SignalKind.NO_RETURN)

    @property
    def answered_by_movement(self) -> bool:
        """Whether a sign of life in the home answers it: it shows that the silence, or the outing, is over."""
        return self in (SignalKind.SILENCE, SignalKind.NO_RETURN)

    @property
    def answered_by_any_word(self) -> bool:
        """Whether the person's being heard or seen well in another incident answers it. A call for help it does not."""
        return self.concerns_person and self is not SignalKind.HELP


@dataclass(frozen=True, slots=True)
class Sentence:
    """One plain sentence that says why, in both languages of the product."""

    ja: str
    en: str

    def in_language(self, language: str) -> str:
        """The sentence in ``ja`` or ``en``."""
        return self.en if language == "en" else self.ja


@dataclass(frozen=True, slots=True)
class Signal:
    """A condition that holds now.

    Attributes:
        home: home id.
        kind: what was noticed.
        since_ms: what it dates from (ms UTC): the last sign of life, the press, the noticing, the last heartbeat.
        ask_at_ms: when the person should be asked (ms UTC).
        call_at_ms: when help should be called even if nobody could be asked (ms UTC).
        reason: one plain sentence.
    """

    home: str
    kind: SignalKind
    since_ms: int
    ask_at_ms: int
    call_at_ms: int
    reason: Sentence

    @property
    def dedup_key(self) -> str:
        """The same for the same condition, however often it is read: home, kind and what it dates from."""
        return f"{self.home}:{self.kind}:{self.since_ms}"
