"""What `trigger_frontend_*` and an endpoint's `frontend` may say: each rule with what keeps it and what does not."""

import json

import front
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
KEY = "-----BEGIN PRIVATE KEY-----\nsecret1234secret\n-----END PRIVATE KEY-----\n"
HASH = "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7"


def user(name="alice", **keys):
    return {"name": name, **(keys or {"password": front.PASSWORD})}


# The variables


@pytest.mark.parametrize(
    ("settings", "key", "hint"),
    [
        ({"server_name": ""}, "server_name", "the name by which clients call this host"),
        ({"server_name": "  "}, "server_name", "the name by which clients call this host"),
        ({"server_name": "a b;c d"}, "server_name", "'b;c' is not a valid host name"),
        ({"server_name": "a/b"}, "server_name", "not a valid host name"),
        ({"server_name": ".example"}, "server_name", "not a valid host name"),
        ({"server_name": "*"}, "server_name", "name the host, there is no catch-all here"),
        ({"server_name": "a.*"}, "server_name", "not a valid host name"),
        ({"server_name": "*.*.a"}, "server_name", "not a valid host name"),
        ({"server_name": "~^a$"}, "server_name", "not a valid host name"),
        ({"server_name": "$host"}, "server_name", "not a valid host name"),
        ({"server_name": "é.example"}, "server_name", "not a valid host name"),
        ({"server_name": "::1"}, "server_name", "not a valid host name"),
        ({"server_name": "_"}, "server_name", "name the host, there is no catch-all here"),
        ({"server_name": "[::1"}, "server_name", "not a valid host name"),
        ({"server_name": "a:443"}, "server_name", "not a valid host name"),
        ({"tls": {"certificate": "/c.pem"}}, "tls", "together"),
        ({"tls": {"key": "/k.pem"}, "listen": ["[::1]:443"]}, "tls", "together"),
        ({"tls": {"certificate": "/c", "key": "/k", "self_signed": True}}, "tls", "either certificate and key, or"),
        ({"tls": {"certificate": "c.pem", "key": "/k"}}, "tls", "certificate must be an absolute path"),
        ({"tls": {"certificate": "/c", "key": "k.pem"}}, "tls", "key must be an absolute path"),
        ({"client_ca": "ca.pem"}, "client_ca", "must be an absolute path"),
        ({"client_ca": "/a b"}, "client_ca", "must be an absolute path"),
        ({"client_ca": "/ca.pem;"}, "client_ca", "must be an absolute path"),
        ({"client_ca": "-----BEGIN X509 CRL-----\n"}, "client_ca", "-----BEGIN CERTIFICATE-----"),
        ({"client_ca": CERTIFICATE + KEY}, "client_ca", "give the certificate alone"),
        ({"client_ca": KEY}, "client_ca", "give the certificate alone"),
        ({"client_ca": "/ca.pem", "tls": {}, "listen": ["127.0.0.1:80"]}, "client_ca", "give trigger_frontend_tls"),
        ({"client_ca": "/c", "users": [user(password="x" * 9, password_hash=HASH)]}, "users[1] (alice)", "exactly one"),
        ({"client_ca": "/c", "users": [user(password="")]}, "users[1] (alice)", "shorter than 8 characters"),
        ({"client_ca": "/c", "users": [user("a"), user("a", password=None)]}, "users[2] (a)", "there twice"),
        ({"listen": ["https"]}, "listen", "not a valid address"),
        ({"listen": ["0"]}, "listen", "not a valid address"),
        ({"listen": ["localhost:443"]}, "listen", "resolves no names"),
        ({"listen": ["/run/a.sock"]}, "listen", "name a port"),
        ({"listen": ["443", "443"]}, "listen", "same place"),
        ({"listen": ["443", "127.0.0.1:443"]}, "listen", "same place"),
        ({"listen": ["80"]}, "listen", "add 443"),
        ({"listen": []}, "listen", "add 443"),
        ({"users": [user("a b")]}, "users", "letters, digits and . _ - @"),
        ({"users": [user("a:b")]}, "users", "letters, digits and . _ - @"),
        ({"users": [user("a\nb")]}, "users", "letters, digits and . _ - @"),
        ({"users": [user("#a")]}, "users", "letters, digits and . _ - @"),
        ({"users": [user("")]}, "users", "letters, digits and . _ - @"),
        ({"users": [user("a" * 65)]}, "users", "64 at most"),
        ({"users": [user("é")]}, "users", "letters, digits and . _ - @"),
        ({"users": [user("a"), user("b"), user("a")]}, "users[3] (a)", "there twice"),
        ({"users": [{"name": "a"}]}, "users[1] (a)", "exactly one of password and password_hash"),
        ({"users": [user(password="long enough", password_hash=HASH)]}, "users[1] (alice)", "exactly one of"),
        ({"users": [user(password="1234567")]}, "users[1] (alice)", "shorter than 8 characters"),
        ({"users": [user(password="")]}, "users[1] (alice)", "shorter than 8 characters"),
        ({"users": [user(password="ä" * 256)]}, "users[1] (alice)", "longer than 511 bytes"),
        ({"users": [user(password="12345678\n")]}, "users[1] (alice)", "control character"),
        ({"users": [user(password_hash="")]}, "users[1] (alice)", "crypt(5)"),
        ({"users": [user(password_hash="12345678901234567890")]}, "users[1] (alice)", "crypt(5)"),
        ({"users": [user(password_hash="$1$abcdefgh$0123456789012345678901")]}, "users[1] (alice)", "crypt(5)"),
        ({"users": [user(password_hash="$apr1$abcdefgh$0123456789012345678901")]}, "users[1] (alice)", "crypt(5)"),
        ({"users": [user(password_hash=HASH + "\n")]}, "users[1] (alice)", "crypt(5)"),
        ({"users": [user(password_hash=HASH + ":")]}, "users[1] (alice)", "crypt(5)"),
        ({"users": [user(password_hash=HASH + " x")]}, "users[1] (alice)", "crypt(5)"),
        ({"users": [user(password_hash="$y$" + "a" * 19)]}, "users[1] (alice)", "crypt(5)"),
    ],
)  # fmt: skip
def test_a_mistake_names_the_variable_and_the_remedy(settings, key, hint):
    found = front.frontend(**settings).mistakes
    assert len(found) == 1, found
    assert found[0].startswith(f"trigger_frontend_{key}: ")
    assert hint in found[0]


