"""files/serve, the server that README shows for `handoff`, as systemd starts it."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

SERVE = Path(__file__).parents[2] / "files/serve"
TOKEN = "0123456789abcdef-token"
BEGIN = "import os, sys; os.dup2({fd}, 3); os.execv(sys.executable, [sys.executable, {path!r}])"


@pytest.fixture(params=["unix", "IPv4", "IPv6"])
def ask(request, tmp_path):
    """Sends a request to a server that listens in a way, and returns the status and what else there is, as text."""
    tmp_path.joinpath("token").write_text(TOKEN + "\n")
    if request.param == "unix":
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(tmp_path / "s"))
    else:
        listener = socket.create_server(
            ("::1" if request.param == "IPv6" else "127.0.0.1", 0),
            family=socket.AF_INET6 if request.param == "IPv6" else socket.AF_INET,
        )
    listener.listen()
    process = subprocess.Popen(
        [sys.executable, "-c", BEGIN.format(fd=listener.fileno(), path=str(SERVE))],
        pass_fds=[listener.fileno()],
        env={**os.environ, "CREDENTIALS_DIRECTORY": str(tmp_path)},
        stderr=subprocess.PIPE,
    )

    def ask(*fields):
        with socket.socket(listener.family) as client:
            client.settimeout(20)
            client.connect(listener.getsockname())
            # As nginx sends it.
            client.sendall(
                "\r\n".join(["GET /clock/ HTTP/1.1", "Host: a", *fields, "Connection: close", "", ""]).encode()
            )
            answer = b"".join(iter(lambda: client.recv(65536), b"")).decode()
        status, _, rest = answer.partition("\r\n")
        return int(status.split()[1]), rest

    yield ask
    process.kill()
    assert b"Traceback" not in process.communicate()[1]


def test_who_has_the_token_is_answered(ask):
    for field in (f"Authorization: Bearer {TOKEN}", f"X-Api-Key: {TOKEN}"):
        status, rest = ask(field)
        assert (status, "\r\n\r\nIt is " in rest) == (200, True)


@pytest.mark.parametrize(
    "fields",
    [[], ["Authorization: Bearer x"], [f"Authorization: {TOKEN}"], ["X-Api-Key: "], ["Authorization: Bearer \xe9"]],
)
def test_who_has_none_is_told_so(ask, fields):
    status, rest = ask(*fields)
    assert status == 401 and "\r\nWWW-Authenticate: Bearer\r\n" in rest and TOKEN not in rest
