"""What an endpoint may say: every mistake is found, and named with its endpoint and key."""

import base64
from pathlib import Path

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from hypothesis import given
from hypothesis import strategies as st

import trigger_endpoints
from trigger import cgi
from trigger_endpoints import values

ROLE = Path(__file__).parents[2] / "roles" / "trigger"
OPTIONS = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text())["argument_specs"]["endpoint"]["options"]
JOB = {"command": ["/bin/true"]}


def read_secret(source):
    raise ValueError(f"{source!r} cannot be read")


def prepare(*endpoints, defaults=None, read_secret=read_secret):
    return trigger_endpoints.prepare(list(endpoints), defaults or {}, OPTIONS, read_secret)


def mistakes(*endpoints, **options):
    with pytest.raises(trigger_endpoints.Mistakes) as caught:
        prepare(*endpoints, **options)
    return caught.value.messages


def test_an_endpoint_is_complete():
    (endpoint,) = prepare({"name": "a", "job": JOB})
    assert set(OPTIONS) <= set(endpoint)
    assert endpoint["listen"] == ["/run/trigger/a.sock"]
    assert endpoint["response"] == {"status": 200, "body": "OK\n", "content_type": "text/plain", "failed_status": 500}
    assert endpoint["job"]["args"] == []
    assert endpoint["seconds"]["timeout"] == 300
    assert endpoint["bytes"]["body_limit"] == 1024 * 1024


@pytest.mark.parametrize(
    ("schemes", "keys", "size"),
    [
        ([], {}, 1024**2),
        (["stripe"], {}, 1024**2),
        (["github"], {}, 25 * 1024**2),
        (["stripe", "meta"], {}, 3 * 1024**2),
        (["meta", "gitlab", "gitea"], {}, 25 * 1024**2),
        (["github"], {"body_limit": "64KiB"}, 64 * 1024),
        (["stripe"], {"body_limit": "2MiB"}, 2 * 1024**2),
    ],
)
def test_a_sender_may_send_what_it_sends(schemes, keys, size):
    if schemes:
        keys = {**keys, "auth": [{scheme: {"secret": "S3cr3t-S3cr3t-S3cr3t"}} for scheme in schemes]}
    (endpoint,) = prepare({"name": "a", "job": JOB, **keys})
    assert endpoint["bytes"]["body_limit"] == size


def test_defaults_are_laid_under_and_dicts_merged_deeply():
    defaults = {"timeout": "1h", "environment": {"A": "1", "B": "2"}, "response": {"status": 202}, "methods": ["PUT"]}
    (endpoint,) = prepare(
        {"name": "a", "job": JOB, "environment": {"B": "3"}, "response": {"body": "x"}, "methods": ["POST"]},
        defaults=defaults,
    )
    assert endpoint["seconds"]["timeout"] == 3600
    assert endpoint["environment"] == {"A": "1", "B": "3"}
    assert endpoint["response"] == {"status": 202, "body": "x", "content_type": "text/plain", "failed_status": 500}
    assert endpoint["methods"] == ["POST"]


EMPTY = [
    {"response": {"body": None, "status": 202}},
    {"auth": [{"hmac": {"secret": "S3cr3t-S3cr3t-S3cr3t", "header": "X-A", "prefix": None, "tolerance": None}}]},
    {"schedule": {"on_calendar": ["daily"], "randomized_delay": None, "parameters": None}},
    {"parameters": [{"name": "d", "max_length": None, "type": None, "required": None}]},
    {"only_if": [{"from": "query:a", "equals": "b", "not": None, "in": None}]},
    {"frontend": {"enabled": None, "confirm": None}},
    {"job": {**JOB, "args": None}},
    {"queue_limit": None, "methods": None, "environment": None},
]


