"""webhook's hooks become endpoints that the role takes, let in nobody else, and hold no secret."""

import copy
import importlib.util
import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import reference
import yaml
from examples import yaml_blocks
from hypothesis import example, given
from hypothesis import strategies as st

import trigger_endpoints
import webhook_hooks
from trigger import conditions
from trigger.http import Request
from trigger.sources import Sources
from webhook_hooks.secrets import resolve

PROJECT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
OPTIONS = reference.entry_points()["endpoint"]

_spec = importlib.util.spec_from_file_location("filter", PROJECT / "plugins/filter/import_webhook.py")
plugin = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(plugin)
CHECK = plugin.role_check()

KEY = "an-example-of-a-secret-0123456789"
OTHER_KEY = "another-example-of-a-secret-9876"


def match(kind, source, name, **keys):
    return {"match": {"type": kind, "parameter": {"source": source, "name": name}, **keys}}


def value(name, text, source="payload"):
    return match("value", source, name, value=text)


def regex(name, text, source="payload"):
    return match("regex", source, name, regex=text)


def signed(header="X-Hub-Signature-256", algorithm="sha256", secret=KEY):
    return match(f"payload-hmac-{algorithm}", "header", header, secret=secret)


def network(text):
    return {"match": {"type": "ip-whitelist", "ip-range": text}}


def hook(**keys):
    keys = {key.replace("_", "-"): item for key, item in keys.items()}
    return {"id": "deploy", "execute-command": "/srv/deploy", **keys}


def imported(**keys):
    (result,) = webhook_hooks.convert([hook(**keys)], CHECK)
    return result


def endpoint(**keys):
    """The endpoint of a hook that is carried over without open points, its secrets in place."""
    result = imported(**keys)
    assert result.endpoint is not None and not result.open_points, result.open_points
    return resolve(result.endpoint, result.secrets)


def under(rule, **keys):
    """The same of a hook with a trigger-rule."""
    return endpoint(trigger_rule=rule, **keys)


GITHUB = hook(
    id="Deploy Site",
    command_working_directory="/srv/site",
    execute_command="/srv/site/deploy.sh",
    http_methods=["post "],
    response_message="queued",
    success_http_response_code=202,
    pass_arguments_to_command=[
        {"source": "string", "name": "--ref"},
        {"source": "payload", "name": "ref"},
        {"source": "payload", "name": "head_commit.id"},
    ],
    pass_environment_to_command=[
        {"source": "header", "name": "X-GitHub-Delivery", "envname": "DELIVERY"},
        {"source": "string", "name": "C.UTF-8", "envname": "LANG"},
    ],
    trigger_rule={"and": [signed(), value("ref", "refs/heads/main"), value("X-GitHub-Event", "push", "header")]},
)
GITEA = hook(id="gitea", trigger_rule={"and": [signed("X-Gitea-Signature"), regex("ref", "^refs/heads/(main|dev)$")]})
GITLAB = hook(id="gitlab", trigger_rule=value("X-Gitlab-Token", KEY, "header"))
SIMPLE = hook(id="simple", trigger_rule=value("token", KEY, "url"))
INSIDE = hook(id="inside", trigger_rule={"or": [network("192.0.2.7"), network("198.51.100.9/24 2001:db8::/32")]})
NESTED = hook(
    id="nested",
    trigger_rule={
        "and": [
            {"or": [signed(), signed(secret=OTHER_KEY)]},
            {"or": [value("action", "opened"), value("action", "reopened")]},
            {"not": value("sender.type", "Bot")},
        ]
    },
)
EXAMPLES = [GITHUB, GITEA, GITLAB, SIMPLE, INSIDE, NESTED]


def test_github():
    (result,) = webhook_hooks.convert([GITHUB], CHECK)
    assert result.open_points == []
    assert result.secrets == {"vault_deploy_site_secret": KEY}
    assert result.endpoint == {
        "name": "deploy-site",
        "path": "/hooks/Deploy%20Site",
        "frontend": {"users": []},
        "methods": ["POST"],
        "auth": [{"github": {"secret": "vault_deploy_site_secret"}}],
        "only_if": [
            {"from": "json:/ref", "equals": "refs/heads/main"},
            {"from": "header:X-GitHub-Event", "equals": "push"},
        ],
        "job": {
            "command": ["/usr/bin/env"],
            "args": [
                "DELIVERY={X_GitHub_Delivery}",
                "/srv/site/deploy.sh",
                "--ref",
                "{ref}",
                "{head_commit_id}",
            ],
        },
        "environment": {"LANG": "C.UTF-8"},
        "parameters": [
            {"name": "X_GitHub_Delivery", "from": "header:X-GitHub-Delivery", "default": ""},
            {"name": "ref", "from": "json:/ref", "default": ""},
            {"name": "head_commit_id", "from": "json:/head_commit/id", "default": ""},
        ],
        "extra_parameters": "ignore",
        "working_directory": "/srv/site",
        "response": {"status": 202, "body": "queued"},
        "when_busy": "queue",
    }


