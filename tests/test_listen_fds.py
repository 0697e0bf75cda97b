"""The descriptors that systemd hands over, in processes of their own."""

import json
import os
import socket
import subprocess
import sys

import pytest
from page_host import FILES

# Becomes the program by exec, as under systemd, so that $LISTEN_PID can be right.
BEGIN = """
import os, sys
copies = [os.dup2(int(fd), 100 + number) for number, fd in enumerate(sys.argv[3:])]
for number, fd in enumerate(copies, 3):
    os.dup2(fd, number)
for name, value in (("LISTEN_PID", sys.argv[2]), ("LISTEN_FDS", str(len(copies))), ("LISTEN_FDNAMES", "x")):
    os.environ[name] = value.replace("own", str(os.getpid()))
os.execve(sys.executable, [sys.executable, "-I", "-S", "-c", sys.argv[1]], os.environ)
"""
PROGRAM = f"""
import sys
sys.path.insert(0, {FILES!r})
import json, os, stat
from trigger import listen_fds
try:
    found = listen_fds.listen_fds()
except RuntimeError as error:
    sys.exit(str(error))
told = {{
    "fds": list(found),
    "inherited": [os.get_inheritable(fd) for fd in found],
    "blocking": [os.get_blocking(fd) for fd in found],
    "kinds": [stat.S_IFMT(os.fstat(fd).st_mode) for fd in found],
    "left": [name for name in os.environ if name.startswith("LISTEN_")],
}}
print(json.dumps(told))
"""


def begin(program, *fds, pid="own"):
    command = [sys.executable, "-I", "-S", "-c", BEGIN, program, pid, *map(str, fds)]
    return subprocess.run(command, pass_fds=fds, capture_output=True, text=True, check=False, timeout=30)


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.fixture
def fifo(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    fd = os.open(tmp_path / "fifo", os.O_RDWR)
    yield fd
    os.close(fd)


def test_what_systemd_hands_over_blocks_nobody_and_goes_to_no_child(listener, fifo):
    done = begin(PROGRAM, listener.fileno(), fifo)
    told = json.loads(done.stdout)
    assert told == {
        "fds": [3, 4],
        "inherited": [False, False],
        "blocking": [False, False],
        "kinds": [os.fstat(fd).st_mode & 0o170000 for fd in (listener.fileno(), fifo)],
        "left": [],
    }


def test_without_anything_from_systemd_it_says_what_to_do(listener):
    for done in (begin(PROGRAM), begin(PROGRAM, listener.fileno(), pid="1")):
        assert (done.returncode, done.stdout) == (1, "")
        assert "start the unit's .socket" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("sockets", ["listen_fds.listen_sockets()", "map(wrap, listen_fds.listen_fds())"])
def test_a_client_is_served_by_them(listener, sockets):
    """The acceptor takes the C half of socket, the page the whole."""
    program = f"""
import sys
sys.path.insert(0, {FILES!r})
import os, select, socket, _socket
from trigger import listen_fds
wrap = lambda fd: socket.socket(fileno=fd)
(listener,) = {sockets}
select.select([listener], [], [], 30)
fd, _ = listener._accept()
_socket.socket(fileno=fd).send(b"served")
try:
    listener._accept()
except BlockingIOError:
    print("nobody else")
"""
    with socket.create_connection(listener.getsockname(), timeout=30) as client:
        done = begin(program, listener.fileno())
        assert client.recv(16) == b"served"
    assert done.stdout == "nobody else\n", done.stderr
