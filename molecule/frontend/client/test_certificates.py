"""Who shows a certificate: whom it stands for, and whom it does not. Before and after trigger_frontend_client_ca."""

import functools
import http.client
import json
import re
import ssl
import subprocess
from pathlib import Path
from urllib.parse import urlencode

import pytest
from browser import RUN, Browser, let_trust
from front import HOSTS, READER, SELF_SIGNED, UNKNOWN, Answer, basic, own_address, post, variables

PEOPLE = Path("/root/people")
SHOWS = Path("/etc/chromium/policies/managed/certificates.json")
NOBODY = ("mallory", "upper", "blank", "two", "joined", "within", "slash")
NOT_VALID = ("stranger", "expired", "server")
PLACES = [
    "/",
    "/environment/",
    "/environment",
    "/environment/start",
    "/environment/cancel",
    "/environment/runs",
    f"/environment/runs/{UNKNOWN}",
    "/both/page",
    "/server/",
    "/nosuch",
]


@functools.lru_cache(None)
def showing(host, who):
    """What a client needs that shows a certificate. who: str, or None for one that has none."""
    own = ssl.get_server_certificate((f"{host}.test", 443)) if host in SELF_SIGNED else None
    context = ssl.create_default_context(cafile=None if own else "/root/ca.pem", cadata=own)
    if who:
        context.load_cert_chain(PEOPLE / f"{who}.pem", PEOPLE / f"{who}.key")
    return context


def ask(host, who, path, method="GET", body=None, **fields):
    """As front.ask(), by a certificate."""
    connection = http.client.HTTPSConnection(f"{host}.test", timeout=60, context=showing(host, who))
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in fields.items()})
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


def told(answer):
    seen = variables(answer)
    return seen.get("REMOTE_USER"), seen.get("AUTH_TYPE")


@pytest.mark.parametrize(("who", "user"), [("alice", "alice"), ("dave", "dave@example.org")])
def test_the_name_of_a_certificate_is_the_user(host, who, user):
    answer = ask(host, who, "/environment/", "POST")
    assert told(answer) == (user, "CLIENT_CERT")
    assert variables(answer)["REMOTE_ADDR"] == own_address(host)
    page = ask(host, who, "/", **READER)
    assert page.status == 200 and f"<strong>{user}</strong>" in page.body.decode()
    runs = json.loads(ask(host, who, "/environment/runs").body)
    assert answer.headers["X-Request-Id"] in [run["id"] for run in runs]


def test_a_server_of_its_own_is_told_the_same(host):
    seen = json.loads(ask(host, "alice", "/server/", X_Remote_User="bob").body)["fields"]
    fields = {name.lower(): value for name, value in seen.items()}
    assert (fields["x-remote-user"], fields["x-trigger-auth-type"]) == ("alice", "CLIENT_CERT")


def test_users_hold_for_certificates(host):
    for method in ("GET", "POST"):
        assert ask(host, "alice", "/chatty/", method).status == 403  # for carol
        assert ask(host, "dave", "/private/", method).status == 403
    assert ask(host, "alice", "/chatty/runs", **READER).status == 403
    assert ask(host, "alice", "/private/", "POST").status == 200
    assert b"/chatty/" not in ask(host, "alice", "/", **READER).body


def test_a_page_of_certificates_starts_a_run(host):
    page = ask(host, "alice", "/environment/", **READER).body.decode()
    form = urlencode({".token": re.search(r'name=".token" value="(\w+)"', page)[1]})
    fields = {"Content_Type": "application/x-www-form-urlencoded", "Origin": f"https://{host}.test"}
    started = ask(host, "alice", "/environment/start", "POST", form, **fields)
    assert started.status == 303
    printed = ask(host, "alice", started.headers["Location"] + "/output?follow=1").body.decode()
    assert "AUTH_TYPE=CLIENT_CERT\n" in printed and "REMOTE_USER=alice\n" in printed


@pytest.fixture
def alices_browser(host, tmp_path):
    """It has her certificate as docs/frontend.md makes one for browsers, and shows it without asking her."""
    # Not a copy of root's store, into which another host's tests may write meanwhile.
    (tmp_path / ".pki/nssdb").mkdir(parents=True)
    store = ["certutil", "-d", f"sql:{tmp_path}/.pki/nssdb"]
    subprocess.run([*store, "-N", "--empty-password"], check=True)
    subprocess.run([*store, "-A", "-n", "lab", "-t", "C,,", "-i", "/root/ca.pem"], check=True)
    let_trust(host, tmp_path)
    made = tmp_path / "alice.p12"
    export = ["openssl", "pkcs12", "-export", "-in", PEOPLE / "alice.pem", "-inkey", PEOPLE / "alice.key"]
    subprocess.run([*export, "-out", made, "-passout", "pass:"], check=True)
    subprocess.run(["pk12util", "-d", f"sql:{tmp_path}/.pki/nssdb", "-i", made, "-W", ""], check=True)
    shown = [json.dumps({"pattern": f"https://{each}.test", "filter": {}}) for each in HOSTS]
    SHOWS.parent.mkdir(parents=True, exist_ok=True)
    policy = Path(f"/root/{host}.policy")
    policy.write_text(json.dumps({"AutoSelectCertificateForUrls": shown}))
    policy.replace(SHOWS)  # whole, since the other hosts' browsers begin meanwhile
    browser = Browser(host, None, tmp_path)
    yield browser
    browser.close()