def without_empty(value):
    if isinstance(value, dict):
        return {key: without_empty(inner) for key, inner in value.items() if inner is not None}
    return [without_empty(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("said", EMPTY)
def test_a_key_without_a_value_is_not_said_at_any_depth(said):
    least = {"name": "a", "job": JOB}
    (expected,) = prepare({**least, **without_empty(said)})
    for keys, defaults in (({**least, **said}, {}), (least, said), ({**least, **said}, dict.fromkeys(said))):
        (found,) = prepare(keys, defaults=defaults)
        assert {**found, "addresses": None} == {**expected, "addresses": None}


@pytest.mark.parametrize(
    ("said", "key"),
    [
        ({"auth": [{"basic": {"user": None, "secret": "S3cr3t-S3cr3t-S3cr3t"}}]}, "user"),
        ({"schedule": {"on_calendar": None}}, "on_calendar"),
        ({"parameters": [{"name": None}]}, "name"),
        ({"only_if": [{"from": None, "equals": "a"}]}, "from"),
        ({"job": None}, "job"),
    ],
)
def test_a_key_that_is_needed_and_has_no_value_is_missing(said, key):
    (found,) = mistakes({"name": "a", "job": JOB, **said})
    assert f"missing required arguments: {key}" in found


@pytest.mark.parametrize(
    ("said", "label"),
    [
        ({"listen": ["127.0.0.1:3000", None]}, "listen"),
        ({"allow_from": [None]}, "allow_from"),
        ({"methods": ["GET", None]}, "methods"),
        ({"on_success": [None]}, "on_success"),
        ({"job": {**JOB, "args": ["-v", None]}}, "job.args"),
        ({"frontend": {"users": [None]}}, "frontend.users"),
        ({"schedule": {"on_calendar": [None]}}, "schedule.on_calendar"),
        ({"parameters": [{"name": "a", "choices": ["a", None]}]}, "parameters[1].choices"),
        ({"only_if": [{"from": "query:a", "in": [None]}]}, "only_if[1].in"),
        ({"auth": [None]}, "auth"),
    ],
)
def test_an_item_of_a_list_without_a_value_is_a_mistake(said, label):
    (found,) = mistakes({"name": "a", "job": JOB, **said})
    assert found.startswith(f"endpoint 'a': {label}: an item of the list is empty")


def test_a_number_is_fine_where_a_string_is_meant():
    (endpoint,) = prepare({"name": "a", "job": JOB, "listen": ["127.0.0.1:80"], "timeout": 90, "environment": {"N": 1}})
    assert endpoint["seconds"]["timeout"] == 90
    assert endpoint["environment"] == {"N": "1"}


def test_absent_needs_a_name_alone():
    assert prepare({"name": "a", "state": "absent"})[0]["state"] == "absent"


@pytest.mark.parametrize(
    ("said", "key", "hint"),
    [
        ({"name": "A"}, "name", "must match"),
        ({"name": "a" * 24}, "name", "must match"),
        ({"name": "1a"}, "name", "must match"),
        ({"name": "a_b"}, "name", "must match"),
        ({"usr": "www"}, "usr", "did you mean user?"),
        ({"job": {"comand": ["a"]}}, "job.comand", "did you mean job.command?"),
        ({"user": ["www"]}, "user", "not a string"),
        ({"user": True}, "user", "not a string"),
        ({"user": "a b"}, "user", "not a valid name of a user"),
        ({"group": "a:b"}, "group", "not a valid name of a group"),
        ({"listen": "3000"}, "listen", "list of strings"),
        ({"listen": []}, "listen", "empty list"),
        ({"listen": ["0"]}, "listen", "not a valid address"),
        ({"listen": ["65536"]}, "listen", "not a valid address"),
        ({"listen": ["localhost:3000"]}, "listen", "resolves no names"),
        ({"listen": ["::1:3000"]}, "listen", "brackets"),
        ({"listen": ["[127.0.0.1]:3000"]}, "listen", "brackets"),
        ({"listen": ["127.0.0.1"]}, "listen", "not a valid address"),
        ({"listen": ["run/a.sock"]}, "listen", "not a valid address"),
        ({"listen": ["/run/" + "a" * 120]}, "listen", "107 bytes"),
        ({"listen": ["127.0.0.1:80", "127.0.0.1:80"]}, "listen", "same place"),
        ({"listen": [3000]}, "listen", "allow_unauthenticated: true"),
        ({"listen": ["192.0.2.1:3000"]}, "listen", "allow_unauthenticated: true"),
        ({"listen": ["[::]:3000"]}, "listen", "allow_unauthenticated: true"),
        ({"job": {}}, "job", "none of them"),
        ({"job": {"src": "a", "content": "#!/bin/sh"}}, "job", "src and content"),
        ({"job": {"content": "echo"}}, "job.content", "#!/bin/sh"),
        ({"job": {"content": "#!/bin/sh\r\necho\r\n"}}, "job.content", "ends with CR"),
        ({"job": {"content": "#!/bin/sh\r"}}, "job.content", "ends with CR"),
        ({"job": {"command": []}}, "job.command", "begin with a program"),
        ({"job": {"command": "ls -l"}}, "job.command", "list of strings"),
        ({"job": "/bin/true"}, "job", "dict"),
        ({"timeout": "5 fortnights"}, "timeout", "not a valid time span"),
        ({"timeout": "0"}, "timeout", "shorter"),
        ({"linger": "infinity"}, "linger", "must end"),
        ({"kill_after": "0"}, "kill_after", "shorter"),
        ({"request_timeout": ""}, "request_timeout", "not a valid time span"),
        ({"body_limit": "1 cup"}, "body_limit", "not a valid size"),
        ({"queue_limit": 0}, "queue_limit", "less than 1"),
        ({"queue_limit": "many"}, "queue_limit", "int"),
        ({"path": "hook"}, "path", "begin with /"),
        ({"path": "/a?b"}, "path", "other than ?"),
        ({"methods": ["HEAD"]}, "methods", "HEAD"),
        ({"methods": []}, "methods", "empty list"),
        ({"response": {"status": 500}}, "response", "200"),
        ({"response": {"content_type": "a\r\nX: y"}}, "response.content_type", "not a valid media type"),
        ({"when_busy": "wait"}, "when_busy", "coalesce"),
        ({"environment": {"A B": "1"}}, "environment", "not a valid name"),
        ({"environment": {"A": True}}, "environment", "quotes"),
        *(({"environment": {name.decode(): "1"}}, "environment", "from the request") for name in sorted(cgi.NAMES)),
        ({"environment": {"HTTP_X_NAME": "1"}}, "environment", "from the request"),
        ({"environment": {"INVOCATION_ID": "1"}}, "environment", "set by systemd"),
        ({"environment": {"LISTEN_FDS": "1"}}, "environment", "set by systemd"),
        ({"environment": {"A": "\x1b"}}, "environment", "control character"),
        ({"credentials": {"../a": "1"}}, "credentials", "not a valid name"),
        ({"credentials": {"a": ""}}, "credentials", "not empty"),
        ({"working_directory": "srv"}, "working_directory", "absolute"),
        ({"description": "a\nb"}, "description", "one line"),
        ({"socket": {"ListenStream": "1"}}, "socket", "use the key listen"),
        ({"socket": {"Accept": True}}, "socket", "belongs to the role"),
        ({"service": {"ExecStartPre": "/bin/true"}}, "service", "use the key job"),
        ({"service": {"User": "root"}}, "service", "use the key user"),
        ({"service": {"KillMode": "process"}}, "service", "belongs to the role"),
        ({"unit": {"OnFailure": "mail.service"}}, "unit", "use the key on_failure"),
        ({"job_linger": "infinity"}, "job_linger", "must end"),
        ({"service": {"Nice": "1\nUser=root"}}, "service", "one line"),
        ({"service": {"A B": "1"}}, "service", "not a directive"),
        ({"service": {"Nice": {"a": 1}}}, "service", "must be"),
        ({"socket": {"SocketMode": 0o660}}, "socket: SocketMode", 'put it in quotes, "0660" if you wrote 0660'),
        ({"socket": {"DirectoryMode": [0o755]}}, "socket: DirectoryMode", '"0755" if you wrote 0755'),
        ({"service": {"UMask": 0o027}}, "service: UMask", '"0027" if you wrote 0027'),
        ({"service": {"StateDirectoryMode": 700}}, "service: StateDirectoryMode", 'or "700" if you wrote 700'),
        ({"unit": {"ConditionPathExists": "/a"}}, "unit", "belongs to the role"),
        ({"state": "gone"}, "state", "absent"),
    ],
)  # fmt: skip
def test_a_mistake_names_endpoint_and_key(said, key, hint):
    found = mistakes({"name": "a", "job": JOB, **said})
    assert len(found) == 1, found
    assert found[0].startswith(f"endpoint {said.get('name', 'a')!r}: ")
    assert key.split(".")[0] in found[0]
    assert hint in found[0]


@pytest.mark.parametrize(
    "said",
    [
        {"environment": {"A": {"a": 1}}},
        {"environment": {"A": [1, 2]}},
        {"credentials": {"a": {"a": 1}}},
        {"credentials": {"a": [1]}},
        {"response": {"body": {"a": 1}}},
        {"job": {"command": ["/bin/true", {"a": 1}]}},
        {"description": ["a"]},
    ],
)
def test_what_ansible_may_have_made_of_text_has_its_remedy(said):
    """ansible-core before 2.19 makes a dict or a list of templated text that begins with { or [."""
    (found,) = mistakes({"name": "a", "job": JOB, **said})
    assert "end its expression with `| string`, or begin it with a blank" in found
    assert "before 2.19" in found


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("socket: {SocketMode: 0660}", 'put it in quotes, "0660" if you wrote 0660'),
        ("service: {UMask: 0027}", 'put it in quotes, "0027" if you wrote 0027'),
        ("service: {StateDirectoryMode: [0750]}", 'put it in quotes, "0750" if you wrote 0750'),
        ("schedule: {on_calendar: [12:30]}", "750 is no time"),
        ("environment: {NO: '1'}", "a key that YAML takes for False"),
        ("credentials: {8443: x}", "a key that YAML takes for 8443"),
        ("only_if: [{from: 'query:a', in: []}]", "an empty list never holds"),
    ],
)
def test_what_yaml_makes_of_it_is_seen_as_ansible_hands_it_on(written, hint):
    """From ansible-core 2.19 on, values of a playbook are of types of its own, below those of Python."""
    (found,) = mistakes(DataLoader().load(f"name: a\njob: {{command: ['true']}}\n{written}\n"))
    assert found.startswith(f"endpoint 'a': {written.partition(':')[0]}") and hint in found


