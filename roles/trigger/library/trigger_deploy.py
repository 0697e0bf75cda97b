#!/usr/bin/python
# Copyright: The trigger authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The host's side of the role: one call for any number of endpoints."""

from __future__ import annotations

DOCUMENTATION = r"""
module: trigger_deploy
short_description: Puts endpoints on a host, changes them in place, takes them off
description:
  - The role C(trigger) calls it. Its action plugin checks the endpoints and renders their files on the
    controller; this module compares, verifies and applies them on the host, all in one call.
  - Nothing is written unless every changed unit passes C(systemd-analyze verify) and every new address
    is free.
author: The trigger authors (@trigger)
options:
  endpoints:
    description: The endpoints, as the role's variable O(trigger_endpoints).
    type: list
    elements: dict
    default: []
  defaults:
    description: What is laid under them, as C(trigger_defaults). The action plugin uses it up.
    type: dict
    default: {}
  purge:
    description: Remove endpoints that O(endpoints) does not name.
    type: bool
    default: false
  state:
    description: V(absent) removes everything.
    type: str
    choices: [present, absent]
    default: present
  preflight:
    description: Only look at what the host has, and check the endpoints against it.
    type: bool
    default: false
  systemd:
    description: The version of systemd on the host, as RV(systemd) of a preflight told it.
    type: int
  plan:
    description: What the action plugin made of all this, as JSON. Hidden as a whole, since it carries secrets.
    type: str
"""

EXAMPLES = r"""
- name: Put the endpoints on the host
  trigger_deploy:
    endpoints: "{{ trigger_endpoints }}"
    systemd: 252
"""

RETURN = r"""
endpoints:
  description: What was done, a list of sentences for each endpoint that was touched.
  returned: without preflight
  type: dict
packages:
  description: Packages that the host lacks.
  returned: with preflight
  type: list
systemd:
  description: The version of systemd on the host.
  returned: with preflight
  type: int
"""

import errno
import glob
import grp
import json
import os
import pwd
import re
import socket
import subprocess
import sys
import tempfile
import time

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.trigger_files import Directory, File, remove
from ansible.module_utils.trigger_systemd import Failed, journal, run, show, systemctl, verify, version

UNITS = "/etc/systemd/system"
LIBRARY = "/usr/local/lib/trigger"
CONFIGURATION = "/etc/trigger"
CREDENTIALS = CONFIGURATION + "/credentials"
SPOOL = "/var/spool/trigger"
STATE = "/var/lib/trigger"
RUNTIME = "/run/trigger"
SYSUSERS = "/etc/sysusers.d/trigger.conf"
SYSCTL = "/etc/sysctl.d/60-trigger.conf"
# Endpoints whose change is under way. One that is found here was left by a run that did not end.
UNFINISHED = STATE + "/unfinished.json"

TEMPLATES = (
    "trigger@.socket",
    "trigger@.service",
    "trigger-run@.path",
    "trigger-run@.service",
    "trigger-pause@.service",
)
JOBS_USER = "trigger"
JOBS_GECOS = "Trigger jobs"
# What systemd says of a directive that it takes nevertheless. Whatever else it says is a mistake.
HARMLESS = re.compile(r"not safe|unsafe|deprecated|obsolete|legacy", re.IGNORECASE)
INOTIFY_LIMIT = "/proc/sys/fs/inotify/max_user_instances"
INOTIFY_RESERVE = 64  # instances left to others; every path unit takes one


class Mistake(Exception):
    """Why nothing was changed, or what went wrong. str(error) is for the user."""


