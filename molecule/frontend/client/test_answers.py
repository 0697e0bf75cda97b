"""What endpoints answer through the front door."""

import json
import re

from background import Background
from front import (
    FORM,
    READER,
    SECRETS,
    ask,
    basic,
    http,
    look,
    own_address,
    post,
    runs,
    send,
    tell,
    told,
    trust,
    variables,
)
from host import wait_until


def test_a_stream_arrives_while_the_job_goes_on(host):
    connection, response = send(host, "/deploy/", "POST", b"")
    assert (response.status, response.headers["Transfer-Encoding"]) == (200, "chunked")
    assert response.read1(65536) == b"fetching main\n"
    for line in ("building", "copying"):
        # Only now is the job told what to print.
        tell(host, line)
        assert response.read1(65536) == line.encode() + b"\n"
    tell(host, "end")
    rest = response.read()
    connection.close()
    assert rest.startswith(b"deployed\n\n[succeeded, exit code 0, ")


def test_output_is_followed_while_the_job_goes_on(host):
    first, response = send(host, "/deploy/", "POST", b"")
    location = response.headers["Location"]
    assert response.read1(65536) == b"fetching main\n"
    second, following = send(host, f"{location}/output?follow=1", user="alice")
    assert following.read1(65536) == b"fetching main\n"
    tell(host, "building")
    assert following.read1(65536) == b"building\n"
    tell(host, "end")
    assert following.read() == b"deployed\n"
    response.read()
    first.close()
    second.close()
    assert ask(host, f"{location}/output").body == b"fetching main\nbuilding\ndeployed\n"
    assert told(host, location)["state"] == "succeeded"


def test_who_waits_is_answered_when_the_job_is_done(host):
    waiting = Background(post, host, "/tell/", body=b"line=late", **FORM)
    streaming, response = send(host, "/deploy/", "POST", b"")
    assert waiting.result().headers["X-Run-State"] == "succeeded"
    tell(host, "end")
    assert b"\nlate\n" in response.read()
    streaming.close()


def test_a_page_of_the_jobs_own(host, nothing_starts):
    """Where methods names GET, a browser's GET starts the job, too."""
    for fields in ({}, READER):
        before = runs(host, "/page/")
        answer = ask(host, "/page/", **fields)
        assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html")
        assert answer.body == b"<p id=made>for bob\n"
        # To the browser it is a stranger's page: what people may start here it may not.
        policy = answer.headers["Content-Security-Policy"].split()
        assert policy[0] == "sandbox" and "allow-same-origin" not in policy
        assert len(runs(host, "/page/")) == len(before) + 1
    with nothing_starts("page"):
        assert post(host, "/page/").status == 405


def test_a_get_starts_nothing(host, nothing_starts):
    with nothing_starts("environment", "deploy", "open"):
        for name in ("environment", "deploy", "open"):
            for path in (f"/{name}/", f"/{name}/?a=b", f"/{name}/start"):
                for method in ("GET", "HEAD"):
                    for fields in ({}, READER, {"Accept": "text/html, application/json"}):
                        answer = ask(host, path, method, **fields)
                        assert answer.status in (200, 404, 405)
                        assert "X-Request-Id" not in answer.headers
        # Programs are told so, and readers are shown a page.
        assert ask(host, "/environment/").status == 405
        assert ask(host, "/environment/", **READER).headers["Content-Type"].startswith("text/html")


def test_a_server_of_its_own(host):
    answer = ask(host, "/server/a%20b?c=d", Accept="text/html")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    seen = json.loads(answer.body)
    assert seen["path"] == "/server/a%20b?c=d"
    fields = {name.lower(): value for name, value in seen["fields"].items()}
    assert fields["x-remote-user"] == "bob"
    assert fields["x-forwarded-for"] == own_address(host)
    assert fields["x-forwarded-proto"] == "https"
    assert fields["host"] == f"{host}.test"
    assert "authorization" not in fields
    # It is a job like any other, and no other acceptor has to believe it.
    assert "x-trigger-frontend" not in fields
    # Nor do browsers: what it says of its own pages holds, and gives them no right of this site.
    policies = answer.headers.get_all("Content-Security-Policy")
    assert sorted(policy.split()[0] for policy in policies) == ["sandbox", "script-src"]
    assert "allow-same-origin" not in " ".join(policies) and answer.headers["Service-Worker-Allowed"] is None


def test_the_shipped_server(host):
    """files/serve, which logs the address of its client."""
    for user, path, fields in (
        ("bob", "/clock/", {"X_Api_Key": SECRETS["hook"]}),
        (None, "/open-clock/", {"X_Api_Key": SECRETS["hook"]}),
        (None, "/open-clock/", {"Authorization": f"Bearer {SECRETS['hook']}"}),
    ):
        answer = ask(host, path, user=user, **fields)
        assert (answer.status, answer.body.startswith(b"It is ")) == (200, True)
        answer = ask(host, path, user=user)
        assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_what_a_browser_fetches_ahead_starts_nothing(host, nothing_starts):
    with nothing_starts("page", "both", "environment"):
        for fields in ({"Sec_Purpose": "prefetch;prerender"}, {"Purpose": "prefetch"}):
            for path in ("/page/", "/both/", "/both"):
                assert ask(host, path, **fields, **READER).status in (308, 403)
            assert ask(host, "/environment/", **fields, **READER).status == 200  # a page may come ahead


