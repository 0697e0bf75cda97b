"""One client, on its way through the acceptor."""

import _socket

from trigger.acceptor import eviction
from trigger.responses import forget_question
from trigger.spool import MEMORY_LIMIT

HEAD, BODY, READY, HELD, ANSWERING, DRAINING, CLOSED = range(7)


class Connection:
    """socket: _socket.socket, not blocking. address: the client's, as accept() returns it. now, time_limit:
    seconds, of a monotonic clock."""

    __slots__ = (
        "attempt",  # auth.Attempt, or None where everybody may call
        "body",  # http.Body
        "chunked",  # whether the answer's body is sent in chunks
        "deadline",  # when the present state ends
        "draft",  # spool.Draft
        "drained",  # bytes that came behind the request, or behind the answer
        "ended",  # whether it has said that it sends nothing more
        "endpoint",  # endpoint.Endpoint, as it looks from where the client came
        "granted",  # what is said as Preference-Applied, str or None
        "is_https",  # whether it came to the front end by TLS
        "keys",  # what its delivery goes by, list of str
        "outcome",  # what became of the request, for the counts: str, or None where it was refused
        "output",  # bytes of the answer that are not sent yet
        "peer",  # the client's address, bytes; b"" on a Unix socket of nobody's front end
        "port",  # the local port, bytes; b"" on a Unix socket
        "received",  # bytes of the head
        "repeats",  # connections that brought the same delivery in the same moment
        "reply",  # responses.Reply that waits to be told, while the client is delayed
        "request",  # http.Request
        "request_id",  # str, when it is accepted
        "since",  # when the client began to send, or to be answered
        "socket",
        "source",  # what brings the rest of the answer's body, runs.Output, or None
        "started",
        "state",
        "stepped",  # when it had sent so much more of its body: eviction.STEP
        "user",  # who the front end says it is, bytes; b"" where it did not ask
        "variables",  # what the job is told of a complete request, list of (bytes, bytes)
        "wait",  # seconds for which the answer is held, until the run has ended
        "way",  # the Unix socket by which the client came: its path, str; None on others
        "worth",  # how it compares with others when places are short: eviction.py
    )

    def __init__(self, socket, address, now, time_limit):
        self.socket = socket
        self.state = HEAD
        self.started = self.stepped = now
        eviction.begin(self, now)
        self.deadline = now + time_limit
        self.peer = self.port = b""
        self.way = None
        if socket.family == _socket.AF_UNIX:
            self.way = socket.getsockname()
        else:
            self.peer = _peer(address[0])
            self.port = b"%d" % socket.getsockname()[1]
        self.received = bytearray()
        self.user = b""
        self.is_https = False
        self.endpoint = None
        self.request = None
        self.request_id = None
        self.reply = None
        self.attempt = None
        self.body = None
        self.draft = None
        self.variables = None
        self.keys = []
        self.repeats = []
        self.wait = 0.0
        self.granted = None
        self.outcome = None
        self.output = b""
        self.source = None
        self.chunked = False
        self.drained = 0
        self.ended = False

    def size(self):
        """About how many bytes a complete request takes in memory, once more when it is written down."""
        return min(self.draft.length, MEMORY_LIMIT) + sum(len(name) + len(value) for name, value in self.variables)

    def forget_question(self):
        """Keep of a request what its answer and its line in the journal need, and nothing that a client made large."""
        if self.draft is not None:
            self.draft.discard()
        self.received = bytearray()
        self.body = self.draft = self.variables = None
        self.keys = []
        self.repeats = []
        if self.request is not None:
            forget_question(self.request)


def _peer(host):
    """The client's address, bytes. An IPv4 client of a dual-stack socket is one."""
    is_ipv4 = host.startswith("::ffff:") and "." in host
    return host[7:].encode() if is_ipv4 else host.encode()