class Endpoint:
    """One endpoint on this host. item: dict, as the action plugin made it; None for one to remove."""

    def __init__(self, name, item=None):
        self.name = name
        self.item = item
        self.socket = f"trigger@{name}.socket"
        self.acceptor = f"trigger@{name}.service"
        self.path = f"trigger-run@{name}.path"
        self.job = f"trigger-run@{name}.service"
        self.pause = f"trigger-pause@{name}.service"
        self.units = [self.socket, self.acceptor, self.path, self.job, self.pause]
        self.listens = bool(item) and item["state"] == "present"
        self.files = self._files()
        self.done = []

    @property
    def user(self):
        return "trigger-" + self.name

    def changed(self, path):
        return any(file.changed for file in self.files if file.path == path)

    @property
    def configuration(self):
        return f"{CONFIGURATION}/{self.name}.json"

    def drop_in(self, unit):
        return f"{UNITS}/{unit}.d/endpoint.conf"

    def directories(self):
        """What the endpoint needs; to be asked for when its user exists."""
        gid = grp.getgrnam(self.user).gr_gid
        return [
            Directory(f"{SPOOL}/{self.name}", 0o770, gid),
            Directory(f"{STATE}/{self.name}", 0o755),
            Directory(f"{STATE}/{self.name}/claimed", 0o750, gid),
            Directory(f"{STATE}/{self.name}/runs", 0o750, gid),
        ]

    def leftovers(self):
        """All that can be on the host because of this endpoint, beside its user and unit states."""
        return [
            *(os.path.dirname(self.drop_in(unit)) for unit in self.units),
            self.configuration,
            f"{CREDENTIALS}/{self.name}",
            f"{LIBRARY}/jobs/{self.name}",
            f"{SPOOL}/{self.name}",
            f"{STATE}/{self.name}",
            f"{RUNTIME}/requests/{self.name}",
            f"{RUNTIME}/{self.name}.recorded",
            f"{RUNTIME}/{self.name}.sock",
        ]

    def _files(self):
        """Those that shall be there, and those that once were and shall not."""
        if not self.item:
            return []
        wanted = [File.decode(item) for item in self.item["files"]]
        paths = {file.path for file in wanted}
        possible = [
            *(self.drop_in(unit) for unit in self.units),
            f"{LIBRARY}/jobs/{self.name}",
            *glob.glob(f"{CREDENTIALS}/{self.name}/*/*"),
        ]
        gone = [File(path, None) for path in possible if path not in paths]
        return wanted + [file for file in gone if file.changed]


