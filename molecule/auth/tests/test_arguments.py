"""What a client says reaches the job unchanged, as data, or is refused; nothing that he says does anything else."""

import json
import os
import subprocess
import time
import urllib.parse
from pathlib import Path

import pytest
from callers import (
    PORTS,
    SECRETS,
    entry,
    log_of,
    new_id,
    next_request_id,
    nothing_starts,
    request,
    seen_by_job,
    sign,
    stranger,
)
from host import (
    exchange,
    field,
    journal,
    record_of,
    request_id,
    spooled,
    status,
    wait_for_record,
    wait_until_running,
    wait_until_served,
    whole_journal,
)

HOSTILE = PORTS["hostile"]

# Text that a shell, systemd, printf, Python or a job's own option parser would do something with.
DANGEROUS = [
    "$(id)",
    "`id`",
    "; id",
    "| id",
    "&& id",
    "a & b = c + d",
    "> /etc/passwd",
    "{other}",
    "{word}",
    "{}",
    "%n %i %%",
    "%(text)s %s",
    "$HOME ${HOME} $$ $1",
    "\\x41 \\n \\",
    "'\"`",
    "' OR 1=1 --",
    "*?[a-z]~",
    "!!",
    "#",
    "\t a  b \t",
    " ",
    "\x01\x1b[31m\x7f",
    "😀 ünïcode ☃ \u202e \u2028 \ufeff",
    "../../etc/passwd",
    "http_proxy=http://evil.example",
    "LD_PRELOAD",
    "PATH",
    "LD_PRELOAD=/tmp/evil.so",
    "TRIGGER_PARAM_TEXT=evil",
    "x" * 1024,
    "-rf",  # not alone in its argument
    "--help",
]

CONTROL = {*map(chr, range(32)), "\x7f"} - {"\t"}


def ask(query="", fields=(), body=b""):
    return exchange(HOSTILE, request("POST" if body else "GET", f"/?{query}" if query else "/", fields, body))


def plain():
    """The environment of a job whose client said nothing, without what changes from run to run."""
    return stable(seen_by_job("hostile", request_id(ask()))["environment"])


def stable(environment):
    changing = ("TRIGGER_", "INVOCATION_ID", "JOURNAL_STREAM", "SYSTEMD_EXEC_PID", "QUERY_STRING", "REQUEST_METHOD")
    others = ("HTTP_X_NOTE", "CONTENT_TYPE", "CONTENT_LENGTH")
    return {key: value for key, value in environment.items() if not key.startswith(changing) and key not in others}


def test_dangerous_text_is_an_argument_and_a_variable_and_nothing_else():
    """Two in each request, one in the query and a header, the other in a form."""
    usual = plain()
    sent = []
    for text, lines in zip(DANGEROUS[::2], DANGEROUS[1::2]):
        query = "text=" + urllib.parse.quote(text, safe="")
        note = text.strip(" \t") if CONTROL.isdisjoint(text.strip(" \t")) else "none"  # no header can hold these
        fields, body = form(lines=lines)
        sent.append((request_id(ask(query, [f"X-Note: {note}", *fields], body)), text, lines, query, note, body))
    for identifier, text, lines, query, note, body in sent:
        seen = seen_by_job("hostile", identifier)
        assert seen["argv"] == [f"--text={text}", "none", "{other}", f"<{lines}>1", "%n $HOME"]
        environment = seen["environment"]
        assert environment["TRIGGER_PARAM_TEXT"] == text
        assert environment["TRIGGER_PARAM_LINES"] == lines
        assert environment["QUERY_STRING"] == query
        assert environment["HTTP_X_NOTE"] == note
        assert seen["stdin"].encode("latin-1") == body
        assert stable(environment) == usual


def form(**pairs):
    return ["Content-Type: application/x-www-form-urlencoded"], urllib.parse.urlencode(pairs).encode()


def as_json(text):
    return ["Content-Type: application/json"], text if isinstance(text, bytes) else text.encode()


