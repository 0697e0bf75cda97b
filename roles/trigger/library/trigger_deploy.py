#!/usr/bin/python
# Copyright: The trigger authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
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
  metrics_dir:
    description: Where metrics for node_exporter are written; none by default.
    type: path
  frontend:
    description: The front end, as C(trigger_frontend_*). The action plugin uses it up.
    type: dict
  ipv6:
    description: Whether the host has IPv6, as RV(ipv6) of a preflight told it.
    type: bool
    default: true
  no_log:
    description: Whether secrets stay out of diffs. The action plugin uses it up.
    type: bool
    default: true
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
frontend:
  description: What was done for the front end, a list of sentences.
  returned: without preflight
  type: list
ipv6:
  description: Whether the host has IPv6.
  returned: with preflight
  type: bool
packages:
  description: Packages that the host lacks.
  returned: with preflight
  type: list
systemd:
  description: The version of systemd on the host.
  returned: with preflight
  type: int
"""

import glob
import grp
import json
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
import time

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.trigger_addresses import port, why_not_free
from ansible.module_utils.trigger_files import Directory, File, remove
from ansible.module_utils.trigger_host import (
    COMPANIONS,
    PAGE,
    UNFINISHED,
    Endpoint,
    account,
    enabled,
    found_names,
    gecos,
    mark_unfinished,
    pending,
    unfinished,
)
from ansible.module_utils.trigger_names import (
    CONFIGURATION,
    CREDENTIALS,
    JOBS,
    JOBS_USER,
    LIBRARY,
    NGINX,
    RUNTIME,
    SPOOL,
    STATE,
    SYSCTL,
    SYSUSERS,
    UNITS,
)
from ansible.module_utils.trigger_nginx import PROGRAM as NGINX_PROGRAM
from ansible.module_utils.trigger_nginx import Frontend, Refused
from ansible.module_utils.trigger_passwords import Unknown
from ansible.module_utils.trigger_systemd import Failed, journal, run, show, systemctl, verify, version

JOBS_GECOS = "Trigger jobs"
# What systemd says of a directive that it takes nevertheless. Whatever else it says is a mistake.
HARMLESS = re.compile(r"not safe|unsafe|deprecated|obsolete|legacy", re.IGNORECASE)
NGINX_UNFINISHED = ".nginx"  # among the names of endpoints that are unfinished
INOTIFY_LIMIT = "/proc/sys/fs/inotify/max_user_instances"
INOTIFY_RESERVE = 64  # instances left to others; every path unit takes one


class Mistake(Exception):
    """Why nothing was changed, or what went wrong. str(error) is for the user."""


class Deployment:
    """All that one call does. plan: dict with `shared` and `endpoints`, from the action plugin. purge: bool
    and state: str, the module's arguments."""

    def __init__(self, plan, purge, state):
        self.purge_all = state == "absent"
        self.shared = [] if self.purge_all else [File.decode(item) for item in plan["shared"]]
        paths = [file.path for file in self.shared]
        self.companions = [companion for companion in COMPANIONS if companion.socket_file in paths]
        self.unwanted = [companion for companion in COMPANIONS if companion not in self.companions]
        gone = [File(path, None) for companion in self.unwanted for path in companion.files]
        self.shared += [file for file in gone if file.changed]
        self.frontend = Frontend(None if self.purge_all else plan["frontend"])
        self.shared_paths = [item["path"] for item in plan["shared"]]
        self.wanted = [
            Endpoint(item["name"], item)
            for item in plan["endpoints"]
            if item["state"] != "absent" and not self.purge_all
        ]
        found = set(found_names())
        kept = {endpoint.name for endpoint in self.wanted}
        named = {item["name"] for item in plan["endpoints"]}
        removed = found - kept if purge or self.purge_all else found & (named - kept)
        self.removed = [Endpoint(name) for name in sorted(removed)]
        # Neither wanted nor to be removed: they stay, and keep their users.
        self.others = [Endpoint(name) for name in sorted(found - kept - removed)]
        self.unfinished = unfinished()
        # To look at a unit makes systemd load it, so only at those that tell something.
        looked_at = self.wanted + self.removed + self.others
        units = [unit for e in looked_at for unit in (e.socket, e.path, e.job)]
        self.states = show([unit for companion in COMPANIONS for unit in companion.units] + units)
        self.warnings = list(self.frontend.warnings)
        self.warnings += [
            f"{e.name}: it is paused, so no run begins; `triggerctl resume {e.name}` on the host ends that"
            for e in self.wanted
            if e.paused
        ]

    # What there is to do.

    def file_changes(self):
        files = [*self.shared, *(file for endpoint in self.wanted for file in endpoint.files), *self.frontend.files]
        return [file for file in files if file.changed]

    def nginx_changes(self):
        """What changes of that which nginx reads: list of Files."""
        gone = [File(path, None) for endpoint in self.removed for path in endpoint.frontend_files]
        return [file for file in self.file_changes() + gone if file.path.startswith(NGINX) and file.changed]

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
        if endpoint.hands_over and self.shared_changed(f"{UNITS}/trigger-run@.service"):
            return True
        return (
            endpoint.name in self.unfinished
            or self.frontend.secret_changed
            or (endpoint.hands_over and any(file.changed for file in endpoint.files))
            or endpoint.changed(endpoint.configuration)
            or endpoint.changed(endpoint.auth_file)
            or endpoint.changed(endpoint.drop_in(endpoint.acceptor))
            or self.shared_changed(f"{UNITS}/trigger@.service", f"{LIBRARY}/trigger/", f"{LIBRARY}/launch.py")
        )

    def nginx_waits(self):
        """Whether nginx has to be started, or told of a change."""
        waits = self.nginx_changes() or self.frontend.makes_certificate or NGINX_UNFINISHED in self.unfinished
        return bool(waits) or not self.frontend.runs()

    def page_changed(self):
        """Whether a running page has to make place for one that knows the change."""
        if PAGE not in self.companions:
            return False
        drop_ins = [file for e in self.wanted for file in e.files if file.path.startswith(PAGE.drop_ins)]
        return (
            any(file.changed for file in drop_ins)
            or self.frontend.secret_changed
            or self.shared_changed(f"{UNITS}/{PAGE.service}", f"{LIBRARY}/trigger/", f"{LIBRARY}/launch.py")
        )

    def waiting_units(self):
        """The units that shall be enabled and active: they wait for requests, in the spool and on the network."""
        units = [e.path for e in self.wanted if not e.hands_over] + [e.socket for e in self.wanted if e.listens]
        return units + [companion.socket for companion in self.companions]

    def to_start(self):
        """Those of them that are not active."""
        return [unit for unit in self.waiting_units() if not self.is_active(unit) and unit not in self.paused()]

    def paused(self):
        """The path units that wait for nothing, until somebody says `triggerctl resume`."""
        return [e.path for e in self.wanted if e.paused]

    def to_stop(self):
        """Path units that shall not be active: of endpoints that hand their socket over now, which would start the
        server without it."""
        units = [e.path for e in self.wanted if e.hands_over]
        return [unit for unit in units if self.is_active(unit)]

    def unwanted_units(self):
        """The active units of companions that nobody wants any more, list of str."""
        return [unit for companion in self.unwanted for unit in companion.units if self.is_active(unit)]

    def links(self):
        """The units to enable and to disable: two lists."""
        enable = self.waiting_units()
        disable = [unit for e in self.wanted for unit in (e.path, e.socket) if unit not in enable]
        disable += [companion.socket for companion in self.unwanted]
        for endpoint in self.removed:
            disable += [endpoint.socket, endpoint.path]
        return [u for u in enable if not enabled(u)], [u for u in disable if enabled(u)]

    def missing_users(self):
        names = [endpoint.user for endpoint in self.wanted]
        if self.wanted or self.shared:
            names.append(JOBS_USER)
        names += [companion.user for companion in self.companions]
        return [name for name in names if not account(pwd.getpwnam, name)]

    def directory_changes(self):
        """Those of endpoints whose user exists already; the others are new altogether."""
        endpoints = [e for e in self.wanted if account(grp.getgrnam, e.user)]
        return [d for e in endpoints for d in e.directories() if d.changed]

    def obsolete(self):
        """Files of the package that an earlier version had."""
        if not self.shared:
            return []
        kept = {file.path for file in self.shared}
        return [path for path in glob.glob(f"{LIBRARY}/trigger/**/*.py", recursive=True) if path not in kept]

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
            paths += [path for path in self.shared_paths if not path.startswith(LIBRARY)]
            paths += [CONFIGURATION, LIBRARY, SPOOL, STATE, RUNTIME, SYSCTL]
            paths += [path for companion in COMPANIONS for path in companion.files]
        return [path for path in paths if os.path.lexists(path)]

    def users_to_remove(self):
        names = [e.user for e in self.removed]
        if self.purge_all and gecos(JOBS_USER) == JOBS_GECOS:
            names.append(JOBS_USER)
        if self.purge_all or self.shared:
            names += [companion.user for companion in self.unwanted if gecos(companion.user) == companion.gecos]
        return [name for name in names if account(pwd.getpwnam, name)]

    def changes_anything(self):
        return bool(
            self.file_changes()
            or self.to_start()
            or self.to_stop()
            or self.unwanted_units()
            or any(self.links())
            or self.missing_users()
            or self.directory_changes()
            or self.obsolete()
            or self.inotify_limit()
            or self.leftovers()
            or self.users_to_remove()
            or self.unfinished
            or self.nginx_waits()
            or any(self.replaces_socket(endpoint) for endpoint in self.wanted)
        )

    # Checks, before anything is changed.

    def check_units(self):
        """Every unit that changes, through systemd's own parser."""
        units = [u for e in self.wanted for u in e.units if e.changed(e.drop_in(u))]
        for companion in self.companions:
            if self.shared_changed(*companion.files):
                units += [companion.socket, companion.service]
        if self.wanted and self.shared_changed(UNITS):
            units += self.wanted[0].units  # the templates, by one instance
        if not units:
            return
        with tempfile.TemporaryDirectory(prefix="trigger-verify-") as root:
            for file in [*self.shared, *(file for e in self.wanted for file in e.files)]:
                if file.path.startswith(UNITS) and file.content is not None:
                    file.write(root)
            messages = self._judge(root, verify(root, units))
        if messages:
            raise Mistake(
                "systemd refuses what would be written; nothing was changed.\n" + "\n".join(dict.fromkeys(messages))
            )

    def check_nginx(self):
        """The front end's addresses, and the whole of nginx's configuration as it would be, through nginx itself."""
        problem = self.frontend.check_addresses()
        if problem:
            raise Mistake(f"nothing was changed.\n{problem}")
        changes = self.nginx_changes()
        if changes or self.frontend.makes_certificate:
            try:
                self.frontend.try_out(changes)
            except Refused as refused:
                raise Mistake(f"nginx refuses what would be written; nothing was changed.\n{refused}") from None

    def _judge(self, root, findings):
        """Sort what systemd found below root into warnings and mistakes; return the latter, list of str."""
        messages = []
        jobs = [f"Command {file.path} is not executable" for e in self.wanted for file in e.files if file.content]
        for path, line, message in findings:
            if any(job in message for job in jobs):
                continue  # it is written in a moment
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
        closed = {port(text) for unit in closing for text in self.states.get(unit, {}).get("Listen", ())}
        for endpoint in self.wanted:
            if not endpoint.listens or (self.is_active(endpoint.socket) and not self.replaces_socket(endpoint)):
                continue
            for address in endpoint.item["addresses"]:
                problem = why_not_free(address, endpoint.item)
                if problem and port(address["text"]) not in closed:
                    problem = self._other_owner(address) or problem
                    raise Mistake(f"endpoint {endpoint.name!r}: listen: {address['text']} {problem}")

    def _other_owner(self, address):
        """Which endpoint that this call leaves alone is the one in the way. Returns a sentence or None."""
        for other in self.others:
            if port(address["text"]) in map(port, self.states[other.socket]["Listen"]):
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
        nginx_waits, nginx_changes = self.nginx_waits(), self.nginx_changes()  # before anything is gone
        unfinished = [e.name for e in replaced + stopped] + ([NGINX_UNFINISHED] if nginx_waits else [])
        if unfinished:
            mark_unfinished(unfinished)
        # While their files are there, from which systemd knows what belongs to them.
        systemctl("stop", self.unwanted_units())
        self._make_users()
        self._write_files()
        self._raise_inotify_limit()
        self._remove_endpoints()
        enable, disable = self.links()
        systemctl("enable", enable, "--no-reload", "--quiet")
        systemctl("disable", disable, "--no-reload", "--quiet")
        if reload or enable or disable or self.removed:
            run("systemctl", "daemon-reload")
        self._write_configurations()
        self._replace_sockets(replaced, stopped)
        if self.shared_changed(f"{UNITS}/trigger-run@.path"):
            systemctl("try-restart", [e.path for e in self.wanted])
        systemctl("try-restart", [c.socket for c in self.companions if self.shared_changed(c.socket_file)])
        if self.page_changed():
            systemctl("stop", [PAGE.service])  # the next reader starts the new one
        self._start()
        if nginx_waits:
            self.frontend.start_or_reload(nginx_changes)
        self.frontend.tidy()
        if os.path.isdir(PAGE.drop_ins) and not os.listdir(PAGE.drop_ins):
            os.rmdir(PAGE.drop_ins)
        self._forget_removed()
        if os.path.exists(UNFINISHED):
            os.unlink(UNFINISHED)

    def _make_users(self):
        missing = self.missing_users()
        files = [*self.shared, *(file for endpoint in self.wanted for file in endpoint.files)]
        files = [file for file in files if file.path.startswith(SYSUSERS)]
        changed = [file for file in files if file.changed]
        for file in changed:
            file.write()
        if missing or changed:
            run("systemd-sysusers", *(file.path for file in files if file.content is not None))

    def _write_files(self):
        for path, mode in ((SPOOL, 0o755), (STATE, 0o755), (CREDENTIALS, 0o700), (JOBS, 0o755)):
            directory = Directory(path, mode)
            if self.wanted and directory.changed:
                directory.write()
        for directory in self.directory_changes():
            directory.write()
        for file in self.shared:
            if file.changed:
                file.write()
        for endpoint in self.wanted:
            endpoint.write(file for file in endpoint.files if file.path != endpoint.configuration)
        self.frontend.write()
        for path in self.obsolete():
            os.unlink(path)
        if self.wanted:
            run("/usr/bin/python3", "-m", "compileall", "-q", f"{LIBRARY}/trigger")

    def _write_configurations(self):
        """When systemd knows the units: an acceptor that starts now finds the credentials that it is told of."""
        for endpoint in self.wanted:
            endpoint.write(file for file in endpoint.files if file.path == endpoint.configuration)

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
        systemctl("stop", self.to_stop())
        systemctl("stop", [e.acceptor for e in dict.fromkeys(replaced + stopped)])
        # Whoever held a socket before that is now another's: an acceptor, or a server that it was handed over to.
        systemctl("stop", [unit for e in replaced if e.changes_hands for unit in (e.job, e.own_acceptor)])
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
        units = [unit for unit in self.waiting_units() if unit not in self.paused()]
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
            systemctl("disable", [unit for unit in units if enabled(unit)], "--no-reload", "--quiet")
            systemctl("stop", [e.socket for e in self.removed] + [e.path for e in self.removed])
            systemctl("stop", [e.acceptor for e in self.removed])
            systemctl("stop", [unit for e in self.removed for unit in (e.job, e.pause)])
        for endpoint in self.removed:
            dropped = pending(endpoint.name)
            endpoint.done.append("removed" + (f"; {dropped} pending requests were dropped" if dropped else ""))
            if dropped:
                self.warnings.append(f"{endpoint.name}: {dropped} pending requests were dropped")
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