class Deployment:
    """All that one call does. plan: dict with `shared` and `endpoints`, from the action plugin. purge: bool
    and state: str, the module's arguments."""

    def __init__(self, plan, purge, state):
        self.purge_all = state == "absent"
        self.shared = [] if self.purge_all else [File.decode(item) for item in plan["shared"]]
        self.wanted = [
            Endpoint(item["name"], item)
            for item in plan["endpoints"]
            if item["state"] != "absent" and not self.purge_all
        ]
        found = set(_found_names())
        kept = {endpoint.name for endpoint in self.wanted}
        named = {item["name"] for item in plan["endpoints"]}
        removed = found - kept if purge or self.purge_all else found & (named - kept)
        self.removed = [Endpoint(name) for name in sorted(removed)]
        # Neither wanted nor to be removed: they stay, and keep their users.
        self.others = [Endpoint(name) for name in sorted(found - kept - removed)]
        self.unfinished = _unfinished()
        self.states = show([unit for e in self.wanted + self.removed + self.others for unit in e.units])
        self.warnings = []

    # What there is to do.

    def file_changes(self):
        files = [*self.shared, *(file for endpoint in self.wanted for file in endpoint.files)]
        return [file for file in files if file.changed]

    def shared_changed(self, *prefixes):
        return any(file.changed for file in self.shared if file.path.startswith(prefixes))

    def units_changed(self):
        return any(file.path.startswith(UNITS) for file in self.file_changes())

    def is_active(self, unit):
        return self.states.get(unit, {}).get("ActiveState") == "active"

    def replaces_socket(self, endpoint):
        """Whether the socket has to be made anew: only what stands in [Socket] asks for that."""
        if not self.is_active(endpoint.socket):
            return False
        if not endpoint.listens or endpoint.name in self.unfinished:
            return True
        paths = (f"{UNITS}/trigger@.socket", endpoint.drop_in(endpoint.socket))
        files = [file for file in self.shared + endpoint.files if file.path in paths]
        return any(_section(file.before) != _section(file.content) for file in files)

    def stops_acceptor(self, endpoint):
        """Whether a running acceptor has to make place for one that knows the change."""
        return (
            endpoint.name in self.unfinished
            or endpoint.changed(endpoint.configuration)
            or endpoint.changed(endpoint.drop_in(endpoint.acceptor))
            or self.shared_changed(f"{UNITS}/trigger@.service", f"{LIBRARY}/trigger/", f"{LIBRARY}/launch.py")
        )

    def to_start(self):
        """The units that shall be active and are not."""
        units = [e.path for e in self.wanted] + [e.socket for e in self.wanted if e.listens]
        return [unit for unit in units if not self.is_active(unit)]

    def links(self):
        """The units to enable and to disable: two lists."""
        enable = [e.path for e in self.wanted] + [e.socket for e in self.wanted if e.listens]
        disable = [e.socket for e in self.wanted if not e.listens]
        for endpoint in self.removed:
            disable += [endpoint.socket, endpoint.path]
        return [u for u in enable if not _enabled(u)], [u for u in disable if _enabled(u)]

    def missing_users(self):
        names = [endpoint.user for endpoint in self.wanted]
        if self.wanted or self.shared:
            names.append(JOBS_USER)
        return [name for name in names if not _account(pwd.getpwnam, name)]

    def directory_changes(self):
        """Those of endpoints whose user exists already; the others are new altogether."""
        endpoints = [e for e in self.wanted if _account(grp.getgrnam, e.user)]
        return [d for e in endpoints for d in e.directories() if d.changed]

    def obsolete(self):
        """Files of the package that an earlier version had."""
        if not self.shared:
            return []
        kept = {file.path for file in self.shared}
        return [path for path in glob.glob(f"{LIBRARY}/trigger/*.py") if path not in kept]

    def inotify_limit(self):
        """The limit to set, int, or None when the present one is enough."""
        needed = len(self.wanted) + len(self.others) + INOTIFY_RESERVE
        with open(INOTIFY_LIMIT) as file:
            present = int(file.read())
        return None if present >= needed else max(512, 1 << (2 * needed - 1).bit_length())

    def leftovers(self):
        """What is to be removed from the file system."""
        paths = [path for endpoint in self.removed for path in endpoint.leftovers()]
        if self.purge_all:
            paths += [f"{UNITS}/{name}" for name in TEMPLATES]
            paths += [CONFIGURATION, LIBRARY, SPOOL, STATE, RUNTIME, SYSUSERS, SYSCTL]
        return [path for path in paths if os.path.lexists(path)]

    def users_to_remove(self):
        names = [e.user for e in self.removed]
        if self.purge_all and _gecos(JOBS_USER) == JOBS_GECOS:
            names.append(JOBS_USER)
        return [name for name in names if _account(pwd.getpwnam, name)]

    def changes_anything(self):
        return bool(
            self.file_changes()
            or self.to_start()
            or any(self.links())
            or self.missing_users()
            or self.directory_changes()
            or self.obsolete()
            or self.inotify_limit()
            or self.leftovers()
            or self.users_to_remove()
            or self.unfinished
            or any(self.replaces_socket(endpoint) for endpoint in self.wanted)
        )

    # Checks, before anything is changed.

    def check_units(self):
        """Every unit that changes, through systemd's own parser."""
        touched = [e for e in self.wanted if any(f.changed and f.path.startswith(UNITS) for f in e.files)]
        if not touched and not self.shared_changed(UNITS):
            return
        with tempfile.TemporaryDirectory(prefix="trigger-verify-") as root:
            for file in [*self.shared, *(file for e in self.wanted for file in e.files)]:
                if file.path.startswith(UNITS) and file.content is not None:
                    file.write(root)
            units = [unit for e in touched for unit in (e.socket, e.acceptor, e.path, e.job)]
            messages = self._judge(root, verify(root, units or ["trigger@.socket"]))
        if messages:
            raise Mistake(
                "systemd refuses what would be written; nothing was changed.\n" + "\n".join(dict.fromkeys(messages))
            )

    def _judge(self, root, findings):
        """Sort what systemd found below root into warnings and mistakes; return the latter, list of str."""
        messages = []
        for path, line, message in findings:
            if HARMLESS.search(message):
                self.warnings.append(f"{message} ({path}, line {line})")
                continue
            instance = re.match(r"trigger(?:-run)?@([^.]+)\.(\w+)", path)
            label = f"endpoint {instance[1]!r}: {instance[2]} unit: " if instance else ""
            said = f"{_line(root, path, line)}: " if line else ""
            messages.append(f"{label}{said}{message}" + (f" ({path}, line {line})" if line else ""))
        return messages

    def check_addresses(self):
        """Every address that is new must be free, or belong to a socket that this call closes."""
        closing = [e.socket for e in self.removed] + [e.socket for e in self.wanted if self.replaces_socket(e)]
        closed = {_port(text) for unit in closing for text in self.states.get(unit, {}).get("Listen", ())}
        for endpoint in self.wanted:
            if not endpoint.listens or (self.is_active(endpoint.socket) and not self.replaces_socket(endpoint)):
                continue
            for address in endpoint.item["addresses"]:
                problem = _why_not_free(address, endpoint.item)
                if problem and _port(address["text"]) not in closed:
                    problem = self._other_owner(address) or problem
                    raise Mistake(f"endpoint {endpoint.name!r}: listen: {address['text']} {problem}")

    def _other_owner(self, address):
        """Which endpoint that this call leaves alone is the one in the way. Returns a sentence or None."""
        for other in self.others:
            if _port(address["text"]) in map(_port, self.states[other.socket]["Listen"]):
                return (
                    f"is taken by endpoint {other.name!r}, which is on the host and not in the list; "
                    "remove it with state: absent, or with trigger_purge: true"
                )
        return None

    # Doing it.

    def apply(self):
        replaced = [e for e in self.wanted if self.replaces_socket(e)]
        stopped = [e for e in self.wanted if self.stops_acceptor(e)]
        reload = self.units_changed() or any(state.get("NeedDaemonReload") == "yes" for state in self.states.values())
        if replaced or stopped:
            _mark_unfinished(e.name for e in replaced + stopped)
        self._make_users()
        self._write_files()
        self._raise_inotify_limit()
        self._remove_endpoints()
        enable, disable = self.links()
        systemctl("enable", enable, "--no-reload", "--quiet")
        systemctl("disable", disable, "--no-reload", "--quiet")
        if reload or enable or disable or self.removed:
            run("systemctl", "daemon-reload")
        self._replace_sockets(replaced, stopped)
        if self.shared_changed(f"{UNITS}/trigger-run@.path"):
            systemctl("try-restart", [e.path for e in self.wanted])
        self._start()
        self._forget_removed()
        if os.path.exists(UNFINISHED):
            os.unlink(UNFINISHED)

    def _make_users(self):
        missing = self.missing_users()
        for file in self.shared:
            if file.path == SYSUSERS and (file.changed or missing):
                file.write()
                run("systemd-sysusers", SYSUSERS)

    def _write_files(self):
        for path, mode in ((SPOOL, 0o755), (STATE, 0o755), (CREDENTIALS, 0o700), (LIBRARY + "/jobs", 0o755)):
            directory = Directory(path, mode)
            if self.wanted and directory.changed:
                directory.write()
        for directory in self.directory_changes():
            directory.write()
        for file in self.shared:
            if file.changed:
                file.write()
        for endpoint in self.wanted:
            for file in endpoint.files:
                if file.changed:
                    file.write()
                    endpoint.done.append(f"{file.path} {'removed' if file.content is None else 'written'}")
        for path in self.obsolete():
            os.unlink(path)
        if self.wanted:
            run("/usr/bin/python3", "-m", "compileall", "-q", f"{LIBRARY}/trigger")

    def _raise_inotify_limit(self):
        limit = self.inotify_limit()
        if limit:
            text = (
                "# Written by the Ansible role trigger: each endpoint's path unit takes one instance.\n"
                f"fs.inotify.max_user_instances = {limit}\n"
            )
            File(SYSCTL, text.encode()).write()
            with open(INOTIFY_LIMIT, "w") as file:
                file.write(str(limit))

    def _replace_sockets(self, replaced, stopped):
        """systemd starts no socket while its service is active. So: the sockets down, the acceptors let go
        when they have answered, the sockets up."""
        start = time.monotonic()
        systemctl("stop", [e.socket for e in replaced])
        systemctl("stop", [e.acceptor for e in dict.fromkeys(replaced + stopped)])
        again = [e for e in replaced if e.listens]
        try:
            systemctl("start", [e.socket for e in again])
        except Failed:
            pass  # _start() tells which, and why
        window = (time.monotonic() - start) * 1000
        for endpoint in again:
            endpoint.done.append(f"socket replaced, not listening for {window:.0f} ms")
        if again:
            names = ", ".join(e.name for e in again)
            self.warnings.append(
                f"{names}: [Socket] changed, so the socket was replaced; not listening for {window:.0f} ms"
            )
        for endpoint in replaced:
            if not endpoint.listens:
                endpoint.done.append("stopped listening")

    def _start(self):
        units = [e.path for e in self.wanted] + [e.socket for e in self.wanted if e.listens]
        try:
            systemctl("start", units)
        except Failed:
            pass  # which of them, and why, comes next
        states = show(units)
        failed = [unit for unit in units if states[unit]["ActiveState"] != "active"]
        if failed:
            raise Mistake("\n".join(f"{unit} did not start:\n{journal(unit)}" for unit in failed))
        for endpoint in self.wanted:
            for unit in (endpoint.path, endpoint.socket):
                if unit in states and not self.is_active(unit):
                    endpoint.done.append(f"{unit} started")

    def _remove_endpoints(self):
        units = [e.socket for e in self.removed] + [e.path for e in self.removed]
        if units:
            systemctl("disable", [unit for unit in units if _enabled(unit)], "--no-reload", "--quiet")
            systemctl("stop", [e.socket for e in self.removed] + [e.path for e in self.removed])
            systemctl("stop", [e.acceptor for e in self.removed])
            systemctl("stop", [unit for e in self.removed for unit in (e.job, e.pause)])
        for endpoint in self.removed:
            pending = _pending(endpoint.name)
            endpoint.done.append("removed" + (f"; {pending} pending requests were dropped" if pending else ""))
            if pending:
                self.warnings.append(f"{endpoint.name}: {pending} pending requests were dropped")
        for path in self.leftovers():
            remove(path)

    def _forget_removed(self):
        """Failed instances stay listed until they are reset; users go last, when nothing runs as them."""
        units = [unit for e in self.removed for unit in e.units]
        states = show(units)
        try:
            systemctl("reset-failed", [u for u in units if states[u]["ActiveState"] == "failed"])
        except Failed:
            pass  # systemd has forgotten one of them by itself meanwhile
        for name in self.users_to_remove():
            try:
                run("userdel", name)
            except Failed as error:
                self.warnings.append(f"the user {name} was kept: {error}")


