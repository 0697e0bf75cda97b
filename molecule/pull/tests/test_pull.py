"""Plays that are run by an endpoint's own job. Each ends as if it had come by SSH, and its run succeeds. They stand in
the order in which a host goes through them."""

import hashlib
import hmac
import json
import os
import pwd
from pathlib import Path

import pytest
from host import (
    connect,
    exchange,
    field,
    is_active,
    post,
    property_of,
    read_all,
    record_of,
    records,
    request_id,
    run,
    spooled,
    status,
    wait_for_record,
    wait_until,
)

HOLD = Path("/run/hold")
TOLD = Path("/root/told")
RESULT = Path("/root/result.json")
PLAYS = Path("/root/plays")

PLAY = """
- hosts: localhost
  gather_facts: false
  tasks:
    - include_role: {name: trigger}
    - copy: {content: "{{ trigger_result | to_json }}", dest: "/root/result.json", mode: "0600"}
"""
# What a run has printed when all of its plays are over.
JOB = """#!/bin/sh
for variables in $(cat /root/plays/next); do
    HOME=/root ANSIBLE_ROLES_PATH=/srv/present/roles \
        ansible-playbook -i localhost, -c local /root/plays/play.yml -e "@/root/plays/$variables" || exit
done
while [ -e /run/hold ]; do sleep 0.1; done
"""
ENDED = """
[Service]
EnvironmentFile=/run/trigger/ended/%i
ExecStart=/bin/sh -c 'echo $TRIGGER_ENDPOINT $TRIGGER_RUN_STATE >/root/told/%i'
"""

TIGHT = {
    "name": "pull",
    "listen": ["127.0.0.1:3000"],
    "user": "root",
    "when_busy": "queue",
    "wait": "1min",
    "on_success": ["told@.service"],
    "on_failure": ["told@.service"],
    "job": {"content": JOB},
}
PULL = {**TIGHT, "service": {"ProtectSystem": False, "RestrictSUIDSGID": False}}
FETCH = {**PULL, "name": "fetch"}
OTHER = {"name": "other", "listen": ["127.0.0.1:3001"], "linger": "5min", "job": {"command": ["true"]}}


@pytest.fixture(scope="module", autouse=True)
def plays():
    PLAYS.mkdir(exist_ok=True)
    TOLD.mkdir(exist_ok=True)
    (PLAYS / "play.yml").write_text(PLAY)
    Path("/etc/systemd/system/told@.service").write_text(ENDED)
    run("systemctl", "daemon-reload")


def play(name, *endpoints, **variables):
    """Write down what the role is to be told."""
    (PLAYS / name).write_text(json.dumps({"trigger_endpoints": endpoints, **variables}))


def result():
    """What the role has said last."""
    return json.loads(RESULT.read_text())


def from_outside(name, role="present"):
    """The play, as it is when it comes by SSH."""
    environment = {**os.environ, "ANSIBLE_ROLES_PATH": f"/srv/{role}/roles"}
    arguments = ["ansible-playbook", "-i", "localhost,", "-c", "local", PLAYS / "play.yml", "-e", f"@{PLAYS / name}"]
    run(*arguments, env=environment)
    return result()


def begin(*names, port=3000):
    """Have a run begin that runs these plays one after the other. Returns its client."""
    (PLAYS / "next").write_text(" ".join(names))
    RESULT.unlink(missing_ok=True)
    client = connect(port)
    client.settimeout(120)  # who waits for as long as the endpoint does
    client.sendall(post(b"", fields=["Prefer: wait=60"]))
    return client


def from_inside(name, *names, endpoint="pull", port=3000):
    """The plays, in one run, to its end. Returns what the role has said in the last."""
    with begin(name, *names, port=port) as client:
        assert told(client) == f"{endpoint} succeeded\n"
    return result()


def told(client):
    """What the unit of `on_success` or `on_failure` was told, when the run that a client waits for is over."""
    file = TOLD / field(read_all(client), "X-Request-Id")
    return wait_until(lambda: file.exists() and file.read_text(), 60)


def is_gone(name):
    """Whether nothing is left of an endpoint."""
    left = [
        # Not by `**`, which looks into directories that go meanwhile.
        *Path("/etc/systemd/system").glob(f"trigger*@{name}.*"),
        *Path("/etc/systemd/system").glob(f"*.wants/trigger*@{name}.*"),
        *(path for path in (Path(top) / name for top in ("/var/lib/trigger", "/var/spool/trigger")) if path.exists()),
        *Path("/etc").glob(f"trigger/{name}.json"),
        *Path("/run/trigger").glob(f"{name}.*"),
    ]
    users = [user.pw_name for user in pwd.getpwall()]
    units = run("systemctl", "list-units", "--all", "--no-legend", f"trigger*@{name}.*")
    return not left and f"trigger-{name}" not in users and not units.strip()