@pytest.mark.parametrize(
    ("rule", "auth"),
    [
        (GITEA["trigger-rule"], [{"gitea": {"secret": KEY}}]),
        (GITLAB["trigger-rule"], [{"gitlab": {"secret": KEY}}]),
        (SIMPLE["trigger-rule"], [{"token": {"secret": KEY, "query": "token"}}]),
        (NESTED["trigger-rule"], [{"github": {"secret": KEY}}, {"github": {"secret": OTHER_KEY}}]),
        # GitLab's signing tokens are something else
        (
            value("X-Gitlab-Token", "whsec_" + KEY, "header"),
            [{"token": {"secret": "whsec_" + KEY, "header": "X-Gitlab-Token"}}],
        ),
        (value("Authorization", f"Bearer {KEY}", "header"), [{"token": {"secret": KEY}}]),
        (
            value("Authorization", "Basic dXNlcjpwYXNz", "header"),
            [{"token": {"secret": "Basic dXNlcjpwYXNz", "header": "Authorization"}}],
        ),
        (regex("X-Api-Key", f"^{KEY}$", "header"), [{"token": {"secret": KEY, "header": "X-Api-Key"}}]),
        (value("secret", KEY), [{"token": {"secret": KEY}}]),
        (
            signed("X-Hub-Signature", "sha1"),
            [
                {
                    "hmac": {
                        "secret": KEY,
                        "header": "X-Hub-Signature",
                        "algorithm": "sha1",
                        "prefix": "sha1=",
                        "separator": ",",
                    }
                }
            ],
        ),
        (
            match("payload-hash-sha512", "header", "X-Signature", secret=KEY),
            [
                {
                    "hmac": {
                        "secret": KEY,
                        "header": "X-Signature",
                        "algorithm": "sha512",
                        "prefix": "sha512=",
                        "separator": ",",
                    }
                },
                {"hmac": {"secret": KEY, "header": "X-Signature", "algorithm": "sha512"}},
            ],
        ),
    ],
)
def test_who_may_call(rule, auth):
    assert under(rule)["auth"] == auth


def test_a_short_secret_is_taken_and_told():
    result = imported(trigger_rule=signed(secret="short"))
    assert result.endpoint["allow_weak_secret"] is True
    assert any("shorter than 16 bytes" in note for note in result.notes)


def test_networks():
    assert under(INSIDE["trigger-rule"])["allow_from"] == ["192.0.2.7/32", "198.51.100.0/24", "2001:db8::/32"]
    both = {"and": [network("192.0.2.0/24 2001:db8::/32"), network("192.0.2.8/29 203.0.113.0/24")]}
    assert under(both)["allow_from"] == ["192.0.2.8/29"]
    assert imported(trigger_rule={"and": [network("192.0.2.1"), network("192.0.2.2")]}).endpoint is None


@pytest.mark.parametrize(
    ("rule", "only_if"),
    [
        (value("a.0.b/c", "x"), [{"from": "json:/a/0/b~1c", "equals": "x"}]),
        (value("a", True), [{"from": "json:/a", "equals": "true"}]),
        (value("q", "x", "query"), [{"from": "query:q", "equals": "x"}]),
        ({"or": [value("a", "x"), value("a", "y")]}, [{"from": "json:/a", "in": ["x", "y"]}]),
        ({"or": [value("a", "x."), regex("a", "^y+$")]}, [{"from": "json:/a", "matches": "(?:x\\.)|(?:y+)"}]),
        ({"not": value("q", "x", "url")}, [{"from": "query:q", "equals": "x", "not": True}]),
        # webhook ends an `and` where a value is missing, also within `not`
        (
            {"and": [value("q", "1", "url"), {"not": value("r", "2", "url")}]},
            [
                {"from": "query:q", "equals": "1"},
                {"from": "query:r", "matches": "(?s:.*)"},
                {"from": "query:r", "equals": "2", "not": True},
            ],
        ),
        (
            {"not": {"or": [value("q", "1", "url"), {"not": value("r", "2", "url")}]}},
            [{"from": "query:q", "equals": "1", "not": True}, {"from": "query:r", "equals": "2"}],
        ),
        ({"And": [{"NOT": {"or": [value("q", "1", "url")]}}]}, [{"from": "query:q", "equals": "1", "not": True}]),
    ],
)
def test_conditions(rule, only_if):
    assert under(rule)["only_if"] == only_if


