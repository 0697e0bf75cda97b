"""What a request may pass to its job: from the playbook's `parameters` to the command and the environment."""

import json
import re
import urllib.parse

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from message import message, parse
from role import endpoint

import trigger_endpoints
from trigger import admission, http, parameters, strict_json
from trigger.sources import Sources

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"

# All that an answer may say of a parameter. A message that is none of these could hold what a client sent.
MESSAGES = re.compile(
    r"is required(, but the body (has no type, and is|is of no known type, and|is [-a-z0-9!#$&^_.+/]{1,127}, and)"
    r" not read as JSON)?"
    r"|is given twice|is too large|is not UTF-8|is none of the choices|does not match the pattern"
    r"|must be (a string|an integer|a number|true or false)|is longer than \d+ characters|holds a line break"
    r"|is (less|more) than [-+.e\d]+|holds a NUL, which no program can be passed"
    r"|begins with a dash, and would be taken for an option|is not a parameter here"
    r"|all values together are larger than \d+ bytes"
)


def sources_of(query="", body=b"", content_type=None, fields=(), raw_query=None):
    types = [] if content_type is None else [("Content-Type", content_type)]
    request, body = parse(message([*types, *fields], body, f"/?{query}"))
    if raw_query is not None:
        request.query = raw_query  # the parser lets no such bytes through
    return Sources(request, lambda: body)


def on_host(*declarations, **keys):
    return endpoint(parameters=list(declarations), **keys)


def collect(settings, **request):
    return parameters.collect(settings.parameters, sources_of(**request), settings.known_names)


def errors(settings, **request):
    with pytest.raises(parameters.Invalid) as caught:
        collect(settings, **request)
    assert all(MESSAGES.fullmatch(wrong) for _, wrong in caught.value.errors)
    return caught.value.errors


def error(settings, **request):
    ((name, wrong),) = errors(settings, **request)
    assert name == "p"
    return wrong


def p(**keys):
    return {"name": "p", **keys}


def query(value):
    return urllib.parse.urlencode({"p": value})


def in_json(value):
    return {"body": json.dumps({"p": value}).encode(), "content_type": JSON}


# Types

TAKEN = [
    ({}, "a b", "a b"),
    ({}, "", ""),
    ({}, "$(id) `id` ; & | > * ' \" \\ %s {p}", "$(id) `id` ; & | > * ' \" \\ %s {p}"),
    ({}, "ä🔔", "ä🔔"),
    ({}, "\t\x1b", "\t\x1b"),
    ({}, "-rf", "-rf"),
    ({}, "true", "true"),
    ({}, "x" * 1024, "x" * 1024),
    ({"max_length": 3}, "🔔🔔🔔", "🔔🔔🔔"),
    ({"type": "integer"}, "0", "0"),
    ({"type": "integer"}, "-7", "-7"),
    ({"type": "integer"}, "007", "007"),
    ({"type": "integer"}, "9" * 1000, "9" * 1000),
    ({"type": "integer", "min": -1, "max": 1}, "-1", "-1"),
    ({"type": "integer", "min": -1, "max": 1}, "1", "1"),
    ({"type": "integer", "min": 0.5, "max": 1.5}, "1", "1"),
    ({"type": "integer", "min": -3, "max": -2}, "-2", "-2"),
    ({"type": "integer", "min": 0, "max": 0}, "-000", "-000"),
    ({"type": "integer", "max": 10**400}, "1" + "0" * 400, "1" + "0" * 400),
    ({"type": "number"}, "1", "1"),
    ({"type": "number"}, "-1.50", "-1.50"),
    ({"type": "number"}, "1e-9", "1e-9"),
    ({"type": "number"}, "1E+9", "1E+9"),
    ({"type": "number", "min": 0.5, "max": 1.5}, "0.5", "0.5"),
    ({"type": "number", "min": 0.5, "max": 1.5}, "15e-1", "15e-1"),
    *[({"type": "boolean"}, word, "true") for word in ("true", "1", "yes", "on")],
    *[({"type": "boolean"}, word, "false") for word in ("false", "0", "no", "off")],
    ({"choices": ["a", "b"]}, "b", "b"),
    ({"type": "integer", "choices": [1, 2]}, "2", "2"),
    ({"type": "number", "choices": [0.5]}, "0.5", "0.5"),
    ({"type": "boolean", "choices": [True]}, "yes", "true"),
    ({"pattern": "[a-z]+"}, "abc", "abc"),
    ({"pattern": "a|ab"}, "ab", "ab"),
    ({"pattern": r"a\nb"}, "a\nb", "a\nb"),
    ({"pattern": r"(?s).*"}, "\r\n", "\r\n"),
    ({"pattern": ""}, "", ""),
    ({"type": "integer", "pattern": "[0-9]{2}"}, "42", "42"),
]


