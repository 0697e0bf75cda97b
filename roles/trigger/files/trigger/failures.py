"""How long a peer waits for its next 401: who guesses gets slower. Nobody is refused for it. No I/O."""

FIRST = 0.1  # seconds, after the second failure; it doubles with each
LONGEST = 2.0
FORGOTTEN_AFTER = 60.0  # seconds without a failure
PEERS_LIMIT = 1024  # the one that failed longest ago is forgotten first


class Failures:
    """Counts the failures of each peer."""

    def __init__(self):
        self._peers = {}  # who to (count, second of the last)

    def delay(self, peer, now):
        """Count one more failure. peer: bytes, an address, or b"" for all of a Unix socket. now: seconds of a
        monotonic clock. Returns the seconds that the answer has to wait, float."""
        who = _who(peer)
        count, last = self._peers.pop(who, (0, now))
        if now - last > FORGOTTEN_AFTER:
            count = 0
        if len(self._peers) >= PEERS_LIMIT:
            del self._peers[next(iter(self._peers))]
        self._peers[who] = (count + 1, now)
        return min(LONGEST, FIRST * 2 ** (min(count, 10) - 1)) if count else 0.0


def _who(peer):
    """The network that a peer can take its addresses from: /64 with IPv6 (RFC 6177)."""
    if b":" not in peer:
        return peer
    from _socket import AF_INET6, inet_pton

    return inet_pton(AF_INET6, peer.partition(b"%")[0].decode())[:8]
