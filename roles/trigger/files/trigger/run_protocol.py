"""What dispatcher and runner say to each other, over the runner's SOCK_SEQPACKET socket.

Each message is one packet of fixed size that begins with the version, so that neither side has a parser that the other
could lead astray. The dispatcher trusts nothing of it but what it can match with its claim. A run's arguments,
environment, body and output go over as descriptors beside RUN; a descriptor that was not asked for does not arrive.
"""

import _socket
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

VERSION = b"run1"

# Runner to dispatcher. It greets with one of the first three, and greets again whoever connects later.
IDLE = 1  # nothing has begun in this activation
RUNNING = 2
ENDED = 3
BEGAN = 4  # said before the job is forked: what was handed over and has not begun is given back
STOPPING = 5  # systemd, or somebody, has asked this activation to stop
# Dispatcher to runner.
RUN = 6  # with the descriptors of DESCRIPTORS
NOTED = 7  # the outcome is written down: leave
LEAVE = 8

DESCRIPTORS = 4  # of RUN: the job (see pack_job), its standard input, the file for its output, the dispatcher's FIFO

# How a job ended, as waitid(2) has it.
EXITED, KILLED, DUMPED = 1, 2, 3

# The runner's exit status after a run that failed, and after one that succeeded and of which nobody has heard:
# RestartPreventExitStatus= of its unit names them. After a run that succeeded and is noted it is 0, and where none has
# begun 0 or 1.
RUN_FAILED, RUN_UNHEARD = 99, 98

STATES = ("succeeded", "failed", "timed-out", "cancelled", "interrupted")  # what NOTED tells as `status`

WITH_ERRORS = 1  # among the `flags` of RUN: what the job says on standard error is part of its output

_FORMAT = struct.Struct("=4sBBHiQQ36s32s")
SIZE = _FORMAT.size
_RIGHTS = struct.Struct("%di" % DESCRIPTORS)


class Malformed(Exception):
    """What came is no message. str(error) says why."""


class Message:
    """run_id: may be "". invocation: the runner's activation, or "". since: when the job began, in microseconds of
    CLOCK_MONOTONIC. code, status: how it ended. limit: bytes of output."""

    __slots__ = ("code", "flags", "invocation", "kind", "limit", "run_id", "since", "status")

    def __init__(
        self,
        kind: int,
        run_id: str = "",
        invocation: str = "",
        flags: int = 0,
        code: int = 0,
        status: int = 0,
        since: int = 0,
        limit: int = 0,
    ) -> None:
        self.kind = kind
        self.run_id = run_id
        self.invocation = invocation
        self.flags = flags
        self.code = code
        self.status = status
        self.since = since
        self.limit = limit

    def encode(self) -> bytes:
        """Return the packet, of SIZE bytes."""
        return _FORMAT.pack(
            VERSION,
            self.kind,
            self.flags,
            self.code,
            self.status,
            self.since,
            self.limit,
            self.run_id.encode(),
            self.invocation.encode(),
        )


def decode(packet: bytes) -> Message:
    """Return the Message in a packet. Raises Malformed."""
    if len(packet) != SIZE:
        raise Malformed("a message has %d bytes, not %d" % (SIZE, len(packet)))
    version, kind, flags, code, status, since, limit, run_id, invocation = _FORMAT.unpack(packet)
    if version != VERSION:
        raise Malformed("it is of another version")
    try:
        texts = [text.rstrip(b"\0").decode("ascii") for text in (run_id, invocation)]
    except UnicodeDecodeError:
        raise Malformed("an id is not ASCII") from None
    return Message(kind, texts[0], texts[1], flags, code, status, since, limit)


def send(connection: _socket.socket, message: Message, descriptors: "Sequence[int]" = ()) -> None:
    """Send a Message, and descriptors with it. Raises OSError."""
    rights = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, _RIGHTS.pack(*descriptors))] if descriptors else []
    connection.sendmsg([message.encode()], rights, _socket.MSG_NOSIGNAL)


def receive(connection: _socket.socket) -> "Message | None":
    """Return the next Message, or None at the end of the connection; descriptors that came with it are closed by the
    kernel. Raises OSError and Malformed."""
    packet = connection.recv(SIZE + 1)
    return decode(packet) if packet else None


def receive_run(connection: _socket.socket) -> "tuple[Message | None, list[int]]":
    """The same for the runner, which asks for the descriptors of a run: they are all there, or none is. Raises OSError
    and Malformed."""
    packet, rights, flags, _ = connection.recvmsg(SIZE + 1, _socket.CMSG_SPACE(_RIGHTS.size), _socket.MSG_CMSG_CLOEXEC)
    descriptors = [
        fd
        for level, kind, data in rights
        if (level, kind) == (_socket.SOL_SOCKET, _socket.SCM_RIGHTS)
        for (fd,) in struct.iter_unpack("i", data[: len(data) // 4 * 4])
    ]
    if flags & _socket.MSG_CTRUNC or len(descriptors) not in (0, DESCRIPTORS):
        raise Malformed("its descriptors did not arrive; LimitNOFILE= of the job may be too small")
    return (decode(packet) if packet else None), descriptors


def pack_job(arguments: "list[bytes]", environment: "dict[bytes, bytes]") -> bytes:
    """Return what a run is. No argument or variable holds a NUL."""
    block = b"".join(argument + b"\0" for argument in arguments)
    return b"%08x" % len(block) + block + b"".join(b"%s=%s\0" % item for item in environment.items())


def unpack_job(packed: bytes) -> "tuple[list[bytes], dict[bytes, bytes]]":
    """Return the arguments and the environment of pack_job()."""
    end = 8 + int(packed[:8], 16)
    arguments = packed[8:end].split(b"\0")[:-1]
    items = [item.partition(b"=") for item in packed[end:].split(b"\0")[:-1]]
    return arguments, {key: value for key, _, value in items}
