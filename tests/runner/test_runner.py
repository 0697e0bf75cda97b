"""The runner as systemd would start it, and a dispatcher that comes, goes, and comes again."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from trigger import output, run_protocol
from trigger.run_protocol import BEGAN, ENDED, EXITED, IDLE, KILLED, LEAVE, NOTED, RUNNING, STOPPING, Message

PACKAGE = Path(__file__).parents[2] / "roles/trigger/files"
RUN = "01a22629-dd48-7bdd-80a8-724a32807fd5"
START = f"import sys; sys.path.insert(0, {str(PACKAGE)!r}); from trigger.runner.main import main; sys.exit(main('a'))"
LISTENING = 'LISTEN_PID=$$ LISTEN_FDS=1 INVOCATION_ID=%s exec "$0" -I -S -c "$1"' % ("b" * 32)


class Runner:
    """path: Path of a folder."""

    def __init__(self, path):
        self.output = path / "output"
        self.address = str(path / "run")
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(self.address)
        listener.listen()
        reading, self._fifo = os.pipe()
        self.woken = os.fdopen(reading, "rb", buffering=0)
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", LISTENING, sys.executable, START],
            stdout=subprocess.PIPE,
            pass_fds=[3],
            preexec_fn=lambda: os.dup2(listener.fileno(), 3),
        )
        listener.close()
        self.peer = None

    def connect(self):
        """Be a dispatcher, and return the greeting."""
        self.peer = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.peer.settimeout(30)
        self.peer.connect(self.address)
        return self.hear()

    def hear(self):
        return run_protocol.receive(self.peer)

    def say(self, message):
        run_protocol.send(self.peer, message)

    def run(self, *command, body=b"", limit=1000, flags=run_protocol.WITH_ERRORS, **environment):
        """Hand a run over."""
        packed = os.memfd_create("job")
        told = {key.encode(): value.encode() for key, value in environment.items()}
        os.write(packed, run_protocol.pack_job([os.fsencode(word) for word in command], told))
        stdin = os.memfd_create("body")
        os.pwrite(stdin, body, 0)
        kept = os.open(self.output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        message = Message(run_protocol.RUN, RUN, flags=flags, status=1, limit=limit)
        run_protocol.send(self.peer, message, (packed, stdin, kept, self._fifo))
        for fd in (packed, stdin, kept):
            os.close(fd)

    def leave(self, state="succeeded"):
        """Let it leave. Returns its exit status."""
        self.say(Message(NOTED, RUN, status=run_protocol.STATES.index(state)))
        return self.process.wait(30)

    def close(self):
        os.close(self._fifo)
        self.woken.close()
        self.process.kill()
        self.process.communicate()
        if self.peer is not None:
            self.peer.close()


@pytest.fixture
def runner(tmp_path):
    with contextlib.closing(Runner(tmp_path)) as runner:
        yield runner


def ran(runner, *command, **given):
    """The end of a run, of which all is told in order."""
    assert runner.connect().kind == IDLE
    runner.run(*command, **given)
    began, ended = runner.hear(), runner.hear()
    assert (began.kind, ended.kind, began.run_id, ended.run_id) == (BEGAN, ENDED, RUN, RUN)
    assert ended.since == began.since
    return ended


def test_a_run_from_its_begin_to_its_end(runner):
    ended = ran(runner, "/bin/sh", "-c", "cat; echo $WORD; echo wrong >&2", body=b"body\n", WORD="word")
    assert (ended.code, ended.status, ended.invocation) == (EXITED, 0, "b" * 32)
    assert runner.output.read_bytes() == b"body\nword\nwrong\n"
    assert runner.leave() == 0
    assert b"run %s succeeded" % RUN.encode() in runner.process.stdout.read()


@pytest.mark.parametrize(
    ("script", "code", "status"), [("exit 3", EXITED, 3), ("kill -KILL $$", KILLED, 9), ("kill -TERM $$", KILLED, 15)]
)
def test_how_a_job_ended(runner, script, code, status):
    ended = ran(runner, "/bin/sh", "-c", script)
    assert (ended.code, ended.status) == (code, status)
    assert runner.leave("failed") == run_protocol.RUN_FAILED


def test_what_is_not_there_has_not_begun(runner):
    """Its requests wait, and systemd tries again."""
    runner.connect()
    runner.run("/there/is/none")
    assert runner.hear() is None
    assert runner.process.wait(30) == 1
    assert b"/there/is/none is not there" in runner.process.stdout.read()


def test_what_cannot_be_executed_has_failed(runner, tmp_path):
    job = tmp_path / "job"
    job.write_text("#!/there/is/none\n")
    job.chmod(0o755)
    assert ran(runner, str(job)).status == 203
    assert b"its #! line names, is not there" in runner.output.read_bytes()


@pytest.mark.parametrize(("count", "size"), [(1, 140_000), (70, 100_000)], ids=["one", "together"])
def test_variables_that_are_too_long_make_a_run_that_has_failed(runner, count, size):
    """EnvironmentFile= may bring any number of them, which nobody counts before."""
    assert ran(runner, "/bin/true", **{f"V{number}": "x" * size for number in range(count)}).status == 203
    told = b"cannot execute /bin/true: an argument or variable, also of EnvironmentFile=, reaches 128 KiB, or all"
    assert told in runner.output.read_bytes()
    assert runner.leave("failed") == run_protocol.RUN_FAILED


def test_a_job_sees_nothing_of_its_runner(runner):
    """No descriptor, no variable of the socket's, no signal that is ignored; a session of its own."""
    script = "import os; print(sorted(os.listdir('/proc/self/fd')), os.getsid(0) == os.getpid(), *os.environ)"
    ran(runner, sys.executable, "-c", script)
    told = runner.output.read_text()
    assert told.startswith("['0', '1', '2', '3'] True ")  # 3 is the folder that it lists
    assert "LISTEN" not in told and "NOTIFY" not in told and "INVOCATION_ID" in told
    runner.leave()


