"""What is rendered for nginx and systemd. nginx itself reads it in the scenario `frontend`; here is its structure, and
that no value can leave its place."""

import configparser
import functools
import itertools
import re
import subprocess
import sys
from types import SimpleNamespace

import front
import pytest
from ansible.module_utils import trigger_nginx
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from page_host import tree

import trigger_endpoints
from trigger import http, responses
from trigger import proxy_headers as door
from trigger.page.run import FOLLOW, SIGN_EVERY
from trigger.page.server import BODY_LIMIT

SITE = "/etc/nginx/sites-enabled/zz-trigger.conf"
OWN = "/etc/nginx/trigger"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
KEY = "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n"
GIVEN = {"certificate": "/etc/ssl/c.pem", "key": "/etc/ssl/k.pem"}
OPEN = {"frontend": {"users": []}, "allow_unauthenticated": True}
RUN = "01a208b6-4822-7c03-87e7-cc541deca7e0"


# nginx' way to read


def tokens(text):
    """Words, and the three marks as (mark,), as ngx_conf_read_token() of nginx finds them."""
    place, end = 0, len(text)
    while place < end:
        character = text[place]
        if character in " \t\r\n":
            place += 1
        elif character in ";{}":
            yield (character,)
            place += 1
        elif character == "#":
            place = (text + "\n").index("\n", place)
        else:
            quote = character if character in "\"'" else None
            word, place = "", place + bool(quote)
            while place < end and (text[place] != quote if quote else text[place] not in " \t\r\n;{"):
                if not quote and text.startswith("${", place):
                    word, place = word + "${", place + 2
                    continue
                if text[place] == "\\":
                    word, place = word + text[place], place + 1
                word, place = word + text[place : place + 1], place + 1
            if quote:
                assert place < end, "a quote is not closed"
                place += 1
                assert text[place : place + 1] in tuple(" \t\r\n;{)"), "something follows a quote"
            yield word


def parse(text):
    """The directives of a configuration: list of (words, list of directives or None)."""
    stack, words = [[]], []
    for token in tokens(text):
        if token == (";",):
            assert words, "a directive without a name"
            stack[-1].append((words, None))
        elif token == ("{",):
            assert words, "a block without a name"
            block = []
            stack[-1].append((words, block))
            stack.append(block)
        elif token == ("}",):
            assert not words, "a block ends within a directive"
            stack.pop()
            assert stack, "a block ends that never began"
        else:
            words.append(token)
            continue
        words = []
    assert len(stack) == 1 and not words, "it ends too early"
    return stack[0]


def test_the_reader_reads():
    assert parse("a 'b;c' \"d{\" {\n e f#g; # h;\n}\ni ${x}y;") == [
        (["a", "b;c", "d{"], [(["e", "f#g"], None)]),
        (["i", "${x}y"], None),
    ]
    for wrong in ("a", "a {", "}", "a }", ";", "'a;", '"a"b;', "{}"):
        with pytest.raises(AssertionError):
            parse(wrong)


def found(block, *begin):
    """The directives of a block that begin with these words: list of (further words, block)."""
    return [(words[len(begin) :], inner) for words, inner in block if words[: len(begin)] == list(begin)]


def only(block, *begin):
    (each,) = found(block, *begin)
    return each


def values(block, name):
    return [words for words, _ in found(block, name)]


class Site:
    """What nginx would read. Endpoints and options as front.files() takes them."""

    def __init__(self, *endpoints, **options):
        self.files = front.files(*(endpoints or [front.endpoint()]), **options)
        self.top = parse(self.files[SITE]["content"])
        self.servers = [block for _, block in found(self.top, "server")]
        self.server = self.servers[-1]

    def location(self, name="hello"):
        """Where it stands, and its block."""
        _, (words, block) = parse(self.files[f"{OWN}/{name}.location"]["content"])
        assert words[0] == "location"
        return words[1:], block

    def without_slash(self, name="hello"):
        """The same of the place without the slash at its end."""
        (words, block), _ = parse(self.files[f"{OWN}/{name}.location"]["content"])
        assert words[0] == "location"
        return words[1:], block


def site_of(settings=None, **keys):
    return Site(front.endpoint(**keys), front=front.frontend(**settings) if settings else None)


# The servers


def test_with_tls_there_is_one_server_that_redirects_and_one_that_serves():
    site = Site()
    assert len(site.servers) == 2
    redirecting = site.servers[0]
    assert values(redirecting, "listen") == [["80"], ["[::]:80"]]
    (where,) = [block for words, block in found(redirecting, "location") if words == ["/"]]
    assert where == [(["return", "308", "https://$host$request_uri"], None)]
    assert not found(redirecting, "include")
    assert values(site.server, "listen") == [["443", "ssl"], ["[::]:443", "ssl"]]
    assert not found(site.server, "return")
    for server in site.servers:
        assert only(server, "server_name")[0] == ["hooks.example"]
        assert only(server, "server_tokens")[0] == ["off"]
        assert only(server, "access_log")[0] == ["/var/log/nginx/trigger.access.log", "trigger"]
        assert only(server, "if")[0] == ["($trigger_is_here", "=", "0)"]
        assert only(server, "if")[1] == [(["return", "421"], None)]


def test_a_redirect_leads_to_the_port_that_serves():
    site = site_of({"listen": ["127.0.0.1:80", "8443", "9443"]})
    assert values(site.servers[0], "listen") == [["127.0.0.1:80"]]
    where = only(site.servers[0], "location", "/")[1]
    assert where == [(["return", "308", "https://$host:8443$request_uri"], None)]


def test_an_address_is_listened_on_as_it_is_and_a_port_as_the_host_can():
    made = front.frontend(listen=["8443", "[::1]:443", "192.0.2.1:443"])
    assert values(Site(front=made, ipv6=True).server, "listen") == [
        ["8443", "ssl"], ["[::]:8443", "ssl"], ["[::1]:443", "ssl"], ["192.0.2.1:443", "ssl"],
    ]  # fmt: skip
    assert values(Site(front=made, ipv6=False).server, "listen") == [
        ["8443", "ssl"], ["[::1]:443", "ssl"], ["192.0.2.1:443", "ssl"],
    ]  # fmt: skip


