"""What a job prints, or a client chose, made into text that shows and does nothing: one filter, for the pages and for
triggerctl on a terminal. No I/O.
"""

import codecs
import re

# What could move, hide or turn round what stands beside it: control characters but for tab and line feed, those that
# set the direction of writing (UAX #9), other separators of lines, and what is not seen at all (UAX #44,
# Default_Ignorable_Code_Point). Joiners and variation selectors stay, since scripts and emoji are written with them.
_UNSEEN = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e00ff\U000e01f0-\U000e0fff]"
)


class Decoder:
    """Takes bytes in parts, cut anywhere, and returns text whose lines end with a line feed alone. What is no UTF-8
    becomes U+FFFD."""

    def __init__(self):
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._had_return = False

    @property
    def held(self) -> int:
        """How many bytes at the end of what came are not returned yet."""
        return len(self._decoder.getstate()[0]) + self._had_return

    def feed(self, part: bytes, final: bool = False) -> str:
        """Return the text of a part, so far as it is complete. final: whether nothing follows."""
        text = self._decoder.decode(part, final)
        if self._had_return:
            text = "\r" + text
        # Its line feed may come with the next part.
        self._had_return = text.endswith("\r") and not final
        return _lines(text[:-1] if self._had_return else text)


class Text:
    """The same, as text that does nothing."""

    def __init__(self):
        self._decoder = Decoder()

    def feed(self, part: bytes, final: bool = False) -> str:
        """Return the text of a part, so far as it is complete. final: whether nothing follows."""
        return show(self._decoder.feed(part, final))


def plain(text: str) -> str:
    """The same of a text that is whole."""
    return show(_lines(text))


def show(text: str) -> str:
    """The same of a text whose lines end with a line feed alone."""
    return _UNSEEN.sub(_show, text)


def line(text: str) -> str:
    """The same of a text that has to stay on one line."""
    for character, shown in (("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        text = text.replace(character, shown)
    return show(text)


def _lines(text):
    # A bare return is how progress is shown; what it wrote over is shown, too.
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _show(found):
    number = ord(found[0])
    return "\\x%02x" % number if number < 0x100 else "\\u%04x" % number if number < 0x10000 else "\\U%08x" % number
