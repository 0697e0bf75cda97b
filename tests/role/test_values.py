"""The keys about runs and their control: what the controller refuses, and what it makes of the rest."""

import front
import pytest
import role
from hypothesis import given
from hypothesis import strategies as st

import trigger_endpoints
from trigger_endpoints import values

TOKEN = [{"token": {"secret": "0123456789abcdef"}}]


def mistakes(**keys):
    with pytest.raises(trigger_endpoints.Mistakes) as caught:
        role.prepare(**keys)
    return caught.value.messages


@pytest.mark.parametrize(
    ("said", "key", "hint"),
    [
        ({"output": "cgi"}, "output", "needs wait"),
        ({"output": "cgi", "wait": "0"}, "output", "needs wait"),
        ({"output": "cgi", "wait": "9s", "stream": True}, "output", "cannot go with stream"),
        ({"output": "html", "wait": "9s"}, "output", "plain"),
        ({"wait": "9s", "output_limit": "0"}, "output_limit", "no output to answer with"),
        ({"stream": True, "output_limit": 0}, "output_limit", "no output to answer with"),
        ({"output_limit": "much"}, "output_limit", "not a valid size"),
        ({"wait": "soon"}, "wait", "not a valid time span"),
        ({"wait": "infinity"}, "wait", "must end"),
        ({"wait": "-1"}, "wait", "not a valid time span"),
        ({"stream": "maybe"}, "stream", "bool"),
        ({"runs_api": "maybe"}, "runs_api", "bool"),
        ({"debounce": "infinity"}, "debounce", "must end"),
        ({"debounce_max": "infinity"}, "debounce_max", "must end"),
        ({"max_rate": "10"}, "max_rate", "not a valid rate"),
        ({"max_rate": "0/min"}, "max_rate", "not a valid rate"),
        ({"max_rate": "1001/min"}, "max_rate", "not a valid rate"),
        ({"max_rate": "10/fortnight"}, "max_rate", "not a valid time span"),
        ({"max_rate": "10/100ms"}, "max_rate", "a second or longer"),
        ({"max_rate": "10/infinity"}, "max_rate", ""),
        ({"exclusive": ""}, "exclusive", "not a valid name of a lock"),
        ({"exclusive": "../x"}, "exclusive", "not a valid name of a lock"),
        ({"exclusive": "a/b"}, "exclusive", "not a valid name of a lock"),
        ({"exclusive": "."}, "exclusive", "not a valid name of a lock"),
        ({"exclusive": "a b"}, "exclusive", "not a valid name of a lock"),
        ({"keep_runs": -1}, "keep_runs", "less than 0"),
        ({"keep_for": "0"}, "keep_for", "shorter than 1"),
        ({"keep_for": "ever"}, "keep_for", "not a valid time span"),
        *(
            ({key: [unit]}, key, "not a valid name of a unit")
            for key in ("on_success", "on_failure")
            for unit in ("", "mail", "--force.service", "a b.service", "a/b.service", "mail@.Service", "x.service\n")
        ),
        ({"on_failure": "mail@.service"}, "on_failure", "list of strings"),
    ],
)
def test_a_mistake_names_its_key(said, key, hint):
    (found,) = mistakes(**said)
    assert found.startswith("endpoint 'a': ")
    assert key in found
    assert hint in found


@pytest.mark.parametrize(
    "said",
    [
        {"auth": TOKEN},
        {"allow_from": ["192.0.2.0/24"]},
        {"allow_origins": ["https://a"]},
        {"parameters": []},
        {"parameters": [{"name": "x"}]},
        {"only_if": [{"from": "query:x", "equals": "y"}]},
        {"pass_headers": ["X-A"]},
        {"wait": "9s"},
        {"stream": True},
        {"exclusive": "x"},
        {"debounce": "1s"},
        {"max_rate": "10/min"},
        {"on_success": ["a.service"]},
        {"on_failure": ["a.service"]},
    ],
)
def test_with_handoff_nobody_would_heed_it(said):
    """Above all not `auth`: whoever writes it must not believe that it guards."""
    (found,) = mistakes(handoff=True, **said)
    assert found.startswith(f"endpoint 'a': {next(iter(said))}: with handoff ")
    role.prepare(**said)


