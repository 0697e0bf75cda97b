"""The form of an endpoint: its fields, what comes back, and how that is laid out for the acceptor."""

import urllib.parse

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from message import message, parse
from page_host import tree
from role import endpoint

from trigger import http, parameters
from trigger.page import form, submit
from trigger.sources import Sources

NASTY = "\"><script>alert('&')</script>"


def on_host(*declarations, **keys):
    made = endpoint(parameters=list(declarations), **keys)
    made.frontend = {"location": "/a/"}
    return made


def p(**keys):
    return {"name": "p", **keys}


def field(typed=None, error=None, **keys):
    """The control of one parameter, and the whole field."""
    drawn = tree(form.draw(on_host(p(**keys)), "t", typed, error and {"p": error}))
    return drawn.one(name="p"), drawn.one(class_="field")


def options(control):
    return [(option["value"], option.text) for option in control.all("option")]


def chosen(control):
    return [option["value"] for option in control.all("option") if "selected" in option.attributes]


# Fields


def test_a_form_posts_to_the_endpoints_own_place():
    drawn = tree(form.draw(on_host(p()), "t" * 64)).one("form")
    assert (drawn["method"], drawn["action"]) == ("post", "/a/start")
    hidden = drawn.one("input", type="hidden")
    assert (hidden["name"], hidden["value"]) == (form.TOKEN, "t" * 64)
    assert drawn.one("button").text == "Start"


def test_without_declared_parameters_there_is_just_a_button():
    drawn = tree(form.draw(on_host(), "t")).one("form")
    assert [found.tag for found in drawn.all()] == ["input", "button"]
    made = endpoint()
    assert made.parameters is None
    made.frontend = {"location": "/a/"}
    assert [found.tag for found in tree(form.draw(made, "t")).one("form").all()] == ["input", "button"]


ATTRIBUTES = [
    ({}, {"type": "text", "maxlength": "1024"}),
    ({"max_length": 3}, {"type": "text", "maxlength": "3"}),
    ({"default": "x"}, {"type": "text", "value": "x"}),
    ({"required": True}, {"type": "text", "required": None}),
    ({"type": "integer"}, {"type": "number", "step": "1"}),
    ({"type": "integer", "min": -2, "max": 5, "default": 3}, {"min": "-2", "max": "5", "step": "1", "value": "3"}),
    ({"type": "integer", "min": 0.5, "max": 9.5}, {"min": "1", "max": "9", "step": "1"}),
    ({"type": "integer", "max": 10**30}, {"max": "1" + "0" * 30}),
    ({"type": "number", "min": 0.5, "max": 1e30, "default": 1.5}, {"min": "0.5", "max": "1e+30", "step": "any"}),
    ({"sensitive": True, "max_length": 9}, {"type": "password", "autocomplete": "off", "maxlength": "9"}),
    ({"sensitive": True, "choices": ["a"]}, {"type": "password"}),
]


@pytest.mark.parametrize(("keys", "wanted"), ATTRIBUTES)
def test_a_field_is_of_its_parameters_kind(keys, wanted):
    control, _ = field(**keys)
    assert control.tag == "input"
    assert {name: control.attributes.get(name, "") for name in wanted} == wanted


@pytest.mark.parametrize(
    ("keys", "shown", "selected"),
    [
        ({"choices": ["a", "b"]}, [("", "Not given"), ("a", "a"), ("b", "b")], []),
        ({"choices": ["a", "b"], "required": True}, [("", "Choose…"), ("a", "a"), ("b", "b")], []),
        ({"choices": ["a", "b"], "default": "b"}, [("a", "a"), ("b", "b")], ["b"]),
        ({"type": "integer", "choices": [1, 2]}, [("", "Not given"), ("1", "1"), ("2", "2")], []),
        ({"type": "boolean"}, [("", "Not given"), ("true", "Yes"), ("false", "No")], []),
        ({"type": "boolean", "default": False}, [("true", "Yes"), ("false", "No")], ["false"]),
        ({"type": "boolean", "choices": [True], "required": True}, [("", "Choose…"), ("true", "Yes")], []),
    ],
)
def test_choices(keys, shown, selected):
    control, _ = field(**keys)
    assert control.tag == "select"
    assert options(control) == shown and chosen(control) == selected


