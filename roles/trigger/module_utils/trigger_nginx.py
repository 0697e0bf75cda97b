# Copyright: The trigger authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""nginx on the host, and what the front end has of its own there.

nginx belongs to the host: other sites may stand in it. So a change is tried before it is made, nginx is told to reload
and never restarted, and what it does not take is undone.
"""

from __future__ import annotations

import glob
import grp
import hashlib
import ipaddress
import os
import pwd
import re
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, Callable

from .trigger_addresses import is_of_process, why_not_free
from .trigger_files import File, Place, Rights, create, draft_of, make_directories, replacing
from .trigger_names import (
    CERTIFICATE,
    CLIENT_CA,
    FRONTEND_CREDENTIALS,
    KEY,
    NGINX,
    NGINX_GROUP,
    PROXY_FILES,
    SITE,
)
from .trigger_passwords import line
from .trigger_steps import FRONTEND, Outcome, Step, write
from .trigger_systemd import ENVIRONMENT, Failed, main_pid, run, show, systemctl

PROGRAM = "/usr/sbin/nginx"
OPENSSL = "/usr/bin/openssl"
UNIT = "nginx.service"
MAIN = NGINX + "/nginx.conf"
PROXY = PROXY_FILES + "/proxy.conf"
USERS = PROXY_FILES + "/users"
ACCESS_LOG = "/var/log/nginx/trigger.access.log"
LOG_MODE = 0o640  # nginx would let everybody read it
ERROR_LOG = "/var/log/nginx/error.log"

NEEDED = ("auth_basic", "limit_conn", "limit_req", "map", "proxy")  # modules that can be left out

SELF_SIGNED_DAYS = 825
RENEWED_BEFORE = 60  # days that are left
RELOAD_TIME = 15  # seconds that nginx has to take a new configuration

PROXY_TEXT = """\
# Written by the Ansible role trigger; a change here is undone by its next run.
# By the first line an acceptor knows nginx: only root may read it.
proxy_set_header X-Trigger-Frontend "%s";
proxy_set_header X-Forwarded-For $remote_addr;
proxy_set_header X-Forwarded-Proto $scheme;
proxy_set_header X-Trigger-Auth-Type $trigger_auth_type;
proxy_set_header Host $trigger_host;
proxy_set_header Connection close;
"""


# openssl.cnf of Debian would make it an authority: who trusts it for this host would trust its key for any other.
_EXTENSIONS = """\
[req]
distinguished_name = subject
x509_extensions = server
[subject]
[server]
basicConstraints = critical, CA:FALSE
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
subjectAltName = %s
"""

_SECRET = re.compile(rb"[0-9a-f]{64}\n")
# What is said in nginx.conf where its own number is too low, so that it can be taken back.
_CONNECTIONS = re.compile(
    r"^([ \t]*worker_connections[ \t]+)(\d+)([ \t]*;)(?: # (\d+) before the role trigger)?(?=[ \t\r]*(?:#|$))",
    re.MULTILINE,
)
_FILES = re.compile(r"^worker_rlimit_nofile \d+; # of the role trigger\n", re.MULTILINE)
_FILES_OF_OTHERS = re.compile(r"^[ \t]*worker_rlimit_nofile[ \t]", re.MULTILINE)


class Refused(Exception):
    """nginx does not take the configuration. str(error) is what it said."""


class Frontend:
    """The front end as it shall be. plan: from the action plugin; None when there shall be none."""

    def __init__(self, plan: dict[str, Any] | None) -> None:
        self.plan = plan
        self.warnings: list[str] = plan["warnings"] if plan else []
        self.files: list[File] = self._wanted() if plan else self._unwanted()
        self.makes_certificate = bool(plan) and plan["is_self_signed"] and not self._certificate_lasts()
        self.makes_log = bool(plan) and not os.path.exists(ACCESS_LOG)

    @property
    def secret_changed(self) -> bool:
        """Whether acceptors and page have to be told another secret."""
        return bool(self.plan) and any(
            file.changed for file in self.files if file.path.startswith(FRONTEND_CREDENTIALS)
        )

    @property
    def verifies_clients(self) -> bool:
        """Whether nginx verifies certificates of clients, which other sites can spoil at any time."""
        return bool(self.plan) and self.plan["verifies_clients"]

    def _wanted(self):
        files = [File.decode(item) for item in self.plan["files"]]
        files += self._secret_files()
        files += _main_file(self.plan["worker_connections"])
        files.append(File(USERS, self._users(), 0o640, show=False, gid=grp.getgrnam(NGINX_GROUP).gr_gid))
        paths = {file.path for file in files}
        made = [draft_of(CERTIFICATE), draft_of(KEY)] if self.plan["is_self_signed"] else [CERTIFICATE, KEY]
        files += [File(path, None, show=path == CERTIFICATE) for path in made if path not in paths]
        files += [] if CLIENT_CA in paths else [File(CLIENT_CA, None)]
        return [file for file in files if file.content is not None or file.changed]

    def _unwanted(self):
        shown = (SITE, CERTIFICATE, CLIENT_CA)
        secret = (PROXY, USERS, KEY, *_files_in(FRONTEND_CREDENTIALS))
        files = [File(path, None, show=path in shown) for path in shown + secret]
        files += _main_file(0)
        return [file for file in files if file.changed]

    def places(self) -> list[Place]:
        """The certificate and the key that the host made, and the log of who came, where they are there."""
        if not self.plan:
            return []
        is_made = self.plan["is_self_signed"] and not self.makes_certificate
        return ([Place(CERTIFICATE, 0o644), Place(KEY, 0o600)] if is_made else []) + _log_places()

    def _secret_files(self):
        """The secret by which nginx and the page are known; made once."""
        path = f"{FRONTEND_CREDENTIALS}/secret"
        present = File(path, None).before or b""
        secret = present.decode().strip() if _SECRET.fullmatch(present) else secrets.token_hex(32)
        digest = hashlib.sha256(secret.encode()).hexdigest()
        return [
            File(path, secret.encode() + b"\n", 0o600, show=False),
            File(f"{FRONTEND_CREDENTIALS}/sha256", digest.encode() + b"\n", 0o600, show=False),
            File(PROXY, (PROXY_TEXT % secret).encode(), 0o600, show=False),
        ]

    def _users(self):
        present = File(USERS, None).before or b""
        lines = {text.partition(":")[0]: text for text in present.decode("ascii", "replace").splitlines()}
        users = [user for user in self.plan["users"] if user.get("password") or user.get("password_hash")]
        return "".join(line(user, lines.get(user["name"])) + "\n" for user in users).encode()

    def _certificate_lasts(self):
        """Whether the certificate that the host made is there, for these names, and good for some time."""
        if not (os.path.exists(CERTIFICATE) and os.path.exists(KEY)):
            return False
        if not os.path.exists(OPENSSL):
            return True  # with --check, on a host that has no openssl yet, nobody can tell
        look = [OPENSSL, "x509", "-in", CERTIFICATE, "-noout"]
        try:
            run(*look, "-checkend", str(RENEWED_BEFORE * 86400))
            text = run(*look, "-ext", "subjectAltName")
        except Failed:
            return False
        return alternative_names(self.plan["names"]) == names_in(text)

    # Checks, before anything is changed.

    def check_addresses(self) -> str | None:
        """What stands against listening where it shall."""
        return why_not_listen(self.plan["addresses"]) if self.plan else None

    def try_out(self, files: Sequence[File]) -> None:
        """Let nginx read the configuration as it would be, with all of its other sites. files: those that change, of
        endpoints too. Raises Refused.

        What nginx reads is laid over /etc/nginx in a mount namespace of its own; nobody else sees it. There are keys in
        it, so it never touches a disk.
        """
        if not os.path.exists(PROGRAM):
            return  # with --check, on a host that has no nginx yet
        if self.makes_certificate and not os.path.exists(OPENSSL):
            return  # nor openssl
        built = _built()
        if self.plan and missing_modules(built):
            raise Refused(
                f"{PROGRAM} is built without {' and '.join(missing_modules(built))} (`nginx -V`), as nginx-light of "
                "Debian 11 is; install nginx-core or nginx-full instead"
            )
        with tempfile.TemporaryDirectory(prefix="trigger-nginx-", dir="/run") as root:
            shutil.copytree(NGINX, root + NGINX, symlinks=True)
            for file in files:
                if file.content is not None:
                    file.write(root)
                elif os.path.lexists(root + file.path):
                    os.unlink(root + file.path)
            if self.makes_certificate:
                self.make_certificate(root)
            script = '/bin/mount --bind "$1" "$2" && /bin/mount -t tmpfs tmpfs "$3" && exec "$4" -T'
            arguments = [root + NGINX, NGINX, os.path.dirname(ACCESS_LOG), PROGRAM]
            command = ["/usr/bin/unshare", "--mount", "/bin/sh", "-c", script, "sh", *arguments]
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, env=ENVIRONMENT
            )
        if done.returncode:
            raise Refused(done.stderr.strip())
        if self.plan and f"# configuration file {SITE}:" not in done.stdout:
            raise Refused(f"{MAIN} does not include sites-enabled/* within http; let it do so")
        self._check_other_sites(done.stderr, done.stdout)
        self._check_other_verifiers(done.stdout)
        user, may_connect = workers(done.stdout, built)
        if self.plan and not may_connect:
            raise Refused(
                f"nginx' workers are user {user}, who is not in group {NGINX_GROUP}, so they could connect to no "
                f"endpoint; `adduser {user} {NGINX_GROUP}`, or `user {NGINX_GROUP};` in {MAIN}"
            )

    def _check_other_sites(self, said, configuration):
        places = namesakes(said, configuration, self.plan["names"], set(self.plan["serving"])) if self.plan else []
        if places:
            raise Refused(
                f"trigger_frontend_server_name: another site of this host has {' and '.join(places)}, and nginx would "
                f"use it; take the name out there (`grep -rn server_name {NGINX}`), or give the front end another "
                "name, or a port of its own (trigger_frontend_listen)"
            )

    def _check_other_verifiers(self, configuration):
        if not self.verifies_clients:
            return
        others = verifiers(configuration, {address["port"] for address in self.plan["addresses"]})
        if others:
            raise Refused(
                f"trigger_frontend_client_ca: {' and '.join(others)} lets nginx verify client certificates on the same "
                "port, and a TLS session that began there could go on here; give the front end a port of its own "
                "(trigger_frontend_listen), or let nginx verify none there"
            )

    # Doing it.

    def runs(self) -> bool:
        """Whether nginx does what it shall: run, where there is a front end."""
        return not self.plan or show([UNIT]).get(UNIT, {}).get("ActiveState") == "active"

    def steps(self) -> list[Step]:
        """What is written."""
        steps = write(self.files, FRONTEND)
        if self.makes_certificate:
            sentence = f"{CERTIFICATE} made, self-signed"
            steps.append(Step(sentence, self.make_certificate, {FRONTEND: [sentence]}))
        if self.makes_log:
            steps.append(Step(f"{ACCESS_LOG} made", _make_log))
        return steps

    def make_certificate(self, root: str = "") -> None:
        """Make a key and a certificate that it signs itself, below root."""
        names = self.plan["names"]
        make_directories(root + PROXY_FILES)
        with replacing(root + KEY) as draft, tempfile.NamedTemporaryFile("w", dir="/run") as extensions:
            os.close(create(draft))
            extensions.write(_EXTENSIONS % ",".join(sorted(alternative_names(names))))
            extensions.flush()
            certificate = run(
                *(OPENSSL, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
                *("-sha256", "-days", str(SELF_SIGNED_DAYS), "-subj", f"/CN={names[0][:64]}", "-keyout", draft),
                *("-config", extensions.name),
            )
            Place(draft, 0o600).write()
        File(CERTIFICATE, certificate.encode()).write(root)

    def takes_effect(self, files: Sequence[File]) -> Step:
        """nginx serves the configuration that is in place. files: those that changed; when nginx refuses them, they are
        set back, and the step raises Refused."""
        return Step("nginx started or reloaded", partial(self._start_or_reload, files))

    def _start_or_reload(self, files: Sequence[File]) -> Outcome | None:
        state = show([UNIT])[UNIT]
        if state["ActiveState"] != "active":
            if not self.plan:
                return None
            systemctl("enable", [UNIT], "--now", "--quiet")
            return Outcome({FRONTEND: ["nginx started"]})
        before = _workers()
        log = size(ERROR_LOG)
        systemctl("reload", [UNIT])
        if _await(lambda: _workers() - before):
            return Outcome({FRONTEND: ["nginx reloaded"]})
        said = said_since(log)
        for file in files:
            if file.changed:
                file.restore()
        systemctl("reload", [UNIT])
        raise Refused(f"nginx goes on with the configuration of before, to which its files were set back: {said}")


def why_not_listen(addresses: Iterable[dict[str, Any]]) -> str | None:
    """What stands against nginx' listening on addresses, as the plan has them."""
    master = main_pid(UNIT)
    for address in addresses:
        problem = why_not_free(address, {"bind_ipv6_only": "both", "free_bind": False})
        if problem and not (master and is_of_process(address["port"], master)):
            return f"trigger_frontend_listen: {address['text']} {problem}"
    return None