def test_tls_is_of_mozillas_intermediate_profile():
    server = Site().server
    assert only(server, "ssl_protocols")[0] == ["TLSv1.2", "TLSv1.3"]
    assert only(server, "ssl_session_tickets")[0] == ["off"]
    (ciphers,) = only(server, "ssl_ciphers")[0]
    for cipher in ciphers.split(":"):
        assert re.fullmatch(r"ECDHE-(ECDSA|RSA)-(AES(128|256)-GCM-SHA(256|384)|CHACHA20-POLY1305)", cipher)


def test_without_tls_nothing_speaks_of_it():
    site = site_of({"tls": {}, "listen": ["127.0.0.1:80", "127.0.0.1:8080"]})
    assert len(site.servers) == 1
    assert values(site.server, "listen") == [["127.0.0.1:80"], ["127.0.0.1:8080"]]
    assert not [words for words, _ in site.server if words[0].startswith("ssl") or "ssl" in words]
    assert not [words for words in values(site.server, "add_header") if "Strict-Transport-Security" in words]


@pytest.mark.parametrize(
    ("tls", "certificate", "key", "hsts"),
    [
        ({"self_signed": True}, f"{OWN}/certificate.pem", f"{OWN}/key.pem", False),
        (GIVEN, "/etc/ssl/c.pem", "/etc/ssl/k.pem", True),
        ({"certificate": CERTIFICATE, "key": KEY}, f"{OWN}/certificate.pem", f"{OWN}/key.pem", True),
        ({"certificate": CERTIFICATE, "key": "/k"}, f"{OWN}/certificate.pem", "/k", True),
    ],
)
def test_a_certificate_stands_where_nginx_looks(tls, certificate, key, hsts):
    site = site_of({"tls": tls})
    assert only(site.server, "ssl_certificate")[0] == [certificate]
    assert only(site.server, "ssl_certificate_key")[0] == [key]
    headers = {words[0]: words[1:] for words in values(site.server, "add_header")}
    assert ("Strict-Transport-Security" in headers) == hsts
    assert headers["X-Content-Type-Options"] == ["nosniff", "always"]
    assert headers["X-Frame-Options"] == ["DENY", "always"]
    written = {path for path in site.files if path.endswith(".pem")}
    assert written == {path for path, given in ((certificate, tls.get("certificate")), (key, tls.get("key")))
                       if given and not given.startswith("/")}  # fmt: skip


def test_a_key_is_for_root_and_not_shown():
    files = site_of({"tls": {"certificate": "\n" + CERTIFICATE, "key": " " + KEY}}).files
    assert files[f"{OWN}/key.pem"] == {"path": f"{OWN}/key.pem", "content": KEY, "mode": "0600", "show": False}
    assert files[f"{OWN}/certificate.pem"]["content"] == CERTIFICATE
    assert files[f"{OWN}/certificate.pem"]["mode"] == "0644"
    others = {**files, f"{OWN}/key.pem": {"content": ""}}
    assert not [path for path, file in others.items() if "MIIE" in file["content"]]


def test_no_password_or_hash_is_in_a_file_of_the_controllers():
    """They go to the host beside the files, as part of the plan."""
    a_hash = "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7"
    made = front.frontend(users=[{"name": "a", "password": front.PASSWORD}, {"name": "b", "password_hash": a_hash}])
    for path, file in Site(front=made).files.items():
        assert front.PASSWORD not in file["content"], path
        assert a_hash not in file["content"], path


def test_the_log_holds_no_secret_of_a_query():
    (name, *words), _ = only(Site().top, "log_format")
    assert name == "trigger"
    known = set(re.findall(r"\$(\w+)", " ".join(words)))
    assert known == {
        "remote_addr", "trigger_logged_user", "time_local", "request_method", "uri", "server_protocol", "status",
        "body_bytes_sent", "http_user_agent", "request_time",
    }  # fmt: skip


def test_everybody_is_asked_who_has_no_other_place():
    server = Site().server
    assert only(server, "auth_basic")[0] == ["$trigger_realm"]
    assert only(server, "auth_basic_user_file")[0] == [f"{OWN}/users"]
    assert (SITE, f"{OWN}/users") == (trigger_nginx.SITE, trigger_nginx.USERS)
    assert only(server, "location", "/")[1] == [(["return", "404"], None)]
    home = only(server, "location", "=", "/")[1]
    assert not found(home, "auth_basic")
    assert only(home, "proxy_pass")[0] == ["http://unix:/run/trigger/frontend:"]
    told = {words[0]: words[1:] for words in values(home, "proxy_set_header")}
    assert told == {"X-Remote-User": ["$trigger_user"], "Authorization": [""]}
    assert [words for words, _ in found(server, "include")] == [[f"{OWN}/*.location"]]


CERTIFIED = {
    "client_ca": "/etc/ssl/team.pem",
    "users": [{"name": "alice"}, {"name": "bob", "password": front.PASSWORD}],
}


def test_a_certificate_is_verified_by_its_authority_alone_and_at_each_connection():
    """What the host's nginx.conf says for all sites would be inherited."""
    server = site_of(CERTIFIED).server
    assert values(server, "ssl_client_certificate") == [["/etc/ssl/team.pem"]]
    assert values(server, "ssl_verify_client") == [["optional"]]
    assert values(server, "ssl_verify_depth") == [["5"]]  # nginx' own is one authority below the root
    assert values(server, "ssl_trusted_certificate") == [[""]]
    assert values(server, "ssl_session_cache") == [["off"]] and values(server, "ssl_session_tickets") == [["off"]]
    assert not found(site_of(CERTIFIED).servers[0], "ssl_verify_client")


