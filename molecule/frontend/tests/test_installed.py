"""What lies on a host, and who gets past nginx: nobody."""

import grp
import hashlib
import json
import os
import pwd
import re
import socket
import stat
import subprocess
from pathlib import Path

import pytest
from host import exchange, field, property_of, records, run, status, wait_until, wait_until_idle

HOST = socket.gethostname()
SECRETS = json.loads(Path(__file__).with_name("secrets.json").read_text())["secrets"]
SECRET = Path("/etc/trigger/credentials/.frontend/secret")
OWN = Path("/etc/nginx/trigger")
PASSWORDS = {"alice": "alice", "bob": "bob", "carol": "carol", "dave@example.org": "dave", "erin": "erin"}


def access(path):
    """Owner, group and mode."""
    found = os.lstat(path)
    return f"{pwd.getpwuid(found.st_uid)[0]}:{grp.getgrgid(found.st_gid)[0]} {stat.S_IMODE(found.st_mode):04o}"


def as_user(user, *command, **options):
    return subprocess.run(
        ["runuser", "-u", user, "--", *command], cwd="/", stdout=subprocess.PIPE, text=True, check=False, **options
    )


def lines():
    """Name and hash of each user."""
    return dict(line.split(":", 1) for line in (OWN / "users").read_text().splitlines())


def test_nginx_takes_the_configuration():
    assert "test is successful" in subprocess.run(["nginx", "-t"], capture_output=True, text=True, check=True).stderr


def test_nginx_was_reloaded_and_not_restarted():
    assert Path("/run/nginx.pid").read_text() == Path("/root/nginx.pid").read_text()
    assert property_of("nginx.service", "NRestarts") == "0"


def test_who_may_read_what():
    wanted = {
        "/etc/nginx/sites-enabled/zz-trigger.conf": "root:root 0644",
        OWN / "proxy.conf": "root:root 0600",
        OWN / "users": "root:www-data 0640",
        "/etc/trigger/credentials": "root:root 0700",
        SECRET: "root:root 0600",
        SECRET.with_name("sha256"): "root:root 0600",
        "/run/trigger/frontend": "root:www-data 0660",
        # The page connects to it, too.
        "/run/trigger/environment.sock": "triggerfrontend:www-data 0660",
        "/run/trigger/beside.sock": "triggerfrontend:www-data 0660",
        "/run/trigger/server.sock": "root:www-data 0660",
        "/run/trigger/inside.sock": "root:root 0660",
        "/var/log/nginx/trigger.access.log": "www-data:adm 0640",
    }
    if HOST != "debian13":  # whose certificate is where it was before
        wanted.update({OWN / "certificate.pem": "root:root 0644", OWN / "key.pem": "root:root 0600"})
    else:
        assert not (OWN / "key.pem").exists()
    assert {str(path): access(path) for path in wanted} == {str(path): mode for path, mode in wanted.items()}


@pytest.mark.parametrize("user", ["www-data", "nobody", "trigger", "triggerfrontend", "trigger-environment"])
def test_secrets_are_out_of_reach(user):
    """That by which nginx is known, and the key of the certificate. Nor are there plain passwords anywhere."""
    key = Path("/etc/ssl/front.key" if HOST == "debian13" else OWN / "key.pem").read_text().splitlines()[2]
    wanted = [SECRET.read_text().strip(), key, *SECRETS.values()]
    found = as_user(
        user,
        *["grep", "--recursive", "--no-messages", "--files-with-matches", "--fixed-strings", "--file=-"],
        *["/etc", "/run", "/usr/local", "/var/lib", "/var/log", "/var/spool", "/tmp"],
        input="\n".join(wanted),
    )
    assert (found.returncode, found.stdout) == (2, "")  # 2, since it may not look everywhere


def test_the_tests_can_find_secrets():
    found = as_user("root", "grep", "-rlF", "--file=-", "/etc", input=SECRET.read_text().strip())
    assert set(found.stdout.splitlines()) == {str(SECRET), str(OWN / "proxy.conf")}


def test_passwords_are_stored_as_hashes_that_take_effort():
    hashes = lines()
    assert hashes.keys() == PASSWORDS.keys()
    assert hashes["erin"].startswith("$5$lYmmz3Vh$")  # as it was given
    salts = {hashed.rpartition("$")[0] for hashed in hashes.values()}
    assert len(salts) == len(hashes)
    for user, hashed in hashes.items():
        if user != "erin":
            assert hashed.startswith("$y$j75$")  # yescrypt with 1 MiB
        # Not our own code on both sides.
        command = ["perl", "-e", "print crypt($ARGV[0], $ARGV[1])", SECRETS[PASSWORDS[user]], hashed]
        assert run(*command) == hashed