def preflight(endpoints, state):
    """Look at the host: what it lacks, and whether the accounts exist that the endpoints name."""
    mistakes = []
    for item in endpoints:
        if "absent" in (item["state"], state):
            continue
        if item["user"] != JOBS_USER and not _account(pwd.getpwnam, item["user"]):
            mistakes.append(
                f"endpoint {item['name']!r}: user: {item['user']!r} does not exist on this host; "
                "make it first, or leave the key out for the role's own user"
            )
        if item["group"] and not _account(grp.getgrnam, item["group"]):
            mistakes.append(
                f"endpoint {item['name']!r}: group: {item['group']!r} does not exist on this host; make it first"
            )
    if mistakes:
        raise Mistake("\n".join(mistakes))
    present = version()
    if present < 247:
        raise Mistake(f"systemd {present} is too old: the role needs 247 or later, for credentials")
    test = subprocess.run(["/usr/bin/python3", "-c", "import systemd.daemon"], stderr=subprocess.DEVNULL, check=False)
    return {"systemd": present, "packages": ["python3-systemd"] if test.returncode else []}


def _promised_packages(packages, check_mode):
    """With --check, no package manager is asked: on a bare host its lists are empty, and filling them would
    be a change. So what the next task would install is told here."""
    names = "".join(f"{name}\n" for name in packages) if check_mode else ""
    return {
        "changed": bool(names),
        "diff": {"before_header": "packages", "after_header": "packages", "before": "", "after": names},
    }