def test_an_authority_that_is_text_is_a_file_of_the_role():
    site = site_of({**CERTIFIED, "client_ca": "\n" + CERTIFICATE})
    assert values(site.server, "ssl_client_certificate") == [[trigger_nginx.CLIENT_CA]]
    assert site.files[trigger_nginx.CLIENT_CA]["content"] == CERTIFICATE
    assert trigger_nginx.CLIENT_CA not in site_of(CERTIFIED).files


def test_without_an_authority_nobody_has_a_certificate():
    """Whatever nginx.conf says for all sites."""
    site = Site()
    assert only(site.top, "map", "", "$trigger_certified")[1] == [(["default", ""], None)]
    assert "ssl_client" not in site.files[SITE]["content"] and "ssl_verify" not in site.files[SITE]["content"]


def mapped(block, value):
    """What nginx' map makes of a value: by its expressions alone."""
    for (key, made), _ in block:
        is_blind, expression = key.startswith("~*"), key.lstrip("~*").replace("(?<", "(?P<")
        match = key.startswith("~") and re.search(expression, value, re.IGNORECASE if is_blind else 0)
        if match:
            return match.groupdict().get(made.lstrip("$"), made)
    (default,) = [made for (key, made), _ in block if key == "default"]
    return default


def certified(told, users=("alice", "bob", "a.b@c")):
    """Whom a certificate stands for. told: whether nginx has verified it, whether this host was named, the subject."""
    made = site_of({**CERTIFIED, "users": [{"name": name} for name in users]})
    source = "$ssl_client_verify $trigger_is_named $ssl_client_s_dn"
    name = mapped(only(made.top, "map", source, "$trigger_common_name")[1], told)
    return mapped(only(made.top, "map", "$trigger_common_name", "$trigger_certified")[1], name)


@pytest.mark.parametrize(
    ("subject", "user"),
    [
        ("CN=alice", "alice"),
        ("CN=a.b@c", "a.b@c"),
        ("CN=alice,OU=Operations,O=Example\\, Inc.,C=DE", "alice"),
        ("emailAddress=a@b.example,CN=alice,O=M\\C3\\BCller \\+ Co \\\\,DC=example", "alice"),
        ("2.5.4.97=#0C0161,CN=bob,O=a=b,O=", "bob"),
    ],
)
def test_the_name_of_a_certificate_is_the_user(subject, user):
    assert certified(f"SUCCESS 1 {subject}") == user
    for told in ("NONE 1", "FAILED:certificate has expired 1", "SUCCESS 0", " 0", "SUCCESS ", "xSUCCESS 1"):
        assert certified(f"{told} {subject}") == ""


@pytest.mark.parametrize(
    "subject",
    [
        "",
        "CN=",
        "CN=carol",
        "CN=ALICE",
        "cn=alice",
        "CN=alice ",
        "CN=\\ alice",
        "CN=alice\\00",
        "CN=alice\\0A",
        "CN=alice\\,CN=bob",
        "CN=\\C3\\A4lice",
        "CN=#0C05616C696365",
        "CN=axb@c",
        "CN=alice,CN=bob",
        "CN=bob,O=x,CN=alice",
        "CN=alice,CN=alice",
        "CN=alice+UID=7",
        "UID=7+CN=alice",
        "CN=alice,OU=x+CN=bob",
        "O=x\\,CN=alice",
        "O=CN=alice",
        "O=x/CN=alice",
        "O=x,alice",
        "CN=alice,O",
        "CN=alice,",
        ",CN=alice",
        "CN=" + "a" * 65,
        "x SUCCESS 1 CN=alice",
    ],
)
def test_any_other_form_of_a_name_is_nobody(subject):
    assert certified(f"SUCCESS 1 {subject}") == ""


VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)


@given(VALUES, VALUES)
def test_a_value_of_a_subject_is_no_name(before, behind):
    """As OpenSSL writes values: what would end them is escaped."""
    before, behind = (re.sub(r'[,+"\\<>;]', lambda each: "\\" + each[0], text) for text in (before, behind))
    assert certified(f"SUCCESS 1 O={before}CN=bob{behind},CN=alice,OU={behind}CN=bob{before}") == "alice"
    assert certified(f"SUCCESS 1 O={before}CN=bob{behind}") == ""


def test_who_has_a_certificate_is_asked_for_no_password_and_no_name_beside_it_counts():
    top = site_of(CERTIFIED).top
    assert only(top, "map", "$trigger_certified", "$trigger_realm")[1] == [
        (["default", "off"], None), (["", "trigger"], None)
    ]  # fmt: skip
    assert only(top, "map", "$trigger_certified", "$trigger_user")[1] == [
        (["default", "$trigger_certified"], None), (["", "$remote_user"], None)
    ]  # fmt: skip
    assert only(top, "map", "$trigger_user", "$trigger_logged_user")[1] == [
        (["default", "$trigger_user"], None), (["", "-"], None)
    ]  # fmt: skip
    assert only(top, "map", "$trigger_certified", "$trigger_auth_type")[1] == [
        (["default", "CLIENT_CERT"], None), (["", ""], None)
    ]  # fmt: skip


def test_a_certificate_counts_where_the_client_has_named_this_host():
    """nginx may have verified it for another site of the same address."""
    top = site_of({**CERTIFIED, "server_name": "a.example *.b.example"}).top
    assert only(top, "map", "$ssl_server_name", "$trigger_is_named") == only(top, "map", "$host", "$trigger_is_here")


@pytest.mark.parametrize(
    ("users", "needed"),
    [
        (CERTIFIED["users"], "a client certificate, or a name and a password, are needed"),
        ([{"name": "alice"}], "a client certificate is needed"),
    ],
)
def test_what_is_needed_is_said(users, needed):
    told = only(site_of({**CERTIFIED, "users": users}).top, "map", "$status $limit_conn_status", "$trigger_detail")[1]
    assert only(told, "~^401 ")[0] == [needed]
    assert "certificate" in only(told, "~^400 ")[0][0]


def test_without_users_the_list_is_open():
    site = site_of({"users": []}, **OPEN)
    home = only(site.server, "location", "=", "/")[1]
    assert only(home, "auth_basic")[0] == ["off"]
    assert ["X-Remote-User", ""] in values(home, "proxy_set_header")


