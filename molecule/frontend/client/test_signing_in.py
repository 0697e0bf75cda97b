"""Who may call, and what the job learns of him."""

import hashlib
import hmac
import json

import pytest
from front import (
    MARKS,
    PASSWORDS,
    READER,
    SECRETS,
    UNKNOWN,
    Answer,
    ask,
    basic,
    http,
    own_address,
    post,
    runs,
    told,
    trust,
    variables,
)


@pytest.mark.parametrize("path", ["/", "/environment/", "/environment/start", "/environment/runs", "/server/"])
def test_without_a_password_nobody_gets_in(host, path):
    for method in ("GET", "POST"):
        answer = ask(host, path, method, user=None)
        assert (answer.status, answer.headers["WWW-Authenticate"][:6]) == (401, "Basic ")


@pytest.mark.parametrize(
    "fields",
    [
        basic("bob", "wrong"),
        basic("bob", ""),
        basic("bob", SECRETS["bob"].upper()),
        basic("bob", SECRETS["bob"] + " "),
        basic("bob", SECRETS["bob"].encode()[:72].decode()),
        basic("bob", SECRETS["alice"]),
        basic("Bob", SECRETS["bob"]),
        basic("", SECRETS["bob"]),
        basic("nobody", SECRETS["bob"]),
        basic("nobody", ""),
        basic("trigger", SECRETS["hook"]),
        {"Authorization": "Basic Ym9i"},
        {"Authorization": "Basic !"},
        {"Authorization": "Basic"},
        {"Authorization": f"Bearer {SECRETS['hook']}"},
        {"X_Remote_User": "bob"},
    ],
    ids=lambda fields: "",
)
def test_what_is_not_right_is_refused(host, nothing_starts, fields):
    with nothing_starts("environment"):
        assert post(host, "/environment/", None, **fields).status == 401


@pytest.mark.parametrize("user", PASSWORDS)
def test_the_job_is_told_who_calls(host, user):
    answer = post(host, "/environment/?a=%2Fb+c&d;e", user)
    seen = variables(answer)
    known = {
        "REMOTE_USER": user,
        "AUTH_TYPE": "Basic",
        "REMOTE_ADDR": own_address(host),
        "REMOTE_HOST": own_address(host),
        "HTTPS": "on",
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "/environment/",
        "PATH_INFO": "",
        "QUERY_STRING": "a=%2Fb+c&d;e",
        "SERVER_NAME": f"{host}.test",
        "SERVER_PORT": "443",
        "TRIGGER_ENDPOINT": "environment",
        "TRIGGER_REQUEST_ID": answer.headers["X-Request-Id"],
    }
    assert {name: seen.get(name) for name in known} == known
    assert not [name for name in seen if name.startswith("HTTP_")]
    assert not [value for value in seen.values() if PASSWORDS[user] in value]
    assert answer.headers["Location"] == f"/environment/runs/{answer.headers['X-Request-Id']}"
    assert told(host, answer.headers["Location"], user)["state"] == "succeeded"


def test_an_endpoint_of_another_user(host):
    answer = post(host, "/private/", "alice")
    assert (answer.status, answer.headers["X-Run-State"]) == (200, "succeeded")
    before = runs(host, "/private/", "alice")
    for path in ("/private/", "/private/runs", answer.headers["Location"], f"{answer.headers['Location']}/output"):
        for fields in ({}, READER):
            assert ask(host, path, **fields).status == 403
        assert post(host, path).status in (403, 405)
    assert post(host, "/private/start").status == 403
    assert runs(host, "/private/", "alice") == before


def test_where_nobody_is_asked(host):
    """Who says all the same who he is, is not believed: nobody has looked at his password."""
    for user in (None, "bob"):
        seen = variables(post(host, "/open/", user))
        assert seen["REMOTE_ADDR"] == own_address(host)
        assert seen["HTTPS"] == "on"
        assert not {"REMOTE_USER", "AUTH_TYPE"} & set(seen)