@pytest.mark.parametrize(
    ("pattern", "takes", "refuses"),
    [
        ("^refs/heads/(main|dev)$", ["refs/heads/dev"], ["refs/heads/dev2", "refs/heads/dev\n", "x refs/heads/dev"]),
        ("v[0-9]", ["v1", "a v1\nb"], ["v"]),
        ("^v[0-9]", ["v1 b"], ["a v1"]),
        ("a|b$", ["ac", "cb"], ["b\n", "bc"]),
        ("^a|b$", ["ac", "cb"], ["ca", "bc"]),
        (r"^\(a|b\)$", ["(ac", "cb)"], ["c(a", "b)c"]),
        (r"costs 5\$", ["costs 5$."], ["costs 5"]),
        ("(?i)^Release", ["RELEASE 1"], ["a release"]),
        (r"^\d+$", ["12"], ["١٢", "12\n"]),
        ("", ["", "x\ny"], []),
        (".*", ["", "x\ny"], []),
        ("^https?://[^:/]+/[:x]+$", ["http://a/x", "https://a.b/:"], ["http://a:1/x"]),
        (r"^C\++[+*]+ [a{,b]\{,$", ["C++*+ {{,"], ["C+ {{,"]),
        (r"(?m)^\[skip", ["[skip", "fix\n[skip ci]"], ["fix [skip"]),
        ("(?m)^skip$", ["skip", "fix\nskip\nx"], ["skip ci", "fix\nskip ci"]),
        ("(?im)skip$", ["a Skip", "SKIP\nb"], ["skip ci\nb"]),
    ],
)
def test_a_regex_means_what_it_meant(pattern, takes, refuses):
    rules = under(regex("a", pattern, "url"))["only_if"]
    assert all(meets(rules, query_of(a=text)) for text in takes)
    assert not any(meets(rules, query_of(a=text)) for text in refuses)


def query_of(**values):
    return "&".join(f"{name}=" + "".join(f"%{octet:02x}" for octet in text.encode()) for name, text in values.items())


def meets(only_if, query):
    (prepared,) = trigger_endpoints.prepare(
        [{"name": "a", "job": {"command": ["/bin/true"]}, "only_if": only_if}], {}, OPTIONS, None
    )
    request = Request.__new__(Request)
    request.query, request.fields = query.encode(), {}
    return conditions.first_unmet(prepared["conditions"], Sources(request, bytes)) is None


DISABLED = {
    "two secrets": {"and": [signed(), value("X-Token", OTHER_KEY, "header")]},
    "either signature or network": {"or": [signed(), network("192.0.2.1")]},
    "values at two places": {"and": [signed(), {"or": [value("a", "x"), value("b", "x")]}]},
    "cases": {"or": [{"and": [value("a", "x"), value("b", "x")]}, {"and": [value("a", "y"), value("b", "y")]}]},
    "not of and": {"not": {"and": [value("a", "x"), value("b", "x")]}},
    "not of a network": {"not": network("192.0.2.0/24")},
    "not of a secret": {"not": value("X-Token", KEY, "header")},
    "scalr": {"match": {"type": "scalr-signature", "secret": KEY}},
    "signature in the query": match("payload-hmac-sha256", "url", "signature", secret=KEY),
    "regex of a secret": regex("token", "^" + KEY + ".+", "url"),
    **{
        f"regex of Go or of Python, {pattern}": regex("a", pattern)
        for pattern in (
            *("[[:alpha:]]+", "^[_[:alnum:]]+$", "[a-z[:^digit:]]", "a{,3}", "a++", "(?<n>a)", r"\101", r"\u0061"),
            *("(?m:^skip$)", "x(?m)^skip", "a(?i)b"),
        )
    },
    "regex that is none": regex("a", "("),
    "method": value("method", "POST", "request"),
}


@pytest.mark.parametrize("rule", DISABLED.values(), ids=DISABLED)
def test_what_would_let_in_more_is_disabled(rule):
    result = imported(trigger_rule=rule)
    assert result.endpoint["state"] == "disabled"
    assert len(result.open_points) == 1 and result.open_points[0].startswith("trigger-rule: ")