def test_only_its_own_names_are_served():
    top = site_of({"server_name": "a.example *.b.example [::1]"}).top
    assert only(top, "map", "$host", "$trigger_is_here")[1] == [
        (["hostnames"], None),
        (["default", "0"], None),
        (["a.example", "1"], None),
        (["*.b.example", "1"], None),
        (["[::1]", "1"], None),
    ]


def test_a_snippet_stands_in_the_server_and_behind_all_else():
    site = site_of({"snippet": "  location /own/ {\n    return 204;\n}\nclient_header_timeout 3s;\n"})
    assert [words for words, _ in site.server[-2:]] == [["location", "/own/"], ["client_header_timeout", "3s"]]
    assert site.server[:-2] == Site().server


def test_without_a_front_end_there_is_nothing_for_nginx():
    for files in (front.files(front.endpoint(), front=False), front.shared_paths(False)):
        assert not [path for path in files if path.startswith("/etc/nginx") or "frontend.s" in path]


# What others print

PAGE = "unix:/run/trigger/frontend"
SANDBOX = "sandbox allow-scripts allow-forms allow-popups allow-downloads"


@pytest.mark.parametrize(
    ("upstream", "own", "expected"),
    [
        (PAGE, "default-src 'none'", ""),
        (f"{PAGE}:", "default-src 'none'", ""),
        (PAGE, "", SANDBOX),
        ("", "", SANDBOX),
        ("unix:/run/trigger/hello.sock", "", SANDBOX),
        ("unix:/run/trigger/clock.sock", "script-src 'self'", SANDBOX),  # of a server with handoff
        ("unix:/run/trigger/frontend.sock", "default-src *", SANDBOX),  # of an endpoint of that name
    ],
)
def test_only_the_pages_have_the_rights_of_the_site(upstream, own, expected):
    asked = "$upstream_addr $upstream_http_content_security_policy"
    assert mapped(only(Site().top, "map", asked, "$trigger_policy")[1], f"{upstream} {own}") == expected
    assert values(Site().server, "proxy_pass") == []  # each stands in a location
    assert ["Service-Worker-Allowed"] in values(Site().server, "proxy_hide_header")


@pytest.mark.parametrize(
    ("host", "field", "expected"),
    [
        ("hooks.example", "hooks.example", "$http_host"),
        ("hooks.example", "Hooks.Example:8443", "$http_host"),
        ("[::1]", "[::1]:443", "$http_host"),
        ("hooks.example", "", "$host"),  # HTTP/1.0
        ("hooks.example", "evil.example", "$host"),  # beside a target with a name of its own
        ("hooks.example", "hooks.example.evil", "$host"),
        ("hooks.example", "hooks.example:80:80", "$host"),
        ("hooks.example", "hooks.example.", "$host"),
    ],
)
def test_whom_the_client_has_called_is_handed_on(host, field, expected):
    block = only(Site().top, "map", "$host|$http_host", "$trigger_host")[1]
    assert mapped(block, f"{host}|{field}") == expected


# Who reads, and who is a program


def is_reader(method, accept):
    """The value of $trigger_reader: the first expression that fits, in their order."""
    block = only(Site().top, "map", "$request_method $http_accept", "$trigger_reader")[1]
    default = only(block, "default")[0]
    for (pattern, value), _ in block:
        if pattern[0] == "~" and re.search(pattern[1:], f"{method} {accept}"):
            return value == "1"
    return default == ["1"]


@pytest.mark.parametrize(
    ("method", "accept", "expected"),
    [
        ("GET", "text/html", True),
        ("HEAD", "text/html", True),
        ("GET", "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8", True),
        ("GET", "*/*", False),
        ("GET", "", False),
        ("GET", "application/json", False),
        ("GET", "application/json, text/html", False),
        ("GET", "text/html, application/json", False),
        ("POST", "text/html", False),
        ("PUT", "text/html", False),
        ("GETTEXT", "text/html", False),
        ("GET", "text/plain", False),
    ],
)
def test_who_reads_in_a_browser(method, accept, expected):
    assert is_reader(method, accept) == expected


def test_only_pages_that_go_on_by_themselves_are_counted_and_a_refusal_says_why():
    """A team behind one address may look at as many others as it likes."""
    top = Site().top
    counted = only(top, "map", "$trigger_reader $args", "$trigger_page_reader")[1]
    assert counted == [(["default", ""], None), ([f"1 {FOLLOW}", "$binary_remote_addr"], None)]
    assert only(top, "limit_conn_zone", "$trigger_page_reader")
    block = only(top, "map", "$status $limit_conn_status", "$trigger_detail")[1]
    details = {pattern: text for (pattern, text), _ in block}
    assert details["429 REJECTED"].startswith("too many runs are followed from this address")
    assert details["~^429 "] == trigger_endpoints.frontend.DETAILS[429]


# An endpoint's place


def places(**keys):
    """What stands where, by nginx' words behind `location`: dict of str to block."""
    words, block = site_of(**keys).location()
    inner = {" ".join(words): content for words, content in found(block, "location")}
    return {" ".join(words): block, **inner}


def test_an_endpoint_has_a_place_and_pages_within():
    found_places = places()
    assert list(found_places) == [
        "/hello/",
        "= /hello/",
        "= /hello/start",
        "= /hello/cancel",
        "= /hello/runs",
        "~ ^/hello/runs/[^/]+$",
    ]
    assert values(found_places["/hello/"], "proxy_pass") == [["http://unix:/run/trigger/hello.sock:"]]
    for place in ("= /hello/start", "= /hello/cancel"):
        assert values(found_places[place], "proxy_pass") == [["http://unix:/run/trigger/frontend:"]]
        assert values(found_places[place], "client_max_body_size") == [[f"{BODY_LIMIT // 1024}k"]]
    to_page = [(["set", "$trigger_to", "frontend"], None)]
    looks = [(["if", "($request_method", "=", "HEAD)"], to_page)]
    limits = [(["limit_conn", "trigger.pages", "16"], None)]
    shared = (("= /hello/", [], looks), ("= /hello/runs", [], []), ("~ ^/hello/runs/[^/]+$", limits, []))
    for both, more, also in shared:
        assert found_places[both] == [
            *more,
            (["set", "$trigger_to", "hello.sock"], None),
            (["if", "($trigger_reader)"], to_page),
            *also,
            (["proxy_pass", "http://unix:/run/trigger/$trigger_to:"], None),
        ]


