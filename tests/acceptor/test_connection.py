"""Who a client is, by the socket that it has connected to."""

import socket

import pytest
from role import endpoint

from trigger import admission, http
from trigger.acceptor.connection import Connection, peer_of


def accepted(listener, *client):
    """The exchange of a client that has connected over a real socket."""
    with listener, socket.socket(*client) as client:
        client.connect(listener.getsockname() if client.family != socket.AF_INET else ("127.0.0.1", port_of(listener)))
        server, address = listener.accept()
        with server:
            return Connection(server, address, now=0, time_limit=10).exchange


def port_of(listener):
    return listener.getsockname()[1]


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_an_ipv4_client_of_a_socket_for_both_families_has_its_ipv4_address():
    listener = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    port = port_of(listener)
    exchange = accepted(listener, socket.AF_INET)
    assert (exchange.peer, exchange.port) == (b"127.0.0.1", b"%d" % port)
    admission.check_peer(endpoint(allow_from=["127.0.0.0/8"]), exchange.peer)
    with pytest.raises(http.Refusal):
        admission.check_peer(endpoint(allow_from=["::/0"]), exchange.peer)


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_an_ipv6_client_has_its_address():
    listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    assert accepted(listener, socket.AF_INET6).peer == b"::1"


def test_a_client_on_a_unix_socket_has_neither_address_nor_port(tmp_path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "socket"))
    listener.listen()
    exchange = accepted(listener, socket.AF_UNIX)
    assert (exchange.peer, exchange.port) == (b"", b"")


@pytest.mark.parametrize(
    ("address", "peer"),
    [
        ("192.0.2.1", b"192.0.2.1"),
        ("::ffff:192.0.2.1", b"192.0.2.1"),
        ("::ffff:0.0.0.1", b"0.0.0.1"),
        ("2001:db8::ffff:192", b"2001:db8::ffff:192"),
        ("fe80::1%eth0", b"fe80::1%eth0"),
        # RFC 2765's translated addresses look alike, and are not mapped ones.
        ("::ffff:0:102:304", b"::ffff:0:102:304"),
    ],
)
def test_mapped_addresses_are_ipv4_addresses(address, peer):
    assert peer_of(address) == peer