def preflight(plan, state):
    """Look at the host: what it lacks, whether the accounts exist that the endpoints name, and whether its Python
    takes their patterns."""
    mistakes = []
    for item in plan["endpoints"]:
        if "absent" in (item["state"], state):
            continue
        if item["user"] != JOBS_USER and not account(pwd.getpwnam, item["user"]):
            mistakes.append(
                f"endpoint {item['name']!r}: user: {item['user']!r} does not exist on this host; "
                "make it first, or leave the key out for the role's own user"
            )
        if item["group"] and not account(grp.getgrnam, item["group"]):
            mistakes.append(
                f"endpoint {item['name']!r}: group: {item['group']!r} does not exist on this host; make it first"
            )
        for pattern in item["patterns"]:
            try:
                re.compile(pattern)
            except re.error as error:
                mistakes.append(
                    f"endpoint {item['name']!r}: {pattern!r} is no regular expression for the Python of this host, "
                    f"{sys.version.split()[0]}: {error}"
                )
    if mistakes:
        raise Mistake("\n".join(mistakes))
    present = version()
    if present < 247:
        raise Mistake(f"systemd {present} is too old: the role needs 247 or later, for credentials")
    return {"systemd": present, "ipv6": os.path.exists("/proc/net/if_inet6"), "packages": _missing(plan["frontend"])}


