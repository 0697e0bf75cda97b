"""The reader of /etc/trigger/NAME.json is json's own scanner, so the two must agree; clients meet a stricter one."""

import json
import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trigger import strict_json
from trigger.strict_json import DEPTH_LIMIT, Malformed, Number

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON, st.sampled_from([None, 1]), st.booleans())
def test_reads_what_json_writes(value, indent, ascii_only):
    assert strict_json.decode(json.dumps(value, indent=indent, ensure_ascii=ascii_only) + "\n") == value


@pytest.mark.parametrize("text", ["", "{", "[1", "{} {}", "nonsense", "{'a': 1}"])
def test_refuses_what_is_not_json(text):
    with pytest.raises(ValueError, match=r"JSON|follows|Expecting"):
        strict_json.decode(text)


# A client's body


def as_numbers(value):
    """What json makes of a value, with its numbers as they are written."""
    return json.loads(json.dumps(value), parse_int=Number, parse_float=Number)


@given(JSON, st.sampled_from([None, 1]), st.booleans())
def test_a_body_says_what_json_says(value, indent, ascii_only):
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    if not any("\ud800" <= character <= "\udfff" for character in text):
        assert strict_json.decode_body(f" \n{text}\t\r\n".encode()) == as_numbers(value)


@pytest.mark.parametrize(
    "number",
    ["0", "-0", "7", "-12", "1.0", "1.50", "1e5", "1E+5", "1e400", "-1e-400", "1" * 100_000, "0." + "1" * 9999],
)
def test_a_number_is_as_it_was_written(number):
    """int() takes no more than 4300 digits, or a long time for them; nothing here converts one."""
    value = strict_json.decode_body(number.encode())
    assert isinstance(value, Number)
    assert value == number


def test_a_string_is_no_number():
    assert not isinstance(strict_json.decode_body(b'"7"'), Number)


NOT_JSON = [
    b"", b" ", b"\n", b"nonsense", b"{", b"[1", b"[1,]", b"{'a': 1}", b'{"a": 1,}', b'{"a"}', b"{} {}", b"[]x", b"1 2",
    b"01", b"+1", b".5", b"1.", b"1e", b"0x1", b"1_0", b"True", b"nul", b'"', b'"a', b'"\\x41"', b'"\\u12"', b'"\t"',
    b'"\n"', b'"\0"', b"\0", b"//a\n1", b"/**/1", b"a=1", b"\x0b1", b"\xc2\xa01",
]  # fmt: skip


@pytest.mark.parametrize("body", NOT_JSON)
def test_a_body_that_is_no_json(body):
    with pytest.raises(Malformed, match="not valid JSON"):
        strict_json.decode_body(body)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
def test_nan_and_infinity_are_no_json(text):
    for body in (text, f"[{text}]", f'{{"a": {text}}}'):
        with pytest.raises(Malformed, match="NaN and Infinity"):
            strict_json.decode_body(body.encode())


@pytest.mark.parametrize(
    "body",
    [b'"\xff"', b'"\xc3"', b'"\xed\xa0\x80"', b'"\xc0\xaf"', b'"\xf5\x80\x80\x80"', '"ä"'.encode("latin-1"),
     '{"a": 1}'.encode("utf-16"), '{"a": 1}'.encode("utf-32")],
    ids=range(8),
)  # fmt: skip
def test_only_utf_8_is_read(body):
    with pytest.raises(Malformed, match="not UTF-8"):
        strict_json.decode_body(body)


def test_utf_16_without_a_mark_is_no_json_either():
    with pytest.raises(Malformed):
        strict_json.decode_body('{"a": 1}'.encode("utf-16-le"))


def test_a_byte_order_mark_is_no_json():
    """RFC 8259, section 8.1: it must not be added. To one program the name begins with it, to another not."""
    with pytest.raises(Malformed):
        strict_json.decode_body(b"\xef\xbb\xbf{}")


@pytest.mark.parametrize("text", ['"\\ud800"', '"\\udfff"', '"a\\ud83d"', '"\\udc00\\ud800"', '{"\\ud800": 1}'])
def test_half_a_surrogate_pair_is_read_as_json_reads_it(text):
    """It stands in valid JSON (RFC 8259, section 8.2). As a value it is refused, see test_parameters.py."""
    assert strict_json.decode_body(text.encode()) == as_numbers(json.loads(text))


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": 1, "a": 1}',
        b'{"a": 1, "a": 2}',
        b'{"a": 1, "b": 2, "a": null}',
        b'{"a": 1, "\\u0061": 2}',
        b'[{"b": {"a": 1, "a": 2}}]',
        b'{"": 1, "": 2}',
    ],
)
def test_an_object_with_two_members_of_one_name(body):
    with pytest.raises(Malformed, match="two members of one name"):
        strict_json.decode_body(body)