def test_an_endpoint_with_a_guard_of_its_own(host):
    """Its callers are no users of the front door, and have tokens or sign what they send."""
    body = f'{{"mark": "{MARKS["body"]}"}}'.encode()
    signature = hmac.new(SECRETS["hook"].encode(), body, hashlib.sha256).hexdigest()
    answers = [
        post(host, "/hook/", None, Authorization=f"Bearer {SECRETS['hook']}"),
        post(host, "/hook/", None, body, X_Hub_Signature_256=f"sha256={signature}", X_GitHub_Delivery=UNKNOWN),
        post(host, f"/hook/?key={SECRETS['query']}&mark={MARKS['query']}", None),
    ]
    for answer, query in zip(answers, ["", "", f"mark={MARKS['query']}"]):
        seen = variables(answer)
        assert (seen["REMOTE_ADDR"], seen["QUERY_STRING"]) == (own_address(host), query)
        assert "REMOTE_USER" not in seen
    before = runs(host, "/hook/", None, Authorization=f"Bearer {SECRETS['hook']}")
    query = f"key={SECRETS['query']}&mark={MARKS['query']}"
    assert post(host, f"/hook/?{query}", None, b"x" * (2**20 + 1)).status == 413  # nginx tells its error log
    assert post(host, "/hook/", None).status == 401
    assert post(host, "/hook/", "bob").status == 401
    assert post(host, "/hook/", None, body, X_Hub_Signature_256=f"sha256={signature[::-1]}").status == 401
    assert post(host, "/hook/start", None).status in (401, 404)
    assert runs(host, "/hook/", None, Authorization=f"Bearer {SECRETS['hook']}") == before


def test_an_endpoint_that_is_kept_out(host):
    for path in ("/inside/", "/inside/runs", "/inside/start", "/nosuch/", "/frontend/", "/environmental/"):
        for fields in ({}, READER):
            assert ask(host, path, **fields).status == 404
        assert post(host, path).status == 404


def test_from_where_one_may_call(host):
    assert post(host, "/near/").status == 200
    # The one is refused by nginx, the other by the acceptor, which knows the real address, too.
    for name in ("far", "far-acceptor"):
        for fields in ({}, {"X_Forwarded_For": "192.0.2.7"}, {"X_Real_IP": "192.0.2.7", "Forwarded": "for=192.0.2.7"}):
            assert post(host, f"/{name}/", **fields).status == 403
            assert ask(host, f"/{name}/", **fields, **READER).status == 403


def test_how_often_one_may_call(host):
    answers = [post(host, "/rated/").status for _ in range(10)]
    accepted = answers.count(200)
    assert answers == [200] * accepted + [429] * (10 - accepted)
    assert 3 <= accepted <= 6


SPOOFED = {
    "X_Remote_User": "alice",
    "Remote_User": "alice",
    "X_Forwarded_For": "192.0.2.7, 192.0.2.8",
    "X_Real_IP": "192.0.2.7",
    "Forwarded": "for=192.0.2.7;proto=http",
    "X_Forwarded_Proto": "http",
    "X_Trigger_Frontend": "0" * 64,
}


@pytest.mark.parametrize("name", ["environment", "open"])
def test_what_a_client_says_of_itself_changes_nothing(host, name):
    changing = {"TRIGGER_REQUEST_ID", "INVOCATION_ID", "JOURNAL_STREAM", "SYSTEMD_EXEC_PID"}

    def stable(**fields):
        seen = variables(post(host, f"/{name}/", **fields))
        return {key: value for key, value in seen.items() if key not in changing}

    usual = stable()
    assert stable(**SPOOFED) == usual
    for field, value in SPOOFED.items():
        assert stable(**{field: value}) == usual
    # Fields with an underscore in their names, which are another thing until they are a variable.
    connection = http.client.HTTPSConnection(f"{host}.test", timeout=60, context=trust(host))
    connection.request("POST", f"/{name}/", b"", {**basic("bob"), **SPOOFED})
    response = connection.getresponse()
    seen = variables(Answer(response.status, response.headers, response.read()))
    connection.close()
    assert {key: value for key, value in seen.items() if key not in changing} == usual


def test_no_way_round_leads_to_another_endpoint(host):
    """nginx decides by the path that is meant, the acceptor by the one that was sent."""
    before = runs(host, "/private/", "alice")
    for path in (
        "/environment/../private/",
        "/environment/%2e%2e/private/",
        "/private/../environment/",
        "/open/../private/",
        "//private/",
        "/./private/",
        "/private/.",
        "/private/%2e/",
        "/%70rivate/",
        "/private/;/",
        "/open/runs/../../private/runs",
        "/environment/runs/..%2f..%2fprivate",
        "/environment/../private",
        "/open/../private",
        "//private",
        "/%70rivate",
    ):
        assert post(host, path, "bob").status in (403, 404, 405), path
        assert post(host, path, None).status in (401, 403, 404, 405), path
    assert runs(host, "/private/", "alice") == before


def test_a_list_of_runs_is_for_those_who_may_call(host):
    assert isinstance(json.loads(ask(host, "/environment/runs").body), list)
    # Where nobody is asked for a password, nobody sees others' runs, not on the page either.
    assert ask(host, "/open/runs", user=None).status == 403
    assert b"/open/runs/" not in ask(host, "/open/", user=None, **READER).body
    assert ask(host, f"/environment/runs/{UNKNOWN}").status == 404
