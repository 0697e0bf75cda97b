"""Where secrets are not, after all other tests: this one comes last."""

import base64
import os
import stat
import subprocess
from pathlib import Path

import pytest
from callers import PORTS, SECRETS, SIGNATURES, bearer, digest, request
from host import exchange, property_of, request_id, run, whole_journal

CREDENTIALS = Path("/etc/trigger/credentials")
ROTATING = "trigger@rotating.service"


def spellings(secret):
    """How a secret could be written down: as it is, encoded, as its digest."""
    yield secret
    yield base64.b64encode(secret.encode()).decode()
    yield digest(secret)
    if secret.startswith("whsec_"):
        key = base64.b64decode(secret[len("whsec_") :])
        yield from (secret[len("whsec_") :], key.hex())


FORBIDDEN = {text.encode(): name for name, secret in SECRETS.items() for text in spellings(secret)}


def found_in(content):
    signatures = set(SIGNATURES.read_bytes().split())
    assert len(signatures) > 100
    return [FORBIDDEN.get(text, "a signature") for text in [*FORBIDDEN, *signatures] if text in content]


def below(directory):
    """All paths below a directory; of folders that go meanwhile what is still there."""
    return [Path(at, name) for at, folders, files in os.walk(directory) for name in (*folders, *files)]


def read(path):
    """A file's content; b"" for what cannot be read as one, or has just gone."""
    try:
        return path.read_bytes() if stat.S_ISREG(path.lstat().st_mode) else b""
    except OSError:
        return b""


@pytest.fixture(scope="module", autouse=True)
def _acceptor():
    """One that has secrets lingers. Others may, too, if the tests before this were quick."""
    run("systemctl", "stop", *(f"trigger@{name}.service" for name in PORTS if name != "rotating"))
    request_id(exchange(PORTS["rotating"], request(fields=[bearer(SECRETS["new"])])))
    assert property_of(ROTATING, "ActiveState") == "active"


def test_what_is_searched_for_would_be_found():
    """The credential files hold all of it, each secret in one of its spellings."""
    held = b"".join(read(path) for path in CREDENTIALS.rglob("*"))
    names = {FORBIDDEN[text] for text in FORBIDDEN if text in held}
    assert names == set(SECRETS) - {"old"}


def test_the_journal_has_no_secret():
    assert found_in(whole_journal()) == []


@pytest.mark.parametrize(
    "directory", ["/etc/systemd", "/etc/trigger", "/usr/local/lib/trigger", "/var/spool/trigger", "/var/lib/trigger"]
)
def test_no_file_but_the_credentials_has_a_secret(directory):
    files = [path for path in below(directory) if CREDENTIALS not in path.parents]
    assert len(files) > 5
    told = {str(path): found_in(read(path)) for path in files}
    assert {path: names for path, names in told.items() if names} == {}
    assert found_in("\n".join(map(str, files)).encode()) == []


def test_what_is_in_run_is_for_one_acceptor_alone():
    """systemd's copies of the credentials; nothing else there has a secret. In acceptors' root directory the same
    folders are bound that are looked at in their own places."""
    elsewhere = {"journal", "trigger-root"}
    held = [path for path in below("/run") if not elsewhere.intersection(path.parts) and found_in(read(path))]
    assert held == [Path("/run/credentials") / ROTATING / "auth"]


def test_no_process_shows_a_secret():
    acceptor = property_of(ROTATING, "MainPID")
    shown = {path: read(path) for kind in ("cmdline", "environ") for path in Path("/proc").glob(f"[0-9]*/{kind}")}
    assert b"acceptor\0rotating" in shown[Path(f"/proc/{acceptor}/cmdline")]
    assert b"CREDENTIALS_DIRECTORY" in shown[Path(f"/proc/{acceptor}/environ")]
    assert {str(path): found_in(content) for path, content in shown.items() if found_in(content)} == {}


def test_systemd_shows_no_secret():
    parts = [f"{part}@{name}" for part in ("trigger", "trigger-dispatch", "trigger-run") for name in PORTS]
    units = [f"{part}.{kind}" for part in parts for kind in ("socket", "service")]
    shown = run("systemctl", "show", *units) + run("systemctl", "cat", *units)
    assert "LoadCredential=auth:" in shown
    assert found_in(shown.encode()) == []


def test_the_credentials_are_root_s_alone():
    assert stat.S_IMODE(CREDENTIALS.stat().st_mode) == 0o700
    files = [path for path in CREDENTIALS.rglob("*") if not path.is_dir()]
    assert len(files) >= len(PORTS) - 3
    for path in files:
        status = path.lstat()
        assert (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid) == (0o600, 0, 0)


@pytest.mark.parametrize("user", ["nobody", "trigger", "trigger-hostile"])
@pytest.mark.parametrize(
    "path",
    [
        CREDENTIALS / "rotating/acceptor/auth",
        f"/run/credentials/{ROTATING}/auth",
        "/var/spool/trigger/once/.deliveries",
    ],
)
def test_a_local_user_cannot_read(user, path):
    """Neither a stranger, nor a job, nor another endpoint's acceptor."""
    assert os.path.exists(path)
    group = run("id", "-gn", user).strip()
    command = ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", "cat", path]
    assert b"Permission denied" in subprocess.run(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL).stderr
