"""What a job prints, with the colours that it asks a terminal for: followed, left out, or shown for what it is."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from page_host import tree

from trigger.page.colours import NAMES, Coloured
from trigger.plain_text import plain

SEQUENCES = [b"\x1b[1;31m", b"\x1b[0m", b"\x1b[m", b"\x1b[38;5;208m", b"\x1b[48;2;1;2;3m", b"\x1b[2K", b"\x1b[?25l",
             b"\x1b]0;title\x07", b"\x1b]8;;http://x\x1b\\", b"\x1b(B", b"\x1b", b"\x1b[", b"\x1b]", b"\r", b"\r\n",
             b"x", b"<", b"\xf0\x9f\x94"]  # fmt: skip
OUTPUT = st.lists(st.one_of(st.binary(max_size=4), st.sampled_from(SEQUENCES))).map(b"".join)


def html_of(*parts):
    coloured = Coloured()
    return "".join([*map(coloured.feed, parts), coloured.feed(b"", final=True)])


def text_of(*parts):
    return tree(html_of(*parts)).text


def looks(*parts):
    """The pieces of an output: (text, classes)."""
    return looks_of(html_of(*parts))


def looks_of(html):
    return [(piece, "") if isinstance(piece, str) else (piece.text, piece["class"]) for piece in tree(html).content]


def each_character(*parts):
    return each_character_of(html_of(*parts))


def each_character_of(html):
    return [(character, look) for text, look in looks_of(html) for character in text]


@given(OUTPUT, st.lists(st.integers(0, 200), max_size=6))
@example("a€🔔\r\n\x1b[31mred\x1b[0m".encode(), [1, 2, 3, 6, 8, 9, 10, 11, 12])
@example(b"\x1b]8;;http://x\x1b\\y", [1, 2, 12, 13])
@example(b"\r\n\r\x1b(Bx", [0, 1, 2, 3, 4, 5])
def test_where_output_is_cut_makes_no_difference(content, cuts):
    cuts = sorted(cut for cut in cuts if cut <= len(content))
    parts = [content[start:end] for start, end in zip([0, *cuts], [*cuts, len(content)])]
    assert each_character(*parts) == each_character(content)


@given(OUTPUT, st.integers(0, 200))
@example("a€🔔\r\n\x1b[31mred\x1b[0m".encode(), 9)
@example(b"\x1b[1;4;31;44mx\x1b]0;\xff\xf0\x9f\x94\x94\x1b\\y", 22)
@example(b"\x1b[92;103mx\r", 10)
def test_output_goes_on_where_another_one_has_stopped(content, cut):
    first = Coloured()
    begin = each_character_of(first.feed(content[:cut]))
    second = Coloured(first.look)
    place = min(cut, len(content)) - first.held
    assert begin + each_character_of(second.feed(content[place:], final=True)) == each_character(content)


@pytest.mark.parametrize("look", ["x", "on-", "on-bold", "red on-x", "bold bolder"])
def test_what_is_no_look_is_refused(look):
    with pytest.raises(ValueError, match="not in tuple"):
        Coloured(look)


@given(OUTPUT)
@example("\x1b[2J\x9b\u202e\u2066\u200f".encode())
def test_output_makes_no_other_element_and_does_nothing(content):
    elements = tree(html_of(content)).all()
    assert {(found.tag, *found.attributes) for found in elements} <= {("span", "class")}
    known = {*NAMES, *("on-" + name for name in NAMES), "bold", "underline"}
    assert all(set(found["class"].split()) <= known for found in elements)
    assert not re.search("[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]", text_of(content))


@given(st.binary().filter(lambda content: b"\x1b" not in content))
def test_without_sequences_it_is_the_filter_of_all_that_is_shown(content):
    assert text_of(content) == plain(content.decode(errors="replace"))
    assert not tree(html_of(content)).all()


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        (b"a\tb\nc", "a\tb\nc"),
        (b"a\r\nb", "a\nb"),
        (b"10%\r\x1b[K20%\r\n", "10%\n20%\n"),
        (b"\x1b[2J\x1b[1;1Hx\x1b[?25l\x1b[>4;2my\x1b7\x1b(B\x1b=z", "xyz"),
        (b"\x1b]0;title\x07a\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\\x1bP1$r0m\x1b\\", "alink"),
        # what is none, or does not end
        (b"\x1b\n\x1b\xc3\xa4 \x1b[31\xc3\xa4", "\\x1b\n\\x1bä \\x1b[31ä"),
        (b"x\x1b[31", "x\\x1b[31"),
        (b"\x1b]0;never closed\nthe next line", "\\x1b]0;never closed\nthe next line"),
        (b"\x1b[" + b"1;" * 40 + b"mx", "\\x1b[" + "1;" * 40 + "mx"),
        (b"\x1b]" + b"x" * 3000 + b"\x07y", "\\x1b]" + "x" * 3000 + "\\x07y"),
        (b"\xc2\x9b31mx", "\\x9b31mx"),
    ],
)
def test_what_output_looks_like(printed, shown):
    assert text_of(printed) == shown


def test_what_may_be_a_sequence_is_held_back_until_that_is_known():
    coloured = Coloured()
    assert coloured.feed(b"a\x1b[3") == "a"
    assert coloured.feed(b"1mb") == '<span class="red">b</span>'
    assert coloured.feed(b"c\x1b") == '<span class="red">c</span>'
    assert coloured.feed(b"", final=True) == '<span class="red">\\x1b</span>'


@pytest.mark.parametrize(
    ("codes", "look"),
    [
        ("31", "red"), ("92", "bright-green"), ("44", "on-blue"), ("107", "on-bright-white"), ("1", "bold"),
        ("4", "underline"), ("1;4;31;42", "red on-green bold underline"), ("31;39", ""), ("41;49", ""),
        ("1;22", ""), ("4;24", ""), ("4:3", "underline"), ("4:0", ""), ("31;0", ""), ("31;", ""),
        ("01;031", "red bold"),
        # to the nearest
        ("38;5;9", "bright-red"), ("38;5;208", "yellow"), ("48;5;232", "on-black"), ("38;5;255", "white"),
        ("38;2;250;10;10", "bright-red"), ("48;2;0;0;0", "on-black"), ("38:2::250:10:10", "bright-red"),
        ("38:2:250:10:10", "bright-red"), ("38:5:4;1", "blue bold"), ("38;5;4;1", "blue bold"),
        # what is something else, or nothing, sets nothing, and what follows counts
        ("2;3;7;9;53", ""), ("99", ""), ("38", ""), ("48;5", ""), ("38;2;1;2", ""), ("38;5;256;1", "bold"),
        ("38;9;31", "red"), ("58;5;1", ""), ("1234567890;32", "green"),
    ],
)  # fmt: skip
def test_renditions(codes, look):
    assert looks(f"\x1b[{codes}mx".encode()) == [("x", look)]


def test_a_look_lasts_until_it_is_changed_and_is_written_once():
    content = b"a\x1b[32mb\x1b[Kc\x1b[32md\x1b[1me\x1b[mf\n"
    assert looks(content) == [("a", ""), ("bcd", "green"), ("e", "green bold"), ("f\n", "")]
    assert html_of(b"\x1b[32m", b"x", b"y") == '<span class="green">x</span><span class="green">y</span>'