@pytest.mark.parametrize(
    ("what", "query", "content", "named"),
    [
        ("a line feed", "text=a%0Ab", None, "text"),
        ("a carriage return", "text=a%0Db", None, "text"),
        ("a line feed at the end", "text=a%0A", None, "text"),
        ("a NUL", "text=a%00b", None, "text"),
        ("a NUL where lines may be", "lines=a%00b", None, "lines"),
        ("one character too many", "text=" + "x" * 1025, None, "text"),
        ("a dash in front, alone in its argument", "word=-rf", None, "word"),
        ("a dash alone", "word=-", None, "word"),
        ("no integer", "count=2;id", None, "count"),
        ("another script's digit", "count=%D9%A3", None, "count"),
        ("a huge integer", "count=" + "9" * 1000, None, "count"),
        ("too little", "count=0", None, "count"),
        ("none of the choices", "color=blue", None, "color"),
        ("twice", "text=a&text=b", None, "text"),
        ("twice, once in the form", "text=a", form(text="b"), "text"),
        ("in a form", "", form(text="a\nb"), "text"),
        ("a lone surrogate", "", as_json('{"text": "\\ud800"}'), "text"),
        ("a NUL in JSON", "", as_json('{"text": "a\\u0000b"}'), "text"),
        ("another type", "", as_json('{"text": ["a"]}'), "text"),
        ("an object", "", as_json('{"text": {"a": "b"}}'), "text"),
        ("a number for text", "", as_json('{"text": 1}'), "text"),
        ("undeclared", "other=1", None, "other"),
        ("undeclared in a form", "", form(other="1"), "other"),
        ("http_proxy, undeclared", "http_proxy=http://evil.example", None, "http_proxy"),
        ("LD_PRELOAD, undeclared", "LD_PRELOAD=/tmp/evil.so", None, "LD_PRELOAD"),
        ("PATH, undeclared", "PATH=/tmp", None, "PATH"),
        ("another case", "TEXT=a", None, "TEXT"),
        ("the variable's name", "TRIGGER_PARAM_TEXT=a", None, "TRIGGER_PARAM_TEXT"),
    ],
)
def test_what_breaks_a_rule_is_refused_by_name_and_not_repeated(what, query, content, named):
    fields, body = content or ((), b"")
    with nothing_starts("hostile"):
        for accept in ("*/*", "application/json"):
            answer = ask(query, [*fields, f"Accept: {accept}"], body)
            assert status(answer) == 400
            said = answer.partition(b"\r\n\r\n")[2]
            if accept == "*/*":
                assert f"\n{named}: ".encode() in said
            else:
                assert field(answer, "Content-Type") == "application/problem+json"
                problem = json.loads(said)
                assert problem["status"] == 400
                assert [error["parameter"] for error in problem["errors"]] == [named]
            for hostile in (b"evil", b"-rf", b"blue", b"xxxx", b"9999", b"/tmp", b";id"):
                assert hostile not in said


def test_all_that_is_wrong_is_said_at_once():
    with nothing_starts("hostile"):
        answer = ask("text=a%0Ab&word=-x&count=no&other=1&%3Cscript%3E=1", ["Accept: application/json"])
    errors = json.loads(answer.partition(b"\r\n\r\n")[2])["errors"]
    # What is no name of a parameter is not repeated either.
    assert {error["parameter"] for error in errors} == {"text", "word", "count", "other", ""}
    assert b"script" not in answer


MALFORMED = [
    ("text=%ff", None),
    ("text=%C3%28", None),
    ("text=%ED%A0%80", None),  # a surrogate, written as UTF-8 forbids it
    ("text=a%zz", None),
    ("text=a%", None),
    ("", as_json(b'{"text": "\xff"}')),
    ("", as_json(b'{"text": "a"')),
    ("", as_json(b'{"text": "a')),
    ("", as_json(b'{"text" "a"}')),
    ("", as_json(b'{"text": "a",}')),
    ("", as_json(b'{"text": "\x01"}')),
    ("", as_json(b'{"text": "\\x"}')),
    ("", as_json(b"{")),
    ("", as_json(b"[1,")),
    ("", as_json(b'"')),
    ("", as_json(b"nul")),
    ("", as_json(b'{"text": "a", "text": "b"}')),
    ("", as_json(b'{"text": NaN}')),
    ("", as_json(b"[" * 65 + b"]" * 65)),
    ("", as_json(b"[" * 100_000)),
    ("", as_json(b'{"a":' * 100_000)),
    ("", as_json(b"\xef\xbb\xbf{}")),
    ("", as_json('{"text": "a"}'.encode("utf-16"))),
]


@pytest.mark.parametrize(("query", "content"), MALFORMED, ids=range(len(MALFORMED)))
def test_what_cannot_be_read_is_refused(query, content):
    """And the same acceptor goes on: it is not what a client says that ends it."""
    fields, body = content or ((), b"")
    with nothing_starts("hostile"):
        assert status(ask(query, fields, body)) == 400


def test_lines_arrive_where_a_pattern_lets_them():
    text = "one\n\ttwo\r\nthree\n"
    seen = seen_by_job("hostile", request_id(ask("lines=" + urllib.parse.quote(text))))
    assert seen["environment"]["TRIGGER_PARAM_LINES"] == text
    assert seen["argv"][3] == f"<{text}>1"