def test_errors_are_left_to_the_journal_where_the_output_is_a_page(runner):
    ran(runner, "/bin/sh", "-c", "echo page; echo wrong >&2", flags=0)
    assert runner.output.read_bytes() == b"page\n"


def test_standard_error_can_be_opened_by_its_name(runner):
    ran(runner, "/bin/sh", "-c", "echo one >/dev/stderr; echo two >/dev/stdout; cat /dev/stdin", body=b"three")
    assert runner.output.read_bytes() == b"one\ntwo\nthree"


def test_what_is_too_much_is_cut(runner):
    ran(runner, "/bin/sh", "-c", "head -c 100000 /dev/zero", limit=100)
    assert runner.output.read_bytes() == bytes(100) + output.CUT % 100


def test_who_is_left_behind_is_not_waited_for(runner):
    ended = ran(runner, "/bin/sh", "-c", "sleep 60 & echo $!")
    os.kill(int(runner.output.read_text()), signal.SIGKILL)
    assert ended.status == 0


def test_a_run_goes_on_without_its_dispatcher_and_is_told_to_the_next(runner, tmp_path):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    runner.connect()
    runner.run("/bin/sh", "-c", f"read word <{gate}; exit 7")
    began = runner.hear()
    runner.peer.close()
    assert runner.woken.read(1) == b"\n"  # somebody has to mind its clock
    greeting = runner.connect()
    assert (greeting.kind, greeting.run_id, greeting.since) == (RUNNING, RUN, began.since)
    runner.peer.close()
    assert runner.woken.read(1) == b"\n"
    gate.write_text("go\n")
    assert runner.woken.read(1) == b"\n"  # it has ended, and nobody was there
    greeting = runner.connect()
    assert (greeting.kind, greeting.run_id, greeting.status) == (ENDED, RUN, 7)
    assert runner.leave("failed") == run_protocol.RUN_FAILED


def test_an_idle_one_waits_for_the_next_dispatcher(runner):
    """Which asks whether the run that was claimed for it has begun; however long it stood ready before."""
    runner.connect()
    with pytest.raises(subprocess.TimeoutExpired):
        runner.process.wait(2.5)  # longer than it waits while nobody has come at all
    runner.peer.close()
    with pytest.raises(subprocess.TimeoutExpired):
        runner.process.wait(2.5)
    assert runner.connect().kind == IDLE


def test_who_is_never_connected_to_leaves(runner):
    assert runner.process.wait(30) == 0
    assert b"nothing is pending" in runner.process.stdout.read()


def test_a_second_dispatcher_takes_the_place_of_the_first(runner):
    """systemd starts none before the other has gone, but its connection may be noticed later."""
    runner.connect()
    first = runner.peer
    assert runner.connect().kind == IDLE
    assert first.recv(1) == b""
    first.close()


def test_who_was_told_to_leave_serves_nobody_who_comes_meanwhile(runner):
    """It may be slow to wake; the connection is for the next activation."""
    runner.connect()
    runner.process.send_signal(signal.SIGSTOP)
    runner.say(Message(LEAVE))
    runner.peer.close()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as another:
        another.connect(runner.address)
        runner.process.send_signal(signal.SIGCONT)
        assert runner.process.wait(30) == 0
        with pytest.raises((BlockingIOError, ConnectionResetError)):
            another.recv(1, socket.MSG_DONTWAIT)


def test_an_idle_one_leaves_when_it_is_told_to(runner):
    runner.connect()
    runner.say(Message(LEAVE))
    assert runner.process.wait(30) == 0


def test_an_idle_one_leaves_when_it_is_stopped(runner):
    runner.connect()
    runner.process.terminate()
    assert runner.hear().kind == STOPPING
    assert runner.process.wait(30) == 0


def test_who_is_stopped_says_so_and_then_how_its_job_ended(runner):
    """systemd asks all processes of the unit."""
    runner.connect()
    runner.run("/bin/sh", "-c", "echo $$; exec sleep 60")
    runner.hear()
    while not runner.output.exists() or not runner.output.read_text():
        pass
    runner.process.terminate()
    assert runner.hear().kind == STOPPING
    os.kill(int(runner.output.read_text()), signal.SIGTERM)
    ended = runner.hear()
    assert (ended.kind, ended.code, ended.status) == (ENDED, KILLED, signal.SIGTERM)
    assert runner.leave("cancelled") == 0


def test_who_is_told_of_another_run_does_not_leave(runner):
    ran(runner, "/bin/true")
    runner.say(Message(NOTED, RUN.replace("0", "1"), status=0))
    assert runner.leave() == 0


@pytest.mark.parametrize("packet", [b"", b"x" * run_protocol.SIZE, b"run1"])
def test_what_is_not_understood_begins_nothing(runner, packet):
    runner.connect()
    runner.peer.send(packet or b"\0")
    assert runner.process.wait(30) == 1
