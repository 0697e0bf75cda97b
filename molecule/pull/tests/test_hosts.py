"""Odd hosts: some work, others cannot have the role, or not now, of which the play says why and what to do before
anything is touched. Debian's own Ansible runs it, on the host itself."""

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from host import exchange, field, post, run, status, wait_for_record, wait_until

PLAY = """
- hosts: localhost
  gather_facts: false
  module_defaults: {apt: {update_cache_retries: 0}}  # it would try for a minute to reach a mirror
  roles: [trigger]
"""
HELLO = {"name": "hello", "listen": ["127.0.0.1:3005"], "job": {"command": ["true"]}}
FRONT = {
    "trigger_frontend": True,
    "trigger_frontend_server_name": "test",
    "trigger_frontend_listen": ["127.0.0.1:8080"],
    "trigger_frontend_users": [{"name": "bob", "password": "correct horse battery"}],
}
NGINX = Path("/usr/sbin/nginx")
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
    """What a play says, run by a command that changes something around it. Ansible has nothing in it to deprecate."""
    command = ["ansible-playbook", "-i", "localhost,", "-c", "local", "/srv/refused.yml", "-e", "@/srv/refused.json"]
    environment = {**os.environ, "ANSIBLE_ROLES_PATH": "/srv/present/roles"}
    done = subprocess.run([*prefix, *command], env=environment, capture_output=True, text=True, check=False)
    said = " ".join((done.stdout + done.stderr).split())
    assert "deprecat" not in said.lower(), said
    return said


def there_is_nothing(but=None):
    """Of the role's, and of what it would have installed. but: a path that the test itself has made."""
    tops = ("/etc", "/etc/systemd/system", "/run", "/run/systemd/system", "/usr/local/lib", "/var/spool", "/var/lib")
    found = [path for top in tops for path in Path(top).glob("trigger*")]
    return [path for path in found if path != but] == [] and not NGINX.exists()


@pytest.fixture(params=[{}, FRONT], ids=["endpoints", "front end"])
def _wanted(request):
    """What a host is refused for, it is refused for before a package is installed."""
    told({"trigger_endpoints": [HELLO], **request.param})


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
    told({"trigger_endpoints": [HELLO], **FRONT})
    said = said_by_a_play("unshare", "--net")
    assert "no endpoint was touched: the front end needs nginx, which the host lacks and cannot install: " in said
    assert there_is_nothing()


@pytest.fixture(params=["/var/spool/trigger", "/var/lib/trigger"])
def small_disk(request):
    """One of the role's own, whose options are to be told. Returns its path."""
    path = Path(request.param)
    path.mkdir()

    def make(options):
        run("mount", "-t", "tmpfs", "-o", options, "tmpfs", path)
        return path

    yield make
    run("umount", path)
    path.rmdir()


@pytest.mark.usefixtures("_wanted")
def test_on_a_full_disk(small_disk):
    path = small_disk("size=1m")
    (path / ".filled").write_bytes(bytes(1000 * 1024))
    assert f"24 KiB are free where {path} lies, too few for requests and records" in said_by_a_play()
    assert there_is_nothing(but=path)


def test_on_a_disk_that_takes_no_more_files(small_disk):
    path = small_disk("size=4m,nr_inodes=20")
    for number in range(19):  # and the directory
        (path / f".{number}").touch()
    assert f"0 inodes are free where {path} lies, too few for requests and records" in said_by_a_play()
    assert there_is_nothing(but=path)


@pytest.fixture
def read_only_usr():
    run("mount", "--bind", "/usr", "/usr")
    run("mount", "-o", "remount,bind,ro", "/usr")
    yield
    run("umount", "--lazy", "/usr")


@pytest.mark.usefixtures("_wanted")
def test_a_file_system_that_is_read_only(read_only_usr):
    said = said_by_a_play()
    assert (
        "/usr cannot be written to, as the host has mounted it read-only: `mount -o remount,rw` it for the play" in said
    )
    assert there_is_nothing()


@pytest.mark.usefixtures("_wanted")
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


@pytest.mark.usefixtures("_wanted")
def test_where_services_may_not_mount(for_all_services):
    for_all_services("tight.conf", "[Service]\nCapabilityBoundingSet=~CAP_SYS_ADMIN\n")
    assert "nothing was changed: systemd may not mount on this host, so acceptors would have" in said_by_a_play()
    assert there_is_nothing()


CHECK = ("sh", "-c", 'exec "$@" --check', "sh")


def has_forgotten_trials():
    return run("systemctl", "list-units", "--all", "--no-legend", "trigger*") == ""


def test_check_mode_leaves_nothing_of_its_trials(for_all_services):
    """Whether systemd may mount and load secrets, only systemd can tell; so a unit is started for a moment."""
    for_all_services("zzz-lxc-service.conf", OF_CONTAINER)
    told({"trigger_endpoints": [{**GUARDED, "frontend": False}, HELLO], **FRONT})
    begun = Path("/run/begun")
    begun.touch()
    said = said_by_a_play(*CHECK)
    assert "failed=0" in said
    assert "changed=2" in said  # the package, and all else
    assert there_is_nothing()
    places = ("/etc", "/usr/local", "/var/spool", "/run/systemd/system")
    assert run("find", *places, "-newer", begun, "!", "-type", "d") == ""
    wait_until(has_forgotten_trials)
    for_all_services("tight.conf", "[Service]\nCapabilityBoundingSet=~CAP_SYS_ADMIN\n")
    assert "nothing was changed: systemd may not mount on this host" in said_by_a_play(*CHECK)
    assert there_is_nothing()
    wait_until(has_forgotten_trials)