TOLD_LESS = {
    "pass_file_to_command": [{"source": "payload", "name": "file", "envname": "FILE"}],
    "pass_arguments_to_command": [{"source": "entire-payload"}],
    "pass_environment_to_command": [{"source": "request", "name": "remote-addr", "envname": "CLIENT"}],
    "parse_parameters_as_json": [{"source": "url", "name": "q"}],
    "command_working_directory": "here",
    "execute_command": "./run",
}


@pytest.mark.parametrize("key", TOLD_LESS)
def test_where_the_job_would_be_told_less_is_disabled(key):
    result = imported(**{key: TOLD_LESS[key]})
    assert result.endpoint["state"] == "disabled"
    assert len(result.open_points) == 1


@pytest.mark.parametrize("command", ["install", "./install", "bin/../install"])
def test_a_command_stands_in_its_directory(command):
    result = imported(execute_command=command, command_working_directory="/srv/site")
    assert result.endpoint["job"]["command"] == ["/srv/site/install"]
    assert any("/srv/site/install" in note for note in result.notes)


def test_a_bare_command_without_a_directory_is_searched_for():
    assert endpoint(execute_command="install")["job"]["command"] == ["install"]


@pytest.mark.parametrize(
    "command",
    ["/srv/deploy --all", "bash -c 'cd /srv; ./deploy'", "/srv/deploy;reboot", "/srv/deploy > /dev/null", "/srv/$NAME"],
)
def test_a_line_for_a_shell_is_disabled(command):
    result = imported(execute_command=command)
    assert result.endpoint is None or result.endpoint["state"] == "disabled"
    assert any(point.startswith("execute-command: ") for point in result.open_points)


@pytest.mark.parametrize(
    "secret",
    [
        '{{ getenv "SECRET" | js }}',
        "${WEBHOOK_SECRET}",
        "$WEBHOOK_SECRET",
        "$(cat /etc/secret)",
        "`cat /etc/secret`",
        "%WEBHOOK_SECRET%",
        "<%= secret %>",
        "a\\u0062c" * 4,
    ],
)
@pytest.mark.parametrize("rule", [lambda text: signed(secret=text), lambda text: value("X-Token", text, "header")])
def test_a_secret_that_another_program_was_to_fill_in_is_disabled(secret, rule):
    """It would be known to everybody who has seen the file."""
    result = imported(trigger_rule={"and": [rule(secret), value("ref", "main")]})
    assert result.endpoint["state"] == "disabled"
    (point,) = [point for point in result.open_points if "fill in" in point]
    assert secret not in point


def test_what_another_program_was_to_fill_in_elsewhere_is_disabled_too():
    result = imported(pass_arguments_to_command=[{"source": "string", "name": "{{ getenv `HOST` }}"}])
    assert result.endpoint["state"] == "disabled"
    assert result.open_points[0].startswith("pass-arguments-to-command: ")
    assert imported(trigger_rule=regex("ref", "^{{ getenv `BRANCH` }}$")).endpoint["state"] == "disabled"
    assert not imported(trigger_rule=regex("ref", "^v[0-9]{1,2}$")).open_points
    assert not imported(response_message="it costs $5, or 10%, and `no` more").open_points


@pytest.mark.parametrize(
    ("said", "keys"),
    [
        ("application/json", {"body_type": "json"}),
        ("application/vnd.x+json", {"body_type": "json"}),
        ("application/x-www-form-urlencoded", {"body_type": "form"}),
    ],
)
def test_the_type_of_a_body_is_said(said, keys):
    arguments = [{"source": "payload", "name": "ref"}]
    found = endpoint(incoming_payload_content_type=said, pass_arguments_to_command=arguments)
    assert {key: found[key] for key in keys} == keys
    assert "body_type" not in endpoint(incoming_payload_content_type=said)


def test_what_becomes_of_equal_signed_bodies_is_told():
    assert any("replay_window" in note for note in imported(trigger_rule=signed()).notes)
    assert not any("replay_window" in note for note in imported(trigger_rule=value("X-Token", KEY, "header")).notes)


def test_what_is_so_with_every_hook_is_told():
    report = " ".join(plugin.import_webhook(json.dumps([hook()]))["report"])
    for told in ("a body of any size", "25 MiB from GitHub", "leaves in the background is ended"):
        assert told in report


