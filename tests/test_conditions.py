"""`only_if`: whether a request is one that shall start a run."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from message import message, parse
from role import endpoint

from trigger import admission, http
from trigger.sources import Sources

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


def sources_of(query="", body=b"", content_type=None, fields=()):
    types = [] if content_type is None else [("Content-Type", content_type)]
    request, body = parse(message([*types, *fields], body, f"/?{query}"))
    return Sources(request, lambda: body)


def runs(*conditions, **request):
    values, ignored = admission.check_values(endpoint(only_if=list(conditions)), sources_of(**request))
    assert values == {}
    return ignored is None


def in_json(value):
    return {"body": json.dumps({"a": value}).encode(), "content_type": JSON}


MET = [
    ({"equals": "x"}, "x", True),
    ({"equals": "x"}, "X", False),
    ({"equals": "x"}, "x ", False),
    ({"equals": "x"}, "", False),
    ({"equals": ""}, "", True),
    ({"equals": 5}, "5", True),
    ({"equals": 5}, "5.0", False),
    ({"equals": True}, "true", True),
    ({"equals": True}, "True", False),
    ({"in": ["x", 5]}, "5", True),
    ({"in": ["x", 5]}, "x", True),
    ({"in": ["x", 5]}, "x5", False),
    ({"matches": "refs/heads/.*"}, "refs/heads/main", True),
    ({"matches": "refs/heads/.*"}, "xrefs/heads/main", False),
    ({"matches": "main|dev"}, "main", True),
    ({"matches": "main|dev"}, "maindev", False),
    ({"matches": "main"}, "main\n", False),
    ({"matches": "main$"}, "main\n", False),
    ({"matches": ".*"}, "a\nb", False),
]


@pytest.mark.parametrize("negate", [False, True])
@pytest.mark.parametrize(("test", "value", "met"), MET)
def test_the_whole_value_counts(test, value, met, negate):
    condition = {"from": "json:/a", "not": negate, **test}
    assert runs(condition, **in_json(value)) == (met != negate)


@pytest.mark.parametrize(
    ("equals", "value", "met"),
    [(5, 5, True), ("5", 5, True), (5, 5.0, False), (0.5, 0.5, True), (True, True, True), ("true", True, True),
     (False, False, True), (True, 1, False), (1, True, False), ("", None, False), ("None", None, False),
     ("[]", [], False), ("{}", {}, False)],
)  # fmt: skip
def test_values_of_json_are_compared_as_text(equals, value, met):
    assert runs({"from": "json:/a", "equals": equals}, **in_json(value)) == met


@pytest.mark.parametrize("value", [None, [], ["x"], {}, {"x": "x"}])
def test_what_is_no_single_value_meets_no_condition_and_every_negated_one(value):
    for test in ({"equals": "x"}, {"in": ["x"]}, {"matches": "(?s).*"}):
        assert not runs({"from": "json:/a", **test}, **in_json(value))
        assert runs({"from": "json:/a", "not": True, **test}, **in_json(value))


@pytest.mark.parametrize("place", ["query:a", "form:a", "header:a", "json:/a", "json:/a/0"])
def test_what_is_not_there_meets_no_condition_and_every_negated_one(place):
    assert not runs({"from": place, "matches": "(?s).*"})
    assert runs({"from": place, "matches": "(?s).*", "not": True})


@pytest.mark.parametrize(
    "request_",
    [
        {"query": "a=x"},
        {"body": b"a=x", "content_type": FORM},
        {"fields": [("A", "x")]},
        {"body": b'{"a": "x"}', "content_type": JSON},
        {"body": b"payload=%7B%22a%22:%22x%22%7D", "content_type": FORM},
    ],
)
def test_only_the_named_place_is_looked_at(request_):
    places = ["query:a", "form:a", "header:A", "json:/a"]
    found = [place for place in places if runs({"from": place, "equals": "x"}, **request_)]
    assert len(found) == 1


def test_all_values_of_one_place_must_do():
    """Or a second one could say to the job what the first one says to the condition."""
    main = {"from": "query:ref", "equals": "main"}
    assert runs(main, query="ref=main&ref=main")
    assert not runs(main, query="ref=main&ref=other")
    assert not runs(main, query="ref=other&ref=main")
    other = {**main, "not": True}
    assert not runs(other, query="ref=main&ref=other")
    assert not runs(other, query="ref=other&ref=main")
    assert runs(other, query="ref=other&ref=more")


def test_all_conditions_must_hold():
    conditions = [{"from": "header:X-Event", "equals": "push"}, {"from": "json:/ref", "matches": ".*/main"}]
    push = [("X-Event", "push")]
    assert runs(*conditions, body=b'{"ref": "refs/heads/main"}', content_type=JSON, fields=push)
    assert not runs(*conditions, body=b'{"ref": "refs/heads/dev"}', content_type=JSON, fields=push)
    assert not runs(*conditions, body=b'{"ref": "refs/heads/main"}', content_type=JSON)


def test_the_reason_names_the_place_of_the_first_that_does_not_hold_and_no_value():
    conditions = [{"from": f"query:{name}", "equals": "wanted"} for name in "abc"]
    settings = endpoint(only_if=conditions)
    _, ignored = admission.check_values(settings, sources_of(query="a=wanted&b=sent&c=sent"))
    assert ignored.startswith("ignored: ")
    assert "query:b" in ignored
    assert "query:c" not in ignored
    assert "wanted" not in ignored
    assert "sent" not in ignored


def test_conditions_are_looked_at_before_parameters():
    settings = endpoint(only_if=[{"from": "query:ref", "equals": "main"}], parameters=[{"name": "p", "required": True}])
    values, ignored = admission.check_values(settings, sources_of(query="ref=dev"))
    assert (values, bool(ignored)) == ({}, True)
    with pytest.raises(http.Refusal):
        admission.check_values(settings, sources_of(query="ref=main"))
    assert admission.check_values(settings, sources_of(query="ref=main&p=1")) == ({"p": "1"}, None)


@pytest.mark.parametrize("request_", [{"body": b"{", "content_type": JSON}, {"body": b"a=%", "content_type": FORM}])
@pytest.mark.parametrize("negate", [False, True])
def test_what_cannot_be_read_is_refused_and_not_ignored(request_, negate):
    with pytest.raises(http.Refusal) as caught:
        runs({"from": "json:/a", "equals": "x", "not": negate}, **request_)
    assert caught.value.status == 400


@given(
    st.sampled_from(["query:a", "form:a", "header:a", "json:/a", "json:"]),
    st.sampled_from([{"equals": "x"}, {"in": ["x", 1, True]}, {"matches": "[a-z]*"}]),
    st.booleans(),
    st.sampled_from([FORM, JSON, "text/plain"]),
    st.binary(max_size=30)
    | st.sampled_from([b'{"a": "\\ud800"}', b'{"a": [[]]}', b'{"a": 1e999}', b"a=x&a=%00", b"payload=%22x%22"]),
)
def test_a_request_holds_or_does_not_hold_or_is_refused(place, test, negate, content_type, body):
    request, _ = parse(message({"Content-Type": content_type, "a": b"x"}))
    request.query = request.fields[b"a"] = body
    settings = endpoint(only_if=[{"from": place, "not": negate, **test}])
    try:
        _, ignored = admission.check_values(settings, Sources(request, lambda: body))
    except http.Refusal:
        return
    assert ignored in (None, f"ignored: not what only_if asks for, {place}")


def test_a_body_that_is_not_read_as_json_tells_its_type():
    settings = endpoint(only_if=[{"from": "json:/ref", "equals": "main"}])
    body = b'{"ref": "main"}'
    _, ignored = admission.check_values(settings, sources_of(body=body, content_type="text/plain"))
    assert ignored.endswith(": the body is text/plain, and not read as JSON")
    _, ignored = admission.check_values(settings, sources_of(body=b"{}", content_type=JSON))
    assert "body" not in ignored
