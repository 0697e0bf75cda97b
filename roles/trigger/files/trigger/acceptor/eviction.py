"""Who gives way when all places are taken and somebody else has come: one of the slowest. No I/O.

Without that, a crowd of clients that say nothing, or a byte now and then, keeps everybody out until their time is over.

Clients are compared with each other and not with a clock: on a crowded machine all of them are slow, and who sends
what he can is still ahead of who sends nothing. A client's `worth` is the second in which what it has moved is down to
one byte, when bytes count half as much after HALF_LIFE; who has moved nothing is worth as much as a byte when it came.
"""

from math import log2

TYPE_CHECKING = False
if TYPE_CHECKING:
    from trigger.acceptor.connection import Connection

UNTOUCHED = 1.0  # seconds in which nobody has to give way: an honest request may have to cross the world
STEP = 16 * 1024  # bytes of a body
HALF_LIFE = 10.0  # seconds; a pause of a busy sender, or of the machine, takes little of what it is worth


def begin(client: "Connection", now: float) -> None:
    """A client begins to send or to be answered. It gets `since` and `worth`, both seconds."""
    client.since = client.worth = now


def moved(client: "Connection", count: int, now: float) -> None:
    """A client has sent, or taken, so many bytes more."""
    if count:
        client.worth = now + HALF_LIFE * log2(2.0 ** ((client.worth - now) / HALF_LIFE) + count)


def slowest(clients: "list[Connection]", now: float) -> "Connection | None":
    """Return the one of clients that gives way, or None while there is none: the slowest that has been there for a
    second, if it is of the slower half. Otherwise most of the others are slower, and new, and a second will tell."""
    slower_half = sorted(clients, key=_worth)[: (len(clients) + 1) // 2]
    return next((client for client in slower_half if now - client.since >= UNTOUCHED), None)


def next_time(clients: "list[Connection]") -> float:
    """Return when one of clients, not an empty list, has to give way if none gets any further: seconds."""
    return min(clients, key=_worth).since + UNTOUCHED


def stalest(clients: "list[Connection]") -> "Connection":
    """Return the one of clients, not an empty list, that is longest without a STEP of its body more. They have
    `stepped`, when they made the last one. That is for what bodies take: what has come long ago speaks for nobody."""
    return min(clients, key=_stepped)


def _stepped(client):
    return client.stepped


def _worth(client):
    return client.worth