def test_what_is_advised_for_a_secret_is_what_the_role_takes():
    result = imported(pass_environment_to_command=[{"source": "payload", "name": "password", "envname": "PASSWORD"}])
    (note,) = [note for note in result.notes if "sensitive" in note]
    assert "without `default`" in note and "$TRIGGER_PARAM_PASSWORD" in note and "out of job.args" in note
    (parameter,) = result.endpoint["parameters"]
    del parameter["default"]
    parameter["sensitive"] = True
    assert CHECK(resolve(result.endpoint, result.secrets))
    result.endpoint["job"]["args"] = [arg for arg in result.endpoint["job"]["args"] if "{password}" not in arg]
    assert CHECK(resolve(result.endpoint, result.secrets)) == []


def test_arguments_keep_their_positions():
    references = [
        {"source": "raw-request-body"},
        {"source": "string", "name": "{ref}"},
        {"source": "url", "name": "ref"},
    ]
    job = imported(pass_arguments_to_command=references).endpoint["job"]
    assert job == {"command": ["/srv/deploy"], "args": ["", "{ref}", "{ref_2}"]}


def test_the_json_in_a_form():
    parsed = [{"source": "payload", "name": "payload"}]
    references = [{"source": "payload", "name": "payload.after"}]
    (parameter,) = endpoint(parse_parameters_as_json=parsed, pass_arguments_to_command=references)["parameters"]
    assert parameter == {"name": "payload_after", "from": "json:/after", "default": ""}


def test_where_a_body_is_looked_into():
    references = [{"source": "payload", "name": name} for name in ("ref", "pusher.name")]
    result = imported(pass_arguments_to_command=references, trigger_rule={"not": value("ref", "x")})
    assert [one["from"] for one in result.endpoint["parameters"]] == [
        ["form:ref", "json:/ref"],
        ["form:pusher.name", "json:/pusher/name"],
    ]
    assert any("write form:ref" in note for note in result.notes)


@pytest.mark.parametrize("kind", [None, "application/json", "application/x-www-form-urlencoded"])
def test_who_was_refused_does_not_come_in_with_a_value_that_only_webhook_saw(kind):
    # A list, or a form where JSON is meant, has no value for only_if, so a `not` would let it in.
    said = {"incoming_payload_content_type": kind} if kind else {}
    result = imported(trigger_rule={"not": regex("commits", "skip")}, **said)
    place = result.endpoint["only_if"][1]["from"]
    assert result.endpoint["only_if"][0] == {"from": place, "matches": "(?s:.*)"}
    assert any(f"a request without {place} starts nothing" in note for note in result.notes)


@pytest.mark.parametrize("name", ["root", "root.0.id"])
def test_a_body_that_may_be_a_list_is_disabled(name):
    for said in (
        {"pass_arguments_to_command": [{"source": "payload", "name": name}]},
        {"trigger_rule": value(name, "")},
    ):
        result = imported(**said)
        assert result.endpoint["state"] == "disabled"
        assert any("json:/0/" in point for point in result.open_points)


def test_of_which_bodies_a_parameter_would_be_empty_is_told():
    (note,) = (
        note
        for note in imported(pass_arguments_to_command=[{"source": "payload", "name": "a.b"}]).notes
        if "taken for strings" in note
    )
    assert "application/json" in note and "a key with a dot" in note


def test_no_job_is_told_the_token():
    references = [{"source": "query", "name": "token"}]
    result = imported(trigger_rule=SIMPLE["trigger-rule"], pass_arguments_to_command=references)
    assert result.endpoint["state"] == "disabled"
    assert "parameters" not in result.endpoint


NEVER = {
    "no id": {"execute-command": "/srv/deploy"},
    "no command": {"id": "deploy"},
    "no hook": "deploy",
    "empty rule": hook(trigger_rule={}),
    "or of nothing": hook(trigger_rule={"or": []}),
    "no secret": hook(trigger_rule=signed(secret="")),
    "no network": hook(trigger_rule=network("here")),
    "unknown match": hook(trigger_rule=value("a", "x") | {"match": {"type": "like", "parameter": {}}}),
    "no method": hook(http_methods=["TRACE"]),
    "a list as a string": hook(response_message=["OK"]),
    "a string as a list": hook(pass_arguments_to_command="x"),
    "a NUL": hook(execute_command="/srv/\0"),
    "too deep": hook(trigger_rule=json.loads('{"not": ' * 900 + "{}" + "}" * 900)),
}


