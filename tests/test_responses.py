"""What a client is told, and in which form."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from message import message, parse

from trigger import http, responses

ERRORS = [("a", "is required"), ("b-c.d", "must be an integer"), ("", "is not a parameter here")]


def body_for(accept, refusal):
    fields = [] if accept is None else [("Accept", accept)]
    return responses.refusal_body(parse(message(fields))[0], refusal)


ACCEPT = {
    "application/json": True,
    "application/problem+json": True,
    "application/*": True,
    "Application/JSON": True,
    "application/json;q=0.5": True,
    "application/json; q=0.001": True,
    "application/json;charset=utf-8;q=1": True,
    "text/html, application/json": True,
    "text/html,application/json;q=0.1, */*": True,
    "application/json;q=0": False,
    "application/json; q=0.000": False,
    "*/*": False,
    "text/html, */*;q=0.8": False,
    "text/*": False,
    "application/jsonp": False,
    "application/xml": False,
    "json": False,
    "": False,
    None: False,
    ",;,=;q": False,
}


@pytest.mark.parametrize("accept", ACCEPT)
def test_who_asks_for_json_by_name_gets_it(accept):
    body, media_type = body_for(accept, http.Refusal(404, "nothing is served here"))
    assert media_type == ("application/problem+json" if ACCEPT[accept] else "text/plain; charset=utf-8")
    assert body.startswith(b"{") == ACCEPT[accept]


def test_before_there_is_a_head_the_answer_is_text():
    assert responses.refusal_body(None, http.Refusal(400, "this is not HTTP/1"))[0] == b"400 this is not HTTP/1\n"


def test_an_error_as_text():
    body, _ = body_for("*/*", http.Refusal(400, "the parameters are not right", errors=ERRORS))
    assert body.decode().splitlines() == [
        "400 the parameters are not right",
        "a: is required",
        "b-c.d: must be an integer",
        "a parameter: is not a parameter here",
    ]


def test_an_error_as_problem_details():
    """RFC 9457, section 3.1. Without `type` it is about:blank, and then `title` is that of the status."""
    body, _ = body_for("application/json", http.Refusal(400, "the parameters are not right", errors=ERRORS))
    assert json.loads(body) == {
        "title": "Bad Request",
        "status": 400,
        "detail": "the parameters are not right",
        "errors": [{"parameter": name, "detail": wrong} for name, wrong in ERRORS],
    }


@pytest.mark.parametrize("status", sorted(http.REASONS))
def test_without_errors_there_are_none(status):
    refusal = http.Refusal(status, "a reason")
    assert set(json.loads(responses.problem(refusal))) == {"title", "status", "detail"}
    assert responses.plain_text(refusal) == b"%d a reason\n" % status


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_problem_details_are_json_whatever_they_say(reason, name, wrong):
    problem = json.loads(responses.problem(http.Refusal(400, reason, errors=[(name, wrong)])))
    assert problem["detail"] == reason
    assert problem["errors"] == [{"parameter": name, "detail": wrong}]


def test_the_detail_is_for_the_journal_alone():
    refusal = http.Refusal(401, "not authorized", detail="its timestamp is old", errors=ERRORS)
    for accept in ("*/*", "application/json"):
        assert b"timestamp" not in body_for(accept, refusal)[0]
    assert responses.journal_text(refusal) == (
        "not authorized: its timestamp is old: a is required; b-c.d must be an integer; "
        "a parameter is not a parameter here"
    )
    assert responses.journal_text(http.Refusal(404, "nothing is served here")) == "nothing is served here"


@pytest.mark.parametrize(
    ("record", "line"),
    [
        (None, b"\n[the run goes on]\n"),
        ({"state": "succeeded", "exit_code": 0, "duration": 1.26}, b"\n[succeeded, exit code 0, 1.3 s]\n"),
        ({"state": "failed", "exit_code": 3, "signal": None, "duration": 0}, b"\n[failed, exit code 3, 0.0 s]\n"),
        ({"state": "failed", "exit_code": None, "signal": "KILL"}, b"\n[failed, signal KILL]\n"),
        ({"state": "interrupted", "duration": None}, b"\n[interrupted]\n"),
    ],
)
def test_the_last_line_of_a_stream(record, line):
    assert responses.result_line(record) == line


def test_the_fields_that_tell_how_a_run_ended():
    assert responses.run_headers({"state": "failed", "exit_code": 3}) == [
        ("X-Run-State", "failed"),
        ("X-Run-Exit-Code", "3"),
    ]
    assert responses.run_headers({"state": "running", "exit_code": None}) == [("X-Run-State", "running")]
    assert ("X-Run-Exit-Code", "0") in responses.run_headers({"state": "succeeded", "exit_code": 0})
