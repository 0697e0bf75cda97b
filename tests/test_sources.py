"""Where a value stands in a request, and how strictly it is read there."""

import json
import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st
from message import message, parse
from role import prepare

from trigger import http, sources
from trigger.strict_json import Number

FORM = "application/x-www-form-urlencoded"


def sources_of(query="", body=b"", content_type=None, fields=()):
    types = [] if content_type is None else [("Content-Type", content_type)]
    request, body = parse(message([*types, *fields], body, f"/?{query}"))
    return sources.Sources(request, lambda: body)


def place(text):
    """A place of the playbook as the host has it."""
    (declared,) = prepare(parameters=[{"name": "p", "from": text}])["declared"]
    (found,) = declared["places"]
    return found


def find(text, **request):
    return sources_of(**request).find(place(text))


def refused(text, **request):
    with pytest.raises(http.Refusal) as caught:
        find(text, **request)
    assert caught.value.status == 400
    return caught.value.reason


# Query and form

ENCODED = {
    "a=1": ["1"],
    "a=1&b=2": ["1"],
    "b=2&a=1": ["1"],
    "a=1&a=2": ["1", "2"],
    "&&a=1&": ["1"],
    "a": [""],
    "a=": [""],
    "a=&b=1": [""],
    "a=b=c": ["b=c"],
    "a==": ["="],
    "%61=1": ["1"],
    "a=%31": ["1"],
    "a=1+2": ["1 2"],
    "a=1%2B2": ["1+2"],
    "a=1%202": ["1 2"],
    "a=%26%3D%25": ["&=%"],
    "a=%2525": ["%25"],
    "a=%c3%A4": ["ä"],
    "a=%F0%9F%94%94": ["🔔"],
    "a=%00%0d%0A": ["\0\r\n"],
    "a=1;b=2": ["1;b=2"],
    "A=1": [],
    "aa=1": [],
    "a[]=1": [],
    "+a=1": [],
    "": [],
}


@pytest.mark.parametrize("encoded", ENCODED)
def test_query_and_form_are_read_alike(encoded):
    assert find("query:a", query=encoded) == ENCODED[encoded]
    assert find("form:a", body=encoded.encode(), content_type=FORM) == ENCODED[encoded]


@pytest.mark.parametrize(
    "encoded",
    ["a=%", "a=%1", "a=%zz", "a=%1g", "a=%g1", "a=%%41", "a=%+1", "a=% 1", "a=%-1", "a=%u0041", "a=1%", "%=1", "b=%",
     "a=1&b=%4"],
)  # fmt: skip
def test_a_percent_sign_stands_before_two_hexadecimal_digits(encoded):
    assert "percent sign" in refused("form:a", body=encoded.encode(), content_type=FORM)
    if " " not in encoded:
        assert "percent sign" in refused("query:a", query=encoded)


@pytest.mark.parametrize("encoded", ["a=%ff", "a=%c3", "a=%c0%af", "a=%ed%a0%80", "a=%c3+%a4", "%ff=1", "b=%ff"])
def test_what_is_not_utf_8_is_refused(encoded):
    assert "not UTF-8" in refused("query:a", query=encoded)
    assert "not UTF-8" in refused("form:a", body=encoded.encode(), content_type=FORM)


def test_raw_bytes_in_a_form_are_utf_8_too():
    assert find("form:a", body="a=ä".encode(), content_type=FORM) == ["ä"]
    assert "not UTF-8" in refused("form:a", body=b"a=\xe4", content_type=FORM)


def test_there_are_only_so_many_pairs():
    limit = sources.PAIRS_LIMIT
    assert len(find("query:a", query="a&" * limit)) == limit
    assert f"more than {limit}" in refused("query:a", query="a&" * (limit + 1))
    assert f"more than {limit}" in refused("form:b", body=b"a&" * (limit + 1), content_type=FORM)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@given(st.lists(st.tuples(TEXT, TEXT), max_size=6))
def test_it_reads_what_others_write(pairs):
    encoded = urllib.parse.urlencode(pairs)
    expected = urllib.parse.parse_qs(encoded, keep_blank_values=True)
    assert sources_of(query=encoded).pairs("query") == expected
    assert sources_of(body=encoded.encode(), content_type=FORM).pairs("form") == expected


@given(st.text("ab=&%+0123456789cdefCDEF", max_size=30))
def test_it_reads_nothing_differently_than_urllib(encoded):
    try:
        pairs = sources_of(query=encoded).pairs("query")
    except http.Refusal:
        return
    assert pairs == urllib.parse.parse_qs(encoded, keep_blank_values=True, errors="strict", separator="&")


@pytest.mark.parametrize(
    ("content_type", "is_form"),
    [
        (FORM, True),
        (FORM.upper(), True),
        (f"{FORM}; charset=utf-8", True),
        (f"{FORM} ;x", True),
        ("text/plain", False),
        ("multipart/form-data; boundary=a", False),
        (f"{FORM}x", False),
        (f"text/plain; {FORM}", False),
        (None, False),
    ],
)
def test_a_form_is_what_says_that_it_is_one(content_type, is_form):
    assert find("form:a", body=b"a=1", content_type=content_type) == ["1"] * is_form