def _found_names():
    """The endpoints that the host has something of."""
    for pattern, part in (
        (f"{CONFIGURATION}/*.json", r"/([a-z0-9-]+)\.json"),
        (f"{UNITS}/trigger*@?*.d", r"@([a-z0-9-]+)\.\w+\.d"),
        (f"{SPOOL}/*", r"/([a-z0-9-]+)"),
    ):
        for path in glob.glob(pattern):
            name = re.search(part + "$", path)
            if name:
                yield name[1]
    for account in pwd.getpwall():
        if account.pw_gecos == f"Trigger acceptor of {account.pw_name[len('trigger-') :]}":
            yield account.pw_name[len("trigger-") :]


def _unfinished():
    try:
        with open(UNFINISHED) as file:
            return set(json.load(file))
    except FileNotFoundError:
        return set()


def _mark_unfinished(names):
    Directory(STATE, 0o755).write()
    File(UNFINISHED, json.dumps(sorted(set(names) | _unfinished())).encode()).write()


def _line(root, path, number):
    """A line of a unit file; older systemds complain about a value and do not say of which directive."""
    with open(f"{root}{UNITS}/{path}") as file:
        return file.read().splitlines()[int(number) - 1]


def _section(content):
    """The directives of [Socket] in a unit file, in order; comments do not count."""
    lines, inside = [], False
    for line in (content or b"").decode().splitlines():
        if line.startswith("["):
            inside = line.strip() == "[Socket]"
        elif inside and line.strip() and line[0] not in "#;":
            lines.append(line.strip())
    return lines