def test_a_variable_or_key_without_a_value_is_not_said():
    alice = user(password=front.PASSWORD, password_hash=None)
    settings = {"tls": {"self_signed": True, "key": None}, "users": [alice], "listen": None}
    assert front.frontend(**settings, worker_connections=None).mistakes == []
    assert "it is needed" in front.frontend(server_name=None).mistakes[0]
    with pytest.raises(front.Mistakes, match=r"trigger_frontend_.*missing required arguments: name found in users"):
        front.frontend(users=[{"name": None}])
    with pytest.raises(front.Mistakes, match=r"trigger_frontend_users: an item of the list is empty"):
        front.frontend(users=[user(), None])


@pytest.mark.parametrize(
    "settings",
    [
        {"server_name": "a"},
        {"server_name": "Hooks.Example  *.hooks.example"},
        {"server_name": "192.0.2.1 [2001:db8::1]"},
        {"tls": {"certificate": "/etc/ssl/c-1_2.pem", "key": "/etc/ssl/k#~+,=@%.pem"}},
        {"tls": {"certificate": CERTIFICATE, "key": KEY}},
        {"tls": {"certificate": "\n " + CERTIFICATE, "key": "/k"}},
        {"client_ca": "/etc/ssl/team.pem", "users": [{"name": "a"}, user("b"), user("c", password_hash=HASH)]},
        {"client_ca": "\n" + CERTIFICATE + CERTIFICATE, "users": []},
        {"client_ca": ""},
        {"listen": ["8443"]},
        {"listen": ["127.0.0.1:443", "192.0.2.1:443", "[2001:db8::1]:443"]},
        {"users": []},
        {"users": [user("a" * 64)]},
        {"users": [user("Ann.b_c-d@example")]},
        {"users": [user(password="12345678")]},
        {"users": [user(password="x" * 511)]},
        {"users": [user(password="ä: {{ % \"'\\ €")]},
        {"users": [user(password_hash=HASH)]},
        {"users": [user(password_hash="$6$rounds=5000$abcdefgh$" + "a" * 86)]},
        {"users": [user(password_hash="$5$abcdefgh$" + "a" * 43)]},
        {"users": [user(password_hash="$2b$07$" + "a" * 53)]},
        {"users": [user(password_hash="$2y$05$" + "a" * 53)]},
        {"users": [user(password_hash="$y$" + "a" * 20)]},
    ],
)
def test_what_is_right_is_taken(settings):
    made = front.frontend(**settings)
    assert (made.mistakes, made.warnings) == ([], [])


@pytest.mark.parametrize("key", ["certificate", "key"])
@pytest.mark.parametrize("character", [*" ;{}\"'\\$\n\t\0\x7f", "\u2028"])
def test_a_path_is_one_word_to_nginx(key, character):
    (found,) = front.frontend(tls={"certificate": "/c", "key": "/k", key: f"/a{character}b"}).mistakes
    assert f"{key} must be an absolute path" in found


