"""What systemd's own socket says of an order: done, refused, or not now. A thread plays systemd."""

import socket
import struct
import threading

import pytest

from trigger.dispatcher import systemd_bus

DESTRUCTIVE = "org.freedesktop.systemd1.TransactionIsDestructive"
MASKED = "org.freedesktop.systemd1.UnitMasked"


def refusal(name, text):
    """An answer to the first call of a connection."""
    fields = struct.pack("=BB1sBI", 5, 1, b"u", 0, 1)
    fields += struct.pack("=BB1sB", 4, 1, b"s", 0) + systemd_bus._string(name)
    fields += b"\0" * (-len(fields) % 8) + struct.pack("=BB1sB", 8, 1, b"g", 0) + systemd_bus._signature("s")
    body = systemd_bus._string(text)
    head = struct.pack("=cBBBIII", systemd_bus._ORDER, 3, 0, 1, len(body), 1, len(fields))
    return head + fields + b"\0" * (-len(fields) % 8) + body


@pytest.fixture
def manager(tmp_path):
    """Makes a Manager whose systemd answers the first call of each connection so."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "private"))
        made = systemd_bus.Manager(str(tmp_path / "private"))

        def serve(answers):
            for answer in answers:
                connection, _ = listening.accept()
                with connection:
                    while b"BEGIN\r\n" not in connection.recv(4096):
                        pass
                    connection.sendall(b"OK 0\r\n")
                    connection.recv(4096)
                    connection.sendall(answer)

        def answering(*answers):
            listening.listen()
            threading.Thread(target=serve, args=(answers,), daemon=True).start()
            return made

        made.answering = answering
        yield made
        made.close()


@pytest.mark.parametrize(("name", "is_not_now"), [(DESTRUCTIVE, True), (MASKED, False)])
def test_what_a_shutdown_is_in_the_way_of_is_no_refusal(manager, name, is_not_now):
    with pytest.raises(systemd_bus.Failed, match="StartUnit: it says why") as caught:
        manager.answering(refusal(name, "it says why")).start("x.service")
    assert isinstance(caught.value, systemd_bus.NotNow) is is_not_now


def test_systemd_that_cannot_be_asked_has_refused_nothing(manager):
    """It is executed anew: nobody listens, or who did has gone."""
    with pytest.raises(systemd_bus.NotNow, match="systemd cannot be asked"):
        manager.start("x.service")
    with pytest.raises(systemd_bus.NotNow, match="it closed the connection"):
        manager.answering(b"").start("x.service")
