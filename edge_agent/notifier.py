"""How a home gets the attention of its person: a chime and a light behind command lines, or the console for trying out.

A command line is run without a shell, finds the text in ``MIMAMORI_TEXT`` (for a program that speaks it), and has done
its work when it ends with 0. So whatever makes a sound or a light on the device, such as ``aplay``, ``gpioset`` or
``curl`` to a lamp, needs no code here.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Final, Protocol, TextIO

from edge_agent.errors import NotifierError
from edge_agent.settings import AttentionSettings

TEXT_VARIABLE: Final = "MIMAMORI_TEXT"


class Notifier(Protocol):
    """What can be sounded and shown. Calls come from one thread and return within seconds.

    Each gives a word about a device that did not work, empty when all did, and raises NotifierError when the person
    cannot have noticed anything.
    """

    def ask(self, text: str) -> str:
        """Put the light on and sound the chime, once: an answer is waited for."""
        ...

    def tell(self, text: str) -> str:
        """Sound the chime once, without the light."""
        ...

    def light_off(self) -> str:
        """Put the light out: no answer is waited for any more."""
        ...


class CommandNotifier:
    """Runs the command lines of the settings.

    Args:
        settings: an empty command line is a device that is not there.
    """

    def __init__(self, settings: AttentionSettings) -> None:
        self._settings = settings

    def ask(self, text: str) -> str:
        """The light first, as the chime takes a while. A home with a chime was asked when that sounded."""
        own, trouble = self._settings, ""
        try:
            self._run("light_on", own.light_on, text)
        except NotifierError as error:
            if not own.chime:
                raise
            trouble = str(error)
        self._run("chime", own.chime, text)
        return trouble

    def tell(self, text: str) -> str:
        """The chime."""
        if not self._settings.chime:
            raise NotifierError("attention.chime is not set up, and a light says nothing")
        self._run("chime", self._settings.chime, text)
        return ""

    def light_off(self) -> str:
        """The light goes out."""
        self._run("light_off", self._settings.light_off)
        return ""

    def _run(self, device: str, words: Sequence[str], text: str = "") -> None:
        if not words:
            return
        limit_s = self._settings.limit_s
        try:
            # Its output is not kept: a program that speaks may repeat a name.
            done = subprocess.run(  # noqa: S603 - the command line is the installer's own, and no shell reads it
                list(words),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=limit_s,
                env={**os.environ, TEXT_VARIABLE: text},
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise NotifierError(f"attention.{device}: '{words[0]}' was not over within {limit_s:g} s") from None
        except (OSError, ValueError) as error:  # ValueError: a NUL in the text or the command line
            raise NotifierError(f"attention.{device}: '{words[0]}' cannot be run: {error}") from None
        if done.returncode:
            raise NotifierError(f"attention.{device}: '{words[0]}' ended with {done.returncode}")


class ConsoleNotifier:
    """Writes to a text stream: to see at a terminal what would be sounded."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def ask(self, text: str) -> str:
        """Write the question."""
        return self._write(f"[light on, chime] {text}")

    def tell(self, text: str) -> str:
        """Write what is told."""
        return self._write(f"[chime] {text}")

    def light_off(self) -> str:
        """Write that the light is out."""
        return self._write("[light off]")

    def _write(self, line: str) -> str:
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except (OSError, ValueError) as error:  # ValueError: the stream is closed
            raise NotifierError(f"attention.console: {error}") from None
        return ""


def build_notifier(settings: AttentionSettings) -> Notifier | None:
    """The devices that the settings name; None: there are none. The console, for trying out, takes their place."""
    if settings.console:
        return ConsoleNotifier(sys.stdout)
    return CommandNotifier(settings) if settings.chime or settings.light_on else None
