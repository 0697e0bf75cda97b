"""What dispatcher and runner say to each other, over a real socket."""

import os
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trigger import run_protocol
from trigger.run_protocol import Malformed, Message

RUN = "01a22629-dd48-7bdd-80a8-724a32807fd5"


@pytest.fixture
def pair():
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    yield ends
    for end in ends:
        end.close()


def test_a_message_arrives_as_it_was_said(pair):
    said = Message(run_protocol.ENDED, RUN, "a" * 32, 1, 2, -3, 2**61, 2**40)
    run_protocol.send(pair[0], said)
    heard = run_protocol.receive(pair[1])
    assert all(getattr(said, name) == getattr(heard, name) for name in Message.__slots__)


def test_the_end_is_none(pair):
    pair[0].close()
    assert run_protocol.receive(pair[1]) is None


@given(st.binary(max_size=2 * run_protocol.SIZE))
def test_whatever_comes_is_a_message_or_malformed(packet):
    try:
        message = run_protocol.decode(packet)
    except Malformed:
        return
    assert message.encode()[: len(run_protocol.VERSION)] == run_protocol.VERSION


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"run1",
        Message(1).encode()[:-1],
        Message(1).encode() + b"\0",
        b"run2" + Message(1).encode()[4:],
        Message(1, RUN).encode().replace(b"01a2", b"\xff\xff\xff\xff"),
    ],
)
def test_what_is_not_a_message(packet):
    with pytest.raises(Malformed):
        run_protocol.decode(packet)


def test_a_run_comes_with_its_descriptors(pair):
    with open("/dev/null") as null:
        run_protocol.send(pair[0], Message(run_protocol.RUN, RUN), [null.fileno()] * run_protocol.DESCRIPTORS)
    message, descriptors = run_protocol.receive_run(pair[1])
    assert (message.run_id, len(descriptors)) == (RUN, run_protocol.DESCRIPTORS)
    for fd in descriptors:
        assert os.readlink(f"/proc/self/fd/{fd}") == "/dev/null"
        assert not os.get_inheritable(fd)
        os.close(fd)


def open_files():
    return len(os.listdir("/proc/self/fd"))


def test_descriptors_that_nobody_asked_for_do_not_arrive(pair):
    """The dispatcher asks for none: what the job sends in the runner's place takes up nothing."""
    before = open_files()
    with open("/dev/null") as null:
        run_protocol.send(pair[0], Message(run_protocol.IDLE), [null.fileno()] * run_protocol.DESCRIPTORS)
    assert run_protocol.receive(pair[1]).kind == run_protocol.IDLE
    assert open_files() == before


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [([b"a"], {}), ([b"a", b"", b"b c"], {b"X": b"", b"Y": b"a=b\nc"}), ([b"\xff"], {b"\xff": b"\xff"})],
)
def test_a_job_is_unpacked_as_it_was_packed(arguments, environment):
    packed = run_protocol.pack_job(arguments, environment)
    assert run_protocol.unpack_job(packed) == (arguments, environment)
