"""Runs one job, and leaves.

It greets a dispatcher with what it knows, also one that comes later because the one before was killed. A run that ends
with nobody connected is kept until somebody has it.
"""

import _signal
import _socket
import os
import select
import time

from trigger import listen_fds, run_protocol, wake
from trigger.run_protocol import Message
from trigger.runner import job
from trigger.runner.pump import Pump

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

PATIENCE = 2.0  # seconds for which a runner waits that was started, and nobody comes
LOYALTY = 60.0  # and for which it waits whose dispatcher was killed: the next one asks whether and how its run ended

_READ = select.EPOLLIN


class Runner:
    """listener: on which dispatchers connect. name: the endpoint's. invocation: of this activation."""

    def __init__(self, listener: _socket.socket, name: str, invocation: str) -> None:
        self._listener = listener
        self._name = name
        self._invocation = invocation
        self._peer: _socket.socket = None
        self._until = time.monotonic() + PATIENCE  # that it waits, while nobody is connected
        self._pump: Pump = None
        self._fifo: int = None
        self._pid: int = None  # of the job, while it runs
        self._greeting = Message(run_protocol.IDLE, invocation=invocation)
        self._stopping = False
        self._status: int = None  # to leave with
        self._epoll = select.epoll()

    @property
    def has_begun(self) -> bool:
        """Whether a job was begun: then a start that follows would not be a try more."""
        return self._greeting.kind != run_protocol.IDLE

    def serve(self) -> int:
        """Serve dispatchers until the run is over and noted, or there is none. Returns the process's exit status."""
        awake, wakeup = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        _signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
        for number in (_signal.SIGTERM, _signal.SIGCHLD):
            _signal.signal(number, lambda *_: None)  # their numbers come by the pipe, in order with all else
        self._epoll.register(awake, _READ)
        self._epoll.register(self._listener.fileno(), _READ)
        while self._status is None:
            seconds = -1.0
            if self._peer is None and self._pid is None:
                seconds = self._until - time.monotonic()
                if seconds <= 0:
                    return self._give_up()
            for fd, _ in self._epoll.poll(seconds):
                if self._status is not None:
                    break  # whoever comes now is for the next one
                if fd == awake:
                    if _signal.SIGTERM in os.read(awake, 64):
                        self._stop()
                    self._look_after_job()
                elif fd == self._listener.fileno():
                    self._accept()
                elif self._pump is not None and fd == self._pump.source:
                    self._pump.copy()  # a pipe that was closed leaves the epoll set by itself
                elif self._peer is not None and fd == self._peer.fileno():
                    self._hear()
        return self._status

    def _give_up(self) -> int:
        """Nobody comes. Returns the exit status."""
        if self.has_begun:
            return self._own_status()  # by which systemd tells
        _tell("%s: nothing is pending, so there is nothing to run" % self._name)
        return 0

    def _stop(self) -> None:
        """systemd stops this activation, and the job, which it has asked as well."""
        self._stopping = True
        if self._greeting.kind == run_protocol.IDLE:
            self._status = 0
        elif self._greeting.kind == run_protocol.ENDED and self._peer is None:
            self._status = self._own_status()
        self._say(Message(run_protocol.STOPPING, self._greeting.run_id, self._invocation))

    # Dispatchers.

    def _accept(self) -> None:
        # What the one before said before it left is heard first; whoever comes now may be for the next activation.
        while self._peer is not None and self._status is None and self._hear():
            pass
        if self._status is not None:
            return
        try:
            fd, _ = self._listener._accept()  # type: ignore[attr-defined] # typeshed has it not
        except OSError:
            return  # it has gone again
        if self._peer is not None:
            self._drop_peer()  # it was killed, and this one comes in its place
        self._peer = _socket.socket(fileno=fd)
        self._peer.setblocking(False)
        self._epoll.register(fd, _READ)
        self._greet()

    def _greet(self) -> None:
        self._say(self._greeting)
        if self._stopping:
            self._say(Message(run_protocol.STOPPING, self._greeting.run_id, self._invocation))

    def _say(self, message: Message) -> None:
        """To who is connected; whoever comes next is greeted with what there is to know."""
        if self._peer is not None:
            try:
                run_protocol.send(self._peer, message)
            except OSError:
                self._drop_peer()

    def _drop_peer(self) -> None:
        if self._greeting.kind != run_protocol.IDLE:
            wake.write(self._fifo)  # somebody has to mind the clock, and to hear how the run ends
        self._epoll.unregister(self._peer.fileno())
        self._peer.close()
        self._peer = None
        self._until = time.monotonic() + LOYALTY

    def _hear(self) -> bool:
        """Returns whether there was something to hear."""
        try:
            if self._greeting.kind == run_protocol.IDLE:
                message, handed = run_protocol.receive_run(self._peer)
            else:
                message, handed = run_protocol.receive(self._peer), []
        except BlockingIOError:
            return False
        except OSError:
            message = None
        if message is None:
            self._drop_peer()
        elif message.kind == run_protocol.RUN and handed:
            self._begin(message, handed)
        elif message.kind == run_protocol.LEAVE and self._greeting.kind == run_protocol.IDLE:
            self._status = 0
        elif message.kind == run_protocol.NOTED and message.run_id == self._greeting.run_id:
            self._leave(message.status)
        return True

    # The run.

    def _begin(self, message: Message, handed: "list[int]") -> None:
        packed, stdin, file, fifo = handed
        arguments, told = run_protocol.unpack_job(_read_all(packed))
        if not job.is_executable(arguments[0]):
            _tell(
                "<3>%s: %s is not there or not executable; its requests wait for it"
                % (self._name, os.fsdecode(arguments[0]))
            )
            self._status = 1  # which systemd tries again after a second
            return
        since = time.monotonic_ns() // 1000
        # First said, then done: what is not said has not begun.
        self._say(Message(run_protocol.BEGAN, message.run_id, self._invocation, since=since))
        if self._peer is None:
            _close(handed)  # the next dispatcher hands it over once more
            return
        self._greeting = Message(run_protocol.RUNNING, message.run_id, self._invocation, since=since)
        self._fifo = fifo
        _tell("%s: run %s begins, for %d of the requests that waited" % (self._name, message.run_id, message.status))
        source, sink = os.pipe2(os.O_CLOEXEC)
        stderr = sink if message.flags & run_protocol.WITH_ERRORS else 2
        self._pid = job.start(arguments, job.environment(os.environb, told), stdin, sink, stderr)
        _close((packed, stdin, sink))
        os.set_blocking(source, False)
        self._pump = Pump(source, file, message.limit)
        self._epoll.register(source, _READ)

    def _look_after_job(self) -> None:
        if self._pid is None:
            return
        pid, status = os.waitpid(self._pid, os.WNOHANG)
        if not pid:
            return
        self._pid = None
        self._until = time.monotonic() + LOYALTY
        if self._pump is not None:
            self._pump.finish()
        began = self._greeting
        code, number = _how(status)
        self._greeting = Message(run_protocol.ENDED, began.run_id, self._invocation, 0, code, number, began.since)
        if self._peer is not None:
            self._say(self._greeting)
        if self._peer is None and not self._stopping:
            wake.write(self._fifo)  # the next dispatcher asks
        elif self._peer is None:
            self._status = self._own_status()

    def _own_status(self) -> int:
        ended = self._greeting
        failed = (ended.code, ended.status) != (run_protocol.EXITED, 0)
        return run_protocol.RUN_FAILED if failed else run_protocol.RUN_UNHEARD

    def _leave(self, state: int) -> None:
        word = run_protocol.STATES[state]
        _tell("%s: run %s %s" % (self._name, self._greeting.run_id, word))
        self._status = run_protocol.RUN_FAILED if word in ("failed", "timed-out") else 0


