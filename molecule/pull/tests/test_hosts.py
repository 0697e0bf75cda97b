"""Hosts that cannot have the role, or not now: the play says why and what to do, before anything is touched. Debian's
own Ansible runs it, on the host itself."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from host import exchange, field, run, wait_for_record

PLAY = """
- hosts: localhost
  gather_facts: false
  roles: [trigger]
"""
HELLO = {"name": "hello", "listen": ["127.0.0.1:3005"], "job": {"command": ["true"]}}
DEPLOY = """#!/bin/sh
HOME=/root ANSIBLE_ROLES_PATH=/srv/present/roles \
    exec ansible-playbook -i localhost, -c local /srv/refused.yml -e @/srv/refused.json
"""


@pytest.fixture(autouse=True)
def play():
    Path("/srv/refused.yml").write_text(PLAY)
    told({"trigger_endpoints": [HELLO]})
    yield
    told({"trigger_endpoints": [], "trigger_state": "absent"})
    assert "failed=0" in said_by_a_play()


def told(variables):
    Path("/srv/refused.json").write_text(json.dumps(variables))


def said_by_a_play(*prefix):
    """What a play says, run by a command that changes something around it."""
    command = ["ansible-playbook", "-i", "localhost,", "-c", "local", "/srv/refused.yml", "-e", "@/srv/refused.json"]
    environment = {**os.environ, "ANSIBLE_ROLES_PATH": "/srv/present/roles"}
    done = subprocess.run([*prefix, *command], env=environment, capture_output=True, text=True, check=False)
    return " ".join((done.stdout + done.stderr).split())


def there_is_nothing():
    return not any(
        list(Path(top).glob("trigger*")) for top in ("/etc", "/etc/systemd/system", "/var/spool", "/var/lib")
    )


def test_without_root():
    nobody = ["setpriv", "--reuid=nobody", "--clear-groups", "env", "HOME=/tmp", "ANSIBLE_REMOTE_TEMP=/tmp/of-nobody"]
    said = said_by_a_play(*nobody)
    assert "the play is user nobody on this host, and the role needs root: `become: true`" in said
    assert there_is_nothing()


def test_where_systemd_is_not_at_work():
    said = said_by_a_play("unshare", "--mount", "sh", "-c", 'mount -t tmpfs tmpfs /run/systemd && exec "$@"', "sh")
    assert "systemd has not booted this host (/run/systemd/system is missing; process 1 is systemd)" in said
    assert there_is_nothing()


@pytest.fixture
def small_disk():
    """One that is full, where requests will lie."""
    spool = Path("/var/spool/trigger")
    spool.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", spool)
    (spool / ".filled").write_bytes(bytes(1000 * 1024))
    yield
    run("umount", spool)
    spool.rmdir()


def test_on_a_full_disk(small_disk):
    assert "24 KiB are free where /var/spool/trigger lies, too few for requests and records" in said_by_a_play()


@pytest.fixture
def read_only_usr():
    run("mount", "--bind", "/usr", "/usr")
    run("mount", "-o", "remount,bind,ro", "/usr")
    yield
    run("umount", "--lazy", "/usr")


def test_a_file_system_that_is_read_only(read_only_usr):
    said = said_by_a_play()
    assert (
        "/usr cannot be written to, as the host has mounted it read-only: `mount -o remount,rw` it for the play" in said
    )
    assert there_is_nothing()


def test_a_unit_with_a_sandbox():
    unit = ["systemd-run", "--quiet", "--pipe", "--wait", "--setenv=ANSIBLE_ROLES_PATH=/srv/present/roles"]
    said = said_by_a_play(*unit, "--property=ProtectSystem=full")
    assert "/etc, /usr cannot be written to, since it runs in a unit with a sandbox; take ProtectSystem= and" in said
    said = said_by_a_play(*unit, "--property=RestrictSUIDSGID=yes")
    assert "directory's group, since it runs in a unit with a sandbox; take RestrictSUIDSGID= and" in said
    assert there_is_nothing()


def test_the_default_sandbox_of_a_job():
    deploy = {"name": "deploy", "listen": ["127.0.0.1:3006"], "user": "root", "job": {"content": DEPLOY}}
    told({"trigger_endpoints": [deploy]})
    assert "failed=0" in said_by_a_play()
    told({"trigger_endpoints": [deploy, HELLO]})
    identifier = field(exchange(3006), "X-Request-Id")
    assert wait_for_record("deploy", identifier, 60)["state"] == "failed"
    said = " ".join(run("triggerctl", "logs", "deploy", identifier).split())
    assert "since the job of endpoint 'deploy' runs it; give that endpoint `service: {ProtectSystem: false," in said
    assert not Path("/etc/trigger/hello.json").exists()