def test_a_certificate_that_carries_the_key_is_refused():
    """It would be written for everybody to read."""
    made = front.frontend(tls={"certificate": CERTIFICATE + KEY, "key": KEY})
    assert [text for text in made.mistakes if text.startswith("trigger_frontend_tls: certificate")]
    swapped = front.frontend(tls={"certificate": KEY, "key": CERTIFICATE})
    assert [text for text in swapped.mistakes if text.startswith("trigger_frontend_tls: certificate")]


@pytest.mark.parametrize("name", ["default", "include", "a a", "a A", "a..b", "[:::]"])
def test_a_name_that_nginx_would_read_otherwise_is_refused(name):
    """In its map, `default` and `include` are words of their own, and a name may stand once."""
    (found,) = front.frontend(server_name=name).mistakes
    assert found.startswith("trigger_frontend_server_name: ")


@pytest.mark.parametrize("scope", ["eth0", "; include x;", " x"])
def test_an_address_with_an_interface_is_refused(scope):
    """nginx takes none, and what follows the % may be anything."""
    (found,) = front.frontend(listen=[f"[fe80::1%{scope}]:443"]).mistakes
    assert found.startswith("trigger_frontend_listen: ")


def test_with_tls_port_80_only_redirects():
    made = front.frontend(listen=["443", "127.0.0.1:80", "8443", "[::1]:80"])
    assert [address.text for address in made.addresses] == ["443", "8443"]
    assert [address.text for address in made.redirects] == ["127.0.0.1:80", "[::1]:80"]
    plain = front.frontend(tls={}, listen=["127.0.0.1:80"])
    assert [address.text for address in plain.addresses] == ["127.0.0.1:80"]
    assert (plain.redirects, plain.mistakes, plain.warnings) == ([], [], [])


@pytest.mark.parametrize("listen", ["127.0.0.1:8080", "[::1]:8080", "127.1.2.3:80"])
def test_without_tls_it_stands_on_loopback(listen):
    made = front.frontend(tls={}, listen=[listen])
    assert (made.has_tls, made.mistakes, made.warnings) == (False, [], [])


@pytest.mark.parametrize("listen", ["8080", "0.0.0.0:8080", "[::]:8080", "192.0.2.1:8080", "[2001:db8::1]:8080"])
def test_without_tls_no_other_address_is_taken_unless_that_is_wanted(listen):
    (found,) = front.frontend(tls={}, listen=["127.0.0.1:80", listen.replace("8080", "81")]).mistakes
    place = listen.replace("8080", "81")
    assert found.startswith("trigger_frontend_tls: without a certificate ")
    assert f" clear text on {place}." in found
    for remedy in ("certificate and key", "self_signed: true", "127.0.0.1", "trigger_frontend_plain: true"):
        assert remedy in found
    wanted = front.frontend(tls={}, listen=["127.0.0.1:80", listen], plain=True)
    assert wanted.mistakes == []
    assert wanted.warnings == [
        f"the front end speaks plain HTTP on {listen}: passwords pass as clear text"
    ]  # and not of the loopback address
    assert front.frontend(listen=[listen], plain=True).warnings == []


def test_all_mistakes_are_told_at_once_with_those_of_endpoints():
    made = front.frontend(server_name="", listen=["x"], users=[user("a b"), user("b", password="short")])
    found = front.mistakes(front.endpoint(timeout="x"), front=made)
    assert [text.split(": ")[0] for text in found] == [
        "trigger_frontend_server_name",
        "trigger_frontend_listen",
        "trigger_frontend_users",
        "trigger_frontend_users[2] (b)",
        "endpoint 'hello'",
    ]


def test_switched_off_nothing_is_looked_at():
    assert front.plugin.prepare_frontend({"enabled": False, "server_name": ";", "listen": ["x"]}, {}) is None
    assert front.plugin.prepare_frontend({"enabled": "no"}, {}) is None
    assert front.plugin.prepare_frontend(None, {}) is None


def shapes(**settings):
    with pytest.raises(front.Mistakes) as caught:
        front.frontend(**settings)
    return caught.value.messages


@pytest.mark.parametrize(
    ("settings", "begin", "hint"),
    [
        ({"users": "alice"}, "trigger_frontend_users: ", "list of dicts"),
        ({"users": ["alice"]}, "trigger_frontend_users: ", "list of dicts"),
        ({"users": [{"name": "a", "pasword": "x"}]}, "trigger_frontend_users[1].pasword: ", "users[1].password?"),
        ({"tls": {"certficate": "/c"}}, "trigger_frontend_tls.certficate: ", "tls.certificate?"),
        ({"tls": "/c.pem"}, "trigger_frontend_tls: ", "dict of its keys"),
        ({"listen": "443"}, "trigger_frontend_listen: ", "list of strings"),
        ({"client_ca": ["/ca.pem"]}, "trigger_frontend_client_ca: ", "not a string"),
        ({"server_name": ["a"]}, "trigger_frontend_server_name: ", "not a string"),
        ({"users": [{"password": "long enough"}]}, "trigger_frontend_", "users"),
        ({"plain": "perhaps"}, "trigger_frontend_", "plain"),
    ],
)
def test_a_wrong_shape_names_the_variable(settings, begin, hint):
    (found,) = shapes(**settings)
    assert found.startswith(begin)
    assert hint in found


