"""The dispatcher's connection to the runner. Whoever runs as the job's user can say anything on it."""

import _socket
import os

from trigger import run_protocol
from trigger.run_protocol import Message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MESSAGES = 8  # that are heard on one connection: an honest runner says four at the most


class Lost(Exception):
    """The connection is over, or what came on it is none of ours. str(error) says why."""


class Link:
    """path: the runner's socket. Connecting is at once: systemd holds the socket, and starts the runner when it
    is not there. Raises OSError."""

    def __init__(self, path: str) -> None:
        self._heard = 0
        self._socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_NONBLOCK)
        try:
            self._socket.connect(path)
        except OSError:
            self._socket.close()
            raise

    def fileno(self) -> int:
        """For poll(2)."""
        return self._socket.fileno()

    def receive(self) -> "Message | None":
        """Return the next Message, None when there is none yet. Raises Lost."""
        try:
            message = run_protocol.receive(self._socket)
        except BlockingIOError:
            return None
        except (OSError, run_protocol.Malformed) as error:
            raise Lost(str(error)) from None
        if message is None:
            raise Lost("it is closed")
        self._heard += 1
        if self._heard > MESSAGES:
            raise Lost("it says too much")
        return message

    def messages(self) -> "Iterator[Message]":
        """Yield those that are there, until it is closed. Raises Lost."""
        while self._socket.fileno() >= 0:
            message = self.receive()
            if message is None:
                return
            yield message

    def run(
        self,
        run_id: str,
        requests: int,
        command: "list[str]",
        variables: "dict[bytes, bytes]",
        stdin: int,
        output: int,
        limit: int,
        errors: bool,
        fifo: int,
    ) -> None:
        """Hand a run over. requests: how many it serves. stdin, output, fifo: descriptors. limit: bytes of output that
        are kept; 0 for all, in the journal alone. errors: whether standard error is part of that. Raises Lost."""
        packed = os.memfd_create("trigger-job", os.MFD_CLOEXEC)
        try:
            with open(packed, "wb", closefd=False) as file:
                file.write(run_protocol.pack_job([os.fsencode(word) for word in command], variables))
            flags = run_protocol.WITH_ERRORS if errors else 0
            message = Message(run_protocol.RUN, run_id, flags=flags, status=requests, limit=limit)
            self._send(message, (packed, stdin, output, fifo))
        finally:
            os.close(packed)

    def noted(self, run_id: str, state: str) -> None:
        """The outcome is written down, so the runner may leave. What it does not hear, it need not."""
        try:
            self._send(Message(run_protocol.NOTED, run_id, status=run_protocol.STATES.index(state)))
        except Lost:
            pass

    def leave(self) -> None:
        """Let an idle runner leave, and close."""
        try:
            self._send(Message(run_protocol.LEAVE))
        except Lost:
            pass
        self.close()

    def close(self) -> None:
        """Close. A runner that has begun goes on, and an idle one leaves after a while."""
        self._socket.close()

    def _send(self, message: Message, descriptors: "Sequence[int]" = ()) -> None:
        try:
            run_protocol.send(self._socket, message, descriptors)
        except OSError as error:
            raise Lost(str(error)) from None
