"""A host of a test's own, on which the role's steps are really taken: its files, users and groups lie in a mount
namespace. systemd and nginx are played, as far as the role asks them."""

import base64
import copy
import ctypes
import glob
import grp
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

import front
import pytest
from ansible.module_utils import trigger_files, trigger_found, trigger_later, trigger_nginx, trigger_systemd
from ansible.module_utils.trigger_changes import changes
from ansible.module_utils.trigger_found import Found
from ansible.module_utils.trigger_names import CURRENT, ROOT_UNIT
from ansible.module_utils.trigger_steps import Report, apply

UNITS = Path("/etc/systemd/system")
METRICS = Path("/srv/metrics")
_PLACES = ("/etc", "/run", "/srv", "/usr/local", "/var/lib", "/var/log", "/var/spool")
_COPIED = ("passwd", "group", "shadow", "gshadow", "login.defs", "nsswitch.conf", "ld.so.cache", "ssl")
_OF_EACH_HOST = (
    *("/etc/nginx/sites-enabled", "/etc/sysusers.d", "/var/log/nginx"),
    *("/usr/local/bin", "/usr/local/lib", "/usr/local/share/man"),
)
_LOOKED_AT = ("/etc/nginx", "/etc/sysusers.d", "/etc/systemd", "/etc/trigger", *_PLACES[1:])
_CLONE_NEWNS = 0x20000

needs_own_host = pytest.mark.skipif(
    os.geteuid() != 0
    or not shutil.which("userdel")
    or any(f"{path}/".startswith(f"{place}/") for path in (front.ROLE, sys.base_prefix) for place in _PLACES),
    reason="it mounts over /etc and others, and makes users",
)


def on_a_host(test):
    """Call a function with a Host, in a process of its own. Raises AssertionError, with what went wrong there."""
    reading, writing = os.pipe()
    with tempfile.TemporaryDirectory() as saved:
        child = os.fork()
        if child == 0:
            os.close(reading)
            try:
                test(Host(saved))
                os._exit(0)
            except BaseException:
                os.write(writing, traceback.format_exc().encode()[-60000:])
            os._exit(1)
        os.close(writing)
        with open(reading) as file:
            wrong = file.read()
        _, status = os.waitpid(child, 0)
    assert not wrong, wrong
    assert status == 0


def plan(*endpoints, frontend=False, metrics_dir=str(METRICS)):
    """What the controller makes of them."""
    renderer = front.make_renderer(frontend, metrics_dir=metrics_dir)
    return {
        "shared": renderer.shared(),
        "version": renderer.version,
        "frontend": renderer.frontend(),
        "endpoints": [
            each if each["state"] == "absent" else renderer.endpoint(each, None)
            for each in front.prepare(*endpoints, front=frontend)
        ],
    }


def of_before(made):
    """A plan as a release before would have made it: with other programs, and other directives in each unit."""
    made = copy.deepcopy(made)
    made["version"] += "-before"
    for file in made["shared"]:
        content = base64.b64decode(file["content"])
        if file["path"].startswith(str(UNITS)):
            content = re.sub(rb"(?m)^\[(Socket|Service)\]$", rb"[\1]\nOf=before", content)
            file["content"] = base64.b64encode(content).decode()
        file["path"] = file["path"].replace(f"/versions/{made['version'][:-7]}", f"/versions/{made['version']}")
    return made


class Host:
    """For a process that has nothing else to do: it never comes back. saved: a directory for save()."""

    def __init__(self, saved):
        libc = ctypes.CDLL(None, use_errno=True)
        assert libc.unshare(_CLONE_NEWNS) == 0, os.strerror(ctypes.get_errno())
        _run("mount", "--make-rprivate", "/")
        self._saved = saved
        _run("mount", "-t", "tmpfs", "tmpfs", saved)
        os.mkdir(f"{saved}/etc")
        for name in _COPIED:
            _run("cp", "-a", f"/etc/{name}", f"{saved}/etc")
        for place in _PLACES:
            _run("mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", place)
        _run("cp", "-a", f"{saved}/etc/.", "/etc")
        for path in (*_OF_EACH_HOST, UNITS, METRICS):
            os.makedirs(path)
        Path("/etc/nginx/nginx.conf").write_text("events {\n\tworker_connections 768;\n}\n")
        self.systemd = Systemd()
        self._play()

    def _play(self):
        trigger_systemd.subprocess = self
        trigger_nginx._workers = lambda: {str(self.systemd.reloads_of_nginx)}
        trigger_files.HOST = trigger_found.HOST = "self"
        trigger_found.is_stale = lambda part: False
        trigger_later.pending = lambda: None

    DEVNULL, PIPE = subprocess.DEVNULL, subprocess.PIPE

    def run(self, command, **options):
        """What trigger_systemd calls instead of subprocess.run()."""
        if command[0] == trigger_systemd.SYSTEMCTL:
            said = self.systemd.call(command[1], *command[2:])
            return subprocess.CompletedProcess(command, 0, said, "")
        if "compileall" in command:
            return subprocess.CompletedProcess(command, 0, "", "")
        return subprocess.run(command, **options)

    def play(self, plan, state="present") -> Report:
        """A whole one."""
        report = Report()
        apply(changes(self.found(plan, state)), report)
        return report

    def found(self, plan, state="present") -> Found:
        """What it finds."""
        return Found(plan, purge=False, state=state)

    def save(self):
        for place in _PLACES:
            os.makedirs(f"{self._saved}{place}", exist_ok=True)
            _run("cp", "-a", f"{place}/.", f"{self._saved}{place}")
        self._saved_systemd = copy.deepcopy(self.systemd)

    def restore(self):
        for place in _PLACES:
            for path in Path(place).iterdir():
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
            _run("cp", "-a", f"{self._saved}{place}/.", place)
        self.systemd = copy.deepcopy(self._saved_systemd)

    def state(self):
        """All that a play has to bring about: what is there, who is known, and what systemd and nginx go by."""
        files = {}
        for place in _LOOKED_AT:
            for path in Path(place).rglob("*"):
                rights = trigger_files.Rights.of(str(path))
                files[str(path)] = str(rights), path.read_bytes() if path.is_file() else None
        return {
            "files": files,
            "users": sorted(user.pw_name for user in pwd.getpwall()),
            "groups": sorted(group.gr_name for group in grp.getgrall()),
            "active": self.systemd.active,
            "began as others": self.systemd.outdated(),
            "systemd goes by others": self.systemd.stale(),
            "nginx serves": self.systemd.served,
        }


