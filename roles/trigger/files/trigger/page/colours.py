"""What a job prints as HTML, with the colours that it asks a terminal for. No I/O.

Of a terminal's sequences (ECMA-48) those that set colours, bold and underline are followed (SGR, 8.3.117), and any
other is left out: it would move, erase, or give a window its title. What only begins like one is shown as it is.
"""

from __future__ import annotations

import re

from trigger import plain_text
from trigger.page.markup import Markup, element, join

_PLAIN = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
NAMES = (*_PLAIN, *("bright-" + name for name in _PLAIN))
# Of each as xterm has it; by these a colour is found that is nearest to another one.
_XTERM = (
    (0, 0, 0), (205, 0, 0), (0, 205, 0), (205, 205, 0), (0, 0, 238), (205, 0, 205), (0, 205, 205), (229, 229, 229),
    (127, 127, 127), (255, 0, 0), (0, 255, 0), (255, 255, 0), (92, 92, 255), (255, 0, 255), (0, 255, 255),
    (255, 255, 255),
)  # fmt: skip
_CUBE = (0, 95, 135, 175, 215, 255)  # the steps of each component in the 216 colours behind the first 16

# Their length has an end, so that what is never closed hides nothing but itself. A string (OSC, DCS and the like) ends
# with BEL or ST, and holds no line break here.
_CONTROL = r"\[[0-?]{0,64}[ -/]{0,4}"
_STRING = r"[\]PX^_][^\x07\x1b\n]{0,2048}"
_SEQUENCE = re.compile(r"\x1b(?:%s[@-~]|%s(?:\x07|\x1b\\)|[ -/]{1,4}[0-~]|[0-OQ-WYZ\\`-~])" % (_CONTROL, _STRING))
_BEGIN = re.compile(r"\x1b(?:%s|%s\x1b?|[ -/]{0,4})\Z" % (_CONTROL, _STRING))
_RENDITION = re.compile(r"\x1b\[([0-9:;]*)m")


class Coloured:
    """Takes bytes in parts, cut anywhere, and returns Markup. look: that with which they begin, as self.look tells it.
    held: how many bytes at the end of what came are not shown yet. Raises ValueError for what is no look."""

    def __init__(self, look: str = "") -> None:
        self._decoder = plain_text.Decoder()
        self._rest = ""  # what may be the begin of a sequence
        self._bytes = b""  # of that at least
        self._rendition = _Rendition(look)

    @property
    def look(self) -> str:
        """What stands behind it begins so: classes, "" where it is nothing special."""
        return self._rendition.look()

    @property
    def held(self) -> int:
        """How many bytes at the end of what came are not shown yet."""
        if not self._rest:
            return self._decoder.held
        begin = len(self._bytes)
        for _ in range(self._rest.count("\x1b")):
            begin = self._bytes.rindex(b"\x1b", 0, begin)
        return len(self._bytes) - begin

    def feed(self, part: bytes, final: bool = False) -> Markup:
        """Return the HTML of a part, so far as it is complete. final: whether nothing follows."""
        self._bytes = self._bytes + part if self._rest else part
        text = self._rest + self._decoder.feed(part, final)
        self._rest = ""
        shown = []
        piece = ""  # of one look
        place = 0
        while True:
            escape = text.find("\x1b", place)
            piece += text[place:escape] if escape >= 0 else text[place:]
            if escape < 0:
                break
            sequence = _SEQUENCE.match(text, escape)
            if sequence:
                place = sequence.end()
                look = self._rendition.look()
                self._rendition.obey(sequence[0])
                if piece and look != self._rendition.look():
                    shown.append(_dressed(piece, look))
                    piece = ""
            elif not final and _BEGIN.match(text, escape):
                self._rest = text[escape:]
                break
            else:
                piece += "\x1b"
                place = escape + 1
        return join([*shown, _dressed(piece, self._rendition.look())])


class _Rendition:
    """How characters look from here on."""

    def __init__(self, look):
        self._clear()
        for name in look.split():
            if name in ("bold", "underline"):
                setattr(self, "_" + name, True)
            else:
                self._set_colour(name.startswith("on-"), NAMES.index(name.removeprefix("on-")))

    def _clear(self):
        self._bold = self._underline = False
        self._colour = self._ground = None  # their numbers, up to 15

    def look(self):
        """Return it as classes: str, "" where it is nothing special."""
        classes = [NAMES[self._colour]] if self._colour is not None else []
        if self._ground is not None:
            classes.append("on-" + NAMES[self._ground])
        return " ".join(classes + ["bold"] * self._bold + ["underline"] * self._underline)

    def obey(self, sequence):
        """Follow a sequence, if it is of this kind."""
        found = _RENDITION.fullmatch(sequence)
        if found is None:
            return
        # A parameter may have parts of its own: 38:2::255:0:0 says what 38;2;255;0;0 does.
        codes = [code.split(":") for code in found[1].split(";")]
        while codes:
            code, *parts = codes.pop(0)
            if code in ("38", "48", "58"):  # the last is for underlines
                colour = _of_parts(parts) if parts else _taken_from(codes)
                if colour is not None and code != "58":
                    self._set_colour(code == "48", colour)
            else:
                self._obey_one(int(code[:4] or 0), parts)

    def _obey_one(self, code, parts):
        if code == 0:
            self._clear()
        elif code in (1, 22):
            self._bold = code == 1
        elif code in (4, 24):
            self._underline = code == 4 and parts[:1] != ["0"]
        elif code in (39, 49):
            self._set_colour(code == 49, None)
        elif code % 10 < 8 and code // 10 in (3, 4, 9, 10):
            self._set_colour(code // 10 in (4, 10), code % 10 + (8 if code >= 90 else 0))

    def _set_colour(self, is_ground, colour):
        if is_ground:
            self._ground = colour
        else:
            self._colour = colour


def _taken_from(codes):
    """Take a colour out of the parameters that follow 38 or 48. Returns its number, or None where it is none."""
    kind = codes.pop(0)[0] if codes else ""
    count = {"5": 1, "2": 3}.get(kind, 0)
    parts = [code[0] for code in codes[:count]]
    del codes[:count]
    return _of_parts([kind, *parts])


def _of_parts(parts):
    """Return the number of a colour, or None. parts: what follows 38 or 48."""
    kind, *numbers = parts
    if kind == "2" and len(numbers) > 3:
        del numbers[0]  # of a colour space
    numbers = [int(number[:4] or 0) for number in numbers]
    if any(number > 255 for number in numbers):
        return None
    if kind == "5" and len(numbers) == 1:
        return _of_256(numbers[0])
    return _nearest(numbers[:3]) if kind == "2" and len(numbers) >= 3 else None


def _of_256(number):
    if number < 16:
        return number
    if number > 231:
        return _nearest([8 + 10 * (number - 232)] * 3)
    return _nearest([_CUBE[(number - 16) // step % 6] for step in (36, 6, 1)])


def _nearest(colour):
    return min(range(16), key=lambda number: sum((a - b) ** 2 for a, b in zip(_XTERM[number], colour)))


def _dressed(text, look):
    shown = plain_text.show(text)
    return element("span", shown, class_=look) if look and shown else join([shown])
