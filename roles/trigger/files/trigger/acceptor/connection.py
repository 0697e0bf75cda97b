"""One client's connection: its bytes and its deadlines. What they mean is the exchange's business."""

import _socket

from trigger import responses
from trigger.acceptor import eviction
from trigger.acceptor.exchange import Exchange

RECEIVING = 0  # its request comes
READY = 1  # it has come, and is admitted at the end of this round
WAITING = 2  # for its run
DELAYED = 3  # until it is told that it is refused
ANSWERING = 4
FOLLOWING = 5  # its answer goes on as the run prints
DRAINING = 6  # its answer has gone, and what it still sends is read
CLOSED = 7

READ_SIZE = 64 * 1024
UNSENT_LIMIT = 16 * 1024  # bytes of a long answer in the kernel, beside what is on its way
DRAIN_LIMIT = 1024 * 1024  # bytes that a client may still send behind its request, and as many behind its answer


class Connection:
    """socket: not blocking. address: as accept() returns it. now, time_limit: seconds, of a monotonic clock."""

    __slots__ = (
        "answer",  # responses.Encoder
        "deadline",  # when the present state ends
        "drained",  # bytes that came behind the request, or behind the answer
        "ended",  # whether it has said that it sends nothing more
        "exchange",
        "output",  # bytes of the answer that are not sent yet
        "since",  # when the client began to send, or to be answered
        "socket",
        "started",
        "state",
        "stepped",  # when it had sent so much more of its body: eviction.STEP
        "worth",  # how it compares with others when places are short: eviction.py
    )

    def __init__(self, socket: _socket.socket, address: tuple, now: float, time_limit: float) -> None:
        self.socket = socket
        self.exchange = _exchange(socket, address)
        self.state = RECEIVING
        self.started = self.stepped = now
        self.since = self.worth = 0.0
        eviction.begin(self, now)
        self.deadline = now + time_limit
        self.answer: responses.Encoder = None
        self.output = b""
        self.drained = 0
        self.ended = False

    @property
    def peer(self) -> bytes:
        """The client's address, as the exchange knows it."""
        return self.exchange.peer

    def receive(self, now: float) -> bytes:
        """Return what has come of the request, b"" where nothing follows. Raises OSError."""
        received = self.socket.recv(READ_SIZE)
        eviction.moved(self, len(received), now)
        return received

    def discard(self) -> None:
        """Read what a client sends while it waits for its answer: it is not left to the kernel's memory. Raises
        OSError."""
        received = self.socket.recv(READ_SIZE)
        self.drained += len(received)
        self.ended = not received

    def begin_answer(self, now: float, time_limit: float) -> None:
        """Make the exchange's reply what is sent next."""
        exchange = self.exchange
        exchange.forget_question()
        self.answer = responses.Encoder(exchange.reply, exchange.request)
        if exchange.reply.source is not None and self.socket.family != _socket.AF_UNIX:
            # The kernel keeps what is on its way, and no more of what the client does not read.
            self.socket.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NOTSENT_LOWAT, UNSENT_LIMIT)
        self.drained = 0
        eviction.begin(self, now)
        self.deadline = now + time_limit

    def send(self, now: float, time_limit: float) -> None:
        """Send of `output` what the kernel takes. Raises OSError; BlockingIOError where it takes nothing."""
        sent = self.socket.send(self.output)
        eviction.moved(self, sent, now)
        self.output = self.output[sent:]
        self.deadline = now + time_limit

    def drain(self) -> None:
        """Read what still comes behind the answer, until the client closes or has sent too much. Raises OSError;
        BlockingIOError as long as more may come."""
        while self.drained < DRAIN_LIMIT:
            received = self.socket.recv(READ_SIZE)
            if not received:
                return
            self.drained += len(received)

    def close(self) -> None:
        """Leave nothing open."""
        if self.answer is None:
            self.exchange.forget_question()
        else:
            self.answer.close()
        self.socket.close()


def peer_of(host: str) -> bytes:
    """Return a client's address. An IPv4 client of a dual-stack socket is one."""
    is_ipv4 = host.startswith("::ffff:") and "." in host
    return host[7:].encode() if is_ipv4 else host.encode()


def _exchange(socket, address):
    """An exchange that knows where its client came from."""
    if socket.family == _socket.AF_UNIX:
        return Exchange(way=socket.getsockname())
    return Exchange(peer_of(address[0]), b"%d" % socket.getsockname()[1])