def test_modes_are_texts_and_numbers_of_other_directives_are_not():
    said = {"socket": {"SocketMode": "0660", "Backlog": 16}, "service": {"UMask": "0027", "RemoveIPC": True, "Nice": 5}}
    (endpoint,) = prepare({"name": "a", "job": JOB, **said})
    assert "SocketMode=0660\n" in values.directives(endpoint["socket"])


@pytest.mark.parametrize(
    ("key", "inner"),
    [
        ("environment", {True: "1"}),
        ("environment", {False: "1", "A": "1"}),
        ("credentials", {True: "geheim"}),
        ("credentials", {8443: "geheim", "token": "geheim"}),
        ("service", {True: 1}),
        ("socket", {True: 1}),
        ("unit", {5.5: 1}),
        ("schedule.parameters", {True: "geheim"}),
        ("environment", {None: "1"}),
    ],
)
def test_names_are_texts(key, inner):
    """YAML takes on, yes, NO and 8443 for something else."""
    given = {"schedule": {"on_calendar": ["daily"], "parameters": inner}} if "." in key else {key: inner}
    name = next(iter(inner))
    (found,) = mistakes({"name": "a", "job": JOB, **given})
    assert found == f"endpoint 'a': {key}: a key that YAML takes for {name!r}; put it in quotes"


def test_a_server_of_its_own_is_stopped_as_it_likes():
    said = {"service": {"KillMode": "mixed", "WatchdogSec": "10s"}, "unit": {"OnFailure": "mail.service"}}
    assert len(mistakes({"name": "a", "job": JOB, **said})) == 3
    prepare({"name": "a", "job": JOB, "handoff": True, **said})


def test_every_mistake_is_found_at_once():
    found = mistakes({"name": "a", "job": JOB, "timeout": "x", "linger": "y"}, {"name": "b", "job": {}})
    assert [text.split(":")[0] for text in found] == ["endpoint 'a'", "endpoint 'a'", "endpoint 'b'"]


def test_an_endpoint_without_a_name_is_named_by_its_place():
    assert mistakes({"name": "a", "job": JOB}, {"job": JOB})[0].startswith("endpoint number 2 (without a name): ")


def test_mistakes_in_the_defaults_are_named_so():
    assert "trigger_defaults: usr: " in mistakes(defaults={"usr": "www"})[0]
    assert "trigger_defaults: name: " in mistakes(defaults={"name": "a"})[0]


@pytest.mark.parametrize(
    ("one", "other", "clash"),
    [
        ("3000", "3000", True),
        ("3000", "0.0.0.0:3000", True),
        ("3000", "[::]:3000", True),
        ("3000", "127.0.0.1:3000", True),
        ("0.0.0.0:3000", "[::]:3000", True),
        ("0.0.0.0:3000", "[::1]:3000", False),
        ("0.0.0.0:3000", "127.0.0.1:3000", True),
        ("127.0.0.1:3000", "[::1]:3000", False),
        ("127.0.0.1:3000", "127.0.0.2:3000", False),
        ("[::1]:3000", "[0::1]:3000", True),
        ("3000", "3001", False),
        ("/run/a", "/run/a", True),
        ("/run/a", "/run/b", False),
        ("/run/a", "3000", False),
    ],
)
def test_two_endpoints_on_one_address(one, other, clash):
    endpoints = [
        {"name": name, "job": JOB, "listen": [address], "allow_unauthenticated": True}
        for name, address in (("a", one), ("b", other))
    ]
    for pair in (endpoints, endpoints[::-1]):
        if clash:
            (message,) = mistakes(*pair)
            assert "listen" in message and "'a'" in message and "'b'" in message
        else:
            prepare(*pair)


def test_both_families_on_one_port_when_ipv6_is_kept_apart():
    endpoint = {"name": "a", "job": JOB, "listen": ["0.0.0.0:3000", "[::]:3000"], "allow_unauthenticated": True}
    assert "same place" in mistakes(endpoint)[0]
    prepare({**endpoint, "bind_ipv6_only": "ipv6-only"})


def test_two_endpoints_of_one_name():
    assert "two endpoints" in mistakes({"name": "a", "job": JOB}, {"name": "a", "job": JOB, "listen": ["/run/b"]})[0]


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1", "/run/a"])
def test_loopback_and_unix_sockets_need_no_leave(address):
    prepare({"name": "a", "job": JOB, "listen": [address]})


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("1.5s", 1.5),
        ("5min", 300),
        ("1h 30min", 5400),
        ("1h30m", 5400),
        ("100ms", 0.1),
        ("1d", 86400),
        ("2 weeks", 1209600),
    ],
)
def test_time_spans(text, seconds):
    assert values.parse_span(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "size"), [("0", 0), ("10", 10), ("1K", 1024), ("1 KiB", 1024), ("2MB", 2 << 20), ("1G", 1 << 30)]
)
def test_sizes(text, size):
    assert values.parse_size(text) == size


# Who may call

SECRET = "S3cr3t-S3cr3t-S3cr3t"
TOKEN = {"token": {"secret": SECRET}}
SIGNED = {"hmac": {"secret": SECRET, "header": "X-Signed"}}
STANDARD = {"standard_webhooks": {"secret": "whsec_" + base64.b64encode(SECRET.encode()).decode()}}


def auth(scheme, **options):
    return {"auth": [{scheme: options}]}


def token(**options):
    return auth("token", **{"secret": SECRET, **options})


def signed(**options):
    return auth("hmac", **{"secret": SECRET, "header": "X-Signed", **options})