class Systemd:
    """active: units. began: what they were when they began. known: the unit files at the last daemon-reload. served:
    nginx' files at its last reload."""

    def __init__(self):
        self.active = {"nginx.service"}
        self.began = {}
        self.known = {}
        self.reloads_of_nginx = 0
        self.served = _nginx_files()

    def stale(self):
        """Units that are in its memory otherwise than they are on disk. What a socket or a timer starts is there with
        it."""
        loaded = self.active | {unit.rpartition(".")[0] + ".service" for unit in self.active}
        present = unit_files()
        return {unit for unit in loaded if _of(unit, self.known) != _of(unit, present)}

    def outdated(self):
        """Units that began when they were others than they are on disk."""
        return {unit for unit, was in self.began.items() if was != _is(unit, unit_files())}

    def begin(self, *units):
        """They are started, by whoever it is."""
        self.active.update(units)
        self.began.update((unit, _is(unit, self.known)) for unit in units if unit not in self.began)

    def call(self, verb, *words):
        units = words[words.index("--") + 1 :] if "--" in words else []
        return getattr(self, "_" + verb.replace("-", "_"))(units, words) or ""

    def _daemon_reload(self, units, words):
        self.known = unit_files()

    def _show(self, units, words):
        if "--value" in words:
            return ""
        stale = self.stale()
        return "\n\n".join(
            f"Id={unit}\nLoadState={'loaded' if _has_file(unit) else 'not-found'}\n"
            f"ActiveState={'active' if unit in self.active else 'inactive'}\n"
            f"NeedDaemonReload={'yes' if unit in stale else 'no'}"
            for unit in units
        )

    def _start(self, units, words):
        assert all(map(_has_file, units)), units
        self.begin(*(unit for unit in units if not unit.endswith("@.service")))
        if "trigger-metrics.service" in units:
            self._stop(["trigger-metrics.service"], words)
            names = [os.path.basename(path)[: -len(".json")] for path in glob.glob("/etc/trigger/*.json")]
            lines = [f'trigger_queue_length{{endpoint="{name}"}} 0\n' for name in sorted(names)]
            (METRICS / "trigger.prom").write_text("# HELP trigger_\n" + "".join(lines))

    _restart = _start

    def _try_restart(self, units, words):
        running = self.active.intersection(units)
        self._stop(running, words)
        self.begin(*running)

    def _stop(self, units, words):
        self.active -= set(units)
        for unit in units:
            self.began.pop(unit, None)

    def _reset_failed(self, units, words):
        pass

    def _enable(self, units, words):
        for unit in units:
            _wants(unit).parent.mkdir(exist_ok=True)
            _wants(unit).symlink_to(UNITS / "unit")

    def _disable(self, units, words):
        for unit in units:
            _wants(unit).unlink()
            if not os.listdir(_wants(unit).parent):
                _wants(unit).parent.rmdir()

    def _reload(self, units, words):
        if units == ("nginx.service",):
            self.reloads_of_nginx += 1
            self.served = _nginx_files()


def unit_files():
    return {str(path): path.read_bytes() for path in UNITS.rglob("*") if path.is_file()}


def _nginx_files():
    return {str(path): path.read_bytes() for path in Path("/etc/nginx").rglob("*") if path.is_file()}


def _template(unit):
    return re.sub("@.*[.]", "@.", unit)


def _has_file(unit):
    return (UNITS / unit).exists() or (UNITS / _template(unit)).exists() or unit == "nginx.service"


def _of(unit, files):
    """Those of unit files that say what a unit is."""
    parts = (f"{UNITS}/{unit}", f"{UNITS}/{_template(unit)}")
    return {path: content for path, content in files.items() if path in parts or path.startswith(f"{parts[0]}.d/")}


def _is(unit, files):
    """Of unit files, and programs, what something depends on that began as this unit."""
    texts = _of(unit, files).values()
    if unit == ROOT_UNIT:
        return []  # which a play knows by its mounts
    if unit.endswith(".socket"):
        return [trigger_found._section(text) for text in texts]
    return [*texts, os.path.realpath(CURRENT) if unit.endswith(".service") else ""]


def _wants(unit):
    return UNITS / f"{unit.rpartition('.')[2]}s.target.wants" / unit


def _run(*command):
    subprocess.run(command, check=True)