@pytest.mark.parametrize(("keys", "value", "text"), TAKEN)
def test_takes(keys, value, text):
    assert collect(on_host(p(**keys)), query=query(value)) == {"p": text}


REFUSED = [
    ({}, "x" * 1025, "longer than 1024"),
    ({"max_length": 3}, "abcd", "longer than 3"),
    ({"max_length": 1}, "a\u0301", "longer than 1"),
    ({}, "a\0b", "NUL"),
    ({}, "a\nb", "line break"),
    ({}, "a\n", "line break"),
    ({}, "a\rb", "line break"),
    ({"pattern": "(?s).*"}, "a\0b", "NUL"),
    ({"choices": ["a"]}, "a\n", "none of the choices"),
    *[
        ({"type": "integer"}, text, "an integer")
        for text in ("", " ", "-", "+1", "1.0", "1e3", "0x1", " 1", "1 ", "1_0", "--1", "1-", "\N{SUPERSCRIPT TWO}",
                     "\N{ARABIC-INDIC DIGIT ONE}", "\N{MINUS SIGN}1", "one", "true")
    ],
    ({"type": "integer"}, "1\n", "an integer"),
    *[
        ({"type": "number"}, text, "a number")
        for text in ("", ".", ".5", "1.", "-.5", "1e", "e1", "1e1.5", "1.5.5", "1e1e1", "+1", "1,5", "0x1p3", "inf",
                     "nan", "Infinity", "1_0.0", " 1", "1e +5", "1e+-5", "1e++5", "1e-+5", "1e--5", "1.-5", "-", "--1",
                     "\N{ARABIC-INDIC DIGIT ONE}", "1.\N{SUPERSCRIPT TWO}", "1e\N{SUPERSCRIPT TWO}")
    ],
    ({"type": "number"}, "1e400", "too large"),
    ({"type": "number"}, "-1e400", "too large"),
    ({"type": "number"}, "1e99999999999999999999", "too large"),
    ({"type": "number"}, "9" * 400, "too large"),
    ({"type": "integer", "min": 1}, "0", "less than 1"),
    ({"type": "integer", "min": -1}, "-2", "less than -1"),
    ({"type": "integer", "max": -2}, "-1", "more than -2"),
    ({"type": "integer", "max": 1}, "2", "more than 1"),
    ({"type": "integer", "max": 1}, "9" * 1000, "more than 1"),
    ({"type": "number", "min": 0.5}, "0.4999", "less than 0.5"),
    ({"type": "number", "max": -0.5}, "-0.4999", "more than -0.5"),
    *[
        ({"type": "boolean"}, text, "true or false")
        for text in ("", "True", "YES", "y", "t", "2", "01", "none", " true", "true ")
    ],
    ({"choices": ["a", "b"]}, "ab", "none of the choices"),
    ({"choices": ["a", "b"]}, "A", "none of the choices"),
    ({"choices": ["a", "b"]}, "", "none of the choices"),
    ({"type": "integer", "choices": [1]}, "01", "none of the choices"),
    ({"type": "boolean", "choices": [True]}, "no", "none of the choices"),
    ({"pattern": "[a-z]+"}, "abc1", "match the pattern"),
    ({"pattern": "[a-z]+"}, "1abc", "match the pattern"),
    ({"pattern": "[a-z]+"}, "abc\n", "match the pattern"),
    ({"pattern": "^[a-z]+$"}, "abc\n", "match the pattern"),
    ({"pattern": "a"}, "", "match the pattern"),
    ({"pattern": ".*"}, "a\nb", "match the pattern"),
    ({"choices": ["ab"], "pattern": "a."}, "ac", "none of the choices"),
]  # fmt: skip


@pytest.mark.parametrize(("keys", "value", "wrong"), REFUSED)
def test_refuses(keys, value, wrong):
    assert wrong in error(on_host(p(**keys)), query=query(value))


@pytest.mark.parametrize(
    ("kind", "digits"), [("integer", 4300), ("integer", 4301), ("integer", 32768), ("number", 300)]
)
def test_a_number_is_as_long_as_max_length_says(kind, digits):
    """Python converts no more than 4300 digits of an integer, and says so in words of its own."""
    settings = on_host(p(type=kind, max_length=32768))
    value = "9" * digits
    assert collect(settings, body=f"p={value}".encode(), content_type=FORM) == {"p": value}


@pytest.mark.parametrize(
    ("value", "wrong"),
    [("9" * 5000, "more than 1"), ("-" + "9" * 5000, "less than -1"), ("0" * 5000 + "2", "more than 1")],
)
def test_a_long_number_has_its_bounds_too(value, wrong):
    settings = on_host(p(type="integer", min=-1, max=1, max_length=32768))
    assert error(settings, body=f"p={value}".encode(), content_type=FORM) == f"is {wrong}"
    assert collect(settings, body=b"p=" + b"0" * 5000 + b"1", content_type=FORM)