def test_check_mode_promises_no_package_to_a_host_that_the_role_leaves():
    told({"trigger_endpoints": [], **FRONT, "trigger_state": "absent"})
    assert "changed=0" in said_by_a_play(*CHECK)


@pytest.mark.parametrize("service", ["trigger@hello.service", "trigger-metrics.service"])
def test_the_doctor_on_what_would_make_a_socket_spin(service):
    told({"trigger_endpoints": [HELLO], "trigger_metrics_dir": "/run"})
    assert "failed=0" in said_by_a_play()
    run("triggerctl", "doctor")
    drop_in = Path(f"/etc/systemd/system/{service}.d/override.conf")
    drop_in.parent.mkdir()
    try:
        for content in ("[Unit]\nConditionPathExists=/nowhere\n", "[Service]\nExecCondition=/bin/false\n"):
            drop_in.write_text(content)
            run("systemctl", "daemon-reload")
            done = subprocess.run(["triggerctl", "doctor", "hello"], capture_output=True, text=True, check=False)
            key = content.splitlines()[1].partition("=")[0]
            assert f"{drop_in} has {key}=" in done.stdout
            assert done.returncode == 1
    finally:
        shutil.rmtree(drop_in.parent)


OF_ITS_MAKERS = """\
user  nginx;
worker_processes  auto;
error_log  /var/log/nginx/error.log notice;
pid        /run/nginx.pid;
events {
    worker_connections  1024;
}
http {
    include       /etc/nginx/mime.types;
    default_type  application/octet-stream;
    access_log  /var/log/nginx/access.log;
    include /etc/nginx/conf.d/*.conf;
}
"""
SITE_OF_THE_HOST = "server { listen 127.0.0.1:8081; return 204; }\n"
CLOSING = b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"


@pytest.fixture
def main_file():
    """nginx as its makers' own package sets it up, which knows no sites-enabled and brings a user. Returns where it is
    configured."""
    etc = Path("/etc/nginx")
    run("apt-get", "install", "--yes", "--no-install-recommends", "nginx")
    shutil.rmtree(etc / "sites-enabled")
    shutil.rmtree(etc / "sites-available")
    (etc / "nginx.conf").write_text(OF_ITS_MAKERS)
    (etc / "conf.d/default.conf").write_text(SITE_OF_THE_HOST)
    run("useradd", "--system", "nginx")
    run("systemctl", "restart", "nginx.service")
    yield etc / "nginx.conf"
    run("apt-get", "purge", "--yes", "--autoremove", "nginx", "nginx-common")
    shutil.rmtree(etc, ignore_errors=True)
    run("userdel", "nginx")


ELSEWHERE = """\
[Service]
Type=forking
PIDFile=/run/nginx.pid
ExecStart=/usr/local/sbin/nginx
"""


def test_an_nginx_at_another_place(main_file):
    """To install one beside it would be no help."""
    program, unit = Path("/usr/local/sbin/nginx"), Path("/etc/systemd/system/nginx.service")
    told({"trigger_endpoints": [HELLO], **FRONT})
    run("systemctl", "stop", "nginx.service")
    NGINX.rename(program)
    unit.write_text(ELSEWHERE)
    run("systemctl", "daemon-reload")
    run("systemctl", "start", "nginx.service")
    try:
        for prefix in ((), CHECK):
            assert "nginx.service of this host is not /usr/sbin/nginx, which" in said_by_a_play(*prefix)
            assert there_is_nothing()
        assert status(exchange(8081, CLOSING)) == 204
    finally:
        run("systemctl", "stop", "nginx.service")
        unit.unlink()
        program.rename(NGINX)
        run("systemctl", "daemon-reload")


def test_an_nginx_that_is_not_debian_s(main_file):
    """What it lacks is told, and with that it serves."""
    told({"trigger_endpoints": [HELLO], **FRONT})
    assert "nginx.conf does not include sites-enabled/* within http; let it do so" in said_by_a_play()
    configured = OF_ITS_MAKERS.replace("conf.d/*.conf;", "conf.d/*.conf;\n    include /etc/nginx/sites-enabled/*;")
    main_file.write_text(configured)
    said = said_by_a_play()
    assert "nginx' workers are user nginx, who is not in group www-data" in said
    assert not list(Path("/etc").glob("trigger*")) + list(Path("/etc/nginx").glob("trigger*"))
    assert "`adduser nginx www-data`" in said
    run("adduser", "nginx", "www-data")

    assert "failed=0" in said_by_a_play()
    assert "changed=0" in said_by_a_play()
    password = base64.b64encode(b"bob:correct horse battery").decode()
    answer = exchange(8080, post(b"", "/hello/", [f"Authorization: Basic {password}", "Connection: close"]))
    assert wait_for_record("hello", field(answer, "X-Request-Id"))["remote_user"] == "bob"
    told({"trigger_endpoints": [], "trigger_state": "absent"})
    assert "failed=0" in said_by_a_play()
    assert status(exchange(8081, CLOSING)) == 204
    assert main_file.read_text() == configured


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