@pytest.mark.parametrize(
    ("said", "key", "hint"),
    [
        ({"auth": []}, "auth", "would let nobody in"),
        ({"auth": "github"}, "auth", "list of dicts"),
        ({"auth": ["github"]}, "auth", "list of dicts"),
        ({"auth": TOKEN}, "auth", "list of dicts"),
        ({"auth": [{}]}, "auth[1]", "exactly one scheme, and here is none"),
        ({"auth": [TOKEN, {}]}, "auth[2]", "here is none"),
        ({"auth": [{**TOKEN, **SIGNED}]}, "auth[1]", "here is token and hmac"),
        ({"auth": [{"tokn": {"secret": SECRET}}]}, "auth[1].tokn", "did you mean auth[1].token?"),
        ({"auth": [TOKEN, {"git_hub": {}}]}, "auth[2].git_hub", "did you mean auth[2].github?"),
        ({"auth": [{"forge": {"secret": SECRET}}]}, "auth[1].forge", "known are token, basic, hmac"),
        ({"auth": [{"token": SECRET}]}, "auth[1].token", "dict of its keys"),
        (auth("token", secrt=SECRET), "auth[1].token.secrt", "did you mean auth[1].token.secret?"),
        (auth("github", secret=SECRET, header="X-A"), "auth[1].github.header", "unknown"),
        # secrets
        (auth("token"), "auth[1].token.secret", "0 are given"),
        (auth("github"), "auth[1].github.secret", "0 are given"),
        (token(secret_file="a"), "auth[1].token.secret", "2 are given"),
        (token(secret=""), "auth[1].token.secret", "empty"),
        (signed(secret=""), "auth[1].hmac.secret", "empty"),
        (token(secret=[SECRET]), "auth[1].token.secret", "not a string"),
        (token(secret=True), "auth[1].token.secret", "not a string"),
        (token(secret="x" * 15), "auth[1].token.secret", "shorter than 16 bytes"),
        (signed(secret="x" * 15), "auth[1].hmac.secret", "shorter than 16 bytes"),
        (auth("github", secret="x"), "auth[1].github.secret", "allow_weak_secret: true"),
        (auth("gitlab", secret="x"), "auth[1].gitlab.secret", "openssl rand -hex 32"),
        (auth("gitea", secret="x"), "auth[1].gitea.secret", "shorter than 16 bytes"),
        (token(secret=" " * 20), "auth[1].token.secret", "no spaces"),
        (token(secret=SECRET + " "), "auth[1].token.secret", "no spaces"),
        (token(secret="two words " + SECRET), "auth[1].token.secret", "no spaces"),
        (token(secret=" " + SECRET, header="X-Key"), "auth[1].token.secret", "no spaces"),
        (token(secret="ä" * 20), "auth[1].token.secret", "visible ASCII"),
        (token(secret=SECRET + "\n"), "auth[1].token.secret", "one line"),
        (signed(secret=SECRET + "\n"), "auth[1].hmac.secret", "one line"),
        (signed(secret=SECRET + "\0"), "auth[1].hmac.secret", "one line"),
        (auth("standard_webhooks", secret="whsec_"), "auth[1].standard_webhooks.secret", "valid base64"),
        (auth("standard_webhooks", secret="whsec_a!b="), "auth[1].standard_webhooks.secret", "valid base64"),
        (auth("standard_webhooks", secret="whsec_" + "a" * 25), "auth[1].standard_webhooks.secret", "valid base64"),
        (auth("standard_webhooks", secret="whsec_" + "ä" * 24), "auth[1].standard_webhooks.secret", "valid base64"),
        (auth("standard_webhooks", secret="whsk_" + "a" * 24), "auth[1].standard_webhooks.secret", "valid base64"),
        (auth("standard_webhooks", secret="whsec_" + "a" * 20), "auth[1].standard_webhooks.secret", "16 bytes"),
        (auth("gitlab", secret="whsec_" + "a" * 25), "auth[1].gitlab.secret", "valid base64"),
        (auth("gitlab", secret="whsec_" + "a" * 20), "auth[1].gitlab.secret", "shorter than 16 bytes"),
        (auth("token", secret_file="nowhere"), "auth[1].token.secret_file", "'nowhere' cannot be read"),
        # the rest of a scheme
        (token(header="X Key"), "auth[1].token.header", "not a header"),
        (token(header=""), "auth[1].token.header", "not a header"),
        (token(header="X-Kéy"), "auth[1].token.header", "not a header"),
        (token(header="X-Key:"), "auth[1].token.header", "not a header"),
        (token(header="Cookie"), "auth[1].token.header", "not a header"),
        (token(header="content-type"), "auth[1].token.header", "not a header"),
        (token(query="a b"), "auth[1].token.query", "not a valid name of a parameter"),
        (token(query="ä"), "auth[1].token.query", "not a valid name of a parameter"),
        (token(query=""), "auth[1].token.query", "not a valid name of a parameter"),
        (signed(header="Host"), "auth[1].hmac.header", "not a header"),
        (signed(prefix="a b"), "auth[1].hmac.prefix", "visible ASCII"),
        (signed(prefix="ä"), "auth[1].hmac.prefix", "visible ASCII"),
        (signed(prefix="a\n"), "auth[1].hmac.prefix", "visible ASCII"),
        (signed(timestamp_header="X Time"), "auth[1].hmac.timestamp_header", "not a header"),
        (signed(timestamp_header="X-Time", tolerance="soon"), "auth[1].hmac.tolerance", "not a valid time span"),
        (signed(timestamp_header="X-Time", tolerance="0"), "auth[1].hmac.tolerance", "a second or longer"),
        (signed(timestamp_header="X-Time", tolerance="infinity"), "auth[1].hmac.tolerance", "and end"),
        (auth("basic", user="a:b", secret=SECRET), "auth[1].basic.user", "neither a colon"),
        (auth("basic", user="a\n", secret=SECRET), "auth[1].basic.user", "control characters"),
        (auth("basic", user="a", secret=SECRET + "\t"), "auth[1].basic.secret", "control characters"),
        (auth("basic", user="a", secret="short"), "auth[1].basic.secret", "shorter than 16 bytes"),
        (auth("meta", secret=SECRET, verify_token="short"), "auth[1].meta.verify_token", "shorter than 16 bytes"),
        (auth("meta", secret=SECRET, verify_token="ä" * 16), "auth[1].meta.verify_token", "visible ASCII"),
        (auth("slack", secret=SECRET, verify_token=SECRET), "auth[1].slack.verify_token", "unknown"),
        # what is signed
        (signed(signed=""), "auth[1].hmac.signed", "without {body}"),
        (signed(signed="v0:"), "auth[1].hmac.signed", "without {body}"),
        (signed(signed="{timestamp}.", timestamp_header="X-T"), "auth[1].hmac.signed", "without {body}"),
        (signed(signed="{Body}"), "auth[1].hmac.signed", "without {body}"),
        (signed(signed="{body}."), "auth[1].hmac.signed", "the last"),
        (signed(signed="{body}.{timestamp}", timestamp_header="X-T"), "auth[1].hmac.signed", "the last"),
        (signed(signed="{body}{body}"), "auth[1].hmac.signed", "each once"),
        (signed(signed="{url}.{body}"), "auth[1].hmac.signed", "each once"),
        (signed(signed="{}{body}"), "auth[1].hmac.signed", "each once"),
        (signed(signed="{timestamp}.{body}"), "auth[1].hmac.signed", "timestamp_header or timestamp_prefix"),
        (signed(signed="{id}.{body}"), "auth[1].hmac.signed", "id_header or id_prefix"),
        (signed(signed="{body}", timestamp_header="X-T"), "auth[1].hmac.signed", "not signed proves nothing"),
        (signed(id_header="X-Id"), "auth[1].hmac.signed", "not signed proves nothing"),
        (signed(signed="{timestamp}{body}", timestamp_header="X-T"), "auth[1].hmac.signed", "what follows {timestamp}"),
        (signed(signed="{timestamp}0{body}", timestamp_header="X-T"), "auth[1].hmac.signed", "what follows"),
        (signed(signed="{id}{timestamp}.{body}", timestamp_header="X-T", id_header="X-I"), "auth[1].hmac.signed",
         "what follows {id}"),
        (signed(signed="{ {body}"), "auth[1].hmac.signed", "no braces"),
        (signed(signed="ä{body}"), "auth[1].hmac.signed", "ASCII"),
        (signed(timestamp_header="X-T", timestamp_prefix="t=", separator=","), "auth[1].hmac.timestamp_prefix",
         "leave it out"),
        (signed(prefix="v1,", separator=","), "auth[1].hmac.prefix", "holds the separator"),
        (signed(timestamp_prefix="t="), "auth[1].hmac.timestamp_prefix", "separator has to say"),
        (signed(timestamp_prefix="", separator=","), "auth[1].hmac.timestamp_prefix", "visible ASCII"),
        (signed(timestamp_prefix="t,", separator=","), "auth[1].hmac.timestamp_prefix", "without a comma"),
        (signed(timestamp_prefix="t", prefix="t=", separator=","), "auth[1].hmac.timestamp_prefix", "as well"),
        (signed(timestamp_header="x-signed"), "auth[1].hmac.header", "a place of their own"),
        (signed(timestamp_prefix="t=", id_prefix="t=", separator=","), "auth[1].hmac.header", "a place of their own"),
        # what stands beside it
        ({"auth": [STANDARD], "replay_window": "599s"}, "replay_window", "shorter than the 600 s"),
        ({**signed(timestamp_header="X-T", tolerance="1h")}, "replay_window", "a timestamp of auth[1].hmac"),
        ({"auth": [TOKEN], "replay_window": "soon"}, "replay_window", "not a valid time span"),
        ({"auth": [TOKEN], "replay_window": "infinity"}, "replay_window", "must end"),
        ({"auth": [TOKEN], "replay_window": "-1"}, "replay_window", "not a valid time span"),
        ({"allow_from": []}, "allow_from", "would let nobody in"),
        ({"allow_from": "192.0.2.0/24"}, "allow_from", "list of strings"),
        ({"allow_from": ["192.0.2.1/24"]}, "allow_from", "did you mean 192.0.2.0/24?"),
        ({"allow_from": ["2001:db8::1/32"]}, "allow_from", "did you mean 2001:db8::/32?"),
        ({"allow_from": ["192.0.2.0/33"]}, "allow_from", "not a valid network"),
        ({"allow_from": ["192.0.2"]}, "allow_from", "not a valid network"),
        ({"allow_from": ["example.com"]}, "allow_from", "not a valid network"),
        ({"allow_from": [192]}, "allow_from", "not a valid network"),
        ({"allow_from": [""]}, "allow_from", "not a valid network"),
        ({"allow_from": ["::ffff:192.0.2.0/120"]}, "allow_from", "write it as 192.0.2.0/24"),
        ({"allow_from": ["fe80::1%eth0"]}, "allow_from", "not a valid network"),
        ({"allow_origins": ["*"]}, "allow_origins", "not a valid origin"),
        ({"allow_origins": ["intranet.example"]}, "allow_origins", "not a valid origin"),
        ({"allow_origins": ["https://intranet.example/"]}, "allow_origins", "without a path"),
        ({"allow_origins": ["https://Intranet.example"]}, "allow_origins", "lower case"),
        ({"allow_origins": ["https://a b"]}, "allow_origins", "not a valid origin"),
        ({"allow_origins": "https://a"}, "allow_origins", "list of strings"),
        ({"pass_headers": ["X Event"]}, "pass_headers", "not a valid name of a header"),
        ({"pass_headers": ["X_Event"]}, "pass_headers", "not a valid name of a header"),
        ({"pass_headers": [""]}, "pass_headers", "not a valid name of a header"),
        ({"pass_headers": ["Content-Type"]}, "pass_headers", "reaches the job already, as CONTENT_TYPE"),
    ],
)  # fmt: skip
def test_a_mistake_in_who_may_call_names_its_key(said, key, hint):
    (found,) = mistakes({"name": "a", "job": JOB, **said})
    assert found.startswith(f"endpoint 'a': {key}: ")
    assert hint in found


