"""What a job prints: it goes to the journal and into a file, both up to the endpoint's output_limit.

Between the job and the two stands a process of the runner's, as the job's user, that reads to the end and drops what
is too much: so a job that prints without end fills neither disk nor journal nor memory. While the run lasts, the file
is the job's; for its record root takes a copy.
"""

import _signal
import os
import pwd

CUT = b"\n[what follows is cut off: output_limit is %d bytes]\n"
PART = 64 * 1024

# Those by which systemd or somebody else asks a run to end.
_ASKING = (_signal.SIGTERM, _signal.SIGINT, _signal.SIGHUP)

_OPEN = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def create(endpoint):
    """Make the file for the next run, as root: the job's user writes it, the acceptor may read it. Raises OSError."""
    remove(endpoint)
    if endpoint.output_limit:
        fd = os.open(endpoint.output_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _OPEN, 0o600)
        try:
            os.fchown(fd, pwd.getpwnam(endpoint.job_user).pw_uid, pwd.getpwnam(endpoint.user).pw_gid)
            os.fchmod(fd, 0o640)
        finally:
            os.close(fd)


def keep(endpoint, run_id):
    """Copy what the run printed beside its record, as root, and let the file go. Raises OSError."""
    try:
        source = os.open(endpoint.output_file, os.O_RDONLY | _OPEN)
    except FileNotFoundError:
        return
    try:
        target = os.open(path(endpoint, run_id), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _OPEN, 0o600)
        try:
            os.fchown(target, 0, os.stat(endpoint.runs).st_gid)
            os.fchmod(target, 0o640)
            _copy(source, target, endpoint.output_limit + len(CUT) + 20)
        finally:
            os.close(target)
    finally:
        os.close(source)
    remove(endpoint)


def remove(endpoint):
    """Let go what an earlier run printed."""
    try:
        os.unlink(endpoint.output_file)
    except FileNotFoundError:
        pass


def path(endpoint, run_id):
    """Where the output of a recorded run is."""
    return endpoint.runs + "/" + run_id + ".output"


def connect(endpoint):
    """Put the pump between this process, which is about to become the job, and its output. Raises OSError."""
    file = os.open(endpoint.output_file, os.O_WRONLY | os.O_APPEND | _OPEN)
    source, sink = os.pipe()
    # Until the pump takes no notice of them: a short job can have ended, and systemd asked, before that.
    _signal.pthread_sigmask(_signal.SIG_BLOCK, _ASKING)
    # Twice, so that the job has no child that it does not know of and might wait for.
    if os.fork() == 0:
        try:
            if os.fork() == 0:
                os.close(sink)
                _pump(source, file, endpoint.output_limit)
        finally:
            os._exit(0)
    os.wait()
    _signal.pthread_sigmask(_signal.SIG_UNBLOCK, _ASKING)
    os.dup2(sink, 1)
    if endpoint.output != "cgi":  # whose errors must not stand in the answer's head
        os.dup2(sink, 2)
    for fd in (source, sink, file):
        os.close(fd)


def _pump(source, file, limit):
    """Pass on until all who may write have gone. systemd stops them with the run, and this one with them: so it
    takes no notice of a signal that asks."""
    os.setsid()
    for number in (*_ASKING, _signal.SIGPIPE):
        _signal.signal(number, _signal.SIG_IGN)
    left = limit
    is_cut = False
    while True:
        part = os.read(source, PART)
        if not part:
            return
        kept, left = part[:left], max(0, left - len(part))
        if len(part) > len(kept) and not is_cut:
            is_cut = True
            kept += CUT % limit
        for target in (file, 1):
            _write(target, kept)


def _write(fd, content):
    try:
        while content:
            content = content[os.write(fd, content) :]
    except OSError:
        pass  # a full disk, or a journal that is gone, is no reason to stop the job


def _copy(source, target, limit):
    while limit:
        part = os.read(source, min(PART, limit))
        if not part:
            return
        limit -= len(part)
        os.write(target, part)