def test_no_link_starts_anything(host):
    """Whoever follows each link that the pages have, and those behind them."""
    names = ("page", "both", "environment", "release")
    post(host, "/both/")
    before = {name: runs(host, f"/{name}/") for name in names}
    seen, ahead = set(), ["/"]
    while ahead:
        path = ahead.pop()
        answer = ask(host, path, **READER)
        seen.add(path)
        assert answer.status == 200, path
        links = re.findall(r'<a [^>]*href="(/[^"]*)"', answer.body.decode())
        # Servers of their own answer for themselves.
        others = ("/server/", "/clock/", "/open-clock/", "/rated", "/unanswered/", "/switched-off/")
        ahead += [link for link in links if link not in (*seen, *ahead) and not link.startswith(others)]
    assert "/both/page" in seen and "/environment/" in seen and any(path.startswith("/both/runs/") for path in seen)
    assert {name: runs(host, f"/{name}/") for name in names} == before


def test_another_location(host):
    answer = post(host, "/tools/moved.here/")
    assert variables(answer)["SCRIPT_NAME"] == "/tools/moved.here/"
    location = answer.headers["Location"]
    assert location == f"/tools/moved.here/runs/{answer.headers['X-Request-Id']}"
    assert told(host, location)["state"] == "succeeded"
    assert ask(host, location, **READER).headers["Content-Type"].startswith("text/html")
    for path in ("/moved/", "/tools/", "/tools/movedxhere/", location.replace(".", "x")):
        for fields in ({}, READER):
            assert ask(host, path, **fields).status == 404
        assert post(host, path).status == 404


def test_nginx_refuses_what_is_too_large(host, nothing_starts):
    assert post(host, "/limited/", body=b"x" * 2048).body == b"2048\n"
    # What is iterated over is sent in chunks.
    assert post(host, "/limited/", body=iter([b"x" * 1024] * 2)).body == b"2048\n"
    with nothing_starts("limited"):
        for body in (b"x" * 2049, iter([b"x" * 1024] * 3)):
            answer = post(host, "/limited/", body=body)
            assert (answer.status, "X-Request-Id" in answer.headers) == (413, False)
            assert answer.body.startswith(b"413 ")
    # Elsewhere the limit is the endpoint's own, 1 MiB.
    assert post(host, "/slow/", body=b"x" * 2**20).body == b"%d\n" % 2**20
    assert post(host, "/slow/", body=b"x" * (2**20 + 1)).status == 413


def test_a_slow_client_keeps_nothing_of_ours_running(host):
    connection = http.client.HTTPSConnection(f"{host}.test", timeout=60, context=trust(host))
    connection.putrequest("POST", "/slow/")
    for name, value in {**basic("bob"), "Content-Length": "6"}.items():
        connection.putheader(name, value)
    connection.endheaders(b"one")
    wait_until(lambda: look(host)[0] == "inactive")  # it may be there from another test
    assert look(host)[0] == "inactive"
    connection.send(b"two")
    response = connection.getresponse()
    assert (response.status, response.read()) == (200, b"6\n")
    connection.close()


ORIGINS = [
    {"Origin": "https://evil.test"},
    {"Origin": "null"},
    {"Origin": "https://other.{host}.test"},
    {"Origin": "http://{host}.test"},
    {"Origin": "https://{host}.test:8443"},
    {"Sec_Fetch_Site": "cross-site"},
    {"Sec_Fetch_Site": "same-site"},
    {"Sec_Fetch_Site": "cross-site", "Origin": "https://{host}.test"},
]


def test_another_sites_page_starts_nothing(host, nothing_starts):
    """Also with what a form of ours would send along."""
    token = re.search(rb'<input[^>]*type="hidden"[^>]*value="([^"]+)"', ask(host, "/environment/", **READER).body)
    name = re.search(rb'name="([^"]+)"', token[0])[1]
    body = name + b"=" + token[1]
    with nothing_starts("environment", "deploy", "open"):
        for fields in ORIGINS:
            fields = {key: value.format(host=host) for key, value in fields.items()}
            for path in ("/environment/", "/environment/start", "/open/", "/deploy/"):
                assert post(host, path, body=body, **FORM, **fields, **READER).status == 403, (path, fields)
        # Without the token of a form, or with one of another user, of another endpoint or made up.
        for path, user, sent in (
            ("/environment/start", "bob", b""),
            ("/environment/start", "alice", body),
            ("/deploy/start", "bob", body.replace(b"environment", b"deploy")),
            ("/environment/start", "bob", name + b"=" + b"0" * len(token[1])),
            ("/environment/start", "bob", name + b"="),
        ):
            assert post(host, path, user, sent, **FORM).status in (400, 403), (path, user, sent)
    # And with all that belongs to it, it starts.
    fields = {"Origin": f"https://{host}.test", "Sec_Fetch_Site": "same-origin"}
    answer = post(host, "/environment/start", body=body, **fields, **FORM)
    assert answer.status == 303
    assert told(host, answer.headers["Location"])["id"] in runs(host, "/environment/")
