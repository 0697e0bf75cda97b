"""How long a peer waits for its next 401: who guesses gets slower. Nobody is refused for it. No I/O."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from trigger.acceptor.connection import Connection

FIRST = 0.1  # seconds, after the second failure; it doubles with each
LONGEST = 2.0
FORGOTTEN_AFTER = 60.0  # seconds without a failure
PEERS_LIMIT = 1024  # the one that failed longest ago is forgotten first
CROWD = 64  # networks that fail so that others are forgotten count together as one failure more of each that is new
DELAYED_LIMIT = 1024  # refusals that wait at the same time


class Failures:
    """Counts the failures of each peer."""

    def __init__(self) -> None:
        self._networks = {}  # network to (count, second of the last), the oldest first
        self._pushed_out = 0

    def delay(self, peer: bytes, now: float) -> float:
        """Count one more failure. peer: an address, or b"" for all of a Unix socket. now: seconds of a monotonic clock.
        Returns the seconds that the answer has to wait."""
        self._forget(now)
        network = network_of(peer)
        count, _ = self._networks.pop(network, None) or (self._pushed_out // CROWD, now)
        if len(self._networks) >= PEERS_LIMIT:
            del self._networks[next(iter(self._networks))]
            self._pushed_out += 1  # who has so many addresses does not get rid of what is known of them
        self._networks[network] = (count + 1, now)
        return min(LONGEST, FIRST * 2 ** (min(count, 10) - 1)) if count else 0.0

    def _forget(self, now):
        while self._networks:
            oldest = next(iter(self._networks))
            if now - self._networks[oldest][1] <= FORGOTTEN_AFTER:
                break
            del self._networks[oldest]
        if len(self._networks) < PEERS_LIMIT:
            self._pushed_out = 0


class Delayed:
    """The clients whose refusal waits."""

    def __init__(self) -> None:
        self._networks = {}  # network to its clients, those that wait longest first
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, client: "Connection") -> "Connection | None":
        """Take one more. Returns None, or where it would be too many the one that has to go: of its own network, or,
        where none waits, of the one that has the most; so nobody guesses at the cost of others."""
        network = network_of(client.peer)
        gone = None
        if self._count >= DELAYED_LIMIT:
            clients = self._networks.get(network) or max(self._networks.values(), key=len)
            gone = next(iter(clients))
            self.discard(gone)
        self._networks.setdefault(network, {})[client] = None
        self._count += 1
        return gone

    def discard(self, client: "Connection") -> None:
        """Let one go, if it is there."""
        network = network_of(client.peer)
        clients = self._networks.get(network, {})
        if client in clients:
            del clients[client]
            self._count -= 1
            if not clients:
                del self._networks[network]


def network_of(peer: bytes) -> bytes:
    """The network that a peer can take its addresses from: /64 with IPv6 (RFC 6177). peer: an address, or b"" for all
    of a Unix socket."""
    if b":" not in peer:
        return peer
    from _socket import AF_INET6, inet_pton

    return inet_pton(AF_INET6, peer.partition(b"%")[0].decode())[:8]