# Header fields


def test_a_header_is_found_whatever_its_case():
    assert find("header:x-GitHub-event", fields=[("X-Github-EVENT", "push")]) == ["push"]
    assert find("header:X-Event") == []
    assert find("header:X-Event", fields=[("X-Event", "")]) == [""]


def test_a_header_that_comes_twice_is_one_value():
    """RFC 9110, section 5.3."""
    assert find("header:X-Event", fields=[("X-Event", "a"), ("x-event", "b")]) == ["a, b"]


def test_a_header_is_utf_8():
    assert find("header:X-Event", fields=[("X-Event", "ä")]) == ["ä"]
    assert "not UTF-8" in refused("header:X-Event", fields=[("X-Event", b"\xe4")])


# JSON

# RFC 6901, section 5. Numbers are as they are written.
DOCUMENT = {
    "foo": ["bar", "baz"],
    "": 0,
    "a/b": 1,
    "c%d": 2,
    "e^f": 3,
    "g|h": 4,
    "i\\j": 5,
    'k"l': 6,
    " ": 7,
    "m~n": 8,
}
POINTERS = {
    "/foo": ["bar", "baz"],
    "/foo/0": "bar",
    "/": "0",
    "/a~1b": "1",
    "/c%d": "2",
    "/e^f": "3",
    "/g|h": "4",
    "/i\\j": "5",
    '/k"l': "6",
    "/ ": "7",
    "/m~0n": "8",
}


def in_json(pointer, document):
    return find(f"json:{pointer}", body=json.dumps(document).encode(), content_type="application/json")


@pytest.mark.parametrize("pointer", POINTERS)
def test_the_pointers_of_the_rfc(pointer):
    assert in_json(pointer, DOCUMENT) == [POINTERS[pointer]]


def test_the_empty_pointer_is_the_whole_document():
    (whole,) = in_json("", DOCUMENT)
    assert list(whole) == list(DOCUMENT)
    assert in_json("", "text") == ["text"]


@pytest.mark.parametrize(
    "pointer",
    ["/foo/2", "/foo/-", "/foo/-1", "/foo/00", "/foo/01", "/foo/1e0", "/foo/ 1", "/foo/+1", "/foo/1_0", "/foo/",
     "/foo/\N{ARABIC-INDIC DIGIT ONE}", "/foo/\N{SUPERSCRIPT ONE}", "/foo/" + "9" * 5000, "/foo/bar", "/foo/0/0",
     "/foo/0/b", "/Foo", "/fo", "/a", "/a/b", "/m~00n", "//", "/a~1b/", "/e^f/0"],
)  # fmt: skip
def test_a_pointer_that_leads_nowhere(pointer):
    assert in_json(pointer, DOCUMENT) == []


def test_escapes_are_undone_in_this_order():
    """RFC 6901, section 4: ~01 is ~1, and never a slash."""
    assert in_json("/~01", {"~1": "tilde", "/": "slash"}) == ["tilde"]
    assert in_json("/~10", {"/0": "slash"}) == ["slash"]


@pytest.mark.parametrize(
    ("value", "found"),
    [("a", "a"), (1, "1"), (1.5, "1.5"), (True, True), (False, False), (None, None), ([], []), ({}, {})],
)  # fmt: skip
def test_values_of_json_keep_their_type(value, found):
    (only,) = in_json("/a", {"a": value})
    assert only == found
    assert isinstance(only, Number) == (type(value) in (int, float))


@pytest.mark.parametrize(
    ("content_type", "is_json"),
    [
        ("application/json", True),
        ("APPLICATION/JSON; charset=utf-8", True),
        ("application/vnd.github.v3+json", True),
        ("application/problem+json ; a=b", True),
        ("text/plain", False),
        ("text/json", False),
        ("application/jsonp", False),
        ("application/json-seq", False),
        (None, False),
    ],
)
def test_json_is_what_says_that_it_is_some(content_type, is_json):
    assert find("json:/a", body=b'{"a": "1"}', content_type=content_type) == ["1"] * is_json


def test_json_that_cannot_be_read_is_refused():
    assert "not valid JSON" in refused("json:/a", body=b"{", content_type="application/json")
    assert "two members" in refused("json:/a", body=b'{"b": 1, "b": 2}', content_type="application/json")
    assert "not valid JSON" in refused("json:/a", body=b"", content_type="application/json")


def test_json_can_be_the_field_payload_of_a_form():
    body = urllib.parse.urlencode({"payload": json.dumps({"a": {"b": "ä&="}})}).encode()
    assert find("json:/a/b", body=body, content_type=FORM) == ["ä&="]
    assert find("json:/a/b", body=b"payload=", content_type="text/plain") == []
    assert find("json:/a/b", body=b"other=%7B%7D", content_type=FORM) == []
    assert find("json:/a/b", query=body.decode()) == []
    assert "not valid JSON" in refused("json:/a/b", body=b"payload=%7B", content_type=FORM)


