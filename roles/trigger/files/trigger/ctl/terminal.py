"""Where a command says what it found: a terminal, or what reads it in a script."""

from __future__ import annotations

import json
import os
import shutil
import sys

from trigger import plain_text
from trigger.ctl import errors, table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO


class Screen:
    """as_json: what the person asked for. Whatever is said to a person goes through one filter: a job may print, and a
    record tell, what a client has sent."""

    def __init__(self, as_json: bool = False) -> None:
        self.as_json = as_json
        self._is_terminal = sys.stdout.isatty()
        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        self._colours = self._is_terminal and not plain
        self._output = plain_text.Text()

    def json(self, value: object) -> None:
        """Print a value as JSON."""
        self._print(json.dumps(value, indent=1) + "\n")

    def table(
        self, titles: list[str], rows: list[list[str]], shrinking: Sequence[int] = (), spare: bool = False
    ) -> None:
        """Print a table, see table.lines()."""
        width = shutil.get_terminal_size().columns if self._is_terminal else None
        self._print("\n".join(table.lines(titles, rows, width, shrinking, self._colours, spare)) + "\n")

    def fields(self, pairs: list[tuple[str, str]]) -> None:
        """Print what is known of one thing, under its names."""
        width = max(len(name) for name, _ in pairs)
        for name, text in pairs:
            self._print("%s: %s\n" % (name.rjust(width), self._word(text)))

    def say(self, text: str, word: str | None = None) -> None:
        """Print a line of an answer. word: of state, in front of it."""
        front = "" if word is None else self._word(word) + ": "
        self._print(front + plain_text.plain(text) + "\n")

    def note(self, text: str) -> None:
        """Tell beside the answer how things go on."""
        self._print("")
        complain(text)

    def output(self, part: bytes) -> None:
        """Print what a job printed: as it is, but for a terminal."""
        if self._is_terminal:
            self._print(self._output.feed(part))
        else:
            self._print(part, sys.stdout.buffer)

    def end_output(self) -> None:
        """Print what is left of it."""
        self._print(self._output.feed(b"", final=True))

    def _word(self, text):
        """A text, in its colour when it is a word of state."""
        text = plain_text.line(text)
        return table.paint(text) if self._colours else text

    @staticmethod
    def _print(content, stream=None):
        stream = stream or sys.stdout
        try:
            stream.write(content)
            stream.flush()
        except OSError as error:
            drop(sys.stdout)
            raise errors.Failure("the output is cut short: %s" % error.strerror) from None


def complain(text: str) -> None:
    """Tell on standard error. What nobody can hear stops nothing."""
    try:
        print(plain_text.plain(text), file=sys.stderr, flush=True)
    except OSError:
        drop(sys.stderr)


def drop(stream: TextIO) -> None:
    """Let go what a stream could not write: Python would try again at its end, and end in a traceback."""
    os.dup2(os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC), stream.fileno())
