"""Who gives way when all places are taken and somebody else has come: the slowest. No I/O.

Without that, a crowd of clients that say nothing, or a byte now and then, keeps everybody out until their time is over.
"""

UNTOUCHED = 1.0  # seconds in which nobody has to give way: an honest request may have to cross the world


def slowest(clients, now):
    """Return the one of clients that has moved the fewest bytes a second, or None while all are new. clients: list of
    objects with `since`, when it began to send or to be answered, and `moved`, the bytes since then. now: seconds."""
    return min(
        (client for client in clients if now - client.since >= UNTOUCHED),
        key=lambda client: client.moved / (now - client.since),
        default=None,
    )


def next_time(clients):
    """Return when the first of clients, not an empty list, may have to give way: seconds."""
    return min(client.since for client in clients) + UNTOUCHED
