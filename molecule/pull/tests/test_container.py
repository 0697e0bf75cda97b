"""A system container in which nobody is root outside, with what images of Incus, LXD and LXC bring. systemd-nspawn runs
it, on a copy of the host."""

import contextlib
import json
import subprocess
from pathlib import Path

import pytest
from host import exchange, is_over, post, property_of, run, status, wait_until

ROOT = Path("/srv/container")
UNIT = "unprivileged.service"
OF_IMAGE = """
[Service]
ProcSubset=all
ProtectProc=default
ProtectControlGroups=no
ProtectKernelTunables=no
NoNewPrivileges=no
LoadCredential=
"""
PLAY = """
- hosts: localhost
  gather_facts: false
  roles: [trigger]
"""
SECRET = "0123456789abcdef-of-a-sender"
HELLO = {"name": "hello", "listen": ["127.0.0.1:3005"], "user": "root", "wait": "1min", "job": {"command": ["id"]}}
GUARDED = {
    "name": "guarded",
    "listen": ["127.0.0.1:3007"],
    "wait": "1min",
    "auth": [{"token": {"secret": SECRET}}],
    "credentials": {"key": "of-the-job"},
    "job": {"content": "#!/bin/sh\ncat $CREDENTIALS_DIRECTORY/key\n"},
}


@pytest.fixture(scope="module")
def inside():
    """Runs a command in the container. Its network is the host's."""
    ROOT.mkdir(mode=0o755)
    empty = ("dev/*", "proc/*", "run/*", "srv/container", "sys/*", "tmp/*", "usr/share/locale/*", "var/cache/*")
    without = [f"--exclude=./{path}" for path in (*empty, "var/lib/apt/lists/*")]
    run("sh", "-c", 'tar -c --one-file-system "$@" . | tar -x -C /srv/container', "sh", *without, cwd="/")
    drop_in = ROOT / "etc/systemd/system/service.d/zzz-lxc-service.conf"
    drop_in.parent.mkdir()
    drop_in.write_text(OF_IMAGE)
    (ROOT / "srv/play.yml").write_text(PLAY)
    (ROOT / "etc/machine-id").write_text("")
    nspawn = ["systemd-nspawn", "--keep-unit", "--register=no", "--console=passive", "-U"]
    run(
        "systemd-run",
        "--collect",
        f"--unit={UNIT}",
        "--property=Delegate=yes",
        *nspawn,
        "--boot",
        f"--directory={ROOT}",
    )

    process = wait_until(init)

    def command(*command):
        environment = ["env", "-i", "HOME=/root", "LC_ALL=C.UTF-8", "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
        there = ["nsenter", "--target", process, "--all", *environment, "ANSIBLE_ROLES_PATH=/srv/present/roles"]
        done = subprocess.run([*there, *command], capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    wait_until(lambda: command("systemctl", "is-system-running", "--wait").strip() in ("running", "degraded"), 60)
    yield command
    run("systemctl", "kill", "--signal=KILL", UNIT)
    wait_until(lambda: is_over(UNIT))
    run("rm", "-rf", ROOT)


def init():
    """The process id, on the host, of the container's first process, when it is systemd: str."""
    main = property_of(UNIT, "MainPID")
    with contextlib.suppress(OSError):  # one of them has gone meanwhile
        for process in Path(f"/proc/{main}/task/{main}/children").read_text().split():
            if Path(f"/proc/{process}/comm").read_text() == "systemd\n":
                return process
    return None


def play(inside, **variables):
    (ROOT / "srv/variables.json").write_text(json.dumps(variables))
    options = ["--inventory=localhost,", "--connection=local", "--extra-vars=@/srv/variables.json"]
    return inside("ansible-playbook", *options, "/srv/play.yml")


def test_the_role_in_it(inside):
    assert inside("cat", "/proc/self/uid_map").split()[1] != "0"
    said = play(inside, trigger_endpoints=[HELLO, GUARDED])
    assert "failed=0" in said, said
    assert b"uid=0(root)" in exchange(3005)
    answer = exchange(3007, post(b"", fields=[f"Authorization: Bearer {SECRET}"]))
    assert status(answer) == 200
    assert b"of-the-job" in answer
    assert status(exchange(3007, post(b""))) == 401
    assert "changed=0" in play(inside, trigger_endpoints=[HELLO, GUARDED])
    assert "2 endpoints looked at: 0 problems" in inside("triggerctl", "doctor")
    assert "failed=0" in play(inside, trigger_endpoints=[], trigger_state="absent")
    assert not list(ROOT.glob("etc/trigger*")) + list(ROOT.glob("var/*/trigger*"))