def test_headers_set_no_variable_but_those_that_were_asked_for():
    """HTTP_PROXY is what the job's own HTTP client would obey (CVE-2016-5385)."""
    usual = plain()
    fields = [
        "Proxy: http://evil.example",
        "HTTP_PROXY: http://evil.example",
        "Http-Proxy: http://evil.example",
        "X_Note: evil",
        "LD_PRELOAD: /tmp/evil.so",
        "PATH: /tmp",
        "TRIGGER_PARAM_TEXT: evil",
        "Authorization: Basic ZXZpbDpldmls",
        "Cookie: evil=1",
        "X-Note: good",
    ]
    environment = seen_by_job("hostile", request_id(ask(fields=fields)))["environment"]
    assert environment["HTTP_X_NOTE"] == "good"
    assert environment["TRIGGER_PARAM_TEXT"] == ""
    assert stable(environment) == usual
    assert not [value for value in environment.values() if "evil" in value.lower() or "ZXZpb" in value]


def test_bytes_that_are_no_utf_8_arrive_in_a_header_as_they_are():
    note = bytes(range(0x80, 0x100))
    message = request(fields=["X-Note: @"]).replace(b"@", note)
    environment = seen_by_job("hostile", request_id(exchange(HOSTILE, message)))["environment"]
    assert os.fsencode(environment["HTTP_X_NOTE"]) == note


@pytest.mark.parametrize("size", [1, 65536, 65537, 1024 * 1024])
def test_a_signed_body_of_any_bytes_arrives_on_standard_input(size):
    body = os.urandom(size)
    fields = [f"X-Signature: {sign(SECRETS['hmac'], body)[0]}"]
    seen = seen_by_job("every", request_id(exchange(PORTS["every"], request("POST", "/", fields, body))))
    assert seen["stdin"].encode("latin-1") == body
    assert seen["environment"]["CONTENT_LENGTH"] == str(size)


def test_a_signed_body_may_come_in_chunks():
    parts = [os.urandom(size) for size in (1, 3000, 70_000)]
    body = b"".join(parts)
    fields = ["Transfer-Encoding: chunked", f"X-Signature: {sign(SECRETS['hmac'], body)[0]}"]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in [*parts, b""])
    seen = seen_by_job("every", request_id(exchange(PORTS["every"], request("POST", "/", fields) + chunks)))
    assert seen["stdin"].encode("latin-1") == body


def test_a_parameter_is_read_from_a_body_that_the_job_shall_not_get():
    fields, body = as_json(json.dumps({"ref": "refs/heads/main", "unique": new_id()}))
    fields = [*fields, f"X-Signature: {sign(SECRETS['hmac'], body)[0]}"]
    seen = seen_by_job("discard", request_id(exchange(PORTS["discard"], request("POST", "/", fields, body))))
    assert seen["environment"]["TRIGGER_PARAM_REF"] == "refs/heads/main"
    assert seen["stdin"] == ""


@pytest.mark.parametrize("size", [1000, 1024 * 1024])
def test_a_body_that_the_job_shall_not_get_is_checked_all_the_same(size):
    body = os.urandom(size)
    fields = [f"X-Signature: {sign(SECRETS['hmac'], body)[0]}", "Content-Type: text/csv"]
    identifier = request_id(exchange(PORTS["discard"], request("POST", "/", fields, body)))
    seen = seen_by_job("discard", identifier)
    assert seen["stdin"] == ""
    assert "CONTENT_LENGTH" not in seen["environment"]
    other = bytes([body[0] ^ 1]) + body[1:]
    with nothing_starts("discard"):
        assert status(exchange(PORTS["discard"], request("POST", "/", fields, other), stranger())) == 401


PASSWORDS = ["sensitive-in-a-form-4f1c", "sensitive-in-json-93ab", "sensitive-in-a-query-07de"]


def test_what_is_sensitive_reaches_the_job_and_no_record_or_log():
    since = time.time()
    ids = [
        request_id(ask("", *form(password=PASSWORDS[0]))),
        request_id(ask("", *as_json(json.dumps({"password": PASSWORDS[1]})))),
        request_id(ask(f"password={PASSWORDS[2]}")),
    ]
    for identifier, password in zip(ids, PASSWORDS):
        assert seen_by_job("hostile", identifier)["environment"]["TRIGGER_PARAM_PASSWORD"] == password
        assert record_of("hostile", identifier)["parameters"]["password"] == "(sensitive)"
    with nothing_starts("hostile"):
        assert status(ask(f"password={PASSWORDS[2]}&count=x")) == 400
    wait_until_served("hostile")
    told = whole_journal(since)
    records = b"".join(path.read_bytes() for path in Path("/var/lib/trigger/hostile/runs").iterdir())
    assert ids[0].encode() in told and ids[0].encode() in records
    for password in PASSWORDS:
        assert password.encode() not in told and password.encode() not in records