JSON_TAKEN = [
    ("string", "a", "a"),
    ("string", "", ""),
    ("string", "7", "7"),
    ("string", "true", "true"),
    ("integer", 7, "7"),
    ("integer", "7", "7"),
    ("number", 7, "7"),
    ("number", 0.5, "0.5"),
    ("number", 1e-9, "1e-09"),
    ("boolean", True, "true"),
    ("boolean", False, "false"),
    ("boolean", "yes", "true"),
]


@pytest.mark.parametrize(("kind", "value", "text"), JSON_TAKEN)
def test_takes_of_json(kind, value, text):
    assert collect(on_host(p(type=kind)), **in_json(value)) == {"p": text}


JSON_REFUSED = [
    *[("string", value, "a string") for value in (7, 0.5, True, False, [], ["a"], {}, {"a": "b"})],
    *[("integer", value, "an integer") for value in (True, 0.5, 1.0, 1e20, "x", [1], {})],
    *[("number", value, "a number") for value in (True, "x", [], {})],
    *[("boolean", value, "true or false") for value in (1, 0, 1.0, "True", [], {})],
    ("string", "a\0", "NUL"),
    ("string", "a\n", "line break"),
    ("string", "x" * 1025, "longer than 1024"),
    ("integer", 10**1024, "longer than 1024"),
]


@pytest.mark.parametrize(("kind", "value", "wrong"), JSON_REFUSED)
def test_refuses_of_json(kind, value, wrong):
    assert wrong in error(on_host(p(type=kind)), **in_json(value))


def test_a_number_of_json_loses_no_digit():
    body = {"body": b'{"p": 0.10000000000000000000000000000000000001E-5}', "content_type": JSON}
    settings = on_host(p(type="number"))
    assert collect(settings, **body) == {"p": "0.10000000000000000000000000000000000001E-5"}


def test_a_number_of_a_hundred_thousand_digits_is_no_work():
    body = {"body": b'{"p": ' + b"9" * 100_000 + b"}", "content_type": JSON}
    for kind in ("integer", "number"):
        assert "longer than" in error(on_host(p(type=kind, max_length=32768)), **body)
    assert "a string" in error(on_host(p(type="string")), **body)


@pytest.mark.parametrize("text", ["\\ud800", "a\\udfff", "\\udc00\\ud800"])
def test_half_a_surrogate_pair_is_no_text(text):
    body = f'{{"p": "{text}"}}'.encode()
    for keys in ({}, {"pattern": "(?s).*"}):
        assert error(on_host(p(**keys)), body=body, content_type=JSON) == "is not UTF-8"


# Required, default, missing


def test_what_is_not_there():
    assert collect(on_host(p())) == {}
    assert collect(on_host(p(default="x"))) == {"p": "x"}
    assert collect(on_host(p(default="x", choices=["x", "y"]))) == {"p": "x"}
    assert error(on_host(p(required=True))) == "is required"
    assert collect(on_host(p(required=True)), query="p=") == {"p": ""}
    assert collect(on_host(p(default="x")), query="p=") == {"p": ""}


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({"default": "-1"}, "-1"),
        ({"default": "a b"}, "a b"),
        ({"type": "integer", "default": 7}, "7"),
        ({"type": "integer", "default": "7"}, "7"),
        ({"type": "number", "default": 0.5}, "0.5"),
        ({"type": "boolean", "default": False}, "false"),
        ({"type": "boolean", "default": "yes"}, "true"),
    ],
)
def test_a_default_of_the_playbook_becomes_text(keys, text):
    assert collect(on_host(p(**keys))) == {"p": text}


def test_null_in_json_is_not_there():
    assert collect(on_host(p()), **in_json(None)) == {}
    assert collect(on_host(p(default="x")), **in_json(None)) == {"p": "x"}
    assert error(on_host(p(required=True)), **in_json(None)) == "is required"


def test_a_required_value_of_a_body_that_is_not_read_tells_its_type():
    settings = on_host({"name": "p", "from": "json:/p", "required": True})
    found = errors(settings, body=b'{"p": "1"}', content_type="text/plain")
    assert found == [("p", "is required, but the body is text/plain, and not read as JSON")]
    assert errors(settings, body=b"{}", content_type=JSON) == [("p", "is required")]


# Places


@pytest.mark.parametrize(
    "request_",
    [
        {"query": "p=1&p=1"},
        {"query": "p=1&%70=2"},
        {"query": "p=1", "body": b"p=2", "content_type": FORM},
        {"body": b"p=1&p=2", "content_type": FORM},
    ],
)
def test_a_parameter_comes_once(request_):
    assert error(on_host(p()), **request_) == "is given twice"


