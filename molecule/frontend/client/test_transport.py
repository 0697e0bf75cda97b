"""How the front door speaks: TLS, redirects, and what it says of itself."""

import re
import ssl
import subprocess
import time

import pytest
from front import READER, SELF_SIGNED, ask, connect, post, send, variables


@pytest.mark.parametrize("name", ["", "www."])
@pytest.mark.parametrize("path", ["/", "/environment/?a=b%20c", "/nosuch"])
def test_plain_http_is_sent_on(host, nothing_starts, name, path):
    with nothing_starts("environment"):
        for method in ("GET", "POST"):
            answer = ask(host, path, method, tls=False, port=80, Host=f"{name}{host}.test")
            assert answer.status in (301, 308)
            assert answer.headers["Location"] == f"https://{name}{host}.test{path}"
            assert answer.headers["WWW-Authenticate"] is None


@pytest.mark.parametrize("name", ["evil.test", "evil.debian12.test.", "debian12.test.evil", "127.0.0.1", "localhost"])
def test_by_other_names_nobody_gets_in(host, nothing_starts, name):
    """A page whose name leads here for a moment could make a browser believe that all this is its own."""
    with nothing_starts("environment", "deploy"):
        for path in ("/", "/environment/", "/deploy/start"):
            for method in ("GET", "POST"):
                for tls, port in ((True, 443), (False, 80)):
                    answer = ask(host, path, method, tls=tls, port=port, Host=name, **READER)
                    assert b"deploy" not in answer.body and "X-Request-Id" not in answer.headers
                    assert name not in (answer.headers["Location"] or "")
                    assert answer.headers["WWW-Authenticate"] is None


def s_client(host, *options):
    command = ["openssl", "s_client", "-connect", f"{host}.test:443", "-servername", f"{host}.test", *options]
    return subprocess.run(command, input="", capture_output=True, text=True, timeout=30)


def test_old_protocols_are_refused_by_the_server(host):
    for old in ("-tls1_1", "-tls1"):
        # At level 0 our own side would take it.
        done = s_client(host, old, "-cipher", "DEFAULT@SECLEVEL=0")
        assert done.returncode != 0
        # Where another site has the same address, nginx takes the version that it allows, and then our names have no
        # cipher for it.
        assert "alert protocol version" in done.stderr or "alert handshake failure" in done.stderr, done.stderr
        assert "Cipher is (NONE)" in done.stdout


@pytest.mark.parametrize(("option", "protocol"), [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")])
def test_new_protocols_are_spoken(host, option, protocol):
    done = s_client(host, option)
    assert done.returncode == 0, done.stderr
    used = re.search(r"^New, (\S+), Cipher is \S*(GCM|POLY1305)", done.stdout, re.MULTILINE)
    assert used and used[1] == protocol, done.stdout


def test_old_ciphers_are_refused_by_the_server(host):
    for cipher in ("ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA", "AES128-GCM-SHA256", "ECDHE+AES256+SHA384:!AESGCM"):
        done = s_client(host, "-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0")
        assert done.returncode != 0
        assert "alert handshake failure" in done.stderr, done.stderr


def test_the_certificate_is_good_for_all_names(host):
    for name in (f"{host}.test", f"www.{host}.test"):
        with connect(host, name=name) as client:
            certificate = client.getpeercert()
            assert ssl.cert_time_to_seconds(certificate["notAfter"]) > time.time() + 10 * 86400
            assert (certificate["issuer"] == certificate["subject"]) == (host in SELF_SIGNED)
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(host, name=f"unknown.{host}.test")


@pytest.mark.parametrize("host", ["debian12"], indirect=True)
def test_a_further_port(host):
    answer = post(host, "/environment/", port=8443)
    assert answer.headers["Location"].startswith("/environment/runs/")
    assert variables(answer)["SERVER_PORT"] == "8443"


EVERYWHERE = [
    ("GET", "/", "bob", 200),
    ("GET", "/", None, 401),
    ("GET", "/environment/", "bob", 200),
    ("GET", "/nosuch", "bob", 404),
    ("POST", "/private/", "bob", 403),
    ("POST", "/far/", "bob", 403),
    ("POST", "/environment/", "bob", 200),
    ("POST", "/limited/", "bob", 413),
]


@pytest.mark.parametrize(("method", "path", "user", "code"), EVERYWHERE)
def test_what_stands_in_every_answer(host, method, path, user, code):
    body = b"x" * 2049 if code == 413 else None
    answer = ask(host, path, method, body, user, **(READER if method == "GET" else {}))
    fields = answer.headers
    assert answer.status == code
    assert fields.get_all("Server") == ["nginx"]
    assert not re.search(rb"nginx/[0-9]", answer.body)
    assert fields.get_all("X-Content-Type-Options") == ["nosniff"]
    assert fields.get_all("X-Frame-Options") == ["DENY"]
    assert fields.get_all("Referrer-Policy") is not None
    assert len(set(fields.get_all("Referrer-Policy"))) == 1
    # A browser that was told once would refuse a host whose certificate it cannot check.
    transport = fields.get_all("Strict-Transport-Security")
    if host in SELF_SIGNED:
        assert transport is None
    else:
        assert len(transport) == 1 and int(re.match(r"max-age=(\d+)", transport[0])[1]) >= 31536000
    assert not [name for name in fields if name.lower() in ("x-powered-by", "x-accel-buffering", "x-trigger-frontend")]


def test_the_redirect_says_no_more(host):
    answer = ask(host, "/", tls=False, port=80, user=None)
    assert answer.headers["Server"] == "nginx"
    assert answer.headers["Strict-Transport-Security"] is None  # by plain HTTP it would mean nothing


def test_pages_run_no_script_but_their_own_and_stand_in_no_frame(host):
    policy = ask(host, "/", **READER).headers["Content-Security-Policy"]
    rules = dict(rule.strip().partition(" ")[::2] for rule in policy.split(";"))
    assert rules["default-src"] == rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert re.fullmatch("'sha256-[A-Za-z0-9+/]{43}='", rules["script-src"]) and "'unsafe-" not in policy
    assert rules["form-action"] == rules["connect-src"] == "'self'" and rules["img-src"] == "data:"
    assert len(rules) == 8


def test_several_requests_over_one_connection(host):
    connection, response = send(host, "/environment/runs?limit=1")
    response.read()
    assert (response.status, response.will_close) == (200, False)
    connection.request("GET", "/environment/runs?limit=1")
    response = connection.getresponse()
    response.read()
    assert response.status == 401  # each is asked again
    connection.close()


def test_http_1_0(host):
    client = connect(host)
    client.sendall(b"GET / HTTP/1.0\r\nHost: %s.test\r\n\r\n" % host.encode())
    assert client.recv(65536).startswith(b"HTTP/1.1 401 ")
    client.close()