REQUEST = (
    b"%s HTTP/1.1\r\nHost: %s.test\r\nContent-Length: 0\r\nX-Remote-User: alice\r\nX-Forwarded-For: 192.0.2.7\r\n%s\r\n"
)


def ask(address, line, fields=b""):
    return exchange(address, REQUEST % (line, HOST.encode(), fields))


def test_whoever_connects_without_nginx_starts_nothing():
    wait_until_idle("environment")
    before = records("environment")
    digest = hashlib.sha256(SECRET.read_text().strip().encode()).hexdigest()
    for guess in ("", "0" * 64, digest, SECRET.read_text().strip()[:-1], SECRET.read_text().strip().upper() + "x"):
        fields = b"X-Trigger-Frontend: %s\r\n" % guess.encode() if guess else b""
        for line in (b"POST /environment/", b"POST /", b"GET /environment/runs"):
            assert status(ask("/run/trigger/environment.sock", line, fields)) == 403
        for line in (b"GET /", b"GET /environment/", b"POST /environment/start"):
            assert status(ask("/run/trigger/frontend", line, fields)) == 403
    wait_until_idle("environment")
    assert records("environment") == before


@pytest.mark.parametrize(("user", "code"), [("www-data", "403"), ("nobody", "000"), ("trigger", "000")])
def test_other_programs_of_nginx_user_and_other_users_start_nothing(user, code):
    """PHP and CGI often run as nginx does, so they may connect, too."""
    for path in ("/run/trigger/environment.sock", "/run/trigger/open.sock", "/run/trigger/frontend"):
        command = ["curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", "--data", ""]
        name = Path(path).stem if "sock" in path else "environment"
        where = ["--header", "X-Remote-User: alice", "--unix-socket", path, f"http://{HOST}.test/{name}/"]
        assert as_user(user, *command, *where).stdout == code
    assert as_user("root", *command, *where).stdout == "403"


def test_elsewhere_nobody_is_believed_to_be_nginx():
    """The endpoint listens on loopback, too. There even the secret opens nothing."""
    for fields in (b"", b"X-Trigger-Frontend: %s\r\n" % SECRET.read_bytes().strip()):
        answer = ask(3200, b"POST /", fields + b"X-Forwarded-Proto: https\r\n")
        assert (status(answer), field(answer, "X-Run-State")) == (200, "succeeded")
        assert b"\nREMOTE_ADDR=127.0.0.1\n" in answer and b"\nSCRIPT_NAME=/\n" in answer
        assert not re.search(rb"\n(REMOTE_USER|AUTH_TYPE|HTTPS)=", answer)
        assert status(ask(3200, b"GET /runs", fields)) == 403
        assert status(ask(3200, b"POST /beside/", fields)) == 404


def ours():
    """The processes of ours that run: their command lines."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            user = pwd.getpwuid(process.stat().st_uid)[0]
            command = (process / "cmdline").read_bytes()
        except (OSError, KeyError):  # it has gone
            continue
        if user.startswith("trigger") or b"/usr/local/lib/trigger/" in command:
            found.append(command)
    return found


def test_the_list_says_when_the_calendar_starts_a_run():
    """The page asks systemd's own parser, from within its sandbox."""
    fields = b"X-Trigger-Frontend: %s\r\n" % SECRET.read_bytes().strip()
    answer = ask("/run/trigger/frontend", b"GET /", fields).decode()
    (row,) = [part for part in answer.split("<tr") if "Back the database up" in part]
    assert re.search(r'Next <time datetime="\d{4}-01-01T03:00:00\.000Z"', row)
    assert answer.count("Next <time") == 1


def test_between_requests_nothing_of_ours_runs():
    ask("/run/trigger/frontend", b"GET /")
    assert ours()
    wait_until(lambda: not ours())
    assert property_of("trigger-frontend.socket", "ActiveState") == "active"


def test_the_page_may_do_little():
    assert property_of("trigger-frontend.service", "User") == "triggerfrontend"
    told = run("systemd-analyze", "security", "trigger-frontend.service", "--no-pager")
    assert float(re.search(r"exposure level for \S+: ([0-9.]+)", told)[1]) < 3