def test_places_are_tried_in_their_order():
    settings = on_host(p(**{"from": ["json:/a/0", "header:X-P", "query:q", "form:f"]}))
    everything = {"query": "q=query", "fields": [("X-P", "header")]}
    assert collect(settings, body=b'{"a": ["json"]}', content_type=JSON, **everything) == {"p": "json"}
    assert collect(settings, body=b'{"a": [null]}', content_type=JSON, **everything) == {"p": "header"}
    assert collect(settings, body=b"f=form", content_type=FORM, **everything) == {"p": "header"}
    assert collect(settings, body=b"f=form", content_type=FORM, query="q=query") == {"p": "query"}
    assert collect(settings, body=b"f=form", content_type=FORM) == {"p": "form"}
    assert collect(settings) == {}


def test_the_first_place_that_has_a_value_counts_whether_it_is_right_or_not():
    settings = on_host(p(**{"type": "integer", "from": ["query:a", "query:b"]}))
    assert "an integer" in error(settings, query="a=x&b=1")


def test_where_a_place_is_named_no_other_is_looked_at():
    settings = on_host(p(**{"from": "header:X-P"}), extra_parameters="ignore")
    assert collect(settings, query="p=1") == {}
    assert collect(settings, fields=[("x-p", "1")]) == {"p": "1"}


def test_a_member_of_json_below_the_top_needs_a_pointer():
    nested = {"body": b'{"a": {"p": "1"}}', "content_type": JSON}
    assert collect(on_host(p()), **nested) == {}
    assert collect(on_host(p(**{"from": "json:/a/p"})), **nested) == {"p": "1"}


def test_payload_is_no_undeclared_field_where_json_is_looked_for():
    body = {"body": b"payload=%7B%22p%22:%221%22%7D", "content_type": FORM}
    assert collect(on_host(p()), **body) == {"p": "1"}
    assert collect(on_host(p(**{"from": "json:/p"})), **body) == {"p": "1"}
    assert errors(on_host(p(**{"from": "query:p"})), **body) == [("payload", "is not a parameter here")]


ANY_TEXT = {"pattern": "(?s).*", "max_length": 4096}


@pytest.mark.parametrize("place", [None, "form:payload", ["query:q", "form:payload"]])
@pytest.mark.parametrize("text", ["", "hello", " hello", "[1", "nul", '"', "1 2", "\ufeff{"])
def test_a_form_may_have_a_parameter_called_payload_that_is_no_json(place, text):
    payload = {"name": "payload", "from": place, **ANY_TEXT}
    settings = on_host(p(), payload)
    form = {"payload": text}
    assert collect(settings, body=encoded(form).encode(), content_type=FORM) == form
    form["p"] = "1"
    assert collect(settings, body=encoded(form).encode(), content_type=FORM) == form
    assert error(on_host(p(required=True), payload), body=b"payload=x", content_type=FORM) == "is required"


@pytest.mark.parametrize(
    ("declared", "text"),
    [
        ([{"name": "payload"}], "{"),  # what was meant as an object, cut short
        ([{"name": "payload"}], ' {"p": "1", "p": "2"}'),
        ([{"name": "payload", "from": "query:payload"}], "x"),  # the form's is another
        ([], "x"),
    ],
)
def test_what_is_an_object_or_nobodys_is_json_as_strictly_as_ever(declared, text):
    settings = on_host(p(), *declared)
    with pytest.raises(http.Refusal, match="JSON"):
        collect(settings, body=encoded({"payload": text}).encode(), content_type=FORM)


def test_where_json_is_named_it_is_json_whoever_has_its_field():
    settings = on_host(p(**{"from": "json:/p"}), {"name": "payload"})
    with pytest.raises(http.Refusal, match="not valid JSON"):
        collect(settings, body=b"payload=x", content_type=FORM)
    both = {"payload": '{"p": "1"}'}
    assert collect(settings, body=encoded(both).encode(), content_type=FORM) == {"p": "1", **both}


# What is undeclared


def test_undeclared_parameters_are_refused_or_ignored():
    both = {"query": "a=1&p=1", "body": b"b=2", "content_type": FORM}
    assert errors(on_host(p()), **both) == [("a", "is not a parameter here"), ("b", "is not a parameter here")]
    assert collect(on_host(p(), extra_parameters="ignore"), **both) == {"p": "1"}


def test_undeclared_members_of_json_are_the_senders_own_business():
    assert collect(on_host(p()), body=b'{"p": "1", "q": "2"}', content_type=JSON) == {"p": "1"}


