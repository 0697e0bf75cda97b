"""triggerctl fire: what is typed keeps the rules that a client has to keep."""

import os

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trigger import http
from trigger.ctl.fire_request import make
from trigger.dispatcher import claims
from trigger.endpoint import Endpoint

REQUEST = "019f0000-0000-7000-8000-000000000000"


def parameter(name, **keys):
    settings = dict.fromkeys(("default", "choices", "pattern", "min", "max"))
    settings.update(name=name, type="string", required=False, max_length=1024, sensitive=False, leads=False)
    settings["places"] = [["any", name]]
    return {**settings, **keys}


def endpoint(parameters=None, known_names=None, **keys):
    settings = {
        "path": "/go",
        "command": ["/bin/true"],
        "parameters": parameters,
        "known_names": known_names,
        "only_if": [
            {"place": ["header", "x"], "text": "x", "equals": "1", "in": None, "matches": None, "negate": False}
        ],
        "body": "pass",
        "body_limit": 100,
        "pass_headers": [],
    }
    return Endpoint("x", {**settings, **keys})


def fire(endpoint, *values, body=b"", content_type=None):
    fired = make(endpoint, list(values), body, content_type)
    return fired.body, dict(fired.variables(REQUEST))


def test_without_parameters_the_query_holds_what_was_typed():
    _, variables = fire(endpoint(), ("a", "1 ü&"), ("a", "2"))
    assert variables[b"QUERY_STRING"] == b"a=1+%C3%BC%26&a=2"


def test_the_request_is_one_of_this_host():
    _, variables = fire(endpoint())
    assert variables[b"REQUEST_METHOD"] == b"POST"
    assert variables[b"REMOTE_ADDR"] == b""
    assert variables[b"SCRIPT_NAME"] == b"/go"
    assert variables[b"TRIGGER_ENDPOINT"] == b"x"
    assert variables[b"TRIGGER_REQUEST_ID"] == REQUEST.encode()


@pytest.mark.parametrize("places", [["query", "q"], ["form", "q"], ["header", "x-q"], ["json", ["deep", "q"]]])
def test_a_parameter_goes_by_its_name_wherever_a_client_writes_it(places):
    declared = endpoint([parameter("word", type="boolean", places=[places])], {"query": [], "form": []})
    _, variables = fire(declared, ("word", "yes"))
    assert variables[b"TRIGGER_PARAM_WORD"] == b"true"
    assert variables[b"QUERY_STRING"] == b""


def test_the_body_says_parameters_too_and_what_was_typed_wins():
    declared = endpoint([parameter("a"), parameter("b")])
    _, variables = fire(declared, ("b", "typed"), body=b' {"a": "from json", "b": "also"}')
    assert variables[b"TRIGGER_PARAM_A"] == b"from json"
    assert variables[b"TRIGGER_PARAM_B"] == b"typed"
    assert variables[b"CONTENT_TYPE"] == b"application/json"


def test_a_form():
    _, variables = fire(endpoint([parameter("a")]), body=b"a=1", content_type="application/x-www-form-urlencoded")
    assert variables[b"TRIGGER_PARAM_A"] == b"1"


@pytest.mark.parametrize("body", [b"text", b"{no json", b"[1, 2", b"\xff"])
def test_what_is_no_json_is_not_taken_for_it(body):
    assert fire(endpoint(), body=body)[1][b"CONTENT_TYPE"] == b"application/octet-stream"


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ([("n", "x")], ("n", "must be an integer")),
        ([("n", "7")], ("n", "is more than 5")),
        ([("n", "1"), ("n", "2")], ("n", "is given twice")),
        ([("m", "1")], ("m", "is not a parameter here")),
        ([], ("n", "is required")),
        ([("n", "\udcff")], ("n", "is not UTF-8")),
    ],
)
def test_what_breaks_the_rules_is_refused(values, wrong):
    declared = endpoint([parameter("n", type="integer", required=True, max=5)])
    with pytest.raises(http.Refusal) as refused:
        fire(declared, *values)
    assert refused.value.status == 400
    assert wrong in refused.value.errors


def test_a_body_that_is_too_large_is_refused():
    fire(endpoint(), body=b"x" * 100)
    with pytest.raises(http.Refusal) as refused:
        fire(endpoint(), body=b"x" * 101)
    assert refused.value.status == 413


def test_a_discarded_body_is_checked_and_not_passed_on():
    declared = endpoint([parameter("a")], body="discard")
    body, variables = fire(declared, body=b'{"a": "1"}')
    assert body == b""
    assert variables[b"TRIGGER_PARAM_A"] == b"1"
    assert b"CONTENT_LENGTH" not in variables


def test_the_claim_knows_all_of_its_variables():
    declared = endpoint([parameter("a")])
    _, variables = fire(declared, ("a", "1"), body=b"{}")
    assert set(variables) <= claims.known_variables(declared)


def test_all_that_is_wrong_is_named_at_once():
    declared = endpoint([parameter("a", type="integer"), parameter("b", required=True)], {"query": [], "form": []})
    with pytest.raises(http.Refusal) as caught:
        fire(declared, ("a", "x"), ("c", "1"), ("d", "1"))
    assert [name for name, _ in caught.value.errors] == ["a", "b", "c", "d"]


@pytest.mark.parametrize(("body_type", "found"), [("json", True), ("auto", False)])
def test_the_body_is_what_the_endpoint_says(body_type, found):
    asked = endpoint([parameter("a", places=[["json", ["a"]]], required=True)], body_type=body_type)
    if found:
        fired = make(asked, [], b'{"a": "x"}', "text/plain")
        assert (b"TRIGGER_PARAM_A", b"x") in fired.variables(REQUEST)
    else:
        with pytest.raises(http.Refusal) as caught:
            make(asked, [], b'{"a": "x"}', "text/plain")
        assert caught.value.errors == [("a", "is required, but the body is text/plain, and not read as JSON")]


@given(st.binary(min_size=1, max_size=20))
@example(b"text/plain; a=\xff")
@example(b"text/plain\r\nX-Sent: by another")
@example(b"text/plain\r\n\r\n")
def test_a_content_type_is_passed_on_as_it_was_typed_or_refused(typed):
    try:
        _, variables = fire(endpoint(), body=b"x", content_type=os.fsdecode(typed))
    except http.Refusal:
        return
    assert variables[b"CONTENT_TYPE"] == typed.strip(b" \t")
