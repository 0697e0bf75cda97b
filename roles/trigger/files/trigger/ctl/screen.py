"""Where a command says what it found: a terminal, or what reads it in a script."""

import json
import os
import re
import shutil
import sys

from trigger.ctl import table

# What could move a terminal's cursor or change its state; a job may print what a client has sent.
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\xc2[\x80-\x9f]")


class Screen:
    """as_json: bool, what the person asked for."""

    def __init__(self, as_json=False):
        self.as_json = as_json
        self._is_terminal = sys.stdout.isatty()
        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        self._colours = self._is_terminal and not plain

    def json(self, value):
        """Print a value as JSON."""
        print(json.dumps(value, indent=1))

    def table(self, titles, rows, shrinking=()):
        """Print a table, see table.lines()."""
        width = shutil.get_terminal_size().columns if self._is_terminal else None
        print("\n".join(table.lines(titles, rows, width, shrinking, self._colours)))

    def fields(self, pairs):
        """Print what is known of one thing. pairs: list of (name, str)."""
        width = max(len(name) for name, _ in pairs)
        for name, text in pairs:
            print("%s: %s" % (name.rjust(width), self.word(text)))

    def plain(self, text):
        """A text that moves no cursor."""
        return table.printable(text)

    def word(self, text):
        """A text, in its colour when it is a word of state."""
        text = table.printable(text)
        return table.paint(text) if self._colours else text

    def say(self, text):
        """Print a line of an answer."""
        print(text, flush=True)

    def note(self, text):
        """Tell beside the answer how things go on."""
        sys.stdout.flush()
        print(text, file=sys.stderr, flush=True)

    def output(self, part):
        """Print what a job printed, bytes."""
        if self._is_terminal:
            part = _CONTROL.sub(lambda found: b"".join(b"\\x%02x" % byte for byte in found[0]), part)
        sys.stdout.buffer.write(part)
        sys.stdout.buffer.flush()
