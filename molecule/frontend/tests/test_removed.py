"""After the front door, and then all of the role, was taken away; and on a host without any nginx."""

import os
import socket
import subprocess
from pathlib import Path

from host import exchange, field, is_active, run, status, wait_for_record
from test_installed import SECRETS, access, test_nginx_was_reloaded_and_not_restarted

__all__ = ["test_nginx_was_reloaded_and_not_restarted"]
HOST = socket.gethostname()


def nothing_is_left_in_nginx():
    assert not Path("/etc/nginx/sites-enabled/zz-trigger.conf").exists() and not Path("/etc/nginx/trigger").exists()
    assert "test is successful" in subprocess.run(["nginx", "-t"], capture_output=True, text=True, check=True).stderr
    assert is_active("nginx.service")
    # dpkg finds its files as it made them.
    assert run("dpkg", "--verify", "nginx-common") == ""


def test_without_a_front_door():
    nothing_is_left_in_nginx()
    assert not os.path.exists("/etc/trigger/credentials/.frontend")
    assert run("systemctl", "list-units", "--no-legend", "--all", "trigger-frontend*").strip() == ""
    assert not list(Path("/etc/systemd/system").glob("trigger-frontend*"))


def test_without_a_front_door_its_socket_is_gone():
    assert not os.path.lexists("/run/trigger/frontend")


def test_without_a_front_door_endpoints_are_as_others_are():
    for name in ("environment", "inside", "private"):
        path = f"/run/trigger/{name}.sock"
        assert access(path) == "root:root 0660"
        answer = exchange(
            path, b"GET / HTTP/1.1\r\nHost: a\r\nX-Remote-User: bob\r\nX-Forwarded-For: 192.0.2.7\r\n\r\n"
        )
        assert status(answer) == 200
        record = wait_for_record(name, field(answer, "X-Request-Id"))
        assert (record["remote_user"], record["remote_addr"]) == (None, None)


def test_absent():
    nothing_is_left_in_nginx()
    assert not os.path.exists("/etc/trigger") and not os.path.exists("/run/trigger")
    assert run("systemctl", "list-units", "--no-legend", "--all", "trigger*").strip() == ""


def test_on_loopback_plain_http_is_spoken():
    """The role has installed nginx here."""
    assert is_active("nginx.service")
    door = f"http://{HOST}.test:8080"
    for user, code in ((None, "401"), (f"bob:{SECRETS['bob']}x", "401"), (f"bob:{SECRETS['bob']}", "200")):
        command = ["curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", "--data", ""]
        where = ["--resolve", f"{HOST}.test:8080:127.0.0.1", f"{door}/environment/"]
        assert run(*command, *(["--user", user] if user else []), *where) == code
    assert run("ss", "--listening", "--tcp", "--numeric", "--no-header", "sport = 8080").split()[3] == "127.0.0.1:8080"