def test_only_equal_parameters_are_served_together():
    """Five wait for a run that is under way; two runs serve them, in order, each told its own."""
    merge = PORTS["merge"]
    go = Path("/var/lib/trigger/merge/job/go")
    go.unlink(missing_ok=True)
    before = len(log_of("merge"))
    first = request_id(exchange(merge, request(path="/?branch=first")))
    wait_until_running("merge", first)
    ids = [request_id(exchange(merge, request(path=f"/?branch={branch}"))) for branch in "bbcbc"]
    assert len(spooled("merge")) == 6
    go.touch()
    runs = [wait_for_record("merge", identifier) for identifier in ids]
    assert log_of("merge")[before:] == [["first", "1"], ["b", "3"], ["c", "2"]]
    assert [record["requests"] for record in (runs[0], runs[2])] == [[ids[0], ids[1], ids[3]], [ids[2], ids[4]]]
    assert [record["parameters"] for record in runs] == [{"branch": branch} for branch in "bbcbc"]


def forge(name, variables):
    """Put an entry into the spool as the acceptor's user, as an acceptor could that was taken over. Returns its id."""
    identifier = next_request_id()
    pairs = {"TRIGGER_ENDPOINT": name, "TRIGGER_REQUEST_ID": identifier, **variables}
    content = b"forged" + entry.encode([(key.encode(), os.fsencode(value)) for key, value in pairs.items()])
    user = f"trigger-{name}"
    as_acceptor = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    put = f"cd /var/spool/trigger/{name} && cat > .forged && mv .forged {identifier} && echo >/run/trigger/{name}.wake"
    subprocess.run([*as_acceptor, "sh", "-c", put], input=content, check=True)
    return identifier


COMMIT = {"TRIGGER_PARAM_BRANCH": "refs/heads/main", "TRIGGER_PARAM_COMMIT": "0" * 40}


def test_what_an_acceptor_could_have_accepted_is_run():
    """So that the refusals below are refusals of what is forged."""
    seen = seen_by_job("github", forge("github", COMMIT))
    assert seen["argv"] == ["--branch=refs/heads/main", "0" * 40]
    assert seen["stdin"] == "forged"


@pytest.mark.parametrize(
    ("name", "variables", "reason"),
    [
        ("github", {**COMMIT, "TRIGGER_PARAM_BRANCH": "refs/heads/$(id)"}, "branch does not match the pattern"),
        ("github", {**COMMIT, "TRIGGER_PARAM_COMMIT": "0" * 40 + "\n"}, "commit does not match the pattern"),
        ("github", {"TRIGGER_PARAM_BRANCH": "refs/heads/main"}, "commit is required"),
        ("github", {**COMMIT, "LD_PRELOAD": "/tmp/evil.so"}, "it sets a variable that no request sets"),
        ("github", {**COMMIT, "PATH": "/tmp"}, "it sets a variable that no request sets"),
        ("github", {**COMMIT, "TRIGGER_PARAM": "x"}, "it sets a variable that no request sets"),
        ("hostile", {"TRIGGER_PARAM_WORD": "-rf"}, "word begins with a dash"),
        ("hostile", {"TRIGGER_PARAM_TEXT": "a\nb"}, "text holds a line break"),
        ("hostile", {"TRIGGER_PARAM_TEXT": "x" * 1025}, "text is longer than"),
        ("hostile", {"TRIGGER_PARAM_TEXT": os.fsdecode(b"\xff")}, "text"),
        ("hostile", {"TRIGGER_PARAM_COUNT": "10"}, "count is more than 9"),
        ("hostile", {"TRIGGER_PARAM_COLOR": "blue"}, "color is none of the choices"),
    ],
)
def test_an_acceptor_that_was_taken_over_cannot_break_a_rule(name, variables, reason):
    since = time.time()
    identifier = forge(name, variables)
    record = wait_for_record(name, identifier)
    assert record["state"] == "damaged"
    assert reason in record["reason"]
    assert not os.path.exists(f"/var/lib/trigger/{name}/job/{identifier}.json")
    wait_until_served(name)
    told = journal(f"trigger-dispatch@{name}.service", since)
    assert f"'{identifier}' in /var/spool/trigger/{name} is set aside" in told
    for path in Path(f"/var/spool/trigger/{name}").glob(".damaged-*"):
        path.unlink()


def test_what_the_endpoint_does_not_know_reaches_no_job():
    """A parameter or header that is no longer declared, since the request was accepted, is left out."""
    usual = plain()
    variables = {"TRIGGER_PARAM_GONE": "evil", "HTTP_PROXY": "http://evil.example", "HTTP_X_OTHER": "evil"}
    environment = seen_by_job("hostile", forge("hostile", variables))["environment"]
    assert not [value for value in environment.values() if "evil" in value]
    # The forged entry said nothing else either.
    assert {key: usual[key] for key in stable(environment)} == stable(environment)
