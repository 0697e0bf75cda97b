"""Whether the files of an endpoint are there, belong to whom they should, and say something."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import stat

from trigger import output, paths, records, strict_json, timespan
from trigger.ctl.doctor.finding import AGAIN, Finding, whatever_befalls
from trigger.ctl.errors import MOUNT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trigger.endpoint import Endpoint

# Where systemd looks for a program without a slash.
PROGRAMS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def findings(endpoint: Endpoint, job: dict) -> Iterator[Finding]:
    """Yield a Finding for each thing that is wrong. job: what systemd knows of its job unit (systemd.show)."""
    for check in (
        _users(endpoint, job),
        _places(endpoint),
        _kept_by_the_acceptor(endpoint),
        _credentials(endpoint, job),
        _program(endpoint),
        _directory(endpoint.name, job["WorkingDirectory"]),
        _set_aside(endpoint),
        _records(endpoint),
    ):
        yield from whatever_befalls(check, endpoint.name)


def owned(
    path: str,
    kind: Callable[[int], bool],
    group: str,
    mode: int,
    endpoint: str | None = None,
    owner: str = "root",
) -> Iterator[Finding]:
    """Yield a Finding unless a path is a file or directory as it should be. kind: stat.S_ISREG or S_ISDIR. owner,
    group, mode: those that it should have."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        yield Finding(endpoint, path + " is missing", MOUNT if kind is stat.S_ISDIR else AGAIN)
        return
    present = stat.S_IMODE(status.st_mode)
    if not kind(status.st_mode):
        yield Finding(endpoint, path + " is something else than it should be", "look at it, remove it, " + AGAIN)
    elif status.st_uid != _uid(owner) or status.st_gid != _gid(group):
        what = "%s belongs to %s:%s" % (path, _name(pwd.getpwuid, status.st_uid), _name(grp.getgrgid, status.st_gid))
        yield Finding(endpoint, what, "chown %s:%s %s" % (owner, group, path))
    elif present != mode:
        # Of a directory chmod takes setgid away by a fifth digit alone.
        yield Finding(endpoint, "%s has mode %04o" % (path, present), "chmod %05o %s" % (mode, path))


def _users(endpoint, job):
    for user in dict.fromkeys((endpoint.user, job["User"] or endpoint.job_user)):
        try:
            pwd.getpwnam(user)
        except KeyError:
            mend = AGAIN if user in (endpoint.user, "trigger") else "make it, or change `user` in the playbook"
            yield Finding(endpoint.name, "the user %s does not exist" % user, mend)


def _places(endpoint):
    name = endpoint.name
    yield from owned(endpoint.configuration, stat.S_ISREG, "root", 0o644, name)
    yield from owned(paths.STATE + "/" + name, stat.S_ISDIR, endpoint.user, 0o2755, name)
    for path, mode in ((endpoint.spool, 0o770), (endpoint.claimed, 0o2750), (endpoint.runs, 0o2750)):
        yield from owned(path, stat.S_ISDIR, endpoint.user, mode, name)


def _kept_by_the_acceptor(endpoint):
    """One that may not open these answers nobody, or counts anew. It brings them when it needs them."""
    for path in (endpoint.deliveries, endpoint.rate, endpoint.request_counts):
        if os.path.lexists(path):
            yield from owned(path, stat.S_ISREG, endpoint.user, 0o600, endpoint.name, endpoint.user)


def _credentials(endpoint, job):
    name = endpoint.name
    if endpoint.auth:
        path = "%s/%s/acceptor/auth" % (paths.CREDENTIALS, name)
        yield from owned(path, stat.S_ISREG, "root", 0o600, name)
        if os.path.isfile(path) and _entries(path) != len(endpoint.auth):
            yield Finding(name, path + " does not hold what `auth` says: nobody is let in", AGAIN)
    directory = "%s/%s/job" % (paths.CREDENTIALS, name)
    for source in _loaded_credentials(job):
        if source.startswith(directory):
            yield from owned(source, stat.S_ISREG, "root", 0o600, name)
        elif source.startswith("/") and not os.path.exists(source):
            yield Finding(name, "the credential %s is missing, so the job cannot start" % source, "put it there")


