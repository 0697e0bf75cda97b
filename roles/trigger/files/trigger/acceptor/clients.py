"""All clients of an acceptor, by what they do: who has a place, who waits beside those that have one, who gives way."""

import time

from trigger.acceptor import eviction
from trigger.acceptor.connection import (
    ANSWERING,
    CLOSED,
    DELAYED,
    DRAINING,
    FOLLOWING,
    RECEIVING,
    WAITING,
    Connection,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from trigger.acceptor.backoff import Delayed

LIMIT = 1024  # more wait in the kernel's queue, until the slowest gives way: eviction.py
WAITING_LIMIT = 1024  # beside them: answers that wait for a run; and refusals that are delayed, backoff.DELAYED_LIMIT
FOLLOWING_LIMIT = 1024  # beside those: answers that go on as a run prints


class Clients:
    """At first there are none."""

    def __init__(self) -> None:
        self._by_fd: dict[int, Connection] = {}
        self._by_state: dict[int, dict[Connection, None]] = {state: {} for state in range(CLOSED)}
        self._delayed: Delayed = None  # those whose refusal waits, by their networks

    def __len__(self) -> int:
        return len(self._by_fd)

    def __iter__(self) -> "Iterator[Connection]":
        """All of them, as they are now."""
        return iter(list(self._by_fd.values()))

    def at(self, fd: int) -> "Connection | None":
        """Return the one with this descriptor."""
        return self._by_fd.get(fd)

    def add(self, client: Connection) -> None:
        """Take one more."""
        self._by_fd[client.socket.fileno()] = client
        self._by_state[client.state][client] = None

    def move(self, client: Connection, state: int) -> None:
        """Let one be in another state, or go: CLOSED. Its socket is still open."""
        del self._by_state[client.state][client]
        if client.state == DELAYED:
            self._delayed.discard(client)
        client.state = state
        if state == CLOSED:
            del self._by_fd[client.socket.fileno()]
        else:
            self._by_state[state][client] = None

    def delay(self, client: Connection) -> "Connection | None":
        """Let one wait for its refusal. Returns who has to go for that, or None."""
        if self._delayed is None:
            from trigger.acceptor.backoff import Delayed  # nobody else waits for it to be loaded

            self._delayed = Delayed()
        gone = self._delayed.add(client)
        self.move(client, DELAYED)
        return gone

    def that_are(self, *states: int) -> "list[Connection]":
        """Return those in any of some states."""
        return [client for state in states for client in self._by_state[state]]

    def are_some(self, *states: int) -> bool:
        """Whether any is in one of some states."""
        return any(self._by_state[state] for state in states)

    def has_room(self) -> bool:
        """Whether there is a place for one more."""
        beside = sum(len(self._by_state[state]) for state in (WAITING, DELAYED, FOLLOWING))
        return len(self._by_fd) - beside < LIMIT

    def may_wait(self, is_repeat: bool = False) -> bool:
        """Whether one more may wait for its run. Who has overheard one delivery can repeat it any number of times, so
        repeats leave half of the places to others."""
        return len(self._by_state[WAITING]) < (WAITING_LIMIT // 2 if is_repeat else WAITING_LIMIT)

    def may_follow(self) -> bool:
        """Whether one more may follow its run."""
        return len(self._by_state[FOLLOWING]) < FOLLOWING_LIMIT

    def slowest(self) -> "Connection | None":
        """Return who gives way, if somebody has to now."""
        return eviction.slowest(self._that_may_give_way(), time.monotonic())

    def next_time(self, is_full: bool) -> float:
        """Return when somebody's time is over, or, where it is full, somebody may have to give way."""
        until = min(client.deadline for client in self)
        return min(until, eviction.next_time(self._that_may_give_way())) if is_full else until

    def _that_may_give_way(self):
        """Who has a place and could give it up: what is complete is about to be accepted."""
        return self.that_are(RECEIVING, ANSWERING, DRAINING)