def test_with_get_the_place_itself_is_no_page_and_the_page_has_a_place_of_its_own():
    found_places = places(methods=["GET", "POST"])
    assert list(found_places) == [
        "/hello/",
        "= /hello/page",
        "= /hello/start",
        "= /hello/cancel",
        "= /hello/runs",
        "~ ^/hello/runs/[^/]+$",
    ]
    assert values(found_places["= /hello/page"], "proxy_pass") == [["http://unix:/run/trigger/frontend:"]]


HOOK = {"auth": [{"github": {"secret": front.SECRET}}], "frontend": {"users": [], "viewers": ["alice"]}}


def test_where_programs_call_only_readers_are_asked_for_a_password():
    found_places = places(**HOOK)
    assert list(found_places) == ["/hello/", "= /hello/", "= /hello/runs", "~ ^/hello/runs/[^/]+$"]
    outer = found_places.pop("/hello/")
    assert values(outer, "auth_basic") == [["off"]]
    assert ["X-Remote-User", "$trigger_viewer"] in values(outer, "proxy_set_header")
    for block in found_places.values():
        assert values(block, "auth_basic") == [["$trigger_reader_realm"]] and not values(block, "proxy_set_header")
        assert only(block, "if")[1] == [
            (["set", "$trigger_to", "frontend"], None), (["set", "$trigger_viewer", "$trigger_user"], None)
        ]  # fmt: skip
    site = Site()
    assert (["set", "$trigger_viewer", ""], None) in site.server
    realm = only(site.top, "map", "$trigger_reader $trigger_realm", "$trigger_reader_realm")[1]
    assert [words for words, _ in realm] == [["default", "off"], ["1 trigger", "trigger"]]


def test_a_page_of_its_own_is_only_for_viewers():
    block = places(**HOOK, methods=["GET"])["= /hello/page"]
    assert values(block, "auth_basic") == [["$trigger_realm"]]
    assert values(block, "set") == [["$trigger_viewer", "$trigger_user"]]


@pytest.mark.parametrize(
    "keys", [{}, {"methods": ["GET"]}, {"handoff": True}, {"auth": [{"github": {"secret": front.SECRET}}]}]
)
@pytest.mark.parametrize(("location", "place"), [("/hello/", "/hello"), ("/a.b/c~d/", "/a.b/c~d")])
def test_without_its_slash_a_place_is_served_and_a_reader_is_led_to_it(keys, location, place):
    where, block = site_of(**{**keys, "frontend": {"location": location}}).without_slash()
    assert where == ["=", place]
    assert block == [
        (["if", "($trigger_reader)"], [(["return", "308", f"{location}$is_args$args"], None)]),
        (["rewrite", "^", location, "last"], None),
    ]


# What nginx says by itself


def pattern_of(accepts):
    """How nginx' map tells by an Accept field what is taken: a regular expression, for which case is all the same."""
    block = only(Site().top, "map", "$http_accept", "$trigger_reads")[1]
    (pattern,) = [words[0] for words, _ in block if words[1:] == [accepts]]
    assert pattern.startswith("~*")
    return pattern[2:]


def expression(accepts):
    """The same as a function of bytes."""
    pattern = pattern_of(accepts)
    return lambda field: re.search(pattern, field.decode(), re.IGNORECASE) is not None


RANGES = st.lists(
    st.sampled_from(
        ["application/json", "application/problem+json", "application/*", "text/html", "*/*", "Text/HTML", "text/plain",
         ";", ",", " ", "\t", "q=", "q=0", "Q=0.0", "q=1", "q=0.5", "q=.", "q =0", "level=1", "x", "0"]
    ),
    max_size=12,
).map("".join)  # fmt: skip


@settings(max_examples=500)
@given(RANGES)
@example("application/json;q=0")
@example("text/html;level=1;q=0.000, application/json ; q=0.1")
@example("text/html;q=0;q=1")
def test_it_reads_accept_as_acceptors_do(field):
    request = SimpleNamespace(fields={b"accept": field.encode()})
    assert expression("problem")(field.encode()) == responses.accepts_json(request)
    assert expression("html")(field.encode()) == responses.accepts_html(request)


@pytest.mark.parametrize("part", ["; ", ";\t \t", ";   x", ", ", "text/html;", "text/html;a ; ", ";q", " "])
def test_no_field_keeps_it_busy(part):
    """A stranger chooses the field, as long as a head may be; with one character that can be taken in two ways this
    would not end."""
    field = f"text/html{part * (8000 // len(part))};q=0"
    request = SimpleNamespace(fields={b"accept": field.encode()})
    search = "import re, sys; print(re.search(*sys.argv[1:], re.IGNORECASE) is not None)"
    command = [sys.executable, "-I", "-c", search, pattern_of("html"), field]
    assert subprocess.check_output(command, text=True, timeout=60) == f"{responses.accepts_html(request)}\n"


def said(status, way):
    """The media type and the body of a refusal of nginx' own, bytes. way: text, problem or html."""
    site = Site()
    known = {"status": str(status)}
    for asked, pattern, name in (("$status", "%d", "title"), ("$status $limit_conn_status", "~^%d ", "detail")):
        block = only(site.top, "map", asked, f"$trigger_{name}")[1]
        known[f"trigger_{name}"] = only(block, pattern % status)[0][0]
    block = only(site.server, "location", f"@trigger_{way}")[1]
    assert only(block, "types") == ([], [])  # or the address' extension would say what it is
    code, text = only(block, "return")[0]
    assert code == "200"  # the status stays that of the refusal
    body = re.sub(r"\$(\w+)", lambda found: known[found[1]], text).replace("\\n", "\n")
    return only(block, "default_type")[0][0], body.encode()