def test_a_person_signs_in_by_a_certificate_and_starts_a_run(alices_browser):
    page = alices_browser
    page.open("/")
    assert "Signed in as alice" in page.text() and "chatty" not in page.text()
    page.click("Start environment")
    page.arrive(RUN.format("environment"))
    assert "Succeeded" in page.text() and "alice" in page.text()
    assert "AUTH_TYPE=CLIENT_CERT\n" in page.printed() and "REMOTE_USER=alice\n" in page.printed()
    assert page.complaints() == []


def test_passwords_count_beside_them(host):
    assert told(post(host, "/environment/")) == ("bob", "Basic")
    for who in NOBODY:
        assert told(ask(host, who, "/environment/", "POST", **basic("bob"))) == ("bob", "Basic")


def test_of_a_certificate_and_a_password_the_certificate_counts(host):
    for fields in (basic("bob"), basic("bob", "wrong"), {"Authorization": "Basic !"}):
        assert told(ask(host, "alice", "/environment/", "POST", **fields)) == ("alice", "CLIENT_CERT")


def test_who_has_no_password_gets_in_by_none(host):
    for password in ("", "x", "alice"):
        assert ask(host, None, "/environment/", "POST", **basic("alice", password)).status == 401


@pytest.mark.parametrize("path", PLACES)
def test_whoever_is_nobody_is_asked_for_a_password(host, nothing_starts, path):
    with nothing_starts("environment", "both"):
        for who in (None, *NOBODY):
            for method in ("GET", "POST"):
                answer = ask(host, who, path, method, **READER)
                if path == "/nosuch":
                    assert answer.status == 404
                elif path == "/environment" and method == "GET":
                    assert answer.status == 308
                else:
                    assert (answer.status, answer.headers["WWW-Authenticate"][:6]) == (401, "Basic ")
                    assert b"a client certificate, or a name and a password, are needed" in answer.body


@pytest.mark.parametrize("path", [*PLACES, "/open/"])
@pytest.mark.parametrize("who", NOT_VALID)
def test_what_is_not_valid_is_refused_with_a_password_or_without(host, nothing_starts, path, who):
    with nothing_starts("environment", "both"):
        for fields in ({}, basic("bob")):
            for method in ("GET", "POST"):
                answer = ask(host, who, path, method, **fields)
                assert answer.status == 400
                assert b"with a client certificate that is not valid" in answer.body


FORGED = {
    "X_Remote_User": "alice",
    "X_Trigger_Auth_Type": "CLIENT_CERT",
    "X_SSL_Client_Verify": "SUCCESS",
    "X_SSL_Client_S_DN": "CN=alice",
    "SSL_CLIENT_S_DN": "CN=alice",
}


def test_what_a_client_says_of_itself_is_no_certificate(host, nothing_starts):
    with nothing_starts("environment"):
        for who in (None, "mallory"):
            assert ask(host, who, "/environment/", "POST", **FORGED).status == 401
            assert ask(host, who, "/", **FORGED).status == 401
    assert told(ask(host, None, "/environment/", "POST", **FORGED, **basic("bob"))) == ("bob", "Basic")


def test_where_nobody_is_asked_a_certificate_is_no_name(host):
    for who in ("alice", "mallory"):
        assert told(ask(host, who, "/open/", "POST", **FORGED)) == (None, None)


# TLS


def s_client(host, name, *options):
    """Send a request by openssl, which keeps sessions, and return what it prints. name: as TLS has it, or None."""
    named = ["-servername", name] if name else ["-noservername"]
    request = f"POST /environment/ HTTP/1.1\r\nHost: {host}.test\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    command = ["openssl", "s_client", "-connect", f"{host}.test:443", "-ign_eof", *named, *options]
    done = subprocess.run(command, input=request, capture_output=True, text=True, timeout=60)
    return done.stdout


def status(output):
    """Of the answer, None where there is none."""
    found = re.search(r"^HTTP/1\.1 (\d{3}) ", output, re.MULTILINE)
    return found and int(found[1])


def certificate(who):
    return ["-cert", PEOPLE / f"{who}.pem", "-key", PEOPLE / f"{who}.key"]


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
@pytest.mark.parametrize("begun", ["", "other.", None])
def test_no_session_stands_for_a_certificate(host, tmp_path, version, begun):
    """What began here, at the other site of the address, or at none of them, goes on nowhere as somebody."""
    session = tmp_path / "session"
    name = None if begun is None else f"{begun}{host}.test"
    first = s_client(host, name, version, *certificate("alice"), "-sess_out", session)
    # Only where this host was named, nginx has asked for a certificate, and for this one.
    assert status(first) == {"": 200, "other.": 421, None: 401}[begun], first
    if begun == "" and not session.exists():
        return  # nothing that could go on
    then = s_client(host, f"{host}.test", version, "-sess_in", session)
    assert status(then) in (401, 421, None), then
    assert begun != "" or "Reused" not in then


def test_a_certificate_counts_where_tls_names_the_host(host):
    assert status(s_client(host, f"{host}.test", *certificate("alice"))) == 200
    assert status(s_client(host, None, *certificate("alice"))) == 401
    assert status(s_client(host, f"other.{host}.test", *certificate("alice"))) == 421
    assert status(s_client(host, f"unknown.{host}.test", *certificate("alice"))) in (401, 421)


def test_plain_http_sends_on(host):
    connection = http.client.HTTPConnection(f"{host}.test", timeout=60)
    connection.request("POST", "/environment/", headers={"X-Remote-User": "alice"})
    response = connection.getresponse()
    connection.close()
    assert response.status == 308


def test_without_an_authority_no_certificate_counts(host):
    for who in ("alice", "stranger", "expired"):
        assert ask(host, who, "/environment/", "POST").status == 401
        assert told(ask(host, who, "/environment/", "POST", **FORGED, **basic("bob"))) == ("bob", "Basic")
