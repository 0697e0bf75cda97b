"""The front end from variables to the files of a host, and the role's own modules for tests to import."""

import base64
import importlib.util
import sys
from pathlib import Path

import ansible.module_utils
import jinja2

import trigger_endpoints

ROLE = Path(__file__).parents[2] / "roles" / "trigger"

ansible.module_utils.__path__.append(str(ROLE / "module_utils"))  # as Ansible sends them to a host


def _load_plugin():
    """The action plugin. It loads trigger_endpoints once more; that of the tests stays."""
    spec = importlib.util.spec_from_file_location("trigger_deploy_plugin", ROLE / "action_plugins/trigger_deploy.py")
    plugin = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(plugin)
    sys.modules["trigger_endpoints"] = trigger_endpoints
    return plugin


plugin = _load_plugin()
Mistakes = plugin.trigger_endpoints.Mistakes
_SPECIFICATION = plugin.specification()
OPTIONS = _SPECIFICATION["endpoint"]["options"]

PASSWORD = "correct horse battery"
SETTINGS = {
    "server_name": "hooks.example",
    "tls": {"self_signed": True},
    "users": [{"name": "bob", "password": PASSWORD}, {"name": "alice", "password": PASSWORD}],
}
SECRET = "0123456789abcdef-of-a-sender"


def frontend(**settings):
    """A front end from trigger_frontend_*, without that prefix; what is not said is of SETTINGS."""
    return plugin.prepare_frontend({"enabled": True, **SETTINGS, **settings}, _SPECIFICATION["main"]["options"])


def endpoint(**keys):
    """One as a playbook has it."""
    return {"name": "hello", "job": {"command": ["/bin/true"]}, **keys}


def prepare(*endpoints, front=None, defaults=None):
    """What the controller makes of them. front: Frontend; None for that of SETTINGS, False for none."""
    if front is None:
        front = frontend()
    return plugin.trigger_endpoints.prepare(list(endpoints), defaults or {}, OPTIONS, _read_secret, front or None)


def mistakes(*endpoints, **options):
    try:
        prepare(*endpoints, **options)
    except Mistakes as found:
        return found.messages
    return []


def files(*endpoints, front=None, ipv6=True, defaults=None):
    """What the role would write on a host for endpoints and front end: dict of path to what the module takes, its
    content as text."""
    front = frontend() if front is None else front
    renderer = make_renderer(front, ipv6)
    found = renderer.frontend()["files"] if front else []
    for each in prepare(*endpoints, front=front, defaults=defaults):
        found += renderer.endpoint(each, None)["files"]
    return {file["path"]: {**file, "content": base64.b64decode(file["content"]).decode()} for file in found}


def configuration(given, front=None, defaults=None):
    """What the role would write into /etc/trigger/NAME.json: str."""
    front = frontend() if front is None else front
    (prepared,) = prepare(given, front=front, defaults=defaults)
    return plugin.encoded(make_renderer(front).configuration(prepared)).decode()


def shared_paths(front=None):
    """Those of the files that all endpoints share: list of str."""
    return [file["path"] for file in make_renderer(frontend() if front is None else front).shared()]


class _Compiled(jinja2.BytecodeCache):
    """The templates, compiled once for all tests."""

    known = {}  # noqa: RUF012, it is meant to be one for all

    def load_bytecode(self, bucket):
        if bucket.key in self.known:
            bucket.bytecode_from_string(self.known[bucket.key])

    def dump_bytecode(self, bucket):
        self.known[bucket.key] = bucket.bytecode_to_string()


def make_renderer(front, ipv6=True, metrics_dir=""):
    arguments = {"systemd": 252, "ipv6": ipv6, "no_log": True, "metrics_dir": metrics_dir}
    renderer = plugin.Renderer(OPTIONS, arguments, front or None)
    renderer._templates.bytecode_cache = _Compiled()
    return renderer


def _read_secret(source):
    raise ValueError(f"{source!r} cannot be read")