def _entries(path):
    try:
        with open(path, encoding="utf-8") as file:
            return len(strict_json.decode(file.read()))
    except (OSError, ValueError, TypeError):
        return None


def _loaded_credentials(job):
    """Where the job's credentials come from: list of paths. systemd does not print LoadCredential= before version 254,
    so its files are read."""
    found = []
    for path in job["DropInPaths"].split():
        try:
            with open(path, encoding="utf-8") as file:
                lines = file.read().splitlines()
        except OSError:
            continue
        found += [line.rpartition(":")[2] for line in lines if line.startswith("LoadCredential=") and ":" in line]
    return found


def _program(endpoint):
    name, program = endpoint.name, endpoint.command[0]
    path = program if "/" in program else shutil.which(program, path=PROGRAMS)
    if path is None or not (os.path.isfile(path) and os.access(path, os.X_OK)):
        mend = AGAIN if program.startswith(paths.JOBS + "/") else "put it there; what waits is run then"
        yield Finding(name, "the job's program %s is not there, or not executable" % program, mend)
        return
    interpreter = _interpreter(path)
    if interpreter and not os.access(interpreter, os.X_OK):
        what = "%s begins with #!%s, which is not there" % (path, interpreter)
        yield Finding(name, what, "install it, or correct the line; runs fail with exit code 203 until then")


def _interpreter(path):
    with open(path, "rb") as file:
        first = file.read(256).split(b"\n")[0]
    words = first[2:].split() if first[:2] == b"#!" else []
    return os.fsdecode(words[0]) if words else None


def _directory(name, path):
    # systemd makes the job's own, and puts a "!" before another that may be missing.
    if path.startswith("/") and not path.startswith(paths.STATE) and not os.path.isdir(path):
        what = "the working directory %s is missing, so the job cannot start" % path
        yield Finding(name, what, "make it; the job resumes by itself then")


def _set_aside(endpoint):
    try:
        names = [name for name in os.listdir(endpoint.spool) if name.startswith(".damaged-")]
    except FileNotFoundError:
        return
    for name in sorted(names):
        path = "%s/%s" % (endpoint.spool, name)
        yield Finding(endpoint.name, ascii(path)[1:-1] + " was no request, and was set aside", "look at it, delete it")


def _records(endpoint):
    if os.path.lexists(endpoint.served):  # the first record brings it
        yield from owned(endpoint.served, stat.S_ISDIR, endpoint.user, 0o710, endpoint.name)
    try:
        found = records.ids(endpoint)
    except FileNotFoundError:
        return  # which _places() tells
    yield from _readers(endpoint, found)
    for run_id in found:
        try:
            records.read(endpoint, run_id)
        except records.Damaged as damaged:
            yield Finding(endpoint.name, *str(damaged).split("; ", 1))


def _readers(endpoint, run_ids):
    """Records and outputs are root's, and the endpoint's group alone reads them. A backup may bring all of them back
    otherwise, so they are told together."""
    wanted = (0, _gid(endpoint.user), 0o040)
    wrong = []
    for path in [where(endpoint, run_id) for run_id in run_ids for where in (records.path, output.path)]:
        try:
            status = os.lstat(path)
        except FileNotFoundError:
            continue  # it has printed nothing, or was let go meanwhile
        if stat.S_ISREG(status.st_mode) and (status.st_uid, status.st_gid, status.st_mode & 0o077) != wanted:
            wrong.append(os.path.basename(path))
    if wrong:
        what = "wrong owner, group or mode of %s in %s, %s among them: they are for root and %s alone"
        mend = "find %s -type f -exec chown root:%s {} + -exec chmod g=r,o= {} +"
        told = (timespan.count(len(wrong), "file"), endpoint.runs, wrong[0], endpoint.user)
        yield Finding(endpoint.name, what % told, mend % (endpoint.runs, endpoint.user))


def _uid(user):
    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError:
        return None


def _gid(group):
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        return None


def _name(look_up, number):
    try:
        return look_up(number)[0]
    except KeyError:
        return str(number)
