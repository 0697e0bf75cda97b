"""The look at a host before anything is rendered or installed, and what the tasks make of it."""

import importlib.util
import socket

import ansible.modules  # noqa: F401 - the module is found beside those, as on a host
import front
import jinja2
import pytest
import yaml
from ansible.module_utils import trigger_nginx, trigger_preflight
from ansible.plugins.test.core import changed

TASKS = yaml.safe_load((front.ROLE / "tasks/main.yml").read_text(encoding="utf-8"))


def _load_module():
    path = front.ROLE / "library/trigger_deploy.py"
    spec = importlib.util.spec_from_file_location("ansible.modules.trigger_deploy", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


module = _load_module()


class Ended(Exception):
    """What the module said at its end."""


@pytest.fixture
def preflight(monkeypatch):
    """Call the module for a preflight on a host that has systemd and what `has` names. Returns what it says, with the
    warnings of it."""

    def look(frontend=None, endpoints=(), state="present", check_mode=False, has=(), active=False):
        class Played:
            """In place of AnsibleModule."""

            def __init__(self, **_):
                plan = {"endpoints": list(endpoints), "frontend": frontend}
                self.params = {"plan": front.plugin.encoded(plan).decode(), "preflight": True, "state": state}
                self.check_mode = check_mode
                self.warnings = []

            def warn(self, text):
                self.warnings.append(text)

            def exit_json(self, **said):
                raise Ended({**said, "warnings": self.warnings})

            def fail_json(self, **said):
                raise Ended({"failed": True, **said})

        monkeypatch.setattr(module, "AnsibleModule", Played)
        monkeypatch.setattr(trigger_preflight, "_what_host_is_not", lambda: ())
        monkeypatch.setattr(trigger_preflight, "_check_that_more_can_be_had", lambda: None)
        monkeypatch.setattr(trigger_preflight, "version", lambda: 252)
        activity = "active" if active else "inactive"
        monkeypatch.setattr(trigger_preflight, "show", lambda units: {units[0]: {"ActiveState": activity}})
        monkeypatch.setattr(trigger_nginx, "main_pid", lambda _: 0)
        for name, program in (("NGINX_PROGRAM", "nginx"), ("OPENSSL", "openssl")):
            monkeypatch.setattr(trigger_preflight, name, "/" if program in has else "/not/there")
        with pytest.raises(Ended) as caught:
            module.main()
        return caught.value.args[0]

    return look


FRONT = {"is_self_signed": True, "addresses": []}


def installs(result, **variables):
    """Whether the tasks install packages, as Ansible would evaluate it. result: of the preflight."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    environment.tests["changed"] = changed
    (task,) = [task for task in TASKS if "block" in task]
    return all(environment.compile_expression(each)(__trigger_host=result, **variables) for each in task["when"])


@pytest.mark.parametrize("on_command_line", [True, False])
@pytest.mark.parametrize("check_mode", [True, False])
def test_packages_are_promised_or_installed_and_a_play_s_own_check_mode_counts(preflight, check_mode, on_command_line):
    """`check_mode` of a play or task stands above --check, of which alone ansible_check_mode knows."""
    said = preflight(FRONT, check_mode=check_mode)
    assert said["packages"] == ["nginx", "openssl"]
    assert (said["changed"], bool(said["diff"]["after"])) == (check_mode, check_mode)
    assert installs(said, ansible_check_mode=on_command_line) is not check_mode


@pytest.mark.parametrize("check_mode", [True, False])
def test_where_no_package_is_missing_nothing_is_promised_or_installed(preflight, check_mode):
    for keys in ({"has": ["nginx", "openssl"]}, {"state": "absent"}, {"frontend": None}):
        said = preflight(**{"frontend": FRONT, "check_mode": check_mode, **keys})
        assert (said["packages"], said["changed"]) == ([], False)
        assert not installs(said, ansible_check_mode=False)


@pytest.mark.parametrize("check_mode", [True, False])
def test_who_holds_the_front_end_s_addresses_is_told_before_packages_are_installed(preflight, check_mode):
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        frontend = front.plugin._frontend_needs(front.frontend(listen=[f"127.0.0.1:{port}"]))
        said = preflight(frontend, check_mode=check_mode)
        begin = f"nothing was changed.\ntrigger_frontend_listen: 127.0.0.1:{port} is in use by another program"
        assert said["failed"] and said["msg"].startswith(begin)
        # Where nothing is to be installed, the last task looks.
        assert "failed" not in preflight(frontend, has=["nginx", "openssl"], check_mode=check_mode)
        assert "failed" not in preflight(frontend, state="absent")
    assert preflight(frontend)["packages"] == ["nginx", "openssl"]


def test_what_only_redirects_is_an_address_too():
    needs = front.plugin._frontend_needs(front.frontend())
    assert [address["text"] for address in needs["addresses"]] == ["443", "80"]


def test_the_first_task_is_told_all_that_the_last_one_is():
    """What is wrong with a variable is found before a package is installed, where that nothing was changed is true."""
    calls = [task["trigger_deploy"] for task in TASKS if "trigger_deploy" in task]
    first, last = ({key for key, value in call.items() if "{{ trigger_" in str(value)} for call in calls)
    assert first >= last - {"purge", "no_log"}


def needs(**keys):
    return {"name": "a", "state": "present", "user": "trigger", "group": None, "patterns": [], **keys}


@pytest.mark.parametrize("key", ["user", "group"])
def test_an_account_that_is_missing_stops_a_play_and_a_check_is_warned(preflight, key):
    """An earlier task makes it in the play, and with --check it only says so."""
    endpoints = [needs(**{key: "www-app"})]
    sentence = f"endpoint 'a': {key}: 'www-app' does not exist on this host"
    said = preflight(endpoints=endpoints)
    assert said["failed"] and said["msg"].startswith(f"{sentence}; make it first")
    said = preflight(endpoints=endpoints, check_mode=True)
    assert "failed" not in said
    (warning,) = said["warnings"]
    assert warning.startswith(sentence) and "without --check" in warning


@pytest.mark.parametrize("keys", [{"user": "root", "group": "root"}, {"user": "www-app", "state": "absent"}])
def test_who_is_there_or_goes_is_no_matter(preflight, keys):
    assert preflight(endpoints=[needs(**keys)], check_mode=True)["warnings"] == []
    assert "failed" not in preflight(endpoints=[needs(**keys)])


def test_what_else_is_wrong_with_an_endpoint_stops_a_check_too(preflight):
    said = preflight(endpoints=[needs(user="www-app", patterns=["("])], check_mode=True)
    assert said["failed"] and "regular expression" in said["msg"] and "www-app" not in said["msg"]
