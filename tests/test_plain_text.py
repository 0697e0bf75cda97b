"""What a job prints or a client chose, on a terminal and on the pages: one filter, and it lets nothing through that
moves, hides or turns round what stands beside it."""

import os
import pty
import re
import sys
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trigger.ctl.terminal import Screen
from trigger.plain_text import Text, line, plain

SCREEN = "import sys; sys.path.insert(0, %r); from trigger.ctl.terminal import Screen; screen = Screen(); "
FORBIDDEN = {*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0))} - set("\n\t")
FORBIDDEN |= set("\u061c\u200e\u200f\u2028\u2029\ufeff\u200b\u2060")
FORBIDDEN |= {*map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))}
# Default_Ignorable_Code_Point, of DerivedCoreProperties.txt (Unicode 15.1), and what it takes for seen.
IGNORABLE = (
    "00AD 034F 061C 115F..1160 17B4..17B5 180B..180F 200B..200F 202A..202E 2060..206F 3164 FE00..FE0F FEFF FFA0 "
    "FFF0..FFF8 1BCA0..1BCA3 1D173..1D17A E0000..E0FFF"
)
WRITTEN_WITH = "180B..180D 180F 200C..200D FE00..FE0F E0100..E01EF"  # variation selectors and joiners


def characters(ranges):
    bounds = [[int(bound, 16) for bound in each.split("..")] for each in ranges.split()]
    return {chr(number) for each in bounds for number in range(each[0], each[-1] + 1)}


FORBIDDEN |= characters(IGNORABLE) - characters(WRITTEN_WITH)
HARMFUL = [
    b"\x9b2J", b"\xc2\x9b2J", b"\x1b[2J", b"\x1b]0;title\x07", b"a\rb", b"a\r\nb", b"\r", b"\r\r\n", b"\x08", b"\x7f",
    *(b"a%sb".replace(b"%s", character.encode()) for character in sorted(FORBIDDEN) if ord(character) < 0xE0080),
    "\u202egnp.exe".encode(), b"\xe2\x80", b"\xae", b"\xff", b"\xf0\x9f\x98\x80", b"\xed\xa0\x80", b"\xc0\x9b",
]  # fmt: skip


def shown(*parts):
    text = Text()
    return "".join([*map(text.feed, parts), text.feed(b"", final=True)])


def cut(content, places):
    places = sorted({place % (len(content) + 1) for place in places})
    return [content[begin:end] for begin, end in zip([0, *places], [*places, len(content)])]


@given(st.lists(st.one_of(st.binary(), st.sampled_from(HARMFUL))).map(b"".join), st.lists(st.integers(0, 500)))
@example(b"\xc2\x9b2J", [1])
@example(b"a\r\nb", [2])
@example(b"100%\r200%", [5])
@example("\u202egnp".encode(), [1, 2])
def test_no_bytes_in_any_parts_do_anything(content, places):
    text = shown(*cut(content, places))
    assert text == shown(content) == plain(content.decode(errors="replace"))
    assert not FORBIDDEN & set(text)
    assert not FORBIDDEN & set(line(text)) and not re.search("[\n\t]", line(text))


@given(st.text(st.characters(exclude_categories=("Cc", "Cf", "Cs", "Zl", "Zp"), exclude_characters=FORBIDDEN)))
@example("\u26a0\ufe0f 葛\U000e0100")  # with variation selectors
@example("नमस्ते می‌خواهم 👩‍🚒")  # of which some are written with joiners
def test_what_is_seen_is_shown_as_it_is(text):
    assert shown(text.encode()) == text == line(text)


@pytest.mark.parametrize("character", ["\u200d", "\ufe0f"])
def test_what_scripts_are_written_with_stays(character):
    assert plain("a" + character) == "a" + character


def test_what_is_not_seen_is_shown():
    for character in FORBIDDEN - {"\r"}:
        assert character not in plain(f"a{character}b") and plain(character).startswith("\\"), ascii(character)


def test_each_sign_of_direction_and_each_separator_is_shown():
    for number in range(sys.maxunicode + 1):
        character = chr(number)
        turns = unicodedata.bidirectional(character) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
        if turns or unicodedata.category(character) in ("Cc", "Zl", "Zp"):
            assert (plain(character) == character) == (character in "\n\t"), hex(number)


def on_terminal(code):
    """What a program prints on a terminal, bytes. Its standard error goes there, too."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="dumb", LC_ALL="C.UTF-8")
        os.execv(sys.executable, [sys.executable, "-c", SCREEN % os.path.dirname(os.path.dirname(FILES)) + code])
    parts = []
    try:
        while True:
            parts.append(os.read(terminal, 4096))
            if not parts[-1]:
                break
    except OSError:
        pass  # which a terminal raises when its other end is closed
    os.waitpid(pid, 0)
    os.close(terminal)
    return b"".join(parts).replace(b"\r\n", b"\n")  # the terminal's own


FILES = os.path.dirname(sys.modules[Screen.__module__].__file__)
HARM = "\x1b[2J\u202e\x9b\rx"
SAYS = [
    "screen.say(%a)" % HARM,
    "screen.say('x', %a)" % HARM,
    "screen.note(%a)" % HARM,
    "screen.fields([('Name', %a)])" % HARM,
    "screen.table(['A', 'B'], [[%a, 'b']])" % HARM,
    "screen.output(%r); screen.end_output()" % HARM.encode(),
    "screen.output(b'a\\xc2'); screen.output(b'\\x9b2J\\r'); screen.output(b'b'); screen.end_output()",
    "screen.json([%a])" % HARM,
]


@pytest.mark.parametrize("code", SAYS)
def test_nothing_that_is_said_on_a_terminal_does_anything(code):
    told = on_terminal(code).decode()
    assert told.strip() and not FORBIDDEN & set(told), ascii(told)


def test_a_pipe_gets_a_job_s_bytes_as_they_are(capfdbinary):
    screen = Screen()
    for part in (b"a\xc2", b"\x9b2J\r", b"\xff\x1b[2J"):
        screen.output(part)
    screen.end_output()
    assert capfdbinary.readouterr().out == b"a\xc2\x9b2J\r\xff\x1b[2J"