def test_a_second_run_changes_nothing_and_stops_nobody():
    """Under the sandbox that a job has by default, the host looks different."""
    play("tight", TIGHT, OTHER)
    from_outside("tight")
    request_id(exchange(3001))
    acceptors = [property_of(f"trigger@{name}.service", "MainPID") for name in ("pull", "other")]
    found = from_inside("tight")
    assert not found["changed"], found["msg"]
    assert property_of("trigger@other.service", "MainPID") == acceptors[1] != "0"


def test_an_upgrade():
    play("everything", trigger_state="absent")
    play("base", PULL, OTHER)
    from_outside("everything")
    from_outside("base", "earlier")
    HOLD.touch()
    with begin("base") as client:
        wait_until(lambda: len(spooled("pull")) == 1)
        waits = run("triggerctl", "fire", "pull").split()[-1]
        wait_until(RESULT.exists, 60)
        (PLAYS / "next").write_text("")
        HOLD.unlink()
        read_all(client)
    wait_for_record("pull", waits, 60)
    assert [record["state"] for record in records("pull")] == ["succeeded"] * 2
    assert not Path("/etc/systemd/system/trigger-run@.path").exists()
    found = from_inside("base")
    assert not found["changed"], found["msg"]


def test_another_address():
    play("listen", {**PULL, "listen": ["127.0.0.1:3002"]}, OTHER)
    from_inside("listen")
    (PLAYS / "next").write_text("")
    assert record_of("pull", request_id(exchange(3002)))  # its client has waited
    with pytest.raises(ConnectionRefusedError):
        connect(3000)


def test_another_name():
    """The second play of the run finds nothing to do."""
    play("rename", {"name": "pull", "state": "absent"}, FETCH, OTHER)
    found = from_inside("rename", "rename", port=3002)
    assert not found["changed"], found["msg"]
    wait_until(lambda: is_gone("pull"))
    (PLAYS / "next").write_text("")
    assert record_of("fetch", request_id(exchange(3000)))


def test_a_later_play_has_other_plans():
    """What has been put off is called off, and the run goes on."""
    play("purge", OTHER, trigger_purge=True)
    play("again", FETCH, OTHER)
    HOLD.touch()
    with begin("purge") as client:
        wait_until(lambda: is_active("trigger-later.service"), 60)
        assert property_of("trigger@fetch.socket", "ActiveState") == "inactive"
        from_outside("again")
        assert not is_active("trigger-later.service")
        HOLD.unlink()
        assert told(client) == "fetch succeeded\n"
    (PLAYS / "next").write_text("")
    request_id(exchange(3000))


def test_a_purge():
    """What waits for another run is dropped."""
    HOLD.touch()
    with begin("purge", port=3000) as client:
        wait_until(lambda: len(spooled("fetch")) == 1)
        run("triggerctl", "fire", "fetch")
        wait_until(lambda: is_active("trigger-later.service"), 60)
        assert len(spooled("fetch")) == 1
        HOLD.unlink()
        assert told(client) == "fetch succeeded\n"
    wait_until(lambda: is_gone("fetch"))
    assert result()["endpoints"]["fetch"] == [
        "stopped listening",
        "1 pending requests were dropped",
        "it is removed when its run has ended",
    ]
    assert status(exchange(3001)) == 200


def test_everything():
    from_outside("base")
    from_inside("everything")
    wait_until(lambda: not Path("/usr/local/lib/trigger").exists() and not is_active("trigger-later.service"))
    for name in ("pull", "other"):
        assert is_gone(name)
    left = [path for top in ("/etc", "/var/lib", "/var/spool", "/run") for path in Path(top).glob("trigger*")]
    assert left == []


def test_ansible_pull_by_a_signed_push():
    site = Path("/srv/site")
    site.mkdir()
    run("cp", "-r", "/srv/present/roles", "/srv/playbooks/pull.yml", site)
    identity = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.org"]
    run("git", "-c", "init.defaultBranch=main", "init", "--quiet", site)
    run("git", "-C", site, "add", ".")
    run("git", "-C", site, *identity, "commit", "--quiet", "--message=Begin")
    run("ansible-pull", "--url", site, "--checkout", "main", "pull.yml")
    with (site / "pull.yml").open("a") as file:
        file.write("    - copy: {content: pushed, dest: /root/pushed, mode: '0600'}\n")
    run("git", "-C", site, *identity, "commit", "--quiet", "--all", "--message=More")
    body = json.dumps({"ref": "refs/heads/main"}).encode()
    secret = Path("/etc/trigger-pull.secret").read_text().split()[0]
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    fields = ["Content-Type: application/json", "X-GitHub-Event: push", f"X-Hub-Signature-256: sha256={signature}"]
    answer = exchange(3020, post(body, fields=fields))
    assert status(answer) == 202
    identifier = field(answer, "X-Request-Id")
    record = wait_for_record("pull", identifier, 90)
    printed = run("triggerctl", "logs", "pull", identifier)
    assert record["state"] == "succeeded", printed
    assert Path("/root/pushed").read_text() == "pushed"
    assert "changed=1" in printed  # the role has found nothing to do