def test_what_stands_in_the_other_place_is_undeclared():
    settings = on_host(p(**{"from": "form:p"}))
    assert errors(settings, query="p=1") == [("p", "is not a parameter here")]


def test_what_only_if_looks_at_is_declared():
    settings = on_host(p(), only_if=[{"from": "query:ref", "equals": "main"}])
    assert collect(settings, query="ref=main&p=1") == {"p": "1"}


def test_without_parameters_nothing_is_checked_and_with_an_empty_list_all_is():
    request = sources_of(query="a=1&a=2&%zz")
    assert admission.check_values(endpoint(), request) == ({}, None)
    assert errors(on_host(), query="a=1") == [("a", "is not a parameter here")]


@pytest.mark.parametrize(
    ("name", "shown"),
    [("a-b_c.D9", "a-b_c.D9"), ("x" * 64, "x" * 64), ("x" * 65, ""), ("", ""), ("a b", ""), ("<b>", ""), ("a\n", ""),
     ("ä", ""), ("a:", ""), ("\x1b[31m", ""), ("a=", "")],
)  # fmt: skip
def test_an_undeclared_name_is_repeated_only_where_it_is_plainly_a_name(name, shown):
    found = errors(on_host(), query=urllib.parse.quote(name, safe="") + "=secret")
    assert found == [(shown, "is not a parameter here")]


def test_only_so_many_undeclared_names_are_told():
    found = errors(on_host(p(required=True)), query="&".join(f"a{number}" for number in range(100)))
    assert found[0] == ("p", "is required")
    assert len(found) == 1 + parameters.UNDECLARED_LIMIT


# Errors


def test_all_errors_are_found_at_once():
    settings = on_host(
        {"name": "a", "required": True},
        {"name": "b", "type": "integer"},
        {"name": "c", "choices": ["x"]},
        {"name": "d"},
        {"name": "ok"},
    )
    found = errors(settings, query="b=secret&c=secret&d=1&d=2&ok=1&extra=secret")
    assert found == [
        ("a", "is required"),
        ("b", "must be an integer"),
        ("c", "is none of the choices"),
        ("d", "is given twice"),
        ("extra", "is not a parameter here"),
    ]