def test_hmac_needs_its_header():
    (found,) = mistakes({"name": "a", "job": JOB, **auth("hmac", secret=SECRET)})
    assert "header" in found
    assert "auth -> hmac" in found


@pytest.mark.parametrize(
    "name",
    ["Authorization", "proxy-authorization", "Cookie", "Proxy", "X-Hub-Signature", "X-Hub-Signature-256",
     "X-Gitlab-Token", "X-Gitea-Signature", "X-FORGEJO-SIGNATURE", "X-Gogs-Signature", "webhook-signature",
     "svix-signature", "Stripe-Signature", "X-Slack-Signature", "x-zm-signature", "X-Shopify-Hmac-SHA256",
     "X-PagerDuty-Signature", "X-Anything-Signature", "X-Own-Token", "x-own-signed"],
)  # fmt: skip
def test_no_job_is_handed_a_secret(name):
    entries = [
        {"token": {"secret": SECRET, "header": "X-Own-Token"}},
        {"hmac": {**SIGNED["hmac"], "header": "X-Own-Signed"}},
    ]
    (found,) = mistakes({"name": "a", "job": JOB, "auth": entries, "pass_headers": ["X-Event", name]})
    assert f"pass_headers: {name} carries a secret" in found


def test_other_headers_reach_the_job_once_each():
    names = ["X-GitHub-Event", "x-github-event", "User-Agent", "webhook-id"]
    (endpoint,) = prepare({"name": "a", "job": JOB, "auth": [TOKEN], "pass_headers": names})
    assert endpoint["pass_headers"] == ["x-github-event", "user-agent", "webhook-id"]