@pytest.mark.parametrize("settings", [{"users": [{"password": "long enough"}]}, {"plain": "perhaps"}])
def test_no_message_begins_with_a_variable_that_there_is_not(settings):
    (found,) = shapes(**settings)
    assert not found.startswith(("trigger_frontend_missing", "trigger_frontend_argument"))


SECRETS = ("hunter2", "s3cr3t-of-someone", HASH[20:], "secret1234secret")


@pytest.mark.parametrize(
    "settings",
    [
        {"users": [user(password="hunter2")]},
        {"users": [user(password="s3cr3t-of-someone\n")]},
        {"users": [user(password="s3cr3t-of-someone", password_hash=HASH)]},
        {"users": [user(password="s3cr3t-of-someone"), user(password="s3cr3t-of-someone")]},
        {"users": [user("a b", password="s3cr3t-of-someone")]},
        {"users": [user(password_hash="s3cr3t-of-someone")]},
        {"users": [user(password_hash=HASH + "\n")]},
        {"users": [{"password": "s3cr3t-of-someone"}]},
        {"users": [{"name": "a", "pass": "s3cr3t-of-someone"}]},
        {"users": [user(password=["s3cr3t-of-someone"])]},
        {"users": [user(password={"a": "s3cr3t-of-someone"})]},
        {"users": [user(password_hash=[HASH])]},
        {"users": ["alice:s3cr3t-of-someone"]},
        {"users": "alice:s3cr3t-of-someone"},
        {"users": {"alice": "s3cr3t-of-someone"}},
        {"tls": {"key": KEY}},
        {"tls": {"certificate": CERTIFICATE, "key": KEY[1:]}},
        {"tls": {"certificate": CERTIFICATE, "key": KEY, "self_signed": True}},
        {"tls": {"certificate": KEY[1:], "key": KEY}},
        {"tls": {"certificate": CERTIFICATE, "key": [KEY]}},
        {"tls": KEY},
        {"tls": [{"certificate": CERTIFICATE, "key": KEY}]},
    ],
)
def test_no_message_repeats_a_secret(settings):
    try:
        found = front.mistakes(front.endpoint(frontend={"users": ["nobody"]}), front=front.frontend(**settings))
    except front.Mistakes as mistakes:
        found = mistakes.messages
    assert found
    assert not [text for text in found for secret in SECRETS if secret in text]


# An endpoint's frontend