def test_names_differ_by_case():
    assert strict_json.decode_body(b'{"a": 1, "A": 2}') == {"a": "1", "A": "2"}


NESTED = {
    "arrays": lambda depth: b"[" * depth + b"]" * depth,
    "objects": lambda depth: b'{"a":' * depth + b"1" + b"}" * depth,
    "both": lambda depth: (b'[{"a":' * depth)[: depth // 2 * 6] + b"[" * (depth % 2) + b"1" + b"]" * (depth % 2)
    + b"}]" * (depth // 2),
    "behind a shallow one": lambda depth: b"[[], " + b"[" * (depth - 1) + b"]" * (depth - 1) + b"]",
}  # fmt: skip


@pytest.mark.parametrize("nested", NESTED.values(), ids=NESTED)
def test_only_so_many_levels(nested):
    strict_json.decode_body(nested(DEPTH_LIMIT))
    for depth in (DEPTH_LIMIT + 1, 500, 5000, 100_000):
        with pytest.raises(Malformed, match=f"more than {DEPTH_LIMIT} levels"):
            strict_json.decode_body(nested(depth))


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000, b"[{" * 500])
def test_levels_that_are_never_closed(body):
    with pytest.raises(Malformed):
        strict_json.decode_body(body)


def test_many_brackets_are_not_many_levels():
    assert len(strict_json.decode_body(b"[" + b"[]," * 9999 + b"{}]")) == 10_000
    assert strict_json.decode_body(b'"' + b"[{" * 500 + b'"') == "[{" * 500


@given(st.binary(max_size=60) | st.text('{}[]",:0123456789.eE-+ntfrue\\/ \n', max_size=60).map(str.encode))
@example(b"\xef\xbb\xbf1")
def test_no_body_raises_anything_else(body):
    """And nothing is taken that json does not take."""
    try:
        value = strict_json.decode_body(body)
    except Malformed:
        return
    assert value == json.loads(body, parse_int=Number, parse_float=Number)


@given(st.text(st.characters()))
def test_text_is_encoded_as_json_encodes_it(text):
    assert json.loads(strict_json.encode_text(text)) == text
    assert strict_json.encode_text(text).isascii()


def array(item):
    return lambda length: b"[" + b",".join([item] * (length // (len(item) + 1))) + b"]"


def members(item):
    """Of one object. item: of a number."""
    return lambda length: b"{" + b",".join(item % number for number in range(length // len(item % 0) - 1)) + b"}"


SHAPES = {
    "numbers": array(b"1"),
    "empty strings": array(b'""'),
    "strings": array(b'"ab"'),
    "strings beyond ASCII": array('"abcdefgh\xdf"'.encode()),
    "strings beyond Unicode's first plane": array('"abcdefgh\U0001f600"'.encode()),
    "long strings": array(b'"' + b"x" * 1000 + '\U0001f600"'.encode()),
    "strings that look like values": array(b'"[[[{,,,::: \\" [1] \\\\"'),
    "empty arrays": array(b"[]"),
    "arrays": array(b"[1]"),
    "longer arrays": array(b"[0,0,0,0,0]"),
    "empty objects": array(b"{}"),
    "objects": array(b'{"a":1}'),
    "larger objects": array(b'{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6}'),
    "members": members(b'"%06x":1'),
    "members whose names are not ASCII": members(b'"%06x\xf0\x9f\x98\x80":""'),
}


@pytest.mark.parametrize("length", [100_000, 140_000, 190_000, 280_000])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_no_value_takes_more_than_is_counted(shape, length):
    """Tables grow in steps, hence several lengths."""
    body = shape(length)
    counted = strict_json._memory_of_values(body)
    text = body.decode()
    tracemalloc.start()
    value = strict_json.decode_text(text)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert value
    assert peak < counted + 8192


def test_what_is_in_strings_counts_as_text():
    body = SHAPES["strings that look like values"](300_000)
    assert strict_json._memory_of_values(body) < 12 * len(body)


def test_what_is_too_large_is_not_built():
    tracemalloc.start()
    body = b"[" + b"[]," * (3 * 1024**2) + b"[]]"
    tracemalloc.reset_peak()
    with pytest.raises(strict_json.TooLarge, match="more than 192 MiB"):
        strict_json.decode_body(body)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * len(body)