@pytest.mark.parametrize("status", trigger_endpoints.frontend.REFUSED)
def test_it_tells_a_refusal_as_acceptors_do(status):
    refusal = http.Refusal(status, trigger_endpoints.frontend.DETAILS[status])
    for way, accept in (("text", b"*/*"), ("problem", b"application/json")):
        request = SimpleNamespace(fields={b"accept": accept})
        body, content_type = responses.refusal_body(request, refusal)
        assert said(status, way) == (content_type, body)
    content_type, page = said(status, "html")
    assert content_type == "text/html; charset=utf-8"
    assert refusal.reason in tree(page).one("main").text


def test_each_server_has_words_of_its_own_for_whatever_it_refuses():
    for server in Site().servers:
        told = values(server, "error_page")
        codes = [int(word) for words in told for word in words if word.isdigit()]
        assert {400, 401, 403, 404, 405, 413, 414, 421, 429, 494, 495, 496, 497, 500, 501, 502, 503, 504} <= set(codes)
        assert ["494", "=431", "$trigger_answer"] in told
        assert {words[-1] for words in told} == {"$trigger_answer"}
        ways = {words[0] for words, _ in found(server, "location") if words[0].startswith("@")}
        assert ways == {"@trigger_text", "@trigger_problem", "@trigger_html"}
    assert values(Site().server, "proxy_intercept_errors") == [["off"]]


@pytest.mark.parametrize(
    "keys",
    [{"methods": ["PUT"], "runs_api": False}, {"handoff": True}, {**HOOK, "frontend": {"users": []}}],
)
def test_without_a_page_all_goes_to_the_endpoint(keys):
    (words,) = places(**keys)
    assert words == "/hello/"


@pytest.mark.parametrize(
    ("location", "path", "fits"),
    [
        ("/hello/", f"/hello/runs/{RUN}", True),
        ("/hello/", f"/hello/runs/{RUN}/output", False),
        ("/hello/", "/hello/runs/", False),
        ("/hello/", f"/x/hello/runs/{RUN}", False),
        ("/a.b/c~d/", f"/a.b/c~d/runs/{RUN}", True),
        ("/a.b/", f"/axb/runs/{RUN}", False),
        ("/a-b_c/", f"/a-b_c/runs/{RUN}", True),
    ],
)
def test_which_paths_are_pages_of_runs(location, path, fits):
    (pattern,) = [words[2:] for words in places(frontend={"location": location}) if words[0] == "~"]
    assert bool(re.search(pattern, path)) == fits


def test_a_page_gets_its_endpoints_group_and_where_there_is_none_nothing_is_written():
    drop_in = "/etc/systemd/system/trigger-frontend.service.d/hello.conf"
    assert "\nSupplementaryGroups=trigger-hello\n" in site_of().files[drop_in]["content"]
    for keys in ({"handoff": True}, {"frontend": False}):
        assert drop_in not in site_of(**keys).files
    assert f"{OWN}/hello.location" not in site_of(frontend=False).files


ENDPOINTS = pytest.mark.parametrize(
    "keys",
    [
        {},
        OPEN,
        {"methods": ["GET", "POST"]},
        {"handoff": True},
        {"frontend": {"users": ["bob"], "rate": "5/s", "allow_from": ["192.0.2.0/24"], "read_timeout": "9s"}},
        {"frontend": {"users": []}, "auth": [{"token": {"secret": front.SECRET}}]},
    ],
)


@ENDPOINTS
def test_whatever_nginx_says_of_a_client_no_client_can_say(keys):
    """Each field is set once wherever something is passed on, so that a client's own is dropped."""
    secret = parse(trigger_nginx.PROXY_TEXT % ("ab" * 32))
    site = site_of(**keys)
    _, block = site.location()
    home = only(site.server, "location", "=", "/")[1]
    for place in (block, home):
        set_fields = values(place, "proxy_set_header")
        for included in values(place, "include"):
            assert included == [trigger_nginx.PROXY]
            set_fields = set_fields + values(secret, "proxy_set_header")
        names = [words[0].lower() for words in set_fields]
        assert len(names) == len(set(names))
        assert set(names) >= {name.decode() for name in door.FIELDS} | {"host", "connection"}
    # One proxy_set_header or add_header within would undo all of those above it.
    for _, inner in found(block, "location"):
        for words, content in inner:
            assert words[0] in ("set", "if", "proxy_pass", "client_max_body_size", "limit_conn", "proxy_read_timeout")
            assert content is None or [words[0] for words, _ in content] == ["set"]
    for where in (block, home):
        assert not found(where, "add_header") and not found(where, "proxy_http_version")
    assert [trigger_nginx.PROXY] in values(home, "include")
    assert bool(keys.get("handoff")) != ([trigger_nginx.PROXY] in values(block, "include"))
    told = {words[0]: words[1:] for words in values(secret, "proxy_set_header")}
    assert told == {
        "X-Trigger-Frontend": ["ab" * 32],
        "X-Forwarded-For": ["$remote_addr"],
        "X-Forwarded-Proto": ["$scheme"],
        "X-Trigger-Auth-Type": ["$trigger_auth_type"],
        "Host": ["$trigger_host"],
        "Connection": ["close"],
    }


def test_who_is_asked_is_named_and_the_password_stays_behind():
    for keys in ({}, {"frontend": {"users": ["bob"]}}, {"handoff": True}):
        _, block = site_of(**keys).location()
        assert not found(block, "auth_basic")
        told = {words[0]: words[1:] for words in values(block, "proxy_set_header")}
        assert (told["X-Remote-User"], told["Authorization"]) == (["$trigger_user"], [""])


def test_where_nobody_is_asked_no_name_is_told_and_a_token_passes():
    _, block = site_of(frontend={"users": []}, auth=[{"token": {"secret": front.SECRET}}]).location()
    assert only(block, "auth_basic")[0] == ["off"]
    # A token passes, and a password that a browser sends along because it knows one for this site does not.
    assert values(block, "proxy_set_header") == [["X-Remote-User", ""], ["Authorization", "$trigger_authorization"]]