@pytest.mark.parametrize(
    ("keys", "key", "hint"),
    [
        ({"frontend": {"location": "hello/"}}, "frontend: location", "begin and end with a slash"),
        ({"frontend": {"location": "/hello"}}, "frontend: location", "begin and end with a slash"),
        ({"frontend": {"location": "/"}}, "frontend: location", "/ itself is the page"),
        *(
            ({"frontend": {"location": text}}, "frontend: location", "something else than letters, digits")
            for text in (
                "//", "/a//", "/a b/", "/a;/", "/a$b/", "/.a/", "/../", "/a/../", "/ä/", '/a"/', "/a{/", "/a}/",
                "/a\n/", "/a/\n", "/a%20b/", "/a?/", "/a#/", "/a*/", "/a\\/", "/a:/", "/a+/",
            )
        ),
        ({"frontend": {"users": ["alcie"]}}, "frontend: users", "trigger_frontend_users; did you mean alice?"),
        ({"frontend": {"users": ["zoe"]}}, "frontend: users", "'zoe' is not one of trigger_frontend_users"),
        ({"frontend": {"viewers": ["alcie"]}}, "frontend: viewers", "trigger_frontend_users; did you mean alice?"),
        ({"frontend": {"viewers": ["bob"]}, "runs_api": False}, "frontend: viewers", "there are no runs"),
        ({"frontend": {"viewers": ["bob"]}, "handoff": True}, "frontend: viewers", "there are no runs"),
        ({"frontend": {"users": []}}, "frontend: users", "allow_unauthenticated: true"),
        ({"frontend": {"users": ["bob"]}, "handoff": True}, "frontend: users", "leave the key out"),
        ({"auth": [{"token": {"secret": front.SECRET}}]}, "frontend: users", "users: [], or let it be a token in"),
        ({"auth": [{"basic": {"user": "a", "secret": front.SECRET}}]}, "frontend: users", "cannot bring a password"),
        ({"frontend": {"rate": "5/fortnight"}}, "frontend: rate", "not a valid time span"),
        ({"frontend": {"rate": "often"}}, "frontend: rate", "not a valid rate"),
        ({"frontend": {"rate": "0/s"}}, "frontend: rate", "not a valid rate"),
        ({"frontend": {"rate": "5/2s"}}, "frontend: rate", "by the second or the minute"),
        ({"frontend": {"rate": "5/h"}}, "frontend: rate", "5/s or 30/min"),
        ({"frontend": {"read_timeout": "soon"}}, "frontend: read_timeout", "not a valid time span"),
        ({"frontend": {"allow_from": []}}, "frontend: allow_from", "leave the key out"),
        ({"frontend": {"allow_from": ["192.0.2.1/24"]}}, "frontend: allow_from", "did you mean 192.0.2.0/24?"),
        ({"frontend": {"allow_from": ["all;"]}}, "frontend: allow_from", "not a valid network"),
        ({"frontend": {"allow_from": ["fe80::1%eth0"]}}, "frontend: allow_from", "not a valid network"),
        ({"frontend": {"allow_from": ["::ffff:192.0.2.0/120"]}}, "frontend: allow_from", "192.0.2.0/24"),
        ({"socket": {"SocketMode": "0666"}}, "socket", "belongs to the role"),
        ({"socket": {"SocketUser": "nobody"}}, "socket", "belongs to the role"),
        ({"socket": {"SocketGroup": "nogroup"}}, "socket", "belongs to the role"),
        ({"pass_headers": ["X-Remote-User"]}, "pass_headers", "REMOTE_USER"),
        ({"pass_headers": ["x-forwarded-for"]}, "pass_headers", "REMOTE_ADDR"),
        ({"pass_headers": ["X-Forwarded-Proto"]}, "pass_headers", "HTTPS"),
        ({"pass_headers": ["X-Trigger-Frontend"]}, "pass_headers", "x-trigger-frontend"),
        ({"frontend": "no"}, "frontend", "dict of its keys"),
        ({"frontend": {"loaction": "/a/"}}, "frontend.loaction", "frontend.location?"),
    ],
)  # fmt: skip
def test_a_mistake_names_endpoint_key_and_remedy(keys, key, hint):
    (found,) = front.mistakes(front.endpoint(**keys))
    assert found.startswith(f"endpoint 'hello': {key}: ")
    assert hint in found


@pytest.mark.parametrize(
    "keys",
    [
        *({"frontend": {"location": text}} for text in ("/a/", "/a/b/", "/~a/", "/A.b_c-d~1/", "/-/", "/0/")),
        {"frontend": {"users": ["alice"]}},
        {"frontend": {"users": []}, "allow_unauthenticated": True},
        {"frontend": {"users": []}, "auth": [{"token": {"secret": front.SECRET}}]},
        {"frontend": {"users": []}, "auth": [{"github": {"secret": front.SECRET}}]},
        {"frontend": {"users": []}, "allow_unauthenticated": True, "handoff": True},
        {"handoff": True},
        {"auth": [{"token": {"secret": front.SECRET, "header": "X-Api-Key"}}]},
        {"auth": [{"token": {"secret": front.SECRET, "query": "key"}}]},
        {"auth": [{"github": {"secret": front.SECRET}}]},
        *({"frontend": {"rate": text}} for text in ("5/s", "30/min", "5/1s", "60/60s", "1000 / minute")),
        {"frontend": {"read_timeout": "1h 30min"}},
        {"frontend": {"allow_from": ["192.0.2.0/24", "2001:db8::/32", "192.0.2.9"]}},
        {"socket": {"Backlog": 9}},
        {"pass_headers": ["X-Real-Ip"]},
    ],
)
def test_what_is_right_of_an_endpoint_is_taken(keys):
    assert front.mistakes(front.endpoint(**keys)) == []


@pytest.mark.parametrize(
    "keys",
    [
        {"auth": [{"token": {"secret": front.SECRET}}]},
        {"socket": {"SocketMode": "0666"}},
        {"pass_headers": ["X-Remote-User"]},
        {"handoff": True},
    ],
)
@pytest.mark.parametrize("out", [{"front": False}, {"defaults": {"frontend": False}}])
def test_what_only_the_front_end_forbids_is_taken_without_it(keys, out):
    (made,) = front.prepare(front.endpoint(**keys), **out)
    assert made["door"] is None