def _files_in(directory):
    """All of a directory, drafts too."""
    return sorted(glob.glob(f"{directory}/*") + glob.glob(f"{directory}/.*"))


def missing_modules(built: str) -> list[str]:
    """Those that the site needs and that were left out. built: what `nginx -V` says."""
    return [name for name in NEEDED if f"--without-http_{name}_module" in built]


_SERVER_NAMES = re.compile(r"\bserver_name\s+([^;]+);")
_CONFLICT = re.compile(r'conflicting server name "([^"]*)" on (\S+), ignored')


def namesakes(said: str, configuration: str, names: list[str], ports: set[int]) -> list[str]:
    """Where another site has one of these names on one of these ports already: list of str, name and address. nginx
    uses the site that it reads first, and only warns. said: what `nginx -T` complains of. configuration: what it says,
    the files in the order in which it reads them."""
    before = re.sub(r"#.*", "", configuration.partition(f"# configuration file {SITE}:")[0])
    taken = {name.lower() for line in _SERVER_NAMES.findall(before) for name in line.split()}
    ours = {name.lower() for name in names} & taken
    found = [each for each in _CONFLICT.findall(said) if each[0].lower() in ours and _port(each[1]) in ports]
    return [f"{name} on {place}" for name, place in found]


_VERIFIES = re.compile(r"\bssl_verify_client\s+(?!off\b)\S")
_SERVER = re.compile(r"\bserver\s*\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}")  # with blocks in blocks within it