def test_a_password_passes_where_the_endpoint_asks_for_one():
    auth = [{"basic": {"user": "a", "secret": front.SECRET}}]
    _, block = site_of(frontend={"users": []}, auth=auth).location()
    assert values(block, "proxy_set_header") == [["X-Remote-User", ""], ["Authorization", "$http_authorization"]]


def test_a_verify_token_stands_in_no_log():
    auth = [{"meta": {"secret": front.SECRET, "verify_token": front.SECRET}}]
    _, block = site_of(frontend={"users": []}, auth=auth).location()
    assert values(block, "error_log") == [["/var/log/nginx/error.log", "crit"]]


def test_measures_agree_with_the_acceptors():
    _, block = site_of(body_limit="3KiB", request_timeout="7s", wait="5s", timeout="20s", runs_api=False).location()
    told = {words[0]: words[1:] for words, _ in block}
    assert told["client_max_body_size"] == ["3072"]
    assert told["client_body_timeout"] == told["proxy_send_timeout"] == ["7s"]
    assert told["proxy_read_timeout"] == ["85s"]


@pytest.mark.parametrize(("given", "expected"), [("1s", [["60s"]]), ("59s", [["60s"]]), ("60s", []), (None, [])])
def test_a_page_that_goes_on_is_not_cut_between_its_signs_of_life(given, expected):
    block = places(frontend={"read_timeout": given} if given else {})["~ ^/hello/runs/[^/]+$"]
    assert values(block, "proxy_read_timeout") == expected
    assert SIGN_EVERY < 60


def test_nothing_becomes_a_zero_that_nginx_would_read_otherwise():
    _, block = site_of(body_limit="0", request_timeout="100ms").location()
    told = {words[0]: words[1:] for words, _ in block}
    assert told["client_max_body_size"] == ["1"]  # 0 would be no limit
    assert told["client_body_timeout"] == told["proxy_send_timeout"] == ["1s"]


def test_who_may_call_from_where():
    _, block = site_of(frontend={"allow_from": ["192.0.2.0/24", "2001:DB8::/32"]}).location()
    rules = [words for words, _ in block if words[0] in ("allow", "deny")]
    assert rules == [["allow", "192.0.2.0/24"], ["allow", "2001:db8::/32"], ["deny", "all"]]
    _, block = site_of().location()
    assert not [words for words, _ in block if words[0] in ("allow", "deny")]


@pytest.mark.parametrize(("rate", "expected", "count"), [("5/s", "5r/s", "5"), ("30/min", "30r/m", "30")])
def test_how_often_one_may_call(rate, expected, count):
    site = site_of(frontend={"rate": rate})
    zone = parse(site.files[f"{OWN}/hello.zone"]["content"])
    assert zone == [(["limit_req_zone", "$binary_remote_addr", "zone=trigger-hello:1m", f"rate={expected}"], None)]
    _, block = site.location()
    waits = {"5/s": "1", "30/min": "2"}[rate]  # seconds until one more is taken
    for each in (block, *(inner for _, inner in found(block, "location"))):
        assert ["$trigger_pause", waits] in values(each, "set")
    # Its own would replace that of the server.
    assert values(block, "limit_req") == [
        ["zone=trigger-hello", f"burst={count}", "nodelay"],
        ["zone=trigger.passwords", "burst=2000"],
    ]
    assert values(site.server, "limit_req") == [["zone=trigger.passwords", "burst=2000"]]
    assert values(site.server, "limit_req_status") == [["429"]]
    assert values(site.top, "include") == [[f"{OWN}/*.zone"]]


def test_without_a_rate_there_is_no_zone():
    site = site_of()
    assert f"{OWN}/hello.zone" not in site.files
    assert not found(site.location()[1], "limit_req")


# systemd's side


def unit(site, path):
    """A unit file as a parser of its own reads it: the lines of each section."""
    sections = configparser.RawConfigParser(strict=False, delimiters=("=",), comment_prefixes=("#",))
    sections.optionxform = str
    lines = site.files[path]["content"].splitlines()
    sections.read_string("\n".join(lines))
    return lines, sections


def test_nginx_may_connect_and_the_acceptor_knows_it():
    site = site_of()
    lines, sections = unit(site, "/etc/systemd/system/trigger@hello.socket.d/endpoint.conf")
    assert sections["Socket"]["SocketGroup"] == "www-data"
    assert not [line for line in lines if line.startswith("SocketMode")]  # 0660, of the template
    lines, _ = unit(site, "/etc/systemd/system/trigger@hello.service.d/endpoint.conf")
    assert f"LoadCredential=frontend:{trigger_nginx.FRONTEND_CREDENTIALS}/sha256" in lines
    assert "SetCredential=frontend:-" in lines


def test_who_stands_outside_has_neither():
    for files in (site_of(frontend=False).files, front.files(front.endpoint(), front=False)):
        assert not [path for path, file in files.items() if "www-data" in file["content"] and "trigger@" in path]
        assert not [path for path, file in files.items() if "Credential=frontend" in file["content"]]


def test_it_listens_beside_its_own_socket_where_it_shall():
    lines, _ = unit(site_of(listen=["127.0.0.1:3000"]), "/etc/systemd/system/trigger@hello.socket.d/endpoint.conf")
    assert [line for line in lines if line.startswith("ListenStream")] == [
        "ListenStream=",
        "ListenStream=127.0.0.1:3000",
        "ListenStream=/run/trigger/hello.sock",
    ]


def test_the_page_is_there_with_the_front_end_alone():
    units = {f"/etc/systemd/system/trigger-frontend.{kind}" for kind in ("socket", "service")}
    assert units <= set(front.shared_paths())
    assert not units & set(front.shared_paths(False))