def test_what_is_right_beside_each_other():
    entries = [TOKEN, SIGNED, STANDARD, {"github": {"secret": SECRET}}, {"gitea": {"secret": SECRET}}]
    (endpoint,) = prepare({"name": "a", "job": JOB, "auth": entries, "allow_origins": ["null", "https://[::1]:8443"]})
    assert [entry["scheme"] for entry in endpoint["guard"]] == [
        "token", "hmac", "standard_webhooks", "github", "gitea",
    ]  # fmt: skip


@pytest.mark.parametrize("window", ["600s", "10min", "1d", "0"])
def test_a_window_that_is_long_enough(window):
    prepare({"name": "a", "job": JOB, "auth": [STANDARD], "replay_window": window})


def test_a_weak_secret_needs_leave():
    assert prepare({"name": "a", "job": JOB, **token(secret="x" * 16)})
    assert prepare({"name": "a", "job": JOB, **signed(secret="ä" * 8)})
    assert prepare({"name": "a", "job": JOB, **token(secret="x"), "allow_weak_secret": True})
    assert "empty" in mistakes({"name": "a", "job": JOB, **token(secret=""), "allow_weak_secret": True})[0]


def test_a_secret_of_digits_is_text():
    (endpoint,) = prepare({"name": "a", "job": JOB, **signed(secret=12345678901234567890)})
    assert base64.b64decode(endpoint["guard"][0]["key"]) == b"12345678901234567890"


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\n\n"])
def test_line_breaks_at_the_end_of_a_secret_file_do_not_count(end):
    asked = []

    def read_secret(source):
        asked.append(source)
        return SECRET.encode() + end

    said = auth("hmac", secret_file="files/secret", header="X-Signed")
    (endpoint,) = prepare({"name": "a", "job": JOB, **said}, read_secret=read_secret)
    assert base64.b64decode(endpoint["guard"][0]["key"]) == SECRET.encode()
    assert asked == ["files/secret"]


@pytest.mark.parametrize(
    ("content", "key", "hint"),
    [
        (b"", "secret_file", "empty"),
        (b"\n\n", "secret_file", "empty"),
        (SECRET.encode() + b"\xff", "secret_file", "not UTF-8"),
        (f"{SECRET}\n{SECRET}".encode(), "secret_file", "one line"),
        (f"{SECRET}\0".encode(), "secret_file", "one line"),
        (b"short", "secret", "shorter than 16 bytes"),
        (f"{SECRET} ".encode(), "secret", "no spaces"),
    ],
)
def test_what_a_secret_file_may_not_hold(content, key, hint):
    endpoint = {"name": "a", "job": JOB, **auth("token", secret_file="files/secret")}
    (found,) = mistakes(endpoint, read_secret=lambda _: content)
    assert found.startswith(f"endpoint 'a': auth[1].token.{key}: ")
    assert hint in found
    assert SECRET not in found


def test_a_public_address_needs_auth_and_a_list_of_networks_is_none():
    public = {"name": "a", "job": JOB, "listen": ["192.0.2.1:3000", "[::]:3001"]}
    prepare({**public, "auth": [TOKEN]})
    prepare({**public, "auth": [TOKEN], "allow_from": ["192.0.2.0/24"]})
    (found,) = mistakes({**public, "allow_from": ["192.0.2.0/24"]})
    assert "everybody who reaches 192.0.2.1:3000, [::]:3001" in found
    prepare({**public, "allow_unauthenticated": True})


def test_auth_of_the_defaults_is_replaced_as_a_whole():
    (endpoint,) = prepare({"name": "a", "job": JOB, "auth": [SIGNED]}, defaults={"auth": [TOKEN, STANDARD]})
    assert [entry["scheme"] for entry in endpoint["guard"]] == ["hmac"]


# Whatever shape the secret is given in.
WRONG_SHAPES = [
    {"auth": SECRET},
    {"auth": [SECRET]},
    {"auth": [[SECRET]]},
    {"auth": TOKEN},
    {"auth": [{"token": SECRET}]},
    {"auth": [{"token": [SECRET]}]},
    {"auth": [{"token": [{"secret": SECRET}]}]},
    {"auth": [{"github": SECRET}, {"gitlab": SECRET}]},
    {"auth": [{"token": {"secret": [SECRET]}}]},
    {"auth": [{"token": {"secret": {"a": SECRET}}}]},
    {"auth": [{"token": {"secret": SECRET, "secret_file": "a"}}]},
    {"auth": [{"tokn": {"secret": SECRET}}]},
    {"auth": [{"token": {"secret": SECRET}, "github": {"secret": SECRET}}]},
    {"auth": [{"token": {"value": SECRET}}]},
    {"auth": [{"hmac": {"secret": SECRET}}]},
    {"auth": [{"hmac": {"secret": SECRET, "header": "X-A", "algorithm": "md5"}}]},
    {"auth": [{"standard_webhooks": {"secret": SECRET + "!"}}]},
    {"auth": [{"standard_webhooks": {"secret": SECRET + "ä"}}]},
    {"auth": [{"token": {"secret": SECRET + "\n"}}]},
    {"auth": [{"token": {"secret": SECRET + "ä"}}]},
    {"auth": [{"token": {"secret": SECRET, "header": "a b", "query": "a b"}}]},
    {"auth": [{"token": {"secret": SECRET}, "x": 1}]},
    {"auth": [{"secret": SECRET}]},
    {"token": {"secret": SECRET}},
    {"credentials": SECRET},
    {"credentials": [SECRET]},
    {"credentials": [{"a": SECRET}]},
    {"credentials": {"a": [SECRET]}},
    {"credentials": {"a": {"b": SECRET}}},
    {"credentials": {"a b": SECRET}},
]


@pytest.mark.parametrize("said", WRONG_SHAPES)
def test_no_message_tells_a_secret(said):
    for found in (mistakes({"name": "a", "job": JOB, **said}), mistakes({"name": "a", "job": JOB}, defaults=said)):
        assert SECRET not in "\n".join(found)