@pytest.mark.parametrize("given_hook", NEVER.values(), ids=NEVER)
def test_what_is_not_carried_over(given_hook):
    (result,) = webhook_hooks.convert([given_hook], CHECK)
    assert result.endpoint is None and result.open_points and not result.secrets


def test_names():
    ids = ["a", "A", "a_", "42", "ä", "a-very-long-name-of-a-hook", "a-very-long-name-of-a-hook-2", "a", "../x"]
    results = webhook_hooks.convert([hook(id=one) for one in ids], CHECK)
    names = [result.endpoint and result.endpoint["name"] for result in results]
    assert names == [
        "a",
        "a-2",
        "a-3",
        "hook-42",
        "hook",
        "a-very-long-name-of-a-h",
        "a-very-long-name-of-a-2",
        None,
        "x",
    ]
    told = [any("its name is now" in note for note in result.notes) for result in results]
    assert told == [name not in (None, one) for name, one in zip(names, ids)]


def test_secrets_of_commands_are_kept_out_too():
    result = imported(
        trigger_rule=signed(),
        pass_arguments_to_command=[{"source": "string", "name": "--password"}, {"source": "string", "name": "hunter2"}],
        pass_environment_to_command=[{"source": "string", "name": OTHER_KEY, "envname": "DEPLOY_TOKEN"}],
        response_message=f"thanks for {KEY}",
    )
    assert not result.open_points
    assert all(secret not in json.dumps(result.endpoint) for secret in (KEY, OTHER_KEY, "hunter2"))
    assert set(result.secrets.values()) == {KEY, OTHER_KEY, "hunter2", f"thanks for {KEY}"}


def test_what_ansible_would_evaluate_stays_text():
    text = plugin.import_webhook(json.dumps([hook(response_message="{{ lookup('pipe', 'id') }}")]))["endpoints"]
    assert "!unsafe \"{{ lookup('pipe', 'id') }}\"" in text


UNFIT = [f"- id: !!{kind} {text}" for kind, text in (("int", "''"), ("timestamp", "x"), ("bool", "x"), ("float", "x"))]


@pytest.mark.parametrize(
    "text", ['{"id": "a"}', '["\\ud800"]', "&a [*a]", "{{ getenv }}: [", "- {? [a]: b}", "[" * 100000, "\0", *UNFIT]
)
def test_a_file_that_holds_no_hooks(text):
    with pytest.raises(plugin.AnsibleFilterError):
        plugin.import_webhook(text)


def test_a_file_in_json_with_tabs_or_in_yaml():
    both = ('[\n\t{"id": "a", "execute-command": "/x"}\n]', "- id: a\n  execute-command: /x\n")
    assert plugin.read(both[0]) == plugin.read(both[1]) == [{"id": "a", "execute-command": "/x"}]


# -- any input ---------------------------------------------------------------------------------------------------------

WORDS = [
    "ref",
    "a.b",
    "X-Token",
    "payload",
    "payload.x",
    "token",
    "/srv/x",
    "./x",
    "200",
    "{ref}",
    "^a|b$",
    "{{ x }}",
    "",
]
texts = st.sampled_from(WORDS) | st.text(max_size=12)
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
sources = st.sampled_from(["header", "url", "query", "payload", "string", "request", "entire-payload", "x"])
secrets = st.sampled_from([KEY, OTHER_KEY])
reference = st.fixed_dictionaries({"source": sources, "name": texts}, optional={"envname": texts})
kinds = st.sampled_from(
    ["value", "regex", "ip-whitelist", "scalr-signature", *(f"payload-hmac-{each}" for each in ("sha1", "sha256"))]
)
leaf = st.builds(
    lambda kind, parameter, text, secret, addresses: {
        "match": {
            "type": kind,
            "parameter": parameter,
            "value": secret if webhook_hooks.secrets.NAMED_SO.search(parameter["name"]) else text,
            "regex": text,
            "secret": secret,
            "ip-range": addresses,
        }
    },
    kinds,
    reference,
    texts,
    secrets,
    st.sampled_from(["192.0.2.0/24", "2001:db8::1", "198.51.100.1 192.0.2.1", "x"]),
)
rule = st.recursive(
    leaf,
    lambda inner: (
        st.fixed_dictionaries({"and": st.lists(inner, max_size=3)})
        | st.fixed_dictionaries({"or": st.lists(inner, max_size=3)})
        | st.fixed_dictionaries({"not": inner})
    ),
    max_leaves=6,
)
any_hook = st.fixed_dictionaries(
    {"id": texts, "execute-command": texts},
    optional={
        "trigger-rule": rule,
        "command-working-directory": texts,
        "response-message": texts,
        "success-http-response-code": st.sampled_from([200, 202, 418, "x"]),
        "http-methods": st.lists(st.sampled_from(["GET", "post", "HEAD"]), max_size=2),
        "include-command-output-in-response": st.booleans(),
        "incoming-payload-content-type": st.sampled_from(["application/json", "multipart/form-data"]),
        "pass-arguments-to-command": st.lists(reference, max_size=3),
        "pass-environment-to-command": st.lists(reference, max_size=3),
        "pass-file-to-command": st.lists(reference, max_size=1),
        "response-headers": st.lists(st.fixed_dictionaries({"name": texts, "value": texts}), max_size=2),
    },
)


