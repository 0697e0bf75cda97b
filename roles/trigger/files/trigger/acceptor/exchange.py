"""One request and its answer, apart from the connection that brings them."""

from trigger import http, responses
from trigger.spool import MEMORY_LIMIT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from trigger.acceptor.auth import Attempt
    from trigger.endpoint import Endpoint
    from trigger.spool import Draft

# Stands for a reply where neither "accepted" nor "refused" would be true for sure.
NO_ANSWER = responses.Reply(0, "")


class Exchange:
    """peer: the client's address, b"" on a Unix socket. port: the local one, b"" there. way: the path of the Unix
    socket by which it came, None on others."""

    __slots__ = (
        "attempt",  # auth.Attempt, or None where everybody may call
        "auth_type",  # by what the front end knows the user, as AUTH_TYPE has it
        "body",  # http.Body
        "delay",  # seconds for which the reply waits
        "draft",  # spool.Draft
        "endpoint",  # endpoint.Endpoint, as it looks from where the client came
        "granted",  # what is said as Preference-Applied, str or None
        "head",  # http.Head, until it is complete
        "is_https",  # whether the client came to the front end by TLS
        "keys",  # what its delivery goes by, list of str
        "outcome",  # what became of the request, for the counts: str, or None where it was refused
        "peer",
        "port",
        "repeats",  # exchanges that brought the same delivery in the same moment
        "reply",  # responses.Reply, NO_ANSWER, or None as long as there is none
        "request",  # http.Request
        "request_id",  # str, when it is accepted
        "user",  # who the front end says it is, bytes; b"" where it did not ask
        "variables",  # what the job is told of a complete request, list of (bytes, bytes)
        "wait",  # seconds for which an accepted request waits for its run
        "way",
    )

    def __init__(self, peer: bytes = b"", port: bytes = b"", way: "str | None" = None) -> None:
        self.peer = peer
        self.port = port
        self.way = way
        self.user = b""
        self.auth_type = b""
        self.is_https = False
        self.endpoint: Endpoint = None
        self.head = http.Head()
        self.request: http.Request = None
        self.attempt: Attempt = None
        self.body: http.Body = None
        self.draft: Draft = None
        self.variables: list[tuple[bytes, bytes]] = None
        self.keys: list[str] = []
        self.repeats: list[Exchange] = []
        self.wait = 0.0
        self.granted: str = None
        self.request_id: str = None
        self.outcome: str = None
        self.reply: responses.Reply = None
        self.delay = 0.0

    @property
    def has_begun(self) -> bool:
        """Whether anything of a request has come."""
        return self.request is not None or not self.head.is_empty

    @property
    def is_complete(self) -> bool:
        """Whether all of the request is there."""
        return self.body is not None and self.body.complete

    @property
    def length(self) -> int:
        """Bytes of its body so far."""
        return 0 if self.draft is None else self.draft.length

    @property
    def is_stored_for_stranger(self) -> bool:
        """Whether a part of its body takes disk although its sender has proved nothing."""
        return self.draft is not None and self.draft.of_stranger and self.draft.stored > 0

    @property
    def runs_path(self) -> str:
        """Where runs are told about, relative to the host, as the endpoint looks from where the client came."""
        return self.endpoint.path.rstrip("/") + "/runs"

    def size(self) -> int:
        """About how many bytes a complete request takes in memory, once more when it is written down."""
        return min(self.length, MEMORY_LIMIT) + sum(len(name) + len(value) for name, value in self.variables)

    def forget_question(self) -> None:
        """Keep of a request what its answer and its line in the journal need, and nothing that a client made large."""
        if self.draft is not None:
            self.draft.discard()
        self.head = self.body = self.draft = self.variables = None
        self.keys = []
        self.repeats = []
        if self.request is not None:
            responses.forget_question(self.request)