SHAPES = st.recursive(
    st.just(SECRET) | st.none() | st.booleans() | st.just(5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["token", "hmac", "gitlab", "secret", "value", "a b"]), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(st.sampled_from(["auth", "credentials"]), SHAPES)
def test_no_shape_of_a_secret_is_told(key, shape):
    """And each is taken or is a mistake, whatever it is."""
    told = ""
    try:
        prepare({"name": "a", "job": JOB, key: shape})
    except trigger_endpoints.Mistakes as found:
        told = str(found)
    assert SECRET not in told


# What a request may say


def parameter(**keys):
    return {"parameters": [{"name": "p", **keys}]}


def condition(**keys):
    return {"only_if": [{"from": "query:a", **keys}]}


def placed(argument, **keys):
    return {**parameter(**keys), "job": {**JOB, "args": [argument]}}


@pytest.mark.parametrize(
    ("said", "key", "hint"),
    [
        ({"parameters": "p"}, "parameters", "list of dicts"),
        ({"parameters": ["p"]}, "parameters", "list of dicts"),
        ({"parameters": [{"nam": "p"}]}, "parameters[1].nam", "did you mean parameters[1].name?"),
        (parameter(requird=True), "parameters[1].requird", "did you mean parameters[1].required?"),
        ({"parameters": [{"name": ""}]}, "parameters[1] ()", "begins with a letter"),
        ({"parameters": [{"name": "1a"}]}, "parameters[1] (1a)", "begins with a letter"),
        ({"parameters": [{"name": "a b"}]}, "parameters[1] (a b)", "begins with a letter"),
        ({"parameters": [{"name": "ä"}]}, "parameters[1] (ä)", "begins with a letter"),
        ({"parameters": [{"name": "a="}]}, "parameters[1] (a=)", "begins with a letter"),
        ({"parameters": [{"name": "a" * 65}]}, f"parameters[1] ({'a' * 65})", "64 at most"),
        ({"parameters": [{"name": "p"}, {"name": "p"}]}, "parameters", "p and p would both be TRIGGER_PARAM_P"),
        ({"parameters": [{"name": "a-b"}, {"name": "A_b"}]}, "parameters", "would both be TRIGGER_PARAM_A_B"),
        (parameter(type="integer", min="x"), "parameters[1] (p)", "min: 'x' is not a number"),
        (parameter(type="integer", min="1"), "parameters[1] (p)", "min: '1' is not a number"),
        (parameter(type="integer", max=True), "parameters[1] (p)", "max: True is not a number"),
        (parameter(type="integer", max=[1]), "parameters[1] (p)", "max: [1] is not a number"),
        (parameter(type="integer", min=float("nan")), "parameters[1] (p)", "min: nan is not a number"),
        (parameter(type="number", max=float("inf")), "parameters[1] (p)", "max: inf is not a number"),
        (parameter(min=1), "parameters[1] (p)", "max_length and pattern"),
        (parameter(type="boolean", max=1), "parameters[1] (p)", "only integers and numbers"),
        (parameter(max_length=0), "parameters[1] (p)", "max_length: it must be from 1"),
        (parameter(label="a\nb"), "parameters[1] (p)", "label: it must be one line of text"),
        (parameter(label=" "), "parameters[1] (p)", "label: it must be one line of text"),
        (parameter(description="a\u202eb"), "parameters[1] (p)", "description: it must be one line of text"),
        (parameter(max_length=32769), "parameters[1] (p)", "to 32768"),
        (parameter(pattern="("), "parameters[1] (p)", "pattern: '(' is not a valid regular expression"),
        (parameter(pattern=["a"]), "parameters[1].pattern", "not a string"),
        (parameter(**{"from": []}), "parameters[1] (p)", "from: an empty list"),
        (parameter(**{"from": "p"}), "parameters[1] (p)", "from: 'p' is not a valid place"),
        (parameter(**{"from": "query"}), "parameters[1] (p)", "not a valid place"),
        (parameter(**{"from": "query:"}), "parameters[1] (p)", "not a valid place"),
        (parameter(**{"from": "any:p"}), "parameters[1] (p)", "not a valid place"),
        (parameter(**{"from": "cookie:p"}), "parameters[1] (p)", "write query:NAME"),
        (parameter(**{"from": "header:"}), "parameters[1] (p)", "not a valid place"),
        (parameter(**{"from": "header:a b"}), "parameters[1] (p)", "not a valid place"),
        (parameter(**{"from": "header:a_b"}), "parameters[1] (p)", "not a valid place"),
        (parameter(**{"from": "json"}), "parameters[1] (p)", "not a valid place"),
        (parameter(**{"from": "json:a"}), "parameters[1] (p)", "not a valid place"),
        (parameter(**{"from": "json:/a~"}), "parameters[1] (p)", "not a valid place"),
        (parameter(**{"from": "json:/a~2b"}), "parameters[1] (p)", "not a valid place"),
        (parameter(**{"from": ["query:p", 5]}), "parameters[1] (p)", "5 is not a valid place"),
        (parameter(**{"from": {"query": "p"}}), "parameters[1] (p)", "not a valid place"),
        (parameter(choices=[]), "parameters[1] (p)", "choices: an empty list"),
        (parameter(choices=["a", 1]), "parameters[1] (p)", "choices: 1 must be a string"),
        (parameter(choices=[True]), "parameters[1] (p)", "choices: True must be a string"),
        (parameter(type="integer", choices=[1, "x"]), "parameters[1] (p)", "choices: 'x' must be an integer"),
        (parameter(type="integer", choices=[1.0]), "parameters[1] (p)", "choices: 1.0 must be an integer"),
        (parameter(choices=["abc"], max_length=2), "parameters[1] (p)", "choices: 'abc' is longer than 2"),
        (parameter(choices=["a"], pattern="b"), "parameters[1] (p)", "choices: 'a' does not match"),
        (parameter(required=True, default="x"), "parameters[1] (p)", "default: a required parameter needs none"),
        (parameter(default=1), "parameters[1] (p)", "default: it must be a string"),
        (parameter(sensitive=True, default="geheim"), "parameters[1] (p)", "default: the parameter is sensitive, and"),
        (parameter(sensitive=True, default=""), "parameters[1] (p)", "local user could read it; use `credentials`"),
        (parameter(type="integer", default="x"), "parameters[1] (p)", "default: it must be an integer"),
        (parameter(type="integer", default=0, min=1), "parameters[1] (p)", "default: it is less than 1"),
        (parameter(type="boolean", default=1), "parameters[1] (p)", "default: it must be true or false"),
        (parameter(default="c", choices=["a"]), "parameters[1] (p)", "default: it is none of the choices"),
        (parameter(default="c", pattern="a"), "parameters[1] (p)", "default: it does not match the pattern"),
        (parameter(default="abc", max_length=2), "parameters[1] (p)", "default: it is longer than 2"),
        (parameter(default="a\0"), "parameters[1] (p)", "default: it holds a NUL"),
        (parameter(default="a\n"), "parameters[1] (p)", "default: it holds a line break"),
        (parameter(default=["a"]), "parameters[1] (p)", "default: it must be a string"),
        (placed("{p}"), "job.args", "{p} may be missing"),
        (placed("-x{p}"), "job.args", "make the parameter required or give it a default"),
        (placed("{p}", required=True, sensitive=True), "job.args", "{p} is sensitive"),
        (placed("{p}", default="-x"), "job.args", "begins with a dash"),
        (condition(), "only_if[1]", "exactly one of equals, in and matches is needed, and 0 are given"),
        (condition(equals="a", matches="a"), "only_if[1]", "and 2 are given"),
        (condition(**{"in": []}), "only_if[1]", "in: an empty list never holds; give it values"),
        (condition(matches="("), "only_if[1]", "matches: '(' is not a valid regular expression"),
        (condition(equal="a"), "only_if[1].equal", "did you mean only_if[1].equals?"),
        (condition(**{"from": "ref", "equals": "a"}), "only_if[1]", "from: 'ref' is not a valid place"),
        (condition(**{"from": "json:ref", "equals": "a"}), "only_if[1]", "from: 'json:ref' is not a valid place"),
        (condition(**{"from": ["query:a"], "equals": "a"}), "only_if[1].from", "not a string"),
        ({"only_if": {"from": "query:a", "equals": "a"}}, "only_if", "list of dicts"),
    ],
)  # fmt: skip
def test_a_mistake_in_what_a_request_may_say_names_its_key(said, key, hint):
    (found,) = mistakes({"name": "a", "job": JOB, **said})
    assert found.startswith(f"endpoint 'a': {key}: ")
    assert hint in found
    assert "geheim" not in found


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ({"parameters": [{"type": "string"}]}, "name found in parameters"),
        (parameter(type="str"), "type must be one of: string, integer"),
        (parameter(max_length="long"), "max_length"),
        ({"extra_parameters": "keep"}, "extra_parameters must be one of: refuse, ignore"),
        ({"only_if": [{"equals": "a"}]}, "from found in only_if"),
        ({"body": "keep"}, "body must be one of: pass, discard"),
    ],
)
def test_a_mistake_that_ansible_finds_is_named_too(said, hint):
    (found,) = mistakes({"name": "a", "job": JOB, **said})
    assert found.startswith("endpoint 'a': ")
    assert hint in found