def verifiers(configuration: str, ports: set[int]) -> list[str]:
    """The files of other sites in which nginx verifies client certificates on one of these ports, or on any that it
    does not say; what stands outside of a server holds for those of all files. configuration: what `nginx -T` says."""
    parts = re.split(r"^# configuration file (.+):$", configuration, flags=re.MULTILINE)
    found = []
    for path, text in zip(parts[1::2], parts[2::2]):
        text = re.sub(r"#.*", "", text)
        places = re.findall(r"\blisten\s+([^\s;]+)", text)
        if path == SITE or not _VERIFIES.search(text):
            continue
        is_for_all = _VERIFIES.search(_SERVER.sub("", text))
        if is_for_all or not places or not ports.isdisjoint(map(_port, places)):
            found.append(path)
    return found


def _port(place):
    """Of nginx' listen."""
    digits = re.search(r"(?:^|:)(\d+)$", place)
    return int(digits[1]) if digits else 80


def workers(configuration: str, built: str) -> tuple[str, bool]:
    """Who nginx' workers are, and whether they may connect to endpoints' sockets. configuration: what `nginx -T`
    says."""
    found = re.search(r"^[ \t]*user[ \t]+([^\s;]+)(?:[ \t]+([^\s;]+))?[ \t]*;", configuration, re.MULTILINE)
    default = re.search(r"--user=(\S+)", built)
    user = found[1] if found else default[1] if default else "nobody"
    try:
        account = pwd.getpwnam(user)
        group = grp.getgrnam(found[2]).gr_gid if found and found[2] else account.pw_gid
        sockets = grp.getgrnam(NGINX_GROUP).gr_gid
    except KeyError:
        return user, False
    return user, account.pw_uid == 0 or sockets in os.getgrouplist(user, group)


