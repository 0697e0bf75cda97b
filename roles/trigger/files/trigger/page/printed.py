"""What a job prints, made into text that shows and does nothing. No I/O."""

import codecs
import re

# What could move, hide or turn round what stands beside it: control characters but for tab and line feed, and those
# that set the direction of writing (UAX #9).
_UNSEEN = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class Text:
    """Takes bytes in parts, cut anywhere, and returns text. What is no UTF-8 becomes U+FFFD."""

    def __init__(self):
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._had_return = False

    def feed(self, part, final=False):
        """Return the text of a part, bytes, so far as it is complete: str. final: bool, whether nothing follows."""
        text = self._decoder.decode(part, final)
        if self._had_return:
            text = "\r" + text
        # Its line feed may come with the next part.
        self._had_return = text.endswith("\r") and not final
        if self._had_return:
            text = text[:-1]
        # A bare return is how progress is shown; what it wrote over is shown, too.
        return _UNSEEN.sub(_show, text.replace("\r\n", "\n").replace("\r", "\n"))


def _show(found):
    number = ord(found[0])
    return "\\x%02x" % number if number < 0x100 else "\\u%04x" % number
