"""How long who guesses has to wait."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trigger.acceptor import backoff


def test_who_fails_waits_longer_each_time_but_the_first():
    failing = backoff.Failures()
    delays = [failing.delay(b"192.0.2.1", 1000 + second) for second in range(30)]
    assert delays[0] == 0
    assert delays[1:6] == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6])
    assert set(delays[6:]) == {2.0}


def test_nobody_waits_for_another():
    failing = backoff.Failures()
    for _ in range(10):
        failing.delay(b"192.0.2.1", 1000)
    for other in (b"192.0.2.2", b"2001:db8::1", b""):
        assert failing.delay(other, 1000) == 0


def test_failures_are_forgotten_after_a_minute_without_one():
    failing = backoff.Failures()
    for second in (0, 1, 61):
        before = failing.delay(b"192.0.2.1", 1000 + second)
    assert before == pytest.approx(0.2)
    assert failing.delay(b"192.0.2.1", 1000 + 61 + backoff.FORGOTTEN_AFTER + 0.1) == 0


def test_an_ipv6_peer_is_its_64_bits():
    """It has them all to take addresses from."""
    failing = backoff.Failures()
    failing.delay(b"2001:db8:0:1::1", 1000)
    assert failing.delay(b"2001:db8:0:1:ffff:ffff:ffff:ffff", 1000) > 0
    assert failing.delay(b"2001:DB8::1:0:0:0:9", 1000) > 0
    assert failing.delay(b"2001:db8:0:2::1", 1000) == 0
    failing.delay(b"fe80::1%eth0", 1000)
    assert failing.delay(b"fe80::2%eth1", 1000) > 0


def test_all_of_a_unix_socket_are_one():
    failing = backoff.Failures()
    assert failing.delay(b"", 1000) == 0
    assert failing.delay(b"", 1000) > 0


def test_only_so_many_peers_are_counted_and_the_latest_stay():
    failing = backoff.Failures()
    for number in range(backoff.PEERS_LIMIT):
        failing.delay(b"10.0.%d.%d" % divmod(number, 256), 1000)
    assert failing.delay(b"10.0.0.0", 1000) > 0  # the first of them is now the latest
    assert failing.delay(b"192.0.2.1", 1000) == 0  # which pushes out the second
    assert failing.delay(b"10.0.0.0", 1000) > 0
    assert failing.delay(b"10.0.0.2", 1000) > 0
    assert failing.delay(b"10.0.0.1", 1000) == 0


def test_who_has_many_addresses_gets_slower_too():
    """More than are counted: each of them would be forgotten before it is used again."""
    failing = backoff.Failures()

    def round_of_guesses(now):
        return [failing.delay(b"2001:db8:%x:%x::1" % divmod(number, 256), now) for number in range(3000)]

    first = round_of_guesses(1000)
    assert not any(first[: backoff.PEERS_LIMIT])
    assert set(first[2000:]) == {2.0}
    assert set(round_of_guesses(1010)) == {2.0}
    assert failing.delay(b"192.0.2.1", 1010 + backoff.FORGOTTEN_AFTER + 1) == 0


@given(st.ip_addresses(), st.floats(0, 1e9), st.integers(1, 40))
def test_no_delay_is_longer_than_two_seconds(peer, now, times):
    failing = backoff.Failures()
    assert all(0 <= failing.delay(str(peer).encode(), now) <= 2 for _ in range(times))


class Client:
    def __init__(self, peer):
        self.peer = peer


def test_of_too_many_refusals_that_wait_the_oldest_of_the_same_network_goes():
    waiting = backoff.Delayed()
    others = [Client(b"192.0.2.%d" % number) for number in range(200)]
    guessers = [Client(b"2001:db8::%x" % number) for number in range(backoff.DELAYED_LIMIT)]
    gone = [waiting.add(client) for client in others + guessers]
    assert gone == [None] * backoff.DELAYED_LIMIT + guessers[:200]
    assert len(waiting) == backoff.DELAYED_LIMIT
    assert waiting.add(Client(b"192.0.2.7")) is others[7]
    assert waiting.add(Client(b"198.51.100.1")) is guessers[200]  # of those who have the most


def test_a_refusal_that_no_longer_waits_makes_room():
    waiting = backoff.Delayed()
    clients = [Client(b"192.0.2.1") for _ in range(backoff.DELAYED_LIMIT)]
    for client in clients:
        waiting.add(client)
    waiting.discard(clients[5])
    waiting.discard(clients[5])
    assert waiting.add(Client(b"192.0.2.1")) is None
    assert waiting.add(Client(b"192.0.2.1")) is clients[0]
    for client in clients:
        waiting.discard(client)
    assert len(waiting) == 2