def test_all_values_together_are_limited():
    limit = parameters.TOTAL_LIMIT
    settings = on_host(*({"name": f"p{number}", "max_length": limit // 4} for number in range(5)))

    def form(*lengths, character="x"):
        values = {f"p{number}": character * length for number, length in enumerate(lengths)}
        return {"body": urllib.parse.urlencode(values).encode(), "content_type": FORM}

    assert len(collect(settings, **form(*[limit // 4] * 4))) == 4
    together = [("", f"all values together are larger than {limit} bytes")]
    assert errors(settings, **form(*[limit // 4] * 4, 1)) == together
    # It is bytes that the kernel counts.
    assert errors(settings, **form(limit // 4, limit // 4, 1, character="ä")) == together
    assert collect(settings, **form(limit // 4, limit // 4, character="ä"))


def test_what_cannot_be_read_is_refused_as_a_whole():
    for request in (
        {"query": "p=%zz"},
        {"query": "p=%ff"},
        {"body": b"p=%", "content_type": FORM},
        {"body": b"{", "content_type": JSON},
    ):
        with pytest.raises(http.Refusal) as caught:
            collect(on_host(p()), **request)
        assert caught.value.status == 400


def test_the_answer_to_wrong_parameters_is_400():
    settings = on_host({"name": "a", "required": True}, {"name": "b", "type": "integer"})
    with pytest.raises(http.Refusal) as caught:
        admission.check_values(settings, sources_of(query="b=secret"))
    assert caught.value.status == 400
    assert caught.value.errors == [("a", "is required"), ("b", "must be an integer")]
    assert "secret" not in repr(vars(caught.value))


# Where the values go


def test_values_become_variables():
    values = {"ref": "a b", "dry-run": "ä\n", "Max_2": ""}
    assert parameters.variables(values) == [
        (b"TRIGGER_PARAM_REF", b"a b"),
        (b"TRIGGER_PARAM_DRY_RUN", "ä\n".encode()),
        (b"TRIGGER_PARAM_MAX_2", b""),
    ]


def command(args, values, **keys):
    names = [{"name": name, "required": True} for name in ("a", "b")]
    settings = endpoint(parameters=names, job={"command": ["/bin/job", "{a}"], "args": args}, **keys)
    return parameters.expand(settings.command, values)[2:]


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("{a}", "{b}"),
        ("{b}", "two"),
        ("--ref={a}", "--ref={b}"),
        ("{a}{b}", "{b}two"),
        ("{a}/{a}", "{b}/{b}"),
        ("{{a}}", "{{b}}"),
        ("{b}{a}", "two{b}"),
        ("", ""),
        ("a", "a"),
        ("{", "{"),
        ("{}", "{}"),
        ("{c}", "{c}"),
        ("{A}", "{A}"),
        ("{ a }", "{ a }"),
        ("{a", "{a"),
        ("a}", "a}"),
        ("{a!r}", "{a!r}"),
        ("{a.b}", "{a.b}"),
        ("{a:>9}", "{a:>9}"),
        ("${a}", "${b}"),
        ("%(a)s $a \\1", "%(a)s $a \\1"),
        ("{b,a}", "{b,a}"),
    ],
)
def test_only_a_declared_name_in_braces_is_a_placeholder(argument, expected):
    """What a value says is not looked at again: that of `a` is {b}."""
    assert command([argument], {"a": "{b}", "b": "two"}) == [expected]


def test_a_value_stays_one_argument():
    values = {"a": "x y; rm -rf / $(id) '\" \\", "b": ""}
    assert command(["{a}", "{b}", "-x{a}"], values) == [values["a"], "", "-x" + values["a"]]


def test_the_command_itself_holds_no_placeholder():
    settings = endpoint(parameters=[p(required=True)], job={"command": ["/bin/{p}", "{p}"], "args": []})
    assert parameters.expand(settings.command, {"p": "x"}) == ["/bin/{p}", "{p}"]


def test_without_parameters_braces_are_braces():
    settings = endpoint(job={"command": ["/bin/job"], "args": ["{a}"]})
    assert parameters.expand(settings.command, {}) == ["/bin/job", "{a}"]


@pytest.mark.parametrize(
    ("args", "value", "taken"),
    [
        (["{p}"], "-rf", False),
        (["{p}"], "-", False),
        (["{p}"], "--", False),
        (["{p}"], "a-b", True),
        (["{p}"], "", True),
        (["--ref={p}"], "-rf", True),
        (["{p}", "--ref={p}"], "-rf", False),
        (["{p}{p}"], "-rf", True),
        ([], "-rf", True),
    ],
)
def test_a_value_that_is_a_whole_argument_is_no_option(args, value, taken):
    settings = on_host(p(required=True), job={"command": ["/bin/job"], "args": args})
    if taken:
        assert collect(settings, query=query(value)) == {"p": value}
    else:
        assert "begins with a dash" in error(settings, query=query(value))


def test_a_negative_number_is_no_option_either():
    settings = on_host(p(required=True, type="integer"), job={"command": ["/bin/job"], "args": ["{p}"]})
    assert "begins with a dash" in error(settings, query="p=-1")


def test_what_is_sensitive_is_hidden_in_records():
    settings = on_host(p(sensitive=True), {"name": "q"}, {"name": "r", "sensitive": True})
    values = collect(settings, query="p=secret&q=plain")
    variables = dict(parameters.variables(values))
    assert parameters.shown(settings.parameters, variables) == {"p": "(sensitive)", "q": "plain"}


def test_a_record_tells_what_it_can():
    """A run is recorded whatever its request holds."""
    variables = {b"TRIGGER_PARAM_P": b"a\xff", b"TRIGGER_PARAM_OTHER": b"1", b"HTTP_X": b"2"}
    assert parameters.shown(on_host(p(type="integer", required=True)).parameters, variables) == {"p": "a\ufffd"}


def test_what_is_sensitive_is_in_no_error():
    for kind in ("integer", "number"):
        settings = on_host(p(sensitive=True, type=kind, max=10))
        for value in ("secret", "1e+-5", "99999"):
            assert value not in repr(errors(settings, query=query(value)))


# Read back before the run


def read_back(settings, **environment):
    variables = {f"TRIGGER_PARAM_{name}".encode(): value for name, value in environment.items()}
    return parameters.read_back(settings.parameters, variables)


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        ({}, b"a\nb"),
        ({}, b"a\rb"),
        ({}, b"a\0b"),
        ({}, b"\xff"),
        ({}, b"\xed\xa0\x80"),
        ({}, b"x" * 1025),
        ({"type": "integer"}, b""),
        ({"type": "integer"}, b"1; rm -rf /"),
        ({"type": "number"}, b"1e+-5"),
        ({"type": "boolean"}, b"yes"),
        ({"type": "boolean"}, b"1"),
        ({"choices": ["a"]}, b"b"),
        ({"pattern": "[a-z]"}, b"A"),
        ({"type": "integer", "max": 5}, b"6"),
    ],
)
def test_what_no_request_could_have_brought_is_refused_before_the_run(keys, value):
    with pytest.raises(parameters.Invalid) as caught:
        read_back(on_host(p(**keys)), P=value)
    ((name, wrong),) = caught.value.errors
    assert name == "p"
    assert value.decode("latin-1") not in wrong or not value
    assert MESSAGES.fullmatch(wrong)


def test_what_is_missing_before_the_run():
    """An endpoint that was changed while a request waited may know other parameters than the request."""
    with pytest.raises(parameters.Invalid):
        read_back(on_host(p(required=True)))
    assert read_back(on_host(p(default="x"))) == {"p": "x"}
    assert read_back(on_host(p())) == {}
    assert read_back(on_host(p()), OTHER=b"1") == {}


def test_values_that_are_too_large_together_are_refused_before_the_run_too():
    length = parameters.TOTAL_LIMIT // 2
    settings = on_host(*({"name": name, "max_length": length} for name in "abc"))
    assert len(read_back(settings, A=b"x" * length, B=b"x" * length)) == 2
    with pytest.raises(parameters.Invalid):
        read_back(settings, A=b"x" * length, B=b"x" * length, C=b"x")


def test_an_option_is_refused_before_the_run_too():
    settings = on_host(p(required=True), job={"command": ["/bin/job"], "args": ["{p}"]})
    with pytest.raises(parameters.Invalid):
        read_back(settings, P=b"-rf")


# Anything at all

MARKER = "m4rk3r"
NAMES = ["a", "b", "c-d", "E_1"]
SIMPLE = st.sampled_from(
    ["", "x", "yes", "true", "off", "7", "-7", "3.5", "1e3", "1e+-5", "-", "-x", "a\nb", "a\0b", "ä", "🔔", "9" * 30,
     "x" * 12, MARKER, f"-{MARKER}", f"1{MARKER}", f"{MARKER}\n"]
)  # fmt: skip
NUMERIC = st.text("0123456789.eE+-", max_size=8)
VALUES = SIMPLE | NUMERIC | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
PLACES = st.sampled_from(["query:a", "query:b", "form:a", "form:x", "header:X-A", "json:/a", "json:/x/0", "json:"])
BOUNDS = st.integers(-9, 9) | st.floats(-9, 9)
PATTERNS = st.sampled_from(["[a-z]*", r"(?s).*", r"\d+", "x|-x", r"[^\n]*", MARKER])


@st.composite
def declarations(draw):
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    return [draw(declaration(name)) for name in names]


def declaration(name):
    kinds = st.sampled_from(["string", "integer", "number", "boolean"])
    return st.fixed_dictionaries(
        {"name": st.just(name), "type": kinds},
        optional={
            "required": st.booleans(),
            "default": VALUES | st.booleans() | st.integers(-9, 9),
            "choices": st.lists(VALUES | st.integers(-9, 9), min_size=1, max_size=3),
            "pattern": PATTERNS,
            "min": BOUNDS,
            "max": BOUNDS,
            "max_length": st.integers(1, 40),
            "from": PLACES | st.lists(PLACES, min_size=1, max_size=3),
            "sensitive": st.booleans(),
        },
    )


def encoded(pairs):
    return urllib.parse.urlencode(pairs)


QUERIES = st.lists(st.tuples(st.sampled_from([*NAMES, "x", "payload"]), VALUES), max_size=4).map(encoded)
TREES = st.recursive(
    VALUES | st.none() | st.booleans() | st.integers(-99, 99) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*NAMES, "x"]), inner, max_size=4),
    max_leaves=6,
)
JSON_BODIES = TREES.map(lambda value: json.dumps(value).encode())
FORM_BODIES = QUERIES.map(str.encode) | JSON_BODIES.map(lambda body: encoded({"payload": body}).encode())
RAW = st.binary(max_size=40)


@st.composite
def requests(draw):
    body = draw(st.sampled_from([FORM_BODIES, JSON_BODIES, RAW]).flatmap(lambda bodies: bodies))
    content_type = draw(st.sampled_from([FORM, JSON, "application/x+json", "text/plain", None]))
    fields = draw(st.sampled_from([[], [("X-A", b"7")], [("X-A", MARKER.encode())], [("X-A", b"\xff")]]))
    return sources_of(draw(QUERIES), body, content_type, fields, draw(st.none() | RAW))


def prepared(declared, **keys):
    """The endpoint, without the limits that contradict each other: too few of the drawn ones would be left."""
    loose = [{key: item[key] for key in item if key in ("name", "type", "required", "from")} for item in declared]
    for attempt in (declared, loose):
        try:
            return endpoint(parameters=attempt, **keys)
        except trigger_endpoints.Mistakes:
            pass
    return assume(False)


def outcome(act):
    """What act() returns, and what is told when it raises one of the two that it may raise."""
    try:
        return act(), None
    except parameters.Invalid as invalid:
        return None, [f"{name} {wrong}" for name, wrong in invalid.errors]
    except http.Refusal as refusal:
        return None, [refusal.reason]


def assert_told(told):
    assert MARKER not in repr(told)
    known = re.compile(rf"[\w.-]* ({MESSAGES.pattern})|a value is not UTF-8|a percent sign is not .*|.* JSON.*")
    assert [text for text in told if not known.fullmatch(text)] == []


def assert_allowed(settings, values):
    for parameter in settings.parameters:
        if parameter["name"] in values:
            parameters.check(parameter, values[parameter["name"]])
        else:
            assert not parameter["required"]


@given(declarations(), FORM_BODIES | RAW, st.sampled_from([FORM, JSON, None]))
@example([{"name": "a"}], encoded({"payload": ' {"a": "1"}'}).encode(), FORM)
@example([{"name": "a"}], encoded({"payload": '["a"]'}).encode(), FORM)
def test_to_declare_payload_changes_nothing_that_is_taken_without_it(declared, body, content_type):
    """What a signature vouches for is read as it was."""
    alone = prepared(declared, extra_parameters="ignore")
    values, told = outcome(lambda: collect(alone, body=body, content_type=content_type))
    assume(not told)
    own = on_host({"name": "payload", "from": "form:payload", **ANY_TEXT}).parameters
    with_payload = alone.replace(parameters=[*alone.parameters, *own])
    more, told = outcome(lambda: collect(with_payload, body=body, content_type=content_type))
    if told:
        assert told[0].startswith("payload ")
    else:
        assert {**values, **more} == more and {*more} - {*values} <= {"payload"}


@given(declarations(), requests(), st.sampled_from(["refuse", "ignore"]), st.booleans())
@example([{"name": "a", "type": "number"}], sources_of("a=1e%2B-5"), "refuse", False)
def test_a_request_is_taken_or_refused_and_nothing_else(declared, request, extra, alone):
    args = ["{%s}" % item["name"] for item in declared if alone and item.get("required") and not item.get("sensitive")]
    settings = prepared(declared, extra_parameters=extra, job={"command": ["/bin/job"], "args": args})
    values, told = outcome(lambda: parameters.collect(settings.parameters, request, settings.known_names))
    if told:
        assert_told(told)
        return
    assert_allowed(settings, values)
    variables = dict(parameters.variables(values))
    assert parameters.read_back(settings.parameters, variables) == values
    expanded = parameters.expand(settings.command, values)
    assert len(expanded) == 1 + len(args)
    assert not any(argument.startswith("-") for argument in expanded)


@given(declarations(), st.dictionaries(st.sampled_from(NAMES), VALUES.map(str.encode) | st.binary(max_size=6)))
def test_what_is_read_back_is_right_or_refused(declared, texts):
    settings = prepared(declared)
    variables = {parameters.variable(name).encode(): text for name, text in texts.items()}
    values, told = outcome(lambda: parameters.read_back(settings.parameters, variables))
    if told:
        assert_told(told)
    else:
        assert_allowed(settings, values)


def test_numbers_of_the_configuration_are_numbers():
    """The configuration is read by the reader that keeps a client's numbers as text in its other form."""
    (declared,) = on_host(p(type="integer", min=1, max=2.5)).parameters
    assert (declared["min"], declared["max"]) == (1, 2.5)
    assert not isinstance(declared["min"], strict_json.Number)


@pytest.mark.parametrize(
    ("request_", "name"),
    [
        ({"query": "b=1&a=%ff"}, "a"),
        ({"body": b"b=1&a=\xff", "content_type": FORM}, "a"),
        ({"body": b"b=%ff", "content_type": FORM}, "b"),
        ({"fields": [("X-C", b"\xff")]}, "c"),
        # which nobody has declared, or declared for another place
        ({"query": "x-c=%ff"}, None),
        ({"query": "b=%ff"}, None),
        ({"query": "%ff=a"}, None),
    ],
)
def test_which_value_is_not_utf_8_is_told_where_it_is_known(request_, name):
    settings = endpoint(
        parameters=[{"name": "c", "from": "header:x-c"}, {"name": "b", "from": "form:b"}, {"name": "a"}]
    )
    with pytest.raises(http.Refusal) as caught:
        admission.check_values(settings, sources_of(**request_))
    if name:
        assert (caught.value.reason, caught.value.errors) == (admission.INVALID, [(name, "is not UTF-8")])
    else:
        assert (caught.value.reason, caught.value.errors) == ("a value is not UTF-8", [])


def test_so_it_is_where_only_if_meets_it_first():
    """It reads the same query, before any parameter is looked for."""
    settings = endpoint(parameters=[{"name": "a"}], only_if=[{"from": "query:ref", "equals": "main"}])
    with pytest.raises(http.Refusal) as caught:
        admission.check_values(settings, sources_of(query="ref=main&a=%ff"))
    assert caught.value.errors == [("a", "is not UTF-8")]