def test_a_token_that_needs_the_field_of_the_password_is_refused():
    for auth in (
        {"token": {"secret": front.SECRET, "header": "Authorization"}},
        {"hmac": {"secret": front.SECRET, "header": "authorization"}},
    ):
        (found,) = front.mistakes(front.endpoint(auth=[auth]))
        assert found.startswith("endpoint 'hello': frontend: users: ")
        assert front.mistakes(front.endpoint(auth=[auth], frontend={"users": []})) == []


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        ({"auth": [{"token": {"secret": front.SECRET, "header": "X-Remote-User"}}]}, "auth"),
        ({"auth": [{"hmac": {"secret": front.SECRET, "header": "X-Forwarded-For"}}]}, "auth"),
        ({"parameters": [{"name": "who", "from": "header:X-Remote-User"}]}, "parameters"),
        ({"only_if": [{"from": "header:x-forwarded-proto", "equals": "https"}]}, "only_if"),
    ],
)
def test_nothing_reads_fields_that_never_arrive(keys, key):
    """They are taken out of each request, so this would never let anybody in, or never find a value."""
    (found,) = front.mistakes(front.endpoint(**keys))
    assert found.startswith(f"endpoint 'hello': {key}: ")
    assert front.mistakes(front.endpoint(frontend=False, **keys)) == []


def test_nobody_could_sign_in_where_nobody_is_known():
    (found,) = front.mistakes(front.endpoint(), front=front.frontend(users=[]))
    assert found.startswith("endpoint 'hello': frontend: users: nobody could sign in")
    assert "frontend: false" in found and "users: []" in found and "trigger_frontend_users" in found
    keys = {"frontend": {"users": []}, "allow_unauthenticated": True}
    assert front.mistakes(front.endpoint(**keys), front=front.frontend(users=[])) == []


@pytest.mark.parametrize("read_timeout", ["infinity", "9" * 400 + "y", "500ms", "0"])
def test_nginx_waits_for_a_second_at_least_and_not_for_ever(read_timeout):
    (found,) = front.mistakes(front.endpoint(frontend={"read_timeout": read_timeout}))
    assert found.startswith("endpoint 'hello': frontend: read_timeout: ")


# Between endpoints, and with the front end itself


@pytest.mark.parametrize(
    ("one", "other", "clash"),
    [
        ("/a/", "/a/b/", True),
        ("/a/b/", "/a/", True),
        ("/a/", "/a/", True),
        ("/a/runs/", "/a/", True),
        ("/a/", "/ab/", False),
        ("/a/", "/b/a/", False),
        ("/a/", "/A/", False),
    ],
)
def test_no_place_lies_within_another(one, other, clash):
    endpoints = [front.endpoint(name=name, frontend={"location": at}) for name, at in (("x", one), ("y", other))]
    found = front.mistakes(*endpoints)
    assert bool(found) == clash
    assert all("'x'" in text and "'y'" in text and ": frontend: location: " in text for text in found)
    endpoints[0]["frontend"]["enabled"] = False
    assert front.mistakes(*endpoints) == []


def test_the_default_place_counts_too():
    (found,) = front.mistakes(front.endpoint(), front.endpoint(name="b", frontend={"location": "/hello/b/"}))
    assert found.startswith("endpoint 'b': frontend: location: /hello/b/ lies within that of endpoint 'hello', /hello/")
    gone = front.endpoint(state="absent")
    assert front.mistakes(gone, front.endpoint(name="b", frontend={"location": "/hello/b/"})) == []


@pytest.mark.parametrize("listen", ["127.0.0.1:443", "[::1]:80", "127.0.0.1:80"])
def test_an_endpoint_cannot_listen_where_nginx_does(listen):
    (found,) = front.mistakes(front.endpoint(listen=[listen]))
    assert found.startswith(f"endpoint 'hello': listen: {listen} ")
    assert "trigger_frontend_listen" in found
    assert front.mistakes(front.endpoint(listen=[listen]), front=False) == []
    assert front.mistakes(front.endpoint(listen=["127.0.0.1:8443"])) == []


@pytest.mark.parametrize("path", ["/run/other.sock", "/var/run/trigger/hello.sock", "/run/trigger/frontend"])
def test_beside_its_own_there_is_no_second_unix_socket(path):
    """It would have nginx' group, too, and no secret is asked for there: PHP could start the job."""
    (found,) = front.mistakes(front.endpoint(listen=[path]))
    assert found.startswith("endpoint 'hello': listen: ")
    assert front.mistakes(front.endpoint(listen=["/run/trigger/hello.sock"])) == []
    assert front.mistakes(front.endpoint(listen=[path], frontend=False)) == []


# Behind it or not