def test_what_is_required_is_said_and_marked():
    control, whole = field(required=True)
    assert "required" in control.attributes
    assert whole.one("label").text == "p (required)"
    control, whole = field()
    assert "required" not in control.attributes and whole.one("label").text == "p"


@pytest.mark.parametrize("keys", [{}, {"sensitive": True}, {"choices": ["a"]}, {"type": "integer"}, {"pattern": "x*"}])
def test_every_field_has_its_label_and_its_descriptions(keys):
    for error in (None, "is wrong"):
        control, whole = field(error=error, **keys)
        assert whole.one("label")["for"] == control["id"]
        described = (control.attributes.get("aria-describedby") or "").split()
        assert [whole.one(id=each).tag for each in described] == ["p"] * len(described)
        assert len(described) == len(whole.all("p"))
        assert control.attributes.get("aria-invalid") == (error and "true")


def test_hints():
    assert field(pattern="[a-z]+")[1].one(class_="hint").text == "Must match [a-z]+."
    assert field(default="x")[1].one(class_="hint").text == "Left empty, it is x."
    assert not field(default="a", choices=["a"])[1].all(class_="hint")


def test_a_label_stands_for_the_name_and_a_description_says_more():
    control, whole = field(label="Version <b>", description="As it is tagged.", pattern="x*", error="is required")
    assert control["name"] == "p" and whole.one("label").text == "Version <b>"
    assert whole.one(class_="hint").text == "As it is tagged. Must match x*."
    assert whole.one(class_="wrong").text == "Version <b> is required"
    drawn = tree(form.summary(on_host(p(label="Version")), [("p", "is required")]))
    assert drawn.one("a").text == "Version is required"


def test_a_file_of_an_earlier_release_has_neither():
    made = on_host(p())
    for key in ("label", "description"):
        del made.parameters[0][key]
    assert tree(form.draw(made, "t")).one("label").text == "p"


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"type": "integer", "min": 1, "max": 16}, "From 1 to 16."),
        ({"type": "number", "min": 0.5}, "At least 0.5."),
        ({"type": "integer", "max": 0}, "At most 0."),
        ({"type": "integer", "min": 1, "default": 2}, "At least 1. Left empty, it is 2."),
        ({"type": "integer", "min": 1, "choices": [1, 2]}, None),
        ({"type": "integer"}, None),
    ],
)
def test_limits_are_told_before_they_are_met(keys, told):
    assert [hint.text for hint in field(**keys)[1].all(class_="hint")] == [told][: told is not None]


@pytest.mark.parametrize(
    ("pattern", "has_lines"),
    [
        (None, False), ("[a-z]+", False), ("[^,]*", True), (r"[\w.-]+(\n[\w.-]+)*", True), (r"\S+(\s\S+)*", True),
        ("(?s).*", True), (".*", False), ("(?s:.)*", True), ("(?i)x.", False), (r"[^\n]+", False), ("a\nb", True),
        (r"\\n", False), (r"[\]\s]+", True), ("[]x]", False), (r"\d+\.\d+", False), ("(a|b){2}", False),
        (r"\x0a", False),  # nobody writes it so
    ],
)  # fmt: skip
def test_what_may_have_lines_is_typed_into_a_text_area(pattern, has_lines):
    control, _ = field(pattern=pattern, max_length=99)
    assert control.tag == ("textarea" if has_lines else "input")
    assert control["maxlength"] == "99"


@pytest.mark.parametrize("keys", [{"sensitive": True}, {"choices": ["a"]}, {"type": "integer"}])
def test_what_is_not_typed_as_text_needs_none(keys):
    assert field(pattern="[^,]*", **keys)[0].tag != "textarea"


@pytest.mark.parametrize("text", ["", "a\nb", "\na\n", "</textarea><b>&amp;"])
def test_a_text_area_shows_what_was_typed(text):
    assert field(pattern="(?s).*", typed={"p": text})[0].text == "\n" + text  # which HTML drops


def test_line_breaks_of_a_text_area_are_line_feeds():
    body = urllib.parse.urlencode({"p": "a\r\nb\r\n", "q": "a\r\nb"}).encode()
    made = on_host(p(pattern="(?s).*"), {"name": "q"})
    request, body = parse(message({"Content-Type": "application/x-www-form-urlencoded"}, body))
    assert form.read(made, request, body)[1] == {"p": "a\nb\n", "q": "a\r\nb"}


