"""Odd hosts: some work, others cannot have the role, or not now, of which the play says why and what to do before
anything is touched. Debian's own Ansible runs it, on the host itself."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from host import exchange, field, post, run, status, wait_for_record

PLAY = """
- hosts: localhost
  gather_facts: false
  module_defaults: {apt: {update_cache_retries: 0}}  # it would try for a minute to reach a mirror
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


def test_a_package_that_cannot_be_had():
    front = {
        "trigger_frontend": True,
        "trigger_frontend_server_name": "host.example",
        "trigger_frontend_tls": {"self_signed": True},
        "trigger_frontend_users": [{"name": "bob", "password": "correct horse battery"}],
    }
    told({"trigger_endpoints": [HELLO], **front})
    said = said_by_a_play("unshare", "--net")
    assert "no endpoint was touched: the front end needs nginx, which the host lacks and cannot install: " in said
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


# What distrobuilder puts into containers of Incus, LXD and LXC that may not nest.
OF_CONTAINER = """
[Service]
ProcSubset=all
ProtectProc=default
ProtectControlGroups=no
ProtectKernelTunables=no
NoNewPrivileges=no
LoadCredential=
"""
SERVICES = Path("/run/systemd/system/service.d")
SECRET = "0123456789abcdef-of-a-sender"
GUARDED = {
    "name": "guarded",
    "listen": ["127.0.0.1:3007"],
    "wait": "1min",
    "auth": [{"token": {"secret": SECRET}}],
    "credentials": {"key": "of-the-job"},
    "job": {"content": "#!/bin/sh\ncat $CREDENTIALS_DIRECTORY/key\ngrep NoNewPrivs /proc/self/status\n"},
}


@pytest.fixture
def for_all_services():
    """Hands out what sets something for all services of the host."""

    def make(name, content):
        SERVICES.mkdir(exist_ok=True)
        (SERVICES / name).write_text(content)
        run("systemctl", "daemon-reload")

    yield make
    for path in SERVICES.glob("*"):
        path.unlink()
    SERVICES.rmdir()
    run("systemctl", "daemon-reload")


def answer_of_guarded():
    answer = exchange(3007, post(b"", fields=[f"Authorization: Bearer {SECRET}"]))
    assert status(answer) == 200, answer
    return answer.decode()


def test_a_container_whose_image_takes_secrets_from_all_services(for_all_services):
    told({"trigger_endpoints": [GUARDED]})
    assert "failed=0" in said_by_a_play()
    for_all_services("zzz-lxc-service.conf", OF_CONTAINER)
    run("systemctl", "stop", "trigger@guarded.service")
    assert status(exchange(3007, post(b"", fields=[f"Authorization: Bearer {SECRET}"]))) == 503
    said = subprocess.run(["triggerctl", "doctor"], capture_output=True, text=True, check=False).stdout
    assert "zzz-lxc-service.conf takes LoadCredential= from trigger@guarded.service" in said

    said = said_by_a_play()
    assert "failed=0" in said
    assert "changed=0" not in said
    assert "of-the-jobNoNewPrivs:\t1\n" in answer_of_guarded()
    assert "changed=0" in said_by_a_play()
    run("triggerctl", "doctor")

    override = Path("/etc/systemd/system/trigger-run@guarded.service.d/override.conf")
    override.write_text("[Service]\nNoNewPrivileges=no\nRestrictSUIDSGID=no\n")
    assert "changed=1" in said_by_a_play()
    assert "of-the-jobNoNewPrivs:\t0\n" in answer_of_guarded()


def test_where_systemd_can_load_no_secret(for_all_services):
    for_all_services("zzz-lxc-service.conf", OF_CONTAINER)
    told({"trigger_endpoints": [GUARDED]})
    run("mkdir", "-p", "/run/credentials")
    run("mount", "-t", "tmpfs", "-o", "ro", "tmpfs", "/run/credentials")
    try:
        said = said_by_a_play()
    finally:
        run("umount", "--lazy", "/run/credentials")
    assert "/run/systemd/system/service.d/zzz-lxc-service.conf empties LoadCredential= of all services, and sys" in said
    assert "security.nesting=true" in said
    assert there_is_nothing()


def test_where_services_may_not_mount(for_all_services):
    for_all_services("tight.conf", "[Service]\nCapabilityBoundingSet=~CAP_SYS_ADMIN\n")
    assert "nothing was changed: systemd may not mount on this host, so acceptors would have" in said_by_a_play()
    assert there_is_nothing()


def test_the_doctor_on_what_would_make_a_socket_spin():
    told({"trigger_endpoints": [HELLO]})
    assert "failed=0" in said_by_a_play()
    run("triggerctl", "doctor")
    drop_in = Path("/etc/systemd/system/trigger@hello.service.d/override.conf")
    drop_in.parent.mkdir()
    for content in ("[Unit]\nConditionPathExists=/nowhere\n", "[Service]\nExecCondition=/bin/false\n"):
        drop_in.write_text(content)
        run("systemctl", "daemon-reload")
        done = subprocess.run(["triggerctl", "doctor", "hello"], capture_output=True, text=True, check=False)
        key = content.splitlines()[1].partition("=")[0]
        assert f"{drop_in} has {key}=" in done.stdout
        assert done.returncode == 1


@pytest.fixture
def odd():
    """Processes that others do not see, nothing that could be executed where files come and go, a spool of its own, no
    IPv6, and a clock that is three quarters of an hour off the full one."""
    zone = Path("/etc/localtime")
    before = os.readlink(zone) if zone.is_symlink() else None
    zone.unlink(missing_ok=True)
    zone.symlink_to("/usr/share/zoneinfo/Asia/Kathmandu")
    addresses = Path("/proc/sys/net/ipv6/conf/all/disable_ipv6")
    had_none = addresses.read_text()
    addresses.write_text("1")
    run("mount", "-o", "remount,hidepid=2", "/proc")
    mounts = ["/tmp", "/var", "/var/spool"]
    for path in mounts:
        run("mount", "--bind", path, path)
        run("mount", "-o", "remount,bind,noexec,nosuid,nodev", path)
    yield
    for path in reversed(mounts):
        run("umount", "--lazy", path)
    run("mount", "-o", "remount,hidepid=0", "/proc")
    addresses.write_text(had_none)
    zone.unlink()
    if before:
        zone.symlink_to(before)


def test_an_odd_host(odd):
    told({"trigger_endpoints": [GUARDED, {**HELLO, "listen": ["3005"], "allow_unauthenticated": True}]})
    umask = ["sh", "-c", 'umask 077 && exec "$@"', "sh"]
    said = said_by_a_play(*umask)
    assert "failed=0" in said
    assert "changed=0" in said_by_a_play(*umask)
    assert "of-the-job" in answer_of_guarded()
    record = wait_for_record("hello", field(exchange(3005), "X-Request-Id"))
    assert record["state"] == "succeeded"
    run("triggerctl", "doctor")
    told({"trigger_endpoints": [], "trigger_state": "absent"})
    assert "failed=0" in said_by_a_play(*umask)
    assert there_is_nothing()