@pytest.mark.parametrize(
    ("defaults", "said", "behind"),
    [
        (None, None, True),
        (None, False, False),
        (None, {"enabled": False}, False),
        (None, {}, True),
        (False, None, False),
        (False, {"location": "/x/"}, True),
        (False, {"enabled": True}, True),
        (False, {}, True),
        ({"enabled": False}, {"location": "/x/"}, False),
        ({"enabled": False}, {"enabled": True}, True),
        ({"location": "/x/"}, False, False),
        ({"enabled": True}, False, False),
    ],
)
def test_who_stands_behind_the_front_end(defaults, said, behind):
    keys = {} if said is None else {"frontend": said}
    (made,) = front.prepare(
        front.endpoint(listen=["127.0.0.1:3000"], **keys), defaults={} if defaults is None else {"frontend": defaults}
    )
    assert bool(made["door"]) == behind
    assert made["listen"] == ["127.0.0.1:3000", "/run/trigger/hello.sock"][: 1 + behind]
    assert [address.text for address in made["addresses"]] == made["listen"]


@pytest.mark.parametrize("listen", [None, ["/run/trigger/hello.sock"], ["/run/trigger/hello.sock", "127.0.0.1:3000"]])
def test_its_own_socket_is_there_once(listen):
    (made,) = front.prepare(front.endpoint(listen=listen))
    assert made["listen"] == (listen or ["/run/trigger/hello.sock"])
    assert [address.text for address in made["addresses"]] == made["listen"]


def test_without_a_front_end_the_key_is_checked_and_has_no_effect():
    (made,) = front.prepare(front.endpoint(frontend={"location": "/x/", "users": ["zoe"]}), front=False)
    assert (made["door"], made["listen"]) == (None, ["/run/trigger/hello.sock"])
    (found,) = front.mistakes(front.endpoint(frontend={"rate": "often"}), front=False)
    assert found.startswith("endpoint 'hello': frontend: rate: ")


def test_defaults_are_merged_deeply():
    defaults = {"frontend": {"users": ["alice"], "rate": "5/s", "allow_from": ["192.0.2.0/24"]}}
    said = {"rate": "30/min", "location": "/x/"}
    (made,) = front.prepare(front.endpoint(frontend=said), defaults=defaults)
    door = made["door"]
    assert (door["users"], door["rate"], door["allow_from"]) == (["alice"], (30, "m"), ["192.0.2.0/24"])
    assert door["location"] == "/x/"
    (made,) = front.prepare(front.endpoint(frontend={"users": ["bob"]}), defaults=defaults)
    assert (made["door"]["users"], made["door"]["rate"]) == (["bob"], (5, "s"))


def door(**keys):
    return front.prepare(front.endpoint(**keys))[0]["door"]


def test_what_is_not_said_is_sensible():
    assert door() == {
        "location": "/hello/",
        "users": ["alice", "bob"],
        "viewers": [],
        "methods": ["POST"],
        "allow_from": None,
        "rate": None,
        "read_timeout": 86400,
        "page": True,
        "shows_runs": True,
        "group": None,
        "confirm": False,
    }


@pytest.mark.parametrize("group", ["", " ", "a\nb", "a\u202eb"])
def test_a_group_is_a_line_of_text(group):
    assert front.mistakes(front.endpoint(frontend={"group": group})) == [
        "endpoint 'hello': frontend: group: it must be one line of text"
    ]
    assert door(frontend={"group": "Datenbänke & mehr"})["group"] == "Datenbänke & mehr"


@pytest.mark.parametrize("keys", [{"methods": ["GET"]}, {"runs_api": False}, {"handoff": True}])
def test_where_there_is_no_page_nobody_can_be_asked(keys):
    (found,) = front.mistakes(front.endpoint(frontend={"confirm": True}, **keys))
    assert found == "endpoint 'hello': frontend: confirm: the endpoint has no page that could ask"
    assert door(frontend={"confirm": True})["confirm"] is True


def test_users_are_all_some_or_nobody_is_asked():
    assert door(frontend={"users": ["bob", "alice"]})["users"] == ["alice", "bob"]
    assert door(frontend={"users": ["bob"]})["users"] == ["bob"]
    assert door(frontend={"users": []}, allow_unauthenticated=True)["users"] is None


HOOK = {"auth": [{"token": {"secret": front.SECRET, "header": "X-Key"}}]}


def test_runs_are_shown_to_who_signs_in():
    assert door(**HOOK)["shows_runs"] and not door(**HOOK)["page"]
    assert door(methods=["GET"])["shows_runs"] and not door(methods=["GET"])["page"]
    assert not door(**HOOK, frontend={"users": []})["shows_runs"]
    assert not door(handoff=True)["shows_runs"] and not door(**HOOK, runs_api=False)["shows_runs"]
    found = door(**HOOK, frontend={"users": [], "viewers": ["bob", "alice"]})
    assert found["shows_runs"] and (found["users"], found["viewers"]) == (None, ["alice", "bob"])