def _enabled(unit):
    target = "sockets" if unit.endswith(".socket") else "paths"
    return os.path.islink(f"{UNITS}/{target}.target.wants/{unit}")


def _account(look_up, name):
    try:
        return look_up(name)
    except KeyError:
        return None


def _gecos(name):
    account = _account(pwd.getpwnam, name)
    return account and account.pw_gecos


def _pending(name):
    try:
        return sum(entry[0] != "." for entry in os.listdir(f"{SPOOL}/{name}"))
    except FileNotFoundError:
        return 0


def _port(text):
    """What two addresses that exclude each other have in common: the port, or a Unix socket's path."""
    return text if text.startswith("/") else text.rpartition(":")[2]


def _why_not_free(address, item):
    """Try to listen there. Returns what stands against it, str, or None."""
    if address["path"]:
        path = address["path"]
        if os.path.lexists(path) and not _is_socket(path):
            return "is there already, and no socket"
        return None
    families = [socket.AF_INET6 if address["family"] == 6 else socket.AF_INET]
    host = address["host"] or ("::" if address["family"] == 6 else "0.0.0.0")
    with socket.socket(families[0], socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if address["family"] == 6:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, item["bind_ipv6_only"] == "ipv6-only")
        try:
            probe.bind((host, address["port"]))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return f"is in use by another program (ss -ltnp 'sport = :{address['port']}' names it)"
            if error.errno == errno.EADDRNOTAVAIL and not item["free_bind"]:
                return "is no address of this host; where it will be one later, set socket: {FreeBind: true}"
            if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                return f"cannot be listened on: {error.strerror}"
    return None


def _is_socket(path):
    import stat

    return stat.S_ISSOCK(os.lstat(path).st_mode)


def main():
    module = AnsibleModule(
        argument_spec={
            "endpoints": {"type": "list", "elements": "dict", "default": []},
            "defaults": {"type": "dict", "default": {}},
            "purge": {"type": "bool", "default": False},
            "state": {"choices": ["present", "absent"], "default": "present"},
            "preflight": {"type": "bool", "default": False},
            "systemd": {"type": "int"},
            "plan": {"type": "str", "no_log": True},
        },
        supports_check_mode=True,
    )
    plan = json.loads(module.params["plan"])
    try:
        if module.params["preflight"]:
            found = preflight(plan["endpoints"], module.params["state"])
            module.exit_json(**found, **_promised_packages(found["packages"], module.check_mode))
        deployment = Deployment(plan, module.params["purge"], module.params["state"])
        deployment.check_units()
        deployment.check_addresses()
        changed = deployment.changes_anything()
        diff = [file.diff() for file in deployment.file_changes()]
        diff += [{"before": f"{path}\n", "after": ""} for path in deployment.leftovers()]
        if changed and not module.check_mode:
            deployment.apply()
    except (Mistake, Failed) as error:
        module.fail_json(msg=str(error))
    done = {e.name: e.done for e in deployment.wanted + deployment.removed if e.done}
    for warning in deployment.warnings:
        module.warn(warning)
    module.exit_json(changed=changed, diff=diff, endpoints=done)


if __name__ == "__main__":
    sys.exit(main())