CALENDAR = {"on_calendar": ["daily"]}
KIND = {"name": "kind", "choices": ["short", "full"]}
PASSWORD = {"name": "password", "sensitive": True}


@pytest.mark.parametrize(
    ("schedule", "keys", "hint"),
    [
        ({"on_calendar": []}, {}, "schedule.on_calendar: an empty list"),
        ({"on_calendar": [""]}, {}, "schedule.on_calendar: '' is not a time"),
        ({"on_calendar": [750]}, {}, "schedule.on_calendar: 750 is no time; YAML makes that of 12:30"),
        ({"on_calendar": [45015]}, {}, "schedule.on_calendar: 45015 is no time; YAML makes that of 12:30:15"),
        ({"on_calendar": ["daily", "750"]}, {}, "YAML makes that of 12:30"),
        ({"on_calendar": ["daily\nUnit=x.service"]}, {}, "is not a time"),
        ({"on_calendar": ["--help"]}, {}, "is not a time"),
        ({"on_calendar": ["daily\\"]}, {}, "is not a time"),
        ({**CALENDAR, "randomized_delay": "soon"}, {}, "schedule.randomized_delay: 'soon' is not a valid time span"),
        ({**CALENDAR, "randomized_delay": "infinity"}, {}, "schedule.randomized_delay: it must end"),
        ({**CALENDAR, "often": True}, {}, "schedule.often: this key is unknown"),
        ({**CALENDAR, "parameters": {"kind": "full"}}, {}, "schedule.parameters: kind is none of the parameters"),
        (
            {**CALENDAR, "parameters": {"kind": "none"}},
            {"parameters": [KIND]},
            "schedule.parameters: kind is none of the choices",
        ),
        (CALENDAR, {"parameters": [{**KIND, "required": True}]}, "schedule.parameters: kind is required"),
        (
            {**CALENDAR, "parameters": {"password": "geheim"}},
            {"parameters": [PASSWORD]},
            "schedule.parameters: password is sensitive, and every local user could read it; use `credentials`",
        ),
        (
            {**CALENDAR, "parameters": {"password": 1}},
            {"parameters": [{**PASSWORD, "required": True}]},
            "schedule.parameters: password is sensitive and required, so no run by the calendar could begin",
        ),
        (
            CALENDAR,
            {"parameters": [{**PASSWORD, "required": True}]},
            "schedule.parameters: password is sensitive and required, so no run by the calendar could begin",
        ),
        (CALENDAR, {"handoff": True}, "schedule: with handoff there is no acceptor"),
    ],
)
def test_a_mistake_in_a_schedule_names_its_key(schedule, keys, hint):
    (message,) = mistakes({"name": "a", "job": JOB, "schedule": schedule, **keys})
    assert message.startswith("endpoint 'a': ") and hint in message
    assert "geheim" not in message


def test_a_date_that_yaml_knows_is_a_time():
    said = yaml.safe_load("on_calendar: [2026-01-01, 2026-01-01 03:00:00, 06:30]")
    (endpoint,) = prepare({"name": "a", "job": JOB, "schedule": said})
    assert endpoint["schedule"]["on_calendar"] == ["2026-01-01", "2026-01-01 03:00:00", "06:30"]


def test_the_values_of_a_schedule_are_texts_as_a_request_brings_them():
    number = {"name": "depth", "type": "integer"}
    (endpoint,) = prepare(
        {"name": "a", "job": JOB, "parameters": [number], "schedule": {**CALENDAR, "parameters": {"depth": 3}}}
    )
    assert endpoint["schedule"]["parameters"] == {"depth": "3"}


def test_all_mistakes_of_parameters_are_found_at_once():
    found = mistakes(
        {
            "name": "a",
            "job": JOB,
            "parameters": [{"name": "1"}, {"name": "p", "min": 1}],
            "only_if": [{"from": "query:a"}],
        }
    )
    assert [text.split(": ")[1] for text in found] == ["parameters[1] (1)", "parameters[2] (p)", "only_if[1]"]


def test_placeholders_are_split_by_the_role():
    said = {"name": "a", "parameters": [{"name": "p", "required": True}, {"name": "q", "default": "-x"}]}
    (endpoint,) = prepare({**said, "job": {**JOB, "args": ["{p}", "a{q}{p}b", "{r}", "{}"]}})
    p, q = {"parameter": "p"}, {"parameter": "q"}
    assert endpoint["command"] == ["/bin/true", [p], ["a", q, p, "b"], "{r}", "{}"]
    assert [declared["leads"] for declared in endpoint["declared"]] == [True, False]