def test_viewers_have_to_be_asked_who_they_are():
    viewers = {"users": [], "viewers": ["alice"]}
    (found,) = front.mistakes(front.endpoint(frontend=viewers, allow_unauthenticated=True))
    assert found.startswith("endpoint 'hello': frontend: viewers: with users: [] nobody is asked")
    basic = [{"basic": {"user": "a", "secret": front.SECRET}}]
    (found,) = front.mistakes(front.endpoint(frontend=viewers, auth=basic))
    assert found.startswith("endpoint 'hello': frontend: viewers: a password of theirs")


def test_methods_count_only_where_they_are_said():
    assert door(methods=["GET", "POST"])["methods"] == ["GET", "POST"]
    assert door(methods=["PUT"])["methods"] == ["PUT"]
    (made,) = front.prepare(front.endpoint(), defaults={"methods": ["PUT"]})
    assert made["door"]["methods"] == ["PUT"]
    assert front.prepare(front.endpoint())[0]["methods"] == ["GET", "POST"]  # on its other sockets


@pytest.mark.parametrize(
    ("keys", "page"),
    [
        ({}, True),
        ({"methods": ["GET", "POST"]}, True),
        ({"methods": ["PUT"]}, False),
        ({"methods": ["GET"]}, False),
        ({"handoff": True}, False),
        ({"auth": [{"github": {"secret": front.SECRET}}]}, False),
        ({"frontend": {"users": []}, "allow_unauthenticated": True}, True),
    ],
)
def test_who_has_a_page(keys, page):
    assert door(**keys)["page"] is page


@pytest.mark.parametrize(
    ("keys", "seconds"),
    [
        ({"timeout": "10s", "runs_api": False}, 70),
        ({"timeout": "10s", "wait": "30s", "runs_api": False}, 100),
        ({"timeout": "infinity", "runs_api": False}, 86400),
        ({"timeout": "3d", "runs_api": False}, 86400),
        # An output that is followed is silent until the run begins, whatever that waits for.
        ({"timeout": "10s"}, 86400),
        ({"timeout": "10s", "wait": "30s", "stream": True, "runs_api": False}, 86400),
        ({"timeout": "10s", "handoff": True}, 70),
        ({"frontend": {"read_timeout": "5s"}}, 5),
        ({"frontend": {"read_timeout": "2d"}, "wait": "30s"}, 172800),
    ],
)
def test_nginx_waits_as_long_as_an_acceptor_may_take(keys, seconds):
    assert door(**keys)["read_timeout"] == seconds


# What the host is told


def configuration(**keys):
    front_end = keys.pop("front", None)
    return json.loads(front.configuration(front.endpoint(**keys), front=front_end))


def test_the_page_is_told_whom_nginx_refuses():
    told = configuration(frontend={"users": ["bob"], "allow_from": ["192.0.2.0/24"]})
    assert told["frontend"]["allow_from"] == ["192.0.2.0/24"]
    assert "allow_from" not in configuration(frontend={"users": ["bob"]})["frontend"]


def test_the_host_is_told_what_concerns_it():
    told = configuration(
        description="Says hello",
        frontend={"users": ["bob"], "rate": "5/s", "read_timeout": "9s"},
        methods=["POST", "PUT"],
    )
    assert told["description"] == "Says hello"
    assert told["frontend"] == {"location": "/hello/", "users": ["bob"], "methods": ["POST", "PUT"], "page": True}
    assert (told["path"], told["methods"]) == ("/", ["POST", "PUT"])
    assert configuration()["description"] == "hello"
    asked = configuration(frontend={"users": []}, allow_unauthenticated=True)["frontend"]
    assert asked["users"] is None


@pytest.mark.parametrize("keys", [{"frontend": False}, {"front": False}])
def test_the_host_is_told_where_there_is_no_front_end(keys):
    told = configuration(**keys)
    assert told["frontend"] is None
    assert told["description"] == "hello"


@given(st.text(max_size=12))
@example("/a/\n")
@example("/./")
def test_a_place_is_only_ever_made_of_what_a_url_takes_unescaped(text):
    try:
        made = door(frontend={"location": text})
    except front.Mistakes:
        return
    assert made["location"] == (text or "/hello/")
    assert set(made["location"]) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._~-/")
    assert "/." not in made["location"] and "//" not in made["location"]


@pytest.mark.parametrize("dear", ["$6$rounds=656000$abcdefgh$" + "a" * 86, "$2b$12$" + "a" * 53])
def test_a_hash_that_would_hold_up_nginx_is_warned_of(dear):
    made = front.frontend(users=[user(password_hash=dear)])
    assert made.mistakes == []
    (warning,) = made.warnings
    assert "(alice): password_hash: it takes long" in warning
    assert dear not in warning


def test_who_does_not_want_runs_told_has_no_page():
    for runs_api, has_page in ((False, False), (True, True), (None, True)):
        (made,) = front.prepare(front.endpoint(runs_api=runs_api))
        assert made["door"]["page"] is has_page
