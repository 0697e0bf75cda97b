"""What a job prints goes to the journal and into a file, both up to the endpoint's output_limit.

Between the job and the two stands a process of the runner's, as the job's user, that reads to the end and drops what
is too much: so a job that prints without end fills neither disk nor journal nor memory.
"""

import _signal
import os

from trigger import output

# Those by which systemd or somebody else asks a run to end.
_ASKING = (_signal.SIGTERM, _signal.SIGINT, _signal.SIGHUP)
PART = 64 * 1024


def connect(endpoint):
    """Put the pump between this process, which is about to become the job, and its output. Raises OSError."""
    file = os.open(endpoint.output_file, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
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
            kept += output.CUT % limit
        for target in (file, 1):
            _write(target, kept)


def _write(fd, content):
    try:
        while content:
            content = content[os.write(fd, content) :]
    except OSError:
        pass  # a full disk, or a journal that is gone, is no reason to stop the job
