"""What an endpoint may say: every mistake is found, and named with its endpoint and key."""

from pathlib import Path

import pytest
import yaml

import trigger_endpoints
from trigger_endpoints import values

ROLE = Path(__file__).parent.parent / "roles" / "trigger"
OPTIONS = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text())["argument_specs"]["endpoint"]["options"]
JOB = {"command": ["/bin/true"]}


def read_secret(source):
    raise ValueError(f"{source!r} cannot be read")


def prepare(*endpoints, defaults=None):
    return trigger_endpoints.prepare(list(endpoints), defaults or {}, OPTIONS, read_secret)


def mistakes(*endpoints, defaults=None):
    with pytest.raises(trigger_endpoints.Mistakes) as caught:
        prepare(*endpoints, defaults=defaults)
    return caught.value.messages


def test_an_endpoint_is_complete():
    (endpoint,) = prepare({"name": "a", "job": JOB})
    assert set(OPTIONS) <= set(endpoint)
    assert endpoint["listen"] == ["/run/trigger/a.sock"]
    assert endpoint["response"] == {"status": 200, "body": "OK\n", "content_type": "text/plain"}
    assert endpoint["job"]["args"] == []
    assert endpoint["seconds"]["timeout"] == 300
    assert endpoint["body_limit_bytes"] == 1024 * 1024


def test_defaults_are_laid_under_and_dicts_merged_deeply():
    defaults = {"timeout": "1h", "environment": {"A": "1", "B": "2"}, "response": {"status": 202}, "methods": ["PUT"]}
    (endpoint,) = prepare(
        {"name": "a", "job": JOB, "environment": {"B": "3"}, "response": {"body": "x"}, "methods": ["POST"]},
        defaults=defaults,
    )
    assert endpoint["seconds"]["timeout"] == 3600
    assert endpoint["environment"] == {"A": "1", "B": "3"}
    assert endpoint["response"] == {"status": 202, "body": "x", "content_type": "text/plain"}
    assert endpoint["methods"] == ["POST"]


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
        ({"user": ["www"]}, "user", "no string"),
        ({"user": True}, "user", "no string"),
        ({"user": "a b"}, "user", "no name of a user"),
        ({"group": "a:b"}, "group", "no name of a group"),
        ({"listen": "3000"}, "listen", "list of strings"),
        ({"listen": []}, "listen", "empty list"),
        ({"listen": ["0"]}, "listen", "no address"),
        ({"listen": ["65536"]}, "listen", "no address"),
        ({"listen": ["localhost:3000"]}, "listen", "resolves no names"),
        ({"listen": ["::1:3000"]}, "listen", "brackets"),
        ({"listen": ["[127.0.0.1]:3000"]}, "listen", "brackets"),
        ({"listen": ["127.0.0.1"]}, "listen", "no address"),
        ({"listen": ["run/a.sock"]}, "listen", "no address"),
        ({"listen": ["/run/" + "a" * 120]}, "listen", "107 bytes"),
        ({"listen": ["127.0.0.1:80", "127.0.0.1:80"]}, "listen", "same place"),
        ({"listen": [3000]}, "listen", "allow_unauthenticated: true"),
        ({"listen": ["192.0.2.1:3000"]}, "listen", "allow_unauthenticated: true"),
        ({"listen": ["[::]:3000"]}, "listen", "allow_unauthenticated: true"),
        ({"job": {}}, "job", "none of them"),
        ({"job": {"src": "a", "content": "#!/bin/sh"}}, "job", "src and content"),
        ({"job": {"content": "echo"}}, "job.content", "#!/bin/sh"),
        ({"job": {"command": []}}, "job.command", "begin with a program"),
        ({"job": {"command": "ls -l"}}, "job.command", "list of strings"),
        ({"job": "/bin/true"}, "job", "dict"),
        ({"timeout": "5 fortnights"}, "timeout", "no time span"),
        ({"timeout": "0"}, "timeout", "shorter"),
        ({"linger": "infinity"}, "linger", "must end"),
        ({"kill_after": "0"}, "kill_after", "shorter"),
        ({"request_timeout": ""}, "request_timeout", "no time span"),
        ({"body_limit": "1 cup"}, "body_limit", "no size"),
        ({"queue_limit": 0}, "queue_limit", "less than 1"),
        ({"queue_limit": "many"}, "queue_limit", "int"),
        ({"path": "hook"}, "path", "begin with /"),
        ({"path": "/a?b"}, "path", "other than ?"),
        ({"methods": ["HEAD"]}, "methods", "HEAD"),
        ({"methods": []}, "methods", "empty list"),
        ({"response": {"status": 500}}, "response", "200"),
        ({"response": {"content_type": "a\r\nX: y"}}, "response.content_type", "no media type"),
        ({"when_busy": "wait"}, "when_busy", "coalesce"),
        ({"environment": {"A B": "1"}}, "environment", "no name"),
        ({"environment": {"A": True}}, "environment", "quotes"),
        ({"environment": {"QUERY_STRING": "1"}}, "environment", "from the request"),
        ({"environment": {"A": "\x1b"}}, "environment", "control character"),
        ({"credentials": {"../a": "1"}}, "credentials", "no name"),
        ({"credentials": {"a": ""}}, "credentials", "not empty"),
        ({"working_directory": "srv"}, "working_directory", "absolute"),
        ({"description": "a\nb"}, "description", "one line"),
        ({"socket": {"ListenStream": "1"}}, "socket", "use the key listen"),
        ({"socket": {"Accept": True}}, "socket", "belongs to the role"),
        ({"service": {"ExecStartPre": "/bin/true"}}, "service", "use the key job"),
        ({"service": {"User": "root"}}, "service", "use the key user"),
        ({"service": {"Nice": "1\nUser=root"}}, "service", "one line"),
        ({"service": {"A B": "1"}}, "service", "no directive"),
        ({"service": {"Nice": {"a": 1}}}, "service", "must be"),
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
