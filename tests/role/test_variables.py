"""Variables and programs as the action plugin takes them: a wrong one is named before the host is asked."""

import front
import pytest
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

SECRET = "0123456789abcdef-of-a-sender"


class Task:
    def __init__(self, args):
        self.args = args


@pytest.fixture
def play(monkeypatch):
    """Call the plugin for a preflight. variables: without trigger_. Returns what it hands to the host."""

    def run(**variables):
        made = front.plugin.ActionModule.__new__(front.plugin.ActionModule)
        made._task = Task({"preflight": True, "frontend": {"enabled": False}, **variables})
        monkeypatch.setattr(ActionBase, "run", lambda *_: None)
        made._execute_module = lambda name, arguments, task_vars: arguments
        return made.run()

    return run


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"defaults": "timeout=1h"}, "trigger_defaults: this must be a dict of its keys, not what is given"),
        ({"defaults": [{"timeout": "1h"}]}, "trigger_defaults: this must be a dict of its keys, not what is given"),
        ({"endpoints": "name=a"}, "trigger_endpoints: this must be a list of dicts, not what is given"),
        ({"endpoints": {"name": "a"}}, "trigger_endpoints: this must be a list of dicts, not what is given"),
        ({"endpoints": ["name=a"]}, "trigger_endpoints: this must be a list of dicts"),
        ({"endpoints": [None]}, "trigger_endpoints: an item of the list is empty"),
        ({"endpoints": f'[{{"secret": "{SECRET}"}}]'}, "trigger_endpoints: this must be a list of dicts, not what is"),
        ({"metrics_dir": 5}, "trigger_metrics_dir: '5' is not an absolute path"),
        ({"metrics_dir": ["/a"]}, "is not an absolute path"),
        ({"metrics_dir": "a"}, "trigger_metrics_dir: 'a' is not an absolute path"),
        ({"metrics_dir": "/a\n"}, "is not an absolute path"),
    ],
)
def test_what_is_none_of_its_kind_is_named(play, variables, said):
    with pytest.raises(AnsibleActionFail) as caught:
        play(**variables)
    begin, *messages = str(caught.value).splitlines()
    assert begin == "nothing was changed:"
    assert len(messages) == 1 and said in messages[0]
    assert SECRET not in messages[0]


def test_all_that_is_wrong_is_told_at_once(play):
    with pytest.raises(AnsibleActionFail) as caught:
        play(defaults="timeout=1h", metrics_dir=5)
    assert len(str(caught.value).splitlines()) == 3


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"defaults": None, "endpoints": None, "metrics_dir": None, "frontend": {"enabled": None}},
        {"defaults": {}, "endpoints": [], "metrics_dir": ""},
        {"defaults": {"timeout": "1h"}, "endpoints": [front.endpoint()], "metrics_dir": "/var/lib/metrics"},
    ],
)
def test_what_is_right_or_has_no_value_goes_to_the_host(play, variables):
    assert play(**variables)["preflight"]


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (b"echo\n", "does not begin with #!"),
        (b"#!/bin/sh\r\necho\r\n", "its first line ends with CR"),
        (b"#!/bin/sh\necho\r\n", None),
        (b"\x7fELF\r\n", None),
    ],
)
def test_a_program_of_the_controller_has_to_be_one_that_can_be_executed(play, monkeypatch, content, hint):
    monkeypatch.setattr(front.plugin.ActionModule, "_read", lambda *_: content)
    endpoint = front.endpoint(job={"src": "hello"})
    if hint is None:
        assert play(endpoints=[endpoint])
        return
    with pytest.raises(AnsibleActionFail, match=r"endpoint 'hello': job\.src: 'hello'.*" + hint):
        play(endpoints=[endpoint])