def test_a_payload_that_comes_twice_is_none():
    assert find("json:/a", body=b"payload=%7B%22a%22:1%7D&payload=%7B%22a%22:2%7D", content_type=FORM) == []


# Anywhere

JSON_A = b'{"a": "json"}'


@pytest.mark.parametrize(
    ("request_", "found"),
    [
        ({}, []),
        ({"query": "a=query"}, ["query"]),
        ({"body": b"a=form", "content_type": FORM}, ["form"]),
        ({"body": JSON_A, "content_type": "application/json"}, ["json"]),
        ({"query": "a=query", "body": b"a=form", "content_type": FORM}, ["query", "form"]),
        ({"query": "a=query", "body": JSON_A, "content_type": "application/json"}, ["query"]),
        ({"body": b"payload=" + urllib.parse.quote(JSON_A).encode(), "content_type": FORM}, ["json"]),
        ({"body": b"a=form&payload=" + urllib.parse.quote(JSON_A).encode(), "content_type": FORM}, ["form"]),
        ({"fields": [("a", "header")]}, []),
        ({"body": b'["a"]', "content_type": "application/json"}, []),
        ({"body": b'{"b": {"a": 1}}', "content_type": "application/json"}, []),
    ],
)
def test_by_default_it_is_query_and_form_and_then_json(request_, found):
    ((kind, name),) = prepare(parameters=[{"name": "a"}])["declared"][0]["places"]
    assert sources_of(**request_).find([kind, name]) == found


# Reading the body


@pytest.mark.parametrize(
    ("text", "content_type", "times"),
    [("query:a", FORM, 0), ("header:a", FORM, 0), ("form:a", "application/json", 0), ("form:a", FORM, 1),
     ("json:/a", "text/plain", 0), ("json:/a", "application/json", 1)],
)  # fmt: skip
def test_the_body_is_read_once_and_only_where_the_value_could_stand_in_it(text, content_type, times):
    request, _ = parse(message({"Content-Type": content_type}))
    reads = []

    def read_body():
        reads.append(1)
        return b'{"a": 1}'

    found = sources.Sources(request, read_body)
    for _ in range(3):
        found.find(place(text))
    assert len(reads) == times


PLACES = ["query:a", "form:a", "json:/a", "json:", "json:/a/0", "header:a"]


@given(st.sampled_from(PLACES), st.sampled_from([FORM, "application/json", "text/plain"]), st.binary(max_size=80))
def test_no_request_raises_anything_but_a_refusal(text, content_type, content):
    request, _ = parse(message({"Content-Type": content_type, "a": b"b"}))
    request.query = request.fields[b"a"] = content
    try:
        sources.Sources(request, lambda: content).find(place(text))
    except http.Refusal:
        pass


# What the body is


def test_more_values_than_fit_are_refused_as_too_large():
    body = b"[" + b"1," * 2_000_000 + b"1]"
    with pytest.raises(http.Refusal) as caught:
        find("json:/0", body=body, content_type="application/json")
    assert caught.value.status == 413
    assert "more than 192 MiB of memory" in caught.value.reason


def declared(body, content_type, body_type, text):
    fields = [] if content_type is None else [("Content-Type", content_type)]
    request, body = parse(message(fields, body))
    return sources.Sources(request, lambda: body, body_type), place(text)


@pytest.mark.parametrize("content_type", [None, "text/plain; charset=UTF-8", FORM, "application/json", "x"])
def test_the_endpoint_says_what_the_body_is(content_type):
    found, at = declared(b'{"a": "1"}', content_type, "json", "json:/a")
    assert (found.find(at), found.unread(at)) == (["1"], None)
    found, at = declared(b"a=1", content_type, "form", "form:a")
    assert (found.find(at), found.unread(at)) == (["1"], None)
    found, at = declared(b"a=1", content_type, "json", "form:a")
    assert found.find(at) == []


@pytest.mark.parametrize(
    ("content_type", "told"),
    [
        ("text/plain; charset=UTF-8", "the body is text/plain, and not read as JSON"),
        ("text/json", "the body is text/json, and not read as JSON"),
        ("Application/XML", "the body is application/xml, and not read as JSON"),
        (None, "the body has no type, and is not read as JSON"),
        ("", "the body has no type, and is not read as JSON"),
        ('a"b', "the body is of no known type, and not read as JSON"),
        ("a b", "the body is of no known type, and not read as JSON"),
        ("x" * 128, "the body is of no known type, and not read as JSON"),
        ("application/json", None),
        (FORM, None),
    ],
)
def test_the_type_that_came_is_named(content_type, told):
    found, at = declared(b'{"a": "1"}', content_type, "auto", "json:/a")
    assert found.unread(at) == told
    assert found.unread(place("query:a")) is None


def test_without_a_body_its_type_is_no_reason():
    found, at = declared(b"", "text/plain", "auto", "json:/a")
    assert found.unread(at) is None
