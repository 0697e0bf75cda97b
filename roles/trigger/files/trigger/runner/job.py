"""One job: the program of the endpoint, as a child of the runner. No shell stands between."""

import _signal
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

CANNOT_EXECUTE = 203  # systemd's EXIT_EXEC

# What systemd told the runner, and not the job; its standard output is a pipe, and no stream of the journal.
_OF_THE_RUNNER = (
    b"LISTEN_PID",
    b"LISTEN_FDS",
    b"LISTEN_FDNAMES",
    b"LISTEN_PIDFDID",
    b"NOTIFY_SOCKET",
    b"JOURNAL_STREAM",
)


def is_executable(program: bytes) -> bool:
    """Whether a job can begin. A bare name is looked for in the job's PATH, when it is executed."""
    return b"/" not in program or (os.path.isfile(program) and os.access(program, os.X_OK))


def environment(own: "Mapping[bytes, bytes]", told: "Mapping[bytes, bytes]") -> "dict[bytes, bytes]":
    """Return the job's environment. own: the runner's, which is the unit's. told: what the request says."""
    return {**{key: value for key, value in own.items() if key not in _OF_THE_RUNNER}, **told}


def start(arguments: "list[bytes]", variables: "dict[bytes, bytes]", stdin: int, stdout: int, stderr: int) -> int:
    """Fork, and execute the job. The descriptors become its own 0, 1 and 2; it inherits no other. Returns its process
    id. Raises OSError."""
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()  # as the main process of a unit has it; nothing that it does to its group reaches the runner
        _signal.set_wakeup_fd(-1)
        for number in (_signal.SIGPIPE, _signal.SIGXFSZ, _signal.SIGTERM, _signal.SIGCHLD):
            _signal.signal(number, _signal.SIG_DFL)  # Python ignores the first two, and a job would inherit that
        for fd, target in ((stdin, 0), (stdout, 1), (stderr, 2)):
            os.dup2(fd, target)  # all of them are above these, or these themselves
        if b"SYSTEMD_EXEC_PID" in variables:
            variables[b"SYSTEMD_EXEC_PID"] = b"%d" % os.getpid()
        os.execvpe(arguments[0], arguments, variables)
    except OSError as error:
        text = "<3>cannot execute %s: %s\n" % (os.fsdecode(arguments[0]), _explain(error))
        os.write(2, text.encode("utf-8", "replace"))
    finally:
        os._exit(CANNOT_EXECUTE)


def _explain(error: OSError) -> str:
    hints = {
        8: "it has neither a #! line nor a binary format",  # ENOEXEC
        2: "it, or the interpreter that its #! line names, is not there",  # ENOENT
        # E2BIG; requests are measured before. What systemd adds by a file or a drop-in, nobody but systemd knows.
        7: "an argument or variable, also of EnvironmentFile=, reaches 128 KiB, or all are too long for LimitSTACK=",
    }
    return hints.get(error.errno, error.strerror)
