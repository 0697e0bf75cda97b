"""The runner, as the job's user: it becomes the job. No shell stands between."""

import _signal
import os

from trigger import endpoint, staged
from trigger.runner import pump

CANNOT_EXECUTE = 203  # systemd's EXIT_EXEC


def main(name):
    """Become the job of the endpoint called name: str. Returns an exit status only if there is nothing
    to run (0) or the job cannot be executed."""
    try:
        arguments = staged.read_items(name, staged.ARGUMENTS)
    except FileNotFoundError:
        print("%s: nothing is pending, so there is nothing to run" % name)
        return 0
    environment = dict(os.environb)
    for item in staged.read_items(name, staged.ENVIRONMENT):
        key, _, value = item.partition(b"=")
        environment[key] = value
    credentials = staged.path(name) + "/" + staged.CREDENTIALS
    if os.path.isdir(credentials):
        environment[b"CREDENTIALS_DIRECTORY"] = os.fsencode(credentials)
    _let_go_of_lock(environment)
    _connect_body(staged.path(name) + "/" + staged.BODY)
    _connect_output(name, environment)
    for number in (_signal.SIGPIPE, _signal.SIGXFSZ):
        _signal.signal(number, _signal.SIG_DFL)  # Python ignores them, and a job would inherit that
    try:
        os.execvpe(arguments[0], arguments, environment)
    except OSError as error:
        print("<3>%s: cannot execute %s: %s" % (name, os.fsdecode(arguments[0]), _explain(error)))
        return CANNOT_EXECUTE


def _let_go_of_lock(environment):
    """What systemd keeps for the run, see turn, is no business of the job."""
    count = int(environment.pop(b"LISTEN_FDS", b"0"))
    for name in (b"LISTEN_PID", b"LISTEN_FDNAMES", b"NOTIFY_SOCKET"):
        environment.pop(name, None)
    for fd in range(3, 3 + count):
        os.close(fd)


def _connect_body(path):
    """Standard input is /dev/null, as the unit has it, unless the request has a body."""
    try:
        body = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return
    os.dup2(body, 0)
    os.close(body)


def _connect_output(name, environment):
    settings = endpoint.load(name)
    if not settings.output_limit:
        return  # the journal has it all
    try:
        pump.connect(settings)
    except OSError as error:
        print("<4>%s: the output of this run is not kept: %s" % (name, error))
    else:
        environment.pop(b"JOURNAL_STREAM", None)  # which stands for a descriptor that is now a pipe


def _explain(error):
    hints = {
        8: "it has neither a #! line nor a binary format",  # ENOEXEC
        2: "it, or the interpreter that its #! line names, is not there",  # ENOENT
    }
    return hints.get(error.errno, error.strerror)