def test_a_server_that_is_handed_the_socket_is_not_told_the_secret():
    """It is a program of the user's own: with the secret, it could be anybody at the other endpoints."""
    _, block = site_of(handoff=True).location()
    assert not found(block, "include")
    told = {words[0]: words[1:] for words in values(block, "proxy_set_header")}
    assert told == {
        "X-Trigger-Frontend": [""],
        "X-Remote-User": ["$trigger_user"],
        "X-Forwarded-For": ["$remote_addr"],
        "X-Forwarded-Proto": ["$scheme"],
        "X-Trigger-Auth-Type": ["$trigger_auth_type"],
        "Host": ["$trigger_host"],
        "Connection": ["close"],
        "Authorization": [""],
    }


# No value leaves its place

ODD = ";{}\"'\\$#\n\r\t %~*^=,.:/[]@()|`\0aZ0-_"


def mangled(*plain):
    """Something that the role may take, with something odd put into it."""
    return st.builds(
        lambda text, place, odd: text[: place % (len(text) + 1)] + odd + text[place % (len(text) + 1) :],
        st.sampled_from(plain),
        st.integers(0, 60),
        st.text(ODD, max_size=3) | st.sampled_from(["; x y;", "} server {", "\n", " #", "${a}", "%;x y", "% x"]),
    )


VARIABLES = {
    "server_name": mangled("hooks.example", "*.a.example", "[::1]", "a b"),
    "listen": st.lists(mangled("443", "127.0.0.1:8443", "[::1]:9443", "[fe80::1%eth0]:443"), min_size=1, max_size=2),
    "tls": st.builds(
        lambda certificate, key: {"certificate": certificate, "key": key},
        mangled("/etc/ssl/c.pem", CERTIFICATE),
        mangled("/etc/ssl/k.pem", KEY),
    ),
    "users": st.builds(lambda name: [{"name": name, "password": front.PASSWORD}], mangled("alice", "a@b")),
}
KEYS = {
    "frontend": st.fixed_dictionaries(
        {},
        optional={
            "location": mangled("/hello/", "/a.b/c/"),
            "allow_from": st.lists(mangled("192.0.2.0/24", "2001:db8::/32", "::1"), min_size=1, max_size=2),
            "rate": mangled("5/s", "30/min", "5/1s"),
            "read_timeout": mangled("90s", "1h 30min", "infinity", "100ms"),
            "users": st.just(["alice"]),
        },
    ),
    "body_limit": mangled("1MiB", "0", "7"),
    "request_timeout": mangled("10s", "100ms"),
    "description": mangled("Says hello"),
    "listen": st.lists(mangled("127.0.0.1:3000", "[::1]:3000", "/run/x"), min_size=1, max_size=1),
}
# What stands as often as there are values, and the words that are values.
LISTS = ("listen", "allow")


def shape(block):
    """The names of all directives, nested, with those of LISTS once and without what is not everywhere."""
    names = []
    for words, inner in block:
        if words[0] == "map":
            assert all(len(each) == 2 or each == ["hostnames"] for each, _ in inner)
            assert all(content is None for _, content in inner)
            names.append((words[0], len(words)))
        elif words[0] not in LISTS:
            names.append((words[0], None if inner is None else shape(inner)))
        elif words[0] not in names:
            names.append(words[0])
    return names


PLAIN = {"tls": GIVEN, "listen": ["443"], "users": [{"name": "alice", "password": front.PASSWORD}]}
MORE = {"allow_from": ["192.0.2.0/24"], "rate": "5/s"}  # the keys that bring directives of their own


@functools.cache
def plain(keys):
    """The Site of plain values, with some keys of MORE."""
    return Site(front.endpoint(frontend={key: MORE[key] for key in keys}), front=front.frontend(**PLAIN))


def check(settings, keys):
    """Whatever the role takes, nginx reads in the same shape as with plain values."""
    expected = plain(frozenset(keys.get("frontend", ())) & set(MORE))
    try:
        made = front.frontend(**{**PLAIN, **settings})
        assume(not made.redirects)  # port 80, which came of it by chance
        site = Site(front.endpoint(**keys), front=made)
    except front.Mistakes:
        return
    assert shape(site.top) == shape(expected.top)
    for path in (path for path in site.files if path.startswith(OWN) and not path.endswith(".pem")):
        assert shape(parse(site.files[path]["content"])) == shape(parse(expected.files[path]["content"])), path
    for words in itertools.chain(values(site.server, "listen"), values(site.server, "ssl_certificate")):
        assert len(words) == 1 or words[1:] == ["ssl"]
    where, block = site.location()
    assert len(where) == 1
    for name in ("allow", "client_max_body_size", "client_body_timeout", "proxy_read_timeout", "proxy_pass"):
        assert all(len(words) == 1 for words in values(block, name))


@settings(max_examples=100)
@given(st.sampled_from(sorted(VARIABLES)).flatmap(lambda key: VARIABLES[key].map(lambda value: {key: value})))
@example({"listen": ["[fe80::1%;x y;]:443"]})
@example({"server_name": "a;b"})
@example({"tls": {"certificate": "/c; x y", "key": "/k"}})
def test_no_variable_adds_a_directive(settings):
    check(settings, {})


@settings(max_examples=100)
@given(st.sampled_from(sorted(KEYS)).flatmap(lambda key: KEYS[key].map(lambda value: {key: value})))
@example({"frontend": {"location": "/a/ { } #/"}})
@example({"frontend": {"read_timeout": "infinity"}})
@example({"frontend": {"allow_from": ["fe80::1%;x y"]}})
def test_no_key_adds_a_directive(keys):
    check({}, keys)


@given(mangled("alice", "a@b"), mangled("$y$j75$abcdefghijklmnopqrstuv$" + "a" * 43, "$6$abc$" + "x" * 86))
def test_no_user_adds_a_line_or_another_user(name, password_hash):
    """The file of users: one line each, name and hash with one colon between."""
    users = [{"name": name, "password_hash": password_hash}]
    if front.frontend(users=users).mistakes:
        return
    line = f"{name}:{password_hash}"
    assert line.isascii() and line.isprintable() and " " not in line
    assert line.split(":") == [name, password_hash]
    assert not line.startswith("#")