def test_what_is_sensitive_is_never_shown():
    made = on_host(p(sensitive=True))
    made.parameters[0]["default"] = "geheim"  # as releases up to 0.3 took it
    drawn = tree(form.draw(made, "t", {"p": "secret"}, {"p": "is longer than 3 characters"}))
    control, whole = drawn.one(name="p"), drawn.one(class_="field")
    assert "value" not in control.attributes
    assert "geheim" not in whole.text and "secret" not in whole.text
    assert whole.one(class_="hint").text == "Left empty, it is a default."


def test_what_was_typed_is_kept():
    assert field(typed={"p": "x y"})[0]["value"] == "x y"
    assert field(typed={"p": "x"}, default="d")[0]["value"] == "x"
    assert "value" not in field(typed={}, default="d")[0].attributes
    assert chosen(field(typed={"p": "b"}, choices=["a", "b"], default="a")[0]) == ["b"]


def test_a_summary_leads_to_the_fields():
    made = on_host(p(), {"name": "q"})
    errors = [
        ("q", "is required"),
        ("p", "is longer than 3 characters"),
        ("", "all is too much"),
        ("x", "is not known"),
    ]
    drawn = tree(form.summary(made, errors)).one(role="alert")
    assert {"tabindex", "autofocus"} <= set(drawn.attributes)
    assert [item.text for item in drawn.all("li")] == [
        "q is required", "p is longer than 3 characters", "all is too much", "x is not known",
    ]  # fmt: skip
    fields = tree(form.draw(made, "t", {}, dict(errors)))
    assert [fields.one(id=link["href"][1:])["name"] for link in drawn.all("a")] == ["q", "p"]
    assert fields.one(id="error-q").text == "q is required"


@given(st.text(st.characters()), st.text(st.characters()))
@example(NASTY, NASTY)
def test_no_text_from_outside_leaves_its_place(one, other):
    for keys in ({}, {"sensitive": True}, {"choices": ["x"]}):
        made = on_host(p(**keys))
        made.parameters[0].update(default=one, pattern=other)
        if keys.get("choices"):
            made.parameters[0]["choices"] = [one, other]
        drawn = tree(form.draw(made, other, {"p": one}, {"p": "e" + other}))
        tags = {found.tag for found in drawn.all()}
        assert tags <= {"div", "form", "input", "textarea", "label", "p", "code", "select", "option", "button"}
        names = {name for found in drawn.all() for name in found.attributes}
        assert names <= {
            "action", "aria-describedby", "aria-invalid", "autocomplete", "class", "for", "id", "maxlength", "method",
            "name", "rows", "selected", "type", "value",
        }  # fmt: skip


@pytest.mark.parametrize(
    ("declarations", "needed"), [([p()], False), ([p(required=True)], True), ([p(default="x")], False), ([], False)]
)
def test_whether_something_has_to_be_filled_in(declarations, needed):
    assert form.needs_input(on_host(*declarations)) is needed


# What comes back


def read(body, made=None, content_type="application/x-www-form-urlencoded"):
    request, body = parse(message({"Content-Type": content_type}, body))
    return form.read(made or on_host(p()), request, body)


def test_token_and_values_come_back_without_what_was_left_empty():
    assert read(b".token=x&p=a+b&q=") == ("x", {"p": "a b"})
    assert read(b"") == ("", {})
    assert read(b'{"p": "x"}', content_type="application/json") == ("", {})


@pytest.mark.parametrize("body", [b"p=1&p=2", b".token=a&.token=a", b"p=%", b"p=%ff", b"&".join([b"a=1"] * 1001)])
def test_what_is_no_form_of_a_browser_is_refused(body):
    with pytest.raises(http.Refusal) as caught:
        read(body)
    assert caught.value.status == 400


def test_a_field_that_the_form_has_not_is_refused():
    form.check_names(on_host(p()), {"p": "x"})
    for made, typed in ((on_host(p()), {"q": "x"}), (on_host(), {"p": "x"}), (endpoint(), {"p": "x"})):
        with pytest.raises(http.Refusal) as caught:
            form.check_names(made, typed)
        assert caught.value.status == 400


# Laid out for the acceptor


