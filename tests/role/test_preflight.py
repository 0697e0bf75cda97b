"""The look at a host before anything is rendered or installed, and what the tasks make of it."""

import importlib.util

import ansible.modules  # noqa: F401 - the module is found beside those, as on a host
import front
import jinja2
import pytest
import yaml
from ansible.module_utils import trigger_preflight
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
        for name, program in (("NGINX_PROGRAM", "nginx"), ("OPENSSL", "openssl")):
            monkeypatch.setattr(trigger_preflight, name, "/" if program in has else "/not/there")
        with pytest.raises(Ended) as caught:
            module.main()
        return caught.value.args[0]

    return look


FRONT = {"is_self_signed": True}


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
