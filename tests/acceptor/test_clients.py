"""Who has a place at an acceptor, and who waits beside those that have one."""

import contextlib
import socket

import pytest

from trigger.acceptor import backoff
from trigger.acceptor import clients as places
from trigger.acceptor.clients import Clients
from trigger.acceptor.connection import (
    ANSWERING,
    CLOSED,
    DELAYED,
    DRAINING,
    FOLLOWING,
    READY,
    RECEIVING,
    WAITING,
    Connection,
)


@pytest.fixture
def connect():
    """Connections over real sockets."""
    with contextlib.ExitStack() as stack:

        def connect(now=0.0):
            ours, theirs = socket.socketpair()
            stack.enter_context(ours)
            stack.enter_context(theirs)
            return Connection(ours, "", now, 10.0)

        yield connect


def test_one_is_found_by_its_descriptor_until_it_goes(connect):
    clients, one = Clients(), connect()
    clients.add(one)
    assert clients.at(one.socket.fileno()) is one
    assert (len(clients), list(clients), clients.that_are(RECEIVING)) == (1, [one], [one])
    clients.move(one, CLOSED)
    assert clients.at(one.socket.fileno()) is None
    assert (len(clients), list(clients), one.state) == (0, [], CLOSED)


def test_each_is_in_one_state(connect):
    clients, one = Clients(), connect()
    clients.add(one)
    for state in (READY, WAITING, ANSWERING, FOLLOWING, ANSWERING, DRAINING):
        clients.move(one, state)
        assert [each for each in range(CLOSED) if clients.are_some(each)] == [state]


@pytest.mark.parametrize("state", [RECEIVING, READY, ANSWERING, DRAINING])
def test_who_is_served_has_a_place(connect, monkeypatch, state):
    monkeypatch.setattr(places, "LIMIT", 2)
    clients = Clients()
    for _ in range(2):
        assert clients.has_room()
        one = connect()
        clients.add(one)
        clients.move(one, state)
    assert not clients.has_room()


def test_who_waits_takes_nobodys_place(connect, monkeypatch):
    monkeypatch.setattr(places, "LIMIT", 1)
    monkeypatch.setattr(places, "WAITING_LIMIT", 1)
    monkeypatch.setattr(places, "FOLLOWING_LIMIT", 1)
    clients = Clients()
    for state in (WAITING, FOLLOWING, DELAYED):
        assert clients.has_room()
        one = connect()
        clients.add(one)
        if state == DELAYED:
            assert clients.delay(one) is None
        else:
            clients.move(one, state)
    assert clients.has_room()
    assert not clients.may_wait()
    monkeypatch.setattr(places, "WAITING_LIMIT", 2)
    assert clients.may_wait()
    assert not clients.may_wait(is_repeat=True)
    assert not clients.may_follow()


def test_what_is_complete_does_not_give_way(connect):
    clients, complete, other = Clients(), connect(0.0), connect(1.0)
    for one in (complete, other):
        clients.add(one)
    clients.move(complete, READY)
    assert clients.slowest() is other
    assert clients.next_time(is_full=False) == 10.0
    assert clients.next_time(is_full=True) == other.since + 1.0


def test_who_is_no_longer_delayed_makes_room_for_others(connect, monkeypatch):
    monkeypatch.setattr(backoff, "DELAYED_LIMIT", 2)
    clients = Clients()
    first, second, third, fourth = [connect() for _ in range(4)]
    for one in (first, second, third, fourth):
        clients.add(one)
    assert clients.delay(first) is clients.delay(second) is None
    assert clients.delay(third) is first
    clients.move(first, CLOSED)
    clients.move(second, ANSWERING)
    assert clients.delay(fourth) is None