def _built():
    """What nginx says of how it was built."""
    return subprocess.run(
        [PROGRAM, "-V"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, env=ENVIRONMENT
    ).stderr


def _make_log() -> None:
    fd = create(ACCESS_LOG)
    owner = pwd.getpwnam(NGINX_GROUP).pw_uid, grp.getgrnam("adm").gr_gid
    Rights(LOG_MODE, *owner).give(fd)
    os.close(fd)


def _log_places():
    """The log with its owner, whom nginx or logrotate has given it; none where an admin's link leads elsewhere."""
    if os.path.islink(ACCESS_LOG) or not os.path.isfile(ACCESS_LOG):
        return []
    status = os.stat(ACCESS_LOG)
    return [Place(ACCESS_LOG, LOG_MODE, status.st_gid, status.st_uid)]


def _main_file(connections):
    """nginx.conf as it shall be, which belongs to the host: list of a File, empty where it is right, and where it is a
    link, to what somebody else keeps. connections: int, the least that a worker shall take; 0 sets back what was raised
    before."""
    present = File(MAIN, None)
    before = (present.before or b"").decode("utf-8", "surrogateescape")
    wanted = with_connections(before, connections)
    if wanted == before and not (present.has_draft and present.before):
        return []
    return [File(MAIN, wanted.encode("utf-8", "surrogateescape"), present.mode_before, gid=present.gid_before)]


def with_connections(text: str, connections: int) -> str:
    """The text of nginx.conf with so many worker_connections, and the descriptors that these need."""
    text = _CONNECTIONS.sub(lambda found: f"{found[1]}{found[4] or found[2]}{found[3]}", _FILES.sub("", text))
    present = _CONNECTIONS.search(text)
    if not present or int(present[2]) >= connections:
        return text
    raised = f"{present[1]}{connections}{present[3]} # {present[2]} before the role trigger"
    text = text[: present.start()] + raised + text[present.end() :]
    if _FILES_OF_OTHERS.search(text):
        return text
    # Each client takes two, with the connection to its endpoint.
    files = f"worker_rlimit_nofile {2 * connections}; # of the role trigger\n"
    return re.sub(r"^events\b", files + "events", text, count=1, flags=re.MULTILINE)


def alternative_names(names: Iterable[str]) -> set[str]:
    """The names as a certificate has them (RFC 5280, section 4.2.1.6)."""
    found = set()
    for name in names:
        try:
            found.add(f"IP:{ipaddress.ip_address(name.strip('[]'))}")
        except ValueError:
            found.add(f"DNS:{name}")
    return found


def names_in(text: str) -> set[str]:
    """Those in what openssl prints of a certificate."""
    last = text.strip().splitlines()[-1] if text.strip() else ""
    names = [part.strip().partition(":")[2] for part in last.split(",")]
    return alternative_names(names)


def _workers():
    """The process ids of nginx's workers: set of str."""
    master = main_pid(UNIT)
    try:
        with open(f"/proc/{master}/task/{master}/children") as file:
            return set(file.read().split())
    except FileNotFoundError:
        return set()


def _await(condition: Callable[[], object]) -> bool:
    """Whether a condition comes true within RELOAD_TIME."""
    deadline = time.monotonic() + RELOAD_TIME
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def size(path: str) -> int:
    """Bytes of a file, 0 where there is none."""
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


def said_since(position: int) -> str:
    """What nginx complained of, from a position in its log on."""
    try:
        with open(ERROR_LOG, errors="replace") as file:
            file.seek(position)
            lines = [text for text in file.read().splitlines() if "[emerg]" in text or "[alert]" in text]
    except OSError:
        lines = []
    return "; ".join(lines[-3:]) or f"see {ERROR_LOG}"