def _missing(frontend):
    """The packages that the host lacks, list of str."""
    test = subprocess.run(["/usr/bin/python3", "-c", "import systemd.daemon"], stderr=subprocess.DEVNULL, check=False)
    missing = ["python3-systemd"] if test.returncode else []
    if frontend and not os.path.exists(NGINX_PROGRAM):
        missing.append("nginx")
    if frontend and frontend["is_self_signed"] and not shutil.which("openssl"):
        missing.append("openssl")
    return missing


def _promised_packages(packages, check_mode):
    """With --check, no package manager is asked: on a bare host its lists are empty, and filling them would
    be a change. So what the next task would install is told here."""
    names = "".join(f"{name}\n" for name in packages) if check_mode else ""
    return {
        "changed": bool(names),
        "diff": {"before_header": "packages", "after_header": "packages", "before": "", "after": names},
    }


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


def main():
    module = AnsibleModule(
        argument_spec={
            "endpoints": {"type": "list", "elements": "dict", "default": []},
            "defaults": {"type": "dict", "default": {}},
            "purge": {"type": "bool", "default": False},
            "state": {"choices": ["present", "absent"], "default": "present"},
            "preflight": {"type": "bool", "default": False},
            "systemd": {"type": "int"},
            "ipv6": {"type": "bool", "default": True},
            "frontend": {"type": "dict", "no_log": True},
            "metrics_dir": {"type": "path"},
            "no_log": {"type": "bool", "default": True},
            "plan": {"type": "str", "no_log": True},
        },
        supports_check_mode=True,
    )
    plan = json.loads(module.params["plan"])
    try:
        if module.params["preflight"]:
            found = preflight(plan, module.params["state"])
            module.exit_json(**found, **_promised_packages(found["packages"], module.check_mode))
        deployment = Deployment(plan, module.params["purge"], module.params["state"])
        deployment.check_units()
        deployment.check_addresses()
        deployment.check_nginx()
        changed = deployment.changes_anything()
        diff = [file.diff() for file in deployment.file_changes()]
        diff += [{"before": f"{path}\n", "after": ""} for path in deployment.leftovers()]
        if changed and not module.check_mode:
            deployment.apply()
    except (Mistake, Failed, Refused, Unknown) as error:
        module.fail_json(msg=str(error))
    done = {e.name: e.done for e in deployment.wanted + deployment.removed if e.done}
    for warning in deployment.warnings:
        module.warn(warning)
    module.exit_json(changed=changed, diff=diff, endpoints=done, frontend=deployment.frontend.done)


if __name__ == "__main__":
    sys.exit(main())