def _how(status: int) -> "tuple[int, int]":
    """How a process ended, of waitpid's status: as waitid(2) has it."""
    if os.WIFEXITED(status):
        return run_protocol.EXITED, os.WEXITSTATUS(status)
    return (run_protocol.DUMPED if os.WCOREDUMP(status) else run_protocol.KILLED), os.WTERMSIG(status)


def _read_all(fd: int) -> bytes:
    content = b""
    while True:
        part = os.pread(fd, 1024 * 1024, len(content))
        if not part:
            return content
        content += part


def _tell(line: str) -> None:
    """At once, so that no child prints it, too. A journal that is gone stops nobody."""
    try:
        os.write(1, (line + "\n").encode("utf-8", "surrogateescape"))
    except OSError:
        pass


def _close(descriptors: "Iterable[int]") -> None:
    for fd in descriptors:
        os.close(fd)


def main(name: str) -> int:
    """Run one job of the endpoint called name. Returns the exit status."""
    try:
        (listener,) = listen_fds.listen_sockets()
    except RuntimeError:
        _tell("%s: nothing is pending, so there is nothing to run" % name)
        return 0
    runner = Runner(listener, name, os.environ.get("INVOCATION_ID", ""))
    try:
        return runner.serve()
    except Exception as error:  # whatever it is, a run that has begun is no start that is tried again
        _tell("<3>%s: the run cannot be served: %s" % (name, error))
        return run_protocol.RUN_FAILED if runner.has_begun else 1