def items_of(text):
    """The endpoints in a file, as the role would be given them but for expressions: list of dicts."""
    return yaml.load(text, Loader=_Loader)["trigger_endpoints"]


class _Loader(yaml.SafeLoader):
    pass


_Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


@given(st.lists(any_hook, max_size=3))
@example(EXAMPLES)
@example([{"id": "lines", "execute-command": "/bin/true", "response-message": "\x85\u2028"}])
def test_every_endpoint_is_taken_and_holds_no_secret(hooks):
    before = copy.deepcopy(hooks)
    results = webhook_hooks.convert(hooks, CHECK)
    assert hooks == before
    assert len(results) == len(hooks)
    endpoints = [resolve(result.endpoint, result.secrets) for result in results if result.endpoint]
    trigger_endpoints.prepare(endpoints, {}, OPTIONS, None)
    for result in results:
        disabled = bool(result.endpoint) and result.endpoint.get("state") == "disabled"
        assert disabled == bool(result.endpoint and result.open_points)
    text = plugin.endpoints_yaml(results)
    report = plugin.import_webhook(json.dumps(hooks))["report"]
    for secret in (KEY, OTHER_KEY):
        assert secret not in text and not any(secret in line for line in report)
    stored = yaml.safe_load(plugin.secrets_yaml(results) or "{}")
    written = items_of(text)
    assert len(written) == len(endpoints)
    for one, expected in zip(written, endpoints):
        assert with_values(one, stored) == expected


def with_values(value, stored):
    if isinstance(value, dict):
        return {key: with_values(item, stored) for key, item in value.items()}
    if isinstance(value, list):
        return [with_values(item, stored) for item in value]
    variable = re.fullmatch(r"\{\{ (vault_\w+) \}\}", value) if isinstance(value, str) else None
    return stored[variable[1]] if variable else value


@given(st.lists(st.dictionaries(st.sampled_from(sorted(webhook_hooks.KEYS)), junk, max_size=6) | junk, max_size=3))
def test_nothing_that_json_can_hold_makes_it_crash(hooks):
    for result in webhook_hooks.convert(hooks, CHECK):
        assert result.endpoint or result.open_points


@given(st.text() | st.binary().map(lambda octets: octets.decode(errors="surrogateescape")))
def test_no_text_makes_it_crash(text):
    try:
        plugin.import_webhook(text)
    except plugin.AnsibleFilterError:
        pass


# -- the same decision -------------------------------------------------------------------------------------------------

plain_leaf = st.builds(
    lambda name, kind, text: match(kind, "url", name, **{kind: text}),
    st.sampled_from(["a", "b"]),
    st.sampled_from(["value", "regex"]),
    st.sampled_from(["", "x", "y", "x|y", "^x", "y$", "^(x|xy)$"]),
)
plain_rule = st.recursive(
    plain_leaf,
    lambda inner: (
        st.fixed_dictionaries({"and": st.lists(inner, max_size=3)})
        | st.fixed_dictionaries({"or": st.lists(inner, max_size=3)})
        | st.fixed_dictionaries({"not": inner})
    ),
    max_leaves=5,
)
queries = st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from(["", "x", "y", "xy", "x\n", "yx"]))


def webhook_decides(rule, query):
    """What webhook 2.8 makes of a rule: (whether it holds, whether a value was missing)."""
    ((kind, content),) = rule.items()
    if kind == "match":
        name = content["parameter"]["name"]
        if name not in query:
            return False, True
        if content["type"] == "value":
            return query[name] == content["value"], False
        return re.search(content["regex"].replace("$", r"\Z"), query[name]) is not None, False
    if kind == "not":
        holds, missing = webhook_decides(content, query)
        return not holds, missing
    if kind == "or":
        return any(webhook_decides(child, query)[0] for child in content), False
    for child in content:
        holds, missing = webhook_decides(child, query)
        if missing or not holds:
            return False, missing
    return True, False