@pytest.mark.parametrize(
    ("said", "defaults", "limit"),
    [
        ({}, {}, []),
        ({}, {"timeout": None}, []),
        ({"timeout": None}, {}, []),
        ({"timeout": "5min"}, {}, ["5min"]),  # which is the default, too
        ({"timeout": "1h"}, {}, ["1h"]),
        ({"timeout": "infinity"}, {}, ["infinity"]),
        ({}, {"timeout": "5min"}, ["5min"]),
        ({"timeout": "1h"}, {"timeout": "5min"}, ["1h"]),
        ({"timeout": None}, {"timeout": "5min"}, ["5min"]),
    ],
)
def test_a_server_of_its_own_has_the_time_limit_that_is_said(said, defaults, limit):
    """A runner keeps that of other jobs, so their units say none."""
    for handoff, expected in ((True, limit), (False, [])):
        given = front.endpoint(handoff=handoff, **said)
        files = front.files(given, front=False, defaults=defaults)
        lines = [line for file in files.values() for line in file["content"].splitlines()]
        assert [line[14:] for line in lines if line.startswith("RuntimeMaxSec=")] == expected


def test_handoff_beyond_loopback_has_to_be_said():
    assert "allow_unauthenticated" in mistakes(handoff=True, listen=["3000"])[0]
    assert role.prepare(handoff=True, listen=["3000"], allow_unauthenticated=True)["handoff"]


def test_what_can_stand_together():
    endpoint = role.endpoint(
        wait="90s", output="cgi", debounce="1s", debounce_max="5s", exclusive="db-1.main", max_rate="10 / min",
        keep_for="7d", keep_runs=1, on_success=["a@.service", "b.target"], on_failure=["c@x.service"],
        output_limit="2MiB",
    )  # fmt: skip
    assert (endpoint.wait, endpoint.output, endpoint.output_limit) == (90, "cgi", 2 * 1024 * 1024)
    assert (endpoint.debounce, endpoint.debounce_max, endpoint.exclusive) == (1, 5, "db-1.main")
    assert (endpoint.max_rate, endpoint.keep_for, endpoint.keep_runs) == ([10, 60], 604800, 1)


@pytest.mark.parametrize(
    ("said", "on"),
    [
        ({}, True),
        ({"listen": ["127.0.0.1:3000", "[::1]:3000", "/run/a"]}, True),
        ({"listen": ["3000"], "allow_unauthenticated": True}, False),
        ({"listen": ["127.0.0.1:3000", "192.0.2.1:3000"], "allow_unauthenticated": True}, False),
        ({"listen": ["3000"], "auth": TOKEN}, True),
        ({"runs_api": False}, False),
        ({"listen": ["3000"], "allow_unauthenticated": True, "runs_api": True}, True),
    ],
)
def test_runs_are_told_where_no_stranger_can_ask(said, on):
    assert role.endpoint(**said).runs_api is on


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10/min", (10, 60.0)),
        ("1/s", (1, 1.0)),
        ("3/4s", (3, 4.0)),
        ("1000/1d", (1000, 86400.0)),
        (" 5 / 1h 30min ", (5, 5400.0)),
        ("2/hour", (2, 3600.0)),
        ("7/90", (7, 90.0)),
    ],
)
def test_rates(text, expected):
    assert values.parse_rate(text) == expected


@pytest.mark.parametrize(
    "text", ["", "/", "10/", "/min", "10/0s", "-1/min", "1.5/min", "٣/min", "10000/min", "10/min/s", "x/y"]
)
def test_what_is_no_rate(text):
    with pytest.raises(ValueError, match=r"not a valid (rate|time span)"):
        values.parse_rate(text)


@given(st.text(max_size=20))
def test_any_text_is_a_rate_or_is_refused(text):
    try:
        count, seconds = values.parse_rate(text)
    except ValueError:
        return
    assert 1 <= count <= values.RATE_LIMIT
    assert 1 <= seconds < float("inf")