def as_acceptor_sees_it(made, values):
    """The values that the acceptor finds in what is sent."""
    composed = submit.Composed(made, values)
    assert composed.errors == []
    types = [("Content-Type", composed.content_type)] if composed.content_type else []
    request, body = parse(message([*types, *composed.headers], composed.body, "/?" + composed.query))
    return parameters.collect(made.parameters, Sources(request, lambda: body), made.known_names)


PLACES = [None, "query:x", "form:x", "json:/x", "json:/a~1b/0/c", "json:", "header:X-Value", ["query:x", "form:x"]]


@pytest.mark.parametrize("place", PLACES)
@given(st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=60))
@example('a b&c=d%+"\\ä🔔;')
@example("ä")
def test_a_value_arrives_as_it_was_typed(place, text):
    made = on_host(p(pattern="(?s).*", **{"from": place}), extra_parameters="refuse")
    if submit.Composed(made, {"p": text}).errors:
        # A field of the head takes neither what is not printable nor blanks around the value.
        assert place == "header:X-Value" and not (text.isprintable() and text == text.strip(" "))
        return
    assume("\0" not in text)
    assert as_acceptor_sees_it(made, {"p": text}) == {"p": text}


@pytest.mark.parametrize(
    ("keys", "text", "sent"),
    [
        ({"type": "integer"}, "42", "42"), ({"type": "integer"}, "-7", "-7"), ({"type": "integer"}, "007", '"007"'),
        ({"type": "integer"}, "9" * 5000, '"' + "9" * 5000 + '"'), ({"type": "integer"}, "x", '"x"'),
        ({"type": "number"}, "1.5", "1.5"), ({"type": "number"}, "1.50", '"1.50"'),
        ({"type": "number"}, "nan", '"nan"'), ({"type": "number"}, "inf", '"inf"'),
        ({"type": "number"}, "1e400", '"1e400"'),
        ({"type": "boolean"}, "true", "true"), ({"type": "boolean"}, "false", "false"),
        ({"type": "boolean"}, "?", '"?"'), ({}, "true", '"true"'), ({}, "1", '"1"'),
    ],
)  # fmt: skip
def test_json_says_a_value_by_its_type_where_that_is_the_same(keys, text, sent):
    made = on_host(p(**{"from": "json:/p", **keys}))
    composed = submit.Composed(made, {"p": text})
    assert (composed.body.decode(), composed.content_type) == ('{"p": %s}' % sent, "application/json")


def test_form_and_json_together_go_as_a_form_with_a_payload():
    made = on_host({"name": "a"}, {"name": "b", "from": "json:/x/y"}, {"name": "c", "from": "query:c"})
    composed = submit.Composed(made, {"a": "1", "b": "2", "c": "3"})
    assert composed.content_type == "application/x-www-form-urlencoded"
    assert urllib.parse.parse_qs(composed.body.decode()) == {"a": ["1"], "payload": ['{"x": {"y": "2"}}']}
    assert composed.query == "c=3"
    assert as_acceptor_sees_it(made, {"a": "1", "b": "2", "c": "3"}) == {"a": "1", "b": "2", "c": "3"}


def test_what_was_left_empty_is_not_sent():
    composed = submit.Composed(on_host({"name": "a"}, {"name": "b", "from": "header:b"}), {})
    assert (composed.query, composed.headers, composed.body, composed.content_type) == ("", [], b"", None)


@pytest.mark.parametrize(
    "value", ["a\r\nX-Remote-User: root", "a\nb", "a\rb", "a\0b", "\x1b", "a\x85b", "\u2028", " a", "a ", "a\tb"]
)
def test_a_header_cannot_be_smuggled(value):
    composed = submit.Composed(on_host(p(**{"from": "header:X-Value"})), {"p": value})
    assert composed.headers == []
    assert composed.errors == [("p", "holds something that this form cannot pass on")]


def test_where_one_place_takes_nothing_the_next_is_used():
    made = on_host(p(**{"from": ["header:X-Value", "query:v"]}))
    composed = submit.Composed(made, {"p": "a\tb"})
    assert (composed.headers, composed.query) == ([], "v=a%09b")


def test_two_values_at_one_place_of_the_json_are_a_mistake_of_the_second():
    made = on_host(
        {"name": "a", "from": "json:/x"}, {"name": "b", "from": "json:/x/y"}, {"name": "c", "from": "json:/x"}
    )
    composed = submit.Composed(made, {"a": "1", "b": "2", "c": "3"})
    assert [name for name, _ in composed.errors] == ["b", "c"]