@given(plain_rule, queries)
@example({"or": [match("value", "url", "b", value=""), match("regex", "url", "b", regex="")]}, {"b": ""})
@example({"not": {"and": [{"not": match("value", "url", "a", value="")}]}}, {})  # a missing value fails the `and`
def test_an_endpoint_decides_as_the_hook_did(rule, query):
    result = imported(trigger_rule=rule)
    decision, _ = webhook_decides(rule, query)
    if result.endpoint is None:
        assert not decision
    elif not result.open_points:
        assert meets(result.endpoint.get("only_if", []), query_of(**query)) == decision


# -- docs/coming-from.md -----------------------------------------------------------------------------------------------

DOCUMENT = PROJECT / "docs/coming-from.md"


def test_the_examples_are_endpoints_that_the_role_takes():
    endpoints = [item for block in yaml_blocks(DOCUMENT) for item in block]
    assert [item["name"] for item in endpoints] == ["deploy", "work", "backup"]
    trigger_endpoints.prepare(endpoints, {}, OPTIONS, None)


def test_the_example_of_an_import_is_what_comes_out():
    text = DOCUMENT.read_text(encoding="utf-8")
    then, now = (re.search(rf"```{kind}\n(.*?)```", text, re.DOTALL)[1] for kind in ("json", "yaml"))
    assert items_of(plugin.import_webhook(then)["endpoints"]) == yaml.safe_load(now)


def test_the_keys_of_a_hook_are_all_told_of():
    text = DOCUMENT.read_text(encoding="utf-8")
    assert [key for key in webhook_hooks.KEYS if f"`{key}`" not in text] == []


def test_the_files_that_it_links_to_are_there():
    targets = re.findall(r"\]\(([^)#:]+)[)#]", DOCUMENT.read_text(encoding="utf-8"))
    assert targets and all((DOCUMENT.parent / target).exists() for target in targets)


# -- the playbook ------------------------------------------------------------------------------------------------------

READ_BACK = """
- hosts: localhost
  connection: local
  gather_facts: false
  vars_files: [vars/trigger.yml, vars/vault.yml]
  tasks:
    - ansible.builtin.copy:
        content: "{{ trigger_endpoints | to_json }}"
        dest: "{{ playbook_dir }}/read.json"
        mode: "0600"
"""


def play(path, *arguments, cwd=PROJECT):
    environment = {
        "PATH": f"{BIN}:/usr/bin:/bin",
        "HOME": str(path.parent),
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_LOCALHOST_WARNING": "false",
    }
    command = [BIN / "ansible-playbook", "-v", "--diff", str(path), *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def test_the_playbook(tmp_path):
    source, target = tmp_path / "hooks.json", tmp_path / "vars"
    disabled = hook(id="old", trigger_rule=DISABLED["scalr"])
    braces = hook(id="braces", response_message="{{ 1 + 1 }}")
    source.write_text(json.dumps([*EXAMPLES, disabled, braces, {"id": "no-command"}]))
    arguments = ["-e", "hooks=hooks.json", "-e", "target=vars"]  # as a person says it, in a directory of hers
    playbook = PROJECT / "playbooks/import_webhook.yml"
    done = play(playbook, *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    for line in ("gitea: carried over as gitea", "old: carried over as old, disabled", "no-command: not carried over"):
        assert line in done.stdout
    assert KEY not in done.stdout + done.stderr + (target / "trigger.yml").read_text()
    assert stat.S_IMODE(os.stat(target / "vault.yml").st_mode) == 0o600

    again = play(playbook, *arguments, cwd=tmp_path)
    assert again.returncode != 0 and "is there already" in again.stdout

    (tmp_path / "read.yml").write_text(READ_BACK)
    done = play(tmp_path / "read.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    endpoints = json.loads((tmp_path / "read.json").read_text())
    assert [one["name"] for one in endpoints][:2] == ["deploy-site", "gitea"]
    assert endpoints[1]["auth"] == [{"gitea": {"secret": KEY}}]
    assert endpoints[-1]["response"]["body"] == "{{ 1 + 1 }}"
    trigger_endpoints.prepare(endpoints, {}, OPTIONS, None)
